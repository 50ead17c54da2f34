"""gunicorn as the web runs it: a worker class whose threads no slow client holds, and its log.

A thread of gunicorn waits for as long as a client takes to send its request: some sixteen half-sent
ones and nobody is answered. Here the loop that accepts connections gathers each request, and a
thread gets it when it is whole. A body of more than LONGEST_GATHERED bytes is read by its thread;
few may be on their way at once, and each has a time that its length determines. A buffering proxy
in front does the same better. Probes have threads of their own: they answer while all others wait,
for a database, say.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import logging.config
import re
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from selectors import EVENT_READ
from typing import Any

import structlog
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

from backend.environment import ConfigurationError

LONGEST_HEAD = 64 * 1024  # bytes; the parser refuses it before
LONGEST_GATHERED = 128 * 1024  # bytes of a body
SECONDS_TO_SEND = 15.0
SLOWEST = 50_000  # bytes a second of a long body, after those seconds
MOST_LONG_BODIES = 6  # of sixteen threads
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,12})[ \t]*\r\n", re.IGNORECASE)
_PROBE = re.compile(rb"(?:GET|HEAD) (/[a-z]+) ")
_UNKNOWN = re.compile(rb"\r\n(?:transfer-encoding|expect):", re.IGNORECASE)
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nConnection: close\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 67\r\n\r\n"
    b"Many files are on their way just now. Send yours in half a minute.\n"
)


# What asks every few seconds is logged when it fails.
_PROBES = {"/healthz", "/readyz", "/metrics"}


class ServiceLog(Logger):
    """gunicorn's lines in the form of all others (CSC_LOG), also before a worker has loaded Django.

    A line of access names the route instead of the address, which may hold a secret, and no client.
    Raises SystemExit, with one line, where the environment is wrong.
    """

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        try:
            from backend.settings import LOGGING
        except ConfigurationError as error:
            raise SystemExit(f"error: {error}") from None
        logging.config.dictConfig(LOGGING)
        logging.captureWarnings(True)
        for log, target in ((self.error_log, cfg.errorlog), (self.access_log, cfg.accesslog)):
            if target == "-":
                log.handlers.clear()
                log.propagate = True

    def access(self, resp: Any, req: Any, environ: Any, request_time: dt.timedelta) -> None:
        path = environ.get("PATH_INFO", "")
        if not self.access_log_enabled or (path in _PROBES and resp.status_code < 400):
            return
        from backend.web import ROUTE  # needs Django, loaded by now
        from backend.web.operations.request_ids import HEADER

        given = {name.lower(): value for name, value in resp.headers}
        asked = {"route": environ[ROUTE]} if ROUTE in environ else {"path": path}
        structlog.get_logger("gunicorn.access").info(
            "request",
            method=environ.get("REQUEST_METHOD"),
            **asked,
            status=resp.status_code,
            bytes=resp.sent,
            seconds=round(request_time.total_seconds(), 3),
            request_id=given.get(HEADER.lower(), ""),
        )


def body_length(received: bytes) -> int | None:
    """Bytes of a request that are still to come, below 0 for more than there should be; None while
    its head is not complete. A body whose length the head does not say counts as a long one.
    """
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None if len(received) <= LONGEST_HEAD else 0
    head = received[: end + 2]
    if _UNKNOWN.search(head):
        return LONGEST_GATHERED + 1
    length = _LENGTH.search(head)
    return (int(length[1]) if length else 0) - (len(received) - end - 4)


def _refuse_cut_bodies(conn: TConn) -> None:
    """A body that ends before its length is an error, not a shorter file."""
    read = conn.parser.unreader.chunk

    def chunk(size_hint: int | None = None) -> bytes:
        piece: bytes = read(size_hint)
        if not piece:
            raise ConnectionResetError(errno.ECONNRESET, "The request ended before its length.")
        return piece

    conn.parser.unreader.chunk = chunk


class PatientWorker(ThreadWorker):
    """Connections are gathered in the main loop; only a request that is whole takes a thread."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._gathered: dict[TConn, tuple[bytearray, float]] = {}
        self._long: dict[TConn, float] = {}
        # A client that does not close keeps the one that closes waiting for two seconds.
        self._closers = ThreadPoolExecutor(max_workers=2)
        self._probes = ThreadPoolExecutor(max_workers=4)

    def enqueue_req(self, conn: TConn) -> None:
        """A new connection, or one on which the next request begins."""
        if self.cfg.is_ssl:
            super().enqueue_req(conn)
        else:
            self._gather(conn, b"")

    def _gather(self, conn: TConn, begun: bytes) -> None:
        self._gathered[conn] = (bytearray(begun), time.monotonic() + SECONDS_TO_SEND)
        conn.sock.setblocking(False)
        self.poller.register(conn.sock, EVENT_READ, partial(self._on_bytes, conn))
        if begun:
            self._dispatch_if_whole(conn)

    def _on_bytes(self, conn: TConn, _sock: socket.socket) -> None:
        try:
            piece = conn.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self._drop(conn)
            return
        self._gathered[conn][0].extend(piece)
        self._dispatch_if_whole(conn)

    def _dispatch_if_whole(self, conn: TConn) -> None:
        received = bytes(self._gathered[conn][0])
        missing = body_length(received)
        if missing is None or (missing > 0 and len(received) + missing <= LONGEST_GATHERED):
            return
        del self._gathered[conn]
        self.poller.unregister(conn.sock)
        if missing > 0:
            if len(self._long) >= MOST_LONG_BODIES:
                with contextlib.suppress(OSError):
                    conn.sock.send(_FULL)
                self._close(conn)
                return
            self._long[conn] = time.monotonic() + SECONDS_TO_SEND + missing / SLOWEST
        if not conn.initialized:
            conn.init()
            _refuse_cut_bodies(conn)
        conn.parser.unreader.unread(received)
        conn.data_ready = True
        if (match := _PROBE.match(received)) and match[1].decode() in _PROBES:
            probe = self._probes.submit(self.handle, conn)
            probe.add_done_callback(
                lambda done: self.method_queue.defer(self.finish_request, conn, done)
            )
        else:
            super().enqueue_req(conn)

    def murder_pending(self) -> None:
        """Also those whose time to send is over."""
        super().murder_pending()
        now = time.monotonic()
        for conn, (received, until) in list(self._gathered.items()):
            if until < now or not (self.alive or received):
                self._drop(conn)
        for conn, until in list(self._long.items()):
            if until < now:  # its thread reads the end of the connection
                with contextlib.suppress(OSError):
                    conn.sock.shutdown(socket.SHUT_RD)
                self._long[conn] = now + SECONDS_TO_SEND

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        self._long.pop(conn, None)
        failed = fs.cancelled() or fs.exception() is not None
        result = False if failed else fs.result()
        if not result:
            self._close(conn)
        elif result is True and (begun := conn.parser.unreader.take_buffered()):
            self._gather(conn, begun)
        else:
            super().finish_request(conn, fs)

    def _drop(self, conn: TConn) -> None:
        del self._gathered[conn]
        with contextlib.suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def _close(self, conn: TConn) -> None:
        self.nr_conns -= 1
        close: Callable[[], None] = partial(conn.close, graceful=True)
        self._closers.submit(close)
