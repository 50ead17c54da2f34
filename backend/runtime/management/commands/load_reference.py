"""``python3 manage.py load_reference``: countries, the gazetteer and listed partnerships into the
database.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from backend.cities.reference import load_reference


class Command(BaseCommand):
    help = (
        "Loads countries, the gazetteer and the listed partnerships; what is loaded already is "
        "skipped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--force", action="store_true", help="load again what is there already")

    def handle(self, *args: Any, force: bool, **options: Any) -> None:
        for loaded in load_reference(force=force):
            what = "there already" if loaded.skipped else f"loaded in {loaded.seconds:.1f} s"
            self.stdout.write(f"{loaded.name}: {loaded.rows:,} rows, {what}")
