"""Who is told of an event, and of what: from one event to the notifications that follow from it."""

from __future__ import annotations

from collections.abc import Callable

from backend.notifications.models import Notification
from backend.notifications.recipients import (
    agreements,
    introductions,
    people,
    profiles,
    suggestions,
)
from backend.notifications.recipients.told import people_of
from backend.outbox.models import Event
from backend.outbox.topics import Topic

__all__ = ["notifications_for", "people_of"]

_MAKERS: dict[Topic, Callable[[Event], list[Notification]]] = {
    Topic.JOIN_REQUESTED: people.join_requested,
    Topic.JOIN_ANSWERED: people.join_answered,
    Topic.SUGGESTIONS_CHANGED: suggestions.suggestions_changed,
    Topic.SUGGESTIONS_EXPIRING: suggestions.suggestions_expiring,
    Topic.INTEREST_MUTUAL: suggestions.interest_mutual,
    Topic.INTRODUCTION_MOVED: introductions.introduction_moved,
    Topic.CONSENT_GIVEN: introductions.consent_given,
    **dict.fromkeys(introductions.MEETING_KINDS, introductions.meeting_changed),
    Topic.AGREEMENT_STATUS_CHANGED: agreements.agreement_status_changed,
    Topic.AGREEMENT_CONFIRMED: agreements.agreement_confirmed,
    Topic.AGREEMENT_RECORDED: agreements.agreement_recorded,
    Topic.PARTNERSHIP_BEGUN: agreements.partnership_begun,
    Topic.PARTNERSHIP_STATUS_CHANGED: agreements.partnership_status_changed,
    Topic.PARTNERSHIP_RENEWAL_GIVEN: agreements.renewal_given,
    Topic.PARTNERSHIP_REPORT_DUE: agreements.report_due,
    Topic.PROFILE_SUBMITTED: profiles.profile_submitted,
    Topic.PROFILE_APPROVED: profiles.profile_approved,
    Topic.MEMBERSHIP_ENDING: profiles.membership_ending,
    Topic.MEMBERSHIP_LAPSED: profiles.membership_lapsed,
    Topic.PROFILE_CHANGES_REQUESTED: profiles.changes_requested,
    Topic.PROFILE_PUBLISHED: profiles.profile_published,
    Topic.PROFILE_CONFIRMATION_DUE: profiles.confirmation_due,
}


def notifications_for(event: Event) -> list[Notification]:
    """The unsaved notifications that the event calls for; the list is empty for an event of which
    nobody is told.
    """
    maker = _MAKERS.get(Topic(event.topic))
    return maker(event) if maker else []
