"""Agreements: versions, signed documents, confirmations, and the templates from which they
begin.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.common.bounds import LARGEST_ID, LARGEST_NUMBER, longest
from backend.introductions.documents import LONGEST_TEXT
from backend.introductions.models import Agreement, AgreementType, Signatory
from backend.introductions.services.agreements import is_recognised
from backend.introductions.services.drafts import LONGEST_TERM
from backend.web.public.serializers import CommunityNameSerializer
from backend.web.rest.base import StrictSerializer


class ExpectedSignatorySerializer(StrictSerializer):
    community_id = serializers.IntegerField(min_value=1, max_value=LARGEST_ID)
    name = serializers.CharField(max_length=longest(Signatory, "name"), allow_blank=True)
    office = serializers.CharField(max_length=longest(Signatory, "office"), allow_blank=True)


class TermsSerializer(serializers.Serializer):
    form = serializers.ChoiceField(choices=AgreementType.choices)
    areas = serializers.ListField(child=serializers.CharField(), help_text="Codes of themes")
    languages = serializers.ListField(child=serializers.CharField(), help_text="Of equal text")
    term_years = serializers.IntegerField(allow_null=True)
    review_on = serializers.DateField(allow_null=True)
    signatories = ExpectedSignatorySerializer(many=True)


class VersionSerializer(serializers.Serializer):
    """One version, for good. `text` has placeholders, `body` is what the sides read."""

    number = serializers.IntegerField()
    template_number = serializers.IntegerField(
        help_text="Of the form's template from which it began; 0: as delivered"
    )
    terms = TermsSerializer()
    text = serializers.CharField()
    body = serializers.CharField()
    at = serializers.DateTimeField()


class SignatorySerializer(serializers.Serializer):
    community_id = serializers.IntegerField()
    name = serializers.CharField()
    office = serializers.CharField()
    is_highest_official = serializers.BooleanField()
    signed_on = serializers.DateField()
    document_id = serializers.IntegerField(help_text="The document that the side confirmed")
    confirmed_at = serializers.DateTimeField()


class DocumentSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    community_id = serializers.IntegerField(allow_null=True, help_text="Who sent it; null: staff")
    version_number = serializers.IntegerField(help_text="The version that was signed")
    original_name = serializers.CharField()
    content_type = serializers.CharField()
    digest = serializers.CharField(help_text="SHA-256 of the file, hexadecimal")
    at = serializers.DateTimeField()


class AgreementSerializer(serializers.Serializer):
    """An agreement. `recognised` is derived from its signatories and the listing rule."""

    id = serializers.IntegerField()
    introduction_id = serializers.IntegerField()
    partnership_id = serializers.IntegerField(allow_null=True)
    status = serializers.ChoiceField(choices=Agreement.Status.choices)
    form = serializers.ChoiceField(choices=AgreementType.choices)
    areas = serializers.ListField(child=serializers.CharField())
    languages = serializers.ListField(child=serializers.CharField())
    term_years = serializers.IntegerField(allow_null=True)
    review_on = serializers.DateField(allow_null=True)
    offered_number = serializers.IntegerField(
        allow_null=True, help_text="The version that is before both sides"
    )
    in_force_on = serializers.DateField(allow_null=True)
    recorded_at = serializers.DateTimeField()
    communities = serializers.SerializerMethodField()
    signatories = SignatorySerializer(source="signatories.all", many=True)

    @extend_schema_field(CommunityNameSerializer(many=True))
    def get_communities(self, agreement: Agreement) -> Any:
        pair = agreement.introduction.pair
        return CommunityNameSerializer([pair.a, pair.b], many=True).data


class AgreementDetailSerializer(AgreementSerializer):
    recognised = serializers.SerializerMethodField()
    documents = DocumentSerializer(source="documents.all", many=True)

    def get_recognised(self, agreement: Agreement) -> bool:
        return is_recognised(agreement)


class SaveVersionSerializer(StrictSerializer):
    based_on = serializers.IntegerField(
        min_value=1, max_value=LARGEST_NUMBER, help_text="The number of the version you began from"
    )
    form = serializers.ChoiceField(choices=AgreementType.choices)
    areas = serializers.ListField(
        child=serializers.CharField(max_length=60), max_length=50, help_text="Codes of themes"
    )
    languages = serializers.ListField(
        child=serializers.CharField(max_length=10), max_length=50, help_text="Of equal text"
    )
    term_years = serializers.IntegerField(
        allow_null=True, required=False, default=None, min_value=1, max_value=LONGEST_TERM
    )
    review_on = serializers.DateField(allow_null=True, required=False, default=None)
    signatories = ExpectedSignatorySerializer(many=True, min_length=2, max_length=2)  # type: ignore[call-arg]  # of the list that many= makes
    text = serializers.CharField(max_length=LONGEST_TEXT, trim_whitespace=False)


class DocumentUploadSerializer(StrictSerializer):
    document = serializers.FileField(allow_empty_file=True)


class ChangeSerializer(serializers.Serializer):
    kind = serializers.ChoiceField(choices=["same", "gone", "new"])
    line = serializers.CharField(allow_blank=True)


class ChangesSerializer(serializers.Serializer):
    changes = ChangeSerializer(many=True)


class VersionsSerializer(serializers.Serializer):
    versions = VersionSerializer(many=True, help_text="The newest first")


class TemplateSerializer(serializers.Serializer):
    form = serializers.ChoiceField(choices=AgreementType.choices)
    number = serializers.IntegerField()
    text = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)


class TemplatesSerializer(serializers.Serializer):
    versions = TemplateSerializer(
        many=True, help_text="The newest, which is in force, first; 0 is as delivered"
    )
