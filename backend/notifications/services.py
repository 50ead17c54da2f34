"""Notifications of events and their deliveries, each written once."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from backend.accounts.models import User
from backend.notifications.models import Delivery, Notification
from backend.notifications.notices import notifications_for
from backend.outbox.models import Event
from backend.outbox.services import add_jobs

DELIVER = "deliver"


@transaction.atomic
def notify_people(event_id: int) -> int:
    """Writes the notifications that the event calls for, a delivery for each, and the work to send
    it: one commit, once an event.

    Returns how many were written: 0 the second time.
    """
    event = Event.objects.select_related("by").get(pk=event_id)
    if Notification.objects.filter(event=event).exists():
        return 0
    wanted = notifications_for(event)
    if not wanted:
        return 0
    # Two at the same time: the constraint lets the later one wait for the first, and then write
    # nothing.
    Notification.objects.bulk_create(wanted, ignore_conflicts=True)
    written = Notification.objects.filter(event=event, deliveries__isnull=True).values_list(
        "pk", flat=True
    )
    deliveries = Delivery.objects.bulk_create([Delivery(notification_id=pk) for pk in written])
    add_jobs([(DELIVER, str(delivery.pk), event) for delivery in deliveries])
    return len(deliveries)


def mark_read(*, by: User, public_ids: Collection[str] | None = None) -> int:
    """Marks the person's own notifications as read, all of them where none are named by their
    ``public_id``; returns how many were unread.
    """
    unread = Notification.objects.filter(recipient=by, read_at__isnull=True)
    if public_ids is not None:
        named = set(public_ids)
        unread = unread.filter(
            pk__in=[row.pk for row in unread.only("pk") if row.public_id in named]
        )
    return unread.update(read_at=Now())


def inbox(user: User) -> QuerySet[Notification]:
    """The person's own notifications, newest first."""
    return (
        Notification.objects.filter(recipient=user)
        .select_related("community__country")
        .order_by("-id")
    )


def unread_count(user: User) -> int:
    return Notification.objects.filter(recipient=user, read_at__isnull=True).count()


def undelivered() -> QuerySet[Delivery]:
    """Mails that were refused for good or given up, newest first; for staff."""
    failed = (Delivery.Status.FAILED, Delivery.Status.DEAD)
    return (
        Delivery.objects.filter(status__in=failed)
        .select_related("notification__recipient")
        .order_by("-id")
    )
