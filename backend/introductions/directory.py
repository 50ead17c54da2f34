"""The directory of partnerships: recorded, confirmed by members, and listed by members."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, overload

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from backend.cities.models import (
    Community,
    ExistingPartnership,
    ListedPartnership,
    Membership,
    Place,
)
from backend.cities.models.communities import HOME_COUNTRY, OVER
from backend.cities.models.places import country_name, region_label, whereabouts_words
from backend.cities.names import fold
from backend.cities.place_search import Reading
from backend.cities.queries import confirmed_partnerships, is_named, readings_inside, words_apart
from backend.introductions.models import Partnership
from backend.introductions.queries.partnerships import (
    latest_statement,
    living_partnerships,
    recognised,
    recorded_between,
)

UNKNOWN = "unknown"
_IS_OVER = Q(state=ExistingPartnership.State.CONFIRMED, status__in=OVER)


@dataclass(frozen=True, slots=True)
class RowFilters:
    """What narrows the directory. ``kind`` is "us" or "global"; ``decade`` the first year of one;
    ``place`` a GeoNames id.
    """

    search: str = ""
    country: str = ""
    kind: str = ""
    theme: str = ""
    status: str = ""
    decade: int | None = None
    recognised: bool = False
    place: int | None = None


def member_communities(kind: str = "") -> QuerySet[Membership, Any]:
    """Ids of the communities that are members in good standing now, as a subquery."""
    current = Membership.objects.filter(ended_on__isnull=True, standing=Membership.Standing.GOOD)
    if kind:
        home = Q(community__country=HOME_COUNTRY)
        current = current.filter(home if kind == "us" else ~home)
    return current.values("community")


def member_places(kind: str) -> list[int]:
    """Fetched rather than joined: with the ids known, the planner looks up the few pairs instead of
    reading the whole gazetteer.
    """
    of_members = Community.objects.filter(pk__in=member_communities(kind), place__isnull=False)
    return [pk for pk in of_members.values_list("place", flat=True) if pk is not None]


def recorded_partnerships(asked: RowFilters = RowFilters()) -> QuerySet[Partnership]:
    """Living partnerships recorded here of which a side is a member in good standing, oldest first;
    each with ``recognised``.
    """
    members = member_communities(asked.kind)
    found = living_partnerships().filter(Q(pair__a__in=members) | Q(pair__b__in=members))
    if asked.country:
        found = found.filter(Q(pair__a_country=asked.country) | Q(pair__b_country=asked.country))
    if asked.place:
        found = found.filter(Q(pair__a__place=asked.place) | Q(pair__b__place=asked.place))
    found = found.filter(
        is_named(
            asked.search,
            {
                f"{community}__": (f"{community}__name", f"{community}__place__search_text")
                for community in ("pair__a", "pair__b")
            },
        )
    )
    if asked.theme:
        found = found.filter(agreement__areas__contains=[asked.theme])
    if asked.status:
        found = found.filter(status=asked.status)
    if asked.decade is not None:
        found = found.filter(since__year__gte=asked.decade, since__year__lt=asked.decade + 10)
    return found.filter(recognised()) if asked.recognised else found


def confirmed_of_members(asked: RowFilters = RowFilters()) -> QuerySet[ExistingPartnership]:
    """What staff have confirmed of officials' partnerships from before, where one of the two is a
    member in good standing; also where its details have changed since and wait for them.

    Where both have claimed one, the older row represents it.
    """
    members = member_communities(asked.kind)
    found = (
        confirmed_partnerships()
        .exclude(_IS_OVER)
        .filter(Q(community__in=members) | Q(place__community__in=members) | Q(partner__in=members))
    )
    same = ExistingPartnership.objects.once_confirmed().exclude(_IS_OVER)
    same = same.filter(
        Q(community__place=OuterRef("place")) | Q(community=OuterRef("partner")),
        Q(place=OuterRef("community__place")) | Q(partner=OuterRef("community")),
        pk__lt=OuterRef("pk"),
    )
    found = (
        found.exclude(Exists(same))
        .exclude(Exists(recorded_between("community__place", "place")))
        .exclude(Exists(recorded_between("community", "partner", of="")))
    )
    if asked.country:
        found = found.filter(Q(community__country=asked.country) | Q(country=asked.country))
    if asked.place:
        found = found.filter(Q(community__place=asked.place) | Q(place=asked.place))
    sides = {
        "place__": ("name", "place__search_text"),
        "partner__": ("partner__name",),
        "community__": ("community__name", "community__place__search_text"),
    }
    found = found.filter(is_named(asked.search, sides))
    if asked.status:
        found = found.filter(status=asked.status)
    if asked.decade is not None:
        found = found.filter(year__gte=asked.decade, year__lt=asked.decade + 10)
    return found.none() if asked.theme or asked.recognised else found


def listed_of_members(asked: RowFilters = RowFilters()) -> QuerySet[ListedPartnership]:
    """Pairs that public lists name, where one of the two is a member in good standing: by the names
    of their places.
    """
    members = member_places(asked.kind)
    found = ListedPartnership.objects.filter(Q(place_a__in=members) | Q(place_b__in=members))
    found = found.exclude(Exists(recorded_between("place_a", "place_b")))
    known = ExistingPartnership.objects.once_confirmed()
    public = known.filter(community__profile__current_version__isnull=False)
    for one, other in (("place_a", "place_b"), ("place_b", "place_a")):  # apart, so they are hashed
        said = public.filter(community__place=OuterRef(one), place=OuterRef(other))
        found = found.exclude(Exists(said))
    found = found.annotate(stated=Subquery(latest_statement()))
    if asked.country:
        found = found.filter(Q(place_a__country=asked.country) | Q(place_b__country=asked.country))
    if asked.place:
        found = found.filter(Q(place_a=asked.place) | Q(place_b=asked.place))
    sides = {f"{side}__": (f"{side}__search_text",) for side in ("place_a", "place_b")}
    found = found.filter(is_named(asked.search, sides))
    if asked.theme or asked.recognised:
        return found.none()
    if asked.status == UNKNOWN:
        found = found.filter(Q(stated__isnull=True) | Q(stated__status=UNKNOWN))
    elif asked.status:
        found = found.filter(stated__status=asked.status)
    if asked.decade is not None:
        found = found.filter(stated__year__gte=asked.decade, stated__year__lt=asked.decade + 10)
    return found.select_related("place_a__country", "place_b__country").order_by(
        "place_a__name", "place_b__name", "id"
    )


# The directory: partnerships of members, recorded here, confirmed by staff, or named by public
# lists, with what one of the two has said of them since.
#
# Only partnerships of members in good standing are listed, of a U.S. or a Global Member with
# anybody in the world; a tie of others is not invalid, it is unlisted (domain.md). One that is
# recorded is not listed again because somebody claims it or a public list names it.


RECORDED, CONFIRMED, STATED, LISTED = SOURCES = "recorded", "confirmed", "stated", "listed"
# STATED: by one of the two, of a pair that is listed or was confirmed before, and not checked yet


MOST_ARCS = 200


@dataclass(frozen=True, slots=True)
class DirectorySide:
    """``community`` is set where it has a public page; ``words`` are its names as they are typed,
    and those of its place, each behind a bar.
    """

    name: str
    country: str
    region: str
    place: int | None
    community: int | None
    latitude: float | None
    longitude: float | None
    words: str

    @property
    def whereabouts(self) -> str:
        region = region_label(self.country, self.region) if self.region != self.name else ""
        return whereabouts_words(region, country_name(self.country))


@dataclass(frozen=True, slots=True)
class Entry:
    """One partnership of the directory, wherever it comes from. ``kinds`` are those of its
    members.
    """

    source: str
    row: int
    a: DirectorySide
    b: DirectorySide
    form: str
    status: str
    year: int | None
    themes: tuple[str, ...]
    is_recognised: bool
    is_sample: bool
    lists: tuple[str, ...]
    kinds: frozenset[str]

    @property
    def sides(self) -> tuple[DirectorySide, DirectorySide]:
        return self.a, self.b


def all_entries() -> list[Entry]:
    """The whole directory: recorded ones first, then by name. Six statements."""
    ids = _CommunityIds()
    entries = [
        *(_of_recorded(row, ids) for row in _recorded_rows()),
        *(_of_confirmed(row, ids) for row in _confirmed_rows()),
        *(_of_listed(row, ids) for row in _ends_of_listed()),
    ]
    order = {source: number for number, source in enumerate(SOURCES)}
    return sorted(entries, key=lambda one: (order[one.source], one.a.name, one.b.name, one.row))


class _CommunityIds:
    """Which communities have a public page, which are members and of which kind, and the community
    of each place.
    """

    def __init__(self) -> None:
        self.public = set(Community.objects.public().order_by().values_list("pk", flat=True))
        members = Community.objects.filter(pk__in=member_communities()).order_by()
        rows = members.values_list("pk", "place", "country")
        kinds = [
            (pk, place, "us" if country == HOME_COUNTRY else "global")
            for pk, place, country in rows
        ]
        self._kind_of_community = {pk: kind for pk, _place, kind in kinds}
        self._kind_of_place = {place: kind for _pk, place, kind in kinds if place is not None}

    def kinds(
        self, communities: Iterable[int | None], places: Iterable[int | None]
    ) -> frozenset[str]:
        found = {self._kind_of_community.get(pk) for pk in communities if pk is not None}
        found |= {self._kind_of_place.get(pk) for pk in places if pk is not None}
        return frozenset(kind for kind in found if kind is not None)

    def first_public(self, *communities: int | None) -> int | None:
        return next((pk for pk in communities if pk in self.public), None)


def _words(*names: str) -> str:
    return "".join(f"|{text}" for text in names if text)


def _community_side(community: Community, ids: _CommunityIds) -> DirectorySide:
    return DirectorySide(
        name=community.name,
        country=community.country_id,
        region=community.admin1,
        place=community.place_id,
        community=ids.first_public(community.pk),
        latitude=community.latitude,
        longitude=community.longitude,
        words=_words(fold(community.name), community.place.search_text if community.place else ""),
    )


def _recorded_rows() -> QuerySet[Partnership]:
    sides = ("pair__a__place", "pair__b__place", "agreement")
    return recorded_partnerships().prefetch_related(None).select_related(*sides)


def _confirmed_rows() -> QuerySet[ExistingPartnership]:
    sides = ("community__place", "place__community", "partner")
    return confirmed_of_members().select_related(None).defer(None).select_related(*sides)


def _ends_of_listed() -> QuerySet[ListedPartnership, dict[str, Any]]:
    ends = [f"{side}__{part}" for side in ("place_a", "place_b") for part in _OF_A_PLACE]
    return (
        listed_of_members().select_related(None).order_by().values("pk", "sources", "stated", *ends)
    )


def _place_side(place: Place, community: int | None, name: str = "") -> DirectorySide:
    return DirectorySide(
        name=name or place.name,
        country=place.country_id,
        region=place.admin1,
        place=place.pk,
        community=community,
        latitude=place.latitude,
        longitude=place.longitude,
        words=_words(fold(name or place.name), place.search_text),
    )


def _named_side(row: ExistingPartnership, community: int | None) -> DirectorySide:
    """A partner that the gazetteer does not have."""
    names = (row.name, row.partner.name if row.partner else "")
    region = row.partner.admin1 if row.partner else ""
    words = _words(*map(fold, names))
    return DirectorySide(row.name, row.country_id, region, None, community, None, None, words)


def _community_of(place: Place | None) -> int | None:
    community = getattr(place, "community", None) if place is not None else None
    return community.pk if community is not None else None


def _of_recorded(row: Partnership, ids: _CommunityIds) -> Entry:
    a, b = row.pair.a, row.pair.b
    return Entry(
        source=RECORDED,
        row=row.pk,
        a=_community_side(a, ids),
        b=_community_side(b, ids),
        form=row.form,
        status=row.status,
        year=row.since.year if row.since else None,
        themes=tuple(row.agreement.areas),
        is_recognised=row.recognised,  # type: ignore[attr-defined]
        is_sample=a.is_sample or b.is_sample,
        lists=(),
        kinds=ids.kinds((a.pk, b.pk), ()),
    )


def _of_confirmed(row: ExistingPartnership, ids: _CommunityIds) -> Entry:
    community, place = row.community, row.place
    of_place = _community_of(place)
    public = ids.first_public(of_place, row.partner_id)
    return Entry(
        source=CONFIRMED if row.state == ExistingPartnership.State.CONFIRMED else STATED,
        row=row.pk,
        a=_community_side(community, ids),
        b=_place_side(place, public, row.name) if place is not None else _named_side(row, public),
        form=row.form,
        status=row.status,
        year=row.year,
        themes=(),
        is_recognised=False,
        is_sample=community.is_sample,
        lists=(),
        kinds=ids.kinds((community.pk, of_place, row.partner_id), ()),
    )


# The gazetteer's two ends of a listed pair: few columns, of many rows.
_OF_A_PLACE = (
    "pk", "name", "country", "admin1", "latitude", "longitude", "search_text", "community",
)  # fmt: skip


def _of_listed(row: Mapping[str, Any], ids: _CommunityIds) -> Entry:
    ends = [[row[f"{side}__{part}"] for part in _OF_A_PLACE] for side in ("place_a", "place_b")]
    a, b = (
        DirectorySide(name, of, region, pk, ids.first_public(community), north, east, _words(text))
        for pk, name, of, region, north, east, text, community in ends
    )
    stated = row["stated"] or {}
    return Entry(
        source=STATED if stated else LISTED,
        row=row["pk"],
        a=a,
        b=b,
        form=stated.get("form", ""),
        status=stated.get("status", UNKNOWN),
        year=stated.get("year"),
        themes=(),
        is_recognised=False,
        is_sample=False,
        lists=tuple(row["sources"]),
        kinds=ids.kinds((), (a.place, b.place)),
    )


def _rank(entry: Entry, words: Sequence[str], meant: Sequence[Reading]) -> int | None:
    """How well an entry fits what was searched for, 0 is best: a side is called so, where it was
    said to be; the words begin words of one side; are pieces of it; are of both sides. None: not at
    all.
    """
    for side in entry.sides:
        for reading in meant:
            if reading.name in side.words and reading.admits(side.country, side.region):
                return 0
    if not all(word in entry.a.words or word in entry.b.words for word in words):
        return None
    if any(all(_begins(word, side.words) for word in words) for side in entry.sides):
        return 1
    return 2 if any(all(word in side.words for word in words) for side in entry.sides) else 3


def _begins(word: str, names: str) -> bool:
    return any(f"{mark}{word}" in names for mark in "| -")


def _fits(entry: Entry, asked: RowFilters, words: Sequence[str], meant: Sequence[Reading]) -> bool:
    return (
        (not asked.country or asked.country in (entry.a.country, entry.b.country))
        and (not asked.kind or asked.kind in entry.kinds)
        and (not asked.theme or asked.theme in entry.themes)
        and (not asked.status or asked.status == entry.status)
        and (asked.decade is None or _decade(entry) == asked.decade)
        and (not asked.recognised or entry.is_recognised)
        and (asked.place is None or asked.place in (entry.a.place, entry.b.place))
        and (not asked.search or _rank(entry, words, meant) is not None)
    )


def _decade(entry: Entry) -> int | None:
    return None if entry.year is None else entry.year // 10 * 10


class Directory(Sequence[Entry]):
    """The directory under some filters: how many, a slice of it, what narrows it further, and the
    arcs of its map.

    Args:
        entries: the whole directory, where it is at hand; else it is read.
    """

    def __init__(self, asked: RowFilters, entries: Sequence[Entry] | None = None) -> None:
        words, meant = words_apart(asked.search), readings_inside(asked.search)
        everything = all_entries() if entries is None else entries
        self._entries = [entry for entry in everything if _fits(entry, asked, words, meant)]
        if words:
            self._entries.sort(key=lambda entry: _rank(entry, words, meant) or 0)

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, wanted: int) -> Entry: ...
    @overload
    def __getitem__(self, wanted: slice) -> list[Entry]: ...
    def __getitem__(self, wanted: int | slice) -> Entry | list[Entry]:
        return self._entries[wanted]

    def facets(self) -> dict[str, dict[str, int]]:
        """How many entries each country, status, decade and theme (of those whose themes are known)
        has.
        """
        counted: dict[str, Counter[str]] = defaultdict(Counter)
        for entry in self._entries:
            counted["country"].update({entry.a.country, entry.b.country})
            counted["status"][entry.status] += 1
            counted["theme"].update(entry.themes)
            if (decade := _decade(entry)) is not None:
                counted["decade"][str(decade)] += 1
            if entry.is_recognised:
                counted["recognised"]["yes"] += 1
        return {name: dict(numbers) for name, numbers in counted.items() if numbers}

    def arcs(self) -> list[tuple[float, float, float, float]]:
        """Longitude and latitude of both ends of the first MOST_ARCS entries whose ends are
        known.
        """
        known = (
            (a.longitude, a.latitude, b.longitude, b.latitude)
            for a, b in (entry.sides for entry in self._entries)
            if a.longitude is not None
            and a.latitude is not None
            and b.longitude is not None
            and b.latitude is not None
        )
        return list(islice(known, MOST_ARCS))
