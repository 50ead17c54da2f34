"""Who is told of profiles, their vetting and membership."""

from __future__ import annotations

from backend.cities.models import Membership, Profile
from backend.notifications.models import Notification
from backend.notifications.recipients.told import curators, to_owners
from backend.outbox.models import Event

_K = Notification.Kind


def profile_submitted(event: Event) -> list[Notification]:
    return [
        Notification(
            recipient_id=user_id,
            kind=_K.PROFILE_SUBMITTED,
            event=event,
            subject_id=event.subject_id,
            payload={"community": event.community_id},
        )
        for user_id in curators()
    ]


def changes_requested(event: Event) -> list[Notification]:
    return to_owners(event, _K.CHANGES_REQUESTED, reason=event.payload.get("reason", ""))


def profile_published(event: Event) -> list[Notification]:
    """Staff have published it after vetting. What its owners publish themselves they know."""
    return (
        to_owners(event, _K.PROFILE_PUBLISHED)
        if event.by is not None and event.by.is_staff_member
        else []
    )


def confirmation_due(event: Event) -> list[Notification]:
    """Only while it still is: whoever confirmed in the meantime is not asked."""
    months = event.payload["months"]
    due = Profile.objects.filter(
        pk=event.subject_id,
        reminded_months=months,
        status__in=(Profile.Status.PUBLISHED, Profile.Status.STALE),
    )
    return to_owners(event, _K.CONFIRMATION_DUE, months=months) if due.exists() else []


def profile_approved(event: Event) -> list[Notification]:
    """The other curators: one has said yes, and a second one must."""
    payload = {"community": event.community_id}
    return [
        Notification(
            recipient_id=user_id,
            kind=_K.SECOND_APPROVAL,
            event=event,
            subject_id=event.subject_id,
            payload=payload,
        )
        for user_id in curators()
        if user_id != event.by_id
    ]


def membership_ending(event: Event) -> list[Notification]:
    """Only while it still is: whoever has renewed in the meantime is not told."""
    day = event.payload["paid_through"]
    ends = Membership.objects.filter(
        pk=event.subject_id, paid_through=day, ended_on__isnull=True
    ).exists()
    return to_owners(event, _K.MEMBERSHIP_ENDING, paid_through=day) if ends else []


def membership_lapsed(event: Event) -> list[Notification]:
    lapsed = Membership.objects.filter(
        pk=event.subject_id, standing=Membership.Standing.LAPSED, ended_on__isnull=True
    ).exists()
    return to_owners(event, _K.MEMBERSHIP_LAPSED) if lapsed else []
