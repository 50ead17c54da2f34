"""``manage.py weights``: the versions of the facet weights; learn a new one, promote one."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backend.accounts.models import User
from backend.common.errors import NotVisible, WrongState
from backend.suggestions.models import WeightSet
from backend.suggestions.services.weights import (
    TooFewDecisionsError,
    learn_weights,
    promote_weights,
)


class Command(BaseCommand):
    help = "List the versions of the facet weights, learn a new one from decisions, or promote one."

    def add_arguments(self, parser: CommandParser) -> None:
        words = parser.add_subparsers(dest="word", required=True)
        words.add_parser("list", help="all versions, the newest last")
        words.add_parser("learn", help="learn from all decisions so far; nothing is put in force")
        promote = words.add_parser(
            "promote", help="put a version in force, if it is better calibrated"
        )
        promote.add_argument("version", type=int, help="its number in the list")
        promote.add_argument(
            "--by", required=True, metavar="EMAIL", help="the member of staff who promotes it"
        )

    def handle(self, *args: Any, word: str, **options: Any) -> None:
        if word == "list":
            for row in WeightSet.objects.order_by("pk"):
                self.stdout.write(_line(row))
        elif word == "learn":
            try:
                self.stdout.write(_line(learn_weights()))
            except TooFewDecisionsError as error:
                raise CommandError(f"Nothing learned: {error}") from error
        else:
            self.stdout.write(_line(_promote(options["version"], options["by"])))


def _promote(version: int, email: str) -> WeightSet:
    user = User.objects.filter(email__iexact=email, is_active=True).first()
    if user is None:
        raise CommandError(f"{email} has no account here.")
    try:
        return promote_weights(by=user, weight_set_id=version)
    except NotVisible:
        raise CommandError(
            f"There is no version {version}, or {email} is no member of staff."
        ) from None
    except WrongState as error:
        raise CommandError(error.message) from None


def _line(row: WeightSet) -> str:
    state = "in force" if row.in_force else ("was in force" if row.promoted_at else "not promoted")
    better = "better calibrated" if row.metrics.get("is_better") else "not better calibrated"
    return (
        f"{row.pk:>4}  {row.source:<10} {row.created_at:%Y-%m-%d %H:%M}  {row.decisions:>6,} "
        f"decisions  {better:<22} {state}"
    )
