"""Codes and numbers by the names that people type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q

from backend.cities.models import Community, Country
from backend.cities.names import fold

_LONGEST_NUMBER = 18  # digits that the database's own numbers always hold


class Names:
    """Codes by what people type: the name in any spelling, or the code itself."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self.labels = labels
        self._codes = {fold(name): code for code, name in labels.items()} | {fold(code): code for code in labels}

    def code(self, typed: str) -> str:
        """The code; what was typed where there is none."""
        return self._codes.get(fold(typed), typed)

    def name(self, code: Any) -> str:
        return self.labels.get(code, str(code))


def country_names() -> Names:
    return Names(dict(Country.objects.values_list("code", "name")))


def community_number(typed: str) -> Any:
    """The number of the community that is meant: "Graz", "#12" or "Graz #12". What was typed where no public one, or several, fit."""
    name, mark, number = typed.rpartition("#")
    if number.strip().isdecimal() and (mark or not name):
        return int(number) if len(number.strip()) <= _LONGEST_NUMBER else typed
    named = Q(name__iexact=typed) | Q(local_name__iexact=typed)
    found = list(Community.objects.public().filter(named).values_list("pk", flat=True)[:2])
    return found[0] if len(found) == 1 else typed


def community_shown(value: Any, names: Mapping[int, str]) -> Any:
    """A tie's community as ``community_number`` reads it again; the value itself where ``names`` (number → name) has none."""
    return f"{names[value]} #{value}" if isinstance(value, int) and value in names else value
