"""The directory of partnerships: recorded, confirmed by members, and listed by members."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Exists,
    F,
    IntegerField,
    JSONField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast, ExtractYear, NullIf

from backend.cities.models import Community, ExistingPartnership, ListedPartnership, Membership
from backend.cities.models.communities import HOME_COUNTRY
from backend.cities.names import fold
from backend.cities.queries import confirmed_partnerships
from backend.introductions.models import Partnership
from backend.introductions.queries.partnerships import living_partnerships, recognised

UNKNOWN = "unknown"


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
    for word in searched_words(asked):
        sides = (
            Q(**{f"{community}__{name}": word})
            for community in ("pair__a", "pair__b")
            for name in ("name__icontains", "place__search_text__contains")
        )
        found = found.filter(any_of(sides))
    if asked.theme:
        found = found.filter(agreement__areas__contains=[asked.theme])
    if asked.status:
        found = found.filter(status=asked.status)
    if asked.decade is not None:
        found = found.filter(since__year__gte=asked.decade, since__year__lt=asked.decade + 10)
    return found.filter(recognised()) if asked.recognised else found


def confirmed_of_members(asked: RowFilters = RowFilters()) -> QuerySet[ExistingPartnership]:
    """What staff have confirmed of officials' partnerships from before, where one of the two is a
    member in good standing.

    Where both have claimed one, the older row represents it.
    """
    members = member_communities(asked.kind)
    found = (
        confirmed_partnerships()
        .exclude(status="ended")
        .filter(Q(community__in=members) | Q(place__community__in=members) | Q(partner__in=members))
    )
    same = ExistingPartnership.objects.filter(
        Q(community__place=OuterRef("place")) | Q(community=OuterRef("partner")),
        Q(place=OuterRef("community__place")) | Q(partner=OuterRef("community")),
        state=ExistingPartnership.State.CONFIRMED,
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
    for word in searched_words(asked):
        names = (
            "name__icontains",
            "place__search_text__contains",
            "community__name__icontains",
            "partner__name__icontains",
            "community__place__search_text__contains",
        )
        found = found.filter(any_of(Q(**{name: word}) for name in names))
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
    claimed = ExistingPartnership.objects.filter(
        state=ExistingPartnership.State.CONFIRMED, community__profile__current_version__isnull=False
    )
    found = found.exclude(
        Exists(claimed.filter(community__place=OuterRef("place_a"), place=OuterRef("place_b")))
    )
    found = found.exclude(
        Exists(claimed.filter(community__place=OuterRef("place_b"), place=OuterRef("place_a")))
    )
    if asked.country:
        found = found.filter(Q(place_a__country=asked.country) | Q(place_b__country=asked.country))
    if asked.place:
        found = found.filter(Q(place_a=asked.place) | Q(place_b=asked.place))
    for word in searched_words(asked):
        found = found.filter(
            Q(place_a__search_text__contains=word) | Q(place_b__search_text__contains=word)
        )
    if (
        asked.theme
        or asked.recognised
        or asked.decade is not None
        or asked.status not in ("", UNKNOWN)
    ):
        return found.none()
    return found.select_related("place_a__country", "place_b__country").order_by(
        "place_a__name", "place_b__name", "id"
    )


def recorded_between(one: str, other: str, of: str = "__place") -> QuerySet[Partnership]:
    """Living partnerships of the two that the outer query names, by their places or, with an empty
    ``of``, by their communities.
    """
    living = Partnership.objects.exclude(
        status__in=(Partnership.Status.ENDED, Partnership.Status.EMERITUS)
    )
    ways = ((one, other), (other, one))
    return living.filter(
        any_of(Q(**{f"pair__a{of}": OuterRef(a), f"pair__b{of}": OuterRef(b)}) for a, b in ways)
    )


def searched_words(asked: RowFilters) -> list[str]:
    return fold(asked.search.replace("\x00", "")).split()


def any_of(conditions: Any) -> Q:
    joined = Q()
    for condition in conditions:
        joined |= condition
    return joined


def as_text(value: Any) -> Cast:
    return Cast(value, TextField())


def is_public(*paths: str) -> Any:
    """The community's id, by the first path that leads to one, where it has a page that anybody may
    read.
    """
    named = any_of(Q(pk=OuterRef(path)) for path in paths)
    return Community.objects.public().filter(named).values("pk")[:1]


# The directory: partnerships of members, recorded here, confirmed by staff, or named by public
# lists.
#
# Only partnerships of members in good standing are listed, of a U.S. or a Global Member with
# anybody in the world; a tie of others is not invalid, it is unlisted (domain.md). One that is
# recorded is not listed again because somebody claims it or a public list names it.


RECORDED, CONFIRMED, LISTED = "recorded", "confirmed", "listed"


MOST_ARCS = 200


_OF_A_SIDE = ("name", "country", "place", "community", "latitude", "longitude")
_OF_BOTH = ("form", "status", "year", "themes", "is_recognised", "is_sample", "lists")
_COLUMNS = (
    "source",
    "row",
    *(f"{side}_{part}" for side in "ab" for part in _OF_A_SIDE),
    *_OF_BOTH,
)


_ORDER = (
    "ORDER BY CASE source WHEN 'recorded' THEN 0 WHEN 'confirmed' THEN 1 ELSE 2 END, a_name, "
    "b_name, source, row"
)


@dataclass(frozen=True, slots=True)
class DirectorySide:
    name: str
    country: str
    place: int | None
    community: int | None
    latitude: float | None
    longitude: float | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One partnership of the directory, wherever it comes from. ``community`` of a side is set
    where it has a public page.
    """

    source: str
    row: int
    a: DirectorySide
    b: DirectorySide
    form: str
    status: str
    year: int | None
    is_recognised: bool
    is_sample: bool
    lists: list[str]


def _side(
    prefix: str,
    name: Any,
    country: str,
    place: Any,
    community: tuple[str, ...],
    latitude: Any,
    longitude: Any,
) -> dict[str, Any]:
    return {
        f"{prefix}_name": as_text(name),
        f"{prefix}_country": as_text(F(country)),
        f"{prefix}_place": place,
        f"{prefix}_community": Subquery(is_public(*community)),
        f"{prefix}_latitude": latitude,
        f"{prefix}_longitude": longitude,
    }


def _parts(asked: RowFilters) -> list[QuerySet[Any, Any]]:
    """The three sources with the same columns."""
    no_lists = Value([], output_field=ArrayField(CharField()))
    no_themes = Cast(Value("[]"), JSONField())
    recorded = recorded_partnerships(asked).prefetch_related(None).select_related(None).order_by()
    confirmed = confirmed_of_members(asked).select_related(None).defer(None).order_by()
    listed = listed_of_members(asked).select_related(None).order_by()
    either_sample = Q(pair__a__is_sample=True) | Q(pair__b__is_sample=True)
    parts = [
        recorded.annotate(
            source=as_text(Value(RECORDED)),
            row=F("id"),
            **_side(
                "a",
                F("pair__a__name"),
                "pair__a_country",
                F("pair__a__place"),
                ("pair__a",),
                F("pair__a__latitude"),
                F("pair__a__longitude"),
            ),
            **_side(
                "b",
                F("pair__b__name"),
                "pair__b_country",
                F("pair__b__place"),
                ("pair__b",),
                F("pair__b__latitude"),
                F("pair__b__longitude"),
            ),
            year=Cast(ExtractYear("since"), IntegerField()),
            themes=F("agreement__areas"),
            is_recognised=F("recognised"),
            is_sample=Case(
                When(either_sample, then=Value(True)),
                default=Value(False),
                output_field=BooleanField(),
            ),
            lists=no_lists,
        ),
        confirmed.annotate(
            source=as_text(Value(CONFIRMED)),
            row=F("id"),
            **_side(
                "a",
                F("community__name"),
                "community__country",
                F("community__place"),
                ("community",),
                F("community__latitude"),
                F("community__longitude"),
            ),
            **_side(
                "b",
                F("name"),
                "country",
                F("place"),
                ("place__community", "partner"),
                F("place__latitude"),
                F("place__longitude"),
            ),
            themes=no_themes,
            is_recognised=Value(False),
            is_sample=F("community__is_sample"),
            lists=no_lists,
        ),
        listed.annotate(
            source=as_text(Value(LISTED)),
            row=F("id"),
            **_side(
                "a",
                F("place_a__name"),
                "place_a__country",
                F("place_a"),
                ("place_a__community",),
                F("place_a__latitude"),
                F("place_a__longitude"),
            ),
            **_side(
                "b",
                F("place_b__name"),
                "place_b__country",
                F("place_b"),
                ("place_b__community",),
                F("place_b__latitude"),
                F("place_b__longitude"),
            ),
            form=as_text(Value("")),
            status=as_text(Value(UNKNOWN)),
            year=Cast(NullIf(Value(0), Value(0)), IntegerField()),
            themes=no_themes,
            is_recognised=Value(False),
            is_sample=Value(False),
            lists=F("sources"),
        ),
    ]
    return [part.values_list(*_COLUMNS) for part in parts]


class Directory:
    """The directory under some filters: how many, a slice of it, what narrows it further, and the
    arcs of its map. Two statements.
    """

    def __init__(self, asked: RowFilters) -> None:
        self._params: list[Any] = []
        selects = []
        for part in _parts(asked):
            try:
                sql, params = part.query.get_compiler(using=connection.alias).as_sql()
            except EmptyResultSet:  # these filters leave nothing of this source
                continue
            selects.append(f"({sql})")
            self._params += params
        self._entries = (
            f"WITH entry ({', '.join(_COLUMNS)}) AS ({' UNION ALL '.join(selects)}) "
            if selects
            else ""
        )

    def _rows(self, select: str, *params: Any) -> list[tuple[Any, ...]]:
        if not self._entries:
            return []
        with connection.cursor() as cursor:
            cursor.execute(self._entries + select, [*self._params, *params])
            return cursor.fetchall()

    @cached_property
    def _summary(self) -> dict[str, dict[str, int]]:
        """Count, facets and arcs together: the entries are found once for all three."""
        counted: dict[str, dict[str, int]] = defaultdict(dict)
        for name, code, number in self._rows(_SUMMARY):
            counted[name][code] = number
        return counted

    def __len__(self) -> int:
        return self._summary["count"].get("all", 0)

    def count(self) -> int:
        return len(self)

    def __getitem__(self, wanted: slice) -> list[Entry]:
        """What pages need: entries from one position to another. Recorded ones first, then by
        name.
        """
        start, stop = wanted.start or 0, wanted.stop
        limit = "" if stop is None else f" LIMIT {int(stop) - int(start)}"
        select = f"SELECT * FROM entry {_ORDER}{limit} OFFSET {int(start)}"  # noqa: S608 - numbers alone
        return [_entry(row) for row in self._rows(select)]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self[:])

    def facets(self) -> dict[str, dict[str, int]]:
        """How many entries each country, status, decade and theme (of those whose themes are known)
        has.
        """
        return {
            name: counted for name, counted in self._summary.items() if name not in ("count", "arc")
        }

    def arcs(self) -> list[tuple[float, float, float, float]]:
        """Longitude and latitude of both ends of the first MOST_ARCS entries whose ends are
        known.
        """
        numbers = self._summary["arc"]
        return [
            tuple(json.loads(numbered.partition(":")[2]))
            for numbered in sorted(numbers, key=numbers.__getitem__)
        ]


_COUNTED = """
SELECT 'count', 'all', count(*) FROM entry
UNION ALL SELECT 'status', status, count(*) FROM entry GROUP BY status
UNION ALL SELECT 'decade', (year / 10 * 10)::text, count(*) FROM entry
    WHERE year IS NOT NULL GROUP BY 2
UNION ALL SELECT 'recognised', 'yes', count(*) FROM entry WHERE is_recognised HAVING count(*) > 0
UNION ALL SELECT 'theme', code, count(*)
    FROM entry, jsonb_array_elements_text(themes) AS code GROUP BY code
UNION ALL SELECT 'country', code, count(*) FROM (
    SELECT a_country AS code FROM entry
    UNION ALL SELECT b_country FROM entry WHERE b_country <> a_country
) AS side GROUP BY code
UNION ALL SELECT 'arc', concat(number, ':', ends), number FROM (
    SELECT json_build_array(a_longitude, a_latitude, b_longitude, b_latitude)::text AS ends,
        row_number() OVER (ORDERED) AS number
    FROM entry WHERE a_latitude IS NOT NULL AND b_latitude IS NOT NULL ORDERED LIMIT MOST
) AS arc"""


_SUMMARY = _COUNTED.replace("ORDERED", _ORDER).replace("MOST", str(MOST_ARCS))


def _entry(row: tuple[Any, ...]) -> Entry:
    values = dict(zip(_COLUMNS, row, strict=True))
    a, b = (
        DirectorySide(**{part: values[f"{side}_{part}"] for part in _OF_A_SIDE}) for side in "ab"
    )
    rest = {name: values[name] for name in ("source", "row", *_OF_BOTH) if name != "themes"}
    return Entry(a=a, b=b, **rest)
