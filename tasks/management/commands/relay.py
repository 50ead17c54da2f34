"""``manage.py relay``: runs the relay until it is told to stop."""

from __future__ import annotations

import signal
from typing import Any

from django.core.management.base import BaseCommand

from tasks.relay import Relay


class Command(BaseCommand):
    help = "Turn recorded events into work and tell the workers of it, until stopped."

    def handle(self, *args: Any, **options: Any) -> None:
        relay = Relay()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: relay.stop())
        relay.run()
