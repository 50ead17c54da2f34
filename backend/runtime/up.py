"""``python3 manage.py up``: its options, what is refused before anything changes, and its beginning
and end.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from backend.environment import ConfigurationError, read_environment
from backend.runtime import ports
from backend.runtime.datafolder import DataFolder, resolved
from backend.runtime.output import SetupError, print_quietly
from backend.runtime.processes import wait_until
from backend.runtime.service import STOP_ORDER, Service
from backend.runtime.supervisor import Interrupted, Supervisor

# Linux ends the parts of a killed service at once; the web's own children notice within a second or
# two.
_ORPHAN_SECONDS = 15


class _Parser(argparse.ArgumentParser):
    """Reports what is wrong in one line, as all of the set-up does."""

    def error(self, message: str) -> NoReturn:
        raise SetupError(f"{message}; `python3 manage.py up --help` shows the options")


def parse(words: list[str]) -> argparse.Namespace:
    """The options of ``up``. Raises SetupError on wrong ones."""
    parser = _Parser(
        prog="manage.py up",
        description="Set up and run the whole service on this machine.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--data",
        type=_folder,
        metavar="DIR",
        help="the folder of all data (default: var beside manage.py)",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="the address to listen on (default: this machine alone)"
    )
    parser.add_argument("--port", type=_port, default=8000, metavar="N")
    parser.add_argument(
        "--workers",
        type=_count,
        default=2,
        metavar="N",
        help="processes that score and send (default: 2)",
    )
    parser.add_argument("--empty", action="store_true", help="start without the sample world")
    parser.add_argument(
        "--fresh", action="store_true", help="clear the data folder first; asks before it does"
    )
    parser.add_argument("--yes", action="store_true", help="with --fresh: do not ask")
    return parser.parse_args(words)


def _folder(word: str) -> Path:
    if not word.strip():
        raise argparse.ArgumentTypeError("it names no folder")
    return Path(word)


def _port(word: str) -> int:
    if not word.isdigit() or not 1 <= int(word) <= 65535:
        raise argparse.ArgumentTypeError(f"{word!r} is not a port; write a number from 1 to 65535")
    return int(word)


def _count(word: str) -> int:
    if not word.isdigit() or not 1 <= int(word) <= 64:
        raise argparse.ArgumentTypeError(f"{word!r} is not a number of processes; write 1 to 64")
    return int(word)


def check(options: argparse.Namespace) -> DataFolder:
    """What can be refused before anything is installed or changed.

    Raises:
        SetupError: the environment, the port or the data folder will not do.
    """
    mode = os.environ.get("CSC_MODE") or "local"
    if mode == "production":
        raise SetupError(
            "`up` runs the service on one machine; for production use docker compose, or unset "
            "CSC_MODE"
        )
    if mode != "local":
        raise SetupError(f"CSC_MODE is {mode!r}, and `up` runs in the mode local; unset CSC_MODE")
    if options.data is not None:
        os.environ["CSC_DATA_DIR"] = str(resolved(options.data))
    os.environ["CSC_MODE"] = "local"
    check_addresses()
    if options.fresh and os.environ.get("DATABASE_URL"):
        raise SetupError(
            "--fresh clears this machine's own database; DATABASE_URL names another, clear that "
            "one yourself or unset it"
        )
    folder = DataFolder.from_environment(os.environ)
    if options.fresh:
        folder.check_may_be_cleared()
    folder.prepare()
    _check_port(folder, options)
    return folder


def _check_port(folder: DataFolder, options: argparse.Namespace) -> None:
    """Raises SetupError when another program listens. A killed service of this folder is given the
    seconds that its last parts take.
    """
    if ports.is_free(options.port, options.host):
        return
    pid, kind = folder.holder()
    running = folder.is_held()
    if (
        pid
        and not running
        and wait_until(
            lambda: ports.is_free(options.port, options.host), seconds=_ORPHAN_SECONDS, every=0.1
        )
    ):
        return
    who = f" by the {kind} (process {pid}) that runs on {folder.path}" if running and pid else ""
    raise ports.taken(options.port, who)


def check_addresses() -> None:
    """Raises SetupError when a variable cannot be understood, or when nothing answers at
    DATABASE_URL or REDIS_URL.
    """
    try:
        read_environment()
    except ConfigurationError as error:
        raise SetupError(str(error)) from None
    for name, port in (("DATABASE_URL", 5432), ("REDIS_URL", 6379)):
        parts = urlsplit(os.environ.get(name, ""))
        if parts.hostname and not ports.answers(parts.hostname, parts.port or port):
            raise SetupError(
                f"nothing answers at {parts.hostname}:{parts.port or port} ({name}); "
                f"start that server, or unset {name} to use the built-in one"
            )


def run_service(options: argparse.Namespace) -> int:
    """Run until a signal asks to stop; returns the exit code. Raises SetupError, ServerError."""
    folder = check(options)
    with ports.reserved(options.port), folder.locked("service") as ours:
        if not ours:
            pid, kind = folder.holder()
            raise SetupError(
                f"a {kind or 'service'} (process {pid}) uses {folder.path} already; stop it first, "
                "or choose another folder with --data DIR"
            )
        _check_world(folder, options)
        if options.fresh:
            _clear(folder, options.yes)
        supervisor = Supervisor(folder.logs)
        with supervisor.signals():
            try:
                Service(
                    folder,
                    supervisor,
                    host=options.host,
                    port=options.port,
                    workers=options.workers,
                    empty=options.empty,
                ).run()
            except Interrupted:
                print_quietly("Stopping ... (Ctrl-C once more: at once)")
            finally:
                supervisor.stop_all(STOP_ORDER)
        print_quietly("Stopped.")
    return 0


def _check_world(folder: DataFolder, options: argparse.Namespace) -> None:
    if options.empty and not options.fresh and folder.world().startswith("sample"):
        raise SetupError(
            f"{folder.path} holds the sample world; for an empty one add --fresh (clears it), or "
            "choose another folder with --data DIR"
        )


def _clear(folder: DataFolder, agreed: bool) -> None:
    if not agreed:
        if not sys.stdin.isatty():
            raise SetupError(
                f"--fresh deletes all data in {folder.path} and nobody can be asked here; add "
                "--yes when that is meant"
            )
        if input(f"Delete all data in {folder.path}? [y/N] ").strip().lower() not in {"y", "yes"}:
            raise SetupError("nothing was deleted; leave --fresh away to go on with the data")
    folder.clear()
