"""Calendar months as python-dateutil counts them, on every day of four years; local times around
clock changes, against zoneinfo; and the hours that two places share.
"""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil.relativedelta import relativedelta
from django.conf import settings
from django.db import connection
from django.db.models import Value
from django.utils import translation
from django.utils.formats import date_format
from hypothesis import given
from hypothesis import strategies as st

from backend.accounts.models import User
from backend.cities.memberships import term_errors
from backend.cities.models import Profile
from backend.cities.services.profiles import mark_stale_profiles, remind_owners
from backend.cities.vetting import _letter
from backend.common.dates import MonthsAfter, months_after, months_before, whole_months, years_after
from backend.common.errors import InvalidFields
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
from backend.introductions.meeting_times import read_times
from backend.introductions.queries.partnerships import DORMANT_MONTHS, QUIET_MONTHS, health_of
from backend.suggestions.scoring.records import is_overdue
from backend.suggestions.sides import cooling_end
from backend.web.members.views import next_term
from backend.web.profiles.outlook import freshness_words
from tests.factories import CommunityFactory, UserFactory

NOON = dt.datetime(2023, 3, 1, 12, tzinfo=dt.UTC)
MOMENTS = [NOON + dt.timedelta(days=n) for n in range(4 * 365 + 1)]
SECOND, DAY = dt.timedelta(seconds=1), dt.timedelta(days=1)
days = st.dates(dt.date(1990, 1, 1), dt.date(2090, 1, 1))
months_ = st.integers(1, 48)


@given(days, months_)
def test_months_are_those_of_dateutil(day: dt.date, months: int) -> None:
    assert months_after(day, months) == day + relativedelta(months=months)
    assert months_before(day, months) == day - relativedelta(months=months)
    assert years_after(day, months) == day + relativedelta(years=months)


@given(days, months_)
def test_a_month_keeps_its_day_or_takes_the_last_one(day: dt.date, months: int) -> None:
    later = months_after(day, months)
    assert (later.year - day.year) * 12 + later.month - day.month == months
    assert later.day == day.day or (later.day < day.day and (later + DAY).day == 1)


@given(days, months_)
def test_whole_months_are_those_that_have_passed(day: dt.date, months: int) -> None:
    assert whole_months(day, months_after(day, months)) in (months, months - 1)
    assert months_after(day, whole_months(day, day + months * 31 * DAY)) <= day + months * 31 * DAY


@pytest.mark.parametrize(
    ("day", "months", "before"),
    [
        (dt.date(2026, 8, 31), 18, dt.date(2025, 2, 28)),
        (dt.date(2025, 8, 31), 18, dt.date(2024, 2, 29)),
        (dt.date(2026, 1, 15), 1, dt.date(2025, 12, 15)),
        (dt.date(2026, 12, 31), 12, dt.date(2025, 12, 31)),
    ],
)
def test_months_before(day: dt.date, months: int, before: dt.date) -> None:
    assert months_before(day, months) == before


def test_cooling_ends_on_the_same_day_of_a_later_month() -> None:
    months = settings.SUGGESTIONS["cooling_months"]
    assert [cooling_end(m) for m in MOMENTS] == [m + relativedelta(months=months) for m in MOMENTS]


def test_profile_is_overdue_from_the_moment_that_its_owner_reads() -> None:
    months = settings.PROFILES["unsuggested_months"]
    for moment in MOMENTS:
        profile, end = Profile(confirmed_at=moment), moment + relativedelta(months=months)
        assert not is_overdue(profile, end - SECOND), moment
        assert is_overdue(profile, end), moment


def test_owner_reads_the_days_of_the_same_calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    stale, out = (settings.PROFILES[name] for name in ("stale_months", "unsuggested_months"))

    def words(now: dt.datetime) -> str:
        monkeypatch.setattr("backend.web.profiles.outlook.database_now", lambda: now)
        return freshness_words(profile)

    with translation.override("en"):
        for moment in MOMENTS:
            profile = Profile(confirmed_at=moment, status=Profile.Status.PUBLISHED)
            stale_at, out_at = (moment + relativedelta(months=n) for n in (stale, out))
            assert date_format(stale_at, "DATE_FORMAT") in words(stale_at - SECOND), moment
            assert date_format(out_at, "DATE_FORMAT") in words(stale_at), moment
            assert "gets no new suggestions" in words(out_at), moment


def test_dues_reviews_letters_and_proposed_times_end_after_whole_years(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for moment in MOMENTS:
        today = moment.date()
        in_a_year, in_three = (today + relativedelta(years=n) for n in (1, 3))
        monkeypatch.setattr("django.utils.timezone.now", lambda moment=moment: moment)
        membership: Any = SimpleNamespace(paid_through=None)
        assert next_term(membership) == in_a_year
        for begins, through, fits in (
            (in_a_year, in_three, True),
            (in_a_year + DAY, in_three, False),
            (in_a_year, in_three + DAY, False),
        ):
            assert (not term_errors(begins, through, None, "large", today)) is fits, moment
        letters = SimpleNamespace(all=lambda moment=moment: [SimpleNamespace(at=moment)])
        profile: Any = SimpleNamespace(letters=letters)
        assert _letter(profile, moment + relativedelta(years=1)).code == "letter", moment
        assert _letter(profile, moment + relativedelta(years=1) + SECOND).code == "letter_old", (
            moment
        )
        last = moment + relativedelta(years=1)
        read_times([(last - DAY).isoformat(), last.isoformat()], None, moment)
        with pytest.raises(InvalidFields):
            read_times([last.isoformat(), (last + SECOND).isoformat()], None, moment)


def test_health_counts_back_from_the_same_days() -> None:
    for moment in MOMENTS:
        today = moment.date()
        for months, before, since in (
            (DORMANT_MONTHS, "silent", "watch"),
            (QUIET_MONTHS, "watch", "good"),
        ):
            limit = today - relativedelta(months=months)
            for day, level in ((limit - DAY, before), (limit, since)):
                side = SimpleNamespace(name="Utrecht")
                row: Any = SimpleNamespace(
                    status="active",
                    awake_on=day,
                    last_activity_on=day,
                    review_on=None,
                    since=today,
                    reports_written=2,
                    people_of_a=1,
                    people_of_b=1,
                    pair=SimpleNamespace(a=side, b=side),
                )
                assert health_of(row, today).level == level, (today, months)


@pytest.mark.django_db
@pytest.mark.parametrize("months", [11, 12, 14, 15, 18])
def test_database_counts_in_the_same_way(months: int) -> None:
    UserFactory()
    for start in range(0, len(MOMENTS), 100):
        part = MOMENTS[start : start + 100]
        columns = {f"m{n}": MonthsAfter(Value(moment), months) for n, moment in enumerate(part)}
        found = User.objects.annotate(**columns).values_list(*columns).first()
        assert list(found or ()) == [moment + relativedelta(months=months) for moment in part]


@pytest.mark.django_db
def test_stale_and_asked_from_that_moment() -> None:
    profile = CommunityFactory(published=True).profile
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now = cursor.fetchone()[0]
    for months in (*settings.PROFILES["reminder_months"], settings.PROFILES["stale_months"]):
        first = now - relativedelta(months=months) - 4 * DAY
        for confirmed_at in (first + n * DAY for n in range(9)):
            due = confirmed_at + relativedelta(months=months) <= now
            Profile.objects.filter(pk=profile.pk).update(
                status="published", confirmed_at=confirmed_at, reminded_months=months - 1
            )
            assert remind_owners() == due
            stale = confirmed_at + relativedelta(months=settings.PROFILES["stale_months"]) <= now
            assert mark_stale_profiles() == stale


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
    # Before, between and after both changes
    for day in (dt.date(2027, 3, 12), dt.date(2027, 3, 16), dt.date(2027, 3, 30)):
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


WINTER_DAY = dt.date(2026, 11, 23)


def stretches(
    first: str, second: str, day: dt.date = WINTER_DAY
) -> list[tuple[str, str, str, str]]:
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
        for s in seasons(WINTER_DAY, ZoneInfo("America/Phoenix"), ZoneInfo("America/New_York"))
    ] == [2.0, 3.0]


@pytest.mark.parametrize("name", ["", "Nowhere/City", "../etc/passwd", "Europe"])
def test_unknown_zone_is_none(name: str) -> None:
    assert known_zone(name) is None
