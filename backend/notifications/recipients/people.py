"""Who is told that somebody asks to join a community."""

from __future__ import annotations

from backend.cities.models import CommunityRole, JoinRequest
from backend.cities.services.people import RESPONSIBLE
from backend.notifications.models import Notification
from backend.notifications.recipients.told import curators
from backend.outbox.models import Event

_K = Notification.Kind


def join_requested(event: Event) -> list[Notification]:
    """To who may let the person in: the community's vetted officials and chairs; to curators where
    there is none.
    """
    answering = CommunityRole.objects.filter(
        community_id=event.community_id or 0,
        ended_at__isnull=True,
        vetted_at__isnull=False,
        role__in=RESPONSIBLE,
        user__is_active=True,
    )
    people = list(answering.order_by("id").values_list("user_id", flat=True))
    own = event.community_id if people else None
    return [
        Notification(
            recipient_id=user_id,
            kind=_K.JOIN_REQUESTED,
            community_id=own,
            event=event,
            subject_id=event.subject_id,
            payload={"community": event.community_id},
        )
        for user_id in people or curators()
    ]


def join_answered(event: Event) -> list[Notification]:
    asked = JoinRequest.objects.filter(pk=event.subject_id, user__is_active=True).first()
    if asked is None:
        return []
    payload = {"answer": asked.status}
    return [
        Notification(
            recipient_id=asked.user_id,
            kind=_K.JOIN_ANSWERED,
            community_id=asked.community_id,
            event=event,
            subject_id=asked.pk,
            payload=payload,
        )
    ]
