"""The directory of members' partnerships: as a table with a map, by city, and as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from backend.cities.member_sheets import write_csv
from backend.cities.models import Country, Place
from backend.cities.place_search import search_places
from backend.introductions.directory import CONFIRMED, LISTED, MOST_ARCS, RECORDED, Directory, Entry
from backend.introductions.models import Form
from backend.web.forms.directory import STATUS_WORDS, DirectoryFilters
from backend.web.sources import LIST_SOURCES
from backend.web.templatetags.web import arc_between

PAGE = 50
SUGGESTED = 8


class DirectoryRow:
    """An entry in words."""

    def __init__(self, entry: Entry, countries: dict[str, Country]) -> None:
        self.entry = entry
        self.a_country, self.b_country = (countries[side.country].label for side in (entry.a, entry.b))
        self.form = dict(Form.choices).get(entry.form, "")
        self.status = STATUS_WORDS.get(entry.status, entry.status)
        self.source = source_words(entry)


def source_words(entry: Entry) -> str:
    """Where the directory knows it from."""
    if entry.source == LISTED:
        return ", ".join(dict.fromkeys(LIST_SOURCES.get(tag, tag) for tag in entry.lists))
    return {RECORDED: _("Agreement recorded here"), CONFIRMED: _("Said by the community, confirmed by staff")}[entry.source]


@require_safe
def directory(request: HttpRequest) -> HttpResponse:
    form = DirectoryFilters(request.GET)
    asked = form.asked()
    found = Directory(asked)
    page: Page[Entry] = Paginator(cast("Sequence[Entry]", found), PAGE).get_page(request.GET.get("page"))
    form.show_counts(found.facets())
    countries = Country.objects.in_bulk()
    place = Place.objects.select_related("country", "community").filter(pk=asked.place).first() if asked.place else None
    arcs = found.arcs()
    context: dict[str, Any] = {
        "form": form,
        "page": page,
        "rows": [DirectoryRow(entry, countries) for entry in page],
        "place": place,
        "arcs": [arc_between(*ends) for ends in arcs],
        "dots": sorted({end for a_long, a_lat, b_long, b_lat in arcs for end in ((a_long, a_lat), (b_long, b_lat))}),
        "some_arcs": len(arcs) == MOST_ARCS,
        "nearby": [] if page.paginator.count or not asked.search else search_places(asked.search, limit=SUGGESTED),
        "shows_sample": any(entry.is_sample for entry in page),
    }
    return render(request, "web/directory.html", context)


@require_safe
def cities(request: HttpRequest) -> HttpResponse:
    """The type-ahead's list of cities: a fragment of links."""
    typed = request.GET.get("search", "")
    found = search_places(typed, limit=SUGGESTED) if len(typed.strip()) > 1 else []
    return render(request, "web/parts/directory_cities.html", {"found": found, "searched": bool(found) or len(typed.strip()) > 1})


@require_safe
def export(request: HttpRequest) -> HttpResponseBase:
    """The directory under the same filters, as CSV. Public data, in English."""
    found = Directory(DirectoryFilters(request.GET).asked())
    header = ["community", "country", "partner", "partner_country", "form", "state", "since", "recognised", "source", "sample"]
    answer = StreamingHttpResponse(write_csv(header, _cells(found)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="partnerships.csv"'
    return answer


def _cells(found: Directory) -> Iterator[list[Any]]:
    for entry in found:
        a, b = entry.a, entry.b
        known = [entry.form, entry.status, entry.year or "", "yes" if entry.is_recognised else "no"]
        source = " ".join(entry.lists) if entry.source == LISTED else entry.source
        yield [a.name, a.country, b.name, b.country, *known, source, "yes" if entry.is_sample else "no"]
