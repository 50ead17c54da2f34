"""Pairs, the suggestions made of them, what each side answered then and later, and how it made up
its mind.
"""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from backend.cities.models import Community
from backend.common.dates import database_now


class Pair(models.Model):
    """Two communities of two countries, stored once: ``a`` has the smaller id."""

    class BlockReason(models.TextChoices):
        TO_INTRODUCE = "to_introduce", "Staff prepare an introduction; the sides do not know it yet"
        INTRODUCED = "introduced", _("Introduced by staff")
        PARTNERS = "partners", _("Partners already")

    a = models.ForeignKey(Community, on_delete=models.CASCADE, related_name="pairs_as_a")
    b = models.ForeignKey(Community, on_delete=models.CASCADE, related_name="pairs_as_b")
    a_country = models.CharField(max_length=2)
    b_country = models.CharField(max_length=2)
    closed_until = models.DateTimeField(null=True, help_text="Cooling period after a decline.")
    block_reason = models.CharField(
        max_length=12,
        choices=BlockReason.choices,
        blank=True,
        help_text="Why no suggestion may be made of it, whatever its score",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="pair_block_reason_known",
                condition=Q(block_reason__in=["", "to_introduce", "introduced", "partners"]),
            ),
            models.UniqueConstraint(fields=["a", "b"], name="pair_once"),
            models.CheckConstraint(name="pair_ordered", condition=Q(a__lt=F("b"))),
            models.CheckConstraint(
                name="pair_two_countries", condition=~Q(a_country=F("b_country"))
            ),
        ]


class SuggestionQuerySet(models.QuerySet["Suggestion"]):
    def open(self) -> SuggestionQuerySet:
        return self.filter(status__in=Suggestion.OPEN)

    def visible_to_communities(self) -> SuggestionQuerySet:
        """What the two sides may see: from release on, never a proposal or one that staff hold."""
        return self.filter(status__in=Suggestion.VISIBLE)

    def of_community(self, community_id: int) -> SuggestionQuerySet:
        return self.filter(Q(pair__a_id=community_id) | Q(pair__b_id=community_id))


class Suggestion(models.Model):
    """One pair in one direction-free proposal.

    ``a_…`` is the preference (coverage, rank, state) of pair.a's community *for* pair.b's, and the
    other way round.
    """

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("Proposed")
        HELD = "held", _("Held")
        RELEASED = "released", _("Released")
        MUTUAL = "mutual", _("Mutual interest")
        INTRODUCED = "introduced", _("Introduced")
        DECLINED = "declined", _("Declined")
        EXPIRED = "expired", _("Expired")
        WITHDRAWN = "withdrawn", _("Withdrawn")
        SUPERSEDED = "superseded", _("Superseded")

    class SideState(models.TextChoices):
        PENDING = "pending", _("No answer yet")
        INTERESTED = "interested", _("Interested")
        DECLINED = "declined", _("Declined")
        EXPIRED = "expired", _("Expired")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    OPEN = ("proposed", "held", "released", "mutual", "introduced")
    VISIBLE = ("released", "mutual", "introduced", "declined", "expired", "withdrawn")

    pair = models.ForeignKey(Pair, on_delete=models.CASCADE, related_name="suggestions")
    run = models.ForeignKey(
        "suggestions.ScoringRun", null=True, on_delete=models.PROTECT, related_name="suggestions"
    )
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PROPOSED)
    score = models.FloatField(
        help_text="Product of both preferences, in [0, 1]: orders pairs, and is no probability"
    )
    a_preference = models.FloatField()
    b_preference = models.FloatField()
    a_coverage = models.FloatField()
    b_coverage = models.FloatField()
    a_rank = models.PositiveIntegerField(
        null=True,
        help_text="b's place, 1 = best, among the communities that a's own wishes allowed when it "
        "was made; empty: made before places were kept",
    )
    b_rank = models.PositiveIntegerField(null=True)
    a_candidates = models.PositiveIntegerField(
        null=True, help_text="How many communities a's own wishes allowed"
    )
    b_candidates = models.PositiveIntegerField(null=True)
    a_reasons = models.JSONField(
        default=dict,
        help_text="Why a would choose b: an explanation as backend.suggestions.scoring writes it",
    )
    b_reasons = models.JSONField(default=dict)
    a_state = models.CharField(max_length=12, choices=SideState.choices, default=SideState.PENDING)
    b_state = models.CharField(max_length=12, choices=SideState.choices, default=SideState.PENDING)
    expected_matches = models.FloatField(
        default=0,
        help_text="Expected matches by the allocation, which chose it; no order of any list",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    released_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    a_final_at = models.DateTimeField(
        null=True, help_text="From when a's answer takes effect and can no longer be undone."
    )
    b_final_at = models.DateTimeField(null=True)
    reminded_at = models.DateTimeField(
        null=True, help_text="When the sides that had not answered were reminded of the end."
    )

    objects = SuggestionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["pair"],
                condition=Q(status__in=["proposed", "held", "released", "mutual", "introduced"]),
                name="suggestion_one_open",
            ),
            models.CheckConstraint(
                name="suggestion_status_known",
                condition=Q(
                    status__in=[
                        "proposed",
                        "held",
                        "released",
                        "mutual",
                        "introduced",
                        "declined",
                        "expired",
                        "withdrawn",
                        "superseded",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="suggestion_mutual_means_both",
                condition=~Q(status__in=["mutual", "introduced"])
                | Q(a_state="interested", b_state="interested"),
            ),
            models.CheckConstraint(
                name="suggestion_released_complete",
                condition=~Q(status__in=["released", "mutual", "introduced"])
                | Q(released_at__isnull=False),
            ),
            models.CheckConstraint(
                name="suggestion_scores_in_range",
                condition=Q(
                    score__gte=0,
                    score__lte=1,
                    a_preference__gte=0,
                    a_preference__lte=1,
                    b_preference__gte=0,
                    b_preference__lte=1,
                ),
            ),
        ]
        indexes = [
            models.Index(fields=["status", "-score"], name="suggestion_status_score"),
            models.Index(
                fields=["expires_at"], name="suggestion_expiring", condition=Q(status="released")
            ),
        ]


class DecisionQuerySet(models.QuerySet["Decision"]):
    def in_effect(self) -> DecisionQuerySet:
        """Answers that can no longer be undone: staff, figures and learning know no others."""
        window = dt.timedelta(seconds=settings.SUGGESTIONS["undo_seconds"])
        found = self.filter(undone_at__isnull=True)
        return found.filter(at__lte=database_now() - window) if window else found


class Decision(models.Model):
    """What one side answered. A withdrawal is a further row; undone answers are marked."""

    class Answer(models.TextChoices):
        INTERESTED = "interested", _("Interested")
        DECLINED = "declined", _("Declined")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    class Reason(models.TextChoices):
        NO_FIT = "no_fit", _("The fit is not right for us")
        NO_CAPACITY = "no_capacity", _("We have no capacity now")
        NO_SUPPORT = "no_support", _("No support in council or committee")
        TOO_FAR_APART = "too_far_apart", _("Too different in size or needs")
        COUNTRY = "country", _("Not with this country now")
        ALREADY_IN_TOUCH = "already_in_touch", _("Already in touch with them")
        OTHER = "other", _("Another reason")

    suggestion = models.ForeignKey(Suggestion, on_delete=models.CASCADE, related_name="decisions")
    community = models.ForeignKey(Community, on_delete=models.CASCADE, related_name="decisions")
    answer = models.CharField(max_length=12, choices=Answer.choices)
    reason = models.CharField(max_length=20, choices=Reason.choices, blank=True)
    comment = models.TextField(
        blank=True, max_length=2000, help_text="For staff; the other side never reads it."
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    undone_at = models.DateTimeField(null=True, help_text="Taken back before it took effect.")
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = DecisionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["suggestion", "community", "answer"],
                condition=Q(undone_at__isnull=True),
                name="decision_once",
            ),
            models.CheckConstraint(
                name="decision_undone_complete",
                condition=Q(undone_at__isnull=True, undone_by__isnull=True)
                | Q(undone_at__isnull=False, undone_by__isnull=False),
            ),
            models.CheckConstraint(
                name="decision_decline_has_reason", condition=~Q(answer="declined") | ~Q(reason="")
            ),
        ]


class FollowUp(models.Model):
    """A question to one side of an introduction, long after its answer to the suggestion: is it
    worth going on? Only that side and staff read what it answers.
    """

    class Occasion(models.TextChoices):
        AFTER_MEETING = "after_meeting", _("After a meeting")
        AFTER_THREE_MONTHS = "after_three_months", _("After three months")

    class Verdict(models.TextChoices):
        YES = "yes", _("Yes, it is worth going on")
        NO = "no", _("No, we do not fit well enough")
        TOO_EARLY = "too_early", _("Too early to say, or it depends on other things than the fit")

    # A number, no foreign key: introductions are in the app above, and are never deleted
    introduction_id = models.PositiveBigIntegerField(help_text="The introduction that it is about")
    suggestion = models.ForeignKey(
        Suggestion,
        null=True,
        on_delete=models.CASCADE,
        related_name="follow_ups",
        help_text="What was shown to the side; empty: introduced by hand, which teaches nothing",
    )
    community = models.ForeignKey(Community, on_delete=models.CASCADE, related_name="follow_ups")
    occasion = models.CharField(max_length=18, choices=Occasion.choices)
    asked_at = models.DateTimeField()
    closes_at = models.DateTimeField(help_text="Until then it is answered, and the answer changed")
    answer = models.CharField(
        max_length=9, choices=Verdict.choices, blank=True, help_text="Empty: not answered"
    )
    answered_at = models.DateTimeField(null=True, help_text="When the answer was last changed")
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    # Whether it can still be answered, where the reader of it asked for that; no column.
    is_open: bool = False

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["introduction_id", "community", "occasion"], name="follow_up_once"
            ),
            models.CheckConstraint(
                name="follow_up_occasion_known",
                condition=Q(occasion__in=["after_meeting", "after_three_months"]),
            ),
            models.CheckConstraint(
                name="follow_up_answer_complete",
                condition=Q(answer="", answered_at__isnull=True, answered_by__isnull=True)
                | Q(
                    answer__in=["yes", "no", "too_early"],
                    answered_at__isnull=False,
                    answered_by__isnull=False,
                ),
            ),
            models.CheckConstraint(
                name="follow_up_times_ordered",
                condition=Q(asked_at__lt=F("closes_at"))
                & (Q(answered_at__isnull=True) | Q(answered_at__lt=F("closes_at"))),
            ),
        ]
        indexes = [models.Index(fields=["community", "closes_at"], name="follow_up_open")]


class Vote(models.Model):
    """What one person of a side thinks of a suggestion; only that community and staff read it."""

    class Choice(models.TextChoices):
        YES = "yes", _("Yes")
        MAYBE = "maybe", _("Maybe")
        NO = "no", _("No")

    suggestion = models.ForeignKey(Suggestion, on_delete=models.CASCADE, related_name="votes")
    community = models.ForeignKey(Community, on_delete=models.CASCADE, related_name="votes")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="votes")
    choice = models.CharField(max_length=5, choices=Choice.choices)
    comment = models.TextField(blank=True, max_length=2000)
    voted_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    # Why it does not count now, where the reader of it asked for that; no column.
    set_aside: SetAsideVote | None = None

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["suggestion", "community", "by"], name="vote_once"),
            models.CheckConstraint(
                name="vote_choice_known", condition=Q(choice__in=["yes", "maybe", "no"])
            ),
        ]


class SetAsideVote(models.Model):
    """That one person's vote on a suggestion does not count, until it is put back. It holds for
    the person: a vote that is changed, or withdrawn and cast again, stays set aside.
    """

    suggestion = models.ForeignKey(
        Suggestion, on_delete=models.CASCADE, related_name="set_aside_votes"
    )
    community = models.ForeignKey(
        Community, on_delete=models.CASCADE, related_name="set_aside_votes"
    )
    voter = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    because = models.TextField(max_length=1000, help_text="For the voter, and who reads the vote.")
    put_back_at = models.DateTimeField(null=True)
    put_back_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["suggestion", "community", "voter"],
                condition=Q(put_back_at__isnull=True),
                name="vote_set_aside_once",
            ),
            models.CheckConstraint(
                name="vote_put_back_complete",
                condition=Q(put_back_at__isnull=True, put_back_by__isnull=True)
                | Q(put_back_at__isnull=False, put_back_by__isnull=False),
            ),
        ]


class AnswerRule(models.Model):
    """What must precede a community's answer. Without a row its chair decides."""

    class Kind(models.TextChoices):
        CHAIR = "chair", _("The chair decides")
        MAJORITY = "majority", _("A majority of the votes decides")

    community = models.OneToOneField(
        Community, primary_key=True, on_delete=models.CASCADE, related_name="answer_rule"
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    votes_needed = models.PositiveSmallIntegerField(
        null=True, help_text="How many must have voted; for a majority alone"
    )
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="answer_rule_complete",
                condition=Q(kind="chair", votes_needed__isnull=True)
                | Q(kind="majority", votes_needed__gte=1),
            ),
        ]


class ShortlistEntry(models.Model):
    """A suggestion that a community looks at more closely. One list per community."""

    suggestion = models.ForeignKey(
        Suggestion, on_delete=models.CASCADE, related_name="shortlist_entries"
    )
    community = models.ForeignKey(
        Community, on_delete=models.CASCADE, related_name="shortlist_entries"
    )
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["suggestion", "community"], name="shortlist_once")
        ]
