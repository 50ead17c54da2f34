"""Sending mails: notifications to people, and codes, links and invitations to addresses. A mail
that the server accepts is sent, one that it refuses is over, everything else is tried again.
"""

from __future__ import annotations

import contextlib
import smtplib
import uuid
from collections.abc import Callable
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection
from django.db.models import F
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

from backend.accounts.models import AccountMail
from backend.notifications.mail_files import NOTICE
from backend.notifications.models import Delivery
from backend.notifications.notices import attachment_of, describe
from backend.outbox.leases import Reject, RetryLater

# 30 s, 1 min, 2 min, … 1 h: a mail server may be down for a day, and no mail is lost.
MAX_ATTEMPTS = 30
FIRST_PAUSE_SECONDS = 30
LONGEST_PAUSE_SECONDS = 3600
MAIL_ERRORS = (smtplib.SMTPException, OSError)


def deliver(delivery_id: int) -> bool:
    """Sends the mail of one notification, unless it was sent or refused already; True when it was
    sent now. Raises RetryLater and Reject as ``_send_once`` does.
    """
    delivery = Delivery.objects.select_related(
        "notification__recipient", "notification__community"
    ).get(pk=delivery_id)
    return _send_once(delivery, lambda: _mail(delivery))


def send_account_mail(mail_id: int) -> bool:
    """Sends one mail to an address (a code, a link, an invitation) by the same rules as a
    notification's. Its text is deleted when it is sent or refused.
    """
    mail = AccountMail.objects.filter(pk=mail_id).first()
    if mail is None:  # the person was erased in the meantime
        return False
    headers = message_headers(mail.message_id)
    return _send_once(
        mail, lambda: EmailMessage(mail.subject, mail.text, to=[mail.to], headers=headers), text=""
    )


def _send_once(
    row: Delivery | AccountMail, make: Callable[[], EmailMessage], **at_end: object
) -> bool:
    """Claims the row, sends its mail and stores the outcome; ``at_end`` is stored with an outcome
    that is final.

    A mail is only ever sent a second time when the connection broke before the server's answer to
    it arrived; it then has the same Message-ID, so the reader's mail program shows it once.

    Raises:
        RetryLater: the server cannot be reached, is slow, or says "not now" (4xx).
        Reject: too many attempts; staff may ask for another.
    """
    rows = type(row)._default_manager.filter(pk=row.pk)
    claimed = rows.filter(status__in=("pending", "dead"), attempts=row.attempts)
    if not claimed.update(status="pending", attempts=F("attempts") + 1):
        return False
    pending, attempt = rows.filter(status="pending"), row.attempts + 1
    try:
        send(make())
    except MAIL_ERRORS as error:
        reason = " ".join(str(error).split())[:1000]
        if is_refusal(error):
            pending.update(status="failed", last_error=reason, **at_end)
            return False
        if attempt >= MAX_ATTEMPTS:
            pending.update(status="dead", attempts=0, last_error=reason)
            raise Reject(f"Not delivered in {attempt} attempts: {reason}") from error
        pending.update(last_error=reason)
        raise RetryLater(reason, seconds=pause_seconds(attempt)) from error
    pending.update(status="sent", sent_at=Now(), last_error="", **at_end)
    return True


def _mail(delivery: Delivery) -> EmailMultiAlternatives:
    recipient = delivery.notification.recipient
    with translation.override(
        recipient.language
        if recipient.language in dict(settings.LANGUAGES)
        else settings.LANGUAGE_CODE
    ):
        message = describe(delivery.notification)
        context = {
            "message": message,
            "url": settings.PUBLIC_URL + message.path,
            "contact": settings.PUBLIC_URL + reverse("web:contact"),
            "language": translation.get_language(),
        }
        text = render_to_string("notifications/mail.txt", context).strip() + "\n"
        html = render_to_string("notifications/mail.html", context)
        attachment = attachment_of(delivery.notification)
    headers = message_headers(delivery.message_id) | NOTICE
    mail = EmailMultiAlternatives(message.title, text, to=[recipient.email], headers=headers)
    mail.attach_alternative(html, "text/html")
    if attachment is not None:
        mail.attach(attachment)
    return mail


def pause_seconds(attempt: int) -> int:
    """How long to wait after a failed attempt, the first being 1."""
    return min(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), LONGEST_PAUSE_SECONDS)


def message_headers(message_id: uuid.UUID) -> dict[str, str]:
    """Headers that make a mail sent twice one mail to its reader, and ask automatic
    responders not to answer.
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
    """True if the server refuses this recipient or this mail for good.

    A refused sender or password is the service's own fault: staff correct it, and the mail is tried
    again.
    """
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(500 <= code < 600 for code, _said in error.recipients.values())
    return isinstance(error, smtplib.SMTPDataError) and 500 <= error.smtp_code < 600
