"""Events, jobs and their leases."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now
from django.db.transaction import TransactionManagementError

from backend.common.errors import Conflict, NotAllowed, NotVisible, WrongState
from backend.outbox import leases
from backend.outbox.models import Event, Job
from backend.outbox.queries import dead_letters, heartbeat_age, oldest_waiting_age
from backend.outbox.services import (
    add_job,
    clear_done_jobs,
    open_tick,
    record,
    record_heartbeat,
    retry_dead,
)
from backend.outbox.topics import Topic
from tests.actors import outcomes_of
from tests.factories import MOMENT, CommunityFactory, EventFactory, JobFactory, UserFactory

# An event and the change that it records are one commit, and nobody rewrites events.


@pytest.mark.django_db
def test_record_keeps_who_what_and_whose_trail() -> None:
    community, user = CommunityFactory(), UserFactory()

    event = record(
        Topic.COMMUNITY_REGISTERED, subject=community, by=user, community_id=community.pk, note=3
    )

    event.refresh_from_db()
    assert (event.subject_type, event.subject_id, event.by, event.community_id) == (
        "community",
        community.pk,
        user,
        community.pk,
    )
    assert event.payload == {"note": 3}
    assert event.routed_at is None


@pytest.mark.django_db(transaction=True)
def test_record_outside_a_transaction_is_refused() -> None:
    with pytest.raises(TransactionManagementError, match="community_registered"):
        record(Topic.COMMUNITY_REGISTERED, subject=("community", 1), by=None)

    assert not Event.objects.exists()


@pytest.mark.django_db
def test_record_of_an_unsaved_row_is_refused() -> None:
    with pytest.raises(ValueError, match="save it first"):
        record(
            Topic.COMMUNITY_REGISTERED,
            subject=CommunityFactory.build(
                country=None, place=None, admin1="", latitude=0, longitude=0, timezone=""
            ),
            by=None,
        )


@pytest.mark.django_db(transaction=True)
def test_rollback_leaves_neither_event_nor_notification() -> None:
    with psycopg.connect(**_parameters(), autocommit=True) as listener:
        listener.execute("LISTEN outbox")
        with transaction.atomic():
            record(Topic.COMMUNITY_REGISTERED, subject=("community", 1), by=None)
            transaction.set_rollback(True)
        heard_after_rollback = list(listener.notifies(timeout=0.2, stop_after=1))
        with transaction.atomic():
            record(Topic.COMMUNITY_REGISTERED, subject=("community", 1), by=None)
        heard_after_commit = list(listener.notifies(timeout=5, stop_after=1))

    assert heard_after_rollback == []
    assert len(heard_after_commit) == 1
    assert Event.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change", [{"payload": {"x": 1}}, {"subject_id": 9}, {"topic": Topic.RUN_BEGUN}]
)
def test_event_cannot_be_rewritten(change: dict[str, object]) -> None:
    event = record(Topic.COMMUNITY_REGISTERED, subject=("community", 1), by=None)

    with pytest.raises(DatabaseError, match="audit trail"), transaction.atomic():
        Event.objects.filter(pk=event.pk).update(**change)
    with pytest.raises(DatabaseError, match="audit trail"), transaction.atomic():
        event.delete()


def _parameters() -> dict[str, object]:
    wanted = ("host", "port", "user", "password", "dbname")
    return {
        key: value for key, value in connection.get_connection_params().items() if key in wanted
    }


# Who may do a piece of work, how often, and what becomes of it.


LATER = dt.timedelta(hours=1)


def _run_out(work: Job) -> None:
    """The lease's time is over, by the clock of the database."""
    Job.objects.filter(pk=work.pk).update(leased_until=Now() - dt.timedelta(seconds=1))


@pytest.mark.django_db
def test_claim_is_had_once() -> None:
    work = JobFactory()

    lease = leases.claim(work.pk)

    assert lease is not None
    assert (lease.task, lease.key, lease.attempt) == (work.task, work.key, 1)
    assert leases.claim(work.pk) is None


@pytest.mark.django_db(transaction=True)
def test_of_eight_simultaneous_claims_one_succeeds() -> None:
    work = JobFactory()

    won = outcomes_of(*[lambda: leases.claim(work.pk)] * 8)

    assert sum(lease is not None for lease in won) == 1
    assert Job.objects.get(pk=work.pk).attempts == 1


@pytest.mark.django_db
def test_claim_before_its_time_is_refused() -> None:
    work = JobFactory(available_at=dt.datetime.now(dt.UTC) + LATER)

    assert leases.claim(work.pk) is None


@pytest.mark.django_db
def test_second_row_of_a_key_waits_for_the_first_and_is_published_again() -> None:
    first = JobFactory(task="rescore_community", key="7")
    lease = leases.claim(first.pk)
    second = JobFactory(task="rescore_community", key="7", published_at=MOMENT)

    assert leases.claim(second.pk) is None
    assert lease is not None
    assert leases.finish(lease)

    second.refresh_from_db()
    assert second.published_at is None
    assert leases.claim(second.pk) is not None


@pytest.mark.django_db
def test_hundred_requests_for_one_key_make_one_row() -> None:
    for _ in range(100):
        add_job("rescore_community", 7)

    assert Job.objects.count() == 1


@pytest.mark.django_db
def test_finish_after_the_lease_was_lost_changes_nothing() -> None:
    work = JobFactory()
    first = leases.claim(work.pk)
    _run_out(work)
    leases.return_expired()
    second = leases.claim(work.pk)

    assert first is not None
    assert second is not None
    assert not leases.finish(first)
    assert not leases.fail(first, "too late")
    assert not leases.extend(first)
    assert leases.finish(second)
    assert Job.objects.get(pk=work.pk).attempts == 2


@pytest.mark.django_db
def test_failed_work_comes_back_after_a_pause_and_dies_at_its_last_attempt() -> None:
    work = JobFactory()
    for attempt in range(1, settings.OUTBOX["max_attempts"] + 1):
        Job.objects.filter(pk=work.pk).update(available_at=MOMENT)
        lease = leases.claim(work.pk)
        assert lease is not None
        assert lease.attempt == attempt
        leases.fail(lease, f"no {attempt}")
        assert leases.claim(work.pk) is None

    work.refresh_from_db()
    assert (work.status, work.attempts, work.last_error) == (Job.Status.DEAD, 3, "no 3")
    assert list(dead_letters()) == [work]


@pytest.mark.django_db
def test_work_that_kills_its_process_dies_at_its_last_attempt() -> None:
    work = JobFactory()
    for _ in range(settings.OUTBOX["max_attempts"]):
        assert leases.claim(work.pk) is not None
        assert leases.return_expired() == 0
        _run_out(work)
        assert leases.return_expired() == 1

    work.refresh_from_db()
    assert work.status == Job.Status.DEAD
    assert "without a word" in work.last_error


@pytest.mark.django_db
def test_postponed_work_loses_no_attempt() -> None:
    work = JobFactory()
    for _ in range(5):
        Job.objects.filter(pk=work.pk).update(available_at=MOMENT)
        lease = leases.claim(work.pk)
        assert lease is not None
        leases.postpone(lease, "the mail server is away", seconds=30)

    work.refresh_from_db()
    assert (work.status, work.attempts) == (Job.Status.PENDING, 0)


@pytest.mark.django_db
def test_failed_work_gives_way_to_a_newer_request_for_its_key() -> None:
    first = JobFactory(task="rescore_community", key="7")
    lease = leases.claim(first.pk)
    second = JobFactory(task="rescore_community", key="7")

    assert lease is not None
    leases.fail(lease, "broken")

    first.refresh_from_db()
    assert (first.status, first.last_error) == (Job.Status.DONE, "broken")
    assert leases.claim(second.pk) is not None


@pytest.mark.django_db
def test_dead_letter_is_retried_by_staff(curator) -> None:
    work = JobFactory(status=Job.Status.DEAD, attempts=3, finished_at=MOMENT)

    retry_dead(by=curator, job_id=work.pk)

    work.refresh_from_db()
    assert (work.status, work.attempts) == (Job.Status.PENDING, 0)
    assert Event.objects.get(topic=Topic.DEAD_LETTER_RETRIED).by == curator
    with pytest.raises(WrongState):
        retry_dead(by=curator, job_id=work.pk)


@pytest.mark.django_db
def test_dead_letter_is_not_for_everybody_nor_twice(curator) -> None:
    dead = JobFactory(task="rescore_community", key="7", status=Job.Status.DEAD, finished_at=MOMENT)
    JobFactory(task="rescore_community", key="7")

    with pytest.raises(NotAllowed):
        retry_dead(by=UserFactory(), job_id=dead.pk)
    with pytest.raises(Conflict):
        retry_dead(by=curator, job_id=dead.pk)
    with pytest.raises(NotVisible):
        retry_dead(by=curator, job_id=dead.pk + 999)


@pytest.mark.django_db
def test_slot_opens_once() -> None:
    assert open_tick("score_nightly", MOMENT) is not None
    assert open_tick("score_nightly", MOMENT) is None
    assert open_tick("score_nightly", MOMENT + LATER) is not None
    assert Event.objects.filter(topic=Topic.TICK_OPENED).count() == 2


@pytest.mark.django_db
def test_ages_are_measured_by_the_clock_of_the_database() -> None:
    assert oldest_waiting_age() is None
    assert heartbeat_age("worker") is None
    record_heartbeat("worker")
    record_heartbeat("worker")
    JobFactory(available_at=dt.datetime.now(dt.UTC) - LATER)
    EventFactory()

    age, beat_age = oldest_waiting_age(), heartbeat_age("worker")

    assert age is not None
    assert LATER <= age < 2 * LATER
    assert beat_age is not None
    assert beat_age < dt.timedelta(minutes=1)


@pytest.mark.django_db
def test_clearing_deletes_only_what_was_done_long_ago() -> None:
    now = dt.datetime.now(dt.UTC)
    JobFactory(status=Job.Status.DONE, finished_at=now - 2 * LATER)
    kept = [
        JobFactory(status=Job.Status.DONE, finished_at=now),
        JobFactory(status=Job.Status.DEAD, finished_at=now - 2 * LATER),
        JobFactory(),
    ]

    assert clear_done_jobs(older_than=LATER) == 1
    assert list(Job.objects.order_by("id")) == kept
