"""Django's PostgreSQL backend, with limits for a server that accepts connections and answers none:
stopped, swapped out, or cut off.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import closing, suppress
from typing import Any

import psycopg
from django_prometheus.db.backends.postgresql import base

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_trial = threading.Lock()
_is_silent = False
# A statement that runs for longer has the server asked whether it answers at all, as often.
_SUSPECT_SECONDS = 2.0
_ANSWER_SECONDS = 0.8


class WatchedConnection(psycopg.Connection[Any]):
    """Cut off when its server falls silent in the middle of a statement: no limit of the server
    ends that statement, and what the kernel of a frozen server acknowledges ends no connection.
    """

    def wait(self, gen: Any, *args: Any, **options: Any) -> Any:
        """Raises psycopg.OperationalError where it was cut off."""
        _watchdog.running[self] = time.monotonic()
        try:
            return super().wait(gen, *args, **options)
        finally:
            _watchdog.running.pop(self, None)


class _Watchdog:
    """One thread a process, which begins with the first connection that it watches."""

    def __init__(self) -> None:
        self.running: dict[WatchedConnection, float] = {}
        self._thread: threading.Thread | None = None
        self._parameters: dict[str, Any] = {}

    def watch(self, connection: Any, parameters: dict[str, Any]) -> None:
        connection.__class__ = WatchedConnection
        self._parameters = parameters
        if self._thread is None or not self._thread.is_alive():  # nor in a forked process
            self.running.clear()
            self._thread = threading.Thread(target=self._look, name="database-watch", daemon=True)
            self._thread.start()

    def _look(self) -> None:
        while True:
            time.sleep(_SUSPECT_SECONDS / 2)
            limit = time.monotonic() - _SUSPECT_SECONDS
            suspect = [one for one, since in list(self.running.items()) if since < limit]
            if suspect and not server_answers(self._parameters, _ANSWER_SECONDS):
                _set_silent(True)
                for connection in suspect:
                    _cut_off(connection)


_watchdog = _Watchdog()


def _cut_off(connection: WatchedConnection) -> None:
    with (
        suppress(OSError, psycopg.Error),
        socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM) as own,
    ):
        own.shutdown(socket.SHUT_RDWR)  # of the connection, whose reader finds its end


def _set_silent(silent: bool) -> None:
    global _is_silent
    _is_silent = silent


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """While the server is silent one thread at a time waits for it; all others fail at once, so
        that a web server keeps threads for what needs no database.

        Raises psycopg.OperationalError.
        """
        if not _is_silent:
            return self._connected(conn_params)
        if not _trial.acquire(blocking=False):
            raise psycopg.OperationalError("the server did not answer a moment ago")
        try:
            return self._connected(conn_params)
        finally:
            _trial.release()

    def _connected(self, conn_params: dict[str, Any]) -> Any:
        try:
            made = super().get_new_connection(conn_params)
        except psycopg.errors.ConnectionTimeout:
            _set_silent(True)
            raise
        _set_silent(False)
        if "statement_timeout" in conn_params.get("options", ""):  # somebody waits for an answer
            _watchdog.watch(made, conn_params)
        return made


def server_answers(parameters: dict[str, Any], seconds: float) -> bool:
    """Whether a PostgreSQL server answers the first message of its protocol in time; a connection
    has two seconds at least. ``parameters`` are those of a connection; without a host, True.
    """
    host, port = str(parameters.get("host") or ""), int(parameters.get("port") or 5432)
    if not host:
        return True
    try:
        with closing(_opened(host, port, seconds)) as opened:
            opened.sendall(_SSL_REQUEST)
            return opened.recv(1) in {b"S", b"N"}
    except OSError:
        return False


def _opened(host: str, port: int, seconds: float) -> socket.socket:
    if not host.startswith("/"):
        return socket.create_connection((host, port), timeout=seconds)
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    opened.settimeout(seconds)
    opened.connect(f"{host}/.s.PGSQL.{port}")
    return opened
