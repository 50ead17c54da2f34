"""Every topic an event can have, past tense, in one place. ``tasks.routes`` says what follows."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = str | Promise


class Topic(models.TextChoices):
    USER_REGISTERED = "user_registered"
    SECOND_FACTOR_CHANGED = "second_factor_changed"
    ADDRESS_CHANGED = "address_changed"
    STAFF_ROLE_CHANGED = "staff_role_changed"
    TOKEN_CREATED = "token_created"  # noqa: S105 - a topic
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - a topic
    DATA_EXPORTED = "data_exported"
    ACCOUNT_ERASED = "account_erased"
    COMMUNITY_REGISTERED = "community_registered"
    PROFILE_DRAFT_SAVED = "profile_draft_saved"
    PROFILE_SUBMITTED = "profile_submitted"
    PROFILE_CHANGES_REQUESTED = "profile_changes_requested"
    PROFILE_APPROVED = "profile_approved"
    PROFILE_PUBLISHED = "profile_published"
    LETTER_ATTACHED = "letter_attached"
    LETTER_READ = "letter_read"
    LETTERS_ERASED = "letters_erased"
    PICTURE_CHANGED = "picture_changed"
    PICTURE_REMOVED = "picture_removed"
    MEMBERSHIP_BEGUN = "membership_begun"
    MEMBERSHIP_CHANGED = "membership_changed"
    MEMBERSHIP_RENEWED = "membership_renewed"
    MEMBERSHIP_ENDING = "membership_ending"
    MEMBERSHIP_LAPSED = "membership_lapsed"
    MEMBERSHIP_ENDED = "membership_ended"
    MEMBERS_IMPORTED = "members_imported"
    DUES_SET = "dues_set"
    MEMBERSHIP_REQUESTED = "membership_requested"
    MEMBERSHIP_REQUEST_CHANGED = "membership_request_changed"
    EXISTING_PARTNERSHIPS_CLAIMED = "existing_partnerships_claimed"
    EXISTING_PARTNERSHIP_ANSWERED = "existing_partnership_answered"
    PROFILE_CONFIRMATION_DUE = "profile_confirmation_due"
    PROFILE_CONFIRMED = "profile_confirmed"
    PROFILE_STATUS_CHANGED = "profile_status_changed"
    COMMUNITY_ROLE_CHANGED = "community_role_changed"
    INVITATION_SENT = "invitation_sent"
    INVITATION_ACCEPTED = "invitation_accepted"
    INVITATION_REVOKED = "invitation_revoked"
    INVITATION_EXPIRED = "invitation_expired"
    JOIN_REQUESTED = "join_requested"
    JOIN_ANSWERED = "join_answered"
    JOIN_WITHDRAWN = "join_withdrawn"
    TICKET_WRITTEN = "ticket_written"
    TICKET_ANSWERED = "ticket_answered"
    TICKET_CHANGED = "ticket_changed"
    CALL_DRAFTED = "call_drafted"
    CALL_PUBLISHED = "call_published"
    CALL_WITHDRAWN = "call_withdrawn"
    PROCESS_WRITTEN = "process_written"
    SEARCH_SAVED = "search_saved"
    SEARCH_REMOVED = "search_removed"
    SEARCH_MATCHED = "search_matched"
    RUN_REQUESTED = "run_requested"
    RUN_BEGUN = "run_begun"
    RUN_COMPLETED = "run_completed"
    RUN_FAILED = "run_failed"
    COMMUNITY_RESCORED = "community_rescored"
    WEIGHTS_PROMOTED = "weights_promoted"
    SUGGESTIONS_CHANGED = "suggestions_changed"
    PARTNERSHIPS_LISTED = "partnerships_listed"
    PARTNERS_CONFIRMED = "partners_confirmed"
    SECOND_SIDE_REFUSED = "second_side_refused"
    RELEASE_POLICY_SET = "release_policy_set"
    EXCLUSION_RULE_SET = "exclusion_rule_set"
    EXCLUSION_RULE_LIFTED = "exclusion_rule_lifted"
    PARTNER_REQUESTED = "partner_requested"
    PARTNER_REQUEST_DECIDED = "partner_request_decided"
    PARTNER_REQUEST_ANSWERED = "partner_request_answered"
    SUGGESTION_PROPOSED = "suggestion_proposed"
    SUGGESTION_RELEASED = "suggestion_released"
    SUGGESTION_HELD = "suggestion_held"
    SUGGESTION_ANSWERED = "suggestion_answered"
    SUGGESTION_ANSWER_UNDONE = "suggestion_answer_undone"
    SUGGESTION_CLOSED = "suggestion_closed"
    SUGGESTIONS_EXPIRING = "suggestions_expiring"
    VOTE_CAST = "vote_cast"
    VOTE_REMOVED = "vote_removed"
    VOTE_SET_ASIDE = "vote_set_aside"
    VOTE_PUT_BACK = "vote_put_back"
    SHORTLIST_CHANGED = "shortlist_changed"
    ANSWER_RULE_SET = "answer_rule_set"
    SUGGESTION_EXPIRED = "suggestion_expired"
    SUGGESTION_SUPERSEDED = "suggestion_superseded"
    INTEREST_MUTUAL = "interest_mutual"
    INTRODUCTION_OPENED = "introduction_opened"
    INTRODUCTION_MOVED = "introduction_moved"
    INTRODUCTION_ASSIGNED = "introduction_assigned"
    NOTE_WRITTEN = "note_written"
    MEETING_PROPOSED = "meeting_proposed"
    MEETING_ANSWERED = "meeting_answered"
    MEETING_FIXED = "meeting_fixed"
    MEETING_CANCELLED = "meeting_cancelled"
    CONSENT_GIVEN = "consent_given"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    FOLLOW_UP_ASKED = "follow_up_asked"
    FOLLOW_UP_ANSWERED = "follow_up_answered"
    AGREEMENT_TEMPLATE_SAVED = "agreement_template_saved"
    AGREEMENT_VERSION_SAVED = "agreement_version_saved"
    AGREEMENT_STATUS_CHANGED = "agreement_status_changed"
    AGREEMENT_DOCUMENT_ADDED = "agreement_document_added"
    AGREEMENT_CONFIRMED = "agreement_confirmed"
    AGREEMENT_CONFIRMATION_WITHDRAWN = "agreement_confirmation_withdrawn"
    AGREEMENT_RECORDED = "agreement_recorded"
    PARTNERSHIP_BEGUN = "partnership_begun"
    PARTNERSHIP_STATUS_CHANGED = "partnership_status_changed"
    PARTNERSHIP_RENEWAL_GIVEN = "partnership_renewal_given"
    PARTNERSHIP_ACTIVITY_LOGGED = "partnership_activity_logged"
    PARTNERSHIP_ACTIVITY_RETRACTED = "partnership_activity_retracted"
    PARTNERSHIP_REPORT_DUE = "partnership_report_due"
    PARTNERSHIP_REPORT_SAVED = "partnership_report_saved"
    CONTACTS_READ = "contacts_read"
    TICK_OPENED = "tick_opened"
    DEAD_LETTER_RETRIED = "dead_letter_retried"


def topic_choices() -> list[tuple[str, str]]:
    """For the field: as a function they stay out of migrations, which a new topic then changes in
    its check alone.
    """
    return Topic.choices


# What people read of their own acts and of their community's; the others are for staff, in English.
_WORDS: Mapping[str, Words] = {
    Topic.USER_REGISTERED: _("Account opened"),
    Topic.SECOND_FACTOR_CHANGED: _("Second factor changed"),
    Topic.ADDRESS_CHANGED: _("E-mail address changed"),
    Topic.TOKEN_CREATED: _("API token created"),
    Topic.TOKEN_REVOKED: _("API token revoked"),
    Topic.DATA_EXPORTED: _("Data downloaded"),
    Topic.COMMUNITY_REGISTERED: _("Community registered"),
    Topic.PROFILE_DRAFT_SAVED: _("Draft of the profile saved"),
    Topic.PROFILE_SUBMITTED: _("Profile submitted"),
    Topic.PROFILE_CHANGES_REQUESTED: _("Changes to the profile requested"),
    Topic.PROFILE_APPROVED: _("Profile approved"),
    Topic.PROFILE_PUBLISHED: _("Profile published"),
    Topic.LETTER_ATTACHED: _("Letter sent"),
    Topic.LETTER_READ: _("Letter read"),
    Topic.LETTERS_ERASED: _("Letter deleted"),
    Topic.PICTURE_CHANGED: _("Picture changed"),
    Topic.PICTURE_REMOVED: _("Picture removed"),
    Topic.EXISTING_PARTNERSHIPS_CLAIMED: _("Existing partnerships stated"),
    Topic.EXISTING_PARTNERSHIP_ANSWERED: _("Existing partnership checked by staff"),
    Topic.PROFILE_CONFIRMED: _("Profile confirmed as still true"),
    Topic.PROFILE_STATUS_CHANGED: _("Profile status changed"),
    Topic.COMMUNITY_ROLE_CHANGED: _("Role changed"),
    Topic.INVITATION_SENT: _("Invitation sent"),
    Topic.INVITATION_ACCEPTED: _("Invitation accepted"),
    Topic.INVITATION_REVOKED: _("Invitation withdrawn"),
    Topic.MEMBERSHIP_REQUESTED: _("Asked for membership"),
    Topic.MEMBERSHIP_REQUEST_CHANGED: _("Request for membership answered"),
    Topic.JOIN_REQUESTED: _("Asked to join"),
    Topic.JOIN_ANSWERED: _("Request to join answered"),
    Topic.JOIN_WITHDRAWN: _("Request to join withdrawn"),
    Topic.TICKET_WRITTEN: _("Message to staff written"),
    Topic.SUGGESTION_ANSWERED: _("Suggestion answered"),
    Topic.SUGGESTION_ANSWER_UNDONE: _("Answer undone"),
    Topic.VOTE_CAST: _("Vote cast"),
    Topic.VOTE_REMOVED: _("Vote taken back"),
    Topic.SHORTLIST_CHANGED: _("Shortlist changed"),
    Topic.ANSWER_RULE_SET: _("Rule for answers changed"),
    Topic.INTRODUCTION_OPENED: _("Introduction made"),
    Topic.INTRODUCTION_MOVED: _("Introduction moved on"),
    Topic.MEETING_PROPOSED: _("Meeting proposed"),
    Topic.MEETING_ANSWERED: _("Meeting times answered"),
    Topic.MEETING_FIXED: _("Meeting fixed"),
    Topic.MEETING_CANCELLED: _("Meeting cancelled"),
    Topic.CONSENT_GIVEN: _("Consent to show contacts given"),
    Topic.CONSENT_WITHDRAWN: _("Consent to show contacts withdrawn"),
    Topic.FOLLOW_UP_ANSWERED: _("Question after a meeting answered"),
    Topic.AGREEMENT_VERSION_SAVED: _("Agreement text saved"),
    Topic.AGREEMENT_STATUS_CHANGED: _("Agreement status changed"),
    Topic.AGREEMENT_DOCUMENT_ADDED: _("Signed document sent"),
    Topic.AGREEMENT_CONFIRMED: _("Signature confirmed"),
    Topic.AGREEMENT_CONFIRMATION_WITHDRAWN: _("Confirmation of the signature taken back"),
    Topic.PARTNERSHIP_BEGUN: _("Partnership begun"),
    Topic.PARTNERSHIP_STATUS_CHANGED: _("Partnership status changed"),
    Topic.PARTNERSHIP_ACTIVITY_LOGGED: _("Activity of the partnership entered"),
    Topic.PARTNERSHIP_REPORT_SAVED: _("Report of the partnership saved"),
    Topic.CONTACTS_READ: _("Contacts read"),
}


def topic_words(topic: str) -> str:
    """A topic in the reader's language."""
    return str(_WORDS.get(topic) or dict(Topic.choices).get(topic, topic))
