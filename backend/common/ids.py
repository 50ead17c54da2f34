"""Untrusted values that may be primary keys."""

from __future__ import annotations

from collections.abc import Iterable

from backend.common.bounds import LARGEST_ID


def valid_ids(values: Iterable[object]) -> set[int]:
    """Filters untrusted values down to valid primary keys; the database refuses any other."""
    return {value for value in values if type(value) is int and 0 < value <= LARGEST_ID}
