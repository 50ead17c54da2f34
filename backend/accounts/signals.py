"""What django-allauth tells of, taken into the trail."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import email_changed
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed
from django.dispatch import receiver
from django.http import HttpRequest

from backend.accounts.models import User
from backend.accounts.services import note_address_change, note_new_factor, note_removed_factor


@receiver(authenticator_added)
def factor_added(
    request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any
) -> None:
    note_new_factor(user, kind=authenticator.type, session_key=request.session.session_key)


@receiver(authenticator_removed)
def factor_removed(user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    note_removed_factor(user, kind=authenticator.type)


@receiver(email_changed)
def address_changed(user: User, **kwargs: Any) -> None:
    note_address_change(user)
