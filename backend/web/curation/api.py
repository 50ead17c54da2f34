"""Staff: all suggestions with both sides' answers, release policy, exclusion rules, and pairs
proposed by hand.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db.models import QuerySet
from rest_framework.request import Request

from backend.accounts.models import User
from backend.common.errors import NotVisible
from backend.suggestions.eligibility import all_exclusion_rules
from backend.suggestions.models import ExclusionRule, PartnerRequest, ReleasePolicy, Suggestion
from backend.suggestions.queries import staff_suggestions
from backend.suggestions.services import hold, release
from backend.suggestions.services.curation import (
    Done,
    hold_many,
    lift_exclusion_rule,
    policy_history,
    release_many,
    set_exclusion_rule,
    set_policy,
)
from backend.suggestions.services.partner_requests import (
    accept_request,
    decline_request,
    staff_requests,
)
from backend.suggestions.services.proposals import assess_pair, propose_pair
from backend.web.access import Level, open_to
from backend.web.curation import serializers
from backend.web.curation.forms import (
    DeclineRequestForm,
    ProposePairForm,
    RequestFilters,
    SidesForm,
    SuggestionFilters,
)
from backend.web.curation.serializers import StaffSuggestionSerializer
from backend.web.rest.base import (
    ApiList,
    ApiView,
    Body,
    Data,
    current_user,
    operation,
    read_filters,
)


def _answer(user: User, suggestion_id: int) -> Suggestion:
    suggestion = staff_suggestions(user).filter(pk=suggestion_id).first()
    if suggestion is None:
        raise NotVisible
    return suggestion


@open_to(GET=Level.STAFF)
class StaffSuggestionsView(ApiList):
    serializer_class = StaffSuggestionSerializer
    filter_form = SuggestionFilters

    def get_queryset(self) -> QuerySet[Suggestion]:
        return staff_suggestions(current_user(self.request))


@open_to(GET=Level.STAFF)
class StaffSuggestionView(ApiView):
    @operation("One suggestion with both answers", StaffSuggestionSerializer)
    def get(self, request: Request, suggestion_id: int) -> object:
        return _answer(current_user(request), suggestion_id)


def _act(service: Callable[..., object], summary: str) -> type[ApiView]:
    @open_to(POST=Level.CURATOR)
    class SuggestionActView(ApiView):
        @operation(summary, StaffSuggestionSerializer)
        def post(self, request: Request, suggestion_id: int) -> Suggestion:
            service(by=current_user(request), suggestion_id=suggestion_id)
            return _answer(current_user(request), suggestion_id)

    return SuggestionActView


ReleaseView = _act(release, "Show it to both sides")
HoldView = _act(hold, "Take it out of both sides' sight")


@open_to(GET=Level.STAFF, POST=Level.CURATOR)
class PoliciesView(ApiList):
    """Release policies, the one in force first. An empty list: nobody has set one, all is released
    at once.
    """

    serializer_class = serializers.PolicySerializer

    def get_queryset(self) -> QuerySet[ReleasePolicy]:
        return policy_history(current_user(self.request))

    @operation(
        "Put a policy in force",
        serializers.PolicySerializer,
        takes=serializers.SetPolicySerializer,
        status=201,
    )
    def post(self, request: Request, data: Data) -> object:
        return set_policy(by=current_user(request), **data)


@open_to(GET=Level.STAFF, POST=Level.CURATOR)
class ExclusionRulesView(ApiList):
    """Exclusion rules with their history, the newest first."""

    serializer_class = serializers.ExclusionRuleSerializer

    def get_queryset(self) -> QuerySet[ExclusionRule]:
        return all_exclusion_rules(current_user(self.request))

    @operation(
        "Exclude a pair or a jurisdiction",
        serializers.ExclusionRuleSerializer,
        takes=serializers.SetExclusionRuleSerializer,
        status=201,
        description="What is open under it is taken back at once; neither side learns why.",
    )
    def post(self, request: Request, data: Data) -> object:
        me = current_user(request)
        made = set_exclusion_rule(by=me, **data)
        return all_exclusion_rules(me).get(pk=made.pk)


@open_to(POST=Level.CURATOR)
class LiftView(ApiView):
    @operation(
        "Lift an exclusion rule",
        serializers.ExclusionRuleSerializer,
        takes=serializers.LiftSerializer,
    )
    def post(self, request: Request, rule_id: int, data: Data) -> object:
        me = current_user(request)
        lift_exclusion_rule(by=me, rule_id=rule_id, **data)
        return all_exclusion_rules(me).get(pk=rule_id)


@open_to(GET=Level.CURATOR)
class AssessmentView(ApiView):
    filter_form = SidesForm

    @operation("How two communities would fit", serializers.AssessmentSerializer)
    def get(self, request: Request) -> object:
        data = read_filters(SidesForm, request.query_params, paged=False).chosen()
        return assess_pair(current_user(request), **data)


@open_to(POST=Level.CURATOR)
class ProposalsView(ApiView):
    @operation(
        "Propose a pair by hand", StaffSuggestionSerializer, takes=ProposePairForm, status=201
    )
    def post(self, request: Request, data: Data) -> object:
        me = current_user(request)
        made = propose_pair(by=me, **data)
        return staff_suggestions(me).get(pk=made.pk)


@open_to(GET=Level.STAFF)
class StaffRequestsView(ApiList):
    """Communities that others would like to meet, the latest answer first."""

    serializer_class = serializers.StaffRequestSerializer
    filter_form = RequestFilters

    def get_queryset(self) -> QuerySet[PartnerRequest]:
        return staff_requests(current_user(self.request))


def _request(user: User, asked_id: int) -> PartnerRequest:
    found = staff_requests(user).filter(pk=asked_id).first()
    if found is None:
        raise NotVisible
    return found


@open_to(GET=Level.STAFF)
class StaffRequestView(ApiView):
    @operation("One community that another would like to meet", serializers.StaffRequestSerializer)
    def get(self, request: Request, asked_id: int) -> object:
        return _request(current_user(request), asked_id)


def _decision(service: Callable[..., object], summary: str, takes: Body) -> type[ApiView]:
    @open_to(POST=Level.CURATOR)
    class RequestDecisionView(ApiView):
        @operation(summary, serializers.StaffRequestSerializer, takes=takes)
        def post(self, request: Request, asked_id: int, data: Data) -> object:
            service(by=current_user(request), request_id=asked_id, **data)
            return _request(current_user(request), asked_id)

    return RequestDecisionView


AcceptRequestView = _decision(
    accept_request, "Suggest the two to each other", serializers.AcceptRequestSerializer
)
DeclineRequestView = _decision(decline_request, "Do not suggest them", DeclineRequestForm)


def _act_on_several(service: Callable[..., Done], name: str) -> type[ApiView]:
    @open_to(POST=Level.CURATOR)
    class ActOnSeveralView(ApiView):
        @operation(
            f"{name.capitalize()} several",
            serializers.DoneSerializer,
            takes=serializers.ManySerializer,
            operation_id=f"staff_suggestions_{name}_several",
        )
        def post(self, request: Request, data: Data) -> object:
            result = service(by=current_user(request), **data)
            refused = [{"suggestion_id": pk, "why": why} for pk, why in result.refused.items()]
            return {"done": result.done, "refused": refused}

    return ActOnSeveralView


ReleaseManyView = _act_on_several(release_many, "release")
HoldManyView = _act_on_several(hold_many, "hold")
