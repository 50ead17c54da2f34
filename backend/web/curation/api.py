"""Staff: all suggestions with both sides' answers, release policy, bars, and pairs proposed by
hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.models import User
from backend.common.errors import NotVisible
from backend.suggestions import services
from backend.suggestions.eligibility import all_exclusion_rules
from backend.suggestions.models import ExclusionRule, ReleasePolicy, Suggestion
from backend.suggestions.queries import staff_suggestions
from backend.suggestions.services.curation import (
    Done,
    hold_many,
    lift_exclusion_rule,
    policy_history,
    release_many,
    set_exclusion_rule,
    set_policy,
)
from backend.suggestions.services.proposals import assess_pair, propose_pair
from backend.web.access import Level, open_to
from backend.web.curation import serializers
from backend.web.curation.forms import SidesForm, SuggestionFilters
from backend.web.curation.serializers import StaffSuggestionSerializer
from backend.web.rest.base import ApiList, ApiView, current_user, read_filters, validated
from backend.web.rest.idempotency import idempotent

# Staff: all suggestions, with both sides' answers.


def _answer(user: User, suggestion_id: int) -> Response:
    suggestion = staff_suggestions(user).filter(pk=suggestion_id).first()
    if suggestion is None:
        raise NotVisible
    return Response(serializers.StaffSuggestionSerializer(suggestion).data)


@open_to(GET=Level.STAFF)
class StaffSuggestionsView(ApiList):
    serializer_class = serializers.StaffSuggestionSerializer
    filter_form = SuggestionFilters

    def get_queryset(self) -> QuerySet[Suggestion]:
        return staff_suggestions(current_user(self.request))


@open_to(GET=Level.STAFF)
class StaffSuggestionView(ApiView):
    @extend_schema(
        summary="One suggestion with both answers", responses=serializers.StaffSuggestionSerializer
    )
    def get(self, request: Request, suggestion_id: int) -> Response:
        return _answer(current_user(request), suggestion_id)


class StaffSuggestionActView(ApiView):
    act = ""

    @extend_schema(request=None, responses=serializers.StaffSuggestionSerializer)
    @idempotent
    def post(self, request: Request, suggestion_id: int) -> Response:
        cast("Callable[..., Any]", getattr(services, self.act))(
            by=current_user(request), suggestion_id=suggestion_id
        )
        return _answer(current_user(request), suggestion_id)


@open_to(POST=Level.CURATOR)
@extend_schema(summary="Show it to both sides", methods=["POST"])
class ReleaseView(StaffSuggestionActView):
    act = "release"


@open_to(POST=Level.CURATOR)
@extend_schema(summary="Take it out of both sides' sight", methods=["POST"])
class HoldView(StaffSuggestionActView):
    act = "hold"


# Staff: release policy, bars, several suggestions at once, and pairs proposed by hand.


@open_to(GET=Level.STAFF, POST=Level.CURATOR)
class PoliciesView(ApiList):
    """Release policies, the one in force first. An empty list: nobody has set one, all is released
    at once.
    """

    serializer_class = serializers.PolicySerializer

    def get_queryset(self) -> QuerySet[ReleasePolicy]:
        return policy_history(current_user(self.request))

    @extend_schema(
        summary="Put a policy in force",
        request=serializers.SetPolicySerializer,
        responses={201: serializers.PolicySerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        made = set_policy(
            by=current_user(request), **validated(serializers.SetPolicySerializer, request.data)
        )
        return Response(serializers.PolicySerializer(made).data, status=201)


@open_to(GET=Level.STAFF, POST=Level.CURATOR)
class BarsView(ApiList):
    """Bars with their history, the newest first."""

    serializer_class = serializers.BarSerializer

    def get_queryset(self) -> QuerySet[ExclusionRule]:
        return all_exclusion_rules(current_user(self.request))

    @extend_schema(
        summary="Bar a pair or a jurisdiction",
        description="What is open under it is taken back at once; neither side is told why.",
        request=serializers.SetBarSerializer,
        responses={201: serializers.BarSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        me = current_user(request)
        made = set_exclusion_rule(by=me, **validated(serializers.SetBarSerializer, request.data))
        return Response(
            serializers.BarSerializer(all_exclusion_rules(me).get(pk=made.pk)).data, status=201
        )


@open_to(POST=Level.CURATOR)
class LiftView(ApiView):
    @extend_schema(
        summary="Lift a bar",
        request=serializers.LiftSerializer,
        responses=serializers.BarSerializer,
    )
    @idempotent
    def post(self, request: Request, bar_id: int) -> Response:
        me = current_user(request)
        lift_exclusion_rule(
            by=me, rule_id=bar_id, **validated(serializers.LiftSerializer, request.data)
        )
        return Response(serializers.BarSerializer(all_exclusion_rules(me).get(pk=bar_id)).data)


@open_to(GET=Level.CURATOR)
class AssessmentView(ApiView):
    filter_form = SidesForm

    @extend_schema(
        summary="How two communities would fit",
        responses=serializers.AssessmentSerializer,
    )
    def get(self, request: Request) -> Response:
        data = read_filters(SidesForm, request.query_params, paged=False).chosen()
        return Response(
            serializers.AssessmentSerializer(assess_pair(current_user(request), **data)).data
        )


@open_to(POST=Level.CURATOR)
class ProposalsView(ApiView):
    @extend_schema(
        summary="Propose a pair by hand",
        request=serializers.ProposePairSerializer,
        responses={201: StaffSuggestionSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        me = current_user(request)
        made = propose_pair(by=me, **validated(serializers.ProposePairSerializer, request.data))
        return Response(
            StaffSuggestionSerializer(staff_suggestions(me).get(pk=made.pk)).data, status=201
        )


def _done(act: Callable[..., Done], user: User, data: Any) -> Response:
    result = act(by=user, **validated(serializers.ManySerializer, data))
    refused = [{"suggestion_id": pk, "why": why} for pk, why in result.refused.items()]
    return Response(serializers.DoneSerializer({"done": result.done, "refused": refused}).data)


@open_to(POST=Level.CURATOR)
class ReleaseManyView(ApiView):
    @extend_schema(
        operation_id="staff_suggestions_release_several",
        summary="Release several",
        request=serializers.ManySerializer,
        responses=serializers.DoneSerializer,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        return _done(release_many, current_user(request), request.data)


@open_to(POST=Level.CURATOR)
class HoldManyView(ApiView):
    @extend_schema(
        operation_id="staff_suggestions_hold_several",
        summary="Hold several",
        request=serializers.ManySerializer,
        responses=serializers.DoneSerializer,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        return _done(hold_many, current_user(request), request.data)
