"""TCP ports on this machine."""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from collections.abc import Iterator

from backend.runtime.output import SetupError


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on `host`:`port` now. Raises SetupError for an address that is
    not of this machine.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror:
        raise SetupError(
            f"{host!r} is not an address of this machine; leave --host away, or "
            "write --host 0.0.0.0"
        ) from None
    with socket.socket(family, kind, proto) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except PermissionError:
            raise SetupError(
                f"port {port} is reserved for the system; choose one above 1023, for example "
                "--port 8000"
            ) from None
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise SetupError(
                    f"{host!r} is not an address of this machine; leave --host away, or write "
                    "--host 0.0.0.0"
                ) from None
            return False
    return True


@contextlib.contextmanager
def reserved(port: int) -> Iterator[None]:
    """Keep other services of this project off the port, also before it is listened on. The system
    ends the reservation with the process; a system without abstract sockets has none.

    Raises:
        SetupError: another service has reserved it.
    """
    with socket.socket(socket.AF_UNIX) as name:
        if sys.platform == "linux":
            try:
                name.bind(f"\0cities-seeking-cities-{port}")
            except OSError:
                raise taken(port) from None
        yield


def taken(port: int, who: str = "") -> SetupError:
    """The error for a port that somebody else uses."""
    return SetupError(f"port {port} is taken{who}; choose another, for example --port {port + 1}")


def pick_free(preferred: int | None = None) -> int:
    """`preferred` when it is free, else a port the system offers."""
    if preferred and is_free(preferred):
        return preferred
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(host: str, port: int, *, seconds: float = 3.0) -> bool:
    """Whether something accepts connections at `host`:`port`."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=seconds):
        return True
    return False
