"""Sending mails to addresses: codes, links and invitations. The rules are those of any delivery."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import translation
from django.utils.translation import gettext as _

from backend.accounts.models import AccountMail, User
from backend.accounts.services import write_mail
from backend.cities.models import Invitation
from backend.cities.services.invitations import invitation_path
from backend.common.dates import database_now
from backend.notifications.delivery import (
    MAIL_ERRORS,
    MAX_ATTEMPTS,
    is_refusal,
    message_headers,
    pause_seconds,
    send,
)
from backend.outbox.leases import GiveUp, TryLater

_OPEN = (AccountMail.Status.PENDING, AccountMail.Status.DEAD)


def send_account_mail(mail_id: int) -> bool:
    """Sends one mail, unless it was sent or refused already; True when it was sent now. Its text is
    deleted with the sending.

    Raises:
        TryLater: the server is away, slow, or says "not now" (4xx). GiveUp: too many attempts;
            staff may ask for another.
    """
    mail = AccountMail.objects.filter(pk=mail_id).first()
    if mail is None:  # the person was erased in the meantime
        return False
    claimed = AccountMail.objects.filter(pk=mail_id, status__in=_OPEN, attempts=mail.attempts)
    if not claimed.update(status=AccountMail.Status.PENDING, attempts=F("attempts") + 1):
        return False
    attempt = mail.attempts + 1
    try:
        send(
            EmailMessage(
                mail.subject, mail.text, to=[mail.to], headers=message_headers(mail.message_id)
            )
        )
    except MAIL_ERRORS as error:
        said = " ".join(str(error).split())[:1000]
        if is_refusal(error):
            _settle(mail_id, status=AccountMail.Status.FAILED, last_error=said, text="")
            return False
        if attempt >= MAX_ATTEMPTS:
            _settle(mail_id, status=AccountMail.Status.DEAD, attempts=0, last_error=said)
            raise GiveUp(f"Not delivered in {attempt} attempts: {said}") from error
        _settle(mail_id, last_error=said)
        raise TryLater(said, seconds=pause_seconds(attempt)) from error
    _settle(mail_id, status=AccountMail.Status.SENT, sent_at=Now(), last_error="", text="")
    return True


def _settle(mail_id: int, **values: object) -> None:
    AccountMail.objects.filter(pk=mail_id, status=AccountMail.Status.PENDING).update(**values)


def mail_id_of(invitation_id: int) -> uuid.UUID:
    """The Message-ID of an invitation's mail: the task that writes it may run twice, the mail is
    one.
    """
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{settings.PUBLIC_URL}/invitations/{invitation_id}")


@transaction.atomic
def write_invitation(invitation_id: int) -> AccountMail | None:
    """The mail of an invitation, in the language of the invited person's account, else of who
    invites. None when it is open no more.
    """
    invitation = (
        Invitation.objects.select_related("community__country", "invited_by")
        .filter(pk=invitation_id)
        .first()
    )
    if (
        invitation is None
        or invitation.status != Invitation.Status.PENDING
        or invitation.expires_at <= database_now()
    ):
        return None
    user = User.objects.filter(email=invitation.email, is_active=True).first()
    language = (user or invitation.invited_by).language
    with translation.override(
        language if language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
    ):
        words = {
            "community": f"{invitation.community.name} ({invitation.community.country.label})",
            "role": invitation.get_role_display(),
            "url": settings.PUBLIC_URL + invitation_path(invitation.pk),
            "days": settings.INVITATIONS["days"],
        }
        text = _(
            "You are invited to work for %(community)s in Cities Seeking Cities, as: %(role)s.\n\n"
            "Open this page to read the invitation and to accept it:\n%(url)s\n\n"
            "It is for this address alone and for %(days)d days. If you do not know what this is about, you need not do anything."
        )
        return write_mail(
            to=invitation.email,
            subject=_("You are invited to a community"),
            text=text % words + "\n",
            user=user,
            once=mail_id_of(invitation_id),
        )
