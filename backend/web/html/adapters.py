"""How django-allauth keeps to the habits of this service: events, mails, addresses and words."""

from __future__ import annotations

import time
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.flows.reauthentication import get_reauthentication_flows
from allauth.core import context as allauth_context
from allauth.core.internal import ratelimit
from allauth.core.internal.ratelimit import RateLimitUsage, get_ip, truncate_ip
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.usersessions.models import UserSession
from django import forms
from django.conf import settings
from django.contrib.sites.shortcuts import get_current_site
from django.http import HttpRequest
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from backend.accounts.models import User
from backend.accounts.services import register_user, write_mail
from backend.common.errors import NotAllowed

# How django-allauth keeps to the habits of this service: events, mails through the outbox,
# addresses of the service's own.


# django-allauth's messages that are not shown: the next page says the same.
_SILENT_MESSAGES = {
    "account/messages/email_confirmation_sent.txt",
    "account/messages/logged_in.txt",
    "account/messages/login_code_sent.txt",
}


def address_of(user: User) -> str:
    return user.email


def allows_one_more(request: HttpRequest, action: str, email: str) -> bool:
    """False if the limit of ``action`` is reached for this address of mail, from the network
    address of the request.
    """
    key = f"{email.lower()}:{get_ip(request)}"
    return bool(ratelimit.consume(request, app="allauth.account", action=action, key=key))


def network_allows_message(request: HttpRequest) -> bool:
    """False if as many messages have come from the network address of the request as may."""
    action = {"app": "allauth.account", "action": "contact"}
    return bool(ratelimit.consume(request, key=get_ip(request), **action))


def require_fresh_without_password(request: HttpRequest) -> None:
    """Raises NotAllowed: the signed-in account has nothing to confirm with, and the session did not
    begin in the last minutes.
    """
    if get_reauthentication_flows(request.user):
        return
    records = get_authentication_records(request, request.user)
    if records and time.time() - records[-1]["at"] < app_settings.REAUTHENTICATION_TIMEOUT:
        return
    minutes = app_settings.REAUTHENTICATION_TIMEOUT // 60
    error = NotAllowed(
        ngettext(
            "Your account has no password to confirm with. Sign out, sign in again with a code, "
            "and do this within %(minutes)d minute.",
            "Your account has no password to confirm with. Sign out, sign in again with a code, "
            "and do this within %(minutes)d minutes.",
            minutes,
        )
        % {"minutes": minutes},
        code="reauthentication_required",
    )
    error.details = {"sign_in_at": f"{settings.PUBLIC_URL}{reverse('account_request_login_code')}"}
    raise error


class AccountAdapter(DefaultAccountAdapter):
    _guess: RateLimitUsage | None = None

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        key = super()._get_login_attempts_cache_key(request, **credentials)
        return f"{key}:{get_ip(request)}"

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Raises ValidationError after too many wrong passwords: from this network address, or from
        everywhere where the account is not signed in already.
        """
        super().pre_authenticate(request, **credentials)
        self._guess = None
        email = credentials.get("email", "").lower()
        known = UserSession.objects.filter(user__email=email).values_list("ip", flat=True)
        if get_ip(request) in {truncate_ip(ip) for ip in known}:
            return
        self._guess = ratelimit.consume(request, app="allauth.account", action="guesses", key=email)
        if not self._guess:
            raise self.validation_error("too_many_login_attempts")

    def _rollback_login_failed_rl_usage(self) -> None:
        super()._rollback_login_failed_rl_usage()
        if self._guess:
            self._guess.rollback()

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Whether acts of ``app`` ask for a fresh sign-in at all.

        Raises NotAllowed: the person has neither a password nor a second factor to confirm with,
        which django-allauth takes for confirmed, and has not just signed in with a code.
        """
        request = allauth_context.request
        if request is not None and request.user.is_authenticated:
            require_fresh_without_password(request)
        return super().is_reauthentication_required(app=app, **kwargs)

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        if message_template not in _SILENT_MESSAGES:
            super().add_message(request, level, message_template, *args, **kwargs)

    def save_user(
        self, request: HttpRequest, user: User, form: forms.Form, commit: bool = True
    ) -> User:
        """The account with its name, the language of the page it was made on, and its event."""
        super().save_user(request, user, form, commit=False)
        user.name = form.cleaned_data["name"]
        user.language = translation.get_language() or settings.LANGUAGE_CODE
        return register_user(user) if commit else user

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """In the language of whose address it is. No page waits for a mail server, whether there is
        an account or not.
        """
        request = allauth_context.request
        user = User.objects.filter(email=email.lower(), is_active=True).first()
        language = (
            user.language
            if user and user.language in dict(settings.LANGUAGES)
            else translation.get_language()
        )
        with translation.override(language):
            words = {
                "request": request,
                "email": email,
                "current_site": get_current_site(request),
                **context,
            }
            mail = self.render_mail(template_prefix, email, words)
            write_mail(to=email, subject=mail.subject, text=f"{mail.body}\n", user=user)

    def get_reset_password_from_key_url(self, key: str) -> str:
        uid, _separator, token = key.partition("-")
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": token})
        return f"{settings.PUBLIC_URL}{path}"


# What django-allauth says of second factors, in words that name the remedy.


class SecondFactorAdapter(DefaultMFAAdapter):
    # The same words for a code and for a passkey: allauth asks for one message for both.
    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _(
            "This is not accepted. Type the newest code of your app, or a recovery code that was "
            "never used; "
            "a passkey has to be listed in your account still."
        )
    }
