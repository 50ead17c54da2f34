"""The only way to make a PDF: HTML in, bytes out, and nothing is fetched while it is made.

The first document of a process takes the time to load the libraries (about a second), the others
some tenths of a second: short enough for a request, in which a person waits for one sheet of paper.
A document that takes longer than LONGEST_SECONDS is stopped.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import threading
from pathlib import Path

import structlog
from django.utils.translation import gettext as _

from backend.common.errors import Unavailable
from backend.common.pdf_worker import environment_for_pdf

LONGEST_SECONDS = 20.0
# Pango and its font maps grow a little with each document.
DOCUMENTS_A_PROCESS = 200
_ROOT = Path(__file__).resolve().parents[2]
_log = structlog.get_logger(__name__)


class _Printer:
    """One child process, one document at a time; started when first needed, and again when it died
    or has made many.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._made = 0

    def render(self, html: str, *, one_page: bool) -> bytes:
        request = json.dumps({"html": html, "one_page": one_page}).encode()
        with self._lock:
            process = self._running()
            clock = threading.Timer(LONGEST_SECONDS, process.kill)
            clock.start()
            try:
                answer = self._ask(process, request)
            except OSError as error:
                answer = (1, str(error).encode())
            finally:
                clock.cancel()
            self._made += 1
            if answer is None or self._made >= DOCUMENTS_A_PROCESS:
                self._stop(process)
        status, body = answer or (1, b"the process ended or took too long")
        if status:
            _log.error("pdf_not_made", reason=body.decode(errors="replace")[:500])
            raise Unavailable(
                _(
                    "A PDF cannot be made on this machine just now. The same page can be "
                    "printed from the browser."
                )
            )
        return body

    def _ask(self, process: subprocess.Popen[bytes], request: bytes) -> tuple[int, bytes] | None:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - both are pipes
        process.stdin.write(struct.pack(">I", len(request)) + request)
        process.stdin.flush()
        head = process.stdout.read(5)
        if len(head) < 5:
            return None
        body = process.stdout.read(struct.unpack(">I", head[1:])[0])
        return head[0], body

    def _running(self) -> subprocess.Popen[bytes]:
        process = self._process
        if process is None or process.poll() is not None or self._owner != os.getpid():
            # It ends by itself when our end of the pipe closes, so it never outlives this process.
            process = subprocess.Popen(
                [sys.executable, "-m", "backend.common.pdf_worker"],
                cwd=_ROOT,
                env=environment_for_pdf(os.environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            self._process, self._owner, self._made = process, os.getpid(), 0
        return process

    def _stop(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        self._process = None


_PRINTER = _Printer()


def render_pdf(html: str, *, one_page: bool = False) -> bytes:
    """The document as a PDF. Its styles and pictures are in the HTML; its fonts are those of the
    machine.

    With ``one_page`` the type of the root element becomes smaller (down to 6 pt) until everything
    fits on one page.

    Raises:
        Unavailable: the libraries are missing, the document took too long, or does not fit.
    """
    return _PRINTER.render(html, one_page=one_page)
