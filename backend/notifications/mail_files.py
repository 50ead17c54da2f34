"""Mails as files, for a machine without a mail server: written by the back end, read by staff.

Django's own file back end appends all mails of a connection to one log that others can read and
that is half-written at times; staff need one private, whole file for each mail.
"""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import os
import re
import smtplib
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage as message_EmailMessage
from email.utils import parseaddr
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

from backend.accounts.models import User
from backend.common.errors import NotVisible

# Of the sample world: the mailbox of somebody who has left, whose mails a server would refuse.
REFUSED_MAILBOX = "has-left"
_REFUSED_DOMAIN = "@sample.example"


class FolderBackend(BaseEmailBackend):
    """Writes each mail to ``EMAIL_FILE_PATH`` as ``<time>-<message id>.eml``. A file appears whole
    or not at all. What is for the one mailbox of the sample world that refuses is refused, as by a
    mail server.

    The folder and its files can be read by the service's own user alone: mails hold names and
    links.
    """

    def __init__(self, *args: Any, file_path: str | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.folder = Path(file_path or getattr(settings, "EMAIL_FILE_PATH"))  # noqa: B009 - only set where mails go to files

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Returns how many were written. Raises OSError when the disk is full or the folder not
        writable, SMTPRecipientsRefused for a mailbox that refuses.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in email_messages:
            _refuse_who_has_left(message)
            self._write(message)
        return len(email_messages)

    def _write(self, message: EmailMessage) -> None:
        mail = message.message()
        identity = re.sub(r"[^A-Za-z0-9-]", "", str(mail["Message-ID"]).partition("@")[0]) or "mail"
        name = f"{timezone.now():%Y%m%dT%H%M%S.%fZ}-{identity[:64]}.eml"
        partial = self.folder / f".{name}.{os.getpid()}"
        try:
            with os.fdopen(
                os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
            ) as file:
                file.write(mail.as_bytes(linesep="\n"))
            partial.replace(self.folder / name)
        finally:
            partial.unlink(missing_ok=True)


# Where mails are files, staff read those with this mark: notices. A mail without it may open an
# account or a role by its code or link, also one that an earlier version has written: of those,
# everybody reads their own.
NOTICE = {"X-Mail-Kind": "notice"}

_NAME = re.compile(r"(\d{8}T\d{6}\.\d{6})Z-[A-Za-z0-9-]{1,64}\.eml")


def _refuse_who_has_left(message: EmailMessage) -> None:
    for to in message.to:
        if to.startswith(f"{REFUSED_MAILBOX}+") and to.endswith(_REFUSED_DOMAIN):
            raise smtplib.SMTPRecipientsRefused({to: (550, b"5.1.1 No such mailbox (sample)")})


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
    is_notice: bool

    def is_open_to(self, reader: User) -> bool:
        """True for a notice, and for whatever was written to the reader."""
        return self.is_notice or parseaddr(self.to)[1].lower() == reader.email


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
        mail["X-Mail-Kind"] == NOTICE["X-Mail-Kind"],
    )


def _body(mail: message_EmailMessage, subtype: str) -> str:
    part = mail.get_body((subtype,))
    return str(part.get_content()) if part is not None else ""
