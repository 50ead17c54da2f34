"""Why a community has few suggestions, in words, and where to change it; and the page on which it
names another that it would like to meet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.facets import in_sentence, listed
from backend.cities.models import Community, CommunityRole
from backend.cities.names import fold
from backend.cities.permissions import reader_with
from backend.cities.profile_schema import GROUP_BY_CODE
from backend.cities.vocabularies import label
from backend.common.errors import CapacityReached, Conflict, TooManyRequests, WrongState
from backend.common.formatting import comma_list
from backend.suggestions.notices import STANDARD_ANSWER
from backend.suggestions.services.partner_requests import (
    ask_to_meet,
    may_be_named,
    requests_left,
    requests_of,
)
from backend.suggestions.services.prospects import Cause, CommunityProspects, NearCommunity
from backend.web.access import Level, open_to
from backend.web.html.base import current_reader, current_user
from backend.web.suggestions.forms import NamedSearchForm, PartnerRequestForm
from backend.web.templatetags.web import percent

_WISHES = {
    "places": gettext_lazy("Your wish for countries or regions"),
    "excluded": gettext_lazy("Your list of excluded countries"),
    "partnered": gettext_lazy("Your wish for no partner in a country where you have one"),
    "population": gettext_lazy("Your population range"),
    "us_sister": gettext_lazy("Your wish for no partner that has a U.S. sister already"),
    "forms": gettext_lazy("The form of partnership that you look for"),
}
_PLAIN = {
    "unpublished": gettext_lazy(
        "Your profile is not published. Nobody is suggested before staff have published it."
    ),
    "paused": gettext_lazy("Your profile is paused: no new suggestions until you resume."),
    "not_seeking": gettext_lazy("Your profile says that you seek no partner now."),
    "not_scored": gettext_lazy(
        "Your newest version is not scored yet; the nightly scoring does it at the latest."
    ),
    # The same for everybody, whatever the cause, and where there is none
    "others": gettext_lazy(
        "Beyond this, causes may lie with other communities or with us. We tell none of them to "
        "anybody, and everybody reads this sentence."
    ),
}
_GROUPS = {"coverage": "", "languages": "languages", "capacity": "capacity"} | dict.fromkeys(
    _WISHES, "sought"
)


@dataclass(frozen=True, slots=True)
class CauseText:
    code: str
    words: str
    url: str  # where the community changes it; may be empty


def _number(value: Any) -> str:
    return number_format(value, use_l10n=True, force_grouping=True)


def _by_hand(figures: Mapping[str, Any]) -> str:
    if figures["threshold"] is None:
        return _("Staff release each suggestion by hand at present.")
    return _("Staff release suggestions of a lower fit by hand at present.")


def _coverage(figures: Mapping[str, Any]) -> str:
    words = _(
        "Too little is filled in: %(now)s of what two communities are compared by is known; "
        "%(floor)s is asked for."
    ) % {"now": percent(figures["now"]), "floor": percent(figures["floor"])}
    paths = figures.get("paths") or []
    if not paths:
        return words
    names = comma_list(_question(path) for path in paths)
    more = _("These answers would bring it to %(with)s: %(answers)s.")
    return f"{words} {more % {'with': percent(figures['with']), 'answers': names}}"


def _question(path: str) -> str:
    code, name = path.split(".")
    group = GROUP_BY_CODE[code]
    is_whole = code == "readiness" or len(group.fields) == 1
    found = next(field.label for field in group.fields if field.name == name)
    return str(group.label if is_whole else found)


def _languages(figures: Mapping[str, Any]) -> str:
    words = _(
        "Candidates with a working language in common: %(count)s of %(all)s. That excludes nobody, "
        "but it lowers every fit."
    ) % {"count": _number(figures["speaks_with"]), "all": _number(figures["of"])}
    for code, more in figures["add"][:1]:
        added = _("Adding %(language)s would open %(more)s more.")
        words += " " + added % {"language": label("languages", code), "more": _number(more)}
    return words


def _wish(code: str, figures: Mapping[str, Any]) -> str:
    return _(
        "%(wish)s: leaves %(leaves)s of %(all)s communities by itself. You have %(candidates)s "
        "candidates; without it there would be %(without)s."
    ) % {
        "wish": _WISHES[code],
        **{name: _number(figures[name]) for name in ("leaves", "all", "candidates", "without")},
    }


_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "overdue": lambda figures: (
        _(
            "Nobody has confirmed your profile for %(months)s months. Confirm it, and it is "
            "suggested again."
        )
        % {"months": _number(figures["months"])}
    ),
    "capacity": lambda figures: (
        _(
            "Open introductions: %(open)s; your profile allows %(allowed)s. Close one or raise the "
            "number."
        )
        % {"open": _number(figures["open"]), "allowed": _number(figures["allowed"])}
    ),
    "by_hand": _by_hand,
    "coverage": _coverage,
    "languages": _languages,
    "threshold": lambda figures: (
        _(
            "Candidates whose fit for you reaches what a suggestion asks for: %(reaching)s of "
            "%(candidates)s. The other side's own fit must reach it too."
        )
        % {
            "reaching": _number(figures["reaching"]),
            "candidates": _number(figures["candidates"]),
        }
    ),
}


def cause_words(cause: Cause) -> str:
    """One cause, spoken to the community."""
    if cause.code in _PLAIN:
        return str(_PLAIN[cause.code])
    if cause.code in _WISHES:
        return _wish(cause.code, cause.figures)
    return _SENTENCES[cause.code](cause.figures)


def _address(cause: Cause, community_id: int) -> str:
    if cause.code in ("unpublished", "paused", "not_seeking"):
        return reverse("web:profile", args=[community_id])
    if cause.code == "overdue":
        return reverse("web:profile_confirm", args=[community_id])
    if cause.code not in _GROUPS:
        return ""
    paths = cause.figures.get("paths") or [""]
    group = _GROUPS[cause.code] or paths[0].split(".")[0]
    return reverse("web:profile_group", args=[community_id, group]) if group else ""


@dataclass(frozen=True, slots=True)
class NearText:
    near: NearCommunity
    offers: str  # what it offers of what the community needs


@dataclass(frozen=True, slots=True)
class StandingText:
    """A community's standing as its page shows it."""

    standing: CommunityProspects
    causes: list[CauseText]
    nearest: list[NearText]


def _topic(code: str) -> str:
    return in_sentence(f"topic:{code}", label("topics", code))


def standing_text(
    standing: CommunityProspects, community_id: int, *, may_edit: bool
) -> StandingText:
    causes = [
        CauseText(cause.code, cause_words(cause), _address(cause, community_id) if may_edit else "")
        for cause in standing.causes
    ]
    nearest = [
        NearText(near, listed([_topic(code) for code in near.needs])) for near in standing.nearest
    ]
    return StandingText(standing, causes, nearest)


# A community that one would like to meet.


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
