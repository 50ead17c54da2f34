"""The whole service as a person starts it: ready, alone on its folder, and gone when its supervisor
is.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

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
