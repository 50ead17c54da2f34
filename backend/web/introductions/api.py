"""A community's introductions, consent and contacts; and the board of staff."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request

from backend.accounts.models import User
from backend.common.errors import NotVisible
from backend.introductions.models import Introduction, IntroductionNote
from backend.introductions.queries.introductions import (
    board,
    follow_ups,
    introductions_of,
    open_follow_ups_of,
)
from backend.introductions.services.follow_ups import answer_follow_up
from backend.introductions.services.introductions import (
    assign_introduction,
    contacts_for,
    give_consent,
    leave_introduction,
    move_introduction,
    open_introduction,
    withdraw_consent,
    write_note,
)
from backend.suggestions.models import FollowUp
from backend.web.access import Level, open_to
from backend.web.introductions import serializers
from backend.web.introductions.forms import BoardFilters, FollowUpForm, MoveForm, NoteForm
from backend.web.rest.base import (
    ApiList,
    ApiView,
    Data,
    Private,
    current_reader,
    current_user,
    operation,
)


def _answer(request: Request, introduction_id: int) -> Introduction:
    introduction = introductions_of(current_reader(request)).filter(pk=introduction_id).first()
    if introduction is None:
        raise NotVisible
    return introduction


@open_to(GET=Level.COMMUNITY)
class IntroductionsView(Private, ApiList):
    serializer_class = serializers.IntroductionSerializer

    def get_queryset(self) -> QuerySet[Introduction]:
        return introductions_of(current_reader(self.request))

    def get_serializer_context(self) -> dict[str, Any]:
        return super().get_serializer_context() | {"community_id": self.kwargs.get("community_id")}


@open_to(GET=Level.COMMUNITY)
class IntroductionView(Private, ApiView):
    @operation("One introduction", serializers.IntroductionSerializer)
    def get(self, request: Request, community_id: int, introduction_id: int) -> object:
        return _answer(request, introduction_id)


@open_to(POST=Level.COMMUNITY, DELETE=Level.COMMUNITY)
class ConsentView(Private, ApiView):
    @operation("Let the other side read your contacts", serializers.IntroductionSerializer)
    def post(self, request: Request, community_id: int, introduction_id: int) -> object:
        give_consent(
            by=current_user(request), introduction_id=introduction_id, community_id=community_id
        )
        return _answer(request, introduction_id)

    @operation(
        "Take the consent back",
        serializers.IntroductionSerializer,
        description="Acts at once: contacts are hidden for both sides. Staff are notified, and the "
        "other side if contacts were open.",
    )
    def delete(self, request: Request, community_id: int, introduction_id: int) -> object:
        withdraw_consent(
            by=current_user(request), introduction_id=introduction_id, community_id=community_id
        )
        return _answer(request, introduction_id)


@open_to(POST=Level.COMMUNITY)
class LeaveView(Private, ApiView):
    @operation(
        "Close the introduction from your side",
        serializers.IntroductionSerializer,
        description="Acts at once and cannot be taken back: contacts are hidden, meetings to come "
        "are cancelled, the other side and staff are notified.",
    )
    def post(self, request: Request, community_id: int, introduction_id: int) -> object:
        leave_introduction(
            by=current_user(request), introduction_id=introduction_id, side_id=community_id
        )
        return _answer(request, introduction_id)


@open_to(GET=Level.COMMUNITY)
class FollowUpsView(Private, ApiList):
    """What your community is asked of its introductions and can answer now, the newest first."""

    serializer_class = serializers.FollowUpSerializer

    def get_queryset(self) -> QuerySet[FollowUp]:
        return open_follow_ups_of(current_reader(self.request))


@open_to(POST=Level.COMMUNITY)
class FollowUpView(Private, ApiView):
    @operation(
        "Say whether it is worth going on",
        serializers.FollowUpSerializer,
        takes=FollowUpForm,
        description="Only your side and staff read the answer; the other side never learns of it. "
        "It improves how partners are suggested. It can be changed until `closes_at`.",
    )
    def post(
        self, request: Request, community_id: int, introduction_id: int, occasion: str, data: Data
    ) -> object:
        answer_follow_up(
            by=current_user(request),
            introduction_id=introduction_id,
            community_id=community_id,
            occasion=occasion,
            **data,
        )
        return follow_ups().get(
            introduction_id=introduction_id, community_id=community_id, occasion=occasion
        )


@open_to(GET=Level.COMMUNITY)
class ContactsView(Private, ApiView):
    @operation("The other side's contacts, under both consents", serializers.ContactsSerializer)
    def get(self, request: Request, community_id: int, introduction_id: int) -> object:
        contacts = contacts_for(current_user(request), introduction_id, community_id)
        return {"contacts": contacts}


def _staff_answer(user: User, introduction_id: int) -> Introduction:
    introduction = board(user).filter(pk=introduction_id).first()
    if introduction is None:
        raise NotVisible
    return introduction


@open_to(GET=Level.STAFF, POST=Level.CURATOR)
class BoardView(Private, ApiList):
    """Open introductions or those of one column, the newest first."""

    serializer_class = serializers.StaffIntroductionSerializer
    filter_form = BoardFilters

    def get_queryset(self) -> QuerySet[Introduction]:
        return board(current_user(self.request)).order_by("-id")

    @operation(
        "Open one by hand",
        serializers.StaffIntroductionSerializer,
        takes=serializers.OpenSerializer,
        status=201,
    )
    def post(self, request: Request, data: Data) -> object:
        me = current_user(request)
        return _staff_answer(me, open_introduction(by=me, **data).pk)


@open_to(GET=Level.STAFF)
class StaffIntroductionView(Private, ApiView):
    @operation("One introduction", serializers.StaffIntroductionSerializer)
    def get(self, request: Request, introduction_id: int) -> object:
        return _staff_answer(current_user(request), introduction_id)


@open_to(GET=Level.STAFF)
class StaffFollowUpsView(Private, ApiList):
    """What both sides were asked after the introduction, and their answers; the newest first."""

    serializer_class = serializers.FollowUpSerializer

    def get_queryset(self) -> QuerySet[FollowUp]:
        found = _staff_answer(current_user(self.request), self.kwargs["introduction_id"])
        return follow_ups().filter(introduction_id=found.pk).order_by("-id")


@open_to(POST=Level.CURATOR)
class MoveView(ApiView):
    @operation(
        "Move an introduction",
        serializers.StaffIntroductionSerializer,
        takes=MoveForm,
    )
    def post(self, request: Request, introduction_id: int, data: Data) -> object:
        me = current_user(request)
        move_introduction(by=me, introduction_id=introduction_id, **data)
        return _staff_answer(me, introduction_id)


@open_to(POST=Level.CURATOR)
class AssignView(ApiView):
    @operation(
        "Say who looks after it and until when",
        serializers.StaffIntroductionSerializer,
        takes=serializers.AssignSerializer,
    )
    def post(self, request: Request, introduction_id: int, data: Data) -> object:
        me = current_user(request)
        assign_introduction(by=me, introduction_id=introduction_id, **data)
        return _staff_answer(me, introduction_id)


@open_to(GET=Level.STAFF, POST=Level.CURATOR)
class NotesView(Private, ApiList):
    """Staff's notes on an introduction, the newest first."""

    serializer_class = serializers.NoteSerializer

    def get_queryset(self) -> QuerySet[IntroductionNote]:
        introduction = (
            board(current_user(self.request)).filter(pk=self.kwargs["introduction_id"]).first()
        )
        if introduction is None:
            raise NotVisible
        return introduction.notes.select_related("by").order_by("-id")

    @operation("Write a note", serializers.NoteSerializer, takes=NoteForm, status=201)
    def post(self, request: Request, introduction_id: int, data: Data) -> object:
        return write_note(by=current_user(request), introduction_id=introduction_id, **data)
