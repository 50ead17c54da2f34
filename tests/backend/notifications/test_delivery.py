"""Deliveries: what a mail server says decides; and mails as files, whole and private."""

from __future__ import annotations

import asyncio
import email
import email.policy
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from django.core.mail import EmailMultiAlternatives, get_connection

from backend.common.errors import NotVisible
from backend.notifications import delivery as sending
from backend.notifications.delivery import deliver
from backend.notifications.mail_files import read_mail, recent_mails
from backend.notifications.models import Delivery
from backend.notifications.services import undelivered
from backend.outbox.leases import Reject, RetryLater
from backend.runtime import ports
from tests.factories import DeliveryFactory

# Mails against a real SMTP server that accepts, refuses, stalls and drops.


pytestmark = pytest.mark.django_db


class Mailbox:
    """What the server got, and how it is to behave: answers by command, or a dropped connection
    after the mail was taken.
    """

    def __init__(self) -> None:
        self.mails: list[email.message.EmailMessage] = []
        self.answers: dict[str, str] = {}
        self.drop_after_data = False
        self.stall = False

    async def handle_RCPT(
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.stall:
            await asyncio.Event().wait()
        if "RCPT" in self.answers:
            return self.answers["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        if "DATA" in self.answers:
            return self.answers["DATA"]
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        if self.drop_after_data:
            server.transport.abort()
        return "250 taken"


@pytest.fixture
def mailbox(settings) -> Iterator[Mailbox]:
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=ports.pick_free(None))
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = (
        "127.0.0.1",
        controller.port,
        2,
    )
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    yield box
    controller.stop()


def test_mail_is_sent_once_with_its_own_message_id(mailbox: Mailbox) -> None:
    delivery = DeliveryFactory(notification__recipient__email="mayor@city.example")

    assert deliver(delivery.pk)
    assert not deliver(delivery.pk)

    (mail,) = mailbox.mails
    delivery.refresh_from_db()
    assert mail["To"] == "mayor@city.example"
    assert str(delivery.message_id) in mail["Message-ID"]
    assert mail["Subject"] == "Your profile is published"
    assert delivery.notification.community.name in mail.get_body(("plain",)).get_content()
    assert "<a href=" in mail.get_body(("html",)).get_content()
    assert (delivery.status, delivery.attempts) == (Delivery.Status.SENT, 1)
    assert delivery.sent_at is not None


def test_name_of_a_community_cannot_become_markup(mailbox: Mailbox) -> None:
    delivery = DeliveryFactory(notification__community__name="<script>alert(1)</script>")

    deliver(delivery.pk)

    assert "<script>" not in mailbox.mails[0].get_body(("html",)).get_content()


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
def test_refusal_for_good_stops_at_once_and_staff_see_it(mailbox: Mailbox, command: str) -> None:
    mailbox.answers[command] = "550 no such mailbox"
    delivery = DeliveryFactory()

    assert not deliver(delivery.pk)
    assert not deliver(delivery.pk)

    assert mailbox.mails == []
    assert [(d.pk, d.status, d.attempts) for d in undelivered()] == [
        (delivery.pk, Delivery.Status.FAILED, 1)
    ]
    assert "550" in undelivered()[0].last_error


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
def test_not_now_is_tried_again_and_sent_once(mailbox: Mailbox, command: str) -> None:
    mailbox.answers[command] = "451 try again later"
    delivery = DeliveryFactory()
    with pytest.raises(RetryLater) as first:
        deliver(delivery.pk)
    with pytest.raises(RetryLater) as second:
        deliver(delivery.pk)

    mailbox.answers.clear()

    assert first.value.seconds < second.value.seconds
    assert deliver(delivery.pk)
    assert not deliver(delivery.pk)
    assert len(mailbox.mails) == 1


def test_server_that_is_down_is_tried_again(mailbox: Mailbox, settings) -> None:
    delivery, port = DeliveryFactory(), settings.EMAIL_PORT
    settings.EMAIL_PORT = ports.pick_free(None)
    with pytest.raises(RetryLater):
        deliver(delivery.pk)

    settings.EMAIL_PORT = port

    assert deliver(delivery.pk)
    assert len(mailbox.mails) == 1


def test_server_that_never_answers_is_left_and_tried_again(mailbox: Mailbox, settings) -> None:
    settings.EMAIL_TIMEOUT = 0.3
    mailbox.stall = True
    delivery = DeliveryFactory()
    with pytest.raises(RetryLater, match="timed out"):
        deliver(delivery.pk)

    mailbox.stall = False

    assert deliver(delivery.pk)
    assert len(mailbox.mails) == 1


def test_connection_that_breaks_after_the_mail_was_taken_repeats_the_same_message_id(
    mailbox: Mailbox,
) -> None:
    mailbox.drop_after_data = True
    delivery = DeliveryFactory()
    with pytest.raises(RetryLater):
        deliver(delivery.pk)

    mailbox.drop_after_data = False

    assert deliver(delivery.pk)
    assert len(mailbox.mails) == 2
    assert len({mail["Message-ID"] for mail in mailbox.mails}) == 1


def test_server_that_never_takes_it_is_given_up_until_staff_ask_again(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "MAX_ATTEMPTS", 2)
    mailbox.answers["RCPT"] = "451 try again later"
    delivery = DeliveryFactory()
    with pytest.raises(RetryLater):
        deliver(delivery.pk)
    with pytest.raises(Reject, match="451"):
        deliver(delivery.pk)
    given_up = Delivery.objects.get(pk=delivery.pk).status

    mailbox.answers.clear()

    assert given_up == Delivery.Status.DEAD
    assert deliver(delivery.pk)
    assert Delivery.objects.get(pk=delivery.pk).status == Delivery.Status.SENT


# Mails as files: whole, private, readable by staff, and nothing else is readable through them.


@pytest.fixture
def folder(settings, tmp_path: Path) -> Path:
    settings.EMAIL_BACKEND = "backend.notifications.mail_files.FolderBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    return tmp_path / "mail"


def _send(subject: str, message_id: str = "<1-a@localhost>") -> None:
    mail = EmailMultiAlternatives(
        subject, "Grüße", "a@b.example", ["c@d.example"], headers={"Message-ID": message_id}
    )
    mail.attach_alternative("<p>Grüße</p>", "text/html")
    get_connection().send_messages([mail])


def test_mails_are_read_back_newest_first(folder: Path) -> None:
    _send("first", "<1@localhost>")
    _send("second", "<2@localhost>")

    newest, oldest = recent_mails()

    assert (newest.subject, oldest.subject) == ("second", "first")
    assert (newest.to, newest.message_id, newest.text.strip(), newest.html.strip()) == (
        "c@d.example",
        "<2@localhost>",
        "Grüße",
        "<p>Grüße</p>",
    )
    assert recent_mails(limit=1) == [newest]
    assert read_mail(oldest.name) == oldest


def test_files_are_private_and_whole(folder: Path) -> None:
    _send("subject", "<../../evil/..@x>")

    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert path.name.endswith("-evil.eml")


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "/etc/passwd",
        "x.eml",
        "20260101T000000.000000Z-../a.eml",
        "20260101T000000.000000Z-a.eml",
        "",
    ],
)
def test_no_other_file_can_be_read(folder: Path, name: str) -> None:
    _send("subject")
    (folder.parent / "secret").write_text("secret")

    with pytest.raises(NotVisible):
        read_mail(name)


def test_no_folder_means_no_mails(settings) -> None:
    del settings.EMAIL_FILE_PATH

    assert recent_mails() == []
