"""Leases of jobs. Leases, attempts and outcomes are rows, changed by conditional UPDATEs on the
database's clock.

A broker may deliver a message twice, late or never: only the holder of a job's lease runs it, and
only the lease's token can finish it.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, field

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from backend.outbox.models import Job
from backend.outbox.services import wake_relay

BACKOFF_SECONDS = (2, 10, 60)
ERROR_LENGTH = 4000


class RetryLater(Exception):
    """Raised by a job that cannot run yet through no fault of its own; it is retried after
    ``seconds``, uncounted.
    """

    def __init__(self, reason: str, *, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds


class Reject(Exception):
    """Raised by a job that no retry can make succeed: it becomes a dead letter at once."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to do one job until the lease runs out, with the jobs that its handler took into
    the same pass. ``attempt`` counts from 1.
    """

    job_id: int
    token: uuid.UUID
    task: str
    key: str
    event_id: int | None
    attempt: int
    others: list[Lease] = field(default_factory=list, compare=False)

    @property
    def keys(self) -> list[str]:
        return [self.key, *(other.key for other in self.others)]


def claim(job_id: int) -> Lease | None:
    """Takes the lease of a piece of work that is due; None when it is not to be done now.

    That is so when it is done or dead, not due yet, in other hands, or when another row of the same
    (task, key) is being worked on: then it stays pending and is published again once the other has
    ended. The attempt counts from here, so that work which kills its process is counted too.
    """
    token = uuid.uuid4()
    due = Job.objects.filter(pk=job_id, status=Job.Status.PENDING, available_at__lte=Now())
    try:
        with transaction.atomic():
            taken = due.update(
                status=Job.Status.LEASED,
                attempts=F("attempts") + 1,
                lease_token=token,
                leased_until=_lease_end(),
            )
    except IntegrityError:
        return None
    if not taken:
        return None
    work = Job.objects.get(pk=job_id)
    return Lease(work.pk, token, work.task, work.key, work.event_id, work.attempts)


def claim_alike(lease: Lease) -> None:
    """Takes the other jobs of the same task that are due into ``lease.others``, for a handler that
    does all of them in one pass. Each attempt counts; the last one that a job has is made alone, so
    that a job that always fails takes no other with it.
    """
    last = settings.OUTBOX["max_attempts"]
    if lease.attempt >= last:
        return
    leased = Job.objects.filter(task=lease.task, key=OuterRef("key"), status=Job.Status.LEASED)
    with transaction.atomic():
        taken = list(
            Job.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(
                ~Exists(leased),
                task=lease.task,
                status=Job.Status.PENDING,
                available_at__lte=Now(),
                attempts__lt=last - 1,
            )
            .order_by("id")
        )
        Job.objects.filter(pk__in=[job.pk for job in taken]).update(
            status=Job.Status.LEASED,
            attempts=F("attempts") + 1,
            lease_token=lease.token,
            leased_until=_lease_end(),
        )
    lease.others.extend(
        Lease(job.pk, lease.token, job.task, job.key, job.event_id, job.attempts + 1)
        for job in taken
    )


def extend(lease: Lease) -> bool:
    """Lengthens a lease that is still held. False when it was lost: somebody else may be at the
    work by now.
    """
    held = Job.objects.filter(
        pk__in=[lease.job_id, *(other.job_id for other in lease.others)],
        status=Job.Status.LEASED,
        lease_token=lease.token,
    )
    return bool(held.update(leased_until=_lease_end()))


def finish(lease: Lease) -> bool:
    """Marks the work as done. False when the lease was lost meanwhile: the outcome belongs to its
    next holder.
    """
    with transaction.atomic():
        done = _held(lease.job_id, lease.token).update(
            status=Job.Status.DONE,
            finished_at=Now(),
            lease_token=None,
            leased_until=None,
            last_error="",
        )
        if done:
            _wake_waiting(lease.task, lease.key)
    return bool(done)


def fail(lease: Lease, error: str) -> bool:
    """Returns the work for another attempt after a pause, or makes it a dead letter when it had its
    attempts. False when the lease was lost.
    """
    if lease.attempt >= settings.OUTBOX["max_attempts"]:
        return dead_letter(lease, error)
    pause = BACKOFF_SECONDS[min(lease.attempt, len(BACKOFF_SECONDS)) - 1]
    return _give_back(lease.job_id, lease.token, error, pause_seconds=pause, attempts=lease.attempt)


def postpone(lease: Lease, error: str, *, seconds: float) -> bool:
    """Returns the work for later without counting the attempt: nothing is wrong with it, the world
    is not ready (a mail server is down).
    """
    return _give_back(
        lease.job_id, lease.token, error, pause_seconds=seconds, attempts=lease.attempt - 1
    )


def dead_letter(lease: Lease, error: str) -> bool:
    """Makes the work a dead letter: no further attempt until staff ask for one. False when the
    lease was lost.
    """
    with transaction.atomic():
        dead = _dead_letter(lease.job_id, lease.token, error)
        if dead:
            _wake_waiting(lease.task, lease.key)
    return dead


def return_expired(limit: int = 100) -> int:
    """Takes leases that ran out away from holders that died, and returns how many. Safe to run in
    several places at once.
    """
    with transaction.atomic():
        expired = list(
            Job.objects.select_for_update(skip_locked=True)
            .filter(status=Job.Status.LEASED, leased_until__lt=Now())
            .order_by("id")[:limit]
        )
        for work in expired:
            error = (
                f"Attempt {work.attempts} ended without a word (killed, or longer than its lease)."
            )
            if work.attempts >= settings.OUTBOX["max_attempts"]:
                _dead_letter(work.pk, work.lease_token, error)
            else:
                _give_back(
                    work.pk, work.lease_token, error, pause_seconds=0, attempts=work.attempts
                )
            _wake_waiting(work.task, work.key)
    return len(expired)


def _lease_end() -> CombinedExpression:
    return Now() + dt.timedelta(seconds=settings.OUTBOX["lease_seconds"])


def _held(job_id: int, token: uuid.UUID | None) -> QuerySet[Job]:
    return Job.objects.filter(pk=job_id, status=Job.Status.LEASED, lease_token=token)


def _dead_letter(job_id: int, token: uuid.UUID | None, error: str) -> bool:
    return bool(
        _held(job_id, token).update(
            status=Job.Status.DEAD,
            finished_at=Now(),
            lease_token=None,
            leased_until=None,
            last_error=error[:ERROR_LENGTH],
        )
    )


def _give_back(
    job_id: int, token: uuid.UUID | None, error: str, *, pause_seconds: float, attempts: int
) -> bool:
    free = {"lease_token": None, "leased_until": None, "last_error": error[:ERROR_LENGTH]}
    try:
        with transaction.atomic():
            return bool(
                _held(job_id, token).update(
                    status=Job.Status.PENDING,
                    attempts=attempts,
                    available_at=Now() + dt.timedelta(seconds=pause_seconds),
                    published_at=None,
                    **free,
                )
            )
    except IntegrityError:
        # A newer request for the same key waits already and will do this work too.
        with transaction.atomic():
            ended = _held(job_id, token).update(status=Job.Status.DONE, finished_at=Now(), **free)
            work = Job.objects.only("task", "key").get(pk=job_id)
            _wake_waiting(work.task, work.key)
        return bool(ended)


def _wake_waiting(task: str, key: str) -> None:
    """A row of the same key whose message came while this one was leased must be published again,
    now.
    """
    if Job.objects.filter(task=task, key=key, status=Job.Status.PENDING).update(published_at=None):
        wake_relay()
