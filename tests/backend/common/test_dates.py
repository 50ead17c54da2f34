"""Every use of calendar months counts as python-dateutil does, on every day of four years."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

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
