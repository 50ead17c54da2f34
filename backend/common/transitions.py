"""State changes that cannot race: one conditional UPDATE, checked against a total table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.utils.translation import gettext as _

from backend.common.errors import WrongState

Transitions = Mapping[str, frozenset[str]]


def check_transition(table: Transitions, old: str, new: str) -> None:
    """Raises WrongState unless ``table`` allows ``old → new``."""
    if new not in table[old]:
        raise WrongState(
            _(
                "This is no longer possible: it was done before, or something has changed. Load "
                "the page again to see how things stand."
            )
        )


def change_state(
    instance: models.Model, field: str, new: str, table: Transitions, **values: Any
) -> str:
    """Moves ``instance.<field>`` to ``new`` if the row still is in the state that the instance was
    read in; returns the old state.

    Check-then-save lets two racing requests both win; a conditional UPDATE lets exactly one.

    Raises:
        WrongState: the table does not allow it, or another transaction moved the row first.
    """
    old: str = getattr(instance, field)
    check_transition(table, old, new)
    updated = (
        type(instance)
        ._base_manager.filter(pk=instance.pk, **{field: old})
        .update(**{field: new}, **values)
    )
    if updated != 1:
        raise WrongState(
            _("Somebody else changed this in the meantime. Load the page again to see how it is.")
        )
    setattr(instance, field, new)
    for name, value in values.items():
        setattr(instance, name, value)
    return old
