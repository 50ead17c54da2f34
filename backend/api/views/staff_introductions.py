"""Staff: the board of introductions, and agreements."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.models import User
from backend.api.idempotency import idempotent
from backend.api.serializers import introductions as shapes
from backend.api.views.base import ApiList, ApiView, checked, person
from backend.common.errors import NotVisible
from backend.introductions.models import Introduction
from backend.introductions.queries import board
from backend.introductions.services import assign, move, open_introduction


def _answer(user: User, introduction_id: int, status: int = 200) -> Response:
    introduction = board(user).filter(pk=introduction_id).first()
    if introduction is None:
        raise NotVisible
    return Response(shapes.StaffIntroductionSerializer(introduction).data, status=status)


class BoardView(ApiList):
    """All introductions, the newest first."""

    serializer_class = shapes.StaffIntroductionSerializer
    filter_serializer = shapes.BoardFilters

    def get_queryset(self) -> QuerySet[Introduction]:
        return board(person(self.request)).filter(**self.filters()).order_by("-id")

    @extend_schema(summary="Open one by hand", request=shapes.OpenSerializer, responses={201: shapes.StaffIntroductionSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        me, asked = person(request), checked(shapes.OpenSerializer, request.data)
        return _answer(me, open_introduction(by=me, **asked).pk, status=201)


class StaffIntroductionView(ApiView):
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
