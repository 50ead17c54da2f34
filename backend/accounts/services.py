"""What changes an account itself. Who somebody is to a community lives in cities."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from backend.accounts.grants import Actor, Thing, require
from backend.accounts.models import User
from backend.common.errors import Conflict, InvalidFields, NotVisible
from backend.outbox.services import record
from backend.outbox.topics import Topic


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
        InvalidFields: no name, or a language that the service does not speak.
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


def end_sessions(user: User, *, but: str | None = None) -> int:
    """Signs the person out everywhere, but in the session with the key ``but``; returns how many
    sessions ended.
    """
    sessions = list(UserSession.objects.filter(user=user).exclude(session_key=but or ""))
    for session in sessions:
        session.end()
    return len(sessions)


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
    They sign in anew afterwards.

    Raises:
        NotVisible: no administrator. InvalidFields: no such account with a confirmed address, or no
            such role.
        Conflict: the last administrator would be gone (code ``last_admin``).
    """
    require(Actor.ADMIN if by.is_admin and by.is_active else Actor.VISITOR, "U", Thing.ROLES)
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
                            "Nobody has an account with this address, or the address is not confirmed yet."
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
    return user
