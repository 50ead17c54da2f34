"""The two commands as a newcomer types them: as root and as an ordinary user, in clones and on data
folders of several kinds.

``python3 -m tests.runtime.fresh_machine`` tries every cell and prints a table; ``--short`` tries
three of them, named cells alone those. Each cell clones the last commit, runs ``up`` until it is
ready, signs in and sees suggestions, stops it, starts it again, kills all of it, starts it once
more, and runs one file of tests. All cells share one cache of packages. The exit code is 1 when
anything failed.

Runs under the system's bare Python, so: the standard library alone. The ordinary user is made, and
deleted, where root runs this.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACES = ("0700", "0755", "spaces", "relative", "other-disk")
SHORT = ("root/0700", "user/0700", "user/spaces")
_ODD_NAME = "Städte suchen 都市"
_ONE_TEST = "tests/backend/outbox/test_outbox.py"
_READY_SECONDS, _TEST_SECONDS, _STOP_SECONDS = 300, 300, 60
_OURS = re.compile(
    r"^(CSC_|PYTHON|VIRTUAL_ENV|GIT_DIR|XDG_|(DATABASE_URL|REDIS_URL|SECRET_KEY|ALLOWED_HOSTS|PUBLIC_URL|EMAIL_URL|FILES_URL)$)"
)


class Failed(Exception):
    """A step of a cell did not do what it should; the message says which and what was seen."""


@dataclass
class Person:
    """Who types the commands. `uid` is None for the user who runs this."""

    name: str
    home: Path
    cache: Path
    uid: int | None = None
    gid: int | None = None

    def run(self, argv: list[str], cwd: Path, log: Path) -> subprocess.Popen[bytes]:
        """Start `argv` as this person; what it says is added to `log`."""
        env = {name: value for name, value in os.environ.items() if not _OURS.match(name)}
        env |= {"HOME": str(self.home), "USER": self.name, "LOGNAME": self.name}
        env |= {"UV_CACHE_DIR": str(self.cache / "uv"), "PIP_CACHE_DIR": str(self.cache / "pip")}
        identity = (
            {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}
        )
        with log.open("ab") as output:
            return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
                argv,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **identity,
            )

    def owns(self, path: Path) -> None:
        """Give the tree to this person."""
        if self.uid is not None and self.gid is not None:
            for folder, _, files in os.walk(path):
                for name in (folder, *(os.path.join(folder, file) for file in files)):
                    os.chown(name, self.uid, self.gid, follow_symlinks=False)


@dataclass
class Cell:
    """One person in one kind of place, and what was measured there (seconds)."""

    person: str
    place: str
    seconds: dict[str, float] = field(default_factory=dict)
    error: str = ""

    @property
    def name(self) -> str:
        return f"{self.person}/{self.place}"


class Trial:
    """One cell being tried, in a scratch folder of its own."""

    def __init__(
        self, cell: Cell, person: Person, python: str, bundle: Path, scratch: Path
    ) -> None:
        self.cell, self.person, self.python, self.bundle = cell, person, python, bundle
        self.home = scratch / cell.name.replace("/", "-")
        self.clone = self.home / (_ODD_NAME if cell.place == "spaces" else "clone")
        self.cwd, self.words = self.clone, ["manage.py"]
        self.data, self.data_words = self._data(scratch)
        self.log = scratch / f"{self.home.name}.log"
        self.port = _free_port()

    def _data(self, scratch: Path) -> tuple[Path, list[str]]:
        if self.cell.place == "relative":
            # Typed in another folder than the clone, which is what a relative path counts from.
            self.cwd, self.words = self.home, [str(Path(self.clone.name) / "manage.py")]
            return self.home / "my data", ["--data", "my data"]
        if self.cell.place == "other-disk":
            folder = _other_disk(scratch) / f"csc-{secrets.token_hex(4)}"
            return folder / "data", ["--data", str(folder / "data")]
        return self.clone / "var", []

    def run(self) -> None:
        """Try every step. Raises Failed."""
        self.home.mkdir(mode=0o755 if self.cell.place == "0755" else 0o700)
        if self.cell.place == "other-disk":
            self.data.parent.mkdir(mode=0o700)
            self.person.owns(self.data.parent)
        self.person.owns(self.home)
        self._step(
            "clone", ["git", "clone", "-q", str(self.bundle), str(self.clone)], cwd=Path("/")
        )
        for name, end in (
            ("first start", self._stop),
            ("second start", self._kill),
            ("after kill -9", self._stop),
        ):
            self._start(name, end)
        self._check_modes()
        self._step(
            "test",
            [self.python, *self.words, "test", "--no-browser", "-q", _ONE_TEST],
            cwd=self.cwd,
        )
        if not re.search(rb"\b[1-9]\d* passed", self.log.read_bytes().splitlines()[-1]):
            raise Failed(f"test: no test passed (see {self.log})")

    def clean(self) -> None:
        if self.cell.place == "other-disk":
            shutil.rmtree(self.data.parent, ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)

    def _step(self, name: str, argv: list[str], cwd: Path) -> None:
        begun = time.monotonic()
        process = self.person.run(argv, cwd, self.log)
        try:
            code = process.wait(_TEST_SECONDS)
        except subprocess.TimeoutExpired:
            _kill_all(process.pid)
            raise Failed(f"{name}: not ended after {_TEST_SECONDS} s (see {self.log})") from None
        if code:
            raise Failed(f"{name}: exit code {code}: {_last_line(self.log)}")
        self.cell.seconds[name] = time.monotonic() - begun

    def _start(self, name: str, end: Callable[[subprocess.Popen[bytes]], None]) -> None:
        """Run ``up`` until it is ready, ask ``/readyz``, sign in, then end it."""
        before = self.log.stat().st_size
        begun = time.monotonic()
        argv = [self.python, *self.words, "up", "--port", str(self.port), *self.data_words]
        process = self.person.run(argv, self.cwd, self.log)
        try:
            said = self._wait_until_ready(name, process, before)
            self.cell.seconds[name] = time.monotonic() - begun
            self._sign_in(name, said)
            end(process)
        finally:
            _kill_all(process.pid)
            process.wait()

    def _wait_until_ready(self, name: str, process: subprocess.Popen[bytes], before: int) -> str:
        def said() -> str:
            return self.log.read_bytes()[before:].decode(errors="replace")

        _wait(lambda: "Stop with Ctrl-C" in said() or process.poll() is not None, _READY_SECONDS)
        if "Stop with Ctrl-C" not in said():
            ended = (
                "not ready in time" if process.poll() is None else f"exit code {process.returncode}"
            )
            raise Failed(f"{name}: {ended}: {_last_line(self.log)}")
        return said()

    def _sign_in(self, name: str, said: str) -> None:
        """``/readyz`` answers 200, and with the password that was printed the sample official sees
        suggestions. Raises Failed.
        """
        password = re.search(r"Sign in with the password (\S+)", said)
        if password is None:
            raise Failed(f"{name}: no password was printed")
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor()
        )

        def read(path: str, fields: dict[str, str] | None = None) -> str:
            data = urllib.parse.urlencode(fields).encode() if fields else None
            with opener.open(f"http://127.0.0.1:{self.port}{path}", data, timeout=20) as response:
                return str(response.read().decode())

        def find(pattern: str, page: str, what: str) -> str:
            if found := re.search(pattern, page):
                return found[1]
            raise Failed(f"{name}: {what}")

        try:
            read("/readyz")
            token = find(r'csrfmiddlewaretoken" value="(\w+)"', read("/account/login/"), "no form")
            official = {"login": "official@sample.example", "password": password[1]}
            page = read("/account/login/", official | {"csrfmiddlewaretoken": token})
            listed = find(
                r'href="(/communities/\d+/suggestions/)"', page, "the official is not signed in"
            )
            find(rf'href="({listed}\d+/)', read(listed), "Ready, but there are no suggestions")
        except OSError as error:
            raise Failed(f"{name}: {error}") from None

    def _stop(self, process: subprocess.Popen[bytes]) -> None:
        children = _descendants(process.pid)
        process.send_signal(signal.SIGINT)
        try:
            code = process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise Failed(f"stop: not ended after {_STOP_SECONDS} s") from None
        left = [pid for pid in children if _is_alive(pid)]
        if code or left:
            raise Failed(f"stop: exit code {code}, processes left: {left}")

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        """``kill -9`` of everything; the next start follows at once."""
        _kill_all(process.pid)

    def _check_modes(self) -> None:
        """Others may not enter the data folder, nor what was closed to them before."""
        for folder in (
            self.data,
            self.data / "postgres",
            *([self.home] if self.cell.place != "0755" else []),
        ):
            if stat.S_IMODE(folder.stat().st_mode) & 0o077:
                raise Failed(f"{folder} was opened to others")


def _descendants(pid: int) -> list[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int(
                    (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
                )
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found - {pid})


def _kill_all(pid: int) -> None:
    for each in [pid, *_descendants(pid)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f"{lines[-1][:300] if lines else 'it said nothing'} (see {log})"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _other_disk(scratch: Path) -> Path:
    """A folder on another file system than the clones. Raises Failed."""
    for folder in (Path("/dev/shm"), Path.home(), Path("/var/tmp")):
        if (
            folder.is_dir()
            and os.access(folder, os.W_OK)
            and folder.stat().st_dev != scratch.stat().st_dev
        ):
            return folder
    raise Failed("this machine has only one file system")


def find_python(person: Person, scratch: Path) -> str:
    """A Python of 3.11 or newer that `person` may run and that can make virtual environments.
    Raises Failed.
    """
    check = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"
    log = scratch / "python.log"
    for _ in range(2):
        for python in (sys.executable, "/usr/local/bin/python3", "/usr/bin/python3"):
            with contextlib.suppress(OSError):
                if person.run([python, "-c", check], Path("/"), log).wait() == 0:
                    return python
        if os.geteuid() == 0 and shutil.which("apt-get"):
            subprocess.run(
                ["apt-get", "install", "-y", "-qq", "python3-venv"],
                stdout=subprocess.DEVNULL,
                check=False,
            )
    raise Failed(f"{person.name} finds no Python 3.11 with venv (apt install python3-venv)")


@contextlib.contextmanager
def people(scratch: Path, wanted: set[str]) -> Iterator[dict[str, Person]]:
    """Those who type: under root also an ordinary user, made for this run."""
    cache = scratch / "cache"
    cache.mkdir()
    me = Person("root" if os.geteuid() == 0 else "user", Path.home(), cache)
    found = {me.name: me}
    if me.name == "user" or "user" not in wanted:
        yield found
        return
    name = f"csc-{secrets.token_hex(4)}"
    home = scratch / "home"
    subprocess.run(
        ["useradd", "--create-home", "--home-dir", str(home), "--shell", "/bin/sh", name],
        check=True,
    )
    home.chmod(0o700)
    entry = pwd.getpwnam(name)
    try:
        yield found | {"user": Person(name, home, cache, entry.pw_uid, entry.pw_gid)}
    finally:
        subprocess.run(["userdel", "--force", name], stderr=subprocess.DEVNULL, check=False)


def try_cell(cell: Cell, everybody: dict[str, Person], bundle: Path, scratch: Path) -> None:
    """Fill the cell's figures and its error."""
    if cell.person not in everybody:
        cell.error = "not tried: only root can be root"
        return
    person = everybody[cell.person]
    person.owns(person.cache)
    try:
        trial = Trial(cell, person, find_python(person, scratch), bundle, scratch)
        trial.run()
        trial.clean()
    except Failed as failed:
        cell.error = str(failed)


def print_table(cells: list[Cell]) -> None:
    steps = ("first start", "second start", "after kill -9", "test")
    print(f"\n{'who/where':<18}" + "".join(f"{step + ' s':>18}" for step in steps) + "   result")
    for cell in cells:
        figures = "".join(
            f"{cell.seconds[step]:>18.1f}" if step in cell.seconds else f"{'–':>18}"
            for step in steps
        )
        print(f"{cell.name:<18}{figures}   {cell.error or 'ok'}")


def main() -> int:
    """Try the cells that the command line names; returns the exit code."""
    every = [f"{person}/{place}" for person in ("root", "user") for place in PLACES]
    parser = argparse.ArgumentParser(
        description="Try the set-up as newcomers do, and print a table."
    )
    parser.add_argument(
        "cells",
        nargs="*",
        metavar="WHO/WHERE",
        choices=[*every, []],
        help=f"some of: {', '.join(every)}",
    )
    parser.add_argument("--short", action="store_true", help=f"only {', '.join(SHORT)}")
    options = parser.parse_args()
    names = options.cells or (SHORT if options.short else every)
    cells = [Cell(*name.split("/")) for name in names]
    scratch = Path(tempfile.mkdtemp(prefix="csc-fresh-"))
    scratch.chmod(0o711)
    bundle = scratch / "clone.bundle"
    subprocess.run(["git", "-C", ROOT, "bundle", "create", "-q", bundle, "HEAD"], check=True)
    bundle.chmod(0o644)
    with people(scratch, {cell.person for cell in cells}) as everybody:
        for cell in cells:
            print(f"{cell.name} ...", file=sys.stderr, flush=True)
            try_cell(cell, everybody, bundle, scratch)
    print_table(cells)
    failed = [cell for cell in cells if cell.error and not cell.error.startswith("not tried")]
    if not failed:
        shutil.rmtree(scratch, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
