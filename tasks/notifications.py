"""Telling people, and what staff get on their board, as work."""

from __future__ import annotations

from backend.accounts.services import SEND_ACCOUNT_MAIL
from backend.cities.services.invitations import write_invitation
from backend.introductions.services.introductions import open_card_for_mutual
from backend.notifications.delivery import deliver, send_account_mail
from backend.notifications.services import DELIVER, notify_people
from backend.outbox.leases import Lease
from tasks.jobs import handles


@handles("notify_people")
def notify(lease: Lease) -> None:
    notify_people(int(lease.key))


@handles(DELIVER)
def send(lease: Lease) -> None:
    deliver(int(lease.key))


@handles("open_card_for_mutual")
def open_card(lease: Lease) -> None:
    open_card_for_mutual(int(lease.key))


@handles(SEND_ACCOUNT_MAIL)
def send_to_address(lease: Lease) -> None:
    send_account_mail(int(lease.key))


@handles("mail_invitation")
def mail_invitation(lease: Lease) -> None:
    write_invitation(int(lease.key))
