"""Submitted profiles, their signals and letters, as staff read them."""

from __future__ import annotations

from rest_framework import serializers

from backend.cities.documents import LETTER_LIMIT
from backend.cities.models import Profile
from backend.common.bounds import LARGEST_NUMBER
from backend.web.profiles.serializers import (
    DraftDocumentField,
    LetterSerializer,
    MessagesField,
    VettingNoteSerializer,
)
from backend.web.public.serializers import CommunityNameSerializer
from backend.web.rest.base import StrictSerializer


class LetterUploadSerializer(StrictSerializer):
    letter = serializers.FileField(
        help_text=f"PDF, JPEG or PNG, at most {LETTER_LIMIT // 2**20} MB", max_length=200
    )


class RegistrantSerializer(serializers.Serializer):
    name = serializers.CharField(source="user.name")
    email = serializers.CharField(source="user.email")
    role = serializers.CharField()
    vetted_at = serializers.DateTimeField(allow_null=True)


class SignalSerializer(serializers.Serializer):
    """Something a curator should know. A signal never decides."""

    code = serializers.CharField()
    tone = serializers.ChoiceField(
        choices=[("good", "Speaks for it"), ("plain", "Good to know"), ("look", "Look closer")]
    )
    sentence = serializers.CharField(help_text="What is so")
    meaning = serializers.CharField(help_text="What to make of it")


class ApprovalSerializer(serializers.Serializer):
    by = serializers.CharField(source="by.email")
    at = serializers.DateTimeField()
    revision = serializers.IntegerField()
    version = serializers.IntegerField(
        source="version.number", default=None, allow_null=True, help_text="What it published"
    )


class QueuedSerializer(serializers.Serializer):
    """A submitted profile in the vetting queue."""

    community = CommunityNameSerializer()
    status = serializers.ChoiceField(choices=Profile.Status.choices)
    submitted_at = serializers.DateTimeField(allow_null=True)
    revision = serializers.IntegerField(source="draft_revision")
    registrants = RegistrantSerializer(source="community.roles.all", many=True)
    letters = LetterSerializer(source="letters.all", many=True)
    signals = SignalSerializer(many=True)
    needs_two_approvals = serializers.BooleanField(
        help_text="The first profile of its country: two curators approve it"
    )
    first_approval = ApprovalSerializer(
        allow_null=True, help_text="One curator has said yes to this revision; a second one must"
    )


class SubmissionSerializer(QueuedSerializer):
    draft = DraftDocumentField()
    notes = VettingNoteSerializer(source="vetting_notes.all", many=True)
    errors = MessagesField(help_text="What would stop it from being published, by `group.question`")  # type: ignore[assignment]


class PublishSerializer(StrictSerializer):
    revision = serializers.IntegerField(
        min_value=0, max_value=LARGEST_NUMBER, help_text="The revision that you have read"
    )
