"""``python3 manage.py load_sample``: the sample world into an empty service, with a few
partnerships.
"""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from backend.cities.sample.membership_requests import load_sample_membership_requests
from backend.cities.sample.people import load_sample_tickets
from backend.cities.sample.world import load_sample
from backend.common.errors import Conflict
from backend.introductions.sample import load_sample_partnerships


class Command(BaseCommand):
    help = (
        "Fills an empty service with the sample world: real places, invented profiles, plainly "
        "marked. May run again at any time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError(
                "The sample world does not go into production: its accounts share one password."
            )
        began = time.monotonic()
        try:
            world = load_sample()
        except Conflict as error:
            raise CommandError(error.message) from None
        except OSError as error:
            raise CommandError(
                f"The sample password cannot be kept in {settings.DATA_DIR}: "
                f"{error.strerror or error}"
            ) from None
        how = "there already" if world.already else f"made in {time.monotonic() - began:.1f} s"
        self.stdout.write(
            f"sample world: {world.communities:,} communities, {world.published:,} "
            f"published profiles, {world.accounts:,} accounts, {how}"
        )
        self.stdout.write(f"sample partnerships: {load_sample_partnerships()} begun")
        self.stdout.write(f"sample messages to staff: {load_sample_tickets()} written")
        asked = load_sample_membership_requests()
        self.stdout.write(f"sample requests for membership: {asked} written")
