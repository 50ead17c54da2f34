"""What time does to profiles: staleness, reminders that come once, pauses that end, and the end of
new suggestions.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.db import connection

from backend.accounts.models import User
from backend.cities import services
from backend.cities.models import Profile
from backend.common.dates import database_now
from backend.common.errors import InvalidFields
from backend.common.local_times import latest_day
from backend.notifications.models import Notification
from backend.notifications.notices import describe
from backend.outbox.models import Event
from backend.outbox.topics import Topic
from backend.suggestions.scoring import freeze_snapshot
from tests.factories import CommunityFactory, CommunityRoleFactory

S = Profile.Status
pytestmark = pytest.mark.django_db


@pytest.fixture
def official() -> User:
    return CommunityRoleFactory(community=CommunityFactory(published=True)).user


def profile_of(user: User) -> Profile:
    return Profile.objects.get(community__roles__user=user)


def age(user: User, months: int, days: int = 1) -> Profile:
    """Makes the profile one that was last confirmed so long ago, by the database's calendar."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE cities_profile SET confirmed_at = now() - make_interval(months => %s, "
            "days => %s) WHERE id = %s",
            [months, days, profile_of(user).pk],
        )
    return profile_of(user)


def upkeep() -> None:
    services.resume_paused_profiles()
    services.mark_stale_profiles()
    services.remind_owners()


def asked() -> list[int]:
    return [
        event.payload["months"]
        for event in Event.objects.filter(topic=Topic.PROFILE_CONFIRMATION_DUE).order_by("id")
    ]


def test_owner_is_asked_at_eleven_months_at_stale_and_at_fourteen_once_each(official: User) -> None:
    for months, status, so_far in (
        (10, S.PUBLISHED, []),
        (11, S.PUBLISHED, [11]),
        (12, S.STALE, [11, 12]),
        (13, S.STALE, [11, 12]),
        (14, S.STALE, [11, 12, 14]),
        (20, S.STALE, [11, 12, 14]),
    ):
        age(official, months)
        for _again in range(2):
            upkeep()
            assert profile_of(official).status == status, months
            assert asked() == so_far, months


def test_confirming_restarts_the_period(official: User) -> None:
    age(official, 14)
    upkeep()
    assert asked() == [14], "what was due meanwhile is asked once"
    community_id = profile_of(official).community_id
    services.confirm_profile(by=official, community_id=community_id)
    assert (profile_of(official).status, profile_of(official).reminded_months) == (S.PUBLISHED, 0)
    upkeep()
    assert asked() == [14]
    age(official, 11)
    upkeep()
    assert asked() == [14, 11]


def test_reminder_leads_to_the_page_with_the_button(
    official: User, drain: Callable[[], int]
) -> None:
    age(official, 12)
    upkeep()
    drain()
    notification = Notification.objects.get(recipient=official, kind="confirmation_due")
    words = describe(notification)
    assert words.path == f"/communities/{profile_of(official).community_id}/profile/confirm/"
    assert "12 months" in words.sentences[0]


def test_whoever_confirmed_before_the_mail_went_is_not_asked(
    official: User, drain: Callable[[], int]
) -> None:
    age(official, 12)
    upkeep()
    services.confirm_profile(by=official, community_id=profile_of(official).community_id)
    drain()
    assert not Notification.objects.filter(kind="confirmation_due").exists()


@pytest.mark.parametrize(("months", "suggested"), [(14, True), (15, False)])
def test_no_new_suggestions_after_fifteen_months(
    official: User, months: int, suggested: bool
) -> None:
    age(official, months, days=3)
    upkeep()
    (record,) = freeze_snapshot().left
    assert record.available is suggested


def test_pause_ends_on_its_day_and_not_before(official: User) -> None:
    community_id = profile_of(official).community_id
    tomorrow = database_now().date() + dt.timedelta(days=1)
    services.pause_profile(by=official, community_id=community_id, until=tomorrow)
    assert services.resume_paused_profiles() == 0
    assert not freeze_snapshot().left[0].available
    Profile.objects.update(paused_until=database_now().date())
    assert [services.resume_paused_profiles(), services.resume_paused_profiles()] == [1, 0]
    profile = profile_of(official)
    assert (profile.status, profile.paused_until) == (S.PUBLISHED, None)
    event = Event.objects.latest("id")
    assert (event.topic, event.by_id, event.payload) == (
        "profile_status_changed",
        None,
        {"old": "paused", "new": "published"},
    )


def test_pause_without_a_day_does_not_end_by_itself(official: User) -> None:
    services.pause_profile(by=official, community_id=profile_of(official).community_id)
    assert services.resume_paused_profiles() == 0


def test_pause_that_ends_late_is_stale_at_once(official: User) -> None:
    community_id = profile_of(official).community_id
    services.pause_profile(
        by=official, community_id=community_id, until=database_now().date() + dt.timedelta(days=1)
    )
    age(official, 13)
    Profile.objects.update(paused_until=database_now().date())
    upkeep()
    assert profile_of(official).status == S.STALE


@pytest.mark.parametrize("days", [-400, -1, 0, 732])
def test_pause_ends_after_today_and_within_two_years(official: User, days: int) -> None:
    with pytest.raises(InvalidFields) as caught:
        services.pause_profile(
            by=official,
            community_id=profile_of(official).community_id,
            until=latest_day("America/Los_Angeles") + dt.timedelta(days=days),
        )
    assert list(caught.value.errors) == ["until"]
    assert profile_of(official).status == S.PUBLISHED


@pytest.mark.parametrize(
    "act", [services.mark_fulfilled, services.withdraw_profile, services.resume_profile]
)
def test_whatever_ends_a_pause_forgets_its_day(official: User, act: Callable[..., Profile]) -> None:
    community_id = profile_of(official).community_id
    services.pause_profile(
        by=official, community_id=community_id, until=database_now().date() + dt.timedelta(days=9)
    )
    assert act(by=official, community_id=community_id).paused_until is None
