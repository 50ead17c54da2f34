"""The door of the pages: asks each view who may open it, before it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from backend.accounts.models import User
from backend.accounts.services import must_set_up_second_factor
from backend.web.access import Access, Level, access_of, reader_admitted
from backend.web.html.errors import not_found

_PUBLIC_NAMES = (
    "account_login",
    "account_signup",
    "account_logout",
    "account_inactive",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
    "account_request_login_code",
    "account_email_verification_sent",
    "account_confirm_login_code",
    "mfa_login_webauthn",
    "mfa_authenticate",
)
_SIGNED_IN_NAMES = (
    "account_email",
    "account_change_password",
    "account_set_password",
    "account_reauthenticate",
    "mfa_index",
    "mfa_reauthenticate",
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "mfa_download_recovery_codes",
    "mfa_list_webauthn",
    "mfa_add_webauthn",
    "mfa_edit_webauthn",
    "mfa_remove_webauthn",
    "mfa_reauthenticate_webauthn",
    "usersessions_list",
)
# Each takes the code that its own session has asked for; without one it leads to these.
_CODE_PAGES = ("account_email_verification_sent", "account_confirm_login_code")
_AFTER_CODE_PAGES = ("account_login", "account_request_login_code")
# The views of django-allauth are not ours to decorate: name of the address → access. Staff use
# them before they have a second factor, since one of them enrols it.
ALLAUTH: Mapping[str, Access] = {
    **dict.fromkeys(_PUBLIC_NAMES, Access(Level.PUBLIC)),
    **dict.fromkeys(_SIGNED_IN_NAMES, Access(Level.SIGNED_IN, without_second_factor=True)),
}


class AccessMiddleware:
    """Visitors are sent to sign in; a person whom the view does not admit sees the page of a wrong
    address, as does everybody where the view says nothing. Views of the API have a permission of
    their own.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        name = request.resolver_match.view_name if request.resolver_match else ""
        if name in _CODE_PAGES:
            _explain_lost_code(request, response)
        return response

    def process_view(
        self, request: HttpRequest, view: object, args: object, kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        if hasattr(view, "cls"):
            return None
        name = request.resolver_match.view_name if request.resolver_match else ""
        access = access_of(view) or ALLAUTH.get(name)
        level = access.level_of(str(request.method)) if access else None
        if access is None or level is None:
            return not_found(request)
        if level is Level.PUBLIC:
            return None
        if not isinstance(request.user, User):
            return redirect_to_login(request.get_full_path())
        reader = reader_admitted(level, request.user, kwargs.get("community_id"))
        if reader is None:
            return not_found(request)
        if not access.without_second_factor and must_set_up_second_factor(request.user):
            return redirect("web:second_factor")
        request.reader = reader  # type: ignore[attr-defined]
        return None


def _explain_lost_code(request: HttpRequest, response: HttpResponseBase) -> None:
    """Says why the page for a code has led elsewhere, unless its view has said so: on the phone on
    which the mail was opened, or when the time of the code is over.
    """
    leads_to = response.get("Location", "").partition("?")[0]
    if leads_to in map(reverse, _AFTER_CODE_PAGES) and not len(messages.get_messages(request)):
        messages.info(
            request,
            _(
                "A code is typed in the browser in which you asked for it, and in time. To go on "
                "here, sign in with your password or ask for a code: you get a new one, and the "
                "page to type it."
            ),
        )
