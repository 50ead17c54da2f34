"""Introductions: the columns of the staff's board, and the consents of both sides in them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from backend.cities.models import Community
from backend.suggestions.models import Pair, Suggestion


class Introduction(models.Model):
    class Stage(models.TextChoices):
        TO_INTRODUCE = "to_introduce", _("To introduce")
        INTRODUCED = "introduced", _("Introduced")
        FIRST_MEETING = "first_meeting", _("First meeting")
        EXPLORING = "exploring", _("Exploring")
        PROPOSAL = "proposal", _("Proposal")
        COUNCIL_RESOLUTION = "council_resolution", _("Council resolution")
        AGREEMENT = "agreement", _("Agreement")
        CLOSED = "closed", _("Closed")

    class CloseReason(models.TextChoices):
        SIDE_WITHDREW = "side_withdrew", _("A side withdrew")
        NO_RESPONSE = "no_response", _("No response")
        NO_COMMON_GROUND = "no_common_ground", _("No common ground found")
        COUNCIL_SAID_NO = "council_said_no", _("A council said no")
        OTHER = "other", _("Another reason")

    pair = models.ForeignKey(Pair, on_delete=models.PROTECT, related_name="introductions")
    suggestion = models.ForeignKey(
        Suggestion, null=True, on_delete=models.PROTECT, related_name="introductions"
    )
    stage = models.CharField(max_length=20, choices=Stage.choices, default=Stage.TO_INTRODUCE)
    close_reason = models.CharField(max_length=20, choices=CloseReason.choices, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="owned_introductions",
    )
    due_on = models.DateField(null=True)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    opened_because = models.TextField(
        blank=True, help_text="The recorded reason, where staff opened it by hand."
    )
    opened_at = models.DateTimeField(auto_now_add=True)
    met_on = models.DateField(
        null=True,
        help_text="When they first met, as staff recorded it; a meeting arranged here needs no such"
        " record.",
    )
    stage_since = models.DateTimeField(db_default=Now(), help_text="When it came into its column")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["pair"], condition=~Q(stage="closed"), name="introduction_one_open"
            ),
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
                condition=(Q(stage="closed") & ~Q(close_reason=""))
                | (~Q(stage="closed") & Q(close_reason="")),
            ),
            models.CheckConstraint(
                name="introduction_has_cause",
                condition=Q(suggestion__isnull=False)
                | (~Q(opened_because="") & Q(opened_by__isnull=False)),
            ),
        ]


class Consent(models.Model):
    """One side's consent, in one introduction, that the other may read its contacts. Withdrawn,
    never deleted.
    """

    introduction = models.ForeignKey(
        Introduction, on_delete=models.CASCADE, related_name="consents"
    )
    community = models.ForeignKey(Community, on_delete=models.CASCADE, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    given_at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["introduction", "community"],
                condition=Q(withdrawn_at__isnull=True),
                name="consent_one_active_per_side",
            ),
            models.CheckConstraint(
                name="consent_withdrawal_complete",
                condition=Q(withdrawn_at__isnull=True, withdrawn_by__isnull=True)
                | Q(withdrawn_at__isnull=False, withdrawn_by__isnull=False),
            ),
        ]


class IntroductionNote(models.Model):
    """What staff write on an introduction. Neither side reads it."""

    introduction = models.ForeignKey(Introduction, on_delete=models.CASCADE, related_name="notes")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.TextField(max_length=4000)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="introduction_note_has_text", condition=~Q(text=""))
        ]
