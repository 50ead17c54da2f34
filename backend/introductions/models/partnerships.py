"""The partnerships that agreements begin."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from backend.introductions.models.agreements import Agreement, Form
from backend.suggestions.models import Pair


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
