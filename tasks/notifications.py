"""Telling people, and what staff get on their board, as work."""

from __future__ import annotations

from backend.introductions.services.introducing import open_card_for_mutual
from backend.notifications.delivery import deliver
from backend.notifications.services import DELIVER, notify_people
from backend.outbox.leases import Lease
from tasks.work import performs


@performs("notify_people")
def notify(lease: Lease) -> None:
    notify_people(int(lease.key))


@performs(DELIVER)
def send(lease: Lease) -> None:
    deliver(int(lease.key))


@performs("open_card_for_mutual")
def open_card(lease: Lease) -> None:
    open_card_for_mutual(int(lease.key))
