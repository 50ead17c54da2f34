"""Requests drawn from the OpenAPI document, right and wrong: no 5xx, and every answer as the
document says.

Half of the requests name things that exist. A longer hunt: ``CSC_FUZZ_EXAMPLES=200 python3
manage.py test tests/web/test_fuzzing.py``.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection, transaction
from django.middleware.csrf import _get_new_csrf_string
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

from backend.wsgi import application
from tests import factories as make
from tests.actors import World, contact_of

EXAMPLES = int(os.environ.get("CSC_FUZZ_EXAMPLES", "4"))
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


@pytest.mark.usefixtures("one_connection")
def test_no_request_breaks_the_promise_of_the_document(world: World) -> None:
    """Each request is drawn once, which takes most of the time, and sent by both actors."""
    known = things_that_exist(world)
    carried = {actor: signed_in(world, actor) for actor in ("official", "curator")}
    schema = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(public=True))
    schema.app = application
    # A token that is not ours is refused before anything else is read
    schema.config.generation.update(with_security_parameters=False)
    seen: dict[str, Counter[int]] = {actor: Counter() for actor in carried}
    for result in schema.get_all_operations():
        operation = result.ok()
        named = {name: value for name, value in known.items() if f"{{{name}}}" in operation.path}
        drawn = [
            operation.as_strategy(
                generation_mode=mode, **({"path_parameters": named} if named and real else {})
            )
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
            for real in (True, False)
        ]

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=st.one_of(drawn))
        def ask(case: schemathesis.Case) -> None:
            for actor in carried:
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
