"""Scoring runs, their shards, the ranked pairs that they leave, and the weights that they use."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from backend.cities.models import Community


class ScoringRun(models.Model):
    """One full scoring: a frozen snapshot, cut into shards, visible when the last shard is done."""

    class Status(models.TextChoices):
        RUNNING = "running", "Running"
        COMPLETE = "complete", "Complete"
        FAILED = "failed", "Failed"

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.RUNNING)
    reason = models.CharField(max_length=40, help_text="nightly, requested, first")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    k = models.PositiveSmallIntegerField()
    weights = models.JSONField(help_text="The weights in force, frozen")
    snapshot = models.BinaryField(
        help_text="The frozen records, compressed; emptied when the run is no longer current"
    )
    snapshot_version = models.CharField(max_length=64)
    left_count = models.PositiveIntegerField()
    right_count = models.PositiveIntegerField()
    shard_count = models.PositiveIntegerField()
    pairs_scored = models.BigIntegerField(default=0)
    suggestions_made = models.PositiveIntegerField(default=0)
    begun_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="run_status_known", condition=Q(status__in=["running", "complete", "failed"])
            ),
            models.UniqueConstraint(
                fields=["status"], condition=Q(status="running"), name="run_one_running"
            ),
            models.CheckConstraint(
                name="run_finished_complete",
                condition=Q(status="running") | Q(finished_at__isnull=False),
            ),
        ]


class ScoringShard(models.Model):
    """A slice of left rows. Its lease is that of its job; its outcome is here."""

    run = models.ForeignKey(ScoringRun, on_delete=models.CASCADE, related_name="shards")
    index = models.PositiveIntegerField()
    row_start = models.PositiveIntegerField()
    row_stop = models.PositiveIntegerField()
    pairs_scored = models.BigIntegerField(default=0)
    seconds = models.FloatField(null=True)
    result = models.BinaryField(
        null=True,
        help_text="Its rows' k best and the other side's k best among them, packed; emptied when "
        "the run is over",
    )
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "index"], name="shard_once"),
            models.CheckConstraint(
                name="shard_rows_ordered", condition=Q(row_stop__gt=models.F("row_start"))
            ),
        ]


class CurrentRun(models.Model):
    """The one row that says which run is visible."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    run = models.ForeignKey(ScoringRun, on_delete=models.PROTECT, related_name="+")
    flipped_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(name="current_run_single", condition=Q(id=1))]


class RankedPair(models.Model):
    """A pair among the k best of at least one of its sides, as one run scored it. ``left`` is the
    U.S. side.
    """

    run = models.ForeignKey(ScoringRun, on_delete=models.CASCADE, related_name="ranked")
    left = models.ForeignKey(Community, on_delete=models.CASCADE, related_name="+")
    right = models.ForeignKey(Community, on_delete=models.CASCADE, related_name="+")
    score = models.FloatField()
    left_preference = models.FloatField()
    right_preference = models.FloatField()
    left_coverage = models.FloatField()
    right_coverage = models.FloatField()
    left_rank = models.PositiveIntegerField(null=True, help_text="Among left's k best, 1 = best")
    right_rank = models.PositiveIntegerField(null=True, help_text="Among right's k best, 1 = best")
    expected_matches = models.FloatField(
        null=True,
        help_text="Expected matches, where the allocation under both sides' capacity suggests the "
        "pair; empty: it does not",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "left", "right"], name="ranked_once")]
        indexes = [models.Index(fields=["run", "right"], name="ranked_by_right")]


class StoredProspects(models.Model):
    """How many partners a community's own answers leave it, as of the scoring of one version of its
    profile: backend.suggestions.scoring.prospects, as JSON.
    """

    community = models.OneToOneField(
        Community, primary_key=True, on_delete=models.CASCADE, related_name="prospects"
    )
    version = models.ForeignKey("cities.ProfileVersion", on_delete=models.CASCADE, related_name="+")
    scored_at = models.DateTimeField()
    prospects = models.JSONField(
        null=True, help_text="Empty: the community had enough suggestions, nothing was computed"
    )


class WeightSet(models.Model):
    """Facet weights and how well they did. New runs use those in force, or the defaults."""

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
