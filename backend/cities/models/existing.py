"""Partnerships that a community had before it came: what its profile says of them, and whether
staff have confirmed it.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from backend.cities.models.communities import Community
from backend.cities.models.places import Country, Place


class ExistingPartnership(models.Model):
    """One partnership of a profile's group "partnerships", as the owner last submitted or published
    it.

    ``services.existing.propose_partnerships`` keeps the rows in step with the profile: a new or
    changed row is CLAIMED, one taken out of the profile is DROPPED. Staff answer a claim (CONFIRMED
    or REFUSED) by ``services.existing.answer_partnership``. The directory and the public page show
    confirmed rows alone (``existing_queries.confirmed_partnerships``); pairs that public lists name
    stand there anyway, as listed.
    """

    class State(models.TextChoices):
        CLAIMED = "claimed", _("Waits for staff")
        CONFIRMED = "confirmed", _("Confirmed")
        REFUSED = "refused", _("Not confirmed")
        DROPPED = "dropped", _("Taken out of the profile")

    community = models.ForeignKey(
        Community, on_delete=models.CASCADE, related_name="existing_partnerships"
    )
    name = models.CharField(max_length=200, help_text="The partner, as the owner calls it")
    name_key = models.CharField(
        max_length=200,
        help_text="The name as it is compared: see backend.cities.names.searched_name",
    )
    country = models.ForeignKey(Country, on_delete=models.PROTECT, related_name="+")
    place = models.ForeignKey(Place, null=True, on_delete=models.PROTECT, related_name="+")
    year = models.PositiveSmallIntegerField(null=True)
    form = models.CharField(
        max_length=12, blank=True, help_text="A code of backend.cities.profile_schema.FORMS"
    )
    status = models.CharField(
        max_length=10,
        default="unknown",
        help_text="By the owner: a code of profile_schema.PARTNERSHIP_STATUS",
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.CLAIMED)
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    claimed_at = models.DateTimeField()
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    answered_at = models.DateTimeField(null=True)
    note = models.CharField(
        max_length=500, blank=True, help_text="Why staff refused it: its owners read this"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["community", "country", "name_key"], name="existing_once"
            ),
            models.CheckConstraint(
                name="existing_state_known",
                condition=Q(state__in=["claimed", "confirmed", "refused", "dropped"]),
            ),
            models.CheckConstraint(
                name="existing_answer_complete",
                condition=~Q(state__in=["confirmed", "refused"]) | Q(answered_at__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["state", "claimed_at"], name="existing_to_confirm")]

    def __str__(self) -> str:
        return f"{self.name}, {self.country_id}"
