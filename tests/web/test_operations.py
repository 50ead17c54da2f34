"""What operators read: probes, metrics and logs of machines, and the tables of records."""

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
from django.apps import apps
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import ModelAdmin
from django.db import DatabaseError, connection
from django.db.models import Model
from django.db.models.functions import Now
from django.test import Client, override_settings
from django.urls import reverse

from backend.cities.models import Community, Country
from backend.outbox.models import Event, Heartbeat, Job
from backend.runtime.valkey import EmbeddedValkey
from backend.web.html.admin import admin_site
from tests import factories as make
from tests.factories import EventFactory, JobFactory
from tests.web.browser import Browser, Visitor
from tests.web.conftest import SignIn
from tests.web.html_forms import url

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


TABLES = list(admin_site._registry.items())
NAMES = [model.__name__ for model, _records in TABLES]


def listed(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def shown(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


@pytest.fixture
def rows(db: None) -> dict[str, Model]:
    """One row of every table that has one."""
    make.JobFactory(event=make.EventFactory())
    make.MembershipFactory()
    make.ScoringRunFactory()
    make.ListedPartnershipFactory()
    return {
        model.__name__: row
        for model, _records in TABLES
        if (row := model._default_manager.first()) is not None
    }


@pytest.fixture
def administrator(db: None, sign_in: SignIn) -> Client:
    return sign_in(make.UserFactory(admin=True))


@pytest.mark.parametrize(("model", "records"), TABLES, ids=NAMES)
def test_administrator_reads_each_table(
    administrator: Client, rows: dict[str, Model], model: type[Model], records: ModelAdmin
) -> None:
    search = {"q": "1"} if records.search_fields else {}
    assert administrator.get(listed(model), search).status_code == 200
    if row := rows.get(model.__name__):
        page = administrator.get(shown(row))
        assert page.status_code == 200
        assert 'type="submit"' not in page.text.split("</header>")[1], (
            "nothing to save, add or delete"
        )


def test_first_page_lists_the_tables_in_english(administrator: Client) -> None:
    page = administrator.get(reverse("admin:index"), headers={"accept-language": "ar"}).text
    assert all(listed(model) in page for model, _records in TABLES)
    assert "To be read only" in page and 'lang="en"' in page
    assert administrator.get(reverse("admin:app_list", args=["cities"])).status_code == 200


def test_who_looks_is_asked_once_and_not_for_each_table(
    administrator: Client, django_assert_max_num_queries: Any
) -> None:
    for address in (reverse("admin:index"), listed(Country)):
        with django_assert_max_num_queries(10):
            administrator.get(address)


def test_nothing_can_be_written(administrator: Client, rows: dict[str, Model]) -> None:
    country = Country.objects.create(code="XX", name="As it was")
    for address in (shown(country), listed(Country)):
        response = administrator.post(
            address, {"code": "XX", "name": "Changed", "_save": "Save", "action": "delete_selected"}
        )
        assert response.status_code in {200, 302, 403}
    country.refresh_from_db()
    assert country.name == "As it was"
    for act in ("add/", "XX/delete/", "XX/history/"):
        assert administrator.get(f"{listed(Country)}{act}").status_code == 404
    assert not LogEntry.objects.exists()
    assert not Event.objects.filter(subject_type="country").exists()


@pytest.mark.parametrize("who", ["visitor", "official", "curator"])
def test_others_do_not_learn_that_it_is_there(
    rows: dict[str, Model], sign_in: SignIn, client: Client, who: str
) -> None:
    if who != "visitor":
        client = sign_in(
            make.UserFactory(curator=True) if who == "curator" else make.CommunityRoleFactory().user
        )
    for address in (
        reverse("admin:index"),
        listed(Community),
        shown(rows["Community"]),
        reverse("admin:jsi18n"),
    ):
        response = client.get(address)
        assert response.status_code == (302 if who == "visitor" else 404)
        if who == "visitor":
            assert response["Location"].startswith(reverse("account_login"))


def test_administrator_without_a_second_factor_sets_it_up_first(db: None, sign_in: SignIn) -> None:
    response = sign_in(make.UserFactory(admin=True, factor=False)).get(reverse("admin:index"))
    assert (response.status_code, response["Location"]) == (302, url("second_factor"))


def test_the_site_itself_admits_administrators_alone(rf: Any, db: None) -> None:
    """Were an address ever mounted past the table of pages, the site would still ask."""
    request = rf.get("/")
    for user, admitted in (
        (make.UserFactory(admin=True), True),
        (make.UserFactory(admin=True, factor=False), False),
        (make.UserFactory(admin=True, is_active=False), False),
        (make.UserFactory(curator=True), False),
        (make.UserFactory(), False),
    ):
        request.user = user
        assert admin_site.has_permission(request) is admitted


def test_what_belongs_to_people_and_sides_is_not_there() -> None:
    private = {
        "Contact",
        "VettingLetter",
        "User",
        "ApiToken",
        "AccountMail",
        "Authenticator",
        "Vote",
        "ShortlistEntry",
        "Suggestion",
        "Decision",
        "Consent",
        "IntroductionNote",
        "Notification",
        "Delivery",
        "Invitation",
        "JoinRequest",
        "Session",
        "UserSession",
        "IdempotencyKey",
        "Profile",
        "ProfileVersion",
        "SignedDocument",
    }
    assert private <= {model.__name__ for model in apps.get_models()}, (
        "a name that no model has guards nothing"
    )
    assert private & set(NAMES) == set()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_its_pages_in_a_browser(live_server: Any, browser: Browser) -> None:
    """Under the service's own content policy: a script or style that it forbids would be a
    complaint.
    """
    make.CommunityFactory(published=True)
    event = make.EventFactory()
    visitor = Visitor.at(browser, live_server.url)
    visitor.sign_in(make.UserFactory(email="staff.admin@example.org", admin=True).email)
    found = {}
    for address in (reverse("admin:index"), listed(Community), shown(event)):
        visitor.open(address)
        if wrong := visitor.violations():
            found[address] = wrong
    assert found == {}
    assert visitor.complaints == []
