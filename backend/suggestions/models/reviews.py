"""How a community makes up its mind: votes with private comments, the rule that binds its answer,
its shortlist.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from backend.cities.models import Community
from backend.suggestions.models.pairs import Suggestion


class Vote(models.Model):
    """What one person of a side thinks of a suggestion. Belongs to that community and to staff
    alone.
    """

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

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["suggestion", "community", "by"], name="vote_once"),
            models.CheckConstraint(
                name="vote_choice_known", condition=Q(choice__in=["yes", "maybe", "no"])
            ),
        ]


class AnswerRule(models.Model):
    """What must come before a community's answer. A community without a row lets its chair decide."""

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
    """A suggestion that a community looks at more closely. One list a community: a second one would
    need a meeting of its own.
    """

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
