"""Processes killed, wiped and frozen in mid-run: what was committed takes effect, once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.test import Client

from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.models import ScoringRun, ScoringShard, Suggestion
from backend.suggestions.services.runs import begin_run
from tests.faults.service import Service, running
from tests.world import (
    check_everybody_was_notified_once,
    everything_is_done,
    make_communities,
    publish_again,
    ranking_of,
)

takes_minutes = pytest.mark.usefixtures("long_form")


def _begin() -> ScoringRun:
    run = begin_run(reason="requested")
    assert run is not None
    return run


def _is_complete(run: ScoringRun) -> bool:
    return ScoringRun.objects.filter(pk=run.pk, status=ScoringRun.Status.COMPLETE).exists()


def _shards_done(run: ScoringRun) -> int:
    return ScoringShard.objects.filter(run=run, done_at__isnull=False).count()


@pytest.mark.django_db(transaction=True)
def test_worker_killed_in_mid_run_then_broker_wiped(
    service: Service, finer_shards: None, drain
) -> None:
    make_communities(home=12, abroad=24)
    run = _begin()
    service.until(lambda: _shards_done(run) >= 1, seconds=60, every=0.02)

    service.kill_worker()
    cut_short = _shards_done(run) < run.shard_count
    service.kill_broker(wipe=True)
    service.start_worker()
    service.until(lambda: _is_complete(run), seconds=90)
    service.until(everything_is_done, seconds=60)

    assert cut_short, "the run was over before the worker was killed"
    check_everybody_was_notified_once(service.folder / "mail")
    service.stop()
    again = _begin()
    drain()
    assert ranking_of(again) == ranking_of(run)
    assert len(ranking_of(run)) > 0


@pytest.mark.django_db(transaction=True)
@takes_minutes
def test_children_of_the_worker_killed_twenty_times(service: Service, finer_shards: None) -> None:
    make_communities(home=12, abroad=24)
    began, run = time.monotonic(), _begin()
    kills = 0
    while kills < 20:
        if _is_complete(run):
            service.until(everything_is_done, seconds=90)
            began, run = time.monotonic(), _begin()
        service.kill_worker_child()
        kills += 1
        before = _shards_done(run)
        service.until(
            lambda before=before, run=run: _shards_done(run) > before or _is_complete(run),
            seconds=90,
        )  # type: ignore[misc]
    service.until(lambda: _is_complete(run), seconds=90)
    service.until(everything_is_done, seconds=90)

    print(f"last run complete after {time.monotonic() - began:.0f} s")
    check_everybody_was_notified_once(service.folder / "mail")


@pytest.mark.django_db(transaction=True)
@takes_minutes
def test_worker_killed_five_times(service: Service, finer_shards: None) -> None:
    make_communities(home=12, abroad=24)
    for _ in range(5):
        run = _begin()
        service.until(
            lambda run=run: _shards_done(run) >= 1,  # type: ignore[misc]
            seconds=60,
            every=0.02,
        )
        service.kill_worker()
        service.start_worker()
        service.until(lambda run=run: _is_complete(run), seconds=90)  # type: ignore[misc]
        service.until(everything_is_done, seconds=60)

    check_everybody_was_notified_once(service.folder / "mail")


@pytest.mark.django_db(transaction=True)
@takes_minutes
def test_broker_killed_and_wiped_ten_times(service: Service, finer_shards: None) -> None:
    communities = make_communities(home=6, abroad=12)
    run = _begin()
    service.until(lambda: _is_complete(run) and everything_is_done(), seconds=90)
    for number in range(10):
        with transaction.atomic():
            publish_again(communities[number])
        service.kill_broker(wipe=number % 2 == 0)
        with transaction.atomic():
            publish_again(communities[-1 - number])
        service.until(everything_is_done, seconds=30)

    check_everybody_was_notified_once(service.folder / "mail")


@pytest.mark.django_db(transaction=True)
@takes_minutes
def test_broker_frozen_for_forty_seconds(service: Service) -> None:
    communities = make_communities(home=6, abroad=12)
    run = _begin()
    service.until(lambda: _is_complete(run) and everything_is_done(), seconds=90)
    client, waits = Client(), []
    assert service.broker.process is not None
    os.kill(service.broker.process.pid, signal.SIGSTOP)
    try:
        frozen_at = time.monotonic()
        while time.monotonic() - frozen_at < 40:
            began = time.monotonic()
            with transaction.atomic():
                publish_again(communities[0])
            assert client.get("/").status_code == 200
            waits.append(time.monotonic() - began)
    finally:
        os.kill(service.broker.process.pid, signal.SIGCONT)
    service.until(everything_is_done, seconds=60)

    assert sorted(waits)[int(len(waits) * 0.99)] < 1
    check_everybody_was_notified_once(service.folder / "mail")


@pytest.mark.django_db(transaction=True)
@takes_minutes
def test_database_crashes_ten_times(
    durable_commits: None, service: Service, finer_shards: None
) -> None:
    make_communities(home=12, abroad=24)
    run = _begin()
    for _ in range(10):
        _crash_database()
        service.until(_database_answers, seconds=60)
        with transaction.atomic():
            record(Topic.COMMUNITY_REGISTERED, subject=("community", 1), by=None)
    service.until(lambda: _is_complete(run), seconds=120)
    service.until(everything_is_done, seconds=60)

    assert Suggestion.objects.exists()
    check_everybody_was_notified_once(service.folder / "mail")


def _crash_database() -> None:
    """One of its processes is killed: PostgreSQL throws every session out and recovers from its
    log, as after an immediate restart.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    os.kill(pid, signal.SIGKILL)
    connection.close()


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except OperationalError:
        connection.close()
        return False
    return True


@pytest.fixture
def service(nothing_due: None, tmp_path: Path) -> Iterator[Service]:
    """A running relay, worker and broker on the test database."""
    with running(Service(tmp_path)) as started:
        yield started


@pytest.fixture
def durable_commits(transactional_db: None) -> Iterator[None]:
    """What is committed survives a crash of the server, as it does outside of tests. Ask for it
    before the service.
    """
    name = connection.ops.quote_name(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} SET synchronous_commit = on")
    connection.close()
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} RESET synchronous_commit")


@pytest.fixture
def finer_shards(settings: settings) -> None:
    """A run of few communities is cut into enough shards to be killed in the middle."""
    settings.SUGGESTIONS = {**settings.SUGGESTIONS, "shards": 12, "shard_rows_min": 1}


@pytest.fixture
def long_form(request: pytest.FixtureRequest) -> None:
    """Skips what takes minutes unless it is asked for."""
    if request.config.getoption("--faults") != "long":
        pytest.skip("takes minutes: python3 manage.py test tests/faults --faults=long")
