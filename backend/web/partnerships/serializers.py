"""Partnerships as their sides and staff see them: life, log, reports, health, and why this pair."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.common.dates import database_now
from backend.introductions.models import (
    Activity,
    AgreementType,
    Partnership,
)
from backend.introductions.queries.partnerships import health_of
from backend.web.public.serializers import CommunityNameSerializer


class HealthSerializer(serializers.Serializer):
    """Derived; `sentences` say why."""

    level = serializers.ChoiceField(choices=["good", "watch", "silent", "over"])
    label = serializers.CharField()  # type: ignore[assignment]  # a field of that name, as the framework allows
    sentences = serializers.ListField(child=serializers.CharField())


class LivedPartnershipSerializer(serializers.Serializer):
    """A partnership as its sides and staff see it."""

    id = serializers.IntegerField()
    form = serializers.ChoiceField(choices=AgreementType.choices)
    status = serializers.ChoiceField(choices=Partnership.Status.choices)
    since = serializers.DateField()
    review_on = serializers.DateField(allow_null=True)
    ended_on = serializers.DateField(allow_null=True)
    agreement_id = serializers.IntegerField()
    last_activity_on = serializers.DateField(allow_null=True)
    recognised = serializers.BooleanField()
    communities = CommunityNameSerializer(many=True)
    health = HealthSerializer()

    def to_representation(self, partnership: Any) -> Any:
        names = [str(name) for name in self.fields if name not in {"communities", "health"}]
        shown: dict[str, Any] = {
            name: getattr(partnership, self.sources.get(name, name)) for name in names
        }
        shown["communities"] = [partnership.pair.a, partnership.pair.b]
        shown["health"] = health_of(partnership, self.context.get("today") or database_now().date())
        return super().to_representation(shown)

    sources: dict[str, str] = {}


class ActivitySerializer(serializers.Serializer):
    id = serializers.IntegerField()
    community_id = serializers.IntegerField(help_text="The side that wrote it down")
    kind = serializers.ChoiceField(choices=Activity.Kind.choices)
    happened_on = serializers.DateField()
    text = serializers.CharField()
    people_a = serializers.IntegerField(help_text="Of the first of `communities`")
    people_b = serializers.IntegerField()


class ReportSerializer(serializers.Serializer):
    community_id = serializers.IntegerField()
    year = serializers.IntegerField()
    achieved = serializers.CharField()
    difficulties = serializers.CharField()
    plans = serializers.CharField()
    saved_at = serializers.DateTimeField()


class StatusChangeSerializer(serializers.Serializer):
    old = serializers.ChoiceField(choices=Partnership.Status.choices)
    new = serializers.ChoiceField(choices=Partnership.Status.choices)
    community_id = serializers.IntegerField(allow_null=True)
    decided_on = serializers.DateField()
    reference = serializers.CharField()
    reason = serializers.CharField()
    at = serializers.DateTimeField()


class RenewalGivenSerializer(serializers.Serializer):
    community_id = serializers.IntegerField()
    review = serializers.DateField(help_text="The review that it answers")
    next_review_on = serializers.DateField()
    decided_on = serializers.DateField()
    reference = serializers.CharField()


class PartnershipAgreementSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    form = serializers.ChoiceField(choices=AgreementType.choices)
    in_force_on = serializers.DateField()


class PartnershipDetailSerializer(LivedPartnershipSerializer):
    agreements = PartnershipAgreementSerializer(many=True, help_text="In force, the first first")
    activities = ActivitySerializer(many=True)
    reports = ReportSerializer(many=True)
    changes = StatusChangeSerializer(many=True)
    renewals = RenewalGivenSerializer(many=True)

    sources = {
        "activities": "log",
        "reports": "yearly",
        "changes": "steps",
        "renewals": "given",
        "agreements": "in_order",
    }


class WhySerializer(serializers.Serializer):
    why = serializers.JSONField(
        help_text="Frozen when the partnership began; a side reads its own votes, comments and "
        "declines alone"
    )
