"""PostgreSQL refuses root: when root starts the service, the server runs as the user `nobody`,
without any capability.

Two things must then not depend on the folders above them, which may be closed to others (``/root``
has mode 0700):

- the programs: they are run where the package has them when everybody may read them there, else
  from a copy that is made once a version;
- the data: the server begins in its data folder, and reaches it as ``/proc/self/cwd``, for which
  Linux asks nothing of the folders above.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from backend.runtime import processes
from backend.runtime.output import SetupError

NOBODY = 65534
HERE = Path("/proc/self/cwd")
_ADVICE = "start as an ordinary user, or set DATABASE_URL to a server that runs"
# Folders that others may enter, the most lasting first; the first from which `nobody` can run a
# program is taken.
_HOMES = tuple(map(Path, ("/var/cache", "/var/lib", "/opt", "/var/tmp", "/tmp", "/dev/shm")))  # noqa: S108 - only a folder of root's is used
_NAME = "cities-seeking-cities"


def is_root() -> bool:
    return os.geteuid() == 0


def check_root_can_start_it() -> None:
    """Raises SetupError when root on this machine cannot start PostgreSQL as another user."""
    if not HERE.exists():
        raise SetupError(
            "PostgreSQL must not run as root, and this machine has no /proc to start it as "
            f"another user; {_ADVICE}"
        )


def readable_programs(
    parts: Iterable[Path], program: Path, version_file: Path, homes: Iterable[Path] = _HOMES
) -> Path:
    """The path of `program` where `nobody` may run it.

    `parts` are the folders that it needs, beside each other; `program` lies below one of them.
    `version_file` is a text that differs whenever the files do; its digest names the copy.

    Raises:
        SetupError: there is no folder from which `nobody` may run it, or root may not start
            anything as `nobody`.
    """
    parts = list(parts)
    if everybody_may_read(parts) and _nobody_runs(program):
        return program
    digest = hashlib.sha256(version_file.read_bytes()).hexdigest()[:16]
    below = program.relative_to(parts[0].parent)
    for home in homes:
        with contextlib.suppress(OSError):
            copy = _copied(parts, home / _NAME, f"{parts[0].name}-{digest}")
            if _nobody_runs(copy / below):
                return copy / below
    tried = ", ".join(map(str, homes))
    raise SetupError(
        f"PostgreSQL must not run as root, and the user nobody may run it from none of {tried}; "
        f"{_ADVICE}"
    )


def everybody_may_read(parts: Iterable[Path]) -> bool:
    """Whether every user may enter each folder above and below `parts` and read each file in
    them.
    """
    for part in parts:
        if not all(folder.stat().st_mode & stat.S_IXOTH for folder in part.resolve().parents):
            return False
        for path in (part, *part.rglob("*")):
            if path.is_symlink():  # it leads to a file of the same package or of the system
                continue
            needed = stat.S_IROTH | stat.S_IXOTH if path.is_dir() else stat.S_IROTH
            if path.stat().st_mode & needed != needed:
                return False
    return True


def _nobody_runs(program: Path) -> bool:
    """Whether `nobody` can run `program` with ``--version``: its libraries are read too, and the
    disk may forbid programs (noexec).

    Raises:
        SetupError: root may not start a process as another user here.
    """
    try:
        with tempfile.TemporaryFile() as output:
            return (
                processes.spawn(
                    [program, "--version"], stdout=output, cwd=Path("/"), user=NOBODY
                ).wait()
                == 0
            )
    except OSError as error:
        if error.errno in {errno.EPERM, errno.EINVAL}:
            raise SetupError(
                "PostgreSQL must not run as root, and root may not start it as the user nobody "
                f"here; {_ADVICE}"
            ) from None
        return False


def _copied(parts: Iterable[Path], home: Path, name: str) -> Path:
    """The folder `home`/`name` with a copy of `parts` that everybody may read; it appears only when
    it is whole. Raises OSError.
    """
    copy = home / name
    with _umask(0o022):
        home.mkdir(exist_ok=True)
        _check_is_roots(home)
        if copy.exists():
            _check_is_roots(copy)
            return copy
        new = Path(tempfile.mkdtemp(prefix="new-", dir=home))
        try:
            for part in parts:
                shutil.copytree(
                    part,
                    new / part.name,
                    symlinks=True,
                    ignore=shutil.ignore_patterns("__pycache__"),
                )
            for path in (new, *new.rglob("*")):
                if not path.is_symlink():
                    executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
                    path.chmod(0o755 if executable else 0o644)
            try:
                new.rename(copy)
            except OSError as error:  # another command made it meanwhile
                if error.errno not in {errno.EEXIST, errno.ENOTEMPTY}:
                    raise
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return copy


def _check_is_roots(folder: Path) -> None:
    """Raises PermissionError when somebody else could have put programs into `folder`."""
    found = folder.lstat()
    if (
        not stat.S_ISDIR(found.st_mode)
        or found.st_uid != 0
        or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    ):
        raise PermissionError(errno.EACCES, "not a folder that root alone can write", str(folder))


@contextlib.contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def give(path: Path, uid: int = NOBODY) -> None:
    """Make `uid` the owner of the tree when it is not yet (a folder that moved between an ordinary
    user and root).

    Raises:
        SetupError: root may not give files away here.
    """
    if path.stat().st_uid == uid:
        return
    try:
        for folder, _, files in os.walk(path, topdown=False):
            for name in files:
                os.chown(os.path.join(folder, name), uid, uid, follow_symlinks=False)
            os.chown(folder, uid, uid)
    except PermissionError:
        raise SetupError(
            f"PostgreSQL must not run as root, and root may not give {path} to the user nobody "
            f"here; {_ADVICE}"
        ) from None
