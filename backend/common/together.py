"""Steps of migrations taken together.

After each step Django renders the models anew that are related to the changed one, and through its
users nearly every model is: on an empty database that costs more than all the SQL. Steps that do
not build upon each other need it once.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import (
    AddConstraint,
    AddField,
    AddIndex,
    CreateModel,
    RemoveConstraint,
    RemoveIndex,
)
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

_ADDING = (AddConstraint, AddField, AddIndex)
_REMOVING = (RemoveConstraint, RemoveIndex)


def together(operations: Sequence[Operation]) -> list[Operation]:
    """The same operations in the same order, neighbours that do not build upon each other as one
    step.

    What alters or removes a field, runs SQL or Python, or goes on with a model or constraint made
    in the step before, begins a new one. For PostgreSQL: a database that copies a table in order to
    change it needs the state of each moment.
    """
    steps: list[list[Operation]] = []
    for operation in operations:
        if steps and _may_join(operation, steps[-1]):
            steps[-1].append(operation)
        else:
            steps.append([operation])
    return [step[0] if len(step) == 1 else Together(step) for step in steps]


def _may_join(operation: Operation, step: list[Operation]) -> bool:
    if not all(
        isinstance(each, (CreateModel, *_ADDING, *_REMOVING)) for each in (operation, *step)
    ):
        return False
    if isinstance(operation, CreateModel):
        return True
    model = operation.model_name_lower  # type: ignore[attr-defined]
    if any(isinstance(each, CreateModel) and each.name_lower == model for each in step):
        return False
    return not isinstance(operation, _REMOVING) or not any(
        isinstance(each, _ADDING) for each in step
    )


class Together(Operation):
    """Several operations, forwards between one state before them all and one after them all. Only
    ``together`` knows which may be.
    """

    serialization_expand_args = ["operations"]

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = operations

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        rendered = state.__dict__.pop(
            "apps", None
        )  # without them nothing is rendered at each operation
        for operation in self.operations:
            operation.state_forwards(app_label, state)
        if rendered is not None:
            state.apps = rendered
            state.reload_models(
                sorted({(app_label, _model(operation)) for operation in self.operations}),
                delay=False,
            )

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        for operation in self.operations:
            operation.database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        # What is taken back may speak of a field that goes with it: here each needs the state of
        # its own moment.
        states = [to_state]
        for operation in self.operations:
            states.append(states[-1].clone())
            operation.state_forwards(app_label, states[-1])
        for operation, before, after in reversed(
            list(zip(self.operations, states, states[1:], strict=False))
        ):
            operation.database_backwards(app_label, schema_editor, after, before)

    def describe(self) -> str:
        return "; ".join(operation.describe() for operation in self.operations)


def _model(operation: Operation) -> str:
    name = (
        operation.name_lower if isinstance(operation, CreateModel) else operation.model_name_lower  # type: ignore[attr-defined]
    )
    return str(name)
