"""A relay, a worker and a broker of their own on the test database, to be killed, frozen and
wiped.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from django.db import connection

from backend.outbox.models import Job
from backend.outbox.queries import heartbeat_age
from backend.runtime import processes
from backend.runtime.valkey import EmbeddedValkey

ROOT = Path(__file__).resolve().parents[2]
AnyService = TypeVar("AnyService", bound="Service")


def seconds_allowed(alone: float, beside: float) -> float:
    """How long an answer may take when the test has the machine to itself, and beside other tests,
    which take all cores for as long as they like.
    """
    return beside if "PYTEST_XDIST_WORKER" in os.environ else alone


class Service:
    """The processes that take effects to their end. Start it from the main thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker = EmbeddedValkey(folder / "valkey")
        self.worker: subprocess.Popen[bytes] | None = None
        self.prompt: subprocess.Popen[bytes] | None = None
        self.relay: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.broker.start()
        self.start_processes()
        self.until(self.is_ready, seconds=150, every=0.1)

    def start_processes(self) -> None:
        """All at once: what they import keeps every core busy."""
        self.start_relay()
        self.start_worker()

    def is_ready(self) -> bool:
        return heartbeat_age("relay") is not None

    def start_worker(self) -> None:
        argv = [
            sys.executable,
            "-m",
            "celery",
            "--quiet",
            "-A",
            "tasks.app",
            "worker",
            "--concurrency",
            "2",
            "-O",
            "fair",
            "--without-gossip",
        ]
        argv += ["--without-mingle", "--loglevel", "info"]
        self.worker = self._spawn([*argv, "-n", "worker@%h"], "worker.log")

    def start_prompt_worker(self) -> None:
        """The worker that takes what a person waits for, beside or without the other one."""
        argv = [sys.executable, "-m", "celery", "--quiet", "-A", "tasks.app", "worker"]
        argv += ["--queues", "prompt", "--concurrency", "2", "-O", "fair", "--without-gossip"]
        argv += ["--without-mingle", "--loglevel", "info", "-n", "prompt@%h"]
        self.prompt = self._spawn(argv, "prompt.log")

    def start_relay(self) -> None:
        self.relay = self._spawn([sys.executable, "-m", "django", "relay"], "relay.log")

    def kill_worker(self) -> None:
        """SIGKILL of the whole worker: its children end with it."""
        assert self.worker is not None
        children = self.worker_children()
        self.worker.kill()
        self.worker.wait()
        self.until(lambda: not any(_exists(pid) for pid in children), seconds=10)

    def worker_children(self) -> list[int]:
        assert self.worker is not None
        tasks = Path(f"/proc/{self.worker.pid}/task")
        return [
            int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()
        ]

    def kill_worker_child(self) -> None:
        for pid in self.worker_children()[:1]:
            os.kill(pid, signal.SIGKILL)

    def kill_broker(self, *, wipe: bool) -> None:
        """SIGKILL, and back again; with ``wipe`` it has forgotten everything."""
        self.broker.kill()
        if wipe:
            self.broker.wipe()
        self.broker.start()

    def stop(self) -> None:
        """At once: nothing is kept, and test_up shows how a service ends when it is asked to."""
        for process in self._processes():
            processes.stop(process, signal.SIGKILL)
        self.broker.kill()

    def _processes(self) -> list[subprocess.Popen[bytes]]:
        return [process for process in (self.worker, self.prompt, self.relay) if process]

    def until(self, condition: Callable[[], bool], *, seconds: float, every: float = 0.05) -> None:
        """Polls; fails with the ends of the logs when it does not come true in time."""
        if not processes.wait_until(condition, seconds=seconds, every=every):
            ends = {
                path.name: path.read_text(errors="replace")[-2000:]
                for path in self.folder.glob("*.log")
            }
            waiting = list(Job.objects.exclude(status=Job.Status.DONE).values())
            raise AssertionError(
                f"not so after {seconds:.0f} s; work not done: {waiting}; the logs end with: {ends}"
            )

    def _spawn(self, argv: list[str], log: str) -> subprocess.Popen[bytes]:
        db = connection.settings_dict
        user, password = quote(db["USER"]), quote(db["PASSWORD"])
        environment = {
            **os.environ,
            "DATABASE_URL": f"postgresql://{user}:{password}@{db['HOST']}:{db['PORT']}/{db['NAME']}",
            "REDIS_URL": self.broker.url,
            "CSC_MODE": "test",
            "CSC_PAGE_CACHE_MB": "8",  # as outside of tests
            "CSC_DATA_DIR": str(self.folder),
            "EMAIL_URL": "file:",
            "DJANGO_SETTINGS_MODULE": "backend.settings",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        with (self.folder / log).open("ab") as file:
            return processes.spawn(argv, env=environment, cwd=ROOT, stdout=file)


@contextlib.contextmanager
def running(service: AnyService) -> Iterator[AnyService]:
    """Started, and stopped whatever happens."""
    try:
        service.start()
        yield service
    finally:
        service.stop()


def _exists(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
