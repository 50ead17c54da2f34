"""Introductions as their two sides see them, and the board of staff."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db.models import (
    BooleanField,
    Count,
    DateField,
    DateTimeField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.functions import Cast, Now

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.models import Profile
from backend.cities.permissions import Reader, require_staff
from backend.common.dates import MonthsAfter, database_now
from backend.common.errors import NotVisible
from backend.introductions.models import Introduction, Meeting
from backend.introductions.states import INTRODUCTION_TRANSITIONS
from backend.outbox.models import Event
from backend.outbox.queries import trail
from backend.outbox.topics import Topic
from backend.suggestions.eligibility import barred_among
from backend.suggestions.models import ExclusionRule, FollowUp

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


# The questions that follow: is it worth going on?
#
# When they are asked, and whether they can be answered, depends on what both sides know alone.


MONTHS_ON = 3


def has_occasion(occasion: str) -> Q:
    """The condition that the question makes sense in an introduction: both sides know of it, it
    goes on, neither has withdrawn its profile, and what the question asks about has happened.
    """
    gone = Profile.Status.WITHDRAWN
    goes_on = Q(stage__in=COLUMNS[1:]) & ~(
        Q(pair__a__profile__status=gone) | Q(pair__b__profile__status=gone)
    )
    if occasion == FollowUp.Occasion.AFTER_MEETING:
        return goes_on & (Q(met_on__lt=Cast(Now(), DateField())) | Q(Exists(_held())))
    introduced = Event.objects.filter(
        topic=Topic.INTRODUCTION_MOVED,
        subject_type="introduction",
        subject_id=OuterRef("pk"),
        payload__old=_STAGE.TO_INTRODUCE,
    ).annotate(due_at=MonthsAfter("recorded_at", MONTHS_ON))
    return goes_on & Q(Exists(introduced.filter(due_at__lte=Now())))


def _held() -> QuerySet[Meeting]:
    """Meetings of the introduction ``pk`` that were fixed here and are over."""
    minutes = Func(
        F("minutes"),
        template="make_interval(mins => %(expressions)s)",
        output_field=DurationField(),
    )
    ends = ExpressionWrapper(F("starts_at") + minutes, output_field=DateTimeField())
    fixed = Meeting.objects.filter(introduction=OuterRef("pk"), status=Meeting.Status.FIXED)
    return fixed.annotate(ends_at=ends).filter(ends_at__lte=Now())


def _is_open() -> Q:
    """The condition that a question can be answered now."""
    makes_sense = Q()
    for occasion in FollowUp.Occasion:
        there = Introduction.objects.filter(has_occasion(occasion), pk=OuterRef("introduction_id"))
        makes_sense |= Q(Exists(there), occasion=occasion)
    return Q(closes_at__gt=Now()) & makes_sense


def follow_ups() -> QuerySet[FollowUp]:
    """All questions that were asked, with ``is_open``, the oldest first. The caller narrows them to
    what its reader may see.
    """
    kept = {"is_open": ExpressionWrapper(_is_open(), output_field=BooleanField())}
    return FollowUp.objects.annotate(**kept).order_by("id")


def open_follow_ups_of(reader: Reader) -> QuerySet[FollowUp]:
    """The community's questions that can be answered now, the newest first. Raises NotVisible."""
    community_id = reader.require(Verb.READ, Resource.INTRODUCTION)
    return follow_ups().filter(_is_open(), community_id=community_id).order_by("-id")


def follow_ups_in(introduction: Introduction, community_id: int | None) -> list[FollowUp]:
    """What one side of an introduction was asked, or both (None, for staff) by side. The caller has
    checked who reads.
    """
    found = follow_ups().filter(introduction_id=introduction.pk).select_related("answered_by")
    if community_id is not None:
        found = found.filter(community_id=community_id)
    return list(found.order_by("community_id", "id"))


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
