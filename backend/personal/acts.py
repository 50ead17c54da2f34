"""The acts of one person, as the trail has them."""

from __future__ import annotations

from django.db.models import QuerySet

from backend.accounts.models import User
from backend.outbox.models import Event


def acts_of(user: User) -> QuerySet[Event]:
    """What the person did here, the latest first."""
    return Event.objects.filter(by=user).order_by("-id")
