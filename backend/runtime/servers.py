"""Both embedded servers together, unless the environment names others."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backend.runtime.postgres import EmbeddedPostgres
from backend.runtime.valkey import EmbeddedValkey


@dataclass
class Servers:
    """The servers this process started (None: the environment names one) and the addresses of
    both.
    """

    postgres: EmbeddedPostgres | None
    valkey: EmbeddedValkey | None
    database_url: str
    redis_url: str

    @property
    def environment(self) -> dict[str, str]:
        return {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}

    def stop(self) -> None:
        for server in (self.valkey, self.postgres):
            if server is not None:
                server.stop()


def start_servers(
    folder: Path, *, durable: bool = True, environ: Mapping[str, str] | None = None
) -> Servers:
    """Start what `environ` does not name, with the data in `folder`/postgres and `folder`/valkey;
    both come up side by side.

    Call it from the main thread. Raises SetupError, ServerError; then nothing is left running.
    """
    environ = os.environ if environ is None else environ
    database_url, redis_url = environ.get("DATABASE_URL", ""), environ.get("REDIS_URL", "")
    servers = Servers(
        None if database_url else EmbeddedPostgres(folder / "postgres", durable=durable),
        None if redis_url else EmbeddedValkey(folder / "valkey", durable=durable),
        database_url,
        redis_url,
    )
    started = [server for server in (servers.valkey, servers.postgres) if server is not None]
    try:
        for server in started:
            server.prepare()
            server.launch()
        for server in started:
            server.wait_ready()
    except BaseException:
        servers.stop()
        raise
    servers.database_url = servers.postgres.url if servers.postgres else database_url
    servers.redis_url = servers.valkey.url if servers.valkey else redis_url
    return servers


@contextmanager
def running_servers(
    folder: Path, *, durable: bool = True, environ: Mapping[str, str] | None = None
) -> Iterator[Servers]:
    """`start_servers` for the length of a ``with`` block."""
    servers = start_servers(folder, durable=durable, environ=environ)
    try:
        yield servers
    finally:
        servers.stop()
