"""Meetings of an introduction, under a community's address for its side and under staff's for
curators.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from backend.cities.models import Community
from backend.cities.permissions import Reader
from backend.common.errors import NotVisible
from backend.introductions.meeting_times import calendar_entry, method_of
from backend.introductions.models import Introduction, Meeting
from backend.introductions.queries.introductions import board, introductions_of
from backend.introductions.queries.meetings import MeetingForReader, meetings_in, view_of
from backend.introductions.services import meetings as services
from backend.web.access import Access, Level, open_to
from backend.web.meetings import serializers
from backend.web.meetings.forms import DetailsForm
from backend.web.rest.base import (
    ApiList,
    ApiView,
    Body,
    Data,
    Private,
    current_reader,
    current_user,
    operation,
)


def _introduction(reader: Reader, introduction_id: int) -> Introduction:
    found = board(reader.user) if reader.community_id is None else introductions_of(reader)
    introduction = found.filter(pk=introduction_id).first()
    if introduction is None:
        raise NotVisible
    return introduction


def _view(reader: Reader, introduction_id: int, meeting_id: int) -> MeetingForReader:
    meeting = meetings_in(_introduction(reader, introduction_id)).filter(pk=meeting_id).first()
    if meeting is None:
        raise NotVisible
    return view_of(meeting, reader.community_id)


class MeetingsView(Private, ApiList):
    """Meetings, the newest first."""

    serializer_class = serializers.MeetingSerializer

    def get_queryset(self) -> QuerySet[Meeting]:
        return meetings_in(
            _introduction(current_reader(self.request), self.kwargs["introduction_id"])
        )

    def present(self, row: Any) -> MeetingForReader:
        return view_of(row, self.kwargs.get("community_id"))

    @operation(
        "Propose times for a meeting",
        serializers.MeetingSerializer,
        takes=serializers.ProposeSerializer,
        status=201,
        description="A local time that the clocks skip or repeat is refused with what to write "
        "instead.",
    )
    def post(
        self, request: Request, data: Data, introduction_id: int, community_id: int | None = None
    ) -> object:
        me = current_user(request)
        made = services.propose_meeting(
            by=me, introduction_id=introduction_id, side_id=community_id, **data
        )
        return _view(current_reader(request), introduction_id, made.pk)


class OneMeetingView(Private, ApiView):
    @operation("One meeting", serializers.MeetingSerializer)
    def get(
        self,
        request: Request,
        introduction_id: int,
        meeting_id: int,
        community_id: int | None = None,
    ) -> object:
        return _view(current_reader(request), introduction_id, meeting_id)


def _act_view(
    act: Callable[..., Meeting], summary: str, takes: Body | None, *, access: Access
) -> Any:
    """The view of one act on a meeting; ``act`` is the service that does it."""

    class MeetingActView(Private, ApiView):
        @operation(summary, serializers.MeetingSerializer, takes=takes)
        def post(
            self,
            request: Request,
            introduction_id: int,
            meeting_id: int,
            community_id: int | None = None,
            data: Data | None = None,
        ) -> object:
            known = {"introduction_id": introduction_id, "meeting_id": meeting_id}
            act(by=current_user(request), side_id=community_id, **known, **(data or {}))
            return _view(current_reader(request), introduction_id, meeting_id)

    return MeetingActView.as_view(access=access)


class CalendarView(Private, ApiView):
    @extend_schema(
        summary="The calendar file of the meeting as it is now",
        responses={(200, "text/calendar"): OpenApiTypes.STR},
    )
    def get(
        self,
        request: Request,
        introduction_id: int,
        meeting_id: int,
        community_id: int | None = None,
    ) -> HttpResponse:
        me = current_user(request)
        meeting = _view(current_reader(request), introduction_id, meeting_id).meeting
        pair = meeting.introduction.pair
        home = pair.a if pair.a.is_home else pair.b
        own: Community = (
            home if community_id is None else pair.a if pair.a_id == community_id else pair.b
        )
        content = calendar_entry(meeting, reader_email=me.email, own=own)
        response = HttpResponse(
            content, content_type=f"text/calendar; charset=utf-8; method={method_of(meeting)}"
        )
        response["Content-Disposition"] = 'attachment; filename="meeting.ics"'
        return response


_ACTS: dict[str, tuple[Callable[..., Meeting], str, Body | None]] = {
    "accept": (
        services.accept_times,
        "Say at which times you can come",
        serializers.AcceptSerializer,
    ),
    "times": (services.propose_other_times, "Propose other times", serializers.TimesSerializer),
    "fix": (services.fix_meeting, "Fix it at one of the times", serializers.FixSerializer),
    "details": (services.change_meeting, "Change length and place", DetailsForm),
    "cancel": (services.cancel_meeting, "Cancel it", None),
}


def side_acts() -> list[tuple[str, Any]]:
    """What a side may do with a meeting: (last part of the address, view)."""
    access = open_to(POST=Level.COMMUNITY)
    return [(name, _act_view(*act, access=access)) for name, act in _ACTS.items()]


def staff_acts() -> list[tuple[str, Any]]:
    """What staff may do: all but accepting for a side."""
    access = open_to(POST=Level.CURATOR)
    return [
        (name, _act_view(*act, access=access)) for name, act in _ACTS.items() if name != "accept"
    ]
