"""Jobs that one pass does together, and jobs that find the ranking taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from django.db import connection, transaction

from backend.outbox.leases import Lease, claim_alike
from backend.outbox.models import Event, Job
from backend.outbox.topics import Topic
from backend.suggestions.services import request_run, runs
from tasks.jobs import HANDLERS, run_job
from tasks.relay import route_events
from tests.factories import MOMENT, JobFactory
from tests.world import make_communities, publish_again

pytestmark = pytest.mark.django_db
_TASK = "done_together"


@pytest.fixture
def passes() -> Iterator[list[list[str]]]:
    """The keys of each pass of a task that takes its jobs together; the key "poison" fails."""
    seen: list[list[str]] = []

    def handle(lease: Lease) -> None:
        claim_alike(lease)
        seen.append(lease.keys)
        if "poison" in lease.keys:
            raise RuntimeError("never works")

    HANDLERS[_TASK] = handle
    yield seen
    del HANDLERS[_TASK]


@pytest.fixture
def taken_ranking() -> Iterator[None]:
    """Another process holds the ranking."""
    parameters = connection.get_connection_params()
    names = ("dbname", "user", "password", "host", "port")
    with psycopg.connect(**{n: parameters[n] for n in names if n in parameters}) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [runs._RANKING_LOCK])
        yield


def test_one_pass_ends_all_jobs_that_wait(passes: list[list[str]]) -> None:
    jobs = [JobFactory(task=_TASK, key=str(number)) for number in range(5)]
    JobFactory(task=_TASK, key="later", available_at=MOMENT.replace(year=2100))
    JobFactory(task="another", key="1")

    for job in jobs:
        run_job(job.pk)

    assert passes == [["0", "1", "2", "3", "4"]]
    done = Job.objects.filter(status=Job.Status.DONE)
    assert set(done.values_list("pk", "attempts")) == {(job.pk, 1) for job in jobs}


def test_job_whose_key_is_worked_on_elsewhere_is_left_out(passes: list[list[str]]) -> None:
    leased = {"status": "leased", "leased_until": MOMENT.replace(year=2100)}
    JobFactory(task=_TASK, key="1", lease_token="4" * 32, **leased)
    JobFactory(task=_TASK, key="1")
    first = JobFactory(task=_TASK, key="0")

    run_job(first.pk)

    assert passes == [["0"]]


def test_job_that_always_fails_takes_no_other_with_it(passes: list[list[str]]) -> None:
    keys = ("poison", "good", "fine")
    jobs = [JobFactory(task=_TASK, key=key) for key in keys]
    for _ in range(4):
        for job in jobs:
            Job.objects.filter(status=Job.Status.PENDING).update(available_at=MOMENT)
            run_job(job.pk)

    assert dict(Job.objects.values_list("key", "status")) == {
        "poison": "dead",
        "good": "done",
        "fine": "done",
    }


@pytest.mark.parametrize("task", ["rescore_community", "derive_from_community", "derive_from_run"])
def test_waiting_for_the_ranking_is_no_attempt(taken_ranking: None, task: str) -> None:
    """However often: it was declared dead when three kills met it while it waited."""
    job = JobFactory(task=task, key="1")

    for _ in range(4):
        Job.objects.filter(pk=job.pk).update(available_at=MOMENT)
        assert run_job(job.pk)

    job.refresh_from_db()
    assert (job.status, job.attempts) == (Job.Status.PENDING, 0)


def test_edits_of_many_communities_are_scored_in_one_pass(drain: Callable[[], int]) -> None:
    world = make_communities(home=3, abroad=5)
    with transaction.atomic():
        request_run(by=None)
    drain()
    with transaction.atomic():
        for community in world:
            publish_again(community)
    route_events()
    first = Job.objects.filter(task="rescore_community", status=Job.Status.PENDING).earliest("id")

    run_job(first.pk)

    rescored = Event.objects.filter(topic=Topic.COMMUNITY_RESCORED)
    assert set(rescored.values_list("community_id", flat=True)) == {c.pk for c in world}
    # Each is in the trail that its community reads: no count of rankings, which others share
    assert all(set(event.payload) == {"run"} for event in rescored)
    assert not Job.objects.filter(task="rescore_community", status=Job.Status.PENDING).exists()
