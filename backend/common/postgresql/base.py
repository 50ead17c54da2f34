"""Django's PostgreSQL backend, with limits for a server that accepts connections and answers none:
stopped, swapped out, or cut off.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import closing
from typing import Any

import psycopg
from django_prometheus.db.backends.postgresql import base

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_trial = threading.Lock()
_is_silent = False


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
        global _is_silent
        try:
            made = super().get_new_connection(conn_params)
        except psycopg.errors.ConnectionTimeout:
            _is_silent = True
            raise
        _is_silent = False
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
