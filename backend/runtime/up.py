"""``python3 manage.py up``: the whole service on one machine."""

from __future__ import annotations

import argparse
import http.client
import os
import signal
import socket
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from backend.environment import ConfigurationError, read_environment
from backend.runtime import ports, processes
from backend.runtime.bootstrap import ROOT, STARTED
from backend.runtime.datafolder import DataFolder
from backend.runtime.errors import ServerError, SetupError
from backend.runtime.output import print_quietly
from backend.runtime.postgres import EmbeddedPostgres
from backend.runtime.supervisor import Interrupted, Part, Supervisor
from backend.runtime.valkey import EmbeddedValkey

_STOP_ORDER = [["web", "worker", "beat", "relay"], ["valkey"], ["postgres"]]
# Celery warns of root because of pickle; this project's tasks carry JSON alone.
_CALM = "ignore:You're running the worker with superuser privileges"
_PATIENCE = 2
_READY_SECONDS = 180.0
_PREPARE_SECONDS = 900.0


def parse(words: list[str]) -> argparse.Namespace:
    """The options of ``up``; exits with code 2 on wrong ones, as argparse does."""
    parser = argparse.ArgumentParser(prog="manage.py up", description="Set up and run the whole service on this machine.")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the folder of all data (default: var beside manage.py)")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: this machine alone)")
    parser.add_argument("--port", type=_port, default=8000, metavar="N")
    parser.add_argument("--workers", type=_count, default=2, metavar="N", help="processes that score and send (default: 2)")
    parser.add_argument("--empty", action="store_true", help="start without the sample world")
    parser.add_argument("--fresh", action="store_true", help="clear the data folder first; asks before it does")
    parser.add_argument("--yes", action="store_true", help="with --fresh: do not ask")
    return parser.parse_args(words)


def _port(word: str) -> int:
    if not word.isdigit() or not 1 <= int(word) <= 65535:
        raise argparse.ArgumentTypeError(f"{word!r} is not a port; write a number from 1 to 65535")
    return int(word)


def _count(word: str) -> int:
    if not word.isdigit() or not 1 <= int(word) <= 64:
        raise argparse.ArgumentTypeError(f"{word!r} is not a number of processes; write 1 to 64")
    return int(word)


def check(options: argparse.Namespace) -> DataFolder:
    """What can be refused before anything is installed or changed.

    Raises:
        SetupError: the environment, the port or the data folder will not do.
    """
    if os.environ.get("CSC_MODE", "local") == "production":
        raise SetupError("`up` runs the service on one machine; for production use docker compose, or unset CSC_MODE")
    if options.data is not None:
        os.environ["CSC_DATA_DIR"] = str(options.data.expanduser().resolve())
    os.environ["CSC_MODE"] = "local"
    check_addresses()
    if options.fresh and os.environ.get("DATABASE_URL"):
        raise SetupError("--fresh clears this machine's own database; DATABASE_URL names another, clear that one yourself or unset it")
    folder = DataFolder.from_environment(os.environ)
    folder.prepare()
    if not ports.is_free(options.port, options.host):
        pid, _ = folder.holder()
        who = f" by the service (process {pid}) that runs on {folder.path}" if pid else ""
        raise SetupError(f"port {options.port} is taken{who}; choose another, for example --port {options.port + 1}")
    return folder


def check_addresses() -> None:
    """Raises SetupError when a variable cannot be understood, or when nothing answers at DATABASE_URL or REDIS_URL."""
    try:
        read_environment()
    except ConfigurationError as error:
        raise SetupError(str(error)) from None
    for name, port in (("DATABASE_URL", 5432), ("REDIS_URL", 6379)):
        parts = urlsplit(os.environ.get(name, ""))
        if parts.hostname and not ports.answers(parts.hostname, parts.port or port):
            raise SetupError(
                f"nothing answers at {parts.hostname}:{parts.port or port} ({name}); start that server, or unset {name} to use the built-in one"
            )


def run_service(options: argparse.Namespace) -> int:
    """Run until a signal asks to stop; returns the exit code. Raises SetupError, ServerError."""
    folder = check(options)
    with folder.locked("service") as ours:
        if not ours:
            pid, kind = folder.holder()
            raise SetupError(f"a {kind or 'service'} (process {pid}) uses {folder.path} already; stop it first, or choose another folder with --data DIR")
        _check_world(folder, options)
        if options.fresh:
            _clear(folder, options.yes)
        supervisor = Supervisor(folder.logs)
        with supervisor.signals():
            try:
                Service(folder, options, supervisor).run()
            except Interrupted:
                print_quietly("Stopping ...")
            finally:
                supervisor.stop_all(_STOP_ORDER)
        print_quietly("Stopped.")
    return 0


def _check_world(folder: DataFolder, options: argparse.Namespace) -> None:
    if options.empty and not options.fresh and folder.world().startswith("sample"):
        raise SetupError(f"{folder.path} holds the sample world; for an empty one add --fresh (clears it), or choose another folder with --data DIR")


def _clear(folder: DataFolder, agreed: bool) -> None:
    if not agreed:
        if not sys.stdin.isatty():
            raise SetupError(f"--fresh deletes all data in {folder.path} and nobody can be asked here; add --yes when that is meant")
        if input(f"Delete all data in {folder.path}? [y/N] ").strip().lower() not in {"y", "yes"}:
            raise SetupError("nothing was deleted; leave --fresh away to go on with the data")
    folder.clear()


class Service:
    """The steps from nothing to ready."""

    def __init__(self, folder: DataFolder, options: argparse.Namespace, supervisor: Supervisor) -> None:
        self.folder = folder
        self.options = options
        self.supervisor = supervisor
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(options.host, options.host)  # noqa: S104 - compared, not listened on
        self.address = f"http://{shown}:{options.port}"
        self.environment: dict[str, str] = {}

    def run(self) -> None:
        """Bring everything up, say so, and supervise until a signal raises Interrupted."""
        self._start_servers()
        migrated, signs = self.folder.run / "migrated", self.folder.run / "sign-in.txt"
        for path in (migrated, signs):
            path.unlink(missing_ok=True)
        prepare = [sys.executable, "manage.py", "prepare_service", "--run-folder", self.folder.run, *(["--empty"] if self.options.empty else [])]
        self._run_prepare(self._part("prepare", prepare), migrated)
        if not self.supervisor.run_until(self._is_ready, seconds=_READY_SECONDS, patience=_PATIENCE):
            raise ServerError(f"the service is not ready after {_READY_SECONDS:.0f} s: {self._readiness()} (more in {self.folder.logs})")
        self._tell(signs)
        self.supervisor.run_for_ever()

    def _run_prepare(self, part: Part, migrated: Path) -> None:
        """Prepare the database. The other parts, slow to import, come up while the data are loaded, but never on an old schema."""
        started = False

        def start_once_migrated() -> None:
            nonlocal started
            if not started and migrated.exists():
                started = True
                self._start_clients()

        self.supervisor.run_once(part, meanwhile=start_once_migrated, seconds=_PREPARE_SECONDS, patience=_PATIENCE)
        start_once_migrated()

    def _start_servers(self) -> None:
        valkey = None if os.environ.get("REDIS_URL") else EmbeddedValkey(self.folder.path / "valkey")
        postgres = None if os.environ.get("DATABASE_URL") else EmbeddedPostgres(self.folder.path / "postgres")
        started: list[EmbeddedValkey | EmbeddedPostgres] = [server for server in (valkey, postgres) if server is not None]
        for server, name, stop_signal in ((valkey, "valkey", signal.SIGTERM), (postgres, "postgres", signal.SIGINT)):
            if server is not None:
                server.prepare()
                self.supervisor.start(Part(name, server.launch_again, stop_signal, stop_seconds=60))
        if not self.supervisor.run_until(lambda: all(server.is_ready() for server in started), seconds=120, patience=0):
            raise ServerError(f"the servers do not answer after 120 s (more in {self.folder.logs})")
        hosts = ",".join(dict.fromkeys(["localhost", "127.0.0.1", "[::1]", self.options.host, socket.gethostname()]))
        shared = {
            "DATABASE_URL": postgres.url if postgres else os.environ["DATABASE_URL"],
            "REDIS_URL": valkey.url if valkey else os.environ["REDIS_URL"],
            "CSC_DATA_DIR": str(self.folder.path),
            "SECRET_KEY": os.environ.get("SECRET_KEY") or self.folder.secret_key(),
            "PUBLIC_URL": os.environ.get("PUBLIC_URL") or self.address,
            "ALLOWED_HOSTS": os.environ.get("ALLOWED_HOSTS") or hosts,
        }
        # Each worker process computes on its own; threads of the numerical libraries would only fight for the same cores.
        threads = {name: os.environ.get(name, "1") for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        self.environment = {**os.environ, **threads, **shared, "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": _CALM, "DJANGO_SETTINGS_MODULE": "backend.settings"}
        self.folder.announce(shared)

    def _part(self, name: str, argv: list[str | Path], **options: float) -> Part:
        return Part(name, lambda stdout: processes.spawn(argv, env=self.environment, cwd=ROOT, stdout=stdout), **options)  # type: ignore[arg-type]

    def _start_clients(self) -> None:
        python = sys.executable
        bind = f"[{self.options.host}]" if ":" in self.options.host else self.options.host
        web = ["--bind", f"{bind}:{self.options.port}", "--worker-class", "gthread", "--workers", "1", "--threads", "16"]
        quiet = ["--no-control-socket", "--graceful-timeout", "5", "--log-level", "warning"]
        celery: list[str | Path] = [python, "-m", "celery", "--quiet", "-A", "tasks.app"]
        pool = ["--concurrency", str(self.options.workers), "-O", "fair", "--without-gossip", "--without-mingle", "--loglevel", "info"]
        schedule = ["--schedule", self.folder.run / "beat-schedule", "--pidfile", "", "--loglevel", "warning"]
        self.supervisor.start(self._part("worker", [*celery, "worker", *pool, "-n", "worker@%h"], stop_seconds=25))
        self.supervisor.start(self._part("web", [python, "-m", "gunicorn", *web, *quiet, "backend.wsgi"]))
        self.supervisor.start(self._part("relay", [python, "manage.py", "relay"]))
        self.supervisor.start(self._part("beat", [*celery, "beat", *schedule]))

    def _is_ready(self) -> bool:
        return self._readiness() == "200"

    def _readiness(self) -> str:
        """What ``/readyz`` answers: "200", or another status with its text, or why it does not answer."""
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
        lines = ["", f"Ready after {seconds:.1f} s: {self.address}", "", how, "", f"Data in {self.folder.path}. Stop with Ctrl-C.", ""]
        print_quietly("\n".join(lines))
