"""A community's suggestions, from its own side, and its answers."""

from __future__ import annotations

import datetime as dt
from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.api.idempotency import idempotent
from backend.api.serializers import suggestions as shapes
from backend.api.serializers.reviews import QueueFilterSerializer
from backend.api.views.base import ApiList, ApiView, checked, person
from backend.common.clock import database_now
from backend.suggestions.models import Suggestion
from backend.suggestions.queries import SuggestionView, seen_from, suggestion_for
from backend.suggestions.reviewing import QueueFilters, queue
from backend.suggestions.services import answer


class SuggestionsView(ApiList):
    """Suggested partners, the best first."""

    serializer_class = shapes.SuggestionSerializer
    filter_serializer = QueueFilterSerializer

    def get_queryset(self) -> QuerySet[Suggestion]:
        filters = QueueFilters(**self.filters())
        return queue(person(self.request), self.kwargs["community_id"], filters).order_by("-meetings", "-score", "id")

    @cached_property
    def now(self) -> dt.datetime:
        """One moment for the whole page."""
        return database_now()

    def present(self, row: Any) -> SuggestionView:
        return seen_from(row, self.kwargs["community_id"], now=self.now)


class SuggestionDetailView(ApiView):
    @extend_schema(summary="One suggestion", responses=shapes.SuggestionSerializer)
    def get(self, request: Request, community_id: int, suggestion_id: int) -> Response:
        view = suggestion_for(person(request), suggestion_id, community_id=community_id)
        return Response(shapes.SuggestionSerializer(view).data)


class AnswerView(ApiView):
    @extend_schema(
        summary="Answer for your community",
        description="Neither side learns the other's answer before both are interested; a decline is never shown.",
        request=shapes.AnswerSerializer,
        responses=shapes.SuggestionSerializer,
    )
    @idempotent
    def post(self, request: Request, community_id: int, suggestion_id: int) -> Response:
        me, asked = person(request), checked(shapes.AnswerSerializer, request.data)
        answer(by=me, suggestion_id=suggestion_id, community_id=community_id, **asked)
        view = suggestion_for(me, suggestion_id, community_id=community_id)
        return Response(shapes.SuggestionSerializer(view).data)
