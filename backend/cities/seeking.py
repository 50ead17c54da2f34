"""Seeking as a market place: which communities fit what somebody asks for, in which order, and
where they are. Everything here is a function of what anybody may read. Lists ask one narrow table
(``SeekingEntry``); pages fetch the communities of the rows that they show.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from math import acos, cos, radians, sin
from typing import Any

from django.db.models import (
    Case,
    Count,
    ExpressionWrapper,
    F,
    FloatField,
    Func,
    IntegerField,
    Prefetch,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Cast, Floor, Greatest, Least
from django.db.models.lookups import IsNull, LessThanOrEqual
from django.utils import timezone

from backend.cities.models import Community, Place, SeekingEntry
from backend.cities.models.communities import HOME_COUNTRY
from backend.cities.models.places import regions_named, whereabouts
from backend.cities.profile_schema import FIRST_NEEDS, document_value
from backend.cities.queries import readings_inside, seeking_communities, words_apart

FRESH, MATCH, SIZE, NEAR, FIT = "fresh", "match", "size", "near", "fit"
EARTH_KM = 6371.0
FRESH_DAYS = 30
# Code → from how many inhabitants, and below how many (None: no end)
SIZES: Mapping[str, tuple[int, int | None]] = {
    "under_25k": (1, 25_000),
    "under_100k": (25_000, 100_000),
    "under_500k": (100_000, 500_000),
    "under_2m": (500_000, 2_000_000),
    "over_2m": (2_000_000, None),
}
MEMBERS = ("us", "global", "none")
_LISTS = {
    "needs": "needs",
    "offers": "offers",
    "theme": "themes",
    "sector": "sectors",
    "language": "languages",
}
Rows = QuerySet[SeekingEntry]
_WHOLE: Any = IntegerField()


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks for; every field narrows the list.

    ``community`` is whoever asks: ``needs_ours`` and ``offers_ours`` compare with its own published
    offers and needs. ``topic`` is needed or offered.
    """

    search: str = ""
    needs: str = ""
    offers: str = ""
    topic: str = ""
    theme: str = ""
    sector: str = ""
    size: str = ""
    country: str = ""
    region: str = ""
    language: str = ""
    form: str = ""
    member: str = ""
    fresh: bool = False
    community: int | None = None
    needs_ours: bool = False
    offers_ours: bool = False

    def plain(self) -> dict[str, Any]:
        """The fields that are set, as JSON or an address has them."""
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def words(self) -> list[str]:
        return words_apart(self.search)

    @property
    def name(self) -> str:
        """What of the search is the name itself: "toledo" of "Toledo, Ohio"."""
        return next((one.name for one in readings_inside(self.search)), " ".join(self.words))


def asked_of(query: Mapping[str, Any]) -> Asked:
    """The reverse of ``Asked.plain``; what a later version has no field for is passed over."""
    known = {field.name for field in fields(Asked)}
    return Asked(**{name: value for name, value in query.items() if name in known})


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """From where somebody looks: a community that anybody may read of, or a place."""

    name: str
    latitude: float | None
    longitude: float | None
    community_id: int | None = None
    is_home: bool = False
    needs: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()

    @property
    def is_somewhere(self) -> bool:
        return self.latitude is not None and self.longitude is not None

    def position(self) -> tuple[float, float, float]:
        """On a sphere of radius 1; only where it is somewhere."""
        latitude, longitude = radians(self.latitude or 0), radians(self.longitude or 0)
        return (
            cos(latitude) * cos(longitude),
            cos(latitude) * sin(longitude),
            sin(latitude),
        )

    def distance_to(self, row: SeekingEntry) -> float:
        """As rows by distance have it; only where both are somewhere."""
        return sum(
            (there - here) ** 2
            for here, there in zip(self.position(), (row.x, row.y, row.z), strict=True)
            if there is not None
        )


def viewpoint_of(community_id: int) -> Viewpoint | None:
    """The public community of that number; None where there is none."""
    found = (
        Community.objects.public()
        .select_related("profile__current_version")
        .filter(pk=community_id)
        .first()
    )
    if found is None or found.profile.current_version is None:
        return None
    data = found.profile.current_version.data
    return Viewpoint(
        name=found.name,
        latitude=found.latitude,
        longitude=found.longitude,
        community_id=found.pk,
        is_home=found.is_home,
        needs=tuple(document_value(data, "needs_offers", "needs") or ()),
        offers=tuple(document_value(data, "needs_offers", "offers") or ()),
    )


def viewpoint_at(place: Place) -> Viewpoint:
    return Viewpoint(place.name, place.latitude, place.longitude)


def narrowed(rows: Rows, asked: Asked, viewpoint: Viewpoint | None = None) -> Rows:
    """The rows that fit, in no order. ``viewpoint`` is that of ``asked.community``."""
    for name, column in _LISTS.items():
        if value := getattr(asked, name):
            rows = rows.filter(**{f"{column}__contains": [value]})
    if asked.topic:
        rows = rows.filter(Q(needs__contains=[asked.topic]) | Q(offers__contains=[asked.topic]))
    if asked.form:
        rows = rows.filter(Q(forms__contains=[asked.form]) | Q(forms=[]))
    if asked.country:
        rows = rows.filter(country=asked.country)
    if asked.region:
        rows = rows.filter(country__subregion=asked.region)
    if asked.fresh:
        rows = rows.filter(published_at__gte=timezone.now() - dt.timedelta(days=FRESH_DAYS))
    rows = _of_size(_of_members(rows, asked.member), asked.size)
    if asked.words:
        rows = rows.filter(_is_called(asked))
    return _as_seen_by(rows, asked, viewpoint)


def _is_called(asked: Asked) -> Q:
    """All words, each in a name of it, its region or its country; or the name of one that lies
    where the rest says: "Toledo, OH".
    """
    every = Q()
    for word in asked.words:
        countries = [country for country, region in whereabouts(word) if not region]
        regions = regions_named(word) if len(word) > 1 else ()  # a letter begins thousands
        every &= Q(words__contains=word) | Q(admin1__in=regions) | Q(country__in=countries)
    for reading in readings_inside(asked.search):
        every |= Q(words__contains=reading.name) & reading.condition("")
    return every


def _of_members(rows: Rows, member: str) -> Rows:
    if member == "none":
        return rows.filter(is_member=False)
    if member:
        of_home = Q(country=HOME_COUNTRY)
        return rows.filter(of_home if member == "us" else ~of_home, is_member=True)
    return rows


def _of_size(rows: Rows, size: str) -> Rows:
    if size not in SIZES:
        return rows
    least, below = SIZES[size]
    rows = rows.filter(population__gte=least)
    return rows if below is None else rows.filter(population__lt=below)


def _as_seen_by(rows: Rows, asked: Asked, viewpoint: Viewpoint | None) -> Rows:
    """Beside the filters: nobody finds themselves."""
    if asked.community is None:
        return rows
    rows = rows.exclude(pk=asked.community)
    if asked.needs_ours:
        rows = rows.filter(needs__overlap=list(viewpoint.offers if viewpoint else ()))
    if asked.offers_ours:
        rows = rows.filter(offers__overlap=list(viewpoint.needs if viewpoint else ()))
    return rows


# Orders. Each ends with the key, so that a page can begin after any row.


def ordered(rows: Rows, order: str, asked: Asked, viewpoint: Viewpoint | None) -> Rows:
    """The rows in an order; without what it needs (a viewpoint, a search) in that of freshness.

    Rows by distance have ``distance``, the square of the way through the earth in its radii; those
    by fit have ``fit`` and are all on the other side of the viewpoint's community.
    """
    if order == NEAR and viewpoint is not None and viewpoint.is_somewhere:
        return _by_distance(rows, viewpoint)
    if order == FIT and viewpoint is not None and viewpoint.community_id is not None:
        return _by_fit(rows, viewpoint)
    if order == SIZE:
        return rows.order_by("-population", "-pk")
    if order == MATCH and asked.words:
        rows = rows.annotate(closeness=_closeness(asked.name))
        return rows.order_by("closeness", "-population", "-pk")
    return rows.order_by("-published_at", "-pk")


def _closeness(typed: str) -> Case:
    """0 for the name itself, 1 for another name of it, then names that begin so, words of names,
    and whatever else was found: pieces of words, its region or country.
    """
    return Case(
        When(words__startswith=f"|{typed}|", then=0),
        When(words__contains=f"|{typed}|", then=1),
        When(words__startswith=f"|{typed}", then=2),
        When(Q(words__contains=f"|{typed}") | Q(words__contains=f" {typed}"), then=3),
        default=4,
        output_field=_WHOLE,
    )


def _by_distance(rows: Rows, viewpoint: Viewpoint) -> Rows:
    x, y, z = viewpoint.position()
    square: Any = (
        (F("x") - x) * (F("x") - x) + (F("y") - y) * (F("y") - y) + (F("z") - z) * (F("z") - z)
    )
    return (
        rows.filter(x__isnull=False)
        .annotate(distance=Func(square, template="(%(expressions)s)", output_field=FloatField()))
        .order_by("distance", "pk")
    )


def kilometres(distance: float) -> float:
    """The way on the ground for a row's ``distance``."""
    return EARTH_KM * acos(max(-1.0, min(1.0, 1 - distance / 2)))


def _by_fit(rows: Rows, viewpoint: Viewpoint) -> Rows:
    """Those that offer something that it needs, or the other way round: the share of its needs that
    they offer and of their needs that it offers, together; the first three needs count double.
    """
    at_home = Q(country=HOME_COUNTRY)
    needs, offers = list(viewpoint.needs), list(viewpoint.offers)
    rows = rows.filter(~at_home if viewpoint.is_home else at_home)
    rows = rows.filter(Q(offers__overlap=needs) | Q(needs__overlap=offers))
    return rows.annotate(fit=_fit(needs, offers)).order_by("-fit", "-pk")


def _fit(needs: Sequence[str], offers: Sequence[str]) -> Any:
    """As a sum of cases: a function over lists would take ten times as long."""
    weights = {code: _weight(position) for position, code in enumerate(needs, start=1)}
    met: Any = Value(0)
    for code, weight in weights.items():
        met += Case(When(offers__contains=[code], then=weight), default=0)
    given: Any = Value(0)
    for code in offers:
        position = Func(F("needs"), Value(code), function="array_position", output_field=_WHOLE)
        given += Case(
            When(LessThanOrEqual(position, FIRST_NEEDS), then=2),
            When(IsNull(position, False), then=1),
            default=0,
        )
    length = Func(F("needs"), function="cardinality", output_field=_WHOLE)
    asked = Greatest(length + Least(length, Value(FIRST_NEEDS)), Value(1))
    return ExpressionWrapper(
        Cast(met, FloatField()) / float(sum(weights.values()) or 1)
        + Cast(given, FloatField()) / Cast(asked, FloatField()),
        output_field=FloatField(),
    )


def _weight(position: int) -> int:
    return 2 if position <= FIRST_NEEDS else 1


def with_communities(rows: Rows) -> Rows:
    """The rows of a page with their communities, fetched by one more query."""
    found = seeking_communities().order_by()
    return rows.defer("words").prefetch_related(Prefetch("community", found))


# All of a list at once: how many, and where.


CELL = 3.0  # degrees
MOST_CELLS = 1500


@dataclass(frozen=True, slots=True)
class Overview:
    """How many communities fit, and how many there are in each cell of the map that has any:
    (longitude, latitude, count) of the cell's middle, the fullest MOST_CELLS of them.
    """

    count: int
    cells: Sequence[tuple[float, float, int]]


def overview_of(rows: Rows) -> Overview:
    """Of all rows, in one query."""
    counted = (
        rows.order_by()
        .annotate(row=Floor(F("latitude") / CELL), column=Floor(F("longitude") / CELL))
        .values_list("row", "column")
        .annotate(count=Count("pk"))
    )
    found = list(counted)
    cells = sorted(
        (
            ((column + 0.5) * CELL, (row + 0.5) * CELL, count)
            for row, column, count in found
            if row is not None and column is not None
        ),
        key=lambda cell: (-cell[2], cell),
    )
    return Overview(sum(count for *_cell, count in found), cells[:MOST_CELLS])
