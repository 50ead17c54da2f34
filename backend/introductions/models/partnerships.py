"""Partnerships: their life, what the two do together, their yearly reports, and why this pair came
together.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from backend.cities.models import Community
from backend.introductions.models.agreements import Agreement, AgreementType
from backend.suggestions.models import Pair


class Partnership(models.Model):
    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        REVIEW_DUE = "review_due", _("Review due")
        RENEWED = "renewed", _("Renewed")
        DORMANT = "dormant", _("Dormant")
        REVITALISING = "revitalising", _("Revitalising")
        SUSPENDED = "suspended", _("Suspended")
        ENDED = "ended", _("Ended")
        EMERITUS = "emeritus", _("Emeritus")

    pair = models.ForeignKey(Pair, on_delete=models.PROTECT, related_name="partnerships")
    agreement = models.OneToOneField(
        Agreement,
        on_delete=models.PROTECT,
        related_name="in_force_for",
        help_text="The latest in force",
    )
    form = models.CharField(max_length=12, choices=AgreementType.choices)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.ACTIVE)
    since = models.DateField()
    review_on = models.DateField(
        null=True, help_text="When the two look at it together; empty: no review was agreed"
    )
    awake_since = models.DateField(
        null=True, help_text="From when silence counts, where that is later than the beginning"
    )
    ended_on = models.DateField(null=True)
    report_asked_for = models.PositiveSmallIntegerField(
        null=True, help_text="The latest year whose report both sides were reminded of"
    )
    why = models.JSONField(
        default=dict,
        help_text="Why this pair: reasons, run, votes, decisions and history, frozen at the "
        "beginning",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["pair"],
                condition=~Q(status__in=["ended", "emeritus"]),
                name="partnership_one_living",
            ),
            models.CheckConstraint(
                name="partnership_status_known",
                condition=Q(
                    status__in=[
                        "active",
                        "review_due",
                        "renewed",
                        "dormant",
                        "revitalising",
                        "suspended",
                        "ended",
                        "emeritus",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="partnership_end_complete",
                condition=Q(status="ended", ended_on__isnull=False)
                | (~Q(status="ended") & Q(ended_on__isnull=True)),
            ),
        ]


class StatusChange(models.Model):
    """One step in a partnership's life, with the decision behind it. Rows are never changed."""

    partnership = models.ForeignKey(Partnership, on_delete=models.CASCADE, related_name="changes")
    old = models.CharField(max_length=12, choices=Partnership.Status.choices)
    new = models.CharField(max_length=12, choices=Partnership.Status.choices)
    community = models.ForeignKey(
        Community,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Whose act; empty: staff's or the service's",
    )
    decided_on = models.DateField()
    reference = models.CharField(max_length=200, blank=True, help_text="Of the council's decision")
    reason = models.TextField(blank=True, max_length=2000)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Empty: the service",
    )
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="change_changes", condition=~Q(old=F("new"))),
            models.CheckConstraint(
                name="change_end_is_decided",
                condition=~Q(new__in=["ended", "suspended"])
                | (Q(community__isnull=False, by__isnull=False) & ~Q(reference="")),
            ),
        ]


class Renewal(models.Model):
    """One side wants to go on. When both do, for the same review, the partnership is renewed."""

    partnership = models.ForeignKey(Partnership, on_delete=models.CASCADE, related_name="renewals")
    community = models.ForeignKey(Community, on_delete=models.PROTECT, related_name="+")
    review = models.DateField(help_text="The review that it answers")
    next_review_on = models.DateField()
    decided_on = models.DateField()
    reference = models.CharField(
        max_length=200, blank=True, help_text="Of the council's decision, where there is one"
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partnership", "community", "review"], name="renewal_once_a_side"
            ),
            models.CheckConstraint(
                name="renewal_looks_ahead", condition=Q(next_review_on__gt=F("decided_on"))
            ),
        ]


MOST_PEOPLE = 100_000  # of one side in one activity


class Activity(models.Model):
    """Something that the two did together, as one side wrote it down. Taken back, never deleted."""

    class Kind(models.TextChoices):
        VISIT = "visit", _("Visit")
        EXCHANGE = "exchange", _("Exchange")
        PROJECT = "project", _("Project")

    partnership = models.ForeignKey(
        Partnership, on_delete=models.CASCADE, related_name="activities"
    )
    community = models.ForeignKey(
        Community,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The side that wrote it down",
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    happened_on = models.DateField()
    text = models.TextField(max_length=4000)
    people_a = models.PositiveIntegerField(
        default=0, help_text="People of the pair's first community who took part"
    )
    people_b = models.PositiveIntegerField(default=0)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    retracted_at = models.DateTimeField(null=True)
    retracted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="activity_kind_known", condition=Q(kind__in=["visit", "exchange", "project"])
            ),
            models.CheckConstraint(
                name="activity_retraction_complete",
                condition=Q(retracted_at__isnull=True, retracted_by__isnull=True)
                | Q(retracted_at__isnull=False, retracted_by__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["partnership", "-happened_on"],
                name="activity_latest",
                condition=Q(retracted_at__isnull=True),
            ),
        ]


class YearlyReport(models.Model):
    """How one side saw one year. It may be rewritten until the next one is due; the trail holds
    every saving.
    """

    partnership = models.ForeignKey(Partnership, on_delete=models.CASCADE, related_name="reports")
    community = models.ForeignKey(Community, on_delete=models.PROTECT, related_name="+")
    year = models.PositiveSmallIntegerField()
    achieved = models.TextField(max_length=4000)
    difficulties = models.TextField(max_length=4000, blank=True)
    plans = models.TextField(max_length=4000, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    saved_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partnership", "community", "year"], name="report_once_a_side_and_year"
            )
        ]
