"""``race_workflow --rounds 2000``: answers, consents and capacity raced on real connections."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from backend.lab.workflow_races import run_rounds

_TOLD_EVERY = 200  # rounds, where nobody watches a line that counts


class Command(BaseCommand):
    help = (
        "Lets people answer, undo, withdraw, consent, leave and staff act at the same moment, on "
        "connections of their own, in a scratch "
        "database; prints rounds and violations and exits with 1 on any violation."
    )

    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rounds", type=int, default=2000)
        parser.add_argument(
            "--seed", type=int, help="which rounds are drawn; printed, to repeat them"
        )

    def handle(self, *args: Any, rounds: int, seed: int | None, **options: Any) -> None:
        if rounds < 1:
            raise CommandError("--rounds needs a number from 1 on")
        seed = random.SystemRandom().randrange(2**32) if seed is None else seed
        name = connection.settings_dict["NAME"]
        connection.creation.create_test_db(verbosity=0, autoclobber=True)
        try:
            self._race(rounds, seed)
        finally:
            connection.creation.destroy_test_db(name, verbosity=0)

    def _race(self, rounds: int, seed: int) -> None:
        begun, broken, ways = time.monotonic(), 0, Counter[str]()
        for outcome in run_rounds(rounds, seed):
            ways.update(outcome.ways)
            broken += len(outcome.broken)
            if outcome.broken:
                self.stderr.write(str(outcome))
            if self.stdout.isatty():
                self.stdout.write(f"\r{outcome.number} of {rounds}", ending="")
            elif outcome.number % _TOLD_EVERY == 0:
                self.stdout.write(
                    f"{outcome.number} of {rounds} rounds, {broken} violations so far"
                )
                self.stdout.flush()
        refused = sum(ways.values()) - ways["done"]
        self.stdout.write(
            f"\nseed {seed}: {ways['done']} acts done, {refused} refused, "
            f"{time.monotonic() - begun:.0f} s"
        )
        self.stdout.write(f"rounds {rounds}")
        self.stdout.write(f"violations {broken}")
        if broken:
            raise CommandError(f"{broken} violations; repeat them with --seed {seed}")
