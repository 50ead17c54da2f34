"""When two places are both at work, by the clocks of both, through summer time."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from backend.common.working_hours import seasons, shared_stretches, zone

DAY = dt.date(2026, 11, 23)


def stretches(first: str, second: str, day: dt.date = DAY) -> list[tuple[str, str, str, str]]:
    found = shared_stretches(day, ZoneInfo(first), ZoneInfo(second))
    return [
        tuple(
            f"{moment:%a %H:%M}"
            for moment in (s.first_from, s.first_to, s.second_from, s.second_to)
        )
        for s in found
    ]  # type: ignore[misc]


def test_both_clocks_are_named_across_the_date_line() -> None:
    assert stretches("America/New_York", "Europe/Berlin") == [
        ("Mon 09:00", "Mon 11:00", "Mon 15:00", "Mon 17:00")
    ]
    assert stretches("Pacific/Honolulu", "Asia/Tokyo") == [
        ("Mon 14:00", "Mon 17:00", "Tue 09:00", "Tue 12:00")
    ]
    assert stretches("America/Los_Angeles", "Europe/Berlin") == []
    assert stretches("Asia/Tokyo", "Asia/Tokyo") == [
        ("Mon 09:00", "Mon 17:00", "Mon 09:00", "Mon 17:00")
    ]


def test_weeks_in_which_only_one_has_changed_its_clock_are_a_season_of_their_own() -> None:
    found = seasons(dt.date(2026, 2, 1), ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin"))
    assert [(season.day, season.hours_ahead, season.shared_hours) for season in found] == [
        (dt.date(2026, 2, 1), 6.0, 2.0),
        (dt.date(2026, 3, 8), 5.0, 3.0),
    ]
    assert [
        s.hours_ahead
        for s in seasons(DAY, ZoneInfo("America/Phoenix"), ZoneInfo("America/New_York"))
    ] == [2.0, 3.0]


@pytest.mark.parametrize("name", ["", "Nowhere/City", "../etc/passwd", "Europe"])
def test_unknown_zone_is_none(name: str) -> None:
    assert zone(name) is None
