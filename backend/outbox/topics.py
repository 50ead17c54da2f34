"""Every topic an event can have, past tense, in one place. ``tasks.routes`` says who listens."""

from __future__ import annotations

from django.db import models


class Topic(models.TextChoices):
    USER_REGISTERED = "user_registered"
    COMMUNITY_REGISTERED = "community_registered"
    PROFILE_DRAFT_SAVED = "profile_draft_saved"
    PROFILE_SUBMITTED = "profile_submitted"
    PROFILE_CHANGES_REQUESTED = "profile_changes_requested"
    PROFILE_PUBLISHED = "profile_published"
    PROFILE_CONFIRMED = "profile_confirmed"
    PROFILE_STATUS_CHANGED = "profile_status_changed"
    COMMUNITY_ROLE_CHANGED = "community_role_changed"
    RUN_REQUESTED = "run_requested"
    RUN_BEGUN = "run_begun"
    RUN_COMPLETED = "run_completed"
    RUN_FAILED = "run_failed"
    COMMUNITY_RESCORED = "community_rescored"
    SUGGESTIONS_CHANGED = "suggestions_changed"
    SUGGESTION_RELEASED = "suggestion_released"
    SUGGESTION_HELD = "suggestion_held"
    SUGGESTION_ANSWERED = "suggestion_answered"
    SUGGESTION_EXPIRED = "suggestion_expired"
    SUGGESTION_SUPERSEDED = "suggestion_superseded"
    INTEREST_MUTUAL = "interest_mutual"
    INTRODUCTION_OPENED = "introduction_opened"
    INTRODUCTION_MOVED = "introduction_moved"
    CONSENT_GIVEN = "consent_given"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    AGREEMENT_RECORDED = "agreement_recorded"
    PARTNERSHIP_BEGUN = "partnership_begun"
    PARTNERSHIP_STATUS_CHANGED = "partnership_status_changed"
    CONTACTS_READ = "contacts_read"
    SLOT_OPENED = "slot_opened"
    DEAD_LETTER_RETRIED = "dead_letter_retried"
