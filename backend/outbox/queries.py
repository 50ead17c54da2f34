"""What staff and health checks ask of the outbox."""

from __future__ import annotations

import datetime as dt

from django.db.models import Min, QuerySet
from django.db.models.functions import Now

from backend.outbox.models import Event, Heartbeat, Work


def oldest_waiting_age() -> dt.timedelta | None:
    """How long the oldest event waits to be routed, or the oldest due work to be taken, whichever is longer; None when nothing waits."""
    event = Event.objects.filter(routed_at__isnull=True).aggregate(at=Min("recorded_at"), now=Now())
    work = Work.objects.filter(status=Work.Status.PENDING, available_at__lte=Now()).aggregate(at=Min("available_at"))
    moments = [moment for moment in (event["at"], work["at"]) if moment is not None]
    return max(event["now"] - min(moments), dt.timedelta(0)) if moments else None


def heartbeat_age(name: str) -> dt.timedelta | None:
    """How long ago the process gave its last sign of life, by the database's clock; None when it never did."""
    row = Heartbeat.objects.filter(name=name).annotate(now=Now()).values("beat_at", "now").first()
    return max(row["now"] - row["beat_at"], dt.timedelta(0)) if row else None


def dead_letters() -> QuerySet[Work]:
    """Work that had its attempts, the latest first, with the event that asked for it."""
    return Work.objects.filter(status=Work.Status.DEAD).select_related("event").order_by("-finished_at", "-id")


def trail(subject_type: str, subject_id: int) -> QuerySet[Event]:
    """The audit trail of one row, oldest first; ``subject_type`` is its model's name in lower case."""
    return Event.objects.filter(subject_type=subject_type, subject_id=subject_id).select_related("by").order_by("id")
