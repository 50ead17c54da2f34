"""What time does to profiles: staleness, reminders, and pauses that end. Every function may run
twice; the database's clock decides.
"""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from backend.cities.models import Profile
from backend.cities.states import PROFILE_TRANSITIONS
from backend.common.clock import database_now
from backend.common.dates import MonthsAfter
from backend.common.transitions import check_transition
from backend.outbox.services import record
from backend.outbox.topics import Topic

_S = Profile.Status


def _confirmed_before(months: int) -> QuerySet[Profile]:
    """Profiles that somebody last confirmed that many months ago or earlier."""
    reached = Profile.objects.annotate(reached_at=MonthsAfter("confirmed_at", months))
    return reached.filter(reached_at__lte=Now())


def _locked(profiles: QuerySet[Profile]) -> list[tuple[int, int]]:
    """The numbers of the profiles and of their communities, each row locked."""
    return list(profiles.select_for_update(of=("self",)).values_list("pk", "community_id"))


def _move(rows: list[tuple[int, int]], old: str, new: str) -> int:
    check_transition(PROFILE_TRANSITIONS, old, new)
    Profile.objects.filter(pk__in=[pk for pk, _ in rows]).update(status=new, paused_until=None)
    for profile_id, community_id in rows:
        record(
            Topic.PROFILE_STATUS_CHANGED,
            subject=(Profile, profile_id),
            by=None,
            community_id=community_id,
            old=old,
            new=new,
        )
    return len(rows)


@transaction.atomic
def resume_paused_profiles() -> int:
    """Profiles whose pause ends today or earlier seek again; returns how many. Nobody has confirmed
    them by that.
    """
    ended = Profile.objects.filter(status=_S.PAUSED, paused_until__lte=database_now().date())
    return _move(_locked(ended), _S.PAUSED, _S.PUBLISHED)


@transaction.atomic
def mark_stale_profiles() -> int:
    """Profiles nobody confirmed for PROFILES["stale_months"] become stale; returns how many."""
    old = _confirmed_before(settings.PROFILES["stale_months"]).filter(status=_S.PUBLISHED)
    return _move(_locked(old), _S.PUBLISHED, _S.STALE)


@transaction.atomic
def remind_owners() -> int:
    """Asks the owners of profiles that grow old whether they are still true; returns how many.

    Each of PROFILES["reminder_months"] after the last confirmation asks once; where several are due
    at once, the last alone.
    """
    asked = 0
    for months in sorted(settings.PROFILES["reminder_months"], reverse=True):
        due = _confirmed_before(months).filter(
            status__in=(_S.PUBLISHED, _S.STALE), reminded_months__lt=months
        )
        rows = _locked(due)
        Profile.objects.filter(pk__in=[pk for pk, _ in rows]).update(reminded_months=months)
        for profile_id, community_id in rows:
            record(
                Topic.PROFILE_CONFIRMATION_DUE,
                subject=(Profile, profile_id),
                by=None,
                community_id=community_id,
                months=months,
            )
        asked += len(rows)
    return asked
