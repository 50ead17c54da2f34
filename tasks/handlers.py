"""The handlers of jobs: each calls a service of an app. Each may run twice for one job."""

from __future__ import annotations

import datetime as dt

from django.core.files.storage import default_storage

from backend.accounts.services import SEND_ACCOUNT_MAIL, clear_old_mails
from backend.cities.services.invitations import expire_invitations, write_invitation
from backend.cities.services.memberships import announce_ending_memberships, lapse_memberships
from backend.cities.services.profiles import (
    mark_stale_profiles,
    remind_owners,
    resume_paused_profiles,
)
from backend.cities.services.saved_searches import announce_matches
from backend.common.files import DELETE_FILE
from backend.introductions.services.follow_ups import ask_follow_ups
from backend.introductions.services.introductions import open_introduction_for_mutual
from backend.introductions.services.partnerships import (
    ask_for_reports,
    mark_dormant,
    mark_reviews_due,
)
from backend.notifications.delivery import deliver, send_account_mail
from backend.notifications.services import DELIVER, notify_people
from backend.outbox.leases import Lease, claim_alike
from backend.outbox.models import Event
from backend.outbox.services import clear_done_jobs
from backend.suggestions.services import expire_suggestions, remind_of_expiry, runs, settle_answer
from backend.suggestions.services.curation import enforce_exclusion_rules
from backend.suggestions.services.partner_requests import answer_requests, assess_request
from backend.suggestions.services.partners import close_suggestions_of_partners
from backend.suggestions.services.prospects import store_prospects
from backend.suggestions.services.runs import clear_old_runs
from backend.suggestions.services.suggestions_from_ranking import derive_suggestions
from backend.web.models import merge_table_versions
from tasks.app import app
from tasks.jobs import handles
from tasks.schedule import open_due_tick

# Notifications, mails, and introductions for staff.


@handles("notify_people")
def notify(lease: Lease) -> None:
    notify_people(int(lease.key))


@handles(DELIVER)
def send_notification(lease: Lease) -> None:
    deliver(int(lease.key))


@handles("open_introduction_for_mutual")
def open_introduction_for_mutual_interest(lease: Lease) -> None:
    open_introduction_for_mutual(int(lease.key))


@handles(SEND_ACCOUNT_MAIL)
def send_to_address(lease: Lease) -> None:
    send_account_mail(int(lease.key))


@handles("mail_invitation")
def mail_invitation(lease: Lease) -> None:
    write_invitation(int(lease.key))


@handles(DELETE_FILE)
def delete_file(lease: Lease) -> None:
    """One that is not there any more is no error."""
    default_storage.delete(lease.key)


# Scoring


@handles("begin_run")
def begin_run(lease: Lease) -> None:
    """A full run, unless one is under way; its reason and author are those of the event that
    asked.
    """
    if lease.event_id is None:
        raise ValueError("A run is begun for an event that asks for it.")
    event = Event.objects.select_related("by").get(pk=lease.event_id)
    runs.begin_run(by=event.by, reason=event.payload.get("reason", "nightly"))


@handles("score_shard")
def score_shard(lease: Lease) -> None:
    run_id, _colon, index = lease.key.partition(":")
    runs.score_shard(int(run_id), int(index))


@handles("derive_from_run")
def derive_from_run(lease: Lease) -> None:
    """Suggestions of a run that has become visible; then what was published while it was under way
    is rescored.
    """
    derive_suggestions()
    store_prospects()
    runs.rescore_changed(int(lease.key))


@handles("rescore_community")
def rescore_community(lease: Lease) -> None:
    """One pass brings the ranking up to date with everything that has changed."""
    with runs.reserved_ranking():
        claim_alike(lease)
        runs.rescore_communities([int(key) for key in lease.keys])


@handles("derive_from_community")
def derive_from_community(lease: Lease) -> None:
    with runs.reserved_ranking():
        claim_alike(lease)
        derive_suggestions([int(key) for key in lease.keys])
    store_prospects([int(key) for key in lease.keys])


# Periodic tasks, and the Celery task that opens their ticks.


DONE_WORK_KEPT = dt.timedelta(days=30)


@app.task(name="open_tick")
def open_tick(schedule: str) -> None:
    open_due_tick(schedule)


@handles("expire_suggestions")
def expire_old_suggestions(lease: Lease) -> None:
    expire_suggestions()


@handles("remind_of_expiry")
def remind_sides(lease: Lease) -> None:
    remind_of_expiry()


@handles("ask_follow_ups")
def ask_what_follows(lease: Lease) -> None:
    ask_follow_ups()


@handles("assess_partner_request")
def assess_partner_request(lease: Lease) -> None:
    assess_request(int(lease.key))


@handles("answer_partner_requests")
def answer_partner_requests(lease: Lease) -> None:
    answer_requests()


@handles("settle_answer")
def settle(lease: Lease) -> None:
    settle_answer(int(lease.key.split(":")[0]))


@handles("enforce_exclusion_rules")
def enforce_rules(lease: Lease) -> None:
    enforce_exclusion_rules()


@handles("close_suggestions_of_partners")
def close_of_partners(lease: Lease) -> None:
    close_suggestions_of_partners()


@handles("mark_stale_profiles")
def mark_stale(lease: Lease) -> None:
    """A profile whose pause is over may be stale by now, and is asked about once."""
    resume_paused_profiles()
    mark_stale_profiles()
    remind_owners()


@handles("expire_invitations")
def expire_old_invitations(lease: Lease) -> None:
    expire_invitations()


@handles("announce_matches")
def announce_matches_of_searches(lease: Lease) -> None:
    announce_matches()


@handles("update_memberships")
def update_memberships(lease: Lease) -> None:
    lapse_memberships()
    announce_ending_memberships()


@handles("update_partnerships")
def update_partnerships(lease: Lease) -> None:
    """Dormancy comes first: a dormant partnership is asked to become active, not to be reviewed."""
    mark_dormant()
    mark_reviews_due()
    ask_for_reports()


@handles("clear_old_rows")
def clear_old_rows(lease: Lease) -> None:
    clear_old_mails(older_than=DONE_WORK_KEPT)
    clear_old_runs()
    clear_done_jobs(older_than=DONE_WORK_KEPT)
    merge_table_versions()
