"""A community's suggestions, what its people do together before the answer, and its answers."""

from __future__ import annotations

import datetime as dt
from functools import cached_property
from typing import Any

from django.core.files.base import ContentFile
from django.db.models import QuerySet
from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.grants import Resource, Verb
from backend.common.dates import database_now
from backend.common.files import private_download
from backend.suggestions import services
from backend.suggestions.dossiers import dossier_bytes
from backend.suggestions.models import Suggestion
from backend.suggestions.pair_text import places_apart
from backend.suggestions.queries import SuggestionForSide, seen_from, suggestion_for
from backend.suggestions.reviews import (
    compared,
    queue,
    queue_counts,
    reviews_of,
    rule_of,
    votes_for_staff,
)
from backend.suggestions.services import answer_suggestion
from backend.web.access import Level, open_to
from backend.web.rest.base import (
    ApiList,
    ApiView,
    current_reader,
    current_user,
    read_filters,
    validated,
)
from backend.web.rest.idempotency import idempotent
from backend.web.suggestions import serializers
from backend.web.suggestions.forms import CompareForm, QueueForm
from backend.web.suggestions.serializers import SuggestionSerializer

# A community's suggestions, from its own side, and its answers.


@open_to(GET=Level.COMMUNITY)
class SuggestionsView(ApiList):
    """Suggested partners, the best first."""

    serializer_class = serializers.SuggestionSerializer
    filter_form = QueueForm

    def get_queryset(self) -> QuerySet[Suggestion]:
        found = queue(current_reader(self.request))
        return found.order_by("-expected_matches", "-score", "id")

    @cached_property
    def now(self) -> dt.datetime:
        """One moment for the whole page."""
        return database_now()

    def present(self, row: Any) -> SuggestionForSide:
        return seen_from(row, self.kwargs["community_id"], now=self.now)


@open_to(GET=Level.COMMUNITY)
class SuggestionDetailView(ApiView):
    @extend_schema(summary="One suggestion", responses=serializers.SuggestionSerializer)
    def get(self, request: Request, community_id: int, suggestion_id: int) -> Response:
        view = suggestion_for(current_reader(request), suggestion_id)
        return Response(serializers.SuggestionSerializer(view).data)


@open_to(POST=Level.COMMUNITY)
class AnswerView(ApiView):
    @extend_schema(
        summary="Answer for your community",
        description="Neither side learns the other's answer before both are interested; a decline "
        "is never shown.",
        request=serializers.AnswerSerializer,
        responses=serializers.SuggestionSerializer,
    )
    @idempotent
    def post(self, request: Request, community_id: int, suggestion_id: int) -> Response:
        me, data = current_user(request), validated(serializers.AnswerSerializer, request.data)
        choice = data.pop("answer")
        answer_suggestion(
            by=me, suggestion_id=suggestion_id, community_id=community_id, choice=choice, **data
        )
        view = suggestion_for(current_reader(request), suggestion_id)
        return Response(serializers.SuggestionSerializer(view).data)


# What a side's people do together before the answer, and taking an answer back.


def _review(request: Request, suggestion_id: int) -> Response:
    reader = current_reader(request)
    view = suggestion_for(reader, suggestion_id)
    return Response(serializers.ReviewSerializer(reviews_of(reader, [view])[suggestion_id]).data)


@open_to(GET=Level.COMMUNITY)
class QueueCountsView(ApiView):
    @extend_schema(
        summary="How many suggestions each filter shows",
        responses=serializers.QueueCountsSerializer,
    )
    def get(self, request: Request, community_id: int) -> Response:
        counts = queue_counts(current_reader(request))
        countries = [
            {"code": code, "name": name, "count": count} for code, name, count in counts.countries
        ]
        return Response(
            serializers.QueueCountsSerializer({"shown": counts.shown, "countries": countries}).data
        )


@open_to(GET=Level.COMMUNITY)
class CompareView(ApiView):
    filter_form = CompareForm

    @extend_schema(
        summary="Two to four candidates side by side", responses=serializers.ComparisonSerializer
    )
    def get(self, request: Request, community_id: int) -> Response:
        reader = current_reader(request)
        data = read_filters(CompareForm, request.query_params, paged=False).chosen()
        views = compared(reader, [int(value) for value in data["ids"].split(",")])
        reviews, today = reviews_of(reader, views), database_now().date()
        candidates = []
        for view in views:
            apart = places_apart(view.own, view.other, today)
            candidates.append(
                {
                    "suggestion": view,
                    "review": reviews[view.suggestion_id],
                    "distance_km": apart.distance_km,
                    "working_hours": apart.seasons,
                }
            )
        return Response(serializers.ComparisonSerializer({"candidates": candidates}).data)


@open_to(GET=Level.COMMUNITY)
class ReviewView(ApiView):
    @extend_schema(
        summary="Votes, comments and the rule for one suggestion",
        responses=serializers.ReviewSerializer,
    )
    def get(self, request: Request, community_id: int, suggestion_id: int) -> Response:
        return _review(request, suggestion_id)


@open_to(POST=Level.COMMUNITY)
class VoteView(ApiView):
    @extend_schema(
        summary="Vote, or change your vote",
        description="Until your community has answered.",
        request=serializers.CastVoteSerializer,
        responses=serializers.ReviewSerializer,
    )
    @idempotent
    def post(self, request: Request, community_id: int, suggestion_id: int) -> Response:
        user, data = current_user(request), validated(serializers.CastVoteSerializer, request.data)
        services.cast_vote(by=user, suggestion_id=suggestion_id, community_id=community_id, **data)
        return _review(request, suggestion_id)


@open_to(POST=Level.COMMUNITY)
class RemoveVoteView(ApiView):
    @extend_schema(
        summary="Take a vote back with its comment",
        request=serializers.RemoveVoteSerializer,
        responses=serializers.ReviewSerializer,
    )
    @idempotent
    def post(self, request: Request, community_id: int, suggestion_id: int) -> Response:
        user, data = (
            current_user(request),
            validated(serializers.RemoveVoteSerializer, request.data),
        )
        services.remove_vote(
            by=user,
            suggestion_id=suggestion_id,
            community_id=community_id,
            voter_id=data["voter_id"],
        )
        return _review(request, suggestion_id)


@open_to(POST=Level.COMMUNITY)
class ShortlistView(ApiView):
    @extend_schema(
        summary="Put it on your community's shortlist or take it off",
        request=serializers.ShortlistSerializer,
        responses=serializers.ReviewSerializer,
    )
    @idempotent
    def post(self, request: Request, community_id: int, suggestion_id: int) -> Response:
        user, data = current_user(request), validated(serializers.ShortlistSerializer, request.data)
        services.shortlist(
            by=user, suggestion_id=suggestion_id, community_id=community_id, listed=data["listed"]
        )
        return _review(request, suggestion_id)


@open_to(POST=Level.COMMUNITY)
class UndoView(ApiView):
    @extend_schema(
        summary="Undo your community's answer",
        description="While it has not taken effect: until `undo_until`. Nobody has been told of "
        "it.",
        request=None,
        responses=SuggestionSerializer,
    )
    @idempotent
    def post(self, request: Request, community_id: int, suggestion_id: int) -> Response:
        user = current_user(request)
        services.undo_answer(by=user, suggestion_id=suggestion_id, community_id=community_id)
        return Response(
            SuggestionSerializer(suggestion_for(current_reader(request), suggestion_id)).data
        )


@open_to(GET=Level.COMMUNITY, POST=Level.COMMUNITY)
class RuleView(ApiView):
    @extend_schema(
        summary="How your community comes to an answer", responses=serializers.RuleSerializer
    )
    def get(self, request: Request, community_id: int) -> Response:
        current_reader(request).require(Verb.READ, Resource.REVIEW)
        return Response(serializers.RuleSerializer(rule_of(community_id)).data)

    @extend_schema(
        summary="Set how your community comes to an answer",
        request=serializers.SetRuleSerializer,
        responses=serializers.RuleSerializer,
    )
    @idempotent
    def post(self, request: Request, community_id: int) -> Response:
        data = validated(serializers.SetRuleSerializer, request.data)
        rule = services.set_answer_rule(by=current_user(request), community_id=community_id, **data)
        return Response(serializers.RuleSerializer(rule).data)


@open_to(GET=Level.COMMUNITY)
class DossierView(ApiView):
    @extend_schema(
        summary="One page for a council meeting, as a PDF",
        responses={(200, "application/pdf"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, community_id: int, suggestion_id: int) -> FileResponse:
        content = dossier_bytes(current_reader(request), suggestion_id)
        return private_download(
            ContentFile(content),
            name=f"dossier-{suggestion_id}.pdf",
            content_type="application/pdf",
        )


@open_to(GET=Level.CURATOR)
class StaffVotesView(ApiView):
    @extend_schema(
        summary="Votes and comments of both sides", responses=serializers.StaffVotesSerializer
    )
    def get(self, request: Request, suggestion_id: int) -> Response:
        return Response(
            serializers.StaffVotesSerializer(
                {"votes": votes_for_staff(current_user(request), suggestion_id)}
            ).data
        )
