"""``manage.py report_matching``: the measures of the engine as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backend.lab.link_prediction import TableError
from backend.lab.measures import take_measures
from backend.lab.page import market_table, write_page


class Command(BaseCommand):
    help = (
        "Write one HTML page, without outside assets, with the measures of the engine on the "
        "communities of this database."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--out",
            type=Path,
            default=Path("matching_report.html"),
            metavar="FILE",
            help="default: %(default)s",
        )
        parser.add_argument(
            "--data",
            type=Path,
            metavar="DIR",
            help="benchmark folder, for the recovery of real partnerships",
        )
        parser.add_argument(
            "--train",
            type=Path,
            metavar="FILE",
            help="pairs to learn from and to find, in folds by U.S. city",
        )

    def handle(
        self, *args: Any, out: Path, data: Path | None, train: Path | None, **options: Any
    ) -> None:
        if (data is None) != (train is None):
            raise CommandError("--data and --train go together.")
        try:
            measures = take_measures(data, train)
            page = write_page(measures)
        except (TableError, ValueError) as error:
            raise CommandError(f"No report: {error}") from error
        try:
            out.write_text(page, encoding="utf-8")
        except OSError as error:
            raise CommandError(
                f"The report cannot be written to {out}: {error.strerror or error}"
            ) from None
        self.stdout.write(market_table(measures.simulation))
        self.stdout.write(f"report written to {out} ({len(page.encode()) // 1024} KB)")
