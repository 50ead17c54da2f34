"""The relay, the routes and the schedule: from events and due times to jobs."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from celery.signals import beat_init, worker_init
from django.conf import settings
from django.db import connection, transaction

from backend.outbox.models import Event, Heartbeat, Job, ScheduledTick
from backend.outbox.services import add_job, record
from backend.outbox.topics import Topic
from tasks import relay
from tasks.app import HARD_LIMIT_SECONDS, QUEUES, app
from tasks.broker import publish_jobs
from tasks.handlers import open_tick
from tasks.relay import Relay, open_due_slots, publish_due, route_events
from tasks.routes import jobs_for, routes_of
from tasks.schedule import PERIODIC_TASKS, open_due_tick
from tests.actors import outcomes_of
from tests.factories import MOMENT, EventFactory, JobFactory, ScoringShardFactory, UserFactory

# From recorded events to messages: nothing lost, nothing doubled, whatever the broker does.


pytestmark = pytest.mark.django_db


def _publish_profile(community_id: int = 7) -> Event:
    with transaction.atomic():
        return record(
            Topic.PROFILE_PUBLISHED, subject=("profile", 1), by=None, community_id=community_id
        )


def test_every_route_of_every_topic_has_its_performer() -> None:
    from tasks.app import app
    from tasks.jobs import HANDLERS

    app.loader.import_default_modules()

    assert {route.task for topic in Topic for route in routes_of(topic)} <= set(HANDLERS)


def test_published_profile_becomes_work_once() -> None:
    event = _publish_profile()

    assert route_events() == 1
    assert route_events() == 0

    assert {(w.task, w.key, w.event) for w in Job.objects.all()} == {
        ("rescore_community", "7", event),
        ("notify_people", str(event.pk), event),
    }


def test_hundred_edits_of_one_community_are_one_rescoring() -> None:
    for _ in range(100):
        _publish_profile()

    route_events()

    assert Job.objects.filter(task="rescore_community").count() == 1


def test_begun_run_becomes_one_piece_of_work_a_shard() -> None:
    shard = ScoringShardFactory(index=0)
    ScoringShardFactory(run=shard.run, index=1)
    event = EventFactory(topic=Topic.RUN_BEGUN, subject_id=shard.run_id)

    assert [(task, key) for task, key, _event in jobs_for(event)] == [
        ("score_shard", f"{shard.run_id}:{i}") for i in (0, 1)
    ]


@pytest.mark.parametrize("schedule", PERIODIC_TASKS)
def test_opened_tick_becomes_the_job_of_its_periodic_task(schedule: str) -> None:
    event = EventFactory(topic=Topic.TICK_OPENED, payload={"schedule": schedule})

    assert [(task, key) for task, key, _event in jobs_for(event)] == [
        (PERIODIC_TASKS[schedule].task, "all")
    ]


def test_rolled_back_change_leaves_no_event_no_work_and_no_message(
    queued: Callable[[], int],
) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():  # noqa: PT012 - the change and what breaks it are one transaction
        _publish_profile()
        raise RuntimeError

    Relay().sweep()

    assert not Event.objects.exclude(topic=Topic.TICK_OPENED).exists()
    assert not Job.objects.filter(task="rescore_community").exists()


@pytest.mark.django_db(transaction=True)
def test_event_of_an_earlier_id_that_commits_later_is_routed() -> None:
    held, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            _publish_profile(1)
            held.set()
            go_on.wait(10)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    assert held.wait(10)
    _publish_profile(2)
    first = route_events()
    go_on.set()
    thread.join()

    assert (first, route_events()) == (1, 1)
    assert set(Job.objects.filter(task="rescore_community").values_list("key", flat=True)) == {
        "1",
        "2",
    }


@pytest.mark.django_db(transaction=True)
def test_two_relays_route_and_publish_everything_once(queued: Callable[[], int]) -> None:
    for community_id in range(300):
        _publish_profile(community_id)

    outcomes_of(*[lambda: Relay().sweep()] * 2)
    Relay().sweep()

    published = Job.objects.filter(published_at__isnull=False).count()
    assert Job.objects.filter(task="rescore_community").count() == 300
    assert Job.objects.filter(task="notify_people").count() == 300
    assert queued() == published >= relay.WINDOW
    assert ScheduledTick.objects.count() == len(PERIODIC_TASKS)


def test_message_lost_by_the_broker_is_published_again(broker, queued: Callable[[], int]) -> None:
    work = JobFactory()
    assert publish_due() == 1
    assert publish_due() == 0

    broker.flushdb()
    Job.objects.filter(pk=work.pk).update(published_at=MOMENT)

    assert publish_due() == 1
    assert queued() == 1


def test_messages_never_pile_up_beyond_the_window(
    queued: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "WINDOW", 3)
    for _ in range(5):
        JobFactory()

    publish_due()
    Job.objects.update(published_at=MOMENT)
    publish_due()

    assert queued() == 3


def test_mails_wait_in_a_queue_of_their_own(
    queued: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "WINDOW", 2)
    for _ in range(4):
        JobFactory(task="deliver")
    JobFactory(task="rescore_community")

    publish_due()

    assert (queued("mail"), queued("work")) == (2, 1)


def test_what_a_person_waits_for_has_a_queue_of_its_own(
    queued: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "WINDOW", 3)
    for task in ("deliver", "notify_people", "score_shard"):
        for _ in range(5):
            JobFactory(task=task)
    for task in ("send_account_mail", "settle_answer", "open_introduction_for_mutual"):
        JobFactory(task=task)

    publish_due()

    assert {name: queued(name) for name in QUEUES} == dict.fromkeys(QUEUES, 3)


def test_shards_of_a_run_do_not_wait_behind_notices(
    queued: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "WINDOW", 2)
    for _ in range(4):
        JobFactory(task="notify_people")
    for task in ("begin_run", "score_shard"):
        JobFactory(task=task)

    publish_due()

    assert (queued("runs"), queued("work")) == (2, 2)


def test_work_is_published_when_it_is_due_and_not_before(queued: Callable[[], int]) -> None:
    JobFactory(available_at=MOMENT.replace(year=2100))
    JobFactory(status=Job.Status.DONE, finished_at=MOMENT)

    assert publish_due() == 0
    assert queued() == 0


def test_unreachable_broker_delays_and_loses_nothing(
    settings, queued: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    event = _publish_profile()
    Relay().sweep()
    event.refresh_from_db()

    settings.REDIS_URL = address
    waiting = Job.objects.filter(published_at__isnull=True, task="rescore_community").count()
    Relay().sweep()

    assert event.routed_at is not None
    assert waiting == 1
    assert queued() == Job.objects.count()


def test_publishing_fails_half_way_and_is_done_again(
    queued: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(job_ids: list[int], queue: str) -> None:
        publish_jobs(job_ids[:1], queue)
        raise ConnectionResetError

    JobFactory()
    JobFactory()
    with monkeypatch.context() as broken:
        broken.setattr(relay, "publish_jobs", break_off)
        with pytest.raises(ConnectionResetError):
            publish_due()

    assert publish_due() == 2


def test_missed_slots_are_opened_by_the_sweep_once() -> None:
    opened: dict = {}
    open_due_slots(opened)
    open_due_slots(opened)
    open_due_slots({})

    assert set(ScheduledTick.objects.values_list("schedule", flat=True)) == set(PERIODIC_TASKS)
    assert Event.objects.filter(topic=Topic.TICK_OPENED).count() == len(PERIODIC_TASKS)


def test_relay_waits_for_its_file(tmp_path: Path) -> None:
    process, file = Relay(), tmp_path / "loaded"
    waiting = threading.Thread(target=process.wait_for, args=[file])
    waiting.start()
    assert waiting.is_alive()

    file.touch()
    waiting.join(10)
    assert not waiting.is_alive()


def test_relay_that_waits_for_a_file_can_be_stopped(tmp_path: Path) -> None:
    process = Relay()
    process.stop()

    process.wait_for(tmp_path / "never")


@pytest.mark.django_db(transaction=True)
def test_recorded_event_wakes_the_relay_at_once(settings, queued: Callable[[], int]) -> None:
    settings.OUTBOX = {**settings.OUTBOX, "sweep_seconds": 30}
    process = Relay()
    thread = threading.Thread(target=process.run)
    thread.start()
    try:
        _until(
            lambda: (
                Heartbeat.objects.filter(name="relay").exists()
                and queued() == Job.objects.count() > 0
            )
        )
        began, before = time.monotonic(), queued()
        with transaction.atomic():
            record(Topic.PROFILE_PUBLISHED, subject=("profile", 1), by=None, community_id=7)
        _until(lambda: queued() == before + 2)
        routed = time.monotonic() - began
        add_job("rescore_community", 8)
        _until(lambda: queued() == before + 3)
    finally:
        process.stop()
        add_job("rescore_community", 9)  # wakes it, so that it sees that it is to stop
        thread.join(20)

    assert routed < 5
    assert not thread.is_alive()


def _until(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


# Slots of the schedule by the database's clock, and the settings of Celery that keep work from
# being lost.


UTC = dt.UTC


@pytest.mark.parametrize(
    ("moment", "tick"),
    [
        (
            dt.datetime(2026, 3, 29, 2, 29, 59, tzinfo=UTC),
            dt.datetime(2026, 3, 28, 2, 30, tzinfo=UTC),
        ),
        (dt.datetime(2026, 3, 29, 2, 30, tzinfo=UTC), dt.datetime(2026, 3, 29, 2, 30, tzinfo=UTC)),
        (
            dt.datetime(2026, 10, 25, 23, 59, tzinfo=UTC),
            dt.datetime(2026, 10, 25, 2, 30, tzinfo=UTC),
        ),
        (
            dt.datetime(2023, 12, 31, 2, 31, tzinfo=UTC),
            dt.datetime(2023, 12, 31, 2, 30, tzinfo=UTC),
        ),
    ],
)
def test_tick_is_the_latest_that_has_begun(moment: dt.datetime, tick: dt.datetime) -> None:
    assert PERIODIC_TASKS["score_nightly"].tick_at(moment) == tick


def test_every_slot_of_a_year_of_hours_comes_once() -> None:
    hours = [dt.datetime(2026, 1, 1, tzinfo=UTC) + dt.timedelta(hours=n) for n in range(365 * 24)]

    assert len({PERIODIC_TASKS["expire_suggestions"].tick_at(hour) for hour in hours}) == len(hours)
    assert len({PERIODIC_TASKS["score_nightly"].tick_at(hour) for hour in hours}) == 366


@pytest.mark.django_db(transaction=True)
def test_four_beats_open_one_tick() -> None:
    outcomes_of(*[lambda: open_tick("score_nightly")] * 4)

    assert ScheduledTick.objects.filter(schedule="score_nightly").count() == 1
    assert Event.objects.filter(topic=Topic.TICK_OPENED).count() == 1


@pytest.mark.django_db
def test_unknown_job_is_an_error() -> None:
    with pytest.raises(KeyError):
        open_due_tick("make_coffee")


def test_beat_fires_every_job_at_its_hour() -> None:
    entries = app.conf.beat_schedule

    assert set(entries) == set(PERIODIC_TASKS) | {"heartbeat"}
    assert all(
        entries[name]["task"] == "open_tick" and entries[name]["args"] == [name]
        for name in PERIODIC_TASKS
    )
    nightly = entries["score_nightly"]["schedule"]
    assert (nightly.hour, nightly.minute) == ({2}, {30})
    assert entries["expire_suggestions"]["schedule"].hour == set(range(24))


def test_celery_loses_no_message_and_loops_for_none() -> None:
    conf = app.conf

    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert (
        conf.broker_transport_options["visibility_timeout"]
        > 2 * HARD_LIMIT_SECONDS
        == 2 * conf.task_time_limit
    )
    assert conf.task_soft_time_limit < conf.task_time_limit
    assert (conf.task_serializer, conf.accept_content) == ("json", ["json"])
    assert settings.OUTBOX["lease_seconds"] < HARD_LIMIT_SECONDS


@pytest.mark.django_db(transaction=True)
@pytest.mark.filterwarnings("ignore:DjangoFixup")
def test_no_process_starts_over_the_sample_world_in_production(settings) -> None:
    from django.core.management import CommandError, call_command

    UserFactory(is_sample=True)
    settings.PRODUCTION = True

    with pytest.raises(SystemExit, match="sample world"):
        worker_init.send(sender=None)
    with pytest.raises(SystemExit, match="sample world"):
        beat_init.send(sender=None)
    with pytest.raises(CommandError, match="sample world"):
        call_command("relay")
