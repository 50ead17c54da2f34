"""Django's own commands (``migrate``, ``shell``, ``score`` ...) on the servers of this machine's
data folder.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

from backend.runtime.datafolder import DataFolder
from backend.runtime.output import SetupError
from backend.runtime.servers import running_servers

# These never ask the database anything.
_WITHOUT_SERVERS = {
    "help",
    "version",
    "check",
    "diffsettings",
    "startapp",
    "makemessages",
    "makemigrations",
    "compilemessages",
    "collectstatic",
    "spectacular",
    "translations",
    "evaluate",
}
_STARTING_SECONDS = 90


def run_django(argv: list[str]) -> None:
    """Run ``manage.py`` as Django does, with both servers at hand."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
    command = argv[1] if len(argv) > 1 else "help"
    alone = (
        command in _WITHOUT_SERVERS
        or {"-h", "--help"} & set(argv)
        or os.environ.get("CSC_MODE", "local") != "local"
    )
    with contextlib.nullcontext() if alone else _servers_at_hand():
        from django.core.management import execute_from_command_line

        execute_from_command_line(argv)


@contextlib.contextmanager
def _servers_at_hand() -> Iterator[None]:
    """The servers the environment names, else those of the running service, else our own for as
    long as the command runs. Raises SetupError where ``up`` has not made a database yet.
    """
    if os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
        yield
        return
    folder = DataFolder.from_environment(os.environ)
    has_url = bool(os.environ.get("DATABASE_URL"))
    if has_url or os.path.exists(folder.path):
        folder.prepare()
    if not (has_url or folder.is_held() or folder.has_database()):
        raise SetupError(
            f"{folder.path} holds no database yet; `python3 manage.py up` sets one up "
            "(another folder: --data DIR, or CSC_DATA_DIR)"
        )
    os.environ.setdefault("CSC_DATA_DIR", str(folder.path))
    os.environ.setdefault("SECRET_KEY", folder.secret_key())
    with folder.locked("command") as ours:
        if not ours:
            os.environ.update(_those_of_the_service(folder))
            yield
            return
        with running_servers(folder.path) as servers:
            os.environ.update(servers.environment)
            try:
                yield
            finally:
                _close_connections()


def _those_of_the_service(folder: DataFolder) -> dict[str, str]:
    pid, kind = folder.holder()
    if kind == "command":
        raise SetupError(
            f"another command (process {pid}) works on {folder.path} just now; "
            "wait for its end, or start the service with `python3 manage.py up`"
        )
    announced = folder.announced(_STARTING_SECONDS)
    if announced is None:
        raise SetupError(
            f"the service (process {pid}) on {folder.path} has no servers yet; look at its output, "
            "or start it again"
        )
    return announced


def _close_connections() -> None:
    """A clean stop of PostgreSQL must not cut our own sessions."""
    if "django.db" in sys.modules:
        from django.db import connections

        connections.close_all()
