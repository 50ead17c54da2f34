"""Introductions of the sample world that are under way: consents, a meeting behind them, one to
come, and what staff have noted.
"""

from __future__ import annotations

import datetime as dt

from backend.accounts.models import User
from backend.cities.models import Community, CommunityRole
from backend.common.clock import database_now
from backend.introductions.models import Introduction, Meeting
from backend.introductions.services.consents import give_consent
from backend.introductions.services.introducing import move, open_introduction
from backend.introductions.services.meetings import (
    accept_times,
    fix_meeting,
    propose_meeting,
    times_now,
)
from backend.introductions.services.notes import write_note
from backend.suggestions.models import Pair

_PLACE = "https://meet.sample.example/first-talk"


def official_of(community: Community) -> User:
    """Who answers for the community."""
    deciding = (CommunityRole.Role.OFFICIAL, CommunityRole.Role.CHAIR)
    roles = CommunityRole.objects.filter(
        community=community, role__in=deciding, vetted_at__isnull=False, ended_at__isnull=True
    )
    return roles.select_related("user").order_by("id")[0].user


def open_card(curator: User, first: Community, other: Community, because: str) -> Introduction:
    low, high = sorted((first, other), key=lambda community: community.pk)
    pair, _made = Pair.objects.get_or_create(
        a=low, b=high, defaults={"a_country": low.country_id, "b_country": high.country_id}
    )
    return open_introduction(by=curator, pair_id=pair.pk, because=because)


def begin_talks(
    *, stage: Introduction.Stage, because: str, curator: User, first: Community, other: Community
) -> Introduction:
    """An introduction at ``stage``. Past the introduction both sides have consented, and a meeting
    stands in the calendar.
    """
    card = open_card(curator, first, other, because)
    move(by=curator, introduction_id=card.pk, stage=Introduction.Stage.INTRODUCED)
    write_note(
        by=curator,
        introduction_id=card.pk,
        text=f"Both offices answered within a week; {first.name} asks for mornings. (Sample)",
    )
    give_consent(by=official_of(first), introduction_id=card.pk, community_id=first.pk)
    if stage != Introduction.Stage.INTRODUCED:
        give_consent(by=official_of(other), introduction_id=card.pk, community_id=other.pk)
        _fix(_propose(card, first, days=9), other)
        move(by=curator, introduction_id=card.pk, stage=stage)
    _propose(card, first, days=23)
    return card


def _propose(card: Introduction, side: Community, *, days: int) -> Meeting:
    """Three mornings in the side's own time, from ``days`` ahead."""
    first_day = database_now().date() + dt.timedelta(days=days)
    times = [f"{first_day + dt.timedelta(days=later)}T09:30" for later in range(3)]
    return propose_meeting(
        by=official_of(side), introduction_id=card.pk, side_id=side.pk, times=times, place=_PLACE
    )


def _fix(meeting: Meeting, other: Community) -> None:
    """The other side can come to the first time, and it is fixed."""
    chosen = times_now(meeting)[0].pk
    numbers = {"introduction_id": meeting.introduction_id, "meeting_id": meeting.pk}
    accept_times(by=official_of(other), side_id=other.pk, time_ids=[chosen], **numbers)
    fix_meeting(by=official_of(other), side_id=other.pk, time_id=chosen, **numbers)
