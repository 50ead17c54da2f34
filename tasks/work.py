"""Doing one piece of work: claim its lease, run the function of its name, finish by the lease's
token.
"""

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
from backend.outbox.leases import GiveUp, Lease, TryLater
from tasks.app import app

log = structlog.get_logger(__name__)
Performer = Callable[[Lease], object]
PERFORMERS: dict[str, Performer] = {}
_BEAT_EVERY_SECONDS = 5.0
_last_beat = 0.0


def performs(task: str) -> Callable[[Performer], Performer]:
    """Registers the function that does the work called ``task``. It may run twice, and must then
    change nothing the second time.
    """

    def register(function: Performer) -> Performer:
        if task in PERFORMERS:
            raise ValueError(f"Two functions want to perform {task}.")
        PERFORMERS[task] = function
        return function

    return register


def perform(work_id: int) -> bool:
    """Does the work if its lease can be had; False when there was nothing to do. Never raises what
    the work raised.
    """
    lease = leases.claim(work_id)
    if lease is None:
        return False
    try:
        with _kept(lease):
            PERFORMERS[lease.task](lease)
    except TryLater as later:
        leases.postpone(lease, str(later), seconds=later.seconds)
    except GiveUp as reason:
        log.warning(
            "work_given_up", task=lease.task, key=lease.key, work=lease.work_id, reason=str(reason)
        )
        leases.bury(lease, str(reason))
    except Exception as error:
        log.exception(
            "work_failed", task=lease.task, key=lease.key, work=lease.work_id, attempt=lease.attempt
        )
        leases.fail(lease, "".join(traceback.format_exception(error)[-6:]))
    else:
        leases.finish(lease)
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
            except (
                Exception
            ) as error:  # the database is away: the next turn, or the next holder, sees to it
                log.warning("lease_not_extended", work=lease.work_id, error=str(error))
                held = True
            finally:
                connection.close()
            if not held:
                return

    keeper = threading.Thread(target=keep, name=f"lease-{lease.work_id}", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()


def show_life() -> None:
    """Notes that a worker of this service can do work and write, now and then."""
    global _last_beat
    if time.monotonic() - _last_beat >= _BEAT_EVERY_SECONDS:
        services.beat("worker")
        _last_beat = time.monotonic()


@app.task(name="perform_work")
def perform_work(work_id: int) -> None:
    perform(work_id)
    show_life()


@app.task(name="give_heartbeat", acks_late=False)
def give_heartbeat() -> None:
    services.beat("worker")


@worker_ready.connect
def ask_for_life(**_: object) -> None:
    """A worker that has just come up shows that it can work at once, not only at beat's next round."""
    give_heartbeat.apply_async(expires=60)
