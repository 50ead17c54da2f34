"""A mail backend that writes files: on one machine without a mail server, mails can be read under
the data folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone


class FolderBackend(BaseEmailBackend):
    """Writes each mail to ``EMAIL_FILE_PATH`` as ``<time>-<message id>.eml``. A file appears whole
    or not at all.

    The folder and its files can be read by the service's own user alone: mails hold names and
    links.
    """

    def __init__(self, *args: Any, file_path: str | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.folder = Path(file_path or getattr(settings, "EMAIL_FILE_PATH"))  # noqa: B009 - only set where mails go to files

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Returns how many were written. Raises OSError when the disk is full or the folder not
        writable.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in email_messages:
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
