"""A draft as its owner looks at it from outside."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.api.serializers.communities import (
    CommunityNameSerializer,
    CountryNameSerializer,
    ListedPartnerSerializer,
    PublishedDocumentField,
)
from backend.cities.models import ExistingPartnership
from backend.cities.profile_schema import FORMS, PARTNERSHIP_STATUS


class TopicSerializer(serializers.Serializer):
    code = serializers.CharField(source="group.code")
    state = serializers.ChoiceField(choices=["done", "begun", "needed", "wrong", "to_confirm", "empty"])
    answered = serializers.IntegerField(help_text="Questions with an answer")


class ProfileProgressSerializer(serializers.Serializer):
    topics = TopicSerializer(many=True, help_text="In the order of the form: the needed ones first")
    done = serializers.IntegerField()
    needed_left = serializers.ListField(child=serializers.CharField(), help_text="`group.question` without which nobody can submit")
    wrong = serializers.ListField(child=serializers.CharField(), help_text="`group.question` that must be mended")
    minutes_needed = serializers.IntegerField(help_text="About, for what is needed")
    minutes_left = serializers.IntegerField(help_text="About, for everything")


class GainSerializer(serializers.Serializer):
    path = serializers.CharField(help_text="`group.question`")
    adds = serializers.FloatField(help_text="To the coverage, 0 to 1")


class CoverageSerializer(serializers.Serializer):
    coverage = serializers.FloatField(help_text="0 to 1: the mean of both directions over communities on the other side")
    floor = serializers.FloatField(help_text="Below it, in either direction, a pair is not suggested")
    compared_with = serializers.IntegerField(help_text="Communities looked at; 0: nobody seeks there yet")
    gains = GainSerializer(many=True, help_text="Missing answers, the most valuable first")


class PreviewSerializer(serializers.Serializer):
    community = CommunityNameSerializer()
    profile = PublishedDocumentField()
    left_out = serializers.ListField(child=serializers.CharField(), help_text="`group.question` that cannot be published as it is")


@extend_schema_field({"description": "A number, true or false, or codes", "oneOf": [
    {"type": "number"}, {"type": "boolean"}, {"type": "array", "items": {"type": "string"}},
]})  # fmt: skip
class ValueField(serializers.JSONField):
    pass


class SourcedAnswerSerializer(serializers.Serializer):
    path = serializers.CharField(help_text="`group.question`; name it in `confirm` when you save, to confirm it as it is")
    value = ValueField()
    name = serializers.CharField(help_text="The source")
    date = serializers.CharField(help_text="Of its edition, ISO 8601, as exact as it is known")
    licence = serializers.CharField()


class SourcesSerializer(serializers.Serializer):
    answers = SourcedAnswerSerializer(many=True)
    listed_partners = ListedPartnerSerializer(many=True, help_text="Not in the draft yet")


class ExistingPartnershipSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    country = CountryNameSerializer()
    place_id = serializers.IntegerField(allow_null=True, help_text="GeoNames id")
    year = serializers.IntegerField(allow_null=True)
    form = serializers.ChoiceField(choices=list(FORMS), allow_blank=True)
    status = serializers.ChoiceField(choices=list(PARTNERSHIP_STATUS), help_text="By the community")
    state = serializers.ChoiceField(choices=ExistingPartnership.State.choices, help_text="What staff say")
    note = serializers.CharField(help_text="Why staff did not confirm it")
