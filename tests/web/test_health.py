"""Alive, ready, measured."""

from __future__ import annotations

import datetime as dt
import io
import json
import logging
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models.functions import Now
from django.test import Client, override_settings

from backend.outbox.models import Heartbeat, Job
from backend.runtime.valkey import EmbeddedValkey
from tests.factories import EventFactory, JobFactory

pytestmark = pytest.mark.django_db


def ask() -> tuple[int, dict[str, Any]]:
    response = Client().get("/readyz")
    return response.status_code, response.json()


def beat(name: str, seconds_ago: float) -> None:
    Heartbeat.objects.update_or_create(
        name=name, defaults={"beat_at": Now() - dt.timedelta(seconds=seconds_ago)}
    )


@pytest.fixture
def beating() -> None:
    beat("worker", 0)
    beat("relay", 0)


def test_ready_when_every_part_works(beating: None) -> None:
    status, body = ask()
    assert (status, body["ready"]) == (200, True), body
    assert set(body["parts"]) == {"database", "broker", "worker", "relay", "outbox"}


@pytest.mark.parametrize("name", ["worker", "relay"])
def test_silent_process_is_named(beating: None, name: str) -> None:
    beat(name, 600)
    status, body = ask()
    assert status == 503
    assert [part for part, state in body["parts"].items() if not state["ok"]] == [name]
    assert body["parts"][name]["age_seconds"] >= 600
    Heartbeat.objects.filter(name=name).delete()
    assert ask()[1]["parts"][name]["ok"] is False


def test_work_that_nobody_does_is_named(beating: None) -> None:
    JobFactory(task="deliver")
    assert ask()[0] == 200  # mails may wait
    JobFactory(task="rescore_community")
    status, body = ask()
    assert (status, body["parts"]["outbox"]["ok"]) == (503, False)
    assert body["parts"]["outbox"]["oldest_seconds"] > 1000


@override_settings(REDIS_URL="redis://127.0.0.1:1/0")
def test_absent_broker_is_named(beating: None) -> None:
    status, body = ask()
    assert (status, body["parts"]["broker"]["ok"]) == (503, False)


def test_frozen_broker_does_not_hold_the_answer_up(beating: None, tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path / "frozen", durable=False)
    server.start()
    try:
        with override_settings(REDIS_URL=server.url):
            assert ask()[0] == 200
            assert server.process is not None
            os.kill(server.process.pid, signal.SIGSTOP)
            begun = time.monotonic()
            status, body = ask()
            took = time.monotonic() - begun
            os.kill(server.process.pid, signal.SIGCONT)
    finally:
        server.stop()
    assert (status, body["parts"]["broker"]["ok"]) == (503, False)
    assert took < 1.5


def test_absent_database_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*args: object, **kwargs: object) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(connection, "cursor", gone)
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json()["parts"]["database"]["ok"] is False
    metrics = Client().get("/metrics")
    assert metrics.status_code == 200
    assert "csc_database_up 0.0" in metrics.text


def test_alive_asks_nothing_of_the_database(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        response = Client().get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok\n")


def test_metrics_count_the_outbox_and_name_nobody(beating: None) -> None:
    EventFactory()
    JobFactory(
        status=Job.Status.DEAD,
        finished_at=Now(),
        last_error="private.person@example.org was refused",
    )
    text = Client().get("/metrics").text
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("csc_"))
    assert float(values["csc_outbox_unrouted_events"]) == 1
    assert float(values['csc_outbox_jobs{status="dead"}']) == 1
    assert float(values['csc_outbox_jobs{status="pending"}']) == 0
    assert float(values["csc_outbox_oldest_seconds"]) >= 0
    assert float(values['csc_heartbeat_age_seconds{name="worker"}']) < 60
    assert "@" not in text


@pytest.mark.parametrize("address", ["/healthz", "/readyz", "/metrics"])
def test_probes_take_no_writing(address: str) -> None:
    assert Client().post(address).status_code == 405


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("10.4.5.6", {}, 200),
        ("198.41.0.4", {}, 404),
        ("10.4.5.6", {"X-Forwarded-For": "10.1.1.1"}, 404),
        ("127.0.0.1", {"X-Forwarded-Proto": "https"}, 404),
        ("", {}, 404),
    ],
)
def test_metrics_are_for_machines_of_the_operator(
    db: None, address: str, headers: dict[str, str], status: int
) -> None:
    assert Client(REMOTE_ADDR=address).get("/metrics", headers=headers).status_code == status


def test_metrics_ask_for_the_token_where_one_is_set(db: None, settings: Any) -> None:
    settings.METRICS_TOKEN = "0123456789abcdefghij"
    for given, status in (("", 404), ("Bearer wrong", 404), ("Bearer 0123456789abcdefghij", 200)):
        for address in ("127.0.0.1", "198.41.0.4"):
            client = Client(REMOTE_ADDR=address)
            assert client.get("/metrics", headers={"Authorization": given}).status_code == status


def test_log_has_the_traceback_as_text_and_the_id_of_the_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("backend.web.operations.health.HttpResponse", broken)
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    formatter = settings.LOGGING["formatters"]["structlog"]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=formatter["foreign_pre_chain"],
        )
    )
    logging.getLogger("django.request").addHandler(handler)
    try:
        answer = Client(raise_request_exception=False).get("/healthz")
    finally:
        logging.getLogger("django.request").removeHandler(handler)

    line = json.loads(lines.getvalue().splitlines()[0])
    assert answer.status_code == 500
    assert line["request_id"] == answer["X-Request-Id"]
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("RuntimeError: boom")
