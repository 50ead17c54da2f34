"""The whole service in processes of its own on the test database: web, relay, worker and broker."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from backend.runtime.ports import pick_free
from tests.faults.service import Service


class WholeService(Service):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.url = f"http://127.0.0.1:{pick_free()}"
        self.web: subprocess.Popen[bytes] | None = None

    def start_processes(self) -> None:
        self.start_web()
        super().start_processes()

    def start_web(self, *options: str | Path) -> None:
        """Options: further words for gunicorn."""
        bind = self.url.removeprefix("http://")
        gunicorn = [
            sys.executable,
            "-m",
            "gunicorn",
            "--bind",
            bind,
            "--worker-class",
            "backend.runtime.web_worker.PatientWorker",
            "--logger-class",
            "backend.runtime.web_worker.ServiceLog",
            "--threads",
            "16",
            "--no-control-socket",
        ]
        self.web = self._spawn([*gunicorn, *map(str, options), "backend.wsgi"], "web.log")

    def is_ready(self) -> bool:
        return super().is_ready() and self._answers()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url, timeout=2) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def mails_to(self, address: str) -> int:
        return sum(
            f"To: {address}".encode() in path.read_bytes()
            for path in (self.folder / "mail").glob("*.eml")
        )

    def mail_texts(self, address: str) -> list[str]:
        """Subject and plain words of each mail to the address, the oldest first."""
        files = sorted((self.folder / "mail").glob("*.eml"))
        mails = [message_from_bytes(path.read_bytes(), policy=default) for path in files]
        return [_words(mail) for mail in mails if address in str(mail["To"])]

    def _processes(self) -> list[subprocess.Popen[bytes]]:
        return [*super()._processes(), *([self.web] if self.web else [])]


def _words(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    return f"{mail['Subject']}\n{body.get_content() if body else ''}"
