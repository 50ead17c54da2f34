"""Handlers of the periodic tasks, and the Celery task that opens their ticks."""

from __future__ import annotations

import datetime as dt

from backend.accounts.services import clear_old_mails
from backend.cities.services.invitations import expire_invitations
from backend.cities.services.memberships import announce_ending_memberships, lapse_memberships
from backend.cities.services.profiles import (
    mark_stale_profiles,
    remind_owners,
    resume_paused_profiles,
)
from backend.introductions.services.partnerships import (
    ask_for_reports,
    mark_dormant,
    mark_reviews_due,
)
from backend.outbox.leases import Lease
from backend.outbox.services import clear_done_jobs
from backend.suggestions.services import expire_suggestions, remind_of_expiry, settle_answer
from backend.suggestions.services.curation import enforce_exclusion_rules
from backend.suggestions.services.runs import clear_old_runs
from tasks.app import app
from tasks.jobs import handles
from tasks.schedule import open_due_tick

DONE_WORK_KEPT = dt.timedelta(days=30)


@app.task(name="open_tick")
def open_tick(schedule: str) -> None:
    open_due_tick(schedule)


@handles("expire_suggestions")
def expire(lease: Lease) -> None:
    expire_suggestions()


@handles("remind_of_expiry")
def remind(lease: Lease) -> None:
    remind_of_expiry()


@handles("settle_answer")
def settle(lease: Lease) -> None:
    settle_answer(int(lease.key.split(":")[0]))


@handles("enforce_exclusion_rules")
def enforce(lease: Lease) -> None:
    enforce_exclusion_rules()


@handles("mark_stale_profiles")
def mark_stale(lease: Lease) -> None:
    """A profile whose pause is over may be stale by now, and is asked about once."""
    resume_paused_profiles()
    mark_stale_profiles()
    remind_owners()


@handles("expire_invitations")
def expire_old_invitations(lease: Lease) -> None:
    expire_invitations()


@handles("keep_memberships")
def keep_memberships(lease: Lease) -> None:
    lapse_memberships()
    announce_ending_memberships()


@handles("look_after_partnerships")
def look_after_partnerships(lease: Lease) -> None:
    """Silence counts before a review: a partnership that sleeps is asked to wake, not to be
    reviewed.
    """
    mark_dormant()
    mark_reviews_due()
    ask_for_reports()


@handles("clear_old_rows")
def clear_old_rows(lease: Lease) -> None:
    clear_old_mails(older_than=DONE_WORK_KEPT)
    clear_old_runs()
    clear_done_jobs(older_than=DONE_WORK_KEPT)
