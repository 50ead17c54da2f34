"""``python3 manage.py load_sample_partnerships``: a few partnerships into the sample world."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from backend.introductions.sample import load_sample_partnerships


class Command(BaseCommand):
    help = (
        "Adds a few partnerships, plainly marked, to the sample world. May run again at any time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError(
                "The sample world does not go into production: its accounts share one password."
            )
        self.stdout.write(f"sample partnerships: {load_sample_partnerships()} begun")
