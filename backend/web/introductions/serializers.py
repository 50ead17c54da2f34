"""Introductions, consents, contacts, agreements and the partnerships that follow."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.common.bounds import LARGEST_ID
from backend.introductions.models import AgreementType, Introduction, Partnership
from backend.introductions.services.introductions import LONGEST_BECAUSE
from backend.suggestions.models import FollowUp
from backend.web.public.serializers import CommunityNameSerializer
from backend.web.rest.base import StrictSerializer


class IntroductionSerializer(serializers.Serializer):
    """An introduction as one of its two sides sees it."""

    id = serializers.IntegerField()
    stage = serializers.ChoiceField(choices=Introduction.Stage.choices)
    own = CommunityNameSerializer()
    other = CommunityNameSerializer()
    own_consent = serializers.BooleanField(help_text="Your side lets the other read its contacts")
    contacts_open = serializers.BooleanField(
        help_text="Both sides do; the other side's consent alone is not shown"
    )
    close_reason = serializers.CharField()
    opened_at = serializers.DateTimeField()

    def to_representation(self, introduction: Any) -> Any:
        pair, own_id = introduction.pair, self.context["community_id"]
        own, other = (pair.a, pair.b) if pair.a_id == own_id else (pair.b, pair.a)
        consented = {
            consent.community_id
            for consent in introduction.consents.all()
            if consent.withdrawn_at is None
        }
        names = {
            name: getattr(introduction, name)
            for name in ("id", "stage", "close_reason", "opened_at")
        }
        sides = {
            "own": own,
            "other": other,
            "own_consent": own.pk in consented,
            "contacts_open": len(consented) == 2,
        }
        return super().to_representation(names | sides)


class FollowUpSerializer(serializers.Serializer):
    """One question to one side: is it worth going on?"""

    introduction_id = serializers.IntegerField()
    community_id = serializers.IntegerField(help_text="The side that is asked")
    occasion = serializers.ChoiceField(choices=FollowUp.Occasion.choices)
    asked_at = serializers.DateTimeField()
    closes_at = serializers.DateTimeField(help_text="Until then the answer can be changed")
    is_open = serializers.BooleanField(
        help_text="False once its time is over, or the introduction goes on no more"
    )
    answer = serializers.ChoiceField(
        choices=FollowUp.Verdict.choices,
        allow_blank=True,
        help_text="Empty: not answered. For this side and staff alone",
    )
    answered_at = serializers.DateTimeField(allow_null=True)


class ContactSerializer(serializers.Serializer):
    name = serializers.CharField()
    office = serializers.CharField()
    email = serializers.CharField()
    phone = serializers.CharField()
    is_primary = serializers.BooleanField()


class ContactsSerializer(serializers.Serializer):
    contacts = ContactSerializer(
        many=True, help_text="Of the other side; empty unless both consents are active now"
    )


class StaffConsentSerializer(serializers.Serializer):
    community_id = serializers.IntegerField()
    given_at = serializers.DateTimeField()
    withdrawn_at = serializers.DateTimeField(allow_null=True)


class OwnerSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField(source="__str__")


class StaffIntroductionSerializer(serializers.Serializer):
    """An introduction on the board."""

    id = serializers.IntegerField()
    pair_id = serializers.IntegerField()
    suggestion_id = serializers.IntegerField(allow_null=True)
    stage = serializers.ChoiceField(choices=Introduction.Stage.choices)
    close_reason = serializers.CharField()
    communities = serializers.SerializerMethodField()
    owner = OwnerSerializer(allow_null=True)
    due_on = serializers.DateField(allow_null=True)
    opened_because = serializers.CharField()
    opened_at = serializers.DateTimeField()
    stage_since = serializers.DateTimeField()
    met_on = serializers.DateField(
        allow_null=True, help_text="Their first meeting, where staff recorded one held elsewhere"
    )
    consents = StaffConsentSerializer(source="consents.all", many=True)

    @extend_schema_field(CommunityNameSerializer(many=True))
    def get_communities(self, introduction: Introduction) -> Any:
        return CommunityNameSerializer([introduction.pair.a, introduction.pair.b], many=True).data


class OpenSerializer(StrictSerializer):
    pair_id = serializers.IntegerField(min_value=1, max_value=LARGEST_ID)
    because = serializers.CharField(
        max_length=LONGEST_BECAUSE, help_text="Why these two should meet; recorded"
    )


class NoteSerializer(serializers.Serializer):
    """What staff wrote on an introduction."""

    id = serializers.IntegerField()
    by = OwnerSerializer()
    text = serializers.CharField()
    at = serializers.DateTimeField()


class AssignSerializer(StrictSerializer):
    owner_id = serializers.IntegerField(
        min_value=1, max_value=LARGEST_ID, allow_null=True, help_text="A curator"
    )
    due_on = serializers.DateField(allow_null=True)


class PartnershipSerializer(serializers.Serializer):
    """A partnership recorded here. `recognised` is derived: both highest officials signed, and a
    side is a member in good standing.
    """

    id = serializers.IntegerField()
    form = serializers.ChoiceField(choices=AgreementType.choices)
    status = serializers.ChoiceField(choices=Partnership.Status.choices)
    since = serializers.DateField()
    communities = CommunityNameSerializer(many=True)
    recognised = serializers.BooleanField()

    def to_representation(self, partnership: Any) -> Any:
        names = {name: getattr(partnership, name) for name in ("id", "form", "status", "since")}
        sides = [partnership.pair.a, partnership.pair.b]
        return super().to_representation(
            names | {"communities": sides, "recognised": partnership.recognised}
        )
