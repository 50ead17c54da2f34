"""The project's own Python environment: made from the lock files when it is missing or out of date,
then entered.

Runs under the system's bare Python, so: the standard library alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from backend.runtime.output import SetupError

ROOT = Path(__file__).resolve().parents[2]
RUNTIME_LOCK = Path("requirements.lock")
TEST_LOCK = Path("tests/requirements.lock")
_UV_LOCK = Path("backend/runtime/uv-requirements.lock")
_ENVIRONMENT_BYTES = 900 * 2**20
STARTED = "CSC_STARTED_AT"
# Set while a command starts itself again in .venv: it must do so once.
_ENTERING = "CSC_ENTERING"


def enter(lock: Path | None, root: Path = ROOT) -> None:
    """Return inside the project's ``.venv`` with the packages of `lock` in place; outside of it,
    run this command again inside.

    With no `lock` nothing is installed.

    Raises:
        SetupError: the environment cannot be made, and nothing else was changed; or, with no
            `lock`, there is none yet.
    """
    os.environ.setdefault(STARTED, repr(time.monotonic()))
    if lock is not None:
        ensure_environment(root, lock)
    elif not (root / ".venv" / "bin" / "python").exists() or _unfinished(root / ".venv").exists():
        raise SetupError(
            "the packages are not installed yet; `python3 manage.py up` installs them and runs the "
            "service"
        )
    if Path(sys.prefix).resolve() != (root / ".venv").resolve():
        if os.environ.get(_ENTERING) == str(root):
            raise SetupError(f"{root / '.venv'} is damaged; delete it and start again")
        os.environ[_ENTERING] = str(root)
        python = str(root / ".venv" / "bin" / "python")
        os.execv(python, [python, *sys.argv])
    os.environ.pop(_ENTERING, None)


def ensure_environment(root: Path, lock: Path) -> None:
    """Make ``root/.venv`` and install `lock` (a path below `root`) unless a marker says it is in
    there already.

    An environment whose installation was interrupted is made again: what it lacks is unknown.

    Raises:
        SetupError: no virtual environment can be made, or the packages cannot be fetched or
            verified.
    """
    venv = root / ".venv"
    if _is_installed(venv, root, lock):
        return
    _check_place(root)
    with _only_one(root):
        if _is_installed(venv, root, lock):
            return
        if _unfinished(venv).exists() or not _works(venv):
            print("Making .venv ...", file=sys.stderr, flush=True)
            _make_venv(venv)
        print(f"Installing the packages of {lock} ...", file=sys.stderr, flush=True)
        _unfinished(venv).touch()
        _install(venv, root, lock)
        within = [
            other
            for other in (RUNTIME_LOCK, TEST_LOCK)
            if (root / other).exists() and _pins(root / other) <= _pins(root / lock)
        ]
        marks = _marks(venv) | {str(done): _digest(root / done) for done in {lock, *within}}
        (venv / "installed.json.new").write_text(json.dumps(marks))
        (venv / "installed.json.new").replace(venv / "installed.json")
        _unfinished(venv).unlink()


def _unfinished(venv: Path) -> Path:
    """A file that exists in an environment while packages are being installed into it."""
    return venv / "unfinished"


@contextlib.contextmanager
def _only_one(root: Path) -> Iterator[None]:
    """Two commands started at once must not install into one folder: the second waits here."""
    descriptor = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _pins(lock: Path) -> set[str]:
    """The ``name==version`` words of a lock file."""
    return {
        line.split()[0] for line in lock.read_text().splitlines() if line and line[0] not in " #"
    }


def _marks(venv: Path) -> dict[str, str]:
    try:
        marks = json.loads((venv / "installed.json").read_text())
    except (OSError, ValueError):
        return {}
    return marks if isinstance(marks, dict) else {}


def _is_installed(venv: Path, root: Path, lock: Path) -> bool:
    return (
        _marks(venv).get(str(lock)) == _digest(root / lock)
        and not _unfinished(venv).exists()
        and _works(venv)
    )


def _works(venv: Path) -> bool:
    """True if the environment's Python runs and belongs to it: the system's Python may be gone, the
    folder moved, or half of it deleted.
    """
    python = venv / "bin" / "python"
    if Path(sys.prefix).resolve() == venv.resolve():
        return True
    inside = "import sys; sys.exit(sys.prefix == sys.base_prefix)"
    try:
        asked = subprocess.run([python, "-I", "-c", inside], capture_output=True, check=False)
        return asked.returncode == 0
    except OSError:
        return False


def _check_place(root: Path) -> None:
    """Raises SetupError when packages cannot be installed below `root`: it may not be written, or
    the disk has no room.
    """
    if not os.access(root, os.W_OK):
        raise SetupError(
            f"the packages are installed into {root}, which you may not write; clone the project "
            "into a folder of your own"
        )
    free = shutil.disk_usage(root).free
    if free < _ENVIRONMENT_BYTES:
        raise SetupError(
            f"only {free // 2**20} MB are free on the disk of {root}; the packages need "
            f"{_ENVIRONMENT_BYTES // 2**20} MB: free some space"
        )


def _make_venv(venv: Path) -> None:
    made = subprocess.run(
        [_base_python(), "-c", "import venv, ensurepip"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if made.returncode:
        raise SetupError(
            "this Python has no venv module; install it with: apt install python3-venv"
        )
    _set_aside(venv)
    venv.mkdir(exist_ok=True)
    _unfinished(venv).touch()
    made = subprocess.run(
        [_base_python(), "-m", "venv", str(venv)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if made.returncode:
        shutil.rmtree(venv, ignore_errors=True)
        if "ensurepip" in made.stdout:
            raise SetupError(
                "this Python cannot make a virtual environment; install the missing part with: apt "
                "install python3-venv"
            )
        raise SetupError(f"the folder {venv} cannot be made: {_last_line(made.stdout)}")


def _set_aside(venv: Path) -> None:
    """Take the environment away in one step: half deleted it could pass for a whole one."""
    if venv.exists():
        venv.rename(venv.with_name(f"{venv.name}.old-{os.getpid()}"))
    for old in venv.parent.glob(f"{venv.name}.old-*"):
        shutil.rmtree(old, ignore_errors=True)


def _base_python() -> str:
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def _install(venv: Path, root: Path, lock: Path) -> None:
    """Install with uv (several times faster), else with pip; both check every file against the
    lock's hashes.
    """
    python = venv / "bin" / "python"
    env = {
        k: v for k, v in os.environ.items() if k not in {"VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH"}
    }
    env |= {
        "UV_PYTHON_DOWNLOADS": "never",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
    }
    if ssl.create_default_context().cert_store_stats()["x509_ca"]:
        # An organisation with its own certificate authority has put it there
        env.setdefault("UV_SYSTEM_CERTS", "1")
    pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r"]
    uv = venv / "bin" / "uv"
    if not uv.exists():
        _run([*pip, root / _UV_LOCK], env)
    if uv.exists():
        words = ["--quiet", "--no-progress", "--require-hashes"]
        failed = _run([uv, "pip", "install", "--python", python, *words, "-r", root / lock], env)
        if failed is None:
            return
        print(
            f"uv did not succeed ({failed}); trying pip, which is slower ...",
            file=sys.stderr,
            flush=True,
        )
    failed = _run([*pip, root / lock], env)
    if failed is not None:
        raise SetupError(
            f"the packages of {lock} cannot be installed: {failed} (is the package index "
            "reachable, and the disk not full?)"
        )


def _run(argv: Sequence[str | Path], env: dict[str, str]) -> str | None:
    """Run without output; None on success, else the last line of the output."""
    ended = subprocess.run(
        [str(a) for a in argv],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return _last_line(ended.stdout) if ended.returncode else None


def _last_line(text: str) -> str:
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no message"
