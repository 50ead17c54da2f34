"""Slots of the schedule by the database's clock, and the settings of Celery that keep work from
being lost.
"""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from celery.signals import beat_init, worker_init
from django.conf import settings
from django.db import connection

from backend.outbox.models import Event, ScheduledTick
from backend.outbox.topics import Topic
from tasks.app import HARD_LIMIT_SECONDS, app
from tasks.schedule import PERIODIC_TASKS, open_due_tick
from tasks.upkeep import open_tick
from tests.factories import UserFactory

UTC = dt.UTC


@pytest.mark.parametrize(
    ("moment", "slot"),
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
def test_slot_is_the_latest_that_has_begun(moment: dt.datetime, slot: dt.datetime) -> None:
    assert PERIODIC_TASKS["score_nightly"].tick_at(moment) == slot


def test_every_slot_of_a_year_of_hours_comes_once() -> None:
    hours = [dt.datetime(2026, 1, 1, tzinfo=UTC) + dt.timedelta(hours=n) for n in range(365 * 24)]

    assert len({PERIODIC_TASKS["expire_suggestions"].tick_at(hour) for hour in hours}) == len(hours)
    assert len({PERIODIC_TASKS["score_nightly"].tick_at(hour) for hour in hours}) == 366


@pytest.mark.django_db(transaction=True)
def test_two_beats_open_one_slot() -> None:
    start = threading.Barrier(4)

    def fire() -> None:
        start.wait()
        open_tick("score_nightly")
        connection.close()

    beats = [threading.Thread(target=fire) for _ in range(4)]
    for thread in beats:
        thread.start()
    for thread in beats:
        thread.join()

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
