"""Sending one delivery. What a mail server says decides: accepted is sent, refused is over,
everything else is tried again.
"""

from __future__ import annotations

import contextlib
import smtplib
import uuid
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection
from django.db.models import F
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.utils import translation

from backend.notifications.calendar_parts import calendar_part
from backend.notifications.models import Delivery
from backend.notifications.wording import describe
from backend.outbox.leases import GiveUp, TryLater

# 30 s, 1 min, 2 min, … 1 h: a mail server that is away for a day loses nothing.
MAX_ATTEMPTS = 30
FIRST_PAUSE_SECONDS = 30
LONGEST_PAUSE_SECONDS = 3600
MAIL_ERRORS = (smtplib.SMTPException, OSError)
_OPEN = (Delivery.Status.PENDING, Delivery.Status.DEAD)


def deliver(delivery_id: int) -> bool:
    """Sends one mail, unless it was sent or refused already; True when it was sent now.

    A mail is only ever sent a second time when the connection broke before the server's answer to
    it arrived; it then has the same Message-ID, so the reader's mail program shows it once.

    Raises:
        TryLater: the server is away, slow, or says "not now" (4xx).
        GiveUp: too many attempts; staff may ask for another.
    """
    delivery = Delivery.objects.select_related(
        "notification__recipient", "notification__community"
    ).get(pk=delivery_id)
    claimed = Delivery.objects.filter(pk=delivery_id, status__in=_OPEN, attempts=delivery.attempts)
    if not claimed.update(status=Delivery.Status.PENDING, attempts=F("attempts") + 1):
        return False
    attempt = delivery.attempts + 1
    try:
        send(_mail(delivery))
    except MAIL_ERRORS as error:
        said = " ".join(str(error).split())[:1000]
        if is_refusal(error):
            _settle(delivery_id, status=Delivery.Status.FAILED, last_error=said)
            return False
        if attempt >= MAX_ATTEMPTS:
            _settle(delivery_id, status=Delivery.Status.DEAD, attempts=0, last_error=said)
            raise GiveUp(f"Not delivered in {attempt} attempts: {said}") from error
        _settle(delivery_id, last_error=said)
        raise TryLater(said, seconds=pause_seconds(attempt)) from error
    _settle(delivery_id, status=Delivery.Status.SENT, sent_at=Now(), last_error="")
    return True


def _settle(delivery_id: int, **values: object) -> None:
    Delivery.objects.filter(pk=delivery_id, status=Delivery.Status.PENDING).update(**values)


def _mail(delivery: Delivery) -> EmailMultiAlternatives:
    recipient = delivery.notification.recipient
    with translation.override(
        recipient.language
        if recipient.language in dict(settings.LANGUAGES)
        else settings.LANGUAGE_CODE
    ):
        words = describe(delivery.notification)
        context = {
            "words": words,
            "url": settings.PUBLIC_URL + words.path,
            "language": translation.get_language(),
        }
        text = render_to_string("notifications/mail.txt", context).strip() + "\n"
        html = render_to_string("notifications/mail.html", context)
        calendar = calendar_part(delivery.notification)
    headers = message_headers(delivery.message_id)
    mail = EmailMultiAlternatives(words.title, text, to=[recipient.email], headers=headers)
    mail.attach_alternative(html, "text/html")
    if calendar is not None:
        mail.attach(calendar)
    return mail


def pause_seconds(attempt: int) -> int:
    """How long to wait after a failed attempt, the first being 1."""
    return min(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), LONGEST_PAUSE_SECONDS)


def message_headers(message_id: uuid.UUID) -> dict[str, str]:
    """Headers that make a mail sent twice one mail to its reader, and tell out-of-office robots to
    keep quiet.
    """
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return {"Message-ID": f"<{message_id}@{domain}>", "Auto-Submitted": "auto-generated"}


def send(mail: EmailMessage) -> None:
    """Hands one mail to the server. Raises SMTPException or OSError when it was not taken."""
    connection = get_connection()
    try:
        connection.open()
        connection.send_messages([mail])
    finally:
        # What goes wrong after the server has taken the mail must not have it sent again.
        with contextlib.suppress(*MAIL_ERRORS):
            connection.close()


def is_refusal(error: Exception) -> bool:
    """Whether the server refuses this recipient or this mail for good.

    A refused sender or password is the service's own fault: staff mend it, and the mail is tried
    again.
    """
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(500 <= code < 600 for code, _said in error.recipients.values())
    return isinstance(error, smtplib.SMTPDataError) and 500 <= error.smtp_code < 600
