"""What curators say yes to while they vet."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from backend.cities.models.profiles import Profile, ProfileVersion


class VettingApproval(models.Model):
    """A curator's yes to one revision of a submitted profile. The first profile of a country needs
    two of them.
    """

    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="approvals")
    revision = models.PositiveIntegerField(
        help_text="The draft's revision that was read; a yes to an older one counts no more"
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    version = models.OneToOneField(
        ProfileVersion,
        null=True,
        on_delete=models.PROTECT,
        related_name="approval",
        help_text="What it published; empty: it needed a second",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["profile", "revision", "by"], name="approval_once_a_curator"
            )
        ]
