"""Numbers that people send in place of a row."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import BigAutoField


def valid_ids(values: Iterable[object]) -> set[int]:
    """Those of the values that may number a row; the database refuses to look for any other."""
    return {
        value for value in values if type(value) is int and 0 < value <= BigAutoField.MAX_BIGINT
    }
