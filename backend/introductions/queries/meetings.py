"""Meetings as their readers see them: every time on the clocks of both sides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet
from django.db.models.functions import Now

from backend.accounts.grants import Resource, Verb
from backend.cities.models import Community
from backend.cities.permissions import Reader
from backend.common.dates import database_now
from backend.common.errors import NotVisible
from backend.common.local_times import GoodTime, good_times, zone_of
from backend.introductions.models import Introduction, Meeting, MeetingTime
from backend.introductions.queries.introductions import introduction_for


def times_now(meeting: Meeting) -> list[MeetingTime]:
    """The times of the last proposal, earliest first, from the prefetched ones where there are
    such.
    """
    rows = list(meeting.times.all())
    last = max((row.round for row in rows), default=0)
    return sorted((row for row in rows if row.round == last), key=lambda row: row.starts_at)


@dataclass(frozen=True, slots=True)
class Clock:
    """A moment as one place's clock shows it. ``when`` carries no zone, so that nothing converts it
    again.
    """

    community: Community
    when: dt.datetime
    zone: str


@dataclass(frozen=True, slots=True)
class ProposedTime:
    time_id: int
    starts_at: dt.datetime
    clocks: tuple[Clock, Clock]
    accepted_by: tuple[Community, ...]
    has_passed: bool

    @property
    def is_accepted_by_both(self) -> bool:
        return len(self.accepted_by) == 2


@dataclass(frozen=True, slots=True)
class MeetingForReader:
    """``times``: those proposed last; ``clocks``: empty until a time is fixed."""

    meeting: Meeting
    clocks: tuple[Clock, ...]
    times: tuple[ProposedTime, ...]

    @property
    def has_begun(self) -> bool:
        """Whether it was fixed, and its time has come."""
        meeting = self.meeting
        now = getattr(meeting, "read_at")  # noqa: B009 - annotated by ``meetings_in``
        fixed = meeting.status == Meeting.Status.FIXED and meeting.starts_at is not None
        return fixed and bool(meeting.starts_at <= now)

    @property
    def is_over(self) -> bool:
        return self.meeting.status == Meeting.Status.CANCELLED


def clocks(moment: dt.datetime, sides: tuple[Community, Community]) -> tuple[Clock, Clock]:
    """One moment on both sides' clocks."""
    first, second = (
        Clock(
            s, moment.astimezone(zone_of(s.timezone)).replace(tzinfo=None), zone_of(s.timezone).key
        )
        for s in sides
    )
    return first, second


def meetings_in(introduction: Introduction) -> QuerySet[Meeting]:
    """All meetings of an introduction, the newest first, with ``read_at``, ready for ``view_of``.
    The caller has checked who reads.
    """
    return (
        introduction.meetings.select_related("introduction__pair__a", "introduction__pair__b")
        .prefetch_related("times__acceptances")
        .annotate(read_at=Now())
        .order_by("-id")
    )


def view_of(meeting: Meeting, own_id: int | None) -> MeetingForReader:
    """A meeting with the reader's own side first; the home side for staff."""
    pair, now = meeting.introduction.pair, getattr(meeting, "read_at")  # noqa: B009 - annotated by ``meetings_in``
    own_first = pair.a_id == own_id if own_id is not None else pair.a.is_home
    sides = (pair.a, pair.b) if own_first else (pair.b, pair.a)
    times = []
    for row in times_now(meeting):
        accepted = {acceptance.community_id for acceptance in row.acceptances.all()}
        came = tuple(side for side in sides if side.pk in accepted)
        times.append(
            ProposedTime(
                row.pk, row.starts_at, clocks(row.starts_at, sides), came, row.starts_at <= now
            )
        )
    fixed = clocks(meeting.starts_at, sides) if meeting.starts_at else ()
    return MeetingForReader(meeting, fixed, tuple(times))


def met_by_now(introduction: Introduction, meetings: Iterable[MeetingForReader]) -> bool:
    """``have_met`` of an introduction whose meetings have been read already."""
    return introduction.met_on is not None or any(shown.has_begun for shown in meetings)


def meeting_for(
    reader: Reader, introduction_id: int, meeting_id: int
) -> tuple[MeetingForReader, Introduction, Reader]:
    """One meeting, its introduction, and its reader on their own side (``community_id`` None for
    staff). Raises NotVisible.
    """
    introduction, reader = introduction_for(reader, introduction_id)
    meeting = meetings_in(introduction).filter(pk=meeting_id).first()
    if meeting is None:
        raise NotVisible
    return view_of(meeting, reader.community_id), introduction, reader


def may_arrange(reader: Reader, introduction: Introduction) -> bool:
    """Whether the reader may propose, fix and cancel: who speaks for a side, or a curator, while
    the introduction is open to meetings.
    """
    if introduction.stage in (Introduction.Stage.TO_INTRODUCE, Introduction.Stage.CLOSED):
        return False
    return reader.may(Verb.ACT, Resource.INTRODUCTION if reader.is_staff else Resource.CONSENT)


@dataclass(frozen=True, slots=True)
class SuggestedTime:
    """A time to propose. ``is_edge``: no shared working hours; it lies between 7:00 and 21:00 for
    both.
    """

    clocks: tuple[Clock, Clock]
    is_edge: bool


def suggested_times(
    introduction: Introduction, own_id: int | None, minutes: int = 60
) -> list[SuggestedTime]:
    """Three times within both sides' working hours, from the day after tomorrow on; the reader's
    own clock first.
    """
    pair = introduction.pair
    own_first = pair.a_id == own_id if own_id is not None else pair.a.is_home
    sides = (pair.a, pair.b) if own_first else (pair.b, pair.a)
    start = database_now().date() + dt.timedelta(days=2)
    found: list[GoodTime] = good_times(
        zone_of(sides[0].timezone),
        zone_of(sides[1].timezone),
        start,
        minutes,
        countries=(sides[0].country_id, sides[1].country_id),
    )
    return [SuggestedTime(clocks(good.starts_at, sides), good.is_edge) for good in found]
