from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from tests.faults.service import Service, running


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
