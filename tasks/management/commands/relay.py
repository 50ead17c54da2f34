"""``manage.py relay``: runs the relay until a signal asks it to stop."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from backend.cities.sample import refuse_sample_in_production
from tasks.relay import Relay


class Command(BaseCommand):
    help = "Turn recorded events into work and tell the workers of it, until stopped."
    # They would import every page into a process that shows none.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--after", type=Path, metavar="FILE", help="do nothing before this file is there"
        )

    def handle(self, *args: Any, after: Path | None = None, **options: Any) -> None:
        try:
            refuse_sample_in_production()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None
        relay = Relay()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: relay.stop())
        if after is not None:
            relay.wait_for(after)
        relay.run()
