"""When two places are both at work, by the clocks of both, summer time included."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

OPENS, CLOSES = dt.time(9), dt.time(17)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time by two clocks: aware datetimes, the same instants in both zones."""

    first_from: dt.datetime
    first_to: dt.datetime
    second_from: dt.datetime
    second_to: dt.datetime

    @property
    def hours(self) -> float:
        return (self.first_to - self.first_from).total_seconds() / 3600


@dataclass(frozen=True, slots=True)
class Season:
    """How two clocks lie to each other from ``day`` on.

    ``hours_ahead``: by how much the second clock is ahead of the first; negative where it is
    behind. ``work_day``: the first one's working day by both clocks. ``shared``: when both are at
    work.
    """

    day: dt.date
    hours_ahead: float
    work_day: Stretch
    shared: list[Stretch]

    @property
    def shared_hours(self) -> float:
        return sum(stretch.hours for stretch in self.shared)


def zone(name: str) -> ZoneInfo | None:
    """The time zone of that IANA name; None where there is no such zone."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _at_work(day: dt.date, zone: ZoneInfo) -> tuple[dt.datetime, dt.datetime]:
    return dt.datetime.combine(day, OPENS, zone).astimezone(dt.UTC), dt.datetime.combine(
        day, CLOSES, zone
    ).astimezone(dt.UTC)


def shared_stretches(day: dt.date, first: ZoneInfo, second: ZoneInfo) -> list[Stretch]:
    """When both are at work (9 to 17 by their own clocks) on the first one's ``day``: none, one or
    two stretches.

    Their day may have begun a date earlier or end a date later, so three of the second one's days
    are looked at.
    """
    begins, ends = _at_work(day, first)
    found = []
    for shift in (-1, 0, 1):
        there_from, there_to = _at_work(day + dt.timedelta(days=shift), second)
        start, stop = max(begins, there_from), min(ends, there_to)
        if start < stop:
            found.append(_by_both(start, stop, first, second))
    return found


def _by_both(start: dt.datetime, stop: dt.datetime, first: ZoneInfo, second: ZoneInfo) -> Stretch:
    return Stretch(
        start.astimezone(first),
        stop.astimezone(first),
        start.astimezone(second),
        stop.astimezone(second),
    )


def season_on(day: dt.date, first: ZoneInfo, second: ZoneInfo) -> Season:
    """How the two clocks lie to each other at noon of the first one's ``day``."""
    ahead = _ahead(day, first, second).total_seconds() / 3600
    return Season(
        day,
        ahead,
        _by_both(*_at_work(day, first), first, second),
        shared_stretches(day, first, second),
    )


def seasons(today: dt.date, first: ZoneInfo, second: ZoneInfo) -> list[Season]:
    """Now, and every other difference of the two clocks within the coming year, each with the first
    day on which it holds.
    """
    found, seen = [season_on(today, first, second)], {_ahead(today, first, second)}
    for offset in range(1, 366):
        day = today + dt.timedelta(days=offset)
        ahead = _ahead(day, first, second)
        if ahead not in seen:
            seen.add(ahead)
            found.append(season_on(day, first, second))
    return found


def _ahead(day: dt.date, first: ZoneInfo, second: ZoneInfo) -> dt.timedelta:
    noon = dt.datetime.combine(day, dt.time(12), first)
    return (noon.astimezone(second).utcoffset() or dt.timedelta()) - (
        noon.utcoffset() or dt.timedelta()
    )
