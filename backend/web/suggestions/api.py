"""A community's suggestions, what its people do together before the answer, and its answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import cached_property
from typing import Any

from django.core.files.base import ContentFile
from django.db.models import QuerySet
from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from backend.accounts.grants import Resource, Verb
from backend.common.dates import database_now
from backend.common.files import private_download
from backend.suggestions import services
from backend.suggestions.dossiers import dossier_bytes
from backend.suggestions.models import Suggestion
from backend.suggestions.notices import STANDARD_ANSWER
from backend.suggestions.public_facts import places_apart
from backend.suggestions.queries import (
    SuggestionForSide,
    seen_from,
    suggestion_for,
    suggestion_or_what_is_left,
)
from backend.suggestions.reviews import (
    Review,
    compared,
    queue,
    queue_counts,
    reviews_of,
    rule_of,
    votes_for_staff,
)
from backend.suggestions.services import answer_suggestion
from backend.suggestions.services.partner_requests import ask_to_meet, requests_left, requests_of
from backend.suggestions.services.prospects import standing_of
from backend.web.access import Level, open_to
from backend.web.rest.base import (
    ApiList,
    ApiView,
    Body,
    Data,
    current_reader,
    current_user,
    operation,
    read_filters,
)
from backend.web.suggestions import serializers
from backend.web.suggestions.forms import (
    AnswerForm,
    CompareForm,
    PartnerRequestForm,
    QueueForm,
    SetAsideVoterForm,
    VoteForm,
)
from backend.web.suggestions.prospects import cause_words
from backend.web.suggestions.serializers import SuggestionSerializer


@open_to(GET=Level.COMMUNITY)
class SuggestionsView(ApiList):
    """Suggested partners: mutual interest first, then the best fit for both."""

    serializer_class = SuggestionSerializer
    filter_form = QueueForm

    def get_queryset(self) -> QuerySet[Suggestion]:
        return queue(current_reader(self.request))

    @cached_property
    def now(self) -> dt.datetime:
        """One moment for the whole page."""
        return database_now()

    def present(self, row: Any) -> SuggestionForSide:
        return seen_from(row, self.kwargs["community_id"], now=self.now)


@open_to(GET=Level.COMMUNITY)
class SuggestionDetailView(ApiView):
    @operation(
        "One suggestion",
        SuggestionSerializer,
        description="410 where it was offered and is no longer, whatever each side had answered; "
        "what your community wrote is still in its review.",
    )
    def get(self, request: Request, community_id: int, suggestion_id: int) -> object:
        return suggestion_for(current_reader(request), suggestion_id)


@open_to(POST=Level.COMMUNITY)
class AnswerView(ApiView):
    @operation(
        "Answer for your community",
        SuggestionSerializer,
        takes=AnswerForm,
        description="Neither side learns the other's answer before both are interested; a decline "
        "is never shown.",
    )
    def post(self, request: Request, community_id: int, suggestion_id: int, data: Data) -> object:
        me = current_user(request)
        choice = data.pop("answer")
        answer_suggestion(
            by=me, suggestion_id=suggestion_id, community_id=community_id, choice=choice, **data
        )
        return suggestion_for(current_reader(request), suggestion_id)


def _review(request: Request, suggestion_id: int) -> Review:
    reader = current_reader(request)
    view = suggestion_or_what_is_left(reader, suggestion_id)
    return reviews_of(reader, [view])[suggestion_id]


@open_to(GET=Level.COMMUNITY)
class QueueCountsView(ApiView):
    @operation("How many suggestions each filter shows", serializers.QueueCountsSerializer)
    def get(self, request: Request, community_id: int) -> object:
        counts = queue_counts(current_reader(request))
        countries = [
            {"code": code, "name": name, "count": count} for code, name, count in counts.countries
        ]
        return {"shown": counts.shown, "countries": countries}


@open_to(GET=Level.COMMUNITY)
class CompareView(ApiView):
    filter_form = CompareForm

    @operation("Two to four candidates side by side", serializers.ComparisonSerializer)
    def get(self, request: Request, community_id: int) -> object:
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
        return {"candidates": candidates}


@open_to(GET=Level.COMMUNITY)
class ReviewView(ApiView):
    @operation(
        "Votes, comments and the rule for one suggestion",
        serializers.ReviewSerializer,
        description="Also of a suggestion that is no longer offered (410 itself).",
    )
    def get(self, request: Request, community_id: int, suggestion_id: int) -> object:
        return _review(request, suggestion_id)


def _review_act(
    service: Callable[..., object], summary: str, takes: Body, **words: Any
) -> type[ApiView]:
    """The view of one act before the answer, answered with the review; ``service`` does it."""

    @open_to(POST=Level.COMMUNITY)
    class ReviewActView(ApiView):
        @operation(summary, serializers.ReviewSerializer, takes=takes, **words)
        def post(
            self, request: Request, community_id: int, suggestion_id: int, data: Data
        ) -> Review:
            known = {"suggestion_id": suggestion_id, "community_id": community_id}
            service(by=current_user(request), **known, **data)
            return _review(request, suggestion_id)

    return ReviewActView


@open_to(POST=Level.COMMUNITY)
class RemoveVoteView(ApiView):
    @operation("Take your vote back with its comment", serializers.ReviewSerializer)
    def post(self, request: Request, community_id: int, suggestion_id: int) -> object:
        services.remove_vote(
            by=current_user(request), suggestion_id=suggestion_id, community_id=community_id
        )
        return _review(request, suggestion_id)


VoteView = _review_act(
    services.cast_vote,
    "Vote, or change your vote",
    VoteForm,
    description="Until your community has answered.",
)
SetVoteAsideView = _review_act(
    services.set_vote_aside,
    "Set a colleague's vote aside, with a reason",
    SetAsideVoterForm,
    description="It does not count until it is put back; its voter is notified of the reason.",
)
PutVoteBackView = _review_act(
    services.put_vote_back, "Let a vote count again that was set aside", serializers.VoterSerializer
)
ShortlistView = _review_act(
    services.shortlist,
    "Put it on your community's shortlist or take it off",
    serializers.ShortlistSerializer,
)


@open_to(POST=Level.COMMUNITY)
class UndoView(ApiView):
    @operation(
        "Undo your community's answer",
        SuggestionSerializer,
        description="While it has not taken effect: until `undo_until`. Nobody has learnt of it.",
    )
    def post(self, request: Request, community_id: int, suggestion_id: int) -> object:
        user = current_user(request)
        services.undo_answer(by=user, suggestion_id=suggestion_id, community_id=community_id)
        return suggestion_for(current_reader(request), suggestion_id)


@open_to(GET=Level.COMMUNITY, POST=Level.COMMUNITY)
class RuleView(ApiView):
    @operation("How your community comes to an answer", serializers.RuleSerializer)
    def get(self, request: Request, community_id: int) -> object:
        current_reader(request).require(Verb.READ, Resource.REVIEW)
        return rule_of(community_id)

    @operation(
        "Set how your community comes to an answer",
        serializers.RuleSerializer,
        takes=serializers.SetRuleSerializer,
    )
    def post(self, request: Request, community_id: int, data: Data) -> object:
        return services.set_answer_rule(by=current_user(request), community_id=community_id, **data)


@open_to(GET=Level.COMMUNITY)
class ProspectsView(ApiView):
    @operation(
        "Why there are few suggestions, and what would change it", serializers.StandingSerializer
    )
    def get(self, request: Request, community_id: int) -> object:
        found = standing_of(current_reader(request))
        causes = [
            {"code": cause.code, "words": cause_words(cause), "figures": cause.figures}
            for cause in found.causes
        ]
        names = ("open", "is_few", "nearest", "version")
        return {name: getattr(found, name) for name in names} | {"causes": causes}


@open_to(GET=Level.COMMUNITY, POST=Level.COMMUNITY)
class PartnerRequestsView(ApiView):
    @operation("Communities that yours would like to meet", serializers.PartnerRequestsSerializer)
    def get(self, request: Request, community_id: int) -> object:
        return {
            "requests": requests_of(current_reader(request)),
            "left": requests_left(community_id),
            "answer": STANDARD_ANSWER,
        }

    @operation(
        "Name a community that yours would like to meet",
        serializers.PartnerRequestSerializer,
        takes=PartnerRequestForm,
        status=201,
        description="Staff look at it. The community that is named learns nothing of it; if staff "
        "accept, it reads a suggestion like any other. Asked again while it waits, the request "
        "stays as it is.",
    )
    def post(self, request: Request, community_id: int, data: Data) -> object:
        return ask_to_meet(by=current_user(request), community_id=community_id, **data)


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
    @operation("Votes and comments of both sides", serializers.StaffVotesSerializer)
    def get(self, request: Request, suggestion_id: int) -> object:
        return {"votes": votes_for_staff(current_user(request), suggestion_id)}
