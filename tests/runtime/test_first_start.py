"""A first start with the sample world: "Ready" means that its officials have suggestions, even when
the start before was killed. ``fresh_machine.py`` asks the same of each start.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from backend.runtime import ports, processes
from backend.runtime.bootstrap import ROOT

_SET_BY_THE_TEST_COMMAND = ("DATABASE_URL", "REDIS_URL", "CSC_MODE", "CSC_DATA_DIR", "SECRET_KEY")
_OF_THE_OFFICIAL = """
SELECT count(*) FROM suggestions_suggestion AS suggestion
JOIN suggestions_pair AS pair ON pair.id = suggestion.pair_id
JOIN cities_communityrole AS role ON role.community_id IN (pair.a_id, pair.b_id)
JOIN accounts_user AS person ON person.id = role.user_id
WHERE person.email = 'official@sample.example' AND suggestion.status = 'released'
"""
_COUNTS = (
    "SELECT (SELECT count(*) FROM suggestions_scoringrun), (SELECT count(*) FROM "
    "suggestions_suggestion)"
)
Start = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture(autouse=True)
def long_form(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--faults") != "long":
        pytest.skip("takes minutes: python3 manage.py test tests/runtime --faults=long")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def start(tmp_path: Path, log: Path) -> Iterator[Start]:
    """Starts ``up`` on one folder, with a fresh log each time."""
    started: list[subprocess.Popen[bytes]] = []
    env = {k: v for k, v in os.environ.items() if k not in _SET_BY_THE_TEST_COMMAND}

    def begin() -> subprocess.Popen[bytes]:
        # A port each: what was killed may take a moment to let go of its own.
        argv = [
            sys.executable,
            "manage.py",
            "up",
            "--data",
            str(tmp_path / "data"),
            "--port",
            str(ports.pick_free()),
        ]
        with log.open("wb") as file:
            started.append(
                subprocess.Popen(argv, cwd=ROOT, env=env, stdout=file, stderr=subprocess.STDOUT)
            )
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def _ask(data: Path, question: str) -> tuple[Any, ...] | None:
    """The first row of the answer by the database of the running service; None while it cannot
    answer.
    """
    try:
        url = json.loads((data / "run" / "service.json").read_text())["DATABASE_URL"]
        with psycopg.connect(url, connect_timeout=5) as connection:
            return connection.execute(question).fetchone()
    except (OSError, ValueError, psycopg.Error):
        return None


def _is_ready(process: subprocess.Popen[bytes], log: Path) -> bool:
    def ready_or_over() -> bool:
        return "Ready after" in log.read_text(errors="replace") or process.poll() is not None

    return processes.wait_until(ready_or_over, seconds=300, every=0.1) and process.poll() is None


def test_ready_means_that_an_official_has_suggestions_after_a_killed_first_start_too(
    tmp_path: Path, log: Path, start: Start
) -> None:
    data = tmp_path / "data"
    first = start()
    scoring = processes.wait_until(
        lambda: (_ask(data, _COUNTS) or (0, 0))[0] == 1 or first.poll() is not None,
        seconds=300,
        every=0.1,
    )
    assert scoring, log.read_text(errors="replace")[-4000:]
    assert _ask(data, _COUNTS) == (1, 0)
    assert "Ready after" not in log.read_text(errors="replace")
    first.kill()
    first.wait()

    second = start()
    assert _is_ready(second, log), log.read_text(errors="replace")[-4000:]
    found, counts = _ask(data, _OF_THE_OFFICIAL), _ask(data, _COUNTS)
    assert found is not None and found[0] > 0
    # The run that was killed went on: no other was begun
    assert counts is not None and counts[0] == 1
    second.send_signal(signal.SIGTERM)
    assert second.wait(60) == 0

    third = start()
    assert _is_ready(third, log), log.read_text(errors="replace")[-4000:]
    assert _ask(data, _COUNTS) == counts
    assert "loaded in" not in log.read_text(errors="replace")
