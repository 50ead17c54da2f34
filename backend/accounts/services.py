"""Services for accounts, staff, second factors, mails to an address; signals of django-allauth."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import email_changed, password_changed, password_reset, password_set
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from backend.accounts.grants import Actor, Resource, Verb, require
from backend.accounts.models import AccountMail, ApiToken, User
from backend.common.errors import Conflict, InvalidFields, NotVisible
from backend.outbox.services import add_job, record
from backend.outbox.topics import Topic

# Mails to an address: written here, in the transaction of their cause; sent by a worker
# (``notifications.delivery``).


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
        add_job(SEND_ACCOUNT_MAIL, mail.pk)
    return mail


def clear_old_mails(*, older_than: dt.timedelta) -> int:
    """Deletes mails that were written before then, sent or not: what they led to has long expired.
    Returns how many were deleted.
    """
    return AccountMail.objects.filter(created_at__lt=Now() - older_than).delete()[0]


# Who must hold a second factor, and who does. Staff without one get no further than the page
# that sets it up.


# Recovery codes alone do not count: they are made together with one of these.
_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def has_second_factor(user: User) -> bool:
    """True if the person has set up an authenticator app, a passkey or a security key. Signing in
    asks for it from then on.
    """
    return Authenticator.objects.filter(user=user, type__in=_FACTORS).exists()


def must_set_up_second_factor(user: User) -> bool:
    """True if this staff member must enrol a second factor before any staff page opens.

    A staff member who holds a factor has used it in this session, or made it there: granting a
    staff role and adding the first factor both end the person's other sessions.
    """
    rule = settings.STAFF_SECOND_FACTOR
    if (
        not rule["required"]
        or not user.is_staff_member
        or (user.is_sample and rule["spares_samples"])
    ):
        return False
    return not has_second_factor(user)


# Reads about accounts.


def staff_members(user: User) -> QuerySet[User]:
    """Everybody with a staff role, by role and address, each with ``with_second_factor``. Raises
    NotVisible for non-administrators.
    """
    require(
        Actor.ADMIN if user.is_admin and user.is_active else Actor.VISITOR,
        Verb.READ,
        Resource.ROLES,
    )
    factors = Authenticator.objects.filter(user=OuterRef("pk"), type__in=["totp", "webauthn"])
    staff = User.objects.exclude(staff_role=User.StaffRole.NONE).filter(is_active=True)
    return staff.annotate(with_second_factor=Exists(factors)).order_by("staff_role", "email", "pk")


# Changes of an account itself. Roles in a community are in cities.


@transaction.atomic
def register_user(user: User) -> User:
    """Stores a new account with its event."""
    user.save()
    record(Topic.USER_REGISTERED, subject=user, by=user, language=user.language)
    return user


@transaction.atomic
def update_account(*, by: User, name: str, language: str) -> User:
    """The person's own name, and the language of their pages and mails.

    Raises:
        InvalidFields: no name, or a language that the service does not have.
    """
    errors: dict[str, list[str]] = {}
    name = " ".join(name.split())
    if not 1 <= len(name) <= 120 or "\x00" in name:
        errors["name"] = [str(_("Write your name, in at most 120 characters."))]
    if language not in dict(settings.LANGUAGES):
        errors["language"] = [str(_("Choose a language from the list."))]
    if errors:
        raise InvalidFields(errors)
    by.name, by.language = name, language
    by.save(update_fields=["name", "language"])
    return by


@transaction.atomic
def choose_language(*, by: User, language: str) -> None:
    """The language of the person's pages and mails, as chosen in the menu of a page.

    Raises:
        InvalidFields: a language that the service does not speak.
    """
    if language not in dict(settings.LANGUAGES):
        raise InvalidFields({"language": [str(_("Choose a language from the list."))]})
    by.language = language
    by.save(update_fields=["language"])


def end_sessions(user: User, *, but: str | None = None) -> int:
    """Signs the person out everywhere except in the session with the key ``but``; returns how many
    sessions ended.
    """
    sessions = list(UserSession.objects.filter(user=user).exclude(session_key=but or ""))
    for session in sessions:
        session.end()
    return len(sessions)


@transaction.atomic
def end_tokens(user: User, *, by: User) -> int:
    """Ends all API tokens of the person, each with its event; returns how many."""
    tokens = list(ApiToken.objects.select_for_update().filter(user=user).order_by("created", "pk"))
    for token in tokens:
        token.delete()
        record(Topic.TOKEN_REVOKED, subject=(User, user.pk), by=by, token=str(token.public_id))
    return len(tokens)


@transaction.atomic
def note_new_factor(user: User, *, kind: str, session_key: str | None) -> None:
    """Records a new second factor. The person's other sessions end: none that never passed a factor
    stays open.
    """
    record(Topic.SECOND_FACTOR_CHANGED, subject=(User, user.pk), by=user, added=kind)
    end_sessions(user, but=session_key)


@transaction.atomic
def note_removed_factor(user: User, *, kind: str) -> None:
    record(Topic.SECOND_FACTOR_CHANGED, subject=(User, user.pk), by=user, removed=kind)


@transaction.atomic
def note_address_change(user: User) -> None:
    record(Topic.ADDRESS_CHANGED, subject=(User, user.pk), by=user)


@transaction.atomic
def change_staff_role(*, by: User, email: str, role: str) -> User:
    """Makes somebody with an account staff, changes what they are, or ends it (``role`` empty).
    They sign in again afterwards.

    Raises:
        NotVisible: no administrator. InvalidFields: no such account with a confirmed address, or no
            such role.
        Conflict: the last administrator would be gone (code ``last_admin``).
    """
    require(
        Actor.ADMIN if by.is_admin and by.is_active else Actor.VISITOR, Verb.UPDATE, Resource.ROLES
    )
    if role not in User.StaffRole.values:
        raise InvalidFields({"staff_role": [str(_("Choose one of the roles."))]})
    # One at a time: of two administrators who end each other's role, the second finds that they are
    # the last.
    admins = list(
        User.objects.select_for_update()
        .filter(staff_role=User.StaffRole.ADMIN, is_active=True)
        .order_by("pk")
    )
    if by not in admins:
        raise NotVisible
    user = (
        User.objects.select_for_update().filter(email=email.strip().lower(), is_active=True).first()
    )
    if user is None or not EmailAddress.objects.filter(user=user, verified=True).exists():
        raise InvalidFields(
            {
                "email": [
                    str(
                        _(
                            "Nobody has an account with this address, or the address is "
                            "not confirmed yet."
                        )
                    )
                ]
            }
        )
    if user in admins and role != User.StaffRole.ADMIN and len(admins) == 1:
        raise Conflict(
            str(_("This is the last administrator. Make somebody else administrator first.")),
            code="last_admin",
        )
    if user.staff_role != role:
        old, user.staff_role = user.staff_role, role
        user.save(update_fields=["staff_role"])
        record(Topic.STAFF_ROLE_CHANGED, subject=user, by=by, old=old, new=role)
        end_sessions(user)
        end_tokens(user, by=by)
    return user


# Signals of django-allauth, recorded in the trail.


@receiver(authenticator_added)
def factor_added(
    request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any
) -> None:
    note_new_factor(user, kind=authenticator.type, session_key=request.session.session_key)


@receiver(authenticator_removed)
def factor_removed(user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    note_removed_factor(user, kind=authenticator.type)


@receiver([password_changed, password_reset, password_set])
def password_replaced(user: User, **kwargs: Any) -> None:
    """Whoever knew the old password may have made tokens with it."""
    end_tokens(user, by=user)


@receiver(email_changed)
def address_changed(user: User, **kwargs: Any) -> None:
    note_address_change(user)
