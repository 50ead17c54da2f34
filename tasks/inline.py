"""Relay and worker in one, in this process: for a machine where neither runs, and for tests."""

from __future__ import annotations

from functools import cache

from backend.outbox.leases import return_expired
from backend.outbox.models import Job
from tasks.app import app
from tasks.jobs import run_job
from tasks.relay import due_for_publishing, route_events


@cache
def _import_tasks() -> None:
    """Once: Celery has Django check every model each time."""
    app.loader.import_default_modules()


def step(limit: int = 100) -> int:
    """Routes what is recorded and performs at most ``limit`` pieces of the work that is due now;
    returns how many.
    """
    _import_tasks()
    while route_events():
        pass
    return_expired()
    ids = list(
        Job.objects.filter(due_for_publishing()).order_by("id").values_list("pk", flat=True)[:limit]
    )
    return sum(run_job(job_id) for job_id in ids)


def drain() -> int:
    """Steps until nothing is due; returns how many pieces of work were done."""
    done = 0
    while taken := step():
        done += taken
    return done
