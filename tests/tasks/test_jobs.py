"""Performing work: once, at most three attempts, and a second delivery changes nothing; and jobs
that one pass does together.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from backend.cities.models import Community, CommunityRole, Profile
from backend.notifications.models import Delivery, Notification
from backend.outbox.leases import Lease, Reject, RetryLater, claim_alike
from backend.outbox.models import Event, Heartbeat, Job
from backend.outbox.services import record_heartbeat
from backend.outbox.topics import Topic
from backend.suggestions.models import RankedPair, ScoringRun, Suggestion
from backend.suggestions.services import request_run, runs
from backend.suggestions.services.runs import begin_run, current_run
from tasks import jobs as jobs_module
from tasks.app import app
from tasks.jobs import HANDLERS, handles, run_job, run_job_task
from tasks.relay import route_events
from tests.actors import outcomes_of
from tests.division import one_in
from tests.factories import (
    MOMENT,
    CommunityRoleFactory,
    DeliveryFactory,
    EventFactory,
    JobFactory,
    SuggestionFactory,
)
from tests.world import make_communities, publish_again

pytestmark = pytest.mark.django_db


@pytest.fixture
def scratch() -> Iterator[Callable[[Callable[[Lease], object]], str]]:
    """Registers a handler for the length of a test and gives its name."""

    def register(function: Callable[[Lease], object]) -> str:
        HANDLERS["scratch"] = function
        return "scratch"

    yield register
    HANDLERS.pop("scratch", None)


def _make_due(row: Job) -> None:
    Job.objects.filter(pk=row.pk).update(available_at=MOMENT)


def test_work_is_performed_once(scratch) -> None:
    seen: list[Lease] = []
    row = JobFactory(task=scratch(seen.append), key="5")

    assert run_job(row.pk)
    assert not run_job(row.pk)

    row.refresh_from_db()
    assert [(lease.key, lease.attempt) for lease in seen] == [("5", 1)]
    assert row.status == Job.Status.DONE


def test_poison_is_tried_three_times_and_harms_no_other_work(scratch) -> None:
    attempts: list[str] = []

    def fail(lease: Lease) -> None:
        attempts.append(lease.key)
        if lease.key == "poison":
            raise RuntimeError("never works")

    poison, good = (
        JobFactory(task=scratch(fail), key="poison"),
        JobFactory(task="scratch", key="good"),
    )
    for _ in range(5):
        _make_due(poison)
        run_job(poison.pk)
    run_job(good.pk)

    poison.refresh_from_db()
    assert attempts == ["poison"] * 3 + ["good"]
    assert poison.status == Job.Status.DEAD
    assert "never works" in poison.last_error
    assert Job.objects.get(pk=good.pk).status == Job.Status.DONE


def test_job_without_a_handler_becomes_a_dead_letter() -> None:
    row = JobFactory(task="unheard_of")
    for _ in range(4):
        _make_due(row)
        run_job(row.pk)

    row.refresh_from_db()
    assert row.status == Job.Status.DEAD
    assert "unheard_of" in row.last_error


@pytest.mark.parametrize(
    ("outcome", "status", "attempts"),
    [(RetryLater("not yet", seconds=60), "pending", 0), (Reject("never"), "dead", 1)],
)
def test_work_may_say_itself_what_becomes_of_it(
    scratch, outcome: Exception, status: str, attempts: int
) -> None:
    def speak(lease: Lease) -> None:
        raise outcome

    row = JobFactory(task=scratch(speak))
    run_job(row.pk)

    row.refresh_from_db()
    assert (row.status, row.attempts, row.last_error) == (status, attempts, str(outcome))


@pytest.mark.django_db(transaction=True)
def test_lease_is_kept_while_the_work_takes_longer_than_it(scratch, settings) -> None:
    settings.OUTBOX = {**settings.OUTBOX, "lease_seconds": 0.6}
    ends: list = []
    long_enough = threading.Event()

    def take_long(lease: Lease) -> None:
        first = Job.objects.get(pk=lease.job_id).leased_until
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and not ends:
            now = Job.objects.get(pk=lease.job_id).leased_until
            if now != first:
                ends.append(now)
            long_enough.wait(0.02)

    row = JobFactory(task=scratch(take_long))
    run_job(row.pk)

    assert ends
    assert Job.objects.get(pk=row.pk).status == Job.Status.DONE


@pytest.mark.django_db(transaction=True)
def test_job_delivered_to_four_workers_at_once_runs_once(scratch) -> None:
    seen: list[int] = []
    row = JobFactory(task=scratch(lambda lease: seen.append(lease.job_id)))

    outcomes_of(*[lambda: run_job(row.pk)] * 4)

    assert seen == [row.pk]


def _suggestion_event() -> Event:
    suggestion = SuggestionFactory()
    for side in (suggestion.pair.a, suggestion.pair.b):
        CommunityRoleFactory(community=side)
    sides = {str(suggestion.pair.a_id): [suggestion.pk], str(suggestion.pair.b_id): [suggestion.pk]}
    return EventFactory(topic=Topic.SUGGESTIONS_CHANGED, payload={"communities": sides})


def test_new_suggestion_reaches_both_sides_by_page_and_mail_once(drain) -> None:
    _suggestion_event()

    drain()
    drain()

    assert Notification.objects.count() == 2
    assert len(mail.outbox) == 2
    assert len({message.extra_headers["Message-ID"] for message in mail.outbox}) == 2
    assert set(Delivery.objects.values_list("status", flat=True)) == {"sent"}


def test_second_delivery_of_every_message_writes_and_sends_nothing(
    drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "record_worker_heartbeat", lambda: None)
    _suggestion_event()
    SuggestionFactory(mutual=True)
    drain()
    ids, sent = list(Job.objects.values_list("pk", flat=True)), len(mail.outbox)

    with CaptureQueriesContext(connection) as queries:
        for job_id in ids:
            run_job_task(job_id)

    changed = [q["sql"] for q in queries if q["sql"].startswith(("INSERT", "DELETE"))]
    assert changed == []
    assert len(mail.outbox) == sent
    assert set(Job.objects.filter(pk__in=ids).values_list("attempts", flat=True)) == {1}


@pytest.mark.parametrize(
    "task",
    [
        "open_introduction_for_mutual",
        "notify_people",
        "deliver",
        "expire_suggestions",
        "mark_stale_profiles",
        "clear_old_rows",
    ],
)
def test_task_run_twice_changes_nothing_the_second_time(task: str) -> None:
    app.loader.import_default_modules()
    suggestion = SuggestionFactory(mutual=True)
    keys = {
        "open_introduction_for_mutual": suggestion.pk,
        "notify_people": EventFactory(topic=Topic.INTEREST_MUTUAL, subject_id=suggestion.pk).pk,
        "deliver": DeliveryFactory().pk if task == "deliver" else 0,
    }
    CommunityRoleFactory(community=suggestion.pair.a)
    lease = Lease(1, None, task, str(keys.get(task, "all")), None, 1)  # type: ignore[arg-type]
    HANDLERS[task](lease)
    sent, rows = len(mail.outbox), _row_counts()

    HANDLERS[task](lease)

    assert (len(mail.outbox), _row_counts()) == (sent, rows)


def _row_counts() -> dict[str, int]:
    from django.apps import apps

    return {model._meta.label: model._base_manager.count() for model in apps.get_models()}


def test_two_functions_cannot_perform_the_same_task() -> None:
    app.loader.import_default_modules()

    with pytest.raises(ValueError, match="deliver"):
        handles("deliver")(lambda lease: None)


def test_performing_work_shows_that_the_worker_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_module, "_last_heartbeat", -1000.0)

    run_job_task(0)

    assert Heartbeat.objects.filter(name="worker").exists()


# Jobs that one pass does together, and jobs that find the ranking taken.


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


@pytest.fixture
def world() -> list[Community]:
    return make_communities(home=4, abroad=8)


def _score(*words: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("score", *words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_score_without_relay_and_worker_does_the_work_itself_and_says_so(
    world: list[Community],
) -> None:
    out, err = _score()

    run = current_run()
    assert run is not None
    assert run.pairs_scored == 4 * 8
    assert out.startswith(f"32 pairs scored, {Suggestion.objects.count()} new suggestions, ")
    assert "No relay and no worker is running" in err


def test_score_follows_the_run_under_way(world: list[Community]) -> None:
    run = begin_run(reason="nightly")
    assert run is not None

    out, _err = _score("--quiet")

    assert f"(run {run.pk})" in out
    assert ScoringRun.objects.count() == 1


def test_score_says_why_it_cannot_go_on(world: list[Community]) -> None:
    with transaction.atomic():
        request_run(by=None)
    Job.objects.create(
        task="begin_run",
        key="all",
        status="dead",
        last_error="ValueError: no",
        available_at="2026-01-01T00:00Z",
        finished_at="2026-01-01T00:00Z",
    )
    record_heartbeat("relay")
    record_heartbeat("worker")

    with pytest.raises(CommandError, match=r"begin_run was given up \(ValueError: no\)"):
        _score("--quiet")


def test_run_notifies_both_sides_of_each_promising_pair(
    world: list[Community], drain: Callable[[], int]
) -> None:
    with transaction.atomic():
        request_run(by=None)
    drain()

    sides = {
        side
        for s in Suggestion.objects.select_related("pair")
        for side in (s.pair.a_id, s.pair.b_id)
    }
    assert sides
    assert set(Notification.objects.values_list("community_id", flat=True)) == sides
    assert len(mail.outbox) == Notification.objects.count()


def test_publishing_a_profile_suggests_pairs_and_notifies_both_sides(
    world: list[Community], drain: Callable[[], int], settings: Any
) -> None:
    # Room for a newcomer beside everybody who is suggested already
    settings.SUGGESTIONS = settings.SUGGESTIONS | {"places_least": 20, "places_most": 20}
    newcomer = world[-1]
    Profile.objects.filter(community=newcomer).update(status=Profile.Status.PAUSED)
    with transaction.atomic():
        request_run(by=None)
    drain()
    assert not Suggestion.objects.of_community(newcomer.pk).exists()
    mail.outbox.clear()

    with transaction.atomic():
        Profile.objects.filter(community=newcomer).update(status=Profile.Status.PUBLISHED)
        publish_again(newcomer)
    drain()

    found = (
        Suggestion.objects.of_community(newcomer.pk)
        .filter(status=Suggestion.Status.RELEASED)
        .select_related("pair")
    )
    sides = {side for s in found for side in (s.pair.a_id, s.pair.b_id)}
    addresses = set(
        CommunityRole.objects.filter(community_id__in=sides).values_list("user__email", flat=True)
    )
    assert len(addresses) > 1
    assert {address for message in mail.outbox for address in message.to} == addresses
    assert len(mail.outbox) == len(addresses)


@pytest.mark.parametrize("times", one_in(2, [1, 3]))
def test_rescoring_twice_leaves_the_ranking_as_it_is(
    world: list[Community], drain: Callable[[], int], times: int
) -> None:
    with transaction.atomic():
        request_run(by=None)
    drain()
    rows = sorted(
        RankedPair.objects.values_list("left_id", "right_id", "score", "left_rank", "right_rank")
    )
    notified = Notification.objects.count()

    for _ in range(times):
        with transaction.atomic():
            publish_again(world[0])
        drain()

    assert (
        sorted(
            RankedPair.objects.values_list(
                "left_id", "right_id", "score", "left_rank", "right_rank"
            )
        )
        == rows
    )
    assert Notification.objects.count() == notified
