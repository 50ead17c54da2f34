"""Which steps of migrations may be taken together."""

from __future__ import annotations

import pytest
from django.db import connection, models
from django.db.migrations import AddConstraint, AddField, CreateModel, RemoveConstraint, RunSQL
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from backend.common.together import Together, together


def table(name: str) -> CreateModel:
    return CreateModel(
        name, [("id", models.BigAutoField(primary_key=True)), ("size", models.IntegerField())]
    )


def field(model: str, name: str = "town") -> AddField:
    return AddField(model, name, models.ForeignKey("cities.town", on_delete=models.CASCADE))


def check(model: str) -> AddConstraint:
    return AddConstraint(
        model, models.CheckConstraint(condition=models.Q(size__gt=0), name=f"{model}_size")
    )


def lengths(*operations: Operation) -> list[int]:
    return [
        len(step.operations) if isinstance(step, Together) else 1 for step in together(operations)
    ]


def test_steps_that_do_not_build_upon_each_other_are_one() -> None:
    assert lengths(
        table("Town"), table("River"), field("bridge"), check("bridge"), check("port")
    ) == [5]
    assert lengths(RemoveConstraint("port", "port_size"), check("port"), table("Town")) == [3]


def test_what_goes_on_with_the_step_before_begins_a_new_one() -> None:
    assert lengths(
        table("Town"), table("River"), field("river"), table("Bridge"), check("river")
    ) == [2, 3]
    assert lengths(table("River"), check("river")) == [1, 1]
    assert lengths(check("port"), RemoveConstraint("port", "port_size"), check("port")) == [1, 2]


def test_sql_stands_alone() -> None:
    assert lengths(table("Town"), RunSQL("SELECT 1"), table("River"), table("Bridge")) == [1, 1, 2]


def test_the_state_is_that_of_one_step_after_the_other_and_rendered_with_its_relations() -> None:
    first, second = ProjectState(), ProjectState()
    table("Bridge").state_forwards("cities", first)
    table("Bridge").state_forwards("cities", second)
    second.apps  # noqa: B018 - renders
    operations = [table("Town"), field("bridge"), field("bridge", "other_town")]

    for operation in operations:
        operation.state_forwards("cities", first)
    for step in together(operations):
        step.state_forwards("cities", second)

    assert second == first
    bridge, town = (
        second.apps.get_model("cities", "Bridge"),
        second.apps.get_model("cities", "Town"),
    )
    assert bridge._meta.get_field("other_town").related_model is town
    assert bridge._meta.get_field("town").related_model is town


@pytest.mark.django_db
def test_a_step_is_taken_back_with_what_speaks_of_its_own_fields() -> None:
    before = ProjectState()
    made = table("Bridge")
    made.state_forwards("cities", before)
    empty = ProjectState()
    named = AddConstraint(
        "bridge",
        models.UniqueConstraint(
            fields=["size"], condition=models.Q(closed=None), name="bridge_size_once"
        ),
    )
    (step,) = together([AddField("bridge", "closed", models.DateField(null=True)), named])
    after = before.clone()
    step.state_forwards("cities", after)

    with connection.schema_editor(atomic=False) as editor:
        made.database_forwards("cities", editor, empty, before)
        step.database_forwards("cities", editor, before, after)
        assert "bridge_size_once" in marks() and "closed" in columns()
        step.database_backwards("cities", editor, after, before)
        assert "bridge_size_once" not in marks() and columns() == {"id", "size"}


def columns() -> set[str]:
    with connection.cursor() as cursor:
        return {
            column.name
            for column in connection.introspection.get_table_description(cursor, "cities_bridge")
        }


def marks() -> set[str]:
    with connection.cursor() as cursor:
        return set(connection.introspection.get_constraints(cursor, "cities_bridge"))
