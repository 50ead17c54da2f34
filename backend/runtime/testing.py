"""``python3 manage.py test``: pytest on servers of its own, in a folder that is thrown away."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from backend.runtime import processes
from backend.runtime.bootstrap import ROOT
from backend.runtime.pdf_libraries import ensure_pdf_libraries
from backend.runtime.servers import running_servers

_PREFIX = "csc-test-"
_MEMORY_BYTES = 2 * 2**30
# The first is Chromium without its windows: the same pages for a quarter less processor time.
_BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_PACKAGES = ("chromium-headless-shell", "chromium")
# What a developer has set for a service must not reach the tests.
_SERVICE_VARIABLES = (
    "DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "ALLOWED_HOSTS",
    "PUBLIC_URL",
    "EMAIL_URL",
    "FILES_URL",
    "DEFAULT_FROM_EMAIL",
    "CSC_LOG",
    "CSC_PAGE_CACHE_MB",
    "CSC_PLACES_FROM",
)


def run_tests(words: list[str]) -> int:
    """Run pytest with `words` (``--no-browser`` leaves Chromium aside) and return its exit code."""
    browser = None if "--no-browser" in words else find_browser()
    if browser is None:
        print(
            "\n*** No Chromium: the browser tests are SKIPPED. As root, `apt install chromium` "
            "brings it. ***\n",
            file=sys.stderr,
            flush=True,
        )
    if lacking := ensure_pdf_libraries():
        print(f"\n*** The tests of PDFs are SKIPPED: {lacking} ***\n", file=sys.stderr, flush=True)
    with (
        _temporary_folder() as folder,
        running_servers(folder, durable=False, environ={}) as servers,
    ):
        env = processes.with_bytecode(os.environ)
        env = {k: v for k, v in env.items() if k not in _SERVICE_VARIABLES}
        env |= servers.environment | {
            "CSC_MODE": "test",
            "CSC_DATA_DIR": str(folder / "data"),
            "SECRET_KEY": secrets.token_urlsafe(50),
        }
        env["CSC_UNDO_SECONDS"] = (
            "0"  # answers take effect at once; the tests of undoing set a window of their own
        )
        env |= {"CSC_CHROMIUM": browser} if browser else {}
        _run_in_foreground([sys.executable, "manage.py", "translations", "compile"], env)
        own = [word for word in words if word != "--no-browser"]
        pytest = [sys.executable, "-m", "pytest", *_processes(own), *own]
        return _run_in_foreground(pytest, env)


def _processes(words: list[str]) -> list[str]:
    """The whole suite runs in a process a core; a part of it (a path is named, or a debugger asked
    for) in one, which starts sooner.
    """
    alone = any(
        not word.startswith("-") or word in {"--pdb", "-s", "-n"} or word.startswith("-n")
        for word in words
    )
    # A file's tests stay together: many share a world or a running service that is slow to make.
    return (
        []
        if alone
        else [
            "-n",
            str(min(os.cpu_count() or 1, 8)),
            "--dist",
            "loadfile",
            "--no-loadscope-reorder",
        ]
    )


def _run_in_foreground(argv: list[str], env: dict[str, str]) -> int:
    """Run `argv` on this terminal (a debugger can read from it). Ctrl-C is its own business,
    SIGTERM is handed on.
    """
    parent = os.getpid()
    process = subprocess.Popen(
        argv, cwd=ROOT, env=env, preexec_fn=lambda: processes.die_with_parent(parent=parent)
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    code = process.wait()
    return code if code >= 0 else 128 - code


def find_browser() -> str | None:
    """The path of a Chromium; as root on a Debian, install one when there is none."""
    if os.environ.get("CSC_CHROMIUM"):
        return os.environ["CSC_CHROMIUM"]
    found = next(filter(None, map(shutil.which, _BROWSERS)), None)
    apt = shutil.which("apt-get")
    if found or apt is None or os.geteuid() != 0:
        return found
    print(
        "The browser tests need Chromium (--no-browser skips them). "
        f"As root, running: apt-get install {_PACKAGES[0]}",
        file=sys.stderr,
        flush=True,
    )
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = [apt, "install", "-y", "-qq", "--no-install-recommends"]
    installs = [[*install, package] for package in _PACKAGES]
    for argv in (*installs, [apt, "update", "-qq"], *installs):
        ended = subprocess.run(
            argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        if ended.returncode == 0 and argv in installs:
            break
    return next(filter(None, map(shutil.which, _BROWSERS)), None)


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    """A folder in memory where there is room for it; those of killed runs are swept up first."""
    memory = Path("/dev/shm")  # noqa: S108 - the folder in it is made by mkdtemp
    roomy = (
        memory.is_dir()
        and os.access(memory, os.W_OK)
        and shutil.disk_usage(memory).free > _MEMORY_BYTES
    )
    base = memory if roomy else Path(tempfile.gettempdir())
    _sweep(base)
    new = Path(tempfile.mkdtemp(prefix="csc-new-", dir=base))
    descriptor = os.open(new, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    # Only now does it get the name that the sweep of another run looks for.
    folder = new.rename(base / new.name.replace("csc-new-", _PREFIX))
    try:
        yield folder
    finally:
        os.close(descriptor)
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(base: Path) -> None:
    for old in base.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if old.stat().st_uid != os.geteuid():
                continue
            descriptor = os.open(old, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(old, ignore_errors=True)
            finally:
                os.close(descriptor)
