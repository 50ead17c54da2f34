"""Staff: the board of introductions, and notes on its cards."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.models import User
from backend.api.idempotency import idempotent
from backend.api.serializers import introductions as shapes
from backend.api.views.base import ApiList, ApiView, checked, person
from backend.api.views.private import Private
from backend.common.errors import NotVisible
from backend.introductions.board import filtered_board
from backend.introductions.models import Introduction, IntroductionNote
from backend.introductions.queries import board
from backend.introductions.services import assign, move, open_introduction, write_note


def _answer(user: User, introduction_id: int, status: int = 200) -> Response:
    introduction = board(user).filter(pk=introduction_id).first()
    if introduction is None:
        raise NotVisible
    return Response(shapes.StaffIntroductionSerializer(introduction).data, status=status)


class BoardView(Private, ApiList):
    """Open introductions or those of one column, the newest first."""

    serializer_class = shapes.StaffIntroductionSerializer
    filter_serializer = shapes.BoardFilters

    def get_queryset(self) -> QuerySet[Introduction]:
        return filtered_board(person(self.request), **self.filters()).order_by("-id")

    @extend_schema(summary="Open one by hand", request=shapes.OpenSerializer, responses={201: shapes.StaffIntroductionSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        me, asked = person(request), checked(shapes.OpenSerializer, request.data)
        return _answer(me, open_introduction(by=me, **asked).pk, status=201)


class StaffIntroductionView(Private, ApiView):
    @extend_schema(summary="One card", responses=shapes.StaffIntroductionSerializer)
    def get(self, request: Request, introduction_id: int) -> Response:
        return _answer(person(request), introduction_id)


class MoveView(ApiView):
    @extend_schema(summary="Move a card", request=shapes.MoveSerializer, responses=shapes.StaffIntroductionSerializer)
    @idempotent
    def post(self, request: Request, introduction_id: int) -> Response:
        me, asked = person(request), checked(shapes.MoveSerializer, request.data)
        move(by=me, introduction_id=introduction_id, **asked)
        return _answer(me, introduction_id)


class AssignView(ApiView):
    @extend_schema(
        summary="Say who looks after it and until when", request=shapes.AssignSerializer, responses=shapes.StaffIntroductionSerializer
    )
    @idempotent
    def post(self, request: Request, introduction_id: int) -> Response:
        me, asked = person(request), checked(shapes.AssignSerializer, request.data)
        assign(by=me, introduction_id=introduction_id, **asked)
        return _answer(me, introduction_id)


class NotesView(Private, ApiList):
    """Staff's notes on a card, the newest first."""

    serializer_class = shapes.NoteSerializer

    def get_queryset(self) -> QuerySet[IntroductionNote]:
        self.filters()
        card = board(person(self.request)).filter(pk=self.kwargs["introduction_id"]).first()
        if card is None:
            raise NotVisible
        return card.notes.select_related("by").order_by("-id")

    @extend_schema(summary="Write a note", request=shapes.WriteNoteSerializer, responses={201: shapes.NoteSerializer})
    @idempotent
    def post(self, request: Request, introduction_id: int) -> Response:
        asked = checked(shapes.WriteNoteSerializer, request.data)
        note = write_note(by=person(request), introduction_id=introduction_id, **asked)
        return Response(shapes.NoteSerializer(note).data, status=201)
