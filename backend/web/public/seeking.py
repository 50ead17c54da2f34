"""Seeking as a market place: the page of those who seek partners, its feed, and saved searches."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.utils.formats import number_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.models import Community, CommunityRole, SavedSearch, SeekingEntry
from backend.cities.names import fold
from backend.cities.permissions import reader_with
from backend.cities.place_search import search
from backend.cities.queries import communities_of
from backend.cities.seeking import (
    NEAR,
    Asked,
    Overview,
    Viewpoint,
    asked_of,
    kilometres,
    narrowed,
    overview_of,
    viewpoint_of,
    with_communities,
)
from backend.cities.services.saved_searches import remove_search, save_search, searches_of
from backend.common.errors import Conflict
from backend.common.formatting import comma_list
from backend.web.access import Level, open_to
from backend.web.cache import Remembered
from backend.web.html.base import current_user
from backend.web.profiles.presentation import CommunitySummary, Marks, community_summary
from backend.web.public.forms import SaveSearchForm, SeekingFilters
from backend.web.public.views import HitRow
from backend.web.rest.base import ApiList, ApiView, Data, operation
from backend.web.rest.base import current_user as api_user
from backend.web.rest.pagination import CursorPages

PAGE = 24
SUGGESTED = 8
_KEPT = 200  # overviews
# Fields that are always in sight; the others are behind "More filters" until one is used
_FIRST_FIELDS = ("search", "needs", "offers")
_LAST_FIELDS = ("sort", "near", "needs_ours", "offers_ours")
# An old address has them; a page that is asked for anew has the two others
_OLD_FIELDS = ("topic",)


@lru_cache(maxsize=_KEPT)
def _kept_overview(asked: Asked) -> Remembered[tuple[int, list[str]]]:
    """Counted once until a seeker changes, whatever the order and the page."""
    return Remembered(lambda: _overview(asked))


def _overview(asked: Asked) -> tuple[int, list[str]]:
    """How many fit, and the dots of the map."""
    viewpoint = None if asked.community is None else viewpoint_of(asked.community)
    found = overview_of(narrowed(SeekingEntry.objects.all(), asked, viewpoint))
    return found.count, map_paths(found)


# A dot of the map is as large as its cell is full: of one, of several, of many.
_DOTS = (1, 9)


def map_paths(overview: Overview) -> list[str]:
    """The dots on world.svg as one path for each size: a tenth of the bytes of circles."""
    paths = ["" for _size in (*_DOTS, None)]
    for longitude, latitude, count in overview.cells:
        size = sum(count > most for most in _DOTS)
        paths[size] += f"M{(longitude + 180) * 2:.0f} {(84 - latitude) * 2:.0f}h0"
    return paths


@dataclass(frozen=True, slots=True)
class SeekerTile:
    """One seeker with what the reader has asked for. ``asker`` may name it as one that it would
    like to meet.
    """

    summary: CommunitySummary
    entry: SeekingEntry
    away: str
    fit: str
    also_called: str
    asker: Community | None


@open_to(Level.PUBLIC)
@require_safe
def seeking(request: HttpRequest) -> HttpResponse:
    roles = communities_of(request.user)
    form = SeekingFilters(_with_own_community(request.GET, roles))
    pages = CursorPages()
    rows = form.narrow(with_communities(SeekingEntry.objects.all()))
    try:
        page = pages.rows(rows, request.GET.get("after", ""), PAGE)
    except serializers.ValidationError:  # of a cursor that is none of this order
        page = pages.rows(rows, "", PAGE)
    asked = form.asked()
    # By the clock a kept count would grow old
    count, dots = _overview(asked) if asked.fresh else _kept_overview(asked)()
    context = {
        "form": form,
        "groups": _field_groups(form),
        "own": [role.community for role in roles],
        "tiles": _tiles(page, form, _askers(request.user, roles)),
        "count": count,
        "dots": dots if any(dots) else [],
        "following": pages.following,
        "is_first": not request.GET.get("after"),
        "places": form.places[1:],
        "order": form.order,
        "nearby": [] if count else _places_called(asked.search),
        "shows_sample": any(row.community.is_sample for row in page),
        "query": urlencode(asked.plain()),
        "may_save": isinstance(request.user, User),
        "asks_for_something": bool(set(asked.plain()) - {"community", "fresh"}),
    }
    return render(request, "public/seeking.html", context)


def _places_called(typed: str) -> list[HitRow]:
    """Places that seek nothing here but are called as somebody searched."""
    hits = map(HitRow, search(typed, limit=SUGGESTED)) if typed else ()
    return [row for row in hits if not row.is_seeking]


def _with_own_community(query: QueryDict, roles: Sequence[CommunityRole]) -> QueryDict:
    """Who belongs to a community sees the list as that one does, unless they chose otherwise."""
    if "community" in query or not roles:
        return query
    public = Community.objects.public().filter(pk__in=[role.community_id for role in roles])
    first = public.order_by("pk").values_list("pk", flat=True).first()
    if first is None:
        return query
    data = query.copy()
    data["community"] = str(first)
    return data


def _askers(user: Any, roles: Sequence[CommunityRole]) -> list[Community]:
    """The reader's own communities that may name another."""
    if not isinstance(user, User) or user.is_staff_member:
        return []
    may_ask = Verb.CREATE, Resource.PARTNER_REQUEST
    return [role.community for role in roles if reader_with(user, role).may(*may_ask)]


def _field_groups(form: SeekingFilters) -> dict[str, Any]:
    """The fields as the page shows them; further ones are open where one of them is used."""
    left_out = {*_FIRST_FIELDS, *_LAST_FIELDS, *_OLD_FIELDS, "community"}
    more = [form[name] for name in form.fields if name not in left_out]
    more += [form[name] for name in _OLD_FIELDS if form.values.get(name)]
    return {
        "first": [form[name] for name in _FIRST_FIELDS],
        "more": [field for field in more if field.widget_type != "checkbox"],
        "ticks": [field for field in more if field.widget_type == "checkbox"],
        "is_open": any(form.values.get(field.name) or field.errors for field in more),
    }


def _tiles(
    page: Iterable[SeekingEntry], form: SeekingFilters, askers: Sequence[Community]
) -> list[SeekerTile]:
    asked = form.asked()
    return [
        SeekerTile(
            summary=community_summary(row.community, marks=_marks(asked, form.viewpoint, row)),
            entry=row,
            away=_away(row, form),
            fit=_fit(row, form.viewpoint),
            also_called=_also_called(row.community, asked.words),
            asker=_asker_of(row.community, askers, asked.community),
        )
        for row in page
    ]


def _marks(asked: Asked, viewpoint: Viewpoint | None, row: SeekingEntry) -> Marks:
    needs, offers = {asked.needs, asked.topic}, {asked.offers, asked.topic}
    if viewpoint is not None:
        needs |= set(viewpoint.offers)
        offers |= set(viewpoint.needs)
    others = (("themes", asked.theme), ("sectors", asked.sector), ("languages", asked.language))
    return Marks(
        words=tuple(asked.words),
        needs=frozenset(needs),
        offers=frozenset(offers),
        others=tuple((name, code) for name, code in others if code),
    )


def _away(row: SeekingEntry, form: SeekingFilters) -> str:
    """How far from where distances count, once somebody has asked for them."""
    seen_from = form.looks_from if form.places or form.order == NEAR else None
    if seen_from is None or not seen_from.is_somewhere or row.x is None:
        return ""
    way = kilometres(seen_from.distance_to(row))
    return _("%(km)s km from %(name)s") % {
        "km": number_format(round(way), force_grouping=True),
        "name": seen_from.name,
    }


def _fit(row: SeekingEntry, viewpoint: Viewpoint | None) -> str:
    """Which needs are met, in numbers; of what both have published, and nothing else."""
    if viewpoint is None or viewpoint.community_id is None:
        return ""
    met = set(viewpoint.needs) & set(row.offers)
    given = set(viewpoint.offers) & set(row.needs)
    if not met and not given:
        return ""
    return _(
        "Offers %(met)d of %(needs)d that %(name)s needs; %(name)s offers %(given)d of %(others)d "
        "that they need"
    ) % {
        "met": len(met),
        "needs": len(viewpoint.needs),
        "given": len(given),
        "others": len(row.needs),
        "name": viewpoint.name,
    }


def _also_called(community: Community, words: Sequence[str]) -> str:
    """Another name of its place, where nothing that the tile shows has what was searched for."""
    place = community.place
    if not words or place is None:
        return ""
    names = (community.name, community.local_name, community.admin1, community.region)
    shown = fold(" ".join((*names, community.country.name, community.country.label)))
    missing = [word for word in words if word not in shown]
    if not missing:
        return ""
    called = (name for name in place.alternate_names if all(word in fold(name) for word in missing))
    return next(called, "")


def _asker_of(
    shown: Community, askers: Sequence[Community], looking: int | None
) -> Community | None:
    """Which of the reader's communities may name this one; the one that looks before others."""
    if any(own.pk == shown.pk for own in askers):
        return None
    may_ask = [own for own in askers if own.is_home != shown.is_home]
    return min(may_ask, key=lambda own: (own.pk != looking, own.pk), default=None)


# The feed of a search: what is new in it, for any reader of feeds.


@open_to(Level.PUBLIC)
@require_safe
def feed(request: HttpRequest) -> HttpResponse:
    """The newest seekers under the same filters, in Atom."""
    form = SeekingFilters(request.GET)
    asked = form.asked()
    rows = narrowed(SeekingEntry.objects.all(), asked, form.viewpoint)
    newest = with_communities(rows.order_by("-published_at", "-pk"))[:PAGE]
    here = urlencode(asked.plain())
    made = Atom1Feed(
        title=comma_list([_("Seeking communities"), *search_words(asked)]),
        link=f"{settings.PUBLIC_URL}{reverse('web:seeking')}?{here}",
        description="",
        language=get_language(),
        feed_url=f"{settings.PUBLIC_URL}{reverse('web:seeking_feed')}?{here}",
    )
    for row in newest:
        _add_item(made, row)
    return HttpResponse(
        made.writeString("utf-8"), content_type="application/atom+xml; charset=utf-8"
    )


def _add_item(made: Atom1Feed, row: SeekingEntry) -> None:
    shown = community_summary(row.community)
    address = f"{settings.PUBLIC_URL}{reverse('web:community', args=[row.pk])}"
    sides = ((_("Needs"), shown.needs), (_("Offers"), shown.offers))
    lines = [f"{title}: {comma_list(words for words, _ in topics)}" for title, topics in sides]
    story = [shown.story.text] if shown.story else []
    made.add_item(
        title=f"{row.community.name}, {row.community.whereabouts}",
        link=address,
        description=" · ".join([*lines, *story]),
        unique_id=f"{settings.PUBLIC_URL}/communities/{row.pk}/#{row.published_at:%Y%m%dT%H%M%S}",
        pubdate=row.published_at,
        updateddate=row.published_at,
    )


def search_words(asked: Asked) -> list[str]:
    """What is asked for, filter by filter, in words: "They need: Port logistics"."""
    form = SeekingFilters(asked.plain())
    form.full_clean()  # finds the community
    found = []
    for name, value in asked.plain().items():
        field = form.fields[name]
        if value is True:
            found.append(str(field.label))
        elif name == "community":
            found.append(f"{field.label}: {form.viewpoint.name if form.viewpoint else value}")
        else:
            choices: Any = getattr(field, "choices", ())
            found.append(f"{field.label}: {dict(choices).get(value, value)}")
    return found


# Saved searches: pages and API.


@dataclass(frozen=True, slots=True)
class SearchInWords:
    search: SavedSearch
    words: list[str]
    query: str


def _in_words(search: SavedSearch) -> SearchInWords:
    asked = asked_of(search.query)
    return SearchInWords(search, search_words(asked), urlencode(asked.plain()))


@open_to(Level.SIGNED_IN)
@require_http_methods(["GET", "HEAD", "POST"])
def saved_searches(request: HttpRequest) -> HttpResponse:
    """The person's searches; a POST saves one more, from the page of seekers."""
    user = current_user(request)
    form = SaveSearchForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_done(save_search, refusals=(Conflict,), by=user):
        messages.success(
            request, _("The search is saved. We write to you when a new community fits it.")
        )
        return redirect("web:saved_searches")
    context = {
        "form": form,
        "searches": [_in_words(search) for search in searches_of(user)],
        "shows_sample": user.is_sample,
    }
    return render(
        request, "public/saved_searches.html", context, status=422 if form.errors else 200
    )


@open_to(Level.SIGNED_IN)
@require_POST
def remove(request: HttpRequest, search_id: uuid.UUID) -> HttpResponse:
    remove_search(by=current_user(request), public_id=search_id)
    messages.success(request, _("The search is removed, and so are its mails."))
    return redirect("web:saved_searches")


class SavedSearchSerializer(serializers.Serializer):
    id = serializers.UUIDField(source="public_id")
    query = serializers.DictField(help_text="Filter → value, as `/communities/` takes them")
    saved_at = serializers.DateTimeField()
    feed = serializers.SerializerMethodField(help_text="The same search in Atom, for everybody")

    def get_feed(self, search: SavedSearch) -> str:
        query = urlencode(asked_of(search.query).plain())
        return f"{settings.PUBLIC_URL}{reverse('web:seeking_feed')}?{query}"


@open_to(GET=Level.SIGNED_IN, POST=Level.SIGNED_IN)
class SavedSearchesView(ApiList):
    """Your saved searches, the newest first."""

    serializer_class = SavedSearchSerializer

    def get_queryset(self) -> QuerySet[SavedSearch]:
        return searches_of(api_user(self.request))

    @operation(
        "Save a search, and be told by mail of new communities that fit it",
        SavedSearchSerializer,
        takes=SaveSearchForm,
        status=201,
    )
    def post(self, request: Request, data: Data) -> object:
        form = SaveSearchForm(data)
        if not form.is_valid():
            raise serializers.ValidationError(
                {name: [str(line) for line in said] for name, said in form.errors.items()}
            )
        return save_search(by=api_user(request), **form.as_arguments())


@open_to(DELETE=Level.SIGNED_IN)
class SavedSearchView(ApiView):
    @extend_schema(summary="Remove a saved search", responses={204: None})
    def delete(self, request: Request, search_id: uuid.UUID) -> Response:
        remove_search(by=api_user(request), public_id=search_id)
        return Response(status=204)
