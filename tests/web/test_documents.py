"""The OpenAPI document, the try-it page (also in a real browser), and the access that each view
declares; and requests drawn from the document, right and wrong: no 5xx, and every answer as it
says.

Half of the drawn requests name things that exist. A longer hunt: ``CSC_FUZZ_EXAMPLES=200 python3
manage.py test tests/web/test_documents.py -k promise``.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection, transaction
from django.middleware.csrf import _get_new_csrf_string
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from backend.accounts.models import ApiToken
from backend.cities.models import CommunityRole
from backend.web.access import access_of
from backend.web.rest import schema
from backend.web.urls import api_urls
from backend.wsgi import application
from tests import factories as make
from tests.actors import World, contact_of
from tests.division import at_length, one_in
from tests.factories import CommunityFactory, CommunityRoleFactory
from tests.web.browser import Browser, Visitor

METHODS = ("get", "post", "put", "patch", "delete")
OPEN = {
    str(route.name): set(access.by_method)
    for route in api_urls
    if (access := access_of(route.callback))
}


def test_every_method_of_every_view_says_its_access() -> None:
    taken: dict[str, set[str]] = {}
    for route in api_urls:
        view: Any = getattr(route.callback, "view_class", None) or getattr(
            route.callback, "cls", None
        )
        taken[str(route.name)] = {
            method.upper()
            for method in METHODS
            if method in view.http_method_names and hasattr(view, method)
        }
    taken["unknown"] = {"GET"}
    assert taken == OPEN


@pytest.mark.system
def test_document_is_valid_and_complete(db: None, tmp_path: Any) -> None:
    target = tmp_path / "schema.json"
    form = ("--format", "openapi-json", "--validate", "--fail-on-warn")
    call_command("spectacular", "--file", str(target), *form)
    document = json.loads(target.read_text())
    described = {
        (path, method) for path, operations in document["paths"].items() for method in operations
    }
    assert len(described) == sum(
        len(methods) for name, methods in OPEN.items() if name not in {"schema", "docs", "unknown"}
    )
    for operations in document["paths"].values():
        for operation in operations.values():
            assert "application/problem+json" in operation["responses"]["default"]["content"]


def test_document_is_served_to_anybody(db: None) -> None:
    response = Client().get("/api/v1/schema/")
    assert response.status_code == 200
    assert b"openapi: 3" in response.content


@pytest.mark.parametrize("clients", one_in(2, [8, 3]))
def test_clients_side_by_side_get_the_same_document(live_server: Any, clients: int) -> None:
    """On a real server that has not made it yet: the generator is not safe for threads."""
    schema._made.cache_clear()

    def read(_number: int) -> tuple[int, bytes, str]:
        with urllib.request.urlopen(f"{live_server.url}/api/v1/schema/", timeout=60) as answer:
            return answer.status, answer.read(), answer.headers["ETag"]

    began = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        answers = list(pool.map(read, range(clients * 5)))

    print(
        f"{len(answers)} answers to {clients} clients in {time.monotonic() - began:.1f} s, ", end=""
    )
    assert len(set(answers)) == 1
    assert answers[0][0] == 200
    assert b"openapi: 3" in answers[0][1][:200]


def test_document_that_a_client_has_is_not_sent_again(db: None) -> None:
    client = Client()
    first = client.get("/api/v1/schema/")
    again = client.get("/api/v1/schema/", headers={"If-None-Match": first["ETag"]})
    other = client.get("/api/v1/schema/?lang=de", headers={"Accept": "application/json"})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert "Accept" in first["Vary"]
    assert other["ETag"] != first["ETag"]
    assert other.json()["openapi"].startswith("3")


def test_writing_without_the_last_slash_says_so(db: None) -> None:
    """A redirect would lose the body and the method."""
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = Client().generic(method, "/api/v1/communities?x=1", b"{}")
        assert (answer.status_code, answer.json()["code"]) == (404, "missing_slash")
        assert "/api/v1/communities/?x=1" in answer.json()["detail"]
        assert answer["Content-Type"] == "application/problem+json"
        page = Client().generic(method, "/communities?x=<1>", b"")
        assert page.status_code == 404
        assert "This address ends with a slash: /communities/?x=" in page.text
        assert "Nothing was changed" in page.text
        assert "<1>" not in page.text
    assert Client().get("/api/v1/communities").status_code == 301
    assert Client().post("/api/v1/nowhere/at").status_code == 404


def test_try_it_page_keeps_the_strict_policy(db: None) -> None:
    page = Client().get("/api/v1/docs/")
    html = page.text
    assert page.status_code == 200
    assert "unsafe-inline" not in page["Content-Security-Policy"]
    assert not re.search(r"<style|style=|<script(?![^>]*\bsrc=)| on\w+=", html)
    assets = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert assets
    assert all(asset.startswith("/") and not asset.startswith("//") for asset in assets)
    script = Client().get(
        next(asset for asset in assets if "script" in asset and "swagger-ui-dist" not in asset)
    )
    assert script.status_code == 200
    assert script["Content-Type"].startswith("application/javascript")
    assert b"SwaggerUIBundle(" in script.content


@pytest.mark.parametrize("path", ["/api/v1/communities", "/api/v1/no-such"])
def test_address_without_its_slash_is_sent_on(db: None, path: str) -> None:
    assert Client().get(path)["Location"] == f"{path}/"


@pytest.mark.system
@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_request_sent_from_the_page_is_answered(
    browser: Browser, live_server: object, official: CommunityRole
) -> None:
    visitor = Visitor.at(browser, str(live_server))
    visitor.sign_in(official.user.email)
    Client().get("/api/v1/schema/?openapi=3.0.3")  # made once a process, which takes long
    visitor.open("/api/v1/docs/")
    page = visitor.page
    page.click("#operations-tag-accounts")
    page.click("#operations-accounts-me_retrieve .opblock-summary-control")
    assert page.locator(".opblock-tag").count() > 5
    page.click("#operations-accounts-me_retrieve .try-out__btn")
    with page.expect_response("**/api/v1/me/") as answer:
        page.click("#operations-accounts-me_retrieve .execute")
    assert answer.value.json()["email"] == official.user.email
    page.wait_for_selector("#operations-accounts-me_retrieve .live-responses-table")
    assert visitor.complaints == []


@pytest.mark.system
@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_writing_from_the_page_carries_the_token(
    browser: Browser, live_server: object, official: CommunityRole
) -> None:
    visitor = Visitor.at(browser, str(live_server))
    visitor.sign_in(official.user.email)
    Client().get("/api/v1/schema/?openapi=3.0.3")
    visitor.open("/api/v1/docs/")
    visitor.page.wait_for_selector(".opblock-tag")
    status = visitor.page.evaluate(
        """async (path) => {
            const intercept = ui.getConfigs().requestInterceptor;
            const request = await intercept(
                {method: "POST", credentials: "same-origin", headers: {}});
            return (await fetch(path, {method: "POST", headers: request.headers})).status;
        }""",
        f"/api/v1/communities/{official.community_id}/profile/pause/",
    )
    assert status == 200


EXAMPLES = int(os.environ.get("CSC_FUZZ_EXAMPLES") or at_length(1, 6))
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def things_that_exist(world: World) -> dict[str, Any]:
    """Real values for the parameters of addresses; the community is that of the official."""
    introduction = world.introduced()
    world.consent(introduction, world.a, world.b)
    contact_of(world.b)
    return {
        "community_id": world.a.pk,
        "suggestion_id": introduction.suggestion_id,
        "introduction_id": introduction.pk,
        "letter_id": make.VettingLetterFactory(profile=world.a.profile).pk,
        "run_id": make.ScoringRunFactory().pk,
        "job_id": make.JobFactory(
            status="dead", finished_at=make.MOMENT, event=make.EventFactory()
        ).pk,
        "name": "themes",
    }


def signed_in(world: World, actor: str) -> dict[str, dict[str, str]]:
    """What each request of the actor carries; a header named Cookie would be dropped on the way."""
    token = _get_new_csrf_string()
    session = world.client(actor).cookies["sessionid"].value
    return {
        "cookies": {"sessionid": session, "csrftoken": token},
        "headers": {"X-CSRFToken": token},
    }


@pytest.fixture
def one_connection() -> Iterator[None]:
    """The application keeps the connection of the test, as Django's own test client makes it do."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.mark.system
@pytest.mark.at_length
@pytest.mark.usefixtures("one_connection")
def test_no_request_breaks_the_promise_of_the_document(world: World) -> None:
    """Each request is drawn once, which takes most of the time, and sent by the actor whom it is
    for; at length by both. By default one request an operation, of the four kinds in turn.
    """
    known = things_that_exist(world)
    carried = {actor: signed_in(world, actor) for actor in ("official", "curator")}
    schema = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(public=True))
    schema.app = application
    # A token that is not ours is refused before anything else is read
    schema.config.generation.update(with_security_parameters=False)
    seen: dict[str, Counter[int]] = {actor: Counter() for actor in carried}
    for place, result in enumerate(schema.get_all_operations()):
        operation = result.ok()
        named = {name: value for name, value in known.items() if f"{{{name}}}" in operation.path}
        drawn = [
            operation.as_strategy(
                generation_mode=mode, **({"path_parameters": named} if named and real else {})
            )
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
            for real in (True, False)
        ]
        first = place % len(drawn)

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=st.one_of(drawn[first:] + drawn[:first]))
        def ask(case: schemathesis.Case) -> None:
            whom_for = "curator" if "/staff/" in case.operation.path else "official"
            for actor in at_length([whom_for], list(carried)):
                note(f"as the {actor}")
                with transaction.atomic():
                    response = case.call(**carried[actor])
                    transaction.set_rollback(True)
                seen[actor][response.status_code] += 1
                case.validate_response(response, checks=CHECKS)

        ask()
        assert connection.in_atomic_block
    for statuses in seen.values():
        assert statuses.keys() >= {200, 404, 422}
        assert statuses[401] < statuses.total() / 100, "the actors are signed in"


@pytest.mark.django_db(transaction=True)
def test_generated_client_reads_and_writes(live_server: Any, tmp_path: Path) -> None:
    """One that openapi-python-client has made from the document, without a warning beyond those of
    files, finds communities as a visitor and changes a draft by token.
    """
    document, made = tmp_path / "openapi.json", tmp_path / "made"
    document.write_bytes(
        Client().get("/api/v1/schema/", headers={"accept": "application/json"}).content
    )
    (tmp_path / "config.yml").write_text("post_hooks: []\n")
    generated = subprocess.run(
        [
            Path(sys.executable).with_name("openapi-python-client"),
            "generate",
            *("--path", document, "--output-path", made, "--config", tmp_path / "config.yml"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    warned = re.findall(r"^WARNING parsing (.+?) within", generated.stdout, re.M)
    assert all(re.search(r"/(certificate|dossier|letters/\{letter_id\})/", one) for one in warned)

    role = CommunityRoleFactory(community=CommunityFactory(name="Homeport", published=True))
    token = ApiToken.objects.create(
        user=role.user, name="Client", scope="act", expiry=dt.timedelta(days=1)
    )[1]
    program = tmp_path / "program.py"
    program.write_text(_PROGRAM)
    said = subprocess.run(
        [sys.executable, program, live_server.url, token, str(role.community_id)],
        env={"PYTHONPATH": str(made)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stdout == "Homeport https://www.homeport.example 1\n", said.stderr


_PROGRAM = """
import sys
from cities_seeking_cities_client import AuthenticatedClient, Client
from cities_seeking_cities_client.api.profiles import communities_profile_partial_update
from cities_seeking_cities_client.api.public import communities_list
from cities_seeking_cities_client.models import PatchedDraftChangesRequest

address, token, community = sys.argv[1], sys.argv[2], int(sys.argv[3])
visitor = Client(base_url=address, raise_on_unexpected_status=True)
found = communities_list.sync(client=visitor, search="homeport").results[0]
own = AuthenticatedClient(
    base_url=address, token=token, prefix="Token", raise_on_unexpected_status=True
)
body = PatchedDraftChangesRequest.from_dict(
    {"revision": 0, "changes": {"identity": {"website": "https://www.homeport.example"}}}
)
saved = communities_profile_partial_update.sync(client=own, community_id=community, body=body)
print(found.name, saved.draft.to_dict()["identity"]["website"], saved.revision)
"""
