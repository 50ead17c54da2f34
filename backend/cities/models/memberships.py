"""Membership of the network, and the lists of members that staff bring in."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from backend.cities.models.communities import Community


class Membership(models.Model):
    """A community's membership in the network: a U.S. member, or a Global Member abroad."""

    class Standing(models.TextChoices):
        GOOD = "good", _("In good standing")
        LAPSED = "lapsed", _("Lapsed")

    class DuesClass(models.TextChoices):
        UNDER_25K = "under_25k", _("Under 25,000")
        UNDER_100K = "under_100k", _("25,000 to 99,999")
        UNDER_500K = "under_500k", _("100,000 to 499,999")
        LARGE = "large", _("500,000 and more")

    community = models.ForeignKey(Community, on_delete=models.CASCADE, related_name="memberships")
    dues_class = models.CharField(max_length=12, choices=DuesClass.choices)
    started_on = models.DateField()
    paid_through = models.DateField(
        null=True,
        help_text="The last day that dues cover; empty: no such day is recorded, nothing lapses",
    )
    ended_on = models.DateField(null=True)
    standing = models.CharField(max_length=8, choices=Standing.choices, default=Standing.GOOD)
    reminded_for = models.DateField(
        null=True, help_text="The last day of the term of which the community was reminded"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["community"],
                condition=Q(ended_on__isnull=True),
                name="membership_one_current",
            ),
            models.CheckConstraint(
                name="membership_dates_ordered",
                condition=Q(ended_on__isnull=True) | Q(ended_on__gte=F("started_on")),
            ),
            models.CheckConstraint(
                name="membership_term_ordered",
                condition=Q(paid_through__isnull=True) | Q(paid_through__gte=F("started_on")),
            ),
            models.CheckConstraint(
                name="membership_standing_known", condition=Q(standing__in=["good", "lapsed"])
            ),
        ]


class MemberImport(models.Model):
    """A list of members that staff sent, checked row by row. Applied as it was shown, once, or
    never.
    """

    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    file_name = models.CharField(max_length=200)
    read_as = models.CharField(max_length=40, help_text="Kind of file and, for text, its encoding")
    rows = models.JSONField(
        help_text="What each row of the file would do, or why it cannot be taken; see cities.member_plans"
    )
    checked_at = models.DateTimeField(auto_now_add=True)
    applied_at = models.DateTimeField(null=True)
