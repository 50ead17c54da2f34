"""Writes the audit trail and the jobs that follow from it: every change records its event in its
own commit.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any, Protocol

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection, models, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.db.transaction import TransactionManagementError
from django.utils.translation import gettext as _

from backend.common.dates import database_now
from backend.common.errors import Conflict, NotAllowed, NotVisible, TooManyRequests, WrongState
from backend.outbox.models import Event, Heartbeat, Job, ScheduledTick
from backend.outbox.topics import Topic

_AT_ONCE = dt.timedelta(0)
_DAY = dt.timedelta(days=1)
Subject = models.Model | tuple[type[models.Model] | str, int]


class EventAuthor(Protocol):
    """What this app, which is below accounts, needs of a user."""

    @property
    def pk(self) -> Any: ...

    @property
    def is_staff_member(self) -> bool: ...


def record(
    topic: Topic,
    *,
    subject: Subject,
    by: EventAuthor | None,
    community_id: int | None = None,
    **payload: Any,
) -> Event:
    """Writes what happened, in the transaction that makes it happen: no change without its event,
    no event without its change.

    ``subject`` is the row that it happened to, or its (model or its name in lower case, id); ``by``
    is who did it, None for the service; ``community_id`` names the community whose trail it belongs
    to; ``payload`` holds ids, counts and codes (JSON), never free text of a person: the reason of a
    break-glass alone is kept so.

    Raises:
        TransactionManagementError: there is no transaction, so the change could be lost without its
            event or the other way round.
        ValueError: the subject has no id yet, or the topic is unknown.
    """
    if not connection.in_atomic_block:
        raise TransactionManagementError(
            f"The event {topic} must be recorded inside the transaction of its change."
        )
    model, subject_id = subject if isinstance(subject, tuple) else (type(subject), subject.pk)
    if subject_id is None:
        raise ValueError(f"The subject of {topic} has no id yet; save it first.")
    name = model if isinstance(model, str) else str(model._meta.model_name)
    return Event.objects.create(
        topic=Topic(topic),
        subject_type=name,
        subject_id=subject_id,
        by_id=by.pk if by else None,
        community_id=community_id,
        payload=payload,
    )


def require_quota(topic: Topic, *, by: EventAuthor, community_id: int | None = None) -> None:
    """Raises TooManyRequests if the person, or the community, has done this as often as
    ``DAILY_QUOTAS`` or ``DAILY_QUOTAS_OF_COMMUNITY`` allow within the last day. Two requests of one
    person at once are counted one after the other.
    """
    if by.is_staff_member:
        return
    list(get_user_model().objects.select_for_update().filter(pk=by.pk).values_list("pk"))
    acts = Event.objects.filter(topic=topic, recorded_at__gt=Now() - _DAY)
    words = _("One person may do this %(most)d times within a day. Try again in %(hours)d hours.")
    _require_fewer(acts.filter(by_id=by.pk), settings.DAILY_QUOTAS[topic.value], words)
    if community_id is not None:
        words = _(
            "One community may do this %(most)d times within a day. Try again in %(hours)d hours."
        )
        most = settings.DAILY_QUOTAS_OF_COMMUNITY[topic.value]
        _require_fewer(acts.filter(community_id=community_id), most, words)


def _require_fewer(acts: QuerySet[Event], most: int, words: str) -> None:
    times = list(acts.order_by("-recorded_at").values_list("recorded_at", flat=True)[:most])
    if len(times) < most:
        return
    wait = max(1, math.ceil((times[-1] + _DAY - database_now()).total_seconds()))
    raise TooManyRequests(
        words % {"most": most, "hours": math.ceil(wait / 3600)},
        code="quota_reached",
        retry_after=wait,
    )


def record_many(
    topic: Topic,
    entries: Sequence[tuple[models.Model, int | None, dict[str, Any]]],
    *,
    by: EventAuthor | None,
) -> None:
    """``record`` for thousands of rows at once: each entry is (row, community's id, payload).
    Raises like it.
    """
    if not connection.in_atomic_block:
        raise TransactionManagementError(
            f"Events {topic} must be recorded inside the transaction of their changes."
        )
    Event.objects.bulk_create(
        [
            Event(
                topic=Topic(topic),
                subject_type=str(row._meta.model_name),
                subject_id=row.pk,
                by_id=by.pk if by else None,
                community_id=community_id,
                payload=payload,
            )
            for row, community_id, payload in entries
        ],
        batch_size=1000,
    )


def add_job(
    task: str, key: str | int, *, event: Event | None = None, after: dt.timedelta = _AT_ONCE
) -> None:
    """Asks for ``task`` on ``key``. One row waits at most: a burst of requests is one piece of
    work, done after the last of them.

    With ``after`` it is not done before that much time has passed; give such work a key of its own,
    for a row that waits already stays due when it was.
    """
    add_jobs([(task, str(key), event)], after=after)


def add_jobs(
    requests: list[tuple[str, str, Event | None]], *, after: dt.timedelta = _AT_ONCE
) -> None:
    """Many of ``add_job`` in one statement."""
    rows = [
        Job(task=task, key=key, event=event, available_at=Now() + after)
        for task, key, event in requests
    ]
    # A row that is just being claimed makes this wait for the claim's commit, so no request is
    # lost.
    Job.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)
    wake_relay()


def wake_relay() -> None:
    """Wakes the relay when the transaction commits; its sweep would find the work anyway."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify('outbox', '')")


@transaction.atomic
def open_tick(schedule: str, due_at: dt.datetime) -> Event | None:
    """Opens one due time of a periodic task and records it; None if it has been opened already."""
    row, opened = ScheduledTick.objects.get_or_create(schedule=schedule, due_at=due_at)
    return (
        record(
            Topic.TICK_OPENED,
            subject=row,
            by=None,
            schedule=schedule,
            due_at=due_at.isoformat(),
        )
        if opened
        else None
    )


@transaction.atomic
def retry_dead(*, by: EventAuthor, job_id: int) -> Job:
    """Gives a dead letter its attempts back, at the request of staff.

    Raises:
        NotAllowed: only staff may.
        NotVisible: there is no such work.
        WrongState: it is not dead (any more).
        Conflict: the same work waits already.
    """
    if not by.is_staff_member:
        raise NotAllowed("Only staff may send a dead letter again.")
    try:
        with transaction.atomic():
            revived = Job.objects.filter(pk=job_id, status=Job.Status.DEAD).update(
                status=Job.Status.PENDING,
                attempts=0,
                available_at=Now(),
                published_at=None,
                finished_at=None,
            )
    except IntegrityError:
        raise Conflict("The same work waits already; look again in a moment.") from None
    work = Job.objects.filter(pk=job_id).first()
    if work is None:
        raise NotVisible
    if not revived:
        raise WrongState("This is no dead letter any more; reload to see its present state.")
    # The event wakes the relay.
    record(Topic.DEAD_LETTER_RETRIED, subject=work, by=by, task=work.task, key=work.key)
    return work


def clear_done_jobs(*, older_than: dt.timedelta) -> int:
    """Deletes work that was done before then; its events, the audit trail, stay. Returns how many
    rows were deleted.
    """
    return Job.objects.filter(status=Job.Status.DONE, finished_at__lt=Now() - older_than).delete()[
        0
    ]


def record_heartbeat(name: str) -> None:
    """A sign of life of the process called ``name``, by the database's clock."""
    Heartbeat.objects.bulk_create(
        [Heartbeat(name=name, beat_at=Now())],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["beat_at"],
    )
