"""What staff and health checks ask of the outbox."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.conf import settings
from django.db.models import DurationField, Exists, ExpressionWrapper, Min, OuterRef, QuerySet
from django.db.models.functions import Now

from backend.outbox.models import Event, Heartbeat, Job
from backend.outbox.topics import Topic


def oldest_waiting_age(*, besides: Sequence[str] = ()) -> dt.timedelta | None:
    """How long the oldest event waits to be routed, or the oldest due work to be taken, whichever
    is longer; None when nothing waits.

    ``besides`` names tasks that may wait without anything being wrong.
    """
    unrouted = Event.objects.filter(routed_at__isnull=True).aggregate(age=_since("recorded_at"))[
        "age"
    ]
    due = Job.objects.filter(status=Job.Status.PENDING, available_at__lte=Now()).exclude(
        task__in=besides
    )
    untaken = due.aggregate(age=_since("available_at"))["age"]
    ages = [age for age in (unrouted, untaken) if age is not None]
    return max(*ages, dt.timedelta(0)) if ages else None


def _since(column: str) -> ExpressionWrapper:
    return ExpressionWrapper(Now() - Min(column), output_field=DurationField())


def heartbeat_age(name: str) -> dt.timedelta | None:
    """How long ago the process gave its last sign of life, by the database's clock; None when it
    never did.
    """
    row = Heartbeat.objects.filter(name=name).annotate(now=Now()).values("beat_at", "now").first()
    return max(row["now"] - row["beat_at"], dt.timedelta(0)) if row else None


def dead_letters() -> QuerySet[Job]:
    """Jobs that had their attempts, the latest first, with the event that asked for it."""
    return (
        Job.objects.filter(status=Job.Status.DEAD)
        .select_related("event")
        .order_by("-finished_at", "-id")
    )


def without_undone(events: QuerySet[Event]) -> QuerySet[Event]:
    """Leaves out answers that were undone, with their undoing: they are as if never given. Whose
    they were reads them in the record of the own acts.
    """
    undone = Event.objects.filter(
        topic=Topic.SUGGESTION_ANSWER_UNDONE,
        subject_type=OuterRef("subject_type"),
        subject_id=OuterRef("subject_id"),
        community_id=OuterRef("community_id"),
        payload__answer=OuterRef("payload__answer"),
        id__gt=OuterRef("id"),
    )
    return events.exclude(topic=Topic.SUGGESTION_ANSWER_UNDONE).exclude(
        Exists(undone), topic=Topic.SUGGESTION_ANSWERED
    )


def staff_trail(events: QuerySet[Event]) -> QuerySet[Event]:
    """Events as staff read them: answers from when they can no longer be undone."""
    window = dt.timedelta(seconds=settings.SUGGESTIONS["undo_seconds"])
    known = without_undone(events)
    if not window:
        return known
    return known.exclude(topic=Topic.SUGGESTION_ANSWERED, recorded_at__gt=Now() - window)


def trail(subject_type: str, subject_id: int) -> QuerySet[Event]:
    """The audit trail of one row as staff read it, oldest first; ``subject_type`` is its model's
    name in lower case.
    """
    events = Event.objects.filter(subject_type=subject_type, subject_id=subject_id)
    return staff_trail(events).select_related("by").order_by("id")
