"""What time does to profiles: staleness, reminders, and pauses that end. Every function may run
twice; the database's clock decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from backend.cities.models import Profile
from backend.cities.states import PROFILE_TRANSITIONS
from backend.common.transitions import check_transition
from backend.outbox.services import record
from backend.outbox.topics import Topic

_S = Profile.Status


def _update(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def _record_moves(rows: list[tuple[Any, ...]], old: str, new: str) -> int:
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
    check_transition(PROFILE_TRANSITIONS, _S.PAUSED, _S.PUBLISHED)
    rows = _update(
        "UPDATE cities_profile SET status = 'published', paused_until = NULL "
        "WHERE status = 'paused' AND paused_until <= (now() AT TIME ZONE 'UTC')::date RETURNING id, community_id",
        [],
    )
    return _record_moves(rows, _S.PAUSED, _S.PUBLISHED)


@transaction.atomic
def mark_stale_profiles() -> int:
    """Profiles nobody confirmed for PROFILES["stale_months"] become stale; returns how many."""
    check_transition(PROFILE_TRANSITIONS, _S.PUBLISHED, _S.STALE)
    rows = _update(
        "UPDATE cities_profile SET status = 'stale' "
        "WHERE status = 'published' AND confirmed_at < now() - make_interval(months => %s) RETURNING id, community_id",
        [settings.PROFILES["stale_months"]],
    )
    return _record_moves(rows, _S.PUBLISHED, _S.STALE)


@transaction.atomic
def remind_owners() -> int:
    """Asks the owners of profiles that grow old whether they are still true; returns how many.

    Each of PROFILES["reminder_months"] after the last confirmation asks once; where several are due
    at once, the last alone.
    """
    asked = 0
    for months in sorted(settings.PROFILES["reminder_months"], reverse=True):
        rows = _update(
            "UPDATE cities_profile SET reminded_months = %s WHERE status IN ('published', 'stale') AND reminded_months < %s "
            "AND confirmed_at < now() - make_interval(months => %s) RETURNING id, community_id",
            [months, months, months],
        )
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
