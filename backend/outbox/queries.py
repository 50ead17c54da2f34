"""What staff and health checks ask of the outbox."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db.models import DurationField, ExpressionWrapper, Min, QuerySet
from django.db.models.functions import Now

from backend.outbox.models import Event, Heartbeat, Job


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


def trail(subject_type: str, subject_id: int) -> QuerySet[Event]:
    """The audit trail of one row, oldest first; ``subject_type`` is its model's name in lower
    case.
    """
    return (
        Event.objects.filter(subject_type=subject_type, subject_id=subject_id)
        .select_related("by")
        .order_by("id")
    )
