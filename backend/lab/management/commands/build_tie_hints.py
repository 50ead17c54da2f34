"""Writes the table of heritage hints that the service carries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backend import suggestions
from backend.lab.link_prediction import TableError, write_tie_hints

TARGET = Path(suggestions.__file__).parent / "data" / "tie_hints.csv"


class Command(BaseCommand):
    help = (
        "Rebuild suggestions/data/tie_hints.csv from us_states.csv and countries.csv of a data "
        "folder; see SOURCES.md beside it."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--data",
            type=Path,
            required=True,
            metavar="DIR",
            help="folder with us_states.csv and countries.csv",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rows = write_tie_hints(options["data"], TARGET)
        except TableError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{rows} hints written to {TARGET.name}")
