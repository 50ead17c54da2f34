"""Running one job: claim its lease, call the handler of its task, finish by the lease's token."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from celery.signals import worker_ready
from django.conf import settings
from django.db import connection

from backend.outbox import leases, services
from backend.outbox.leases import Lease, Reject, RetryLater
from tasks.app import app, is_prompt_worker

log = structlog.get_logger(__name__)
Handler = Callable[[Lease], object]
HANDLERS: dict[str, Handler] = {}
_HEARTBEAT_EVERY_SECONDS = 5.0
_last_heartbeat = 0.0


def handles(task: str) -> Callable[[Handler], Handler]:
    """Registers the handler of the jobs of ``task``. It may run twice for one job, and must then
    change nothing the second time.
    """

    def register(function: Handler) -> Handler:
        if task in HANDLERS:
            raise ValueError(f"Two handlers are registered for {task}.")
        HANDLERS[task] = function
        return function

    return register


def run_job(job_id: int) -> bool:
    """Runs the job if its lease can be claimed; False if there was nothing to do. Never raises what
    the handler raised: it is stored with the job.
    """
    lease = leases.claim(job_id)
    if lease is None:
        return False
    try:
        with _kept(lease):
            HANDLERS[lease.task](lease)
    except RetryLater as later:
        for one in (lease, *lease.others):
            leases.postpone(one, str(later), seconds=later.seconds)
    except Reject as reason:
        log.warning(
            "job_rejected", task=lease.task, key=lease.key, job=lease.job_id, reason=str(reason)
        )
        for one in (lease, *lease.others):
            leases.dead_letter(one, str(reason))
    except Exception as error:
        log.exception(
            "job_failed", task=lease.task, key=lease.key, job=lease.job_id, attempt=lease.attempt
        )
        for one in (lease, *lease.others):
            leases.fail(one, "".join(traceback.format_exception(error)[-6:]))
    else:
        for one in (lease, *lease.others):
            leases.finish(one)
    return True


@contextmanager
def _kept(lease: Lease) -> Iterator[None]:
    """Lengthens the lease for as long as the work takes, so that it can be short: a killed worker's
    work is taken over in seconds.
    """
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(settings.OUTBOX["lease_seconds"] / 3):
            try:
                held = leases.extend(lease)
            except Exception as error:  # no database now: the next turn or holder does it
                log.warning("lease_not_extended", job=lease.job_id, error=str(error))
                held = True
            finally:
                connection.close()
            if not held:
                return

    keeper = threading.Thread(target=keep, name=f"lease-{lease.job_id}", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()


def record_worker_heartbeat() -> None:
    """Records, at intervals, that a worker of this service runs tasks and can write. A worker for
    prompt jobs alone says nothing of the others.
    """
    global _last_heartbeat
    is_due = time.monotonic() - _last_heartbeat >= _HEARTBEAT_EVERY_SECONDS
    if is_due and not is_prompt_worker():
        services.record_heartbeat("worker")
        _last_heartbeat = time.monotonic()


@app.task(name="run_job_task")
def run_job_task(job_id: int) -> None:
    run_job(job_id)
    record_worker_heartbeat()


@app.task(name="give_heartbeat", acks_late=False)
def give_heartbeat() -> None:
    services.record_heartbeat("worker")


@worker_ready.connect
def request_heartbeat(**_: object) -> None:
    """A worker that has just started records its heartbeat at once, not only at the next tick."""
    give_heartbeat.apply_async(expires=60)
