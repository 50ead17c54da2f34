"""A community's own contacts: entered here, read by the other side under both consents alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods

from backend.accounts.grants import Thing, may
from backend.cities.models import Community, Contact
from backend.cities.permissions import actor_kind
from backend.cities.services import ContactEntry, break_glass, read_contacts, replace_contacts
from backend.common.errors import InvalidFields
from backend.web.views.profile import signed_in_user

_PARTS = ("name", "office", "email", "phone")
_SPARE_ROWS = 2
_MOST_ROWS_READ = 50


def _posted(post: QueryDict) -> list[ContactEntry]:
    """The rows that hold something, in their order."""
    rows = [{part: post.get(f"{part}.{index}", "").strip() for part in _PARTS} for index in range(_MOST_ROWS_READ)]
    return [ContactEntry(name=r["name"], office=r["office"], email=r["email"], phone=r["phone"]) for r in rows if any(r.values())]


def _rows(contacts: Sequence[ContactEntry], errors: Mapping[str, list[str]]) -> list[dict[str, object]]:
    """Each row's fields with value and errors, and some empty rows behind them."""
    labels = {"name": _("Name"), "office": _("Office"), "email": _("E-mail"), "phone": _("Phone")}
    empty = ContactEntry(name="", office="", email="", phone="")
    return [
        {
            "fields": [
                {"id": f"{part}.{index}", "label": labels[part], "value": row[part], "errors": errors.get(f"contacts.{index}.{part}", [])}  # type: ignore[literal-required]
                for part in _PARTS
            ]
        }
        for index, row in enumerate([*contacts, *([empty] * _SPARE_ROWS)])
    ]


@require_http_methods(["GET", "HEAD", "POST"])
def own_contacts(request: HttpRequest, community_id: int) -> HttpResponse:
    user = signed_in_user(request)
    errors: dict[str, list[str]] = {}
    if request.method == "POST":
        shown = _posted(request.POST)
        try:
            replace_contacts(by=user, community_id=community_id, contacts=shown)
        except InvalidFields as invalid:
            errors = invalid.errors
        else:
            messages.success(request, _("The contacts are saved. Nobody else sees them before both sides of an introduction consent."))
            return redirect("web:profile_contacts", community_id)
    else:
        contacts = read_contacts(by=user, community_id=community_id)
        shown = [ContactEntry(name=c.name, office=c.office, email=c.email, phone=c.phone) for c in contacts]
    community = Community.objects.get(pk=community_id)
    context = {"community": community, "rows": _rows(shown, errors), "errors": errors, "shows_sample": community.is_sample}
    return render(request, "web/profile/contacts.html", context, status=422 if errors else 200)


@cache_control(no_store=True, private=True)
@require_http_methods(["GET", "HEAD", "POST"])
def staff_contacts(request: HttpRequest, community_id: int) -> HttpResponse:
    """A community's contacts for staff, who leave a trace by reading them: curators in their work, administrators by a reason."""
    user = signed_in_user(request)
    reason, errors = request.POST.get("reason", ""), {}
    contacts: list[Contact] | None = None
    if request.method == "POST":
        try:
            contacts = break_glass(by=user, community_id=community_id, reason=reason)
        except InvalidFields as invalid:
            errors = invalid.errors
    elif not may(actor_kind(user, community_id), "X", Thing.CONTACTS_BEFORE_CONSENT):
        contacts = read_contacts(by=user, community_id=community_id)
    community = get_object_or_404(Community, pk=community_id)
    context = {"community": community, "contacts": contacts, "asks_reason": contacts is None, "reason": reason, "errors": errors}
    return render(request, "web/staff/contacts.html", context, status=422 if errors else 200)
