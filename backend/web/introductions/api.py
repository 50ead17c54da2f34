"""A community's introductions, consent and contacts; and the board of staff."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.models import User
from backend.common.errors import NotVisible
from backend.introductions.models import Introduction, IntroductionNote
from backend.introductions.queries.introductions import board, introductions_of
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
from backend.web.access import Level, open_to
from backend.web.introductions import serializers
from backend.web.introductions.forms import BoardFilters
from backend.web.rest.base import ApiList, ApiView, Private, current_reader, current_user, validated
from backend.web.rest.idempotency import idempotent

# A community's introductions: consent, and the contacts that open only under both.


def _answer(request: Request, community_id: int, introduction_id: int) -> Response:
    introduction = introductions_of(current_reader(request)).filter(pk=introduction_id).first()
    if introduction is None:
        raise NotVisible
    return Response(
        serializers.IntroductionSerializer(
            introduction, context={"community_id": community_id}
        ).data
    )


@open_to(GET=Level.COMMUNITY)
class IntroductionsView(Private, ApiList):
    serializer_class = serializers.IntroductionSerializer

    def get_queryset(self) -> QuerySet[Introduction]:
        return introductions_of(current_reader(self.request))

    def get_serializer_context(self) -> dict[str, Any]:
        return super().get_serializer_context() | {"community_id": self.kwargs.get("community_id")}


@open_to(GET=Level.COMMUNITY)
class IntroductionView(Private, ApiView):
    @extend_schema(summary="One introduction", responses=serializers.IntroductionSerializer)
    def get(self, request: Request, community_id: int, introduction_id: int) -> Response:
        return _answer(request, community_id, introduction_id)


@open_to(POST=Level.COMMUNITY, DELETE=Level.COMMUNITY)
class ConsentView(Private, ApiView):
    @extend_schema(
        summary="Let the other side read your contacts",
        request=None,
        responses=serializers.IntroductionSerializer,
    )
    @idempotent
    def post(self, request: Request, community_id: int, introduction_id: int) -> Response:
        give_consent(
            by=current_user(request), introduction_id=introduction_id, community_id=community_id
        )
        return _answer(request, community_id, introduction_id)

    @extend_schema(
        summary="Take the consent back",
        request=None,
        responses={200: serializers.IntroductionSerializer},
    )
    def delete(self, request: Request, community_id: int, introduction_id: int) -> Response:
        withdraw_consent(
            by=current_user(request), introduction_id=introduction_id, community_id=community_id
        )
        return _answer(request, community_id, introduction_id)


@open_to(POST=Level.COMMUNITY)
class LeaveView(Private, ApiView):
    @extend_schema(
        summary="Close the introduction from your side",
        request=None,
        responses=serializers.IntroductionSerializer,
    )
    @idempotent
    def post(self, request: Request, community_id: int, introduction_id: int) -> Response:
        leave_introduction(
            by=current_user(request), introduction_id=introduction_id, side_id=community_id
        )
        return _answer(request, community_id, introduction_id)


@open_to(GET=Level.COMMUNITY)
class ContactsView(Private, ApiView):
    @extend_schema(
        summary="The other side's contacts, under both consents",
        responses=serializers.ContactsSerializer,
    )
    def get(self, request: Request, community_id: int, introduction_id: int) -> Response:
        contacts = contacts_for(current_user(request), introduction_id, community_id)
        return Response(serializers.ContactsSerializer({"contacts": contacts}).data)


# Staff: the board of introductions, and notes on its cards.


def _staff_answer(user: User, introduction_id: int, status: int = 200) -> Response:
    introduction = board(user).filter(pk=introduction_id).first()
    if introduction is None:
        raise NotVisible
    return Response(serializers.StaffIntroductionSerializer(introduction).data, status=status)


@open_to(GET=Level.STAFF, POST=Level.CURATOR)
class BoardView(Private, ApiList):
    """Open introductions or those of one column, the newest first."""

    serializer_class = serializers.StaffIntroductionSerializer
    filter_form = BoardFilters

    def get_queryset(self) -> QuerySet[Introduction]:
        return board(current_user(self.request)).order_by("-id")

    @extend_schema(
        summary="Open one by hand",
        request=serializers.OpenSerializer,
        responses={201: serializers.StaffIntroductionSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        me, data = current_user(request), validated(serializers.OpenSerializer, request.data)
        return _staff_answer(me, open_introduction(by=me, **data).pk, status=201)


@open_to(GET=Level.STAFF)
class StaffIntroductionView(Private, ApiView):
    @extend_schema(summary="One card", responses=serializers.StaffIntroductionSerializer)
    def get(self, request: Request, introduction_id: int) -> Response:
        return _staff_answer(current_user(request), introduction_id)


@open_to(POST=Level.CURATOR)
class MoveView(ApiView):
    @extend_schema(
        summary="Move a card",
        request=serializers.MoveSerializer,
        responses=serializers.StaffIntroductionSerializer,
    )
    @idempotent
    def post(self, request: Request, introduction_id: int) -> Response:
        me, data = current_user(request), validated(serializers.MoveSerializer, request.data)
        move_introduction(by=me, introduction_id=introduction_id, **data)
        return _staff_answer(me, introduction_id)


@open_to(POST=Level.CURATOR)
class AssignView(ApiView):
    @extend_schema(
        summary="Say who looks after it and until when",
        request=serializers.AssignSerializer,
        responses=serializers.StaffIntroductionSerializer,
    )
    @idempotent
    def post(self, request: Request, introduction_id: int) -> Response:
        me, data = current_user(request), validated(serializers.AssignSerializer, request.data)
        assign_introduction(by=me, introduction_id=introduction_id, **data)
        return _staff_answer(me, introduction_id)


@open_to(GET=Level.STAFF, POST=Level.CURATOR)
class NotesView(Private, ApiList):
    """Staff's notes on a card, the newest first."""

    serializer_class = serializers.NoteSerializer

    def get_queryset(self) -> QuerySet[IntroductionNote]:
        card = board(current_user(self.request)).filter(pk=self.kwargs["introduction_id"]).first()
        if card is None:
            raise NotVisible
        return card.notes.select_related("by").order_by("-id")

    @extend_schema(
        summary="Write a note",
        request=serializers.WriteNoteSerializer,
        responses={201: serializers.NoteSerializer},
    )
    @idempotent
    def post(self, request: Request, introduction_id: int) -> Response:
        data = validated(serializers.WriteNoteSerializer, request.data)
        note = write_note(by=current_user(request), introduction_id=introduction_id, **data)
        return Response(serializers.NoteSerializer(note).data, status=201)
