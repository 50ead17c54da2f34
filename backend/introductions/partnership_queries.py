"""Reads of partnerships by those who live in them: the two sides and staff. The public directory is
``queries.living_partnerships``.
"""

from __future__ import annotations

import datetime as dt

from django.contrib.auth.models import AnonymousUser
from django.db.models import Prefetch, Q, QuerySet

from backend.accounts.grants import Thing, may
from backend.accounts.models import User
from backend.cities.permissions import actor_kind, communities_with_role, require_staff
from backend.common.clock import database_now
from backend.common.errors import NotVisible
from backend.introductions.health import with_health
from backend.introductions.models import (
    Activity,
    Agreement,
    Partnership,
    Renewal,
    StatusChange,
    YearlyReport,
)
from backend.introductions.queries import recognised

OVER = (Partnership.Status.ENDED, Partnership.Status.EMERITUS)


def _with_all(partnerships: QuerySet[Partnership], today: dt.date) -> QuerySet[Partnership]:
    return (
        with_health(partnerships, today)
        .select_related("pair__a__country", "pair__b__country", "agreement")
        .prefetch_related("agreement__signatories__community")
        .annotate(recognised=recognised())
    )


def partnerships_of(
    user: User | AnonymousUser, community_id: int, *, today: dt.date | None = None
) -> QuerySet[Partnership]:
    """A community's partnerships, also those at rest, the latest first, with what ``health_of``
    reads. Raises NotVisible.
    """
    if not may(actor_kind(user, community_id), "R", Thing.PARTNERSHIP):
        raise NotVisible
    sides = Q(pair__a_id=community_id) | Q(pair__b_id=community_id)
    return _with_all(Partnership.objects.filter(sides), today or database_now().date()).order_by(
        "-since", "-id"
    )


def partnerships_for_staff(
    user: User | AnonymousUser,
    *,
    status: str = "",
    country: str = "",
    search: str = "",
    today: dt.date | None = None,
) -> QuerySet[Partnership]:
    """All partnerships, those silent for longest first, with what ``health_of`` reads. Raises
    NotVisible for others than staff.
    """
    require_staff(user, "R", Thing.PARTNERSHIP)
    found = _with_all(Partnership.objects.all(), today or database_now().date()).order_by(
        "since", "id"
    )
    if status:
        found = found.filter(status=status)
    if country:
        found = found.filter(Q(pair__a_country=country) | Q(pair__b_country=country))
    for word in search.replace("\x00", "").split():
        found = found.filter(Q(pair__a__name__icontains=word) | Q(pair__b__name__icontains=word))
    return found


def partnership_for(
    user: User | AnonymousUser,
    partnership_id: int,
    *,
    community_id: int | None = None,
    today: dt.date | None = None,
) -> tuple[Partnership, int | None]:
    """One partnership with all that is recorded of it, and the reader's own side (None for staff).
    Raises NotVisible.

    Args:
        community_id: the side, for a reader with a role on both; else it is found.
    """
    kept = (
        Activity.objects.filter(retracted_at__isnull=True)
        .select_related("community", "by")
        .order_by("-happened_on", "-id")
    )
    found = _with_all(
        Partnership.objects.filter(pk=partnership_id), today or database_now().date()
    ).prefetch_related(
        Prefetch("activities", kept, to_attr="log"),
        Prefetch(
            "reports",
            YearlyReport.objects.select_related("community", "by").order_by(
                "-year", "community_id"
            ),
            to_attr="yearly",
        ),
        Prefetch(
            "changes",
            StatusChange.objects.select_related("community", "by").order_by("id"),
            to_attr="steps",
        ),
        Prefetch(
            "renewals", Renewal.objects.select_related("community").order_by("id"), to_attr="given"
        ),
        Prefetch(
            "agreements",
            Agreement.objects.filter(status=Agreement.Status.IN_FORCE)
            .prefetch_related("signatories__community")
            .order_by("in_force_on", "id"),
            to_attr="in_order",
        ),
    )
    partnership = found.first()
    if partnership is None:
        raise NotVisible
    if may(actor_kind(user), "R", Thing.PARTNERSHIP):
        return partnership, None
    sides = communities_with_role(user) & {partnership.pair.a_id, partnership.pair.b_id}
    for side in sorted(sides if community_id is None else sides & {community_id}):
        if may(actor_kind(user, side), "R", Thing.PARTNERSHIP):
            return partnership, side
    raise NotVisible
