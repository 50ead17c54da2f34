"""Who is told of introductions, consents and meetings."""

from __future__ import annotations

from backend.introductions.models import Consent, Introduction
from backend.notifications.models import Notification
from backend.notifications.recipients.told import to_sides
from backend.outbox.models import Event
from backend.outbox.topics import Topic

_K = Notification.Kind


def introduction_moved(event: Event) -> list[Notification]:
    if event.payload.get("new") != Introduction.Stage.INTRODUCED:
        return []
    introduction = Introduction.objects.select_related("pair").get(pk=event.subject_id)
    return to_sides(event, _K.INTRODUCED, introduction.pair, introduction.pk)


def consent_given(event: Event) -> list[Notification]:
    """Only the consent that completes the two is told: one alone would tell one side's answer to
    the other.
    """
    active = list(
        Consent.objects.filter(
            introduction_id=event.subject_id, withdrawn_at__isnull=True
        ).order_by("id")
    )
    if len(active) < 2 or active[-1].community_id != event.community_id:
        return []
    introduction = Introduction.objects.select_related("pair").get(pk=event.subject_id)
    return to_sides(event, _K.CONTACTS_OPEN, introduction.pair, introduction.pk)


def meeting_changed(event: Event) -> list[Notification]:
    """Both sides and the card's owner. Who asked or answered is not told of it; what is fixed or
    cancelled goes to everybody's calendar.
    """
    kind = MEETING_KINDS[Topic(event.topic)]
    introduction = Introduction.objects.select_related("pair", "owner").get(pk=event.subject_id)
    pair, meeting = introduction.pair, event.payload["meeting"]
    told = to_sides(event, kind, pair, introduction.pk, meeting=meeting)
    if kind == _K.MEETING_ANSWERED:
        told = [
            notification
            for notification in told
            if notification.community_id != event.payload["side"]
        ]
    if introduction.owner is not None and introduction.owner.is_active:
        # An answer is told from the side that gave it.
        own, other = (
            (pair.b_id, pair.a_id)
            if event.payload.get("side") == pair.a_id
            else (pair.a_id, pair.b_id)
        )
        payload = {"own": own, "other": other, "meeting": meeting}
        told.append(
            Notification(
                recipient=introduction.owner,
                kind=kind,
                event=event,
                subject_id=introduction.pk,
                payload=payload,
            )
        )
    asks = kind in (_K.MEETING_PROPOSED, _K.MEETING_ANSWERED)
    return [
        notification
        for notification in told
        if not asks or notification.recipient_id != event.by_id
    ]


MEETING_KINDS = {
    Topic.MEETING_PROPOSED: _K.MEETING_PROPOSED,
    Topic.MEETING_ANSWERED: _K.MEETING_ANSWERED,
    Topic.MEETING_FIXED: _K.MEETING_FIXED,
    Topic.MEETING_CANCELLED: _K.MEETING_CANCELLED,
}
