"""Introductions, the consents in them, agreements and partnerships."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from backend.cities.models import Community
from backend.suggestions.models import Pair, Suggestion


class Introduction(models.Model):
    class Stage(models.TextChoices):
        TO_INTRODUCE = "to_introduce", "To introduce"
        INTRODUCED = "introduced", "Introduced"
        FIRST_MEETING = "first_meeting", "First meeting"
        EXPLORING = "exploring", "Exploring"
        PROPOSAL = "proposal", "Proposal"
        COUNCIL_RESOLUTION = "council_resolution", "Council resolution"
        AGREEMENT = "agreement", "Agreement"
        CLOSED = "closed", "Closed"

    class CloseReason(models.TextChoices):
        SIDE_WITHDREW = "side_withdrew", "A side withdrew"
        NO_RESPONSE = "no_response", "No response"
        NO_COMMON_GROUND = "no_common_ground", "No common ground found"
        COUNCIL_SAID_NO = "council_said_no", "A council said no"
        OTHER = "other", "Another reason"

    pair = models.ForeignKey(Pair, on_delete=models.PROTECT, related_name="introductions")
    suggestion = models.ForeignKey(Suggestion, null=True, on_delete=models.PROTECT, related_name="introductions")
    stage = models.CharField(max_length=20, choices=Stage.choices, default=Stage.TO_INTRODUCE)
    close_reason = models.CharField(max_length=20, choices=CloseReason.choices, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="owned_introductions")
    due_on = models.DateField(null=True)
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    opened_because = models.TextField(blank=True, help_text="The recorded reason, where staff opened it by hand.")
    opened_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pair"], condition=~Q(stage="closed"), name="introduction_one_open"),
            models.CheckConstraint(
                name="introduction_stage_known",
                condition=Q(
                    stage__in=[
                        "to_introduce",
                        "introduced",
                        "first_meeting",
                        "exploring",
                        "proposal",
                        "council_resolution",
                        "agreement",
                        "closed",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="introduction_close_has_reason",
                condition=(Q(stage="closed") & ~Q(close_reason="")) | (~Q(stage="closed") & Q(close_reason="")),
            ),
            models.CheckConstraint(
                name="introduction_has_cause", condition=Q(suggestion__isnull=False) | (~Q(opened_because="") & Q(opened_by__isnull=False))
            ),
        ]


class Consent(models.Model):
    """One side's consent, in one introduction, that the other may read its contacts. Withdrawn, never deleted."""

    introduction = models.ForeignKey(Introduction, on_delete=models.CASCADE, related_name="consents")
    community = models.ForeignKey(Community, on_delete=models.CASCADE, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    given_at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["introduction", "community"], condition=Q(withdrawn_at__isnull=True), name="consent_one_active_per_side"
            ),
            models.CheckConstraint(
                name="consent_withdrawal_complete",
                condition=Q(withdrawn_at__isnull=True, withdrawn_by__isnull=True)
                | Q(withdrawn_at__isnull=False, withdrawn_by__isnull=False),
            ),
        ]


class Form(models.TextChoices):
    FRIENDSHIP = "friendship", "Friendship city"
    SISTER = "sister", "Sister city"
    FIXED_TERM = "fixed_term", "Fixed-term pact"
    PROJECT = "project", "Single project"


class Agreement(models.Model):
    """What both sides sign. Whether it is *recognised* is derived from its signatories and the listing rule, never stored."""

    introduction = models.ForeignKey(Introduction, on_delete=models.PROTECT, related_name="agreements")
    form = models.CharField(max_length=12, choices=Form.choices)
    areas = models.JSONField(default=list, help_text="Theme codes")
    languages = models.JSONField(default=list, help_text="Languages of equal text")
    term_years = models.PositiveSmallIntegerField(null=True, help_text="Empty: open-ended")
    review_on = models.DateField(null=True)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="agreement_form_known", condition=Q(form__in=Form.values)),
            models.CheckConstraint(name="agreement_fixed_term_has_term", condition=~Q(form="fixed_term") | Q(term_years__gte=1)),
        ]


class Signatory(models.Model):
    agreement = models.ForeignKey(Agreement, on_delete=models.CASCADE, related_name="signatories")
    community = models.ForeignKey(Community, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    office = models.CharField(max_length=120)
    is_highest_official = models.BooleanField(help_text="The highest elected or appointed official of the community")
    signed_on = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["agreement", "community"], name="signatory_one_per_side")]


class Partnership(models.Model):
    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        REVIEW_DUE = "review_due", "Review due"
        RENEWED = "renewed", "Renewed"
        DORMANT = "dormant", "Dormant"
        REVITALISING = "revitalising", "Revitalising"
        SUSPENDED = "suspended", "Suspended"
        ENDED = "ended", "Ended"
        EMERITUS = "emeritus", "Emeritus"

    pair = models.ForeignKey(Pair, on_delete=models.PROTECT, related_name="partnerships")
    agreement = models.OneToOneField(Agreement, on_delete=models.PROTECT, related_name="partnership")
    form = models.CharField(max_length=12, choices=Form.choices)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.ACTIVE)
    since = models.DateField()
    ended_on = models.DateField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pair"], condition=~Q(status__in=["ended", "emeritus"]), name="partnership_one_living"),
            models.CheckConstraint(
                name="partnership_status_known",
                condition=Q(status__in=["active", "review_due", "renewed", "dormant", "revitalising", "suspended", "ended", "emeritus"]),
            ),
            models.CheckConstraint(
                name="partnership_end_complete", condition=(Q(status="ended") & Q(ended_on__isnull=False)) | ~Q(status="ended")
            ),
        ]
