"""What every page needs: the menu, with the number of unread messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from backend.accounts.models import User
from backend.notifications.services import unread_count
from backend.web.html.languages import addresses_by_language, without_language


@dataclass(frozen=True, slots=True)
class MenuItem:
    label: str
    url: str
    current: bool
    count: int = 0


def _menu(request: HttpRequest) -> list[MenuItem]:
    here = request.resolver_match.view_name if request.resolver_match else ""
    user = getattr(request, "user", None)
    entries: list[tuple[str, str]] = [
        (_("Find a city"), "web:search"),
        (_("Seeking communities"), "web:seeking"),
        (_("Partnerships"), "web:directory"),
        (_("Guide"), "web:guide"),
    ]
    if not isinstance(user, User):
        entries += [
            (_("Register"), "account_signup"),
            (_("Sign in"), "account_login"),
        ]
    else:
        entries = [(_("My start page"), "web:dashboard"), *entries, (_("Messages"), "web:inbox")]
        if user.is_staff_member:
            entries.append((_("Staff"), "web:staff"))
        entries += [(_("Your account"), "web:account"), (_("Sign out"), "account_logout")]
    unread = unread_count(user) if isinstance(user, User) else 0
    return [
        MenuItem(
            label=label,
            url=reverse(name),
            current=here == name or (name in ("web:staff", "web:guide") and here.startswith(name)),
            count=unread if name == "web:inbox" else 0,
        )
        for label, name in entries
    ]


# Parts of addresses that open something to whoever knows them
_SECRETS = frozenset({"token", "thread", "letter", "key"})


def contact_address(request: HttpRequest, **prefilled: str) -> str:
    """The page on which one writes to staff, with the page that one is on."""
    match = request.resolver_match
    # The page of a wrong address is the same bytes whatever the address
    if match is not None and match.view_name != "web:contact" and _SECRETS.isdisjoint(match.kwargs):
        prefilled["about"] = request.path
    query = urlencode(prefilled)
    return reverse("web:contact") + (f"?{query}" if query else "")


def site(request: HttpRequest) -> dict[str, Any]:
    """``language_links``: each language, its name, and the address of this page in it; the account
    decides for who is signed in.
    """
    addresses = (
        {} if isinstance(getattr(request, "user", None), User) else (addresses_by_language(request))
    )
    return {
        "PUBLIC_URL": settings.PUBLIC_URL,
        "main_menu": _menu(request),
        "contact_address": contact_address(request),
        "language_links": [
            (code, name, addresses[code]) for code, name in settings.LANGUAGES if addresses
        ],
        "plain_address": without_language(request),
    }
