"""Suggestions as one side sees them, and as staff do."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.api.serializers.communities import CommunityNameSerializer
from backend.api.serializers.strict import FilterSerializer, StrictSerializer
from backend.suggestions.models import Decision, Suggestion
from backend.suggestions.wording import caveat_sentence, reason_sentences

_SIDE_STATES = ["open", "waiting", "declined", "withdrawn", "mutual", "introduced", "closed"]


class ContributionSerializer(serializers.Serializer):
    facet = serializers.CharField()
    share = serializers.FloatField(help_text="Its part of the preference; the parts sum to it")
    similarity = serializers.FloatField(allow_null=True)
    weight = serializers.FloatField()


class ReasonsSerializer(serializers.Serializer):
    sentences = serializers.ListField(child=serializers.CharField(), help_text="The strongest reasons, spoken to that side")
    caveat = serializers.CharField(help_text="The one caveat to know; may be empty")
    missing = serializers.ListField(child=serializers.CharField(), help_text="Facets that could not be compared")
    contributions = ContributionSerializer(many=True)


class SideSerializer(serializers.Serializer):
    community = CommunityNameSerializer()
    preference = serializers.FloatField(help_text="How well the other side fits this one, 0 to 1")
    coverage = serializers.FloatField(help_text="How much of that rests on known data, 0 to 1")
    reasons = ReasonsSerializer()


def _reasons(reasons: dict[str, Any], other: str) -> dict[str, Any]:
    return {
        "sentences": reason_sentences(reasons, other=other),
        "caveat": caveat_sentence(reasons, other=other),
        "missing": reasons.get("missing", []),
        "contributions": reasons.get("contributions", []),
    }


def side_values(community: Any, other: Any, preference: float, coverage: float, reasons: dict[str, Any]) -> dict[str, Any]:
    """What ``SideSerializer`` shows of one side of a pair."""
    return {"community": community, "preference": preference, "coverage": coverage, "reasons": _reasons(reasons, other.name)}


class SuggestionSerializer(serializers.Serializer):
    """A suggestion from one side. Nothing here depends on the other side's answer before both are interested."""

    id = serializers.IntegerField()
    state = serializers.ChoiceField(
        choices=_SIDE_STATES, help_text="open: yours to answer; waiting: you are interested; closed: its time ran out"
    )
    score = serializers.FloatField(help_text="Both directions together, 0 to 1")
    own = SideSerializer()
    other = SideSerializer()
    released_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    undo_until = serializers.DateTimeField(allow_null=True, help_text="Until when your own last answer can be undone")

    def to_representation(self, view: Any) -> Any:
        return super().to_representation(
            {
                "id": view.suggestion_id,
                "state": view.status_for_side,
                "score": view.score,
                "own": side_values(view.own, view.other, view.own_preference, view.own_coverage, view.own_reasons),
                "other": side_values(view.other, view.own, view.other_preference, view.other_coverage, view.other_reasons),
                "released_at": view.released_at,
                "expires_at": view.expires_at,
                "undo_until": view.undo_until,
            }
        )


class AnswerSerializer(StrictSerializer):
    answer = serializers.ChoiceField(choices=Decision.Answer.choices)
    reason = serializers.ChoiceField(
        choices=Decision.Reason.choices, required=False, default="", allow_blank=True, help_text="For a decline"
    )
    comment = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=2000, help_text="For staff; the other side never reads it"
    )


class StaffSideSerializer(SideSerializer):
    state = serializers.ChoiceField(choices=Suggestion.SideState.choices)
    rank = serializers.IntegerField(allow_null=True, help_text="Of the other side among this one's candidates")


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

    def to_representation(self, suggestion: Any) -> Any:
        sides = {}
        for own, other in (("a", "b"), ("b", "a")):
            community, partner = getattr(suggestion.pair, own), getattr(suggestion.pair, other)
            preference, coverage, reasons = (getattr(suggestion, f"{own}_{name}") for name in ("preference", "coverage", "reasons"))
            sides[own] = side_values(community, partner, preference, coverage, reasons) | {
                "state": getattr(suggestion, f"{own}_state"),
                "rank": getattr(suggestion, f"{own}_rank"),
            }
        names = ("id", "pair_id", "run_id", "status", "score", "created_at", "released_at", "expires_at", "closed_at")
        return super().to_representation({name: getattr(suggestion, name) for name in names} | sides)


class StaffSuggestionFilters(FilterSerializer):
    status = serializers.ChoiceField(choices=Suggestion.Status.choices, required=False)
    country = serializers.RegexField(r"^[A-Z]{2}$", required=False, help_text="Of either side")
    search = serializers.CharField(required=False, max_length=100, help_text="Words of either name")
