"""Local times around changes of the clocks, against zoneinfo as the oracle; and the hours that two
places share.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.common.local_times import (
    RepeatedTime,
    SkippedTime,
    good_times,
    instant,
    known_zone,
    overlaps,
    seasons,
    shared_stretches,
    weekend,
    zone_of,
)

ZONES = [
    "America/New_York",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "Europe/Berlin",
    "Europe/Lisbon",
    "Asia/Tokyo",
    "Asia/Kolkata",
    "Asia/Tehran",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "UTC",
]
MINUTES = st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2028, 1, 1)).map(
    lambda moment: moment.replace(second=0, microsecond=0)
)


def instants_of(local: dt.datetime, zone: ZoneInfo) -> list[dt.datetime]:
    """Every moment whose local time this is, found by trying each quarter of an hour's offset."""
    naive = local.replace(tzinfo=dt.UTC)
    tried = (naive - dt.timedelta(minutes=15 * step) for step in range(-14 * 4, 14 * 4 + 1))
    return sorted(
        moment for moment in tried if moment.astimezone(zone).replace(tzinfo=None) == local
    )


@given(MINUTES, st.sampled_from(ZONES))
def test_instant_is_the_one_moment_or_says_that_there_is_none_or_two(
    local: dt.datetime, name: str
) -> None:
    zone = ZoneInfo(name)
    moments = instants_of(local, zone)
    if len(moments) == 1:
        assert instant(local, zone) == moments[0]
    else:
        with pytest.raises(SkippedTime if not moments else RepeatedTime):
            instant(local, zone)


@pytest.mark.parametrize(
    ("name", "local", "before", "after"),
    [
        ("Europe/Berlin", "2027-03-28T02:30", "02:00", "03:00"),
        ("America/New_York", "2027-03-14T02:00", "02:00", "03:00"),
        ("America/New_York", "2027-03-14T02:59", "02:00", "03:00"),
        ("Australia/Lord_Howe", "2027-10-03T02:15", "02:00", "02:30"),
    ],
)
def test_skipped_time_names_the_jump(name: str, local: str, before: str, after: str) -> None:
    with pytest.raises(SkippedTime) as caught:
        instant(dt.datetime.fromisoformat(local), ZoneInfo(name))
    assert (f"{caught.value.before:%H:%M}", f"{caught.value.after:%H:%M}") == (before, after)


@pytest.mark.parametrize(
    ("name", "local"),
    [("Europe/Berlin", "2027-10-31T02:30"), ("America/New_York", "2027-11-07T01:00")],
)
def test_repeated_time_names_times_that_come_once(name: str, local: str) -> None:
    zone = ZoneInfo(name)
    with pytest.raises(RepeatedTime) as caught:
        instant(dt.datetime.fromisoformat(local), zone)
    for mended in (caught.value.before, caught.value.after):
        assert len(instants_of(mended, zone)) == 1
    assert (
        caught.value.second - caught.value.first == dt.timedelta(0)
        or caught.value.first.utcoffset() != caught.value.second.utcoffset()
    )


@given(
    st.dates(dt.date(2026, 1, 1), dt.date(2027, 12, 31)),
    st.sampled_from(ZONES),
    st.sampled_from(ZONES),
)
def test_overlap_lies_in_both_working_days(day: dt.date, first: str, second: str) -> None:
    zones = ZoneInfo(first), ZoneInfo(second)
    for overlap in overlaps(*zones, day):
        for zone in zones:
            starts, ends = overlap.starts_at.astimezone(zone), overlap.ends_at.astimezone(zone)
            assert dt.time(9) <= starts.time() < ends.time() <= dt.time(17)
            assert starts.date() == ends.date()
            assert starts.weekday() < 5


def test_overlap_follows_the_clocks_of_each_place() -> None:
    new_york, berlin = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")
    hours = {}
    for day in (
        dt.date(2027, 3, 12),
        dt.date(2027, 3, 16),
        dt.date(2027, 3, 30),
    ):  # before, between and after both changes
        (overlap,) = overlaps(new_york, berlin, day)
        hours[day.isoformat()] = (overlap.ends_at - overlap.starts_at).total_seconds() / 3600
    assert hours == {"2027-03-12": 2.0, "2027-03-16": 3.0, "2027-03-30": 2.0}


def test_places_without_shared_hours_meet_at_the_edges_of_their_days() -> None:
    found = good_times(
        ZoneInfo("America/Chicago"), ZoneInfo("Asia/Tokyo"), dt.date(2027, 1, 11), minutes=60
    )
    assert len(found) == 3
    for good in found:
        assert good.is_edge
        for name in ("America/Chicago", "Asia/Tokyo"):
            assert dt.time(7) <= good.starts_at.astimezone(ZoneInfo(name)).time() <= dt.time(20)


def test_community_without_a_zone_is_read_in_utc() -> None:
    assert zone_of("").key == "UTC"


@pytest.mark.parametrize(
    ("country", "days"), [("US", {5, 6}), ("EG", {4, 5}), ("IR", {4}), ("IN", {6}), ("XX", {5, 6})]
)
def test_weekend_is_that_of_the_country(country: str, days: set[int]) -> None:
    assert weekend(country) == days


def test_no_meeting_is_suggested_on_the_weekend_of_either_side() -> None:
    cairo, new_york = ZoneInfo("Africa/Cairo"), ZoneInfo("America/New_York")
    found = good_times(cairo, new_york, dt.date(2026, 12, 1), 60, most=9, countries=("EG", "US"))
    days = {
        good.starts_at.astimezone(zone).weekday() for good in found for zone in (cairo, new_york)
    }
    assert days == {0, 1, 2, 3}, "Monday to Thursday"


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
    assert known_zone(name) is None
