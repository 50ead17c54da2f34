"""The whole service as a person starts it: ready, alone on its folder, and gone when its supervisor
is. After a first start with the sample world "Ready" means that its officials have suggestions,
even when the start before was killed; ``fresh_machine.py`` asks the same of each start.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from backend.runtime import ports, processes
from backend.runtime.bootstrap import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
_SET_BY_THE_TEST_COMMAND = ("DATABASE_URL", "REDIS_URL", "CSC_MODE", "CSC_DATA_DIR", "SECRET_KEY")


class Up:
    """One running ``manage.py up --empty``."""

    def __init__(self, data: Path, log: Path, port: int) -> None:
        env = {k: v for k, v in os.environ.items() if k not in _SET_BY_THE_TEST_COMMAND}
        # A few cities: fresh_machine starts with the whole gazetteer, test_sample_world reads it.
        env["CSC_PLACES_FROM"] = "1000000"
        argv = [
            sys.executable,
            "manage.py",
            "up",
            "--empty",
            "--workers",
            "1",
            "--data",
            str(data),
            "--port",
            str(port),
        ]
        self.log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                argv, cwd=ROOT, env=env, stdout=file, stderr=subprocess.STDOUT
            )
        ready = processes.wait_until(
            lambda: "Ready after" in self.said() or self.process.poll() is not None,
            seconds=240,
            every=0.1,
        )
        assert ready, self.said()[-4000:]
        assert self.process.poll() is None, self.said()[-4000:]

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def descendants(self) -> dict[int, str]:
        """Process id → command line of everything the supervisor started, directly or not."""
        parents, commands = {}, {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parents[int(entry.name)] = int(
                        (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
                    )
                    commands[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
                except OSError:
                    continue
        found = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return {pid: commands[pid] for pid in found - {self.process.pid}}

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[Up]]:
    ups: list[Up] = []
    yield ups
    for up in ups:
        up.end()


def _alive(pids: dict[int, str]) -> dict[int, str]:
    living = {}
    for pid, command in pids.items():
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if state != "Z":
            living[pid] = command
    return living


def test_service_is_ready_leaves_nothing_when_killed_and_comes_back_with_its_data(
    tmp_path: Path, started: list[Up]
) -> None:
    data, port = tmp_path / "data", ports.pick_free()
    first = Up(data, tmp_path / "first.log", port)
    started.append(first)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
        assert answer.status == 200
    running = first.descendants()
    for part in (
        "bin/postgres -c",
        "valkey-server",
        "tasks.app worker",
        "--queues prompt",
        "tasks.beat beat",
        "manage.py relay",
        "gunicorn",
    ):
        assert any(part in command for command in running.values()), (part, running)
    key = (data / "secret-key").read_text()

    first.process.kill()
    first.process.wait()
    assert processes.wait_until(lambda: not _alive(running), seconds=15), _alive(running)

    second = Up(data, tmp_path / "second.log", port)
    started.append(second)
    assert (data / "secret-key").read_text() == key
    running = second.descendants()
    second.process.send_signal(signal.SIGTERM)
    assert second.process.wait(60) == 0
    assert second.said().rstrip().endswith("Stopped.")
    assert not _alive(running)
    assert not (data / "postgres" / "cluster" / "postmaster.pid").exists()


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
