"""What anybody may read: the service, communities that seek partners, and the directory of
partnerships.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any, cast

from django.core.paginator import Page, Paginator
from django.db.models import Count, Prefetch
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from backend.cities.attribution import data_sources
from backend.cities.drafts import prefilled_draft
from backend.cities.models import Community, ListedPartnership, Membership, Place
from backend.cities.models.communities import HOME_COUNTRY
from backend.cities.place_search import Hit
from backend.cities.place_search import search as find
from backend.cities.profile_schema import GROUPS
from backend.cities.queries import seeking_communities
from backend.common.errors import NotVisible
from backend.common.formatting import comma_list, csv_lines
from backend.introductions.directory import (
    CONFIRMED,
    LISTED,
    MOST_ARCS,
    RECORDED,
    STATED,
    UNKNOWN,
    Directory,
    Entry,
    all_entries,
)
from backend.introductions.members import GLOBAL, U_S, MemberKinds
from backend.introductions.models import AgreementType
from backend.introductions.partners import STATED_BY_THEM, THEIRS, PartnerShown, partners_of
from backend.introductions.services.calls import open_calls, process_of
from backend.web.access import Level, open_to
from backend.web.cache import Remembered
from backend.web.profiles.presentation import (
    Text,
    community_summary,
    describe,
    local_name_of,
    published_data,
    story_of,
)
from backend.web.public.face import seen_from_afar
from backend.web.public.forms import STATUS_WORDS, DirectoryFilters, SearchForm
from backend.web.suggestions.prospects import askers
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


def current_memberships() -> Prefetch:
    running = Membership.objects.filter(ended_on__isnull=True)
    return Prefetch("memberships", running, to_attr="current_memberships")


def _public_community(community_id: int) -> Community:
    """Raises NotVisible for a community that nobody has published, like for one that does not
    exist.
    """
    found = (
        Community.objects.public()
        .select_related(
            "country", "place__country", "profile__current_version", "organisation", "picture"
        )
        .prefetch_related(current_memberships())
    )
    community = found.filter(pk=community_id).first()
    if community is None:
        raise NotVisible
    return community


# Shown at a place of their own on the page, above the other answers.
_ABOVE = {"story", "identity", "importances", "organisation", "partnerships", "needs_offers"}


def _organisation_name(shown: Community, data: Mapping[str, Any]) -> str:
    """As it was registered, where the profile does not name it."""
    if (data.get("organisation") or {}).get("name"):
        return ""
    registered = getattr(shown, "organisation", None)
    return str(registered.name) if registered is not None else ""


def page_of(shown: Community, data: Mapping[str, Any]) -> dict[str, Any]:
    """What a community's page shows of a document: the published one, or a draft in its preview.
    ``current_memberships`` is fetched.
    """
    groups = {group.code: group for group in describe(data, shown)}
    membership = next(iter(shown.current_memberships), None)  # type: ignore[attr-defined]
    return {
        "community": shown,
        "picture": getattr(shown, "picture", None),
        "named": shown,
        "local_name": local_name_of(shown, data),
        "story": story_of(data),
        "english_story": (data.get("story") or {}).get("english", ""),
        "seeks": groups.get("needs_offers"),
        "organisation": groups.get("organisation"),
        "organisation_name": _organisation_name(shown, data),
        "groups": [group for code, group in groups.items() if code not in _ABOVE],
        "website": (data.get("identity") or {}).get("website") or shown.website,
        "membership": membership,
        "standing": standing_of(shown, membership),
        "shows_sample": shown.is_sample,
        "about": reverse("web:community", args=[shown.pk]),
        **_partners_on_page(shown.place, shown),
    }


def _partners_on_page(place: Place | None, community: Community | None) -> dict[str, Any]:
    partners = partners_of(place, community)
    here = community or place
    ends = [
        (here.longitude, here.latitude, row.longitude, row.latitude)
        for row in partners
        if here is not None
        and None not in (here.longitude, here.latitude, row.longitude, row.latitude)
    ]
    return {
        "partners": [PartnerRow(row) for row in partners],
        "has_details": any(row.form or row.year for row in partners),
        "arcs": [arc_between(*each) for each in ends],  # type: ignore[arg-type]
        "dots": sorted({(each[2], each[3]) for each in ends}),
    }


_SAID_HERE = {RECORDED, CONFIRMED, THEIRS, STATED, STATED_BY_THEM}


class PartnerRow:
    """A partner in words."""

    def __init__(self, row: PartnerShown) -> None:
        self.row = row
        self.form = dict(AgreementType.choices).get(row.form, "")
        is_listed = row.status == UNKNOWN and not _SAID_HERE & set(row.sources)
        self.status = _("Listed, status unknown") if is_listed else STATUS_WORDS.get(row.status, "")
        self.sources = comma_list(dict.fromkeys(source_name(each) for each in row.sources))


def source_name(source: str) -> str:
    """Where a partnership is known from: a kind of the directory's, or the tag of a public list."""
    return {
        RECORDED: _("Agreement recorded here"),
        CONFIRMED: _("Said by the community, confirmed by staff"),
        THEIRS: _("Said by the partner, confirmed by staff"),
        STATED: _("Said by the community, not checked by staff yet"),
        STATED_BY_THEM: _("Said by the partner, not checked by staff yet"),
    }.get(source) or LIST_SOURCES.get(source, source)


@open_to(Level.PUBLIC)
@require_safe
def community(request: HttpRequest, community_id: int) -> HttpResponse:
    shown = _public_community(community_id)
    context = page_of(shown, published_data(shown)) | {
        "askers": askers(request.user, shown),
        "calls": open_calls(shown.pk),
        "process": _process(shown.pk),
    }
    context |= seen_from_afar(shown, context)
    return render(request, "public/community.html", context)


def _process(community_id: int) -> Text | None:
    said = process_of(community_id)
    return Text(said.text, said.language) if said else None


def place_shown(place_id: int) -> Place:
    """A place of the gazetteer, with who has registered it. Raises NotVisible."""
    found = Place.objects.select_related("country", "community__profile").defer("search_text")
    place = found.filter(pk=place_id).first()
    if place is None:
        raise NotVisible
    return place


def public_community_of(place: Place) -> Community | None:
    """The community that has registered the place, where anybody may see it."""
    registered = getattr(place, "community", None)
    profile = getattr(registered, "profile", None)
    if profile is None or profile.current_version_id is None or profile.status == "withdrawn":
        return None
    return cast("Community", registered)


@open_to(Level.PUBLIC)
@require_safe
def place(request: HttpRequest, place_id: int) -> HttpResponse:
    """One page a place: that of its community, where anybody may read it."""
    shown = place_shown(place_id)
    public = public_community_of(shown)
    if public is not None:
        return redirect("web:community", public.pk)
    registered = getattr(shown, "community", None)
    membership = None
    if registered is not None:
        membership = Membership.objects.filter(community=registered, ended_on__isnull=True).first()
    # Of what nobody has published, nothing but that it is registered.
    unpublished = Community(
        place=shown, country=shown.country, name=shown.name, admin1=shown.admin1
    )
    facts = describe(prefilled_draft(unpublished), unpublished)
    context = {
        "place": shown,
        "named": shown,
        "standing": standing_of(registered, membership, is_published=False),
        "membership": membership,
        "groups": [group for group in facts if group.code == "facts"],
        "about": reverse("web:place", args=[shown.pk]),
        "shows_sample": registered is not None and registered.is_sample,
        **_partners_on_page(shown, None),
    }
    return render(request, "public/community.html", context)


def standing_of(
    community: Community | None, membership: Membership | None, *, is_published: bool = True
) -> dict[str, Any]:
    """What a place is here, and what that means."""
    if membership is not None and community is not None:
        since = {"year": membership.started_on.year}
        if membership.standing == Membership.Standing.GOOD:
            words = (
                _(
                    "Member since %(year)s. Below are the partnerships that we know of, each with "
                    "its source."
                )
                if community.is_home
                else _(
                    "Global Member since %(year)s. Below are the partnerships worldwide that we "
                    "know of, each with its source."
                )
            )
            return {"code": "member", "words": words % since}
        return {
            "code": "lapsed",
            "words": _("Was a member from %(year)s; membership lapsed.") % since,
        }
    if community is None:
        return {
            "code": "none",
            "words": _(
                "Nobody has registered it here. What is below comes from public lists, open data, "
                "and what partners say."
            ),
        }
    if not is_published:
        return {
            "code": "registered",
            "words": _("Registered here. It has not published a profile, and is not a member."),
        }
    return {
        "code": "registered",
        "words": _("Registered here, not a member. Its profile was checked by staff."),
    }


FOUND = 20


@open_to(Level.PUBLIC)
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """One search for all places and communities."""
    form = SearchForm(request.GET)
    asked = form.chosen()
    typed = asked.get("q", "")
    hits = find(typed, country=asked.get("country", ""), limit=FOUND) if typed else []
    context = {"form": form, "typed": typed, "hits": [HitRow(hit) for hit in hits]}
    return render(request, "public/search.html", context)


class HitRow:
    """A hit in words."""

    def __init__(self, hit: Hit) -> None:
        self.hit = hit
        self.is_near = hit.why == "mistake"
        self.url = ""
        self.community: Community | None = hit.community
        if hit.place is not None:
            self.url = reverse("web:place", args=[hit.place.pk])
            self.community = getattr(hit.place, "community", None)
        public = public_community_of(hit.place) if hit.place is not None else hit.community
        if public is not None:
            self.url = reverse("web:community", args=[public.pk])
        self.is_seeking = public is not None and public.profile.status == "published"
        members = getattr(self.community, "current_memberships", ())
        self.is_member = any(one.standing == Membership.Standing.GOOD for one in members)
        self.why = self._why()

    def _why(self) -> str:
        hit = self.hit
        if hit.matched:
            return _("Also called “%(name)s”") % {"name": hit.matched}
        if hit.region is not None:
            return _("State, province or region")
        if self.community is not None and hit.place is None:
            return str(self.community.get_kind_display())
        return {"mistake": _("A similar name"), "in": _("One of its largest cities")}.get(
            hit.why, ""
        )


# Read once for all filters of the directory: to count what each choice leads to, a page needs all
# of it anyway.
directory_entries = Remembered(all_entries)
member_kinds = Remembered(MemberKinds)
MEMBER_WORDS = {U_S: gettext_lazy("Member"), GLOBAL: gettext_lazy("Global Member")}
DIRECTORY_PAGE = 50
SUGGESTED = 8


class DirectoryRow:
    """An entry in words; with ``kinds``, each side with which kind of member it is, if any."""

    def __init__(self, entry: Entry, kinds: MemberKinds | None = None) -> None:
        self.entry = entry
        self.form = dict(AgreementType.choices).get(entry.form, "")
        self.status = STATUS_WORDS.get(entry.status, entry.status)
        self.source = source_words(entry)
        self.sides = [
            (side, MEMBER_WORDS.get(kinds.of(side), "") if kinds else "") for side in entry.sides
        ]


def source_words(entry: Entry) -> str:
    """Where the directory knows it from."""
    said = [] if entry.source == LISTED else [source_name(entry.source)]
    if entry.source == STATED:
        said = [_("Said by one of the two, not checked by staff yet")]
    return comma_list(dict.fromkeys([*said, *map(source_name, entry.lists)]))


@open_to(Level.PUBLIC)
@require_safe
def directory(request: HttpRequest) -> HttpResponse:
    form = DirectoryFilters(request.GET)
    asked = form.asked()
    found = Directory(asked, directory_entries())
    page: Page[Entry] = Paginator(found, DIRECTORY_PAGE).get_page(request.GET.get("page"))
    form.show_counts(found.facets())
    place = (
        Place.objects.select_related("country", "community").filter(pk=asked.place).first()
        if asked.place
        else None
    )
    arcs, kinds = found.arcs(), member_kinds()
    context: dict[str, Any] = {
        "form": form,
        "page": page,
        "rows": [DirectoryRow(entry, kinds) for entry in page],
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
        else [HitRow(hit) for hit in find(asked.search, limit=SUGGESTED)],
        "shows_sample": any(entry.is_sample for entry in page),
    }
    return render(request, "public/directory.html", context)


@open_to(Level.PUBLIC)
@require_safe
def cities(request: HttpRequest) -> HttpResponse:
    """The type-ahead's list of cities: a fragment of links."""
    typed = request.GET.get("search", "")
    found = find(typed, limit=SUGGESTED) if len(typed.strip()) > 1 else []
    return render(
        request,
        "public/directory_cities.html",
        {
            "found": [HitRow(hit) for hit in found],
            "searched": bool(found) or len(typed.strip()) > 1,
        },
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
        "member_kind",
        "partner_kind",
    ]
    response = StreamingHttpResponse(
        csv_lines(header, _cells(found)), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = 'attachment; filename="partnerships.csv"'
    return response


def sources_of(entry: Entry) -> list[str]:
    """What an entry is known from, as codes and tags."""
    return [*([] if entry.source == LISTED else [entry.source]), *entry.lists]


def _cells(found: Directory) -> Iterator[list[Any]]:
    kinds = member_kinds()
    for entry in found:
        a, b = entry.a, entry.b
        known = [entry.form, entry.status, entry.year or "", "yes" if entry.is_recognised else "no"]
        source = " ".join(sources_of(entry))
        yield [
            a.name,
            a.country,
            b.name,
            b.country,
            *known,
            source,
            "yes" if entry.is_sample else "no",
            kinds.of(a),
            kinds.of(b),
        ]
