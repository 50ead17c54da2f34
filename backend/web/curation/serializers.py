"""Suggestions as staff see them, release policy, exclusion rules, and pairs proposed by hand."""

from __future__ import annotations

import datetime as dt
from functools import cached_property
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.common.bounds import LARGEST_ID, longest
from backend.common.dates import database_now
from backend.suggestions.models import (
    ExclusionRule,
    HandProposal,
    PartnerRequest,
    ReleasePolicy,
    Suggestion,
)
from backend.suggestions.services.curation import MOST_AT_ONCE
from backend.suggestions.services.proposals import Assessment
from backend.suggestions.sides import sides_of, state_in_effect
from backend.web.introductions.serializers import OwnerSerializer
from backend.web.public.serializers import CommunityNameSerializer
from backend.web.rest.base import StrictSerializer
from backend.web.suggestions.serializers import SideSerializer, pair_values


class StaffSideSerializer(SideSerializer):
    state = serializers.ChoiceField(choices=Suggestion.SideState.choices)
    rank = serializers.IntegerField(
        allow_null=True, help_text="Of the other side among this one's candidates"
    )


class StaffSuggestionSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    pair_id = serializers.IntegerField()
    run_id = serializers.IntegerField(allow_null=True)
    status = serializers.ChoiceField(choices=Suggestion.Status.choices)
    score = serializers.FloatField()
    a = StaffSideSerializer()
    b = StaffSideSerializer()
    created_at = serializers.DateTimeField()
    released_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)

    @cached_property
    def now(self) -> dt.datetime:
        """One moment for the whole page."""
        return database_now()

    def to_representation(self, suggestion: Any) -> Any:
        both = sides_of(suggestion)
        today = self.now.date()
        values = pair_values(both[0].fit, both[1].fit, read_by="staff", today=today)
        sides = {
            side.letter: shown
            | {"state": state_in_effect(side, self.now), "rank": side.value("rank")}
            for side, shown in zip(both, values, strict=True)
        }
        names = (
            "id",
            "pair_id",
            "run_id",
            "status",
            "score",
            "created_at",
            "released_at",
            "expires_at",
            "closed_at",
        )
        return super().to_representation(
            {name: getattr(suggestion, name) for name in names} | sides
        )


class PolicySerializer(serializers.Serializer):
    """A release policy; the newest is in force."""

    id = serializers.IntegerField()
    mode = serializers.ChoiceField(choices=ReleasePolicy.Mode.choices)
    threshold = serializers.FloatField(allow_null=True)
    because = serializers.CharField()
    set_by = OwnerSerializer()
    set_at = serializers.DateTimeField()


class SetPolicySerializer(StrictSerializer):
    mode = serializers.ChoiceField(choices=ReleasePolicy.Mode.choices)
    threshold = serializers.FloatField(
        min_value=0,
        max_value=1,
        required=False,
        allow_null=True,
        default=None,
        help_text="For `above` alone: the lowest score, a product of both sides' preferences",
    )
    because = serializers.CharField(
        max_length=longest(ReleasePolicy, "because"), help_text="Recorded"
    )


class ExclusionRuleSerializer(serializers.Serializer):
    """An exclusion rule of one pair (`communities`) or of two jurisdictions (`country`, narrowed by
    divisions).
    """

    id = serializers.IntegerField()
    communities = serializers.SerializerMethodField()
    home_admin1_code = serializers.CharField()
    country = serializers.CharField(source="country_id", allow_null=True)
    admin1_code = serializers.CharField()
    because = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # a field of the rule, not of the serializer
    from_on = serializers.DateField()
    until_on = serializers.DateField(allow_null=True)
    set_by = OwnerSerializer()
    set_at = serializers.DateTimeField()
    lifted_by = OwnerSerializer(allow_null=True)
    lifted_at = serializers.DateTimeField(allow_null=True)
    lifted_because = serializers.CharField()

    @extend_schema_field(CommunityNameSerializer(many=True))
    def get_communities(self, rule: ExclusionRule) -> Any:
        return CommunityNameSerializer(
            [rule.pair.a, rule.pair.b] if rule.pair else [], many=True
        ).data


class SetExclusionRuleSerializer(StrictSerializer):
    home_id = serializers.IntegerField(
        min_value=1, max_value=LARGEST_ID, required=False, help_text="With `abroad_id`: one pair"
    )
    abroad_id = serializers.IntegerField(min_value=1, max_value=LARGEST_ID, required=False)
    country = serializers.RegexField(
        r"^[A-Z]{2}$", required=False, help_text="Without a pair: the country abroad"
    )
    home_admin1_code = serializers.CharField(
        max_length=longest(ExclusionRule, "home_admin1_code"),
        required=False,
        help_text="Narrows it to one U.S. state",
    )
    admin1_code = serializers.CharField(
        max_length=longest(ExclusionRule, "admin1_code"),
        required=False,
        help_text="Narrows it to one division of the country",
    )
    because = serializers.CharField(max_length=longest(ExclusionRule, "because"))
    source = serializers.CharField(  # type: ignore[assignment]  # as above
        max_length=longest(ExclusionRule, "source"), help_text="A link or a reference"
    )
    from_on = serializers.DateField(help_text="First day, UTC")
    until_on = serializers.DateField(
        required=False, allow_null=True, default=None, help_text="Last day"
    )


class LiftSerializer(StrictSerializer):
    because = serializers.CharField(max_length=longest(ExclusionRule, "lifted_because"))


class EligibilityProblemSerializer(serializers.Serializer):
    code = serializers.CharField()
    words = serializers.CharField()
    hard = serializers.BooleanField(help_text="Cannot be set aside")


def _in_words(found: Assessment) -> tuple[dict[str, Any], ...]:
    today = database_now().date()
    return pair_values(*found.fits, read_by="staff", today=today) if found.fits else ()


class AssessmentSerializer(serializers.Serializer):
    """How a pair fits, and what speaks against it. Scores are empty where a side has no published
    profile.
    """

    score = serializers.FloatField(
        allow_null=True, help_text="Orders pairs; the likelihood of nothing"
    )
    home = SideSerializer(allow_null=True)
    abroad = SideSerializer(allow_null=True)
    is_possible = serializers.BooleanField()
    problems = EligibilityProblemSerializer(many=True)

    def to_representation(self, found: Assessment) -> Any:
        home, abroad = _in_words(found) or (None, None)
        values = {
            "score": found.score,
            "home": home,
            "abroad": abroad,
            "is_possible": found.is_possible,
            "problems": found.problems,
        }
        return super().to_representation(values)


class StaffRequestSerializer(serializers.Serializer):
    """A community that another would like to meet, with how the two fit. `community` has asked;
    `named` is told nothing.
    """

    id = serializers.IntegerField()
    community = CommunityNameSerializer()
    named = CommunityNameSerializer()
    note = serializers.CharField()
    by = OwnerSerializer()
    asked_at = serializers.DateTimeField()
    answer_at = serializers.DateTimeField(help_text="Until when staff can decide")
    status = serializers.ChoiceField(choices=PartnerRequest.Status.choices)
    assessment = serializers.JSONField(
        help_text="`score`, `home` and `abroad` with `preference`, `coverage` and `reasons`, and "
        "`problems`; empty until it is scored"
    )
    decided_by = OwnerSerializer(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    decided_because = serializers.CharField()
    suggestion_id = serializers.IntegerField(allow_null=True)


class AcceptRequestSerializer(StrictSerializer):
    because = serializers.CharField(
        max_length=longest(HandProposal, "because"), help_text="Recorded; neither side reads it"
    )
    overridden_because = serializers.CharField(
        max_length=longest(HandProposal, "overridden_because"),
        required=False,
        default="",
        help_text="Why wishes that speak against it are set aside",
    )


class ManySerializer(StrictSerializer):
    suggestion_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_ID),
        min_length=1,
        max_length=MOST_AT_ONCE,
    )


class RefusedSerializer(serializers.Serializer):
    suggestion_id = serializers.IntegerField()
    why = serializers.CharField()


class DoneSerializer(serializers.Serializer):
    done = serializers.ListField(child=serializers.IntegerField())
    refused = RefusedSerializer(many=True)
