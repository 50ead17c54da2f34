"""PostgreSQL refuses root: when root starts the service, it runs as `nobody`."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from backend.runtime.errors import SetupError
from backend.runtime.processes import NOBODY


def is_root() -> bool:
    return os.geteuid() == 0


def as_nobody(argv: Sequence[str | Path], *, reads: Path, writes: Path) -> list[str | Path]:
    """`argv` to run as `nobody` through setpriv(1).

    Where `nobody` may not enter a folder above `reads` or `writes` (a home of mode 0700), the one capability that lets it pass,
    CAP_DAC_OVERRIDE, is left to it; otherwise it has none. setpriv sets the parent-death signal again, which a change of user clears.

    Raises:
        SetupError: setpriv is not installed.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise SetupError("PostgreSQL must not run as root, and setpriv is missing: apt install util-linux, or start as an ordinary user")
    user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--pdeathsig=QUIT"]
    passing = [] if may_enter(reads) and may_enter(writes) else ["--inh-caps=-all,+dac_override", "--ambient-caps=+dac_override"]
    closed = ["--inh-caps=-all"] if not passing else []
    return [setpriv, *user, *passing, *closed, "--", *argv]


def may_enter(path: Path) -> bool:
    """Whether everyone may reach `path`: each folder above it can be entered, and a file can be read."""
    resolved = path.resolve()
    if not all(folder.stat().st_mode & stat.S_IXOTH for folder in resolved.parents):
        return False
    wanted = stat.S_IXOTH if resolved.is_dir() else stat.S_IROTH
    return bool(resolved.stat().st_mode & wanted)
