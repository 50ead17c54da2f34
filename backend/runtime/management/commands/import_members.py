"""Brings in a list of members: shows what each row would do, and does it with ``--apply``."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend.accounts.models import User
from backend.cities.member_days import ORDERS
from backend.cities.memberships import ACTION_LABELS, ASKED, ERROR, UNCHANGED
from backend.cities.services import apply_members, check_members, counts_of, read_days
from backend.common.errors import DomainError, InvalidFields, NotVisible


class Command(BaseCommand):
    help = (
        "Checks a list of members (CSV, .xlsx or .ods), row by row; with --apply it is applied if "
        "no row has an error."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--by", required=True, metavar="EMAIL", help="the curator in whose name it is done"
        )
        parser.add_argument(
            "--day-order", choices=ORDERS, help="what comes first in days like 7/1/2026"
        )
        parser.add_argument("--apply", action="store_true", help="do it, after it was checked")

    def handle(self, *args: Any, **options: Any) -> None:
        person = User.objects.filter(email__iexact=options["by"], is_active=True).first()
        if person is None:
            raise CommandError(f"Nobody has an account under {options['by']}.")
        try:
            content = options["file"].read_bytes()
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from None
        try:
            checked = check_members(by=person, file_name=options["file"].name, content=content)
            asks = counts_of(checked).get(ASKED, 0)
            if asks and options["day_order"]:
                checked = read_days(by=person, import_id=checked.pk, day_order=options["day_order"])
            elif asks:
                self.stdout.write("Days can be read in two ways: give --day-order.")
            self._show(checked)
            if options["apply"]:
                apply_members(by=person, import_id=checked.pk)
                self.stdout.write("Applied.")
        except NotVisible:
            raise CommandError(
                f"{person.email} is no curator: only curators keep members."
            ) from None
        except InvalidFields as invalid:
            raise CommandError(
                " ".join(line for lines in invalid.errors.values() for line in lines)
            ) from None
        except DomainError as refused:
            raise CommandError(refused.message) from None

    def _show(self, checked: Any) -> None:
        self.stdout.write(f"Read as {checked.read_as}.")
        for row in checked.rows:
            if row["action"] in (ASKED, ERROR):
                self.stdout.write(f"row {row['row']}: {' '.join(row['problems'])}")
            elif row["action"] != UNCHANGED:
                changes = "; ".join(
                    f"{name}: {old or 'none'} -> {new or 'none'}"
                    for name, (old, new) in row["changes"].items()
                )
                registers = "registers the city; " if row.get("place_id") else ""
                self.stdout.write(
                    f"row {row['row']}: {row['shown']}: "
                    f"{ACTION_LABELS[row['action']].lower()}: {registers}{changes}"
                )
        counts = counts_of(checked)
        self.stdout.write(
            ", ".join(
                f"{label.lower()}: {counts.get(action, 0)}"
                for action, label in ACTION_LABELS.items()
            )
        )
