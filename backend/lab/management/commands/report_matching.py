"""``manage.py report_matching``: the measures of the engine as tables, one HTML page, or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backend.lab.link_prediction import TableError
from backend.lab.measures import Measures, take_measures
from backend.lab.page import (
    COLUMNS,
    PROMISE_COLUMNS,
    RULE_COLUMNS,
    RULES,
    SETS,
    TASTE_WORDS,
    WAYS,
    market_row,
    promise_row,
    rule_row,
    write_page,
)

PAGE = Path("matching_report.html")


class Command(BaseCommand):
    help = (
        "Measure the engine on the communities of this database: what suggestions bring (the kept "
        "promise), and what lists lead to where communities decide by tastes of their own. Prints "
        "tables and writes one HTML page without outside assets."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--json",
            action="store_true",
            dest="as_json",
            help="print the kept promise and the market as JSON, and write a page only with --out",
        )
        parser.add_argument("--out", type=Path, metavar="FILE", help=f"default: {PAGE}")
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
        self,
        *args: Any,
        as_json: bool,
        out: Path | None,
        data: Path | None,
        train: Path | None,
        **options: Any,
    ) -> None:
        if (data is None) != (train is None):
            raise CommandError("--data and --train go together.")
        if as_json and data and out is None:
            raise CommandError(
                "The recovery of real partnerships is on the page: add --out FILE, or use "
                "evaluate --json."
            )
        try:
            measures = take_measures(data, train)
        except (TableError, ValueError) as error:
            raise CommandError(f"No report: {error}") from error
        self.stdout.write(_as_json(measures) if as_json else text_tables(measures))
        if out or not as_json:
            self._write_page(measures, out or PAGE, quiet=as_json)

    def _write_page(self, measures: Measures, out: Path, *, quiet: bool) -> None:
        page = write_page(measures)
        try:
            out.write_text(page, encoding="utf-8")
        except OSError as error:
            raise CommandError(
                f"The report cannot be written to {out}: {error.strerror or error}"
            ) from None
        if not quiet:
            self.stdout.write(f"report written to {out} ({len(page.encode()) // 1024} KB)")


def _as_json(measures: Measures) -> str:
    return json.dumps(measures.as_json(), indent=2)


def text_tables(measures: Measures) -> str:
    """The kept promise, each way to rank and each rule under every taste, as plain text."""
    s = measures.simulation
    suggestions = measures.kept_promise["suggestions"]
    promise = [promise_row(SETS[name], of) for name, of in measures.kept_promise.items()]
    lines = [
        f"{s.left:,} x {s.right:,} communities",
        *("", "The kept promise", *_lined_up(PROMISE_COLUMNS, promise)),
        *("", f"First reason of suggestions: {_shares(suggestions.first_reason)}"),
        f"Caveat of suggestions: {_shares(suggestions.caveat)}",
    ]
    for taste, ways in s.tastes.items():
        rows = [market_row(WAYS[name], shown) for name, shown in ways.items()]
        lines += ["", f"Ways to rank: {TASTE_WORDS[taste].lower()}", *_lined_up(COLUMNS, rows)]
    for taste, ways in s.near.items():
        rows = [market_row(WAYS[name], shown) for name, shown in ways.items()]
        title = f"Ways to rank: {TASTE_WORDS[taste].lower()}, and near topics count"
        lines += ["", title, *_lined_up(COLUMNS, rows)]
    for taste, rules in s.rules.items():
        rows = [rule_row(RULES[name], shown) for name, shown in rules.items()]
        title = f"Rules of allocation: {TASTE_WORDS[taste].lower()}"
        lines += ["", title, *_lined_up(RULE_COLUMNS, rows)]
    return "\n".join(lines)


def _shares(of: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {share:.2f}" for name, share in of.items())


def _lined_up(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (columns, *rows)
    ]
