"""The first suggestions of a service, and stuck runs; without loading the engine (seconds)."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from backend.common.dates import database_now
from backend.outbox.models import Job
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.models import ScoringRun, Suggestion
from backend.suggestions.queries import run_progress
from backend.suggestions.services.curation import request_run

_S = ScoringRun.Status


def fail_stuck_run() -> bool:
    """Marks the running run failed when one of its shards was given up; True if it did."""
    run = ScoringRun.objects.filter(status=_S.RUNNING).defer("snapshot").first()
    if (
        run is None
        or not Job.objects.filter(
            task="score_shard", key__startswith=f"{run.pk}:", status=Job.Status.DEAD
        ).exists()
    ):
        return False
    with transaction.atomic():
        error = "A shard was given up after its last attempt; see the dead letters."
        moved = ScoringRun.objects.filter(pk=run.pk, status=_S.RUNNING).update(
            status=_S.FAILED, finished_at=database_now(), error=error
        )
        if moved:
            record(Topic.RUN_FAILED, subject=run, by=None)
    return bool(moved)


_TASKS = ("begin_run", "score_shard", "derive_from_run")
_RUNNING = ScoringRun.Status.RUNNING


def has_first_suggestions() -> bool:
    """Whether a side can read a suggestion, or a run has ended without promising pairs."""
    derived = Job.objects.filter(task="derive_from_run", status=Job.Status.DONE)
    return Suggestion.objects.filter(released_at__isnull=False).exists() or derived.exists()


def retry_first_run() -> int:
    """Asks for another run where one was given up. Returns the last dead letter's id, or 0."""
    last = _dead_letters().order_by("-pk").values_list("pk", flat=True).first() or 0
    if last:
        fail_stuck_run()
        if not ScoringRun.objects.filter(status=_RUNNING).exists():
            request_run(by=None, reason="first")
    return last


def failure_since(dead_letter: int) -> str:
    """Which step was given up after that dead letter, and why; "" when none was."""
    work = _dead_letters().filter(pk__gt=dead_letter).order_by("pk").first()
    if work is None:
        return ""
    reason = work.last_error.strip().splitlines()[-1:] or ["no reason was noted"]
    return f"the step {work.task} was given up ({reason[0][:200]})"


def first_run_progress() -> str:
    """How far the run has come."""
    run = ScoringRun.objects.defer("snapshot").order_by("-pk").first()
    if run is None:
        return "the run has not begun"
    if run.status == _RUNNING:
        done, total = run_progress(run)
        return f"{done} of {total} shards are scored"
    return (
        "suggestions are being made"
        if run.status == ScoringRun.Status.COMPLETE
        else "the run failed"
    )


def _dead_letters() -> QuerySet[Job]:
    return Job.objects.filter(task__in=_TASKS, status=Job.Status.DEAD)
