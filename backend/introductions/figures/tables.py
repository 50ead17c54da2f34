"""The four tables of the overview by name: the same columns in page, CSV and API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser

from backend.accounts.models import User
from backend.common.errors import NotVisible
from backend.introductions.figures.exposure import exposure_by_size
from backend.introductions.figures.funnel import STEPS, funnel
from backend.introductions.figures.responses import response_times
from backend.introductions.figures.scope import By, Scope
from backend.introductions.figures.stuck import stuck

Row = Sequence[str | int | float]
_Read = Callable[[User | AnonymousUser, Scope, By], Sequence[Row]]


@dataclass(frozen=True, slots=True)
class Table:
    """One table of figures. ``columns`` are stable codes; the first names the row."""

    title: str
    columns: tuple[str, ...]
    read: _Read


def _funnel(user: User | AnonymousUser, scope: Scope, by: By) -> list[Row]:
    return [(row.label, *row.counts) for row in funnel(user, scope, by=by)]


def _responses(user: User | AnonymousUser, scope: Scope, by: By) -> list[Row]:
    rows = response_times(user, scope, by=by)
    return [
        (row.label, row.answers, round(row.median_days, 1), round(row.p90_days, 1)) for row in rows
    ]


def _exposure(user: User | AnonymousUser, scope: Scope, by: By) -> list[Row]:
    rows = exposure_by_size(user, scope)
    return [
        (f"{row.side}, {row.size}", row.communities, row.shown, round(row.each, 2), row.without)
        for row in rows
    ]


def _stuck(user: User | AnonymousUser, scope: Scope, by: By) -> list[Row]:
    return [
        (row.pair, row.kind, row.id, row.where, row.owner, row.idle_days, row.overdue_days)
        for row in stuck(user, scope)
    ]


TABLES: Mapping[str, Table] = {
    "funnel": Table("From suggestion to agreement", ("label", *STEPS), _funnel),
    "responses": Table(
        "Response times", ("label", "answers", "median_days", "p90_days"), _responses
    ),
    "exposure": Table(
        "Exposure by size of community",
        ("label", "communities", "shown", "each", "without"),
        _exposure,
    ),
    "stuck": Table(
        "What does not move",
        ("pair", "kind", "id", "where", "owner", "idle_days", "overdue_days"),
        _stuck,
    ),
}


def figures_table(
    user: User | AnonymousUser, name: str, scope: Scope, by: By = "month"
) -> tuple[Table, Sequence[Row]]:
    """One table with its rows. Raises NotVisible: no such table, or not staff."""
    table = TABLES.get(name)
    if table is None:
        raise NotVisible
    return table, table.read(user, scope, by)
