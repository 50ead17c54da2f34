"""Telling people, and what staff get on their board, as work."""

from __future__ import annotations

from backend.accounts.services import SEND_ACCOUNT_MAIL
from backend.cities.services.invitations import write_invitation
from backend.introductions.services.introductions import open_card_for_mutual
from backend.notifications.delivery import deliver, send_account_mail
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


@performs(SEND_ACCOUNT_MAIL)
def send_to_address(lease: Lease) -> None:
    send_account_mail(int(lease.key))


@performs("mail_invitation")
def mail_invitation(lease: Lease) -> None:
    write_invitation(int(lease.key))
