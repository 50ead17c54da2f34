"""What a notification says. Words are made when it is shown or sent, from ids: nothing that was
hidden since is told.
"""

from __future__ import annotations

from collections.abc import Callable

from backend.notifications.models import Notification
from backend.notifications.wording import agreements, introductions, people, profiles, suggestions
from backend.notifications.wording.words import Words

__all__ = ["Words", "describe"]

_K = Notification.Kind
_WORDS: dict[Notification.Kind, Callable[[Notification], Words]] = {
    _K.JOIN_REQUESTED: people.join_requested,
    _K.JOIN_ANSWERED: people.join_answered,
    _K.NEW_SUGGESTIONS: suggestions.new_suggestions,
    _K.SUGGESTIONS_EXPIRING: suggestions.suggestions_expiring,
    _K.INTEREST_MUTUAL: suggestions.interest_mutual,
    _K.INTRODUCED: introductions.introduced,
    _K.CONTACTS_OPEN: introductions.contacts_open,
    _K.MEETING_PROPOSED: introductions.meeting,
    _K.MEETING_ANSWERED: introductions.meeting,
    _K.MEETING_FIXED: introductions.meeting,
    _K.MEETING_CANCELLED: introductions.meeting,
    _K.CHANGES_REQUESTED: profiles.changes_requested,
    _K.PROFILE_PUBLISHED: profiles.profile_published,
    _K.CONFIRMATION_DUE: profiles.confirmation_due,
    _K.PROFILE_SUBMITTED: profiles.profile_submitted,
    _K.SECOND_APPROVAL: profiles.second_approval,
    _K.MEMBERSHIP_ENDING: profiles.membership_ending,
    _K.MEMBERSHIP_LAPSED: profiles.membership_lapsed,
    _K.AGREEMENT_TO_SIGN: agreements.agreement_to_sign,
    _K.AGREEMENT_CONFIRMED: agreements.agreement_confirmed,
    _K.PARTNERSHIP_BEGUN: agreements.partnership_begun,
    _K.PARTNERSHIP_STATE: agreements.partnership_state,
    _K.RENEWAL_ASKED: agreements.renewal_asked,
    _K.REPORT_DUE: agreements.report_due,
}


def describe(notification: Notification) -> Words:
    """The words for one notification, in the active language."""
    return _WORDS[Notification.Kind(notification.kind)](notification)
