"""Bring a database to the present: schema, cache table, reference data, and on a first start the
sample world with its suggestions.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder

from backend.common.files import check_storage
from backend.introductions.sample import answer_suggestions
from backend.outbox.models import Heartbeat
from backend.runtime.datafolder import DataFolder, write_private
from backend.runtime.pdf_libraries import ensure_pdf_libraries
from backend.suggestions.services.first_run import (
    failure_since,
    first_run_progress,
    has_first_suggestions,
    retry_first_run,
)

# How much longer than the data the libraries for PDFs may take to arrive, before the start goes on
# without them.
_PATIENCE_SECONDS = 20
_FIRST_RUN_SECONDS = 900  # seconds on a quiet machine, minutes where much else runs
_LOOK_EVERY_SECONDS = 0.2
_FIRST_ACCOUNT = (
    "The database is empty. Make the first account of staff with: python3 manage.py "
    "createsuperuser\n"
)


class Command(BaseCommand):
    help = (
        "Migrate, load the reference data and, on one machine's first start, the sample world. May "
        "run again at any time."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--run-folder",
            type=Path,
            help="where `up` looks for the progress; without it no sample world is loaded",
        )
        parser.add_argument(
            "--empty", action="store_true", help="on a first start: no sample world"
        )

    def handle(self, *, run_folder: Path | None, empty: bool, **options: Any) -> None:
        try:
            connection.ensure_connection()
        except OperationalError as error:
            said = " ".join(str(error).split())
            raise CommandError(
                f"DATABASE_URL is refused by its server: {said}; check user, password and name"
            ) from None
        try:
            check_storage()
        except OSError as error:
            raise CommandError(
                f"FILES_URL: the storage keeps no files ({' '.join(str(error).split())}); check "
                "its address, its credentials and what they may do"
            ) from None
        libraries = Thread(target=self._install_pdf_libraries, daemon=True)
        if run_folder is not None:
            libraries.start()  # beside the data, which take longer
        call_command("translations", "compile", stdout=StringIO())
        known = MigrationRecorder(connection).has_table()
        call_command("migrate", interactive=False, verbosity=0)
        call_command("createcachetable", verbosity=0)
        if run_folder is not None:
            # A sign of life from before this start proves nothing.
            Heartbeat.objects.all().delete()
            (run_folder / "migrated").touch()
        call_command("load_reference")
        if run_folder is not None:
            folder = DataFolder(Path(settings.DATA_DIR))
            self._load_world(folder, run_folder, "empty" if empty or known else "sample unfinished")
            (run_folder / "loaded").touch()
            if folder.world() == "sample":
                self._await_first_suggestions(folder)
                answer_suggestions()
            libraries.join(_PATIENCE_SECONDS)

    def _install_pdf_libraries(self) -> None:
        """Without them pages are printed instead of PDFs; everything else works."""
        if lacking := ensure_pdf_libraries():
            self.stderr.write(
                f"No PDFs on this machine: {lacking}. The pages can be printed instead."
            )

    def _load_world(self, folder: DataFolder, run_folder: Path, first: str) -> None:
        """The choice of the first start is final; an interrupted load is resumed."""
        world = folder.world() or first
        folder.world_file.write_text(world)
        if world == "sample unfinished":
            call_command("load_sample")
            folder.world_file.write_text("sample")
        signs = run_folder / "sign-in.txt"
        signs.unlink(missing_ok=True)
        write_private(
            signs, _output_of("sample_accounts") if folder.world() == "sample" else _FIRST_ACCOUNT
        )

    def _await_first_suggestions(self, folder: DataFolder) -> None:
        """Relay and worker make them. A run that an earlier start left half done goes on; one that
        was given up is asked for again.

        Raises:
            CommandError: a step was given up, or the suggestions are not there after
                _FIRST_RUN_SECONDS.
        """
        if has_first_suggestions():
            return
        earlier, began = retry_first_run(), time.monotonic()
        while not has_first_suggestions():
            lost, late = failure_since(earlier), time.monotonic() - began > _FIRST_RUN_SECONDS
            if lost or late:
                why = lost or f"after {_FIRST_RUN_SECONDS} s {first_run_progress()}"
                raise CommandError(
                    f"there are no suggestions: {why}; see {folder.logs / 'worker.log'}"
                )
            time.sleep(_LOOK_EVERY_SECONDS)


def _output_of(name: str) -> str:
    said = StringIO()
    call_command(name, stdout=said)
    return said.getvalue()
