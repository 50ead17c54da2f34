"""Groups of people who are told of something."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from backend.accounts.models import User
from backend.cities.models import CommunityRole
from backend.notifications.models import Notification
from backend.outbox.models import Event
from backend.suggestions.models import Pair

_K = Notification.Kind


def people_of(community_ids: Iterable[int], *, vetted: bool = True) -> list[tuple[int, int]]:
    """(user id, community id) of those with an active role there; by default only those whom staff
    have confirmed.
    """
    roles = CommunityRole.objects.filter(
        community_id__in=list(community_ids), ended_at__isnull=True, user__is_active=True
    )
    if vetted:
        roles = roles.filter(vetted_at__isnull=False)
    return list(roles.order_by("id").values_list("user_id", "community_id"))


def curators() -> list[int]:
    return list(
        User.objects.filter(staff_role=User.StaffRole.CURATOR, is_active=True)
        .order_by("id")
        .values_list("pk", flat=True)
    )


def to_sides(
    event: Event, kind: Notification.Kind, pair: Pair, subject_id: int, **payload: Any
) -> list[Notification]:
    """To the people of both sides, each told of the other one."""
    other = {pair.a_id: pair.b_id, pair.b_id: pair.a_id}
    return [
        Notification(
            recipient_id=user_id,
            kind=kind,
            community_id=own,
            event=event,
            subject_id=subject_id,
            payload={"other": other[own], **payload},
        )
        for user_id, own in people_of(other)
    ]


def to_owners(event: Event, kind: Notification.Kind, **payload: Any) -> list[Notification]:
    owners = people_of([event.community_id] if event.community_id else [], vetted=False)
    return [
        Notification(
            recipient_id=user_id,
            kind=kind,
            community_id=own,
            event=event,
            subject_id=event.subject_id,
            payload=payload,
        )
        for user_id, own in owners
    ]
