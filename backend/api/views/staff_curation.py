"""Staff: release policy, bars, several suggestions at once, and pairs proposed by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.models import User
from backend.api.idempotency import idempotent
from backend.api.serializers import curation as shapes
from backend.api.serializers.suggestions import StaffSuggestionSerializer
from backend.api.views.base import ApiList, ApiView, checked, person
from backend.suggestions.curation.bars import all_bars, lift_bar, set_bar
from backend.suggestions.curation.policy import policy_history, set_policy
from backend.suggestions.curation.proposing import assess_pair, propose_pair
from backend.suggestions.curation.releasing import Done, hold_many, release_many
from backend.suggestions.models import Bar, ReleasePolicy
from backend.suggestions.queries import staff_suggestions


class PoliciesView(ApiList):
    """Release policies, the one in force first. An empty list: nobody has set one, all is released at once."""

    serializer_class = shapes.PolicySerializer

    def get_queryset(self) -> QuerySet[ReleasePolicy]:
        self.filters()
        return policy_history(person(self.request))

    @extend_schema(summary="Put a policy in force", request=shapes.SetPolicySerializer, responses={201: shapes.PolicySerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        made = set_policy(by=person(request), **checked(shapes.SetPolicySerializer, request.data))
        return Response(shapes.PolicySerializer(made).data, status=201)


class BarsView(ApiList):
    """Bars with their history, the newest first."""

    serializer_class = shapes.BarSerializer

    def get_queryset(self) -> QuerySet[Bar]:
        self.filters()
        return all_bars(person(self.request))

    @extend_schema(
        summary="Bar a pair or a jurisdiction",
        description="What is open under it is taken back at once; neither side is told why.",
        request=shapes.SetBarSerializer,
        responses={201: shapes.BarSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        me = person(request)
        made = set_bar(by=me, **checked(shapes.SetBarSerializer, request.data))
        return Response(shapes.BarSerializer(all_bars(me).get(pk=made.pk)).data, status=201)


class LiftView(ApiView):
    @extend_schema(summary="Lift a bar", request=shapes.LiftSerializer, responses=shapes.BarSerializer)
    @idempotent
    def post(self, request: Request, bar_id: int) -> Response:
        me = person(request)
        lift_bar(by=me, bar_id=bar_id, **checked(shapes.LiftSerializer, request.data))
        return Response(shapes.BarSerializer(all_bars(me).get(pk=bar_id)).data)


class AssessmentView(ApiView):
    @extend_schema(summary="How two communities would fit", parameters=[shapes.SidesSerializer], responses=shapes.AssessmentSerializer)
    def get(self, request: Request) -> Response:
        asked = checked(shapes.SidesSerializer, request.query_params.dict())
        return Response(shapes.AssessmentSerializer(assess_pair(person(request), **asked)).data)


class ProposalsView(ApiView):
    @extend_schema(summary="Propose a pair by hand", request=shapes.ProposePairSerializer, responses={201: StaffSuggestionSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        me = person(request)
        made = propose_pair(by=me, **checked(shapes.ProposePairSerializer, request.data))
        return Response(StaffSuggestionSerializer(staff_suggestions(me).get(pk=made.pk)).data, status=201)


def _done(act: Callable[..., Done], user: User, data: Any) -> Response:
    result = act(by=user, **checked(shapes.ManySerializer, data))
    refused = [{"suggestion_id": pk, "why": why} for pk, why in result.refused.items()]
    return Response(shapes.DoneSerializer({"done": result.done, "refused": refused}).data)


class ReleaseManyView(ApiView):
    @extend_schema(
        operation_id="staff_suggestions_release_several",
        summary="Release several",
        request=shapes.ManySerializer,
        responses=shapes.DoneSerializer,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        return _done(release_many, person(request), request.data)


class HoldManyView(ApiView):
    @extend_schema(
        operation_id="staff_suggestions_hold_several",
        summary="Hold several",
        request=shapes.ManySerializer,
        responses=shapes.DoneSerializer,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        return _done(hold_many, person(request), request.data)
