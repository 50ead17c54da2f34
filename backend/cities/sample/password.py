"""The one password of all sample accounts: made once per data folder, readable by its owner alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from django.conf import settings

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else


def password_file() -> Path:
    return Path(settings.DATA_DIR) / "sample-password"


def sample_password() -> str:
    """The password, made on the first call.

    Raises:
        OSError: the data folder cannot be read or written.
    """
    path = password_file()
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return _make(path)


def _make(path: Path) -> str:
    password = "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))
    path.parent.mkdir(parents=True, exist_ok=True)
    arriving = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(arriving, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(password + "\n")
        os.link(
            arriving, path
        )  # fails where another process was faster: then theirs is the password
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    finally:
        arriving.unlink()
    return password
