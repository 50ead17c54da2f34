"""Partnerships as their sides and staff see them: life, log, reports, health, and why this pair."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.cities.models import ExistingPartnership
from backend.cities.profile_schema import STATED_STATUS
from backend.cities.services.statements import NamedPartner
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


class StatementOfPartnerSerializer(serializers.Serializer):
    status = serializers.ChoiceField(choices=list(STATED_STATUS))
    year = serializers.IntegerField(allow_null=True)
    state = serializers.ChoiceField(
        choices=ExistingPartnership.State.choices, help_text="What staff say"
    )
    note = serializers.CharField(help_text="Why staff did not confirm it")


class NamedPartnerSerializer(serializers.Serializer):
    """A partner that somebody names, with what the community says of it."""

    key = serializers.CharField()
    name = serializers.CharField()
    admin1 = serializers.CharField(help_text="State, province or the like; may be empty")
    country = serializers.CharField(help_text="ISO 3166-1 alpha-2")
    place_id = serializers.IntegerField(allow_null=True, help_text="GeoNames id")
    lists = serializers.ListField(
        child=serializers.CharField(), help_text="Tags of public lists that name it"
    )
    theirs = StatementOfPartnerSerializer(
        allow_null=True, help_text="What the partner says, where staff have confirmed it"
    )
    own = StatementOfPartnerSerializer(allow_null=True, help_text="What the community says")


class NamedPartnersSerializer(serializers.Serializer):
    results = NamedPartnerSerializer(many=True)


class StatedSerializer(serializers.Serializer):
    partner = NamedPartnerSerializer(
        allow_null=True,
        help_text="As it is afterwards; empty where `not_ours` took it out of the profile, because "
        "nobody else names it",
    )


def named_partner(one: NamedPartner) -> dict[str, Any]:
    """A named partner with the names its serializer takes."""
    return {
        "key": one.key,
        "name": one.name,
        "admin1": one.place.admin1 if one.place is not None else "",
        "country": one.country,
        "place_id": one.place.pk if one.place is not None else None,
        "lists": one.lists,
        "theirs": one.theirs,
        "own": one.own,
    }
