"""Mails to an address: written here, in the transaction of what they tell of; sent by a worker
(``notifications.account_mail``).
"""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import transaction
from django.db.models.functions import Now

from backend.accounts.models import AccountMail, User
from backend.outbox.services import open_work

SEND_ACCOUNT_MAIL = "send_account_mail"


@transaction.atomic
def write_mail(
    *, to: str, subject: str, text: str, user: User | None = None, once: uuid.UUID | None = None
) -> AccountMail:
    """A mail that a worker sends as soon as this transaction is committed.

    Args:
        user: whose address it is, where that is known. once: the mail's own id, for a task that may
            run twice: one mail has it.
    """
    values = {"to": to, "user": user, "subject": " ".join(subject.split())[:200], "text": text}
    mail, written = AccountMail.objects.get_or_create(
        message_id=once or uuid.uuid4(), defaults=values
    )
    if written:
        open_work(SEND_ACCOUNT_MAIL, mail.pk)
    return mail


def clear_old_mails(*, older_than: dt.timedelta) -> int:
    """Deletes mails that were written before then, sent or not: what they led to has long expired.
    Returns how many went.
    """
    return AccountMail.objects.filter(created_at__lt=Now() - older_than).delete()[0]
