"""Agreements: templates, immutable versions of a draft, the signed document, and what each side
confirmed.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from backend.cities.models import Community
from backend.introductions.models.introductions import Introduction


class AgreementType(models.TextChoices):
    FRIENDSHIP = "friendship", _("Friendship city")
    SISTER = "sister", _("Sister city")
    FIXED_TERM = "fixed_term", _("Fixed-term pact")
    PROJECT = "project", _("Single project")


class AgreementTemplate(models.Model):
    """The text from which drafts of one form begin. Never changed: staff write a further version,
    the highest number is in force.

    Number 0 is not stored; it is the text that the service is delivered with.
    """

    form = models.CharField(max_length=12, choices=AgreementType.choices)
    number = models.PositiveIntegerField()
    text = models.TextField(help_text="Paragraphs with placeholders in braces")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["form", "number"], name="template_number_once"),
            models.CheckConstraint(name="template_number_positive", condition=Q(number__gte=1)),
            models.CheckConstraint(
                name="template_form_known", condition=Q(form__in=AgreementType.values)
            ),
        ]


class Agreement(models.Model):
    """What both sides sign. Whether it is *recognised* is derived from its signatories and the
    listing rule, never stored.

    Its columns are the terms of its latest version.
    """

    class Status(models.TextChoices):
        DRAFT = "draft", _("Being drafted")
        SIGNING = "signing", _("Before both sides")
        IN_FORCE = "in_force", _("In force")
        WITHDRAWN = "withdrawn", _("Given up")

    introduction = models.ForeignKey(
        Introduction, on_delete=models.PROTECT, related_name="agreements"
    )
    partnership = models.ForeignKey(
        "introductions.Partnership",
        null=True,
        on_delete=models.PROTECT,
        related_name="agreements",
        help_text="The partnership that it began or carries on",
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    form = models.CharField(max_length=12, choices=AgreementType.choices)
    areas = models.JSONField(default=list, help_text="Theme codes")
    languages = models.JSONField(default=list, help_text="Languages of equal text")
    term_years = models.PositiveSmallIntegerField(null=True, help_text="Empty: open-ended")
    review_on = models.DateField(null=True)
    offered_number = models.PositiveIntegerField(
        null=True, help_text="The version that was last put before both sides; they read up to it"
    )
    in_force_on = models.DateField(null=True, help_text="The later of the two signatures")
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="agreement_form_known", condition=Q(form__in=AgreementType.values)
            ),
            models.CheckConstraint(
                name="agreement_status_known",
                condition=Q(status__in=["draft", "signing", "in_force", "withdrawn"]),
            ),
            models.CheckConstraint(
                name="agreement_fixed_term_has_term",
                condition=~Q(form="fixed_term") | Q(term_years__gte=1),
            ),
            models.CheckConstraint(
                name="agreement_signing_was_offered",
                condition=~Q(status="signing") | Q(offered_number__gte=1),
            ),
            models.CheckConstraint(
                name="agreement_in_force_complete",
                condition=~Q(status="in_force")
                | Q(partnership__isnull=False, in_force_on__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["introduction"],
                condition=Q(status__in=["draft", "signing"]),
                name="agreement_one_open",
            ),
        ]


class AgreementVersion(models.Model):
    """One version of a draft, for good: a trigger refuses UPDATE and DELETE."""

    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    template_number = models.PositiveIntegerField(
        help_text="Of the form's template from which the text began; 0: as delivered"
    )
    terms = models.JSONField(
        help_text="form, areas, languages, term_years, review_on and the two expected signatories"
    )
    text = models.TextField(help_text="As staff wrote it, with placeholders")
    body = models.TextField(help_text="The text with its placeholders filled, as the sides read it")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agreement", "number"], name="agreement_version_once"),
            models.CheckConstraint(name="agreement_version_positive", condition=Q(number__gte=1)),
        ]


class SignedDocument(models.Model):
    """The signed paper as a file. Stored under a random name, offered only as a download."""

    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="documents")
    community = models.ForeignKey(
        Community,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Who sent it; empty: staff",
    )
    version_number = models.PositiveIntegerField(
        help_text="The version that was before both sides: what was signed"
    )
    file = models.FileField(upload_to="agreements/", max_length=200)
    original_name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=40)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the file, hexadecimal")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)


class Signatory(models.Model):
    """One side confirms: this person signed that document for us, on that day, in that office."""

    agreement = models.ForeignKey(Agreement, on_delete=models.CASCADE, related_name="signatories")
    document = models.ForeignKey(
        SignedDocument,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="What the side read and confirmed",
    )
    community = models.ForeignKey(Community, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    office = models.CharField(max_length=120)
    is_highest_official = models.BooleanField(
        help_text="The highest elected or appointed official of the community"
    )
    signed_on = models.DateField()
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Of that side",
    )
    confirmed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agreement", "community"], name="signatory_one_per_side"
            )
        ]
