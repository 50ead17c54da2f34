"""What staff decide about suggestions: when they are released, which pairs may not be suggested,
which they propose by hand, and which a community asks for.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from backend.cities.models import Community, Country
from backend.suggestions.models.pairs import Pair, Suggestion


class ReleasePolicy(models.Model):
    """What becomes of a new suggestion. Rows are only added: the newest is in force."""

    class Mode(models.TextChoices):
        ALL = "all", "Release all at once"
        ABOVE = "above", "Release those above a score"
        BY_HAND = "by_hand", "Staff release each by hand"

    mode = models.CharField(max_length=8, choices=Mode.choices)
    threshold = models.FloatField(
        null=True,
        help_text="Lowest score that is released by itself, in [0, 1]; for the mode above alone",
    )
    because = models.TextField(max_length=1000)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="release_policy_mode_known", condition=Q(mode__in=["all", "above", "by_hand"])
            ),
            models.CheckConstraint(
                name="release_policy_threshold_with_mode",
                condition=Q(mode="above", threshold__gte=0, threshold__lte=1)
                | (~Q(mode="above") & Q(threshold__isnull=True)),
            ),
        ]


class ExclusionRule(models.Model):
    """A dated, sourced rule of staff that one pair, or two jurisdictions, are not suggested to each
    other. Lifted, never deleted.

    Of one pair: ``pair``. Of jurisdictions: ``country`` abroad (narrowed by ``admin1_code``) with
    the whole United States or, narrowed by ``home_admin1_code``, with one state.
    """

    pair = models.ForeignKey(
        Pair, null=True, on_delete=models.PROTECT, related_name="exclusion_rules"
    )
    home_admin1_code = models.CharField(
        max_length=20, blank=True, help_text="State, as the gazetteer codes it; empty: all"
    )
    country = models.ForeignKey(Country, null=True, on_delete=models.PROTECT, related_name="+")
    admin1_code = models.CharField(
        max_length=20, blank=True, help_text="First-level division of the country; empty: all"
    )
    because = models.TextField(max_length=2000)
    source = models.TextField(
        max_length=1000, help_text="Where the rule comes from: a link or a reference in words"
    )
    from_on = models.DateField()
    until_on = models.DateField(null=True, help_text="Last day; empty: until lifted")
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField(auto_now_add=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    lifted_at = models.DateTimeField(null=True)
    lifted_because = models.TextField(max_length=2000, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="exclusion_rule_of_pair_or_jurisdiction",
                condition=Q(
                    pair__isnull=False, country__isnull=True, home_admin1_code="", admin1_code=""
                )
                | Q(pair__isnull=True, country__isnull=False),
            ),
            models.CheckConstraint(name="exclusion_rule_abroad", condition=~Q(country="US")),
            models.CheckConstraint(
                name="exclusion_rule_dates_ordered",
                condition=Q(until_on__isnull=True) | Q(until_on__gte=F("from_on")),
            ),
            models.CheckConstraint(
                name="exclusion_rule_explained", condition=~Q(because="") & ~Q(source="")
            ),
            models.CheckConstraint(
                name="exclusion_rule_lifting_complete",
                condition=Q(lifted_at__isnull=True, lifted_by__isnull=True, lifted_because="")
                | (Q(lifted_at__isnull=False, lifted_by__isnull=False) & ~Q(lifted_because="")),
            ),
        ]


class HandProposal(models.Model):
    """A suggestion that staff proposed, and why. It stays until it is answered or held."""

    suggestion = models.OneToOneField(
        Suggestion, on_delete=models.CASCADE, related_name="hand_proposal"
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    because = models.TextField(max_length=2000)
    overridden = models.JSONField(
        default=list, help_text="Codes of the wishes that spoke against it"
    )
    overridden_because = models.TextField(max_length=2000, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="hand_proposal_explained", condition=~Q(because="")),
            models.CheckConstraint(
                name="hand_proposal_override_explained",
                condition=Q(overridden=[]) | ~Q(overridden_because=""),
            ),
        ]


class PartnerRequest(models.Model):
    """A community that another would like to meet. Staff accept it, which makes a suggestion like
    any other; whatever else becomes of it, who asked reads the same words at ``answer_at``. The
    community that is named never learns of the request.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", "Waits for staff"
        ACCEPTED = "accepted", "Accepted"
        DECLINED = "declined", "Declined by staff"

    community = models.ForeignKey(
        Community, on_delete=models.CASCADE, related_name="partner_requests"
    )
    named = models.ForeignKey(Community, on_delete=models.CASCADE, related_name="+")
    note = models.TextField(max_length=1000, blank=True, help_text="Why; for staff")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    answer_at = models.DateTimeField(help_text="When who asked reads an answer, whatever it is")
    answered_at = models.DateTimeField(null=True, help_text="When that was announced")
    assessment = models.JSONField(
        default=dict, help_text="How the two fit, and what speaks against it; empty: not scored yet"
    )
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.WAITING)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    decided_because = models.TextField(max_length=2000, blank=True)
    suggestion = models.ForeignKey(
        Suggestion, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="partner_request_status_known",
                condition=Q(status__in=["waiting", "accepted", "declined"]),
            ),
            models.CheckConstraint(
                name="partner_request_of_two", condition=~Q(community=F("named"))
            ),
            models.UniqueConstraint(
                fields=["community", "named"],
                condition=Q(answered_at__isnull=True),
                name="partner_request_one_open",
            ),
            models.CheckConstraint(
                name="partner_request_decision_complete",
                condition=Q(status="waiting", decided_at__isnull=True, decided_by__isnull=True)
                | (
                    ~Q(status="waiting")
                    & Q(decided_at__isnull=False, decided_by__isnull=False)
                    & ~Q(decided_because="")
                ),
            ),
        ]
        indexes = [
            models.Index(
                fields=["answer_at"],
                name="partner_request_unanswered",
                condition=Q(answered_at__isnull=True),
            )
        ]
