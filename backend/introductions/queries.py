"""Reads of introductions and partnerships, as each reader may see them."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from backend.accounts.grants import Thing, may
from backend.accounts.models import User
from backend.cities.models import Membership
from backend.cities.permissions import actor_kind, communities_with_role, require_staff
from backend.common.errors import NotVisible
from backend.introductions.models import Introduction, Partnership, Signatory

_RELATED = ("pair__a__country", "pair__b__country", "owner", "suggestion")


def board(user: User | AnonymousUser) -> QuerySet[Introduction]:
    """All introductions for staff, the soonest due first. Raises NotVisible for others."""
    require_staff(user, "R", Thing.INTRODUCTION)
    return (
        Introduction.objects.select_related(*_RELATED)
        .prefetch_related("consents")
        .order_by("due_on", "id")
    )


def introductions_of(user: User | AnonymousUser, community_id: int) -> QuerySet[Introduction]:
    """A community's introductions, newest first; staff's own column before the introduction is not
    shown. Raises NotVisible.
    """
    if not may(actor_kind(user, community_id), "R", Thing.INTRODUCTION):
        raise NotVisible
    return (
        Introduction.objects.filter(Q(pair__a_id=community_id) | Q(pair__b_id=community_id))
        .exclude(stage=Introduction.Stage.TO_INTRODUCE)
        .select_related(*_RELATED)
        .prefetch_related("consents")
        .order_by("-id")
    )


def introduction_for(
    user: User | AnonymousUser, introduction_id: int
) -> tuple[Introduction, int | None]:
    """One introduction and the reader's own side (None for staff). Raises NotVisible."""
    introduction = (
        Introduction.objects.select_related(*_RELATED)
        .prefetch_related("consents")
        .filter(pk=introduction_id)
        .first()
    )
    if introduction is None:
        raise NotVisible
    if may(actor_kind(user), "R", Thing.INTRODUCTION):
        return introduction, None
    sides = communities_with_role(user) & {introduction.pair.a_id, introduction.pair.b_id}
    for community_id in sorted(sides):
        if introduction.stage != Introduction.Stage.TO_INTRODUCE and may(
            actor_kind(user, community_id), "R", Thing.INTRODUCTION
        ):
            return introduction, community_id
    raise NotVisible


def recognised() -> Q:
    """The condition, for any queryset of partnerships, under which one is officially recognised;
    the words are those of `is_recognised`.
    """
    highest = Signatory.objects.filter(agreement=OuterRef("agreement"), is_highest_official=True)
    both = highest.order_by().values("agreement").annotate(signed=Count("pk")).filter(signed=2)
    member = Membership.objects.filter(
        Q(community=OuterRef("pair__a")) | Q(community=OuterRef("pair__b")),
        standing=Membership.Standing.GOOD,
        ended_on__isnull=True,
    )
    return Q(Exists(both)) & Q(Exists(member))


def living_partnerships(community_id: int | None = None) -> QuerySet[Partnership]:
    """Recorded partnerships that have not ended, of one community or all, oldest first. Public:
    this is the directory.

    Each row has ``recognised``: what ``services.is_recognised`` says of its agreement, in the same
    statement.
    """
    found = Partnership.objects.exclude(
        status__in=(Partnership.Status.ENDED, Partnership.Status.EMERITUS)
    )
    if community_id is not None:
        found = found.filter(Q(pair__a_id=community_id) | Q(pair__b_id=community_id))
    return (
        found.select_related("pair__a__country", "pair__b__country", "agreement")
        .prefetch_related("agreement__signatories__community")
        .annotate(recognised=recognised())
        .order_by("since", "id")
    )
