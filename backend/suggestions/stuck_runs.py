"""Runs that cannot go on. Apart from ``runs``, so that who only follows a run need not load the
engine, which takes seconds.
"""

from __future__ import annotations

from django.db import transaction

from backend.common.clock import database_now
from backend.outbox.models import Work
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.models import ScoringRun

_S = ScoringRun.Status


def fail_stuck_run() -> bool:
    """Marks the running run failed when one of its shards was given up, so that another can begin;
    True if it did.
    """
    run = ScoringRun.objects.filter(status=_S.RUNNING).defer("snapshot").first()
    if (
        run is None
        or not Work.objects.filter(
            task="score_shard", key__startswith=f"{run.pk}:", status=Work.Status.DEAD
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
