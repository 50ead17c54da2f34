"""The page on which a community names another that it would like to meet."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.models import Community, CommunityRole
from backend.cities.names import fold
from backend.cities.permissions import reader_with
from backend.common.errors import CapacityReached, Conflict, TooManyRequests, WrongState
from backend.suggestions.notices import STANDARD_ANSWER
from backend.suggestions.services.partner_requests import (
    ask_to_meet,
    may_be_named,
    requests_left,
    requests_of,
)
from backend.web.access import Level, open_to
from backend.web.html.base import current_reader, current_user
from backend.web.suggestions.forms import NamedSearchForm, PartnerRequestForm

_FOUND_AT_MOST = 10
_REFUSALS = (WrongState, Conflict, CapacityReached, TooManyRequests)


@open_to(Level.COMMUNITY)
@require_http_methods(["GET", "HEAD", "POST"])
def partner_requests(request: HttpRequest, community_id: int) -> HttpResponse:
    """What the community has asked for, a search for one to name, and the form that names it."""
    reader = current_reader(request)
    asked = requests_of(reader)
    search = NamedSearchForm(request.GET)
    words = search.cleaned_data["search"] if search.is_valid() else ""
    chosen = request.POST.get("named_id") or request.GET.get("named", "")
    named = None
    if chosen.isascii() and chosen.isdigit() and len(chosen) < 19:
        named = may_be_named(reader).filter(pk=int(chosen)).first()
    form = PartnerRequestForm(
        request.POST if request.method == "POST" else None,
        initial={"named_id": named.pk if named else None},
    )
    if request.method == "POST" and form.is_done(
        ask_to_meet, refusals=_REFUSALS, by=current_user(request), community_id=community_id
    ):
        messages.success(request, _("Your wish is with staff. Nobody else is told of it."))
        return redirect("web:partner_requests", community_id)
    context: dict[str, Any] = {
        "community_id": community_id,
        "own": Community.objects.get(pk=community_id),
        "asked": asked,
        "left": requests_left(community_id),
        "may_ask": reader.may(Verb.CREATE, Resource.PARTNER_REQUEST),
        "search": search,
        "words": words,
        "found": _named(may_be_named(reader), words)[:_FOUND_AT_MOST] if words else [],
        "named": named,
        "form": form,
        "standard_answer": STANDARD_ANSWER,
    }
    return render(
        request, "suggestions/partner_requests.html", context, status=422 if form.errors else 200
    )


def _named(communities: Any, words: str) -> Any:
    for word in words.replace("\x00", "").split():
        communities = communities.filter(
            Q(place__search_text__contains=fold(word))
            | Q(name_key__contains=fold(word))
            | Q(name__icontains=word)
            | Q(local_name__icontains=word)
            | Q(country__name__iexact=word)
        )
    return communities


def askers(user: Any, shown: Community) -> list[Community]:
    """The reader's own communities that may name this one, for the button on its page."""
    if not isinstance(user, User) or user.is_staff_member:
        return []
    roles = list(
        CommunityRole.objects.filter(user=user, ended_at__isnull=True)
        .select_related("community")
        .order_by("community_id", "pk")
    )
    if any(role.community_id == shown.pk for role in roles):
        return []
    return [
        role.community
        for role in roles
        if role.community.is_home != shown.is_home
        and reader_with(user, role).may(Verb.CREATE, Resource.PARTNER_REQUEST)
    ]
