"""Versions of the facet weights: learned ones wait to be promoted, promoted ones are kept."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q


class WeightSet(models.Model):
    """Facet weights with what they were learned from and how well they did. New runs use the one in
    force, or the defaults.
    """

    weights = models.JSONField(help_text="As backend.suggestions.scoring reads them")
    source = models.CharField(max_length=60, help_text="learned, or who set them")
    metrics = models.JSONField(
        default=dict, help_text="Held-out calibration, beside that of the weights then in use"
    )
    decisions = models.PositiveIntegerField(help_text="How many decisions they rest on")
    created_at = models.DateTimeField(auto_now_add=True)
    in_force = models.BooleanField(default=False)
    promoted_at = models.DateTimeField(null=True)
    promoted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["in_force"], condition=Q(in_force=True), name="weights_one_in_force"
            ),
            models.CheckConstraint(
                name="weights_in_force_promoted",
                condition=Q(in_force=False)
                | Q(promoted_at__isnull=False, promoted_by__isnull=False),
            ),
        ]
