"""Bounds that forms, serializers and services read where the model states them."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import BigIntegerField, Model

LARGEST_ID = BigIntegerField.MAX_BIGINT
LARGEST_NUMBER = 2**31 - 1  # of a column of four bytes


def valid_ids(values: Iterable[object]) -> set[int]:
    """Filters untrusted values down to valid primary keys; the database refuses any other."""
    return {value for value in values if type(value) is int and 0 < value <= LARGEST_ID}


def longest(model: type[Model], field: str) -> int:
    """How many characters the model's field takes. Raises TypeError: it states no such bound."""
    bound = getattr(model._meta.get_field(field), "max_length", None)
    if not isinstance(bound, int):
        raise TypeError(f"{model.__name__}.{field} has no greatest length.")
    return bound
