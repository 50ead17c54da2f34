"""What anybody may read: the service, communities that seek partners, and the directory of
partnerships.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, Prefetch
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from backend.cities.attribution import data_sources
from backend.cities.models import Community, Country, ListedPartnership, Membership, Place
from backend.cities.models.communities import HOME_COUNTRY
from backend.cities.place_search import search_places
from backend.cities.profile_schema import GROUPS
from backend.cities.queries import confirmed_partnerships, listed_partners, seeking_communities
from backend.common.errors import NotVisible
from backend.common.formatting import csv_lines
from backend.introductions.directory import (
    CONFIRMED,
    LISTED,
    MOST_ARCS,
    RECORDED,
    Directory,
    Entry,
    all_entries,
)
from backend.introductions.models import AgreementType
from backend.introductions.queries.partnerships import living_partnerships
from backend.web.access import Level, open_to
from backend.web.cache import Remembered
from backend.web.profiles.presentation import (
    community_summary,
    describe,
    local_name_of,
    published_data,
    story_of,
)
from backend.web.public.forms import STATUS_WORDS, DirectoryFilters, SeekingFilters
from backend.web.suggestions.partner_requests import askers
from backend.web.templatetags.web import LIST_SOURCES, arc_between


def _home_counts() -> dict[str, int]:
    """Answers to what a newcomer asks: is anybody there, from where, and does it lead to
    something?
    """
    seeking = Community.objects.seeking().aggregate(
        communities=Count("id"), countries=Count("country", distinct=True)
    )
    return {**seeking, "listed": ListedPartnership.objects.count()}


def _newest_of_both_sides() -> list[Community]:
    """Three from home and three from abroad, in turns: a pair needs both."""
    newest = seeking_communities().order_by("-profile__current_version__published_at", "id")
    home, abroad = newest.filter(country=HOME_COUNTRY)[:3], newest.exclude(country=HOME_COUNTRY)[:3]
    return [
        community
        for pair in zip_longest(home, abroad)
        for community in pair
        if community is not None
    ]


@open_to(Level.PUBLIC)
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    tiles = [community_summary(community) for community in _newest_of_both_sides()]
    context = {
        "counts": _home_counts(),
        "tiles": tiles,
        "shows_sample": any(tile.community.is_sample for tile in tiles),
    }
    return render(request, "public/home.html", context)


@open_to(Level.PUBLIC)
@require_safe
def about(request: HttpRequest) -> HttpResponse:
    return render(request, "public/about.html", {"groups": GROUPS})


@open_to(Level.PUBLIC)
@require_safe
def sources(request: HttpRequest) -> HttpResponse:
    return render(request, "public/sources.html", {"sources": data_sources()})


PAGE = 24


@open_to(Level.PUBLIC)
@require_safe
def seeking(request: HttpRequest) -> HttpResponse:
    form = SeekingFilters(request.GET)
    page = Paginator(form.narrow(seeking_communities()), PAGE).get_page(request.GET.get("page"))
    tiles = [community_summary(community) for community in page]
    context = {
        "form": form,
        "page": page,
        "tiles": tiles,
        "shows_sample": any(tile.community.is_sample for tile in tiles),
    }
    return render(request, "public/seeking.html", context)


def _public_community(community_id: int) -> Community:
    """Raises NotVisible for a community that nobody has published, like for one that does not
    exist.
    """
    current = Prefetch(
        "memberships",
        Membership.objects.filter(ended_on__isnull=True),
        to_attr="current_memberships",
    )
    found = (
        Community.objects.public()
        .select_related("country", "place__country", "profile__current_version")
        .prefetch_related(current)
    )
    community = found.filter(pk=community_id).first()
    if community is None:
        raise NotVisible
    return community


def page_of(shown: Community, data: Mapping[str, Any]) -> dict[str, Any]:
    """What a community's page shows of a document: the published one, or a draft in its preview.
    ``current_memberships`` is fetched.
    """
    recorded, existing = living_partnerships(shown.pk), confirmed_partnerships(shown.pk)
    sides = [side for row in recorded for side in (row.pair.a, row.pair.b)]
    recorded_places = {side.place_id for side in sides} - {None}
    met = recorded_places | {row.place_id for row in existing}
    listed = [one for one in listed_partners(shown) if one.place.pk not in met]
    partner_ids = [partner.community_id for partner in listed if partner.community_id is not None]
    return {
        "community": shown,
        "local_name": local_name_of(shown, data),
        "story": story_of(data),
        "english_story": (data.get("story") or {}).get("english", ""),
        "groups": [
            group
            for group in describe(data, shown)
            if group.code not in {"story", "identity", "importances"}
        ],
        "website": (data.get("identity") or {}).get("website") or shown.website,
        "recorded": recorded,
        "existing": [row for row in existing if row.place_id not in recorded_places],
        "listed": listed,
        "public_ids": set(
            Community.objects.public().filter(pk__in=partner_ids).values_list("pk", flat=True)
        ),
        "membership": next(iter(shown.current_memberships), None),  # type: ignore[attr-defined]
        "shows_sample": shown.is_sample,
    }


@open_to(Level.PUBLIC)
@require_safe
def community(request: HttpRequest, community_id: int) -> HttpResponse:
    shown = _public_community(community_id)
    context = page_of(shown, published_data(shown)) | {"askers": askers(request.user, shown)}
    return render(request, "public/community.html", context)


# Read once for all filters of the directory: to count what each choice leads to, a page needs all
# of it anyway.
directory_entries = Remembered(all_entries)
DIRECTORY_PAGE = 50
SUGGESTED = 8


class DirectoryRow:
    """An entry in words."""

    def __init__(self, entry: Entry, countries: dict[str, Country]) -> None:
        self.entry = entry
        self.sides = [(side, countries[side.country].label) for side in (entry.a, entry.b)]
        self.form = dict(AgreementType.choices).get(entry.form, "")
        self.status = STATUS_WORDS.get(entry.status, entry.status)
        self.source = source_words(entry)


def source_words(entry: Entry) -> str:
    """Where the directory knows it from."""
    if entry.source == LISTED:
        return ", ".join(dict.fromkeys(LIST_SOURCES.get(tag, tag) for tag in entry.lists))
    return {
        RECORDED: _("Agreement recorded here"),
        CONFIRMED: _("Said by the community, confirmed by staff"),
    }[entry.source]


@open_to(Level.PUBLIC)
@require_safe
def directory(request: HttpRequest) -> HttpResponse:
    form = DirectoryFilters(request.GET)
    asked = form.asked()
    found = Directory(asked, directory_entries())
    page: Page[Entry] = Paginator(found, DIRECTORY_PAGE).get_page(request.GET.get("page"))
    form.show_counts(found.facets())
    countries = Country.objects.in_bulk()
    place = (
        Place.objects.select_related("country", "community").filter(pk=asked.place).first()
        if asked.place
        else None
    )
    arcs = found.arcs()
    context: dict[str, Any] = {
        "form": form,
        "page": page,
        "rows": [DirectoryRow(entry, countries) for entry in page],
        "place": place,
        "arcs": [arc_between(*ends) for ends in arcs],
        "dots": sorted(
            {
                end
                for a_long, a_lat, b_long, b_lat in arcs
                for end in ((a_long, a_lat), (b_long, b_lat))
            }
        ),
        "some_arcs": len(arcs) == MOST_ARCS,
        "nearby": []
        if page.paginator.count or not asked.search
        else search_places(asked.search, limit=SUGGESTED),
        "shows_sample": any(entry.is_sample for entry in page),
    }
    return render(request, "public/directory.html", context)


@open_to(Level.PUBLIC)
@require_safe
def cities(request: HttpRequest) -> HttpResponse:
    """The type-ahead's list of cities: a fragment of links."""
    typed = request.GET.get("search", "")
    found = search_places(typed, limit=SUGGESTED) if len(typed.strip()) > 1 else []
    return render(
        request,
        "public/directory_cities.html",
        {"found": found, "searched": bool(found) or len(typed.strip()) > 1},
    )


@open_to(Level.PUBLIC)
@require_safe
def export(request: HttpRequest) -> HttpResponseBase:
    """The directory under the same filters, as CSV. Public data, in English."""
    found = Directory(DirectoryFilters(request.GET).asked(), directory_entries())
    header = [
        "community",
        "country",
        "partner",
        "partner_country",
        "form",
        "state",
        "since",
        "recognised",
        "source",
        "sample",
    ]
    response = StreamingHttpResponse(
        csv_lines(header, _cells(found)), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = 'attachment; filename="partnerships.csv"'
    return response


def _cells(found: Directory) -> Iterator[list[Any]]:
    for entry in found:
        a, b = entry.a, entry.b
        known = [entry.form, entry.status, entry.year or "", "yes" if entry.is_recognised else "no"]
        source = " ".join(entry.lists) if entry.source == LISTED else entry.source
        yield [
            a.name,
            a.country,
            b.name,
            b.country,
            *known,
            source,
            "yes" if entry.is_sample else "no",
        ]
