from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from tests.faults.service import Service


@pytest.fixture
def service(transactional_db: None, tmp_path: Path) -> Iterator[Service]:
    """A running relay, worker and broker on the test database."""
    running = Service(tmp_path)
    try:
        running.start()
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            running.stop()


@pytest.fixture
def finer_shards(settings: settings) -> None:
    """A run of few communities is cut into enough shards to be killed in the middle."""
    settings.SUGGESTIONS = {**settings.SUGGESTIONS, "shards": 12, "shard_rows_min": 1}


@pytest.fixture
def long_form(request: pytest.FixtureRequest) -> None:
    """Skips what takes minutes unless it is asked for."""
    if request.config.getoption("--faults") != "long":
        pytest.skip("takes minutes: python3 manage.py test tests/faults --faults=long")
