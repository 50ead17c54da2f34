"""Reading the mails that FolderBackend wrote, for staff."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import re
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from django.conf import settings

from backend.common.errors import NotVisible

_NAME = re.compile(r"(\d{8}T\d{6}\.\d{6})Z-[A-Za-z0-9-]{1,64}\.eml")


@dataclass(frozen=True, slots=True)
class WrittenMail:
    """One mail as its file holds it. ``text`` and ``html`` are its bodies; the second is what the
    service's own template made.
    """

    name: str
    written_at: dt.datetime
    to: str
    subject: str
    message_id: str
    text: str
    html: str


def _folder() -> Path | None:
    path = getattr(settings, "EMAIL_FILE_PATH", None)
    return Path(path) if path else None


def recent_mails(limit: int = 50) -> list[WrittenMail]:
    """The latest mails, newest first; empty where mails go to a server."""
    folder = _folder()
    if folder is None or not folder.is_dir():
        return []
    names = sorted(
        (entry.name for entry in folder.iterdir() if _NAME.fullmatch(entry.name)), reverse=True
    )
    return [read_mail(name) for name in names[:limit]]


def read_mail(name: str) -> WrittenMail:
    """One mail by its file's name. Raises NotVisible for a name that FolderBackend did not give: no
    path leads out of the folder.
    """
    folder, match = _folder(), _NAME.fullmatch(name)
    if folder is None or match is None:
        raise NotVisible
    try:
        content = (folder / name).read_bytes()
    except FileNotFoundError:
        raise NotVisible from None
    mail = email.message_from_bytes(content, policy=email.policy.default)
    written_at = dt.datetime.strptime(match[1], "%Y%m%dT%H%M%S.%f").replace(tzinfo=dt.UTC)
    return WrittenMail(
        name,
        written_at,
        str(mail["To"]),
        str(mail["Subject"]),
        str(mail["Message-ID"]),
        _body(mail, "plain"),
        _body(mail, "html"),
    )


def _body(mail: EmailMessage, subtype: str) -> str:
    part = mail.get_body((subtype,))
    return str(part.get_content()) if part is not None else ""
