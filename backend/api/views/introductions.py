"""A community's introductions: consent, and the contacts that open only under both."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.models import User
from backend.api.idempotency import idempotent
from backend.api.serializers import introductions as shapes
from backend.api.views.base import ApiList, ApiView, person
from backend.api.views.private import Private
from backend.common.errors import NotVisible
from backend.introductions.models import Introduction
from backend.introductions.queries import introductions_of
from backend.introductions.services import contacts_for, give_consent, leave_introduction, withdraw_consent


def _answer(user: User, community_id: int, introduction_id: int) -> Response:
    introduction = introductions_of(user, community_id).filter(pk=introduction_id).first()
    if introduction is None:
        raise NotVisible
    return Response(shapes.IntroductionSerializer(introduction, context={"community_id": community_id}).data)


class IntroductionsView(Private, ApiList):
    serializer_class = shapes.IntroductionSerializer

    def get_queryset(self) -> QuerySet[Introduction]:
        self.filters()
        return introductions_of(person(self.request), self.kwargs["community_id"])

    def get_serializer_context(self) -> dict[str, Any]:
        return super().get_serializer_context() | {"community_id": self.kwargs.get("community_id")}


class IntroductionView(Private, ApiView):
    @extend_schema(summary="One introduction", responses=shapes.IntroductionSerializer)
    def get(self, request: Request, community_id: int, introduction_id: int) -> Response:
        return _answer(person(request), community_id, introduction_id)


class ConsentView(Private, ApiView):
    @extend_schema(summary="Let the other side read your contacts", request=None, responses=shapes.IntroductionSerializer)
    @idempotent
    def post(self, request: Request, community_id: int, introduction_id: int) -> Response:
        give_consent(by=person(request), introduction_id=introduction_id, community_id=community_id)
        return _answer(person(request), community_id, introduction_id)

    @extend_schema(summary="Take the consent back", request=None, responses={200: shapes.IntroductionSerializer})
    def delete(self, request: Request, community_id: int, introduction_id: int) -> Response:
        withdraw_consent(by=person(request), introduction_id=introduction_id, community_id=community_id)
        return _answer(person(request), community_id, introduction_id)


class LeaveView(Private, ApiView):
    @extend_schema(summary="Close the introduction from your side", request=None, responses=shapes.IntroductionSerializer)
    @idempotent
    def post(self, request: Request, community_id: int, introduction_id: int) -> Response:
        leave_introduction(by=person(request), introduction_id=introduction_id, side_id=community_id)
        return _answer(person(request), community_id, introduction_id)


class ContactsView(Private, ApiView):
    @extend_schema(summary="The other side's contacts, under both consents", responses=shapes.ContactsSerializer)
    def get(self, request: Request, community_id: int, introduction_id: int) -> Response:
        contacts = contacts_for(person(request), introduction_id, community_id)
        return Response(shapes.ContactsSerializer({"contacts": contacts}).data)
