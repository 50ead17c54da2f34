"""The one folder that holds a machine's data: servers, key, logs, mails, uploads."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from backend.runtime.bootstrap import ROOT
from backend.runtime.output import SetupError

SMALLEST_FREE_BYTES = 300 * 2**20
_CLEARED = ("postgres", "valkey", "logs", "mail", "uploads", "static")


class DataFolder:
    """``var/`` by default. Its files are for the owner alone; one process at a time holds the lock
    and runs the servers.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run = path / "run"
        self.logs = path / "logs"
        self._lock: int | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> DataFolder:
        """The folder of CSC_DATA_DIR, else ``var`` beside manage.py."""
        return cls(resolved(Path(environ.get("CSC_DATA_DIR") or ROOT / "var")))

    def prepare(self) -> None:
        """Make the folder and check that it can be written and has room.

        Raises:
            SetupError: it cannot be made or written, or the disk is nearly full.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_folders()
            self._check_owner()
            with tempfile.TemporaryFile(dir=self.run) as file:
                file.write(b"x")
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise self._full() from None
            advice = "choose another with --data DIR (CSC_DATA_DIR), or make it yours with chown -R"
            raise SetupError(
                f"the data folder {self.path} cannot be written ({error.strerror}); {advice}"
            ) from None
        if shutil.disk_usage(self.path).free < SMALLEST_FREE_BYTES:
            raise self._full()

    def _make_folders(self) -> None:
        for folder in (self.run, self.logs, self.path / "static"):
            folder.mkdir(mode=0o700, exist_ok=True)

    def _check_owner(self) -> None:
        """Raises PermissionError for an entry that this user may not change, such as one that root
        has left.
        """
        for path in (*self.path.glob("*"), *self.path.glob("*/*")):
            with contextlib.suppress(FileNotFoundError):  # a running service removes files
                may_be_written = path.stat().st_mode & stat.S_IWUSR
                if may_be_written and not os.access(path, os.R_OK | os.W_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def _full(self) -> SetupError:
        free = shutil.disk_usage(self.path).free // 2**20
        need = SMALLEST_FREE_BYTES // 2**20
        return SetupError(
            f"only {free} MB are free on the disk of {self.path}, {need} MB are needed; "
            "free some space, or choose another folder with --data DIR"
        )

    @contextlib.contextmanager
    def locked(self, holder: str) -> Iterator[bool]:
        """Hold the folder's lock and yield True, or yield False when another process holds it. The
        system frees it when this process ends.
        """
        descriptor = os.open(self.run / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            yield False
            return
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()} {holder}\n".encode())
        try:
            yield True
        finally:
            self.service_file.unlink(missing_ok=True)
            os.ftruncate(descriptor, 0)
            os.close(descriptor)

    def is_held(self) -> bool:
        """Whether a living process holds the lock: the system frees it when its holder dies, but
        the holder's name stays.
        """
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(self.run / "lock", os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            finally:
                os.close(descriptor)
        return False

    def holder(self) -> tuple[int, str]:
        """Process id and kind (``service`` or ``command``) of who took the lock last and did not
        give it back: it may have been killed.
        """
        with contextlib.suppress(OSError, ValueError):
            pid, kind = (self.run / "lock").read_text().split()
            return int(pid), kind
        return 0, ""

    @property
    def service_file(self) -> Path:
        return self.run / "service.json"

    def announce(self, environment: Mapping[str, str]) -> None:
        """Tell other commands of this folder the variables of the running service; for the owner
        alone, it holds passwords.
        """
        new = self.run / "service.json.new"
        new.unlink(missing_ok=True)
        write_private(new, json.dumps(dict(environment)))
        new.replace(self.service_file)

    def announced(self, seconds: float = 0.0) -> dict[str, str] | None:
        """What the lock's holder announced, waiting up to `seconds` for a service that is just
        starting; else None.
        """
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError, ValueError):
                found = json.loads(self.service_file.read_text())
                return {str(k): str(v) for k, v in found.items()}
            if time.monotonic() >= deadline:
                return None
            time.sleep(0.1)

    def secret_key(self) -> str:
        """The key of this machine, made once."""
        path = self.path / "secret-key"
        if not path.exists():
            new = self.run / "secret-key.new"
            new.unlink(missing_ok=True)
            write_private(new, secrets.token_urlsafe(50))
            new.rename(path)
        return path.read_text().strip()

    def has_database(self) -> bool:
        """True if a first start has made the database's cluster here."""
        return os.path.exists(self.path / "postgres" / "cluster" / "PG_VERSION")

    @property
    def world_file(self) -> Path:
        return self.path / "world"

    def world(self) -> str:
        """What the first start put into the database: ``sample``, ``sample unfinished``, ``empty``,
        or "" before it.
        """
        return self.world_file.read_text().strip() if self.world_file.exists() else ""

    def check_may_be_cleared(self) -> None:
        """Raises SetupError when what `clear` would delete was not made by this service."""
        names = (*_CLEARED, self.world_file.name)
        named = [name for name in names if os.path.lexists(self.path / name)]
        links = [name for name in named if os.path.islink(self.path / name)]
        if links:
            raise SetupError(
                f"{self.path / links[0]} is a symbolic link, which --fresh does not follow; delete "
                "it and what it leads to yourself"
            )
        ours = ("run/lock", "secret-key", "postgres/password", "valkey/valkey.conf")
        if named and not any(os.path.exists(self.path / name) for name in ours):
            raise SetupError(
                f"{self.path} holds {', '.join(named)}, but no data of this service; "
                "--fresh deletes nothing there, choose another folder with --data DIR"
            )

    def clear(self) -> None:
        """Delete all data of the service, but not the lock this process holds, nor a file that is
        not ours.
        """
        for name in _CLEARED:
            if (self.path / name).exists():
                shutil.rmtree(self.path / name)
        for entry in (self.world_file, self.path / "secret-key", *self.run.iterdir()):
            if entry.name != "lock":
                entry.unlink(missing_ok=True)
        self._make_folders()


def resolved(path: Path) -> Path:
    """The whole path, with ``~`` replaced. Raises SetupError for the home of an unknown user."""
    try:
        return path.expanduser().resolve()
    except RuntimeError:
        raise SetupError(
            f"{path} begins with the home of a user that this machine does not know; "
            "write the whole path"
        ) from None


def write_private(path: Path, text: str) -> None:
    """Write a new file that only its owner may read. Raises FileExistsError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
