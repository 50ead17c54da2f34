"""What both sides sign, and who signed."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from backend.cities.models import Community
from backend.introductions.models.introductions import Introduction


class Form(models.TextChoices):
    FRIENDSHIP = "friendship", "Friendship city"
    SISTER = "sister", "Sister city"
    FIXED_TERM = "fixed_term", "Fixed-term pact"
    PROJECT = "project", "Single project"


class Agreement(models.Model):
    """What both sides sign. Whether it is *recognised* is derived from its signatories and the listing rule, never stored."""

    introduction = models.ForeignKey(Introduction, on_delete=models.PROTECT, related_name="agreements")
    form = models.CharField(max_length=12, choices=Form.choices)
    areas = models.JSONField(default=list, help_text="Theme codes")
    languages = models.JSONField(default=list, help_text="Languages of equal text")
    term_years = models.PositiveSmallIntegerField(null=True, help_text="Empty: open-ended")
    review_on = models.DateField(null=True)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="agreement_form_known", condition=Q(form__in=Form.values)),
            models.CheckConstraint(name="agreement_fixed_term_has_term", condition=~Q(form="fixed_term") | Q(term_years__gte=1)),
        ]


class Signatory(models.Model):
    agreement = models.ForeignKey(Agreement, on_delete=models.CASCADE, related_name="signatories")
    community = models.ForeignKey(Community, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    office = models.CharField(max_length=120)
    is_highest_official = models.BooleanField(help_text="The highest elected or appointed official of the community")
    signed_on = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["agreement", "community"], name="signatory_one_per_side")]
