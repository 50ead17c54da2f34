"""Introductions as their two sides see them, and the board of staff."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.permissions import Reader, require_staff
from backend.common.dates import database_now
from backend.common.errors import NotVisible
from backend.introductions.models import Introduction, Meeting
from backend.introductions.states import INTRODUCTION_TRANSITIONS
from backend.outbox.queries import trail
from backend.outbox.topics import Topic
from backend.suggestions.eligibility import barred_among
from backend.suggestions.models import ExclusionRule

_STAGE = Introduction.Stage
OVER = (_STAGE.AGREEMENT, _STAGE.CLOSED)
COLUMNS = tuple(stage for stage in _STAGE if stage not in OVER)
_RELATED = ("pair__a__country", "pair__b__country", "owner", "suggestion")


def board(user: User | AnonymousUser) -> QuerySet[Introduction]:
    """All introductions for staff, the soonest due first. Raises NotVisible for others."""
    require_staff(user, Verb.READ, Resource.INTRODUCTION)
    return (
        Introduction.objects.select_related(*_RELATED)
        .prefetch_related("consents")
        .order_by("due_on", "id")
    )


def introductions_of(reader: Reader) -> QuerySet[Introduction]:
    """A community's introductions, newest first; staff's own column before the introduction is not
    shown. Raises NotVisible.
    """
    community_id = reader.require(Verb.READ, Resource.INTRODUCTION)
    return (
        Introduction.objects.filter(Q(pair__a_id=community_id) | Q(pair__b_id=community_id))
        .exclude(stage=Introduction.Stage.TO_INTRODUCE)
        .select_related(*_RELATED)
        .prefetch_related("consents")
        .order_by("-id")
    )


def introduction_for(reader: Reader, introduction_id: int) -> tuple[Introduction, Reader]:
    """One introduction and its reader on their own side (``community_id`` None for staff). Raises
    NotVisible.
    """
    introduction = (
        Introduction.objects.select_related(*_RELATED)
        .prefetch_related("consents")
        .filter(pk=introduction_id)
        .first()
    )
    if introduction is None:
        raise NotVisible
    sides = (introduction.pair.a_id, introduction.pair.b_id)
    reader = reader.on_side(sides, Verb.READ, Resource.INTRODUCTION)
    if introduction.stage == Introduction.Stage.TO_INTRODUCE and not reader.is_staff:
        raise NotVisible
    return introduction, reader


# What has happened in an introduction, whatever column it is in now.


def has_met() -> Q:
    """The condition that the two of an introduction have met: a meeting that was fixed here, and
    not cancelled, has begun; or staff have recorded the day.
    """
    begun = Meeting.objects.filter(
        introduction=OuterRef("pk"), status=Meeting.Status.FIXED, starts_at__lte=Now()
    )
    return Q(met_on__isnull=False) | Q(Exists(begun))


def have_met(introduction: Introduction) -> bool:
    return Introduction.objects.filter(has_met(), pk=introduction.pk).exists()


def steps_taken(introduction: Introduction, *, met: bool) -> set[str]:
    """The stages that were reached by an act. "First meeting" is among them when the two have met,
    not when their card was in its column.
    """
    events = trail("introduction", introduction.pk).filter(topic=Topic.INTRODUCTION_MOVED)
    taken = {introduction.stage, *events.values_list("payload__new", flat=True)}
    taken.discard(_STAGE.FIRST_MEETING)
    if introduction.stage in (*COLUMNS[1:], _STAGE.AGREEMENT):
        taken.add(_STAGE.INTRODUCED)
    return taken | ({_STAGE.FIRST_MEETING.value} if met else set())


# The board as staff narrow it down, and what its entries show at a glance.


STUCK_AFTER = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class BoardEntry:
    """One introduction with what must be seen without opening it. ``rule``: the exclusion rule that
    staff have set on the pair since.
    """

    introduction: Introduction
    is_overdue: bool
    days_in_column: int
    is_stuck: bool
    rule: ExclusionRule | None

    @property
    def next_stage(self) -> str:
        """The next column, which the menu offers first; empty after the last one."""
        return next_column(self.introduction.stage)

    @property
    def targets(self) -> list[Introduction.Stage]:
        """The columns to which it may be moved now, in the board's order."""
        allowed = INTRODUCTION_TRANSITIONS[self.introduction.stage]
        return [column for column in COLUMNS if column in allowed]


def next_column(stage: str) -> str:
    """The column after ``stage``; empty if there is none."""
    later = COLUMNS[COLUMNS.index(_STAGE(stage)) + 1 :] if stage in COLUMNS else ()
    return later[0] if later else ""


def board_with_notes(user: User | AnonymousUser) -> QuerySet[Introduction]:
    """The board with ``notes_count`` and ``next_meeting_at``; the soonest due first. Raises
    NotVisible for others than staff.
    """
    now = database_now()
    coming = Meeting.objects.filter(
        introduction=OuterRef("pk"), status=Meeting.Status.FIXED, starts_at__gt=now
    ).order_by("starts_at")
    return (
        board(user)
        .select_related("pair__a__place", "pair__b__place")
        .annotate(
            notes_count=Count("notes", distinct=True),
            next_meeting_at=Subquery(coming.values("starts_at")[:1]),
        )
        .order_by(F("due_on").asc(nulls_last=True), "id")
    )


def board_entries(introductions: list[Introduction]) -> list[BoardEntry]:
    """The board entries of introductions of ``board_with_notes``."""
    now = database_now()
    rules = barred_among([introduction.pair for introduction in introductions], now.date())
    return [
        BoardEntry(
            introduction=introduction,
            is_overdue=introduction.stage not in OVER
            and introduction.due_on is not None
            and introduction.due_on < now.date(),
            days_in_column=(now - introduction.stage_since).days,
            is_stuck=introduction.stage not in OVER
            and now - introduction.stage_since >= STUCK_AFTER,
            rule=rules.get(introduction.pair_id),
        )
        for introduction in introductions
    ]
