"""Local times as people write them: without a zone, across changes of the clocks, and in two
places' working hours.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

OPENS, CLOSES = dt.time(9), dt.time(17)
_EARLY, _LATE = dt.time(7), dt.time(21)
_QUARTER = dt.timedelta(minutes=15)
_DAY = dt.timedelta(days=1)


class SkippedTime(ValueError):
    """The clocks jump over this local time: ``before`` is when they jump, ``after`` where they
    land.
    """

    def __init__(self, before: dt.datetime, after: dt.datetime) -> None:
        super().__init__(f"{before} is followed by {after}")
        self.before, self.after = before, after


class RepeatedTime(ValueError):
    """This local time comes twice. ``before`` and ``after`` are times nearby that come once;
    ``first`` and ``second`` its two instants.
    """

    def __init__(
        self, before: dt.datetime, after: dt.datetime, first: dt.datetime, second: dt.datetime
    ) -> None:
        super().__init__(f"{first} or {second}")
        self.before, self.after, self.first, self.second = before, after, first, second


def zone_of(name: str) -> ZoneInfo:
    """The IANA zone; UTC for a community of which no zone is known."""
    return ZoneInfo(name or "UTC")


def instant(local: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """The moment (UTC) of a naive local time. Raises SkippedTime or RepeatedTime where it has none,
    or two.
    """
    early, late = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    moment = early.astimezone(dt.UTC)
    if early.utcoffset() == late.utcoffset():
        return moment
    if moment.astimezone(zone).replace(tzinfo=None) != local:
        raise SkippedTime(*_jump(local, zone))
    raise RepeatedTime(_single(local, zone, -_QUARTER), _single(local, zone, _QUARTER), early, late)


def _jump(local: dt.datetime, zone: ZoneInfo) -> tuple[dt.datetime, dt.datetime]:
    """When the clocks that skip ``local`` jump, and where they land."""
    low, high = (local.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (1, 0))
    before, after = (
        moment.astimezone(zone).utcoffset() or dt.timedelta() for moment in (low, high)
    )
    while high - low > dt.timedelta(minutes=1):
        middle = low + ((high - low) / 2 // dt.timedelta(minutes=1)) * dt.timedelta(minutes=1)
        low, high = (
            (low, middle) if middle.astimezone(zone).utcoffset() == after else (middle, high)
        )
    return (high + before).replace(tzinfo=None), (high + after).replace(tzinfo=None)


def _single(local: dt.datetime, zone: ZoneInfo, step: dt.timedelta) -> dt.datetime:
    """The next time in the direction of ``step`` that comes once."""
    while (
        local.replace(tzinfo=zone, fold=0).utcoffset()
        != local.replace(tzinfo=zone, fold=1).utcoffset()
    ):
        local += step
    return local


@dataclass(frozen=True, slots=True)
class Overlap:
    """A stretch (UTC) that lies in the same hours of the day in two places."""

    starts_at: dt.datetime
    ends_at: dt.datetime


def overlaps(
    first: ZoneInfo,
    second: ZoneInfo,
    day: dt.date,
    opens: dt.time = OPENS,
    closes: dt.time = CLOSES,
) -> list[Overlap]:
    """When both are between ``opens`` and ``closes`` on their own weekdays, during the first's
    ``day``.
    """
    if day.weekday() >= 5:
        return []
    mine = _hours(first, day, opens, closes)
    others = [
        _hours(second, day + shift * _DAY, opens, closes)
        for shift in (-1, 0, 1)
        if (day + shift * _DAY).weekday() < 5
    ]
    met = [
        Overlap(max(mine.starts_at, other.starts_at), min(mine.ends_at, other.ends_at))
        for other in others
    ]
    return [overlap for overlap in met if overlap.starts_at < overlap.ends_at]


def _hours(zone: ZoneInfo, day: dt.date, opens: dt.time, closes: dt.time) -> Overlap:
    return Overlap(
        *(
            dt.datetime.combine(day, time, tzinfo=zone).astimezone(dt.UTC)
            for time in (opens, closes)
        )
    )


@dataclass(frozen=True, slots=True)
class GoodTime:
    """A start (UTC) that suits both; ``is_edge``: only at the edges of their days, between 7:00 and
    21:00.
    """

    starts_at: dt.datetime
    is_edge: bool


def good_times(
    first: ZoneInfo, second: ZoneInfo, start: dt.date, minutes: int, most: int = 3, days: int = 14
) -> list[GoodTime]:
    """Starts within the overlap of both working hours, on different days from ``start`` on; where
    there is none, at the days' edges.
    """
    for opens, closes in ((OPENS, CLOSES), (_EARLY, _LATE)):
        found = list(
            _starts(first, second, start, dt.timedelta(minutes=minutes), days, opens, closes)
        )
        if found:
            return [GoodTime(moment, opens != OPENS) for moment in found[:most]]
    return []


def _starts(
    first: ZoneInfo,
    second: ZoneInfo,
    start: dt.date,
    length: dt.timedelta,
    days: int,
    opens: dt.time,
    closes: dt.time,
) -> Iterator[dt.datetime]:
    for shift in range(days):
        for overlap in overlaps(first, second, start + shift * _DAY, opens, closes):
            if overlap.ends_at - overlap.starts_at >= length:
                yield overlap.starts_at
                break
