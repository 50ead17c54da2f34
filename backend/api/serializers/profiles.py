"""A profile as its owner and staff work on it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.api.schema import DRAFT_DOCUMENT_SCHEMA
from backend.api.serializers.communities import CommunityNameSerializer
from backend.api.serializers.introductions import ContactSerializer
from backend.api.serializers.strict import StrictSerializer
from backend.cities.models import Profile, VettingNote


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


class AnswerChangesSerializer(StrictSerializer):
    answer = serializers.CharField(max_length=4000, help_text="What you changed, or why it should stay as it is")


class DraftSerializer(serializers.Serializer):
    community_id = serializers.IntegerField()
    status = serializers.ChoiceField(choices=Profile.Status.choices)
    revision = serializers.IntegerField(source="draft_revision", help_text="Send it back with your next changes")
    draft = DraftDocumentField()
    published_version = serializers.IntegerField(source="current_version.number", default=None, allow_null=True)
    confirmed_at = serializers.DateTimeField(allow_null=True)
    paused_until = serializers.DateField(allow_null=True, help_text="While paused: the first day on which it seeks again")
    notes = VettingNoteSerializer(source="vetting_notes.all", many=True)
    errors = MessagesField(help_text="What is wrong with answers that are there, by `group.question`")  # type: ignore[assignment]
    missing = MessagesField(help_text="What else must be answered before it can be submitted")


class DraftChangesSerializer(StrictSerializer):
    revision = serializers.IntegerField(min_value=0, max_value=2**31 - 1, help_text="The revision that you began from")
    changes = DraftDocumentField(help_text="Groups with the answers that change; null removes an answer")
    confirm = serializers.ListField(
        child=serializers.CharField(max_length=80), required=False, max_length=50,
        help_text="`group.question` of answers from open data that are right as they are; see `profile/sources/`",
    )  # fmt: skip


class PauseSerializer(StrictSerializer):
    until = serializers.DateField(required=False, allow_null=True, help_text="The first day on which it seeks again; none: until resumed")


class ProfileStatusSerializer(serializers.Serializer):
    community_id = serializers.IntegerField()
    status = serializers.ChoiceField(choices=Profile.Status.choices)
    revision = serializers.IntegerField(source="draft_revision")
    published_version = serializers.IntegerField(source="current_version.number", default=None, allow_null=True)
    confirmed_at = serializers.DateTimeField(allow_null=True)
    paused_until = serializers.DateField(allow_null=True, help_text="While paused: the first day on which it seeks again")


class LetterUploadSerializer(StrictSerializer):
    letter = serializers.FileField(help_text="PDF, JPEG or PNG, at most 10 MB", max_length=200)


class RegistrantSerializer(serializers.Serializer):
    name = serializers.CharField(source="user.name")
    email = serializers.CharField(source="user.email")
    role = serializers.CharField()
    vetted_at = serializers.DateTimeField(allow_null=True)


class SignalSerializer(serializers.Serializer):
    """Something a curator should know. A signal never decides."""

    code = serializers.CharField()
    tone = serializers.ChoiceField(choices=[("good", "Speaks for it"), ("plain", "Good to know"), ("look", "Look closer")])
    sentence = serializers.CharField(help_text="What is so")
    meaning = serializers.CharField(help_text="What to make of it")


class ApprovalSerializer(serializers.Serializer):
    by = serializers.CharField(source="by.email")
    at = serializers.DateTimeField()
    revision = serializers.IntegerField()
    version = serializers.IntegerField(source="version.number", default=None, allow_null=True, help_text="What it published")


class QueuedSerializer(serializers.Serializer):
    """A submitted profile in the vetting queue."""

    community = CommunityNameSerializer()
    status = serializers.ChoiceField(choices=Profile.Status.choices)
    submitted_at = serializers.DateTimeField(allow_null=True)
    revision = serializers.IntegerField(source="draft_revision")
    registrants = RegistrantSerializer(source="community.roles.all", many=True)
    letters = LetterSerializer(source="letters.all", many=True)
    signals = SignalSerializer(many=True)
    needs_two_approvals = serializers.BooleanField(help_text="The first profile of its country: two curators approve it")
    first_approval = ApprovalSerializer(allow_null=True, help_text="One curator has said yes to this revision; a second one must")


class SubmissionSerializer(QueuedSerializer):
    draft = DraftDocumentField()
    notes = VettingNoteSerializer(source="vetting_notes.all", many=True)
    errors = MessagesField(help_text="What would stop it from being published, by `group.question`")  # type: ignore[assignment]


class RequestChangesSerializer(StrictSerializer):
    reason = serializers.ChoiceField(choices=VettingNote.Reason.choices)
    text = serializers.CharField(max_length=4000)


class PublishSerializer(StrictSerializer):
    revision = serializers.IntegerField(min_value=0, max_value=2**31 - 1, help_text="The revision that you have read")


class ProfileVersionSerializer(serializers.Serializer):
    community_id = serializers.IntegerField(source="profile.community_id")
    number = serializers.IntegerField()
    published_at = serializers.DateTimeField()


class ContactEntrySerializer(StrictSerializer):
    name = serializers.CharField(max_length=120)
    office = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)
    email = serializers.CharField(max_length=254)
    phone = serializers.CharField(max_length=40, required=False, default="", allow_blank=True)


class ContactEntriesSerializer(StrictSerializer):
    contacts = ContactEntrySerializer(many=True, help_text="The first is the one to write to")


class BreakGlassSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=500, help_text="Why these contacts must be read now; in the trail for good")


class OwnContactsSerializer(serializers.Serializer):
    contacts = ContactSerializer(many=True)
