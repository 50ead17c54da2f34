"""Local times as people write them: without a zone, across changes of the clocks, and in the
working hours of two places.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from dateutil.tz import datetime_exists

from backend.common.dates import database_now

OPENS, CLOSES = dt.time(9), dt.time(17)
_EARLY, _LATE = dt.time(7), dt.time(21)
_QUARTER = dt.timedelta(minutes=15)
_DAY = dt.timedelta(days=1)


class SkippedTime(ValueError):
    """The clocks skip this local time: they go from ``before`` to ``after``."""

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


def known_zone(name: str) -> ZoneInfo | None:
    """The time zone of that IANA name; None where there is no such zone."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def latest_day(*zones: str) -> dt.date:
    """Today by the database's clock: in several time zones (IANA names, or empty for UTC) the day
    of the most eastern. What is dated so has happened for one of those who are there.
    """
    now = database_now()
    return max(now.astimezone(zone_of(zone)).date() for zone in zones)


def instant(local: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """The moment (UTC) of a naive local time. Raises SkippedTime or RepeatedTime where it has none,
    or two.
    """
    if not datetime_exists(local, zone):
        raise SkippedTime(*_jump(local, zone))
    early, late = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if early.utcoffset() == late.utcoffset():
        return early.astimezone(dt.UTC)
    raise RepeatedTime(_single(local, zone, -_QUARTER), _single(local, zone, _QUARTER), early, late)


def _jump(local: dt.datetime, zone: ZoneInfo) -> tuple[dt.datetime, dt.datetime]:
    """When the clocks that skip ``local`` are put forward, and to which time."""
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


@cache
def weekend(country: str) -> frozenset[int]:
    """The days of the weekend (Monday is 0) in a country (ISO 3166, two letters), by CLDR; Saturday
    and Sunday where CLDR knows of none.
    """
    try:
        spoken = Locale.parse(f"und_{country}")
    except (ValueError, UnknownLocaleError):
        return frozenset({5, 6})
    length = (spoken.weekend_end - spoken.weekend_start) % 7 + 1
    return frozenset((spoken.weekend_start + shift) % 7 for shift in range(length))


@dataclass(frozen=True, slots=True)
class UtcSpan:
    """A stretch (UTC) that lies in the same hours of the day in two places."""

    starts_at: dt.datetime
    ends_at: dt.datetime


def overlaps(
    first: ZoneInfo,
    second: ZoneInfo,
    day: dt.date,
    opens: dt.time = OPENS,
    closes: dt.time = CLOSES,
    countries: tuple[str, str] = ("", ""),
) -> list[UtcSpan]:
    """When both are between ``opens`` and ``closes`` on working days of their own ``countries``,
    during the first's ``day``.
    """
    weekends = [weekend(country) for country in countries]
    if day.weekday() in weekends[0]:
        return []
    return _shared(first, second, day, opens, closes, weekends[1])


def _shared(
    first: ZoneInfo,
    second: ZoneInfo,
    day: dt.date,
    opens: dt.time = OPENS,
    closes: dt.time = CLOSES,
    days_off: Collection[int] = (),
) -> list[UtcSpan]:
    """What the first one's hours of ``day`` share with the second one's, whose day may have begun a
    date earlier or end a date later.
    """
    mine = _hours(first, day, opens, closes)
    others = [
        _hours(second, there, opens, closes)
        for there in (day - _DAY, day, day + _DAY)
        if there.weekday() not in days_off
    ]
    met = [
        UtcSpan(max(mine.starts_at, other.starts_at), min(mine.ends_at, other.ends_at))
        for other in others
    ]
    return [overlap for overlap in met if overlap.starts_at < overlap.ends_at]


def _hours(zone: ZoneInfo, day: dt.date, opens: dt.time, closes: dt.time) -> UtcSpan:
    return UtcSpan(
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
    first: ZoneInfo,
    second: ZoneInfo,
    start: dt.date,
    minutes: int,
    most: int = 3,
    days: int = 14,
    countries: tuple[str, str] = ("", ""),
) -> list[GoodTime]:
    """Starts within the overlap of both working hours, on different days from ``start`` on; where
    there is none, at the days' edges.
    """
    length = dt.timedelta(minutes=minutes)
    for opens, closes in ((OPENS, CLOSES), (_EARLY, _LATE)):
        found = []
        for shift in range(days):
            met = overlaps(first, second, start + shift * _DAY, opens, closes, countries)
            found += [o.starts_at for o in met if o.ends_at - o.starts_at >= length][:1]
        if found:
            return [GoodTime(moment, opens != OPENS) for moment in found[:most]]
    return []


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
    """The difference of two clocks from ``day`` on.

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


def shared_stretches(day: dt.date, first: ZoneInfo, second: ZoneInfo) -> list[Stretch]:
    """When both are at work (9 to 17 by their own clocks) on the first one's ``day``: none, one or
    two stretches.

    Their day may have begun a date earlier or end a date later, so three of the second one's days
    are looked at.
    """
    return [_by_both(met, first, second) for met in _shared(first, second, day)]


def _by_both(shared: UtcSpan, first: ZoneInfo, second: ZoneInfo) -> Stretch:
    ends = (shared.starts_at, shared.ends_at)
    return Stretch(*(end.astimezone(zone) for zone in (first, second) for end in ends))


def season_on(day: dt.date, first: ZoneInfo, second: ZoneInfo) -> Season:
    """The difference of the two clocks at noon of the first one's ``day``."""
    ahead = _ahead(day, first, second).total_seconds() / 3600
    return Season(
        day,
        ahead,
        _by_both(_hours(first, day, OPENS, CLOSES), first, second),
        shared_stretches(day, first, second),
    )


def seasons(today: dt.date, first: ZoneInfo, second: ZoneInfo) -> list[Season]:
    """Now, and every other difference of the two clocks within the coming year, each with the first
    day on which it holds.
    """
    found, seen = [season_on(today, first, second)], {_ahead(today, first, second)}
    for offset in range(1, 366):
        day = today + offset * _DAY
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
