"""Child processes that never outlive their parent, and how to stop them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

_PR_SET_PDEATHSIG = 1


def die_with_parent(sig: int = signal.SIGKILL, parent: int | None = None) -> None:
    """Ask Linux to send `sig` to this process when the thread that started it ends (prctl(2),
    PR_SET_PDEATHSIG); elsewhere do nothing.

    The setting survives ``exec``, not ``fork``, and is cleared by a change of user: call it last.
    With `parent` given, a parent that died before the call is noticed as well.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(sig), 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), sig)


def spawn(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: int | IO[Any] | None = subprocess.DEVNULL,
    stdout: int | IO[Any] | None = None,
    death_signal: int = signal.SIGKILL,
    user: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start `argv` in a process group of its own (Ctrl-C reaches the supervisor alone), bound to
    the life of the calling thread.

    Call it from the main thread: Linux counts the end of the *thread* as the parent's death. stderr
    goes where stdout goes. Root may give a `user` whose process it shall be: `cwd` is entered
    before the change, which takes every capability away.
    """
    parent = os.getpid()
    identity: dict[str, Any] = (
        {} if user is None else {"user": user, "group": user, "extra_groups": []}
    )
    return subprocess.Popen(
        [str(a) for a in argv],
        env=dict(env) if env is not None else None,
        cwd=cwd,
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.STDOUT if stdout is not None else None,
        process_group=0,
        **identity,
        preexec_fn=lambda: die_with_parent(death_signal, parent),
    )


def signal_group(process: subprocess.Popen[bytes], sig: int) -> None:
    """Send `sig` to the process and all it started; a group that is gone already is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, sig)


def stop(
    process: subprocess.Popen[bytes], sig: int = signal.SIGTERM, *, timeout: float = 10.0
) -> int:
    """Send `sig` to the process, wait up to `timeout` seconds, then kill its whole group. Returns
    the exit code.
    """
    if process.poll() is None:
        process.send_signal(sig)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout)
    signal_group(process, signal.SIGKILL)
    return process.wait()


def wait_until(condition: Callable[[], bool], *, seconds: float, every: float = 0.02) -> bool:
    """Poll `condition` until it is true or `seconds` have passed; returns whether it became
    true.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def with_bytecode(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` with compiled modules kept: half a dozen processes that each compile a thousand
    files double the time of a start. Where no files are wanted beside the sources, they go into
    .venv alone.
    """
    kept = dict(environ)
    if kept.pop("PYTHONDONTWRITEBYTECODE", ""):
        kept.setdefault("PYTHONPYCACHEPREFIX", str(Path(sys.prefix) / "bytecode"))
    return kept
