"""A PostgreSQL server that is stopped in its tracks: connections are accepted, nothing answers."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import ConnectionHandler, OperationalError

from backend.environment import read_environment
from backend.runtime import ports, processes
from backend.runtime.postgres import EmbeddedPostgres

_READERS = 40
ROOT = Path(__file__).resolve().parents[2]
Answer = tuple[int, str, float]


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("frozen") / "postgres", durable=False)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture
def web(postgres: EmbeddedPostgres, tmp_path: Path) -> Iterator[int]:
    """The port of a web server with 16 threads on an empty database."""
    port = ports.pick_free()
    worker = ["--worker-class", "backend.runtime.web_worker.PatientWorker", "--threads", "16"]
    gunicorn = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", *worker]
    environment = {
        **os.environ,
        "CSC_MODE": "test",
        "DATABASE_URL": postgres.url,
        "CSC_DATA_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "backend.settings",
    }
    with (tmp_path / "web.log").open("wb") as log:
        process = processes.spawn(
            [*gunicorn, "--no-control-socket", "backend.wsgi"],
            env=environment,
            cwd=ROOT,
            stdout=log.fileno(),
        )
    try:
        assert processes.wait_until(lambda: _is_alive(port, process), seconds=90)
        yield port
    finally:
        processes.stop(process, signal.SIGKILL)


def test_frozen_database_takes_nothing_else_with_it(postgres: EmbeddedPostgres, web: int) -> None:
    assert _ask(web, "/readyz")[1].count('"database": {"ok": true}') == 1
    pages = ["/communities/", "/", "/api/v1/communities/", "/partnerships/"]
    assert postgres.process is not None
    processes.signal_group(postgres.process, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(_READERS + 2) as pool:
            read = [
                pool.submit(_ask, web, pages[number % len(pages)]) for number in range(_READERS)
            ]
            time.sleep(0.3)
            alive, ready = pool.submit(_ask, web, "/healthz"), pool.submit(_ask, web, "/readyz")
            busy = [alive.result(), ready.result()]
            answers = [one.result() for one in read]
        calm = [_ask(web, "/healthz"), _ask(web, "/readyz"), _ask(web, "/communities/")]
    finally:
        processes.signal_group(postgres.process, signal.SIGCONT)

    print(f"/healthz {busy[0][2]:.2f} s, /readyz {busy[1][2]:.2f} s under {_READERS} readers;")
    print(f"{calm[0][2]:.2f} s, {calm[1][2]:.2f} s alone; pages {max(a[2] for a in answers):.2f} s")
    assert [status for status, _text, _seconds in calm] == [200, 503, 503]
    assert {status for status, _text, _seconds in answers} == {503}, answers
    assert all("again" in text for _status, text, _seconds in answers)
    assert (busy[0][0], busy[1][0]) == (200, 503)
    assert calm[0][2] < 1
    assert calm[1][2] < 2
    assert busy[0][2] < 1
    assert busy[1][2] < 2
    assert processes.wait_until(
        lambda: '"database": {"ok": true}' in _ask(web, "/readyz")[1], seconds=10
    )


def test_frozen_database_does_not_hold_the_thread_of_a_running_statement(
    postgres: EmbeddedPostgres, django_db_blocker: Any
) -> None:
    """The limits of a statement are the server's own, which does not come to see them."""
    environment = read_environment({"DATABASE_URL": postgres.url, "CSC_STATEMENT_SECONDS": "20"})
    wrapper = ConnectionHandler({"default": environment.database})["default"]
    with django_db_blocker.unblock(), wrapper.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(3)")  # slow, and not cut off
        assert postgres.process is not None
        freeze = partial(processes.signal_group, postgres.process)
        threading.Timer(0.5, freeze, [signal.SIGSTOP]).start()
        began = time.monotonic()
        try:
            with pytest.raises(OperationalError):
                cursor.execute("SELECT pg_sleep(8)")
            seconds = time.monotonic() - began
        finally:
            freeze(signal.SIGCONT)
            wrapper.close()
    print(f"a statement under way ended {seconds:.2f} s after its begin")
    assert seconds < 6


def _is_alive(port: int, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None
    try:
        return _ask(port, "/healthz")[0] == 200
    except OSError:
        return False


def _ask(port: int, path: str) -> Answer:
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=35)
    try:
        connection.request("GET", path, headers={"Host": "localhost"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), time.monotonic() - began
    finally:
        connection.close()
