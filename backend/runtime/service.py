"""The running service: its servers, its processes, and the steps from nothing to ready."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from backend.runtime import processes
from backend.runtime.bootstrap import ROOT, STARTED
from backend.runtime.datafolder import DataFolder
from backend.runtime.output import ServerError, print_quietly
from backend.runtime.postgres import EmbeddedPostgres
from backend.runtime.supervisor import ServicePart, Supervisor
from backend.runtime.valkey import EmbeddedValkey

Command = Sequence[str | Path]
STOP_ORDER = [["web", "worker", "prompt", "beat", "relay"], ["valkey"], ["postgres"]]
# Celery warns of root because of pickle; this project's tasks carry JSON alone.
_CALM = "ignore:You're running the worker with superuser privileges"
# An address to listen on, and the one to be asked at.
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - chosen by the person who starts it
_PATIENCE = 2
_READY_SECONDS = 180.0
# What web, worker, beat and relay import, by name: this package is below the tasks.
_IMPORT_ALL = """
import django
django.setup()
import backend.urls, celery.bin.celery, gunicorn.app.wsgiapp, tasks.app, tasks.relay
tasks.app.app.loader.import_default_modules()
tasks.app.warm()
"""
_PREPARE_SECONDS = 900.0


class Service:
    """The steps from nothing to ready."""

    def __init__(
        self,
        folder: DataFolder,
        supervisor: Supervisor,
        *,
        host: str,
        port: int,
        workers: int,
        empty: bool,
    ) -> None:
        self.folder = folder
        self.supervisor = supervisor
        self.host, self.port, self.workers, self.empty = host, port, workers, empty
        shown = _EVERY_ADDRESS.get(host, host)
        self.address = f"http://{shown}:{port}"
        self.environment: dict[str, str] = {}
        self._loaded = folder.run / "loaded"
        self._ask_again_at = 0.0
        self._compiler: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Start everything, report it, and supervise until a signal raises Interrupted."""
        self._start_servers()
        self._compile_ahead()
        migrated, signs = self.folder.run / "migrated", self.folder.run / "sign-in.txt"
        for path in (migrated, signs, self._loaded):
            path.unlink(missing_ok=True)
        prepare: Command = [
            sys.executable,
            "manage.py",
            "prepare_service",
            "--run-folder",
            self.folder.run,
        ]
        if self.empty:
            prepare = [*prepare, "--empty"]
        self._run_prepare(self._part("prepare", prepare), migrated)
        if not self.supervisor.run_until(
            self._is_ready, seconds=_READY_SECONDS, patience=_PATIENCE
        ):
            raise ServerError(
                f"the service is not ready after {_READY_SECONDS:.0f} s: {self._readiness()} (more "
                f"in {self.folder.logs})"
            )
        self._tell(signs)
        self.supervisor.run_for_ever()

    def _run_prepare(self, part: ServicePart, migrated: Path) -> None:
        """Prepare the database, with the first suggestions of a sample world.

        All others, slow to import, come up while the data are loaded, but never on an old schema.
        The relay begins when they are loaded: it would start work on half-loaded data.
        """
        started = False

        def start_once_migrated() -> None:
            nonlocal started
            if (
                not started
                and migrated.exists()
                and (self._has_compiled() or self._loaded.exists())
            ):
                started = True
                self._start_clients()

        self.supervisor.run_once(
            part, meanwhile=start_once_migrated, seconds=_PREPARE_SECONDS, patience=_PATIENCE
        )
        start_once_migrated()

    def _start_servers(self) -> None:
        valkey = (
            None if os.environ.get("REDIS_URL") else EmbeddedValkey(self.folder.path / "valkey")
        )
        postgres = (
            None
            if os.environ.get("DATABASE_URL")
            else EmbeddedPostgres(self.folder.path / "postgres")
        )
        started: list[EmbeddedValkey | EmbeddedPostgres] = [
            server for server in (valkey, postgres) if server is not None
        ]
        for server, name, stop_signal in (
            (valkey, "valkey", signal.SIGTERM),
            (postgres, "postgres", signal.SIGINT),
        ):
            if server is not None:
                server.prepare()
                self.supervisor.start(
                    ServicePart(name, server.launch_again, stop_signal, stop_seconds=60)
                )
        if not self.supervisor.run_until(
            lambda: all(server.is_ready() for server in started), seconds=120, patience=0
        ):
            raise ServerError(f"the servers do not answer after 120 s (more in {self.folder.logs})")
        hosts = ",".join(
            dict.fromkeys(["localhost", "127.0.0.1", "[::1]", self.host, socket.gethostname()])
        )
        shared = {
            "DATABASE_URL": postgres.url if postgres else os.environ["DATABASE_URL"],
            "REDIS_URL": valkey.url if valkey else os.environ["REDIS_URL"],
            "CSC_DATA_DIR": str(self.folder.path),
            "SECRET_KEY": os.environ.get("SECRET_KEY") or self.folder.secret_key(),
            "PUBLIC_URL": os.environ.get("PUBLIC_URL") or self.address,
            "ALLOWED_HOSTS": os.environ.get("ALLOWED_HOSTS") or hosts,
        }
        # Each worker process computes on its own; threads of the numerical libraries would only
        # fight for the same cores.
        threads = {
            name: os.environ.get(name, "1")
            for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        }
        self.environment = {
            **processes.with_bytecode(os.environ),
            **threads,
            **shared,
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": _CALM,
            "DJANGO_SETTINGS_MODULE": "backend.settings",
        }
        self.folder.announce(shared)

    def _compile_ahead(self) -> None:
        """On a first start one process has Python compile the modules, unless an earlier start has,
        while the schema is made and the data begin to load.

        Else all the others would compile the same thousand files side by side. Its failure would
        only make them slower.
        """
        if not self.folder.world() and not self._is_compiled():
            argv = [sys.executable, "-c", _IMPORT_ALL]
            self._compiler = processes.spawn(
                argv, env=self.environment, cwd=ROOT, stdout=subprocess.DEVNULL
            )

    def _is_compiled(self) -> bool:
        """Whether the modules that _IMPORT_ALL imports last are there in compiled form: one of ours
        and one of a package.
        """
        sys.pycache_prefix = self.environment.get("PYTHONPYCACHEPREFIX")
        sources = [find_spec(name) for name in ("tasks.handlers", "sklearn")]
        return all(
            source is not None and source.cached is not None and os.path.exists(source.cached)
            for source in sources
        )

    def _has_compiled(self) -> bool:
        return self._compiler is None or self._compiler.poll() is not None

    def _part(self, name: str, argv: Command) -> ServicePart:
        def launch(stdout: int) -> subprocess.Popen[bytes]:
            return processes.spawn(argv, env=self.environment, cwd=ROOT, stdout=stdout)

        return ServicePart(name, launch)

    def _start_clients(self) -> None:
        python = sys.executable
        bind = f"[{self.host}]" if ":" in self.host else self.host
        web = [
            "--bind",
            f"{bind}:{self.port}",
            "--worker-class",
            "backend.runtime.web_worker.PatientWorker",
            "--logger-class",
            "backend.runtime.web_worker.ServiceLog",
            "--workers",
            "1",
            "--threads",
            "16",
        ]
        quiet = ["--no-control-socket", "--graceful-timeout", "5", "--log-level", "warning"]
        celery: Command = [python, "-m", "celery", "--quiet", "-A"]
        pool = ["-O", "fair", "--without-gossip", "--without-mingle", "--loglevel", "info"]
        several = ["--concurrency", str(self.workers), "-n", "worker@%h"]
        # What a person waits for never stands behind runs and mails
        prompt = ["--queues", "prompt", "--concurrency", "2", "-n", "prompt@%h"]
        schedule: Command = [
            "--schedule",
            self.folder.run / "beat-schedule",
            "--pidfile",
            "",
            "--loglevel",
            "warning",
        ]
        # Work that has not ended when its time is over is killed: its lease runs out, and another
        # worker does it again.
        self.supervisor.start(
            self._part("worker", [*celery, "tasks.app", "worker", *pool, *several])
        )
        self.supervisor.start(
            self._part("prompt", [*celery, "tasks.app", "worker", *pool, *prompt])
        )
        self.supervisor.start(
            self._part("web", [python, "-m", "gunicorn", *web, *quiet, "backend.wsgi"])
        )
        self.supervisor.start(
            self._part("relay", [python, "manage.py", "relay", "--after", self._loaded])
        )
        self.supervisor.start(self._part("beat", [*celery, "tasks.beat", "beat", *schedule]))

    def _is_ready(self) -> bool:
        """Whether ``/readyz`` says so, asked at most twice a second."""
        if time.monotonic() < self._ask_again_at:
            return False
        ready = self._readiness() == "200"
        self._ask_again_at = time.monotonic() + 0.5
        return ready

    def _readiness(self) -> str:
        """What ``/readyz`` answers: "200", or another status with its text, or why it does not
        answer.
        """
        parts = urlsplit(self.address)
        assert parts.hostname is not None
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=3)
        try:
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            said = answer.read(500).decode(errors="replace")
            return "200" if answer.status == 200 else f"{answer.status} {' '.join(said.split())}"
        except (OSError, http.client.HTTPException) as error:
            return f"no answer ({error})"
        finally:
            connection.close()

    def _tell(self, signs: Path) -> None:
        seconds = time.monotonic() - float(os.environ.get(STARTED, time.monotonic()))
        how = signs.read_text().rstrip() if signs.exists() else ""
        signs.unlink(missing_ok=True)
        if self.host in _EVERY_ADDRESS:
            how += (
                "\n\nOther machines reach it by the names in ALLOWED_HOSTS: "
                + self.environment["ALLOWED_HOSTS"]
            )
        lines = [
            "",
            f"Ready after {seconds:.1f} s: {self.address}",
            "",
            how,
            "",
            f"Data in {self.folder.path}. Stop with Ctrl-C.",
            "",
        ]
        print_quietly("\n".join(lines))
