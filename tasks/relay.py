"""The relay: turns recorded events into work rows, and publishes work that is due.

LISTEN/NOTIFY wakes it at once, a sweep every OUTBOX["sweep_seconds"] guarantees that nothing is
forgotten. It keeps no position: events commit in another order than that of their ids, so it asks
for what is not routed yet. Any number of relays may run at once.
"""

from __future__ import annotations

import datetime as dt
import threading
from contextlib import suppress
from pathlib import Path

import psycopg
import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.accounts.services import SEND_ACCOUNT_MAIL
from backend.common.dates import database_now
from backend.notifications.services import DELIVER
from backend.outbox.leases import return_expired
from backend.outbox.models import Event, Job
from backend.outbox.services import add_jobs, open_tick, record_heartbeat
from tasks.app import MAIL_QUEUE, PROMPT_QUEUE, QUEUE, QUEUES, RUN_QUEUE
from tasks.broker import BROKER_ERRORS, publish_jobs, queue_length
from tasks.routes import jobs_for
from tasks.schedule import PERIODIC_TASKS

log = structlog.get_logger(__name__)
BATCH = 200
# What waits in a queue of its own; all other work waits in QUEUE.
TASKS_OF = {
    PROMPT_QUEUE: (SEND_ACCOUNT_MAIL, "settle_answer", "open_introduction_for_mutual"),
    MAIL_QUEUE: (DELIVER,),
    RUN_QUEUE: ("begin_run", "score_shard", "derive_from_run"),
}
# About as many messages wait in each queue at most: when no worker takes them, more would only fill
# its memory.
WINDOW = 500
_LOOK_EVERY_SECONDS = 0.1


def route_events() -> int:
    """Turns one batch of events into work; returns how many events. Each event becomes work in the
    same commit that marks it as routed.
    """
    with transaction.atomic():
        events = list(
            Event.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(routed_at__isnull=True)
            .order_by("id")[:BATCH]
        )
        requests = [request for event in events for request in jobs_for(event)]
        if requests:
            add_jobs(requests)
        Event.objects.filter(pk__in=[event.pk for event in events]).update(routed_at=Now())
    return len(events)


def open_due_slots(opened: dict[str, dt.datetime]) -> None:
    """Opens the ticks that the scheduler missed. ``opened`` remembers, between sweeps, what needs
    no second look.
    """
    now = database_now()
    for name, periodic in PERIODIC_TASKS.items():
        due_at = periodic.tick_at(now)
        if opened.get(name) != due_at:
            open_tick(name, due_at)
            opened[name] = due_at


def due_for_publishing() -> Q:
    """Pending work that is due and that was not published to the broker, or so long ago that it has
    lost the message.
    """
    forgotten = Now() - dt.timedelta(seconds=settings.OUTBOX["republish_seconds"])
    return Q(status=Job.Status.PENDING, available_at__lte=Now()) & (
        Q(published_at__isnull=True) | Q(published_at__lt=forgotten)
    )


def publish_due() -> int:
    """Publishes due work, the oldest first; returns how many messages. Raises one of
    BROKER_ERRORS: then the next sweep tries again.
    """
    return sum(_publish_due(queue) for queue in QUEUES)


def _publish_due(queue: str) -> int:
    waiting = due_for_publishing() & _waits_in(queue)
    if not Job.objects.filter(waiting).exists():
        return 0
    room = WINDOW - queue_length(queue)
    if room <= 0:
        return 0
    with transaction.atomic():
        due = Job.objects.select_for_update(skip_locked=True).filter(waiting)
        ids = list(
            due.order_by(F("published_at").asc(nulls_first=True), "id").values_list(
                "pk", flat=True
            )[: min(room, BATCH)]
        )
        Job.objects.filter(pk__in=ids).update(published_at=Now())
    try:
        publish_jobs(ids, queue)
    except BROKER_ERRORS:
        Job.objects.filter(pk__in=ids, status=Job.Status.PENDING).update(published_at=None)
        raise
    return len(ids)


def _waits_in(queue: str) -> Q:
    if queue == QUEUE:
        return ~Q(task__in=[task for tasks in TASKS_OF.values() for task in tasks])
    return Q(task__in=TASKS_OF[queue])


class Relay:
    """One relay process."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.opened: dict[str, dt.datetime] = {}
        self._broker_away = False
        self._listener: psycopg.Connection[tuple[object, ...]] | None = None

    def stop(self) -> None:
        self.stopping.set()

    def wait_for(self, path: Path) -> None:
        """Returns when the file is there, or at once when asked to stop."""
        while not path.exists() and not self.stopping.wait(_LOOK_EVERY_SECONDS):
            pass

    def run(self) -> None:
        """Sweeps and waits until asked to stop. Waits for an unavailable database or broker."""
        away = False
        while not self.stopping.is_set():
            try:
                self._listen()
                self.sweep()
                if away:
                    log.info("relay_database_is_back")
                away = False
                self._wait()
            except (DatabaseError, InterfaceError, psycopg.Error) as error:
                if not away:
                    log.warning("relay_waits_for_database", error=" ".join(str(error).split()))
                away = True
                self._forget_listener()
                connection.close()
                self.stopping.wait(min(1.0, settings.OUTBOX["sweep_seconds"]))
        self._forget_listener()
        connection.close()

    def sweep(self) -> None:
        """One sweep: ticks, events, due work."""
        open_due_slots(self.opened)
        return_expired()
        more = True
        while more and not self.stopping.is_set():
            more = route_events() == BATCH
            more = self._publish() >= BATCH or more
        record_heartbeat("relay")

    def _publish(self) -> int:
        """Publishes what is due; an unavailable broker is reported once, and waited for."""
        try:
            published = publish_due()
        except BROKER_ERRORS as error:
            if not self._broker_away:
                log.warning("relay_waits_for_broker", error=" ".join(str(error).split()))
            self._broker_away = True
            return 0
        if self._broker_away and published:
            log.info("relay_broker_is_back")
            self._broker_away = False
        return published

    def _listen(self) -> None:
        if self._listener is None or self._listener.closed:
            parameters = {
                k: v
                for k, v in connection.get_connection_params().items()
                if k not in {"cursor_factory", "context", "prepare_threshold"}
            }
            self._listener = psycopg.connect(**parameters, autocommit=True)
            self._listener.execute("LISTEN outbox")

    def _wait(self) -> None:
        """Until an event is recorded, at most one sweep's pause."""
        if self._listener is not None:
            for _ in self._listener.notifies(
                timeout=settings.OUTBOX["sweep_seconds"], stop_after=1
            ):
                pass

    def _forget_listener(self) -> None:
        if self._listener is not None:
            with suppress(psycopg.Error):
                self._listener.close()
            self._listener = None
