"""A profile as its owner works on it and looks at it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.cities.models import ExistingPartnership, Profile, VettingNote
from backend.cities.models.communities import Contact
from backend.cities.profile_schema import FORMS, STATED_STATUS
from backend.common.bounds import LARGEST_NUMBER, longest
from backend.web.introductions.serializers import ContactSerializer
from backend.web.public.serializers import (
    CommunityNameSerializer,
    CountryNameSerializer,
    ListedPartnerSerializer,
    PublishedDocumentField,
)
from backend.web.rest.base import StrictSerializer
from backend.web.rest.schema import DRAFT_DOCUMENT_SCHEMA


class MessagesField(serializers.DictField):
    """Messages by ``group.question``."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=serializers.ListField(child=serializers.CharField()), **kwargs)


@extend_schema_field(DRAFT_DOCUMENT_SCHEMA)
class DraftDocumentField(serializers.JSONField):
    pass


class LetterSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    original_name = serializers.CharField()
    content_type = serializers.CharField()
    at = serializers.DateTimeField()


class VettingNoteSerializer(serializers.Serializer):
    reason = serializers.ChoiceField(choices=VettingNote.Reason.choices)
    text = serializers.CharField()
    at = serializers.DateTimeField()
    answer = serializers.CharField(help_text="What the owner answered; may be empty")
    answered_at = serializers.DateTimeField(allow_null=True)


class DraftSerializer(serializers.Serializer):
    community_id = serializers.IntegerField()
    status = serializers.ChoiceField(choices=Profile.Status.choices)
    revision = serializers.IntegerField(
        source="draft_revision", help_text="Send it back with your next changes"
    )
    draft = DraftDocumentField()
    published_version = serializers.IntegerField(
        source="current_version.number", default=None, allow_null=True
    )
    confirmed_at = serializers.DateTimeField(allow_null=True)
    paused_until = serializers.DateField(
        allow_null=True, help_text="While paused: the first day on which it seeks again"
    )
    notes = VettingNoteSerializer(source="vetting_notes.all", many=True)
    errors = MessagesField(
        help_text="What is wrong with answers that are there, by `group.question`"
    )  # type: ignore[assignment]
    missing = MessagesField(help_text="What else must be answered before it can be submitted")


class DraftChangesSerializer(StrictSerializer):
    revision = serializers.IntegerField(
        min_value=0, max_value=LARGEST_NUMBER, help_text="The revision that you began from"
    )
    changes = DraftDocumentField(
        help_text="Groups with the answers that change; null removes an answer"
    )
    confirm = serializers.ListField(
        child=serializers.CharField(max_length=80),
        required=False,
        max_length=50,
        help_text="`group.question` of answers from open data that are right as they are; see "
        "`profile/sources/`",
    )


class PauseSerializer(StrictSerializer):
    until = serializers.DateField(
        required=False,
        allow_null=True,
        help_text="The first day on which it seeks again; none: until resumed",
    )


class ProfileStatusSerializer(serializers.Serializer):
    community_id = serializers.IntegerField()
    status = serializers.ChoiceField(choices=Profile.Status.choices)
    revision = serializers.IntegerField(source="draft_revision")
    published_version = serializers.IntegerField(
        source="current_version.number", default=None, allow_null=True
    )
    confirmed_at = serializers.DateTimeField(allow_null=True)
    paused_until = serializers.DateField(
        allow_null=True, help_text="While paused: the first day on which it seeks again"
    )


class ProfileVersionSerializer(serializers.Serializer):
    community_id = serializers.IntegerField(source="profile.community_id")
    number = serializers.IntegerField()
    published_at = serializers.DateTimeField()


class ContactEntrySerializer(StrictSerializer):
    name = serializers.CharField(max_length=longest(Contact, "name"))
    office = serializers.CharField(
        max_length=longest(Contact, "office"), required=False, default="", allow_blank=True
    )
    email = serializers.CharField(max_length=longest(Contact, "email"))
    phone = serializers.CharField(
        max_length=longest(Contact, "phone"), required=False, default="", allow_blank=True
    )


class ContactEntriesSerializer(StrictSerializer):
    contacts = ContactEntrySerializer(many=True, help_text="The first is the one to write to")


class OwnContactsSerializer(serializers.Serializer):
    contacts = ContactSerializer(many=True)


class TopicSerializer(serializers.Serializer):
    code = serializers.CharField(source="group.code")
    state = serializers.ChoiceField(
        choices=["done", "begun", "needed", "wrong", "to_confirm", "empty"]
    )
    answered = serializers.IntegerField(help_text="Questions with an answer")


class ProfileProgressSerializer(serializers.Serializer):
    topics = TopicSerializer(many=True, help_text="In the order of the form: the needed ones first")
    done = serializers.IntegerField()
    needed_left = serializers.ListField(
        child=serializers.CharField(), help_text="`group.question` without which nobody can submit"
    )
    wrong = serializers.ListField(
        child=serializers.CharField(), help_text="`group.question` that must be corrected"
    )
    minutes_needed = serializers.IntegerField(help_text="About, for what is needed")
    minutes_left = serializers.IntegerField(help_text="About, for everything")


class GainSerializer(serializers.Serializer):
    path = serializers.CharField(help_text="`group.question`")
    adds = serializers.FloatField(help_text="To the coverage, 0 to 1")


class CoverageSerializer(serializers.Serializer):
    coverage = serializers.FloatField(
        help_text="0 to 1: the mean of both directions over communities on the other side"
    )
    floor = serializers.FloatField(
        help_text="Below it, in either direction, a pair is not suggested"
    )
    compared_with = serializers.IntegerField(
        help_text="Communities looked at; 0: nobody seeks there yet"
    )
    gains = GainSerializer(many=True, help_text="Missing answers, the most valuable first")


class PreviewSerializer(serializers.Serializer):
    community = CommunityNameSerializer()
    profile = PublishedDocumentField()
    left_out = serializers.ListField(
        child=serializers.CharField(),
        help_text="`group.question` that cannot be published as it is",
    )


@extend_schema_field(
    {
        "description": "A number, true or false, or codes",
        "oneOf": [
            {"type": "number"},
            {"type": "boolean"},
            {"type": "array", "items": {"type": "string"}},
        ],
    }
)
class ValueField(serializers.JSONField):
    pass


class SourcedAnswerSerializer(serializers.Serializer):
    path = serializers.CharField(
        help_text="`group.question`; name it in `confirm` when you save, to confirm it as it is"
    )
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
    status = serializers.ChoiceField(choices=list(STATED_STATUS), help_text="By the community")
    state = serializers.ChoiceField(
        choices=ExistingPartnership.State.choices, help_text="What staff say"
    )
    note = serializers.CharField(help_text="Why staff did not confirm it")
