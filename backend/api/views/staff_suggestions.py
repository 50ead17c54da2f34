"""Staff: all suggestions, with both sides' answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.models import User
from backend.api.idempotency import idempotent
from backend.api.serializers import suggestions as shapes
from backend.api.views.base import ApiList, ApiView, person
from backend.common.errors import NotVisible
from backend.suggestions import services
from backend.suggestions.models import Suggestion
from backend.suggestions.queries import staff_suggestions


def _answer(user: User, suggestion_id: int) -> Response:
    suggestion = staff_suggestions(user).filter(pk=suggestion_id).first()
    if suggestion is None:
        raise NotVisible
    return Response(shapes.StaffSuggestionSerializer(suggestion).data)


class StaffSuggestionsView(ApiList):
    serializer_class = shapes.StaffSuggestionSerializer
    filter_serializer = shapes.StaffSuggestionFilters

    def get_queryset(self) -> QuerySet[Suggestion]:
        return staff_suggestions(person(self.request), **self.filters())


class StaffSuggestionView(ApiView):
    @extend_schema(summary="One suggestion with both answers", responses=shapes.StaffSuggestionSerializer)
    def get(self, request: Request, suggestion_id: int) -> Response:
        return _answer(person(request), suggestion_id)


class StaffSuggestionActView(ApiView):
    act = ""

    @extend_schema(request=None, responses=shapes.StaffSuggestionSerializer)
    @idempotent
    def post(self, request: Request, suggestion_id: int) -> Response:
        cast("Callable[..., Any]", getattr(services, self.act))(by=person(request), suggestion_id=suggestion_id)
        return _answer(person(request), suggestion_id)


@extend_schema(summary="Show it to both sides", methods=["POST"])
class ReleaseView(StaffSuggestionActView):
    act = "release"


@extend_schema(summary="Take it out of both sides' sight", methods=["POST"])
class HoldView(StaffSuggestionActView):
    act = "hold"
