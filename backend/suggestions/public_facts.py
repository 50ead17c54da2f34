"""What a published profile and open data say of a community, and where two communities lie.

Sentences about a pair rest on this and on nothing else: no wishes, no capacity, no answers.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache, lru_cache
from math import asin, cos, radians, sin, sqrt
from typing import Any, NamedTuple, Protocol

from backend.cities.drafts import stated_facts
from backend.cities.facets import CLIMATES, item_label
from backend.cities.models import Community
from backend.cities.models.communities import HOME_COUNTRY
from backend.cities.profile_schema import document_value
from backend.cities.roots import NOWHERE, Area, area_of
from backend.cities.vocabularies import near_topics, vocabulary
from backend.common.local_times import Season, known_zone, seasons

NEAR_KM = 800
SIMILAR_SIZE = 1.5  # at most this factor between two populations
DIFFERENT_SIZE = 5.0
HIGH_M, SIMILAR_HEIGHT = 500, 1.5
MANY_UNIVERSITIES, MANY_FLIGHTS = 3, 20
SIMILAR_AGE = 2.0


class StatedTie(NamedTuple):
    kind: str
    country: str | None = None
    community_id: int | None = None


@dataclass(frozen=True, slots=True)
class PublicFacts:
    """What the published profile and open data say of a community to those it is suggested to: no
    wishes, no capacity.
    """

    id: int
    name: str
    country: str
    needs: frozenset[str] = frozenset()
    offers: frozenset[str] = frozenset()
    challenges: frozenset[str] = frozenset()
    sectors: frozenset[str] = frozenset()
    themes: frozenset[str] = frozenset()
    institutions: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    ties: tuple[StatedTie, ...] = ()
    readiness: Mapping[str, str] = field(default_factory=dict)  # yes | partly | no
    importances: Mapping[str, float] = field(default_factory=dict)
    story: str = ""
    population: int | None = None
    median_age: float | None = None
    universities: int | None = None
    air_destinations: int | None = None
    income_band: int | None = None
    elevation_m: float | None = None
    coastal: bool | None = None
    port: str | None = None  # sea | lake | river | none
    is_capital: bool | None = None
    seat_level: int | None = None
    climate: str = ""
    latitude: float | None = None
    longitude: float | None = None
    timezone: str = ""
    area: Area = NOWHERE  # in the U.S.: whose people's roots are known

    @property
    def is_home(self) -> bool:
        return self.country == HOME_COUNTRY

    @property
    def has_port(self) -> bool:
        return self.port not in (None, "none")

    def ties_to(self, country: str) -> list[StatedTie]:
        """Ties to a country as a whole."""
        return [tie for tie in self.ties if tie.country == country]

    @property
    def seat(self) -> int | None:
        """0 national capital, 1 seat of a first-level division, 2 neither."""
        if self.is_capital or self.seat_level == 0:
            return 0
        if self.seat_level is None:
            return None if self.is_capital is None else 2
        return min(self.seat_level, 2)

    def lacks(self, facet: str, *, chosen: bool) -> bool:
        """Whether nothing is known here of what the facet compares; ``chosen``: of this community
        as the one that is chosen.
        """
        choosing, being_chosen = _COMPARED.get(facet, ((), ()))
        names = being_chosen if chosen else choosing
        return bool(names) and all(getattr(self, name) in _NOTHING for name in names)


_NOTHING: tuple[object, ...] = (None, "", (), frozenset(), {})
_Names = tuple[str, ...]


def _alike(*names: str) -> tuple[_Names, _Names]:
    return names, names


# Facet → what the one that chooses, and the one that is chosen, is compared by
_COMPARED: Mapping[str, tuple[_Names, _Names]] = {
    "needs_offers": (("needs",), ("offers",)),
    "ties": (("ties",), ()),
    "challenges": _alike("challenges"),
    "sectors": _alike("sectors"),
    "themes": _alike("themes"),
    "institutions": _alike(
        "institutions",
        "universities",
        "port",
        "air_destinations",
        "income_band",
        "median_age",
    ),
    "geography": _alike("climate", "coastal", "elevation_m", "seat"),
    "languages": _alike("languages"),
    "size": _alike("population"),
    "time_zone": _alike("timezone"),
    "distance": _alike("latitude"),
    "story": _alike("story"),
    "readiness": ((), ("readiness",)),
}
_FROM_PLACE = ("elevation_m", "coastal", "port", "air_destinations", "population")
_CODES = {
    "needs": ("needs_offers", "needs"),
    "offers": ("needs_offers", "offers"),
    "challenges": ("challenges", "challenges"),
    "sectors": ("sectors", "strengths"),
    "themes": ("themes", "importances"),
    "institutions": ("facts", "institutions"),
    "languages": ("languages", "working"),
}


def public_facts(community: Community) -> PublicFacts:
    """The community as its current version and open data show it, as ``community_record`` fills
    gaps.
    """
    version = community.profile.current_version
    document: Mapping[str, Any] = version.data if version else {}
    place = community.place
    facts = stated_facts(document)
    for name in _FROM_PLACE:
        if facts.get(name) is None:
            facts[name] = getattr(place, name, None)
    codes: dict[str, Any] = {
        name: frozenset(document_value(document, *where) or ()) for name, where in _CODES.items()
    }
    own = {each.name for each in fields(PublicFacts)} - _CODES.keys()
    return PublicFacts(
        id=community.pk,
        name=community.name,
        country=community.country_id,
        **codes,
        ties=tuple(
            StatedTie(tie["kind"], tie.get("country"), tie.get("community_id"))
            for tie in document_value(document, "ties", "ties") or ()
        ),
        readiness=document.get("readiness") or {},
        importances=document_value(document, "importances", "facets") or {},
        story=document_value(document, "story", "text") or "",
        **{name: value for name, value in facts.items() if name in own and name != "income_band"},
        income_band=facts.get("income_band") or community.country.income_band,
        is_capital=place.is_capital if place else None,
        seat_level=place.seat_level if place else None,
        climate=place.climate[:2] if place else "",
        latitude=community.latitude,
        longitude=community.longitude,
        timezone=community.timezone,
        area=area_of(community),
    )


EARTH_RADIUS_KM = 6371.0088


@dataclass(frozen=True, slots=True)
class PlacesApart:
    """Two communities on the map and on the clock. ``seasons`` is empty without a time zone."""

    own: Community
    other: Community
    distance_km: int | None
    seasons: list[Season]

    @property
    def both(self) -> list[Community]:
        return [self.own, self.other]

    @property
    def on_map(self) -> bool:
        return self.distance_km is not None


class Located(Protocol):
    """Anything with a place on the map."""

    @property
    def latitude(self) -> float | None: ...
    @property
    def longitude(self) -> float | None: ...


def distance_km(first: Located, second: Located) -> int | None:
    """Great-circle distance in whole kilometres; None where a place has no coordinates.
    https://en.wikipedia.org/wiki/Haversine_formula
    """
    if (
        first.latitude is None
        or first.longitude is None
        or second.latitude is None
        or second.longitude is None
    ):
        return None
    lat1, lon1, lat2, lon2 = (
        radians(value)
        for value in (first.latitude, first.longitude, second.latitude, second.longitude)
    )
    chord = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return round(2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(chord))))


def places_apart(own: Community, other: Community, today: dt.date) -> PlacesApart:
    here, there = known_zone(own.timezone), known_zone(other.timezone)
    return PlacesApart(
        own, other, distance_km(own, other), seasons(today, here, there) if here and there else []
    )


class Hours(NamedTuple):
    """The least and the most working hours a day that two places share within a year."""

    least: float
    most: float


@lru_cache(maxsize=1024)
def shared_hours(first: str, second: str, today: dt.date) -> Hours | None:
    """Of two time zones by name; None where one is not known."""
    here, there = known_zone(first), known_zone(second)
    if here is None or there is None:
        return None
    shared = [season.shared_hours for season in seasons(today, here, there)]
    return Hours(min(shared), max(shared))


class Likeness(NamedTuple):
    """A fact that two communities share; the numbers are those of the first and of the second, or
    one of the two together.
    """

    code: str  # of a sentence in ``facets.IN_COMMON``
    climate: str = ""
    numbers: tuple[float, ...] = ()


def _institutions(a: PublicFacts, b: PublicFacts) -> Iterator[Likeness]:
    # Where both name a port authority, that is said of both
    if a.has_port and b.has_port and "port_authority" not in a.institutions & b.institutions:
        yield Likeness(f"{a.port}_port" if a.port == b.port else "port")
    for code, name, enough in _MANY:
        one, other = getattr(a, name) or 0, getattr(b, name) or 0
        if min(one, other) >= enough:
            yield Likeness(code, numbers=(one, other))
    if a.median_age and b.median_age and abs(a.median_age - b.median_age) <= SIMILAR_AGE:
        yield Likeness("median_age", numbers=(a.median_age, b.median_age))


def _geography(a: PublicFacts, b: PublicFacts) -> Iterator[Likeness]:
    if a.coastal and b.coastal:
        yield Likeness("coast")
    if a.climate in CLIMATES and a.climate == b.climate:
        yield Likeness("climate", a.climate)
    if a.seat == b.seat and a.seat in _SEATS:
        yield Likeness(_SEATS[a.seat])
    heights = (a.elevation_m or 0, b.elevation_m or 0)
    if min(heights) >= HIGH_M and max(heights) <= SIMILAR_HEIGHT * min(heights):
        yield Likeness("elevation", numbers=heights)


def _size(a: PublicFacts, b: PublicFacts) -> Iterator[Likeness]:
    if 0 < _factor(a.population, b.population) <= SIMILAR_SIZE:
        yield Likeness("population", numbers=(a.population or 0, b.population or 0))


def _nearness(a: PublicFacts, b: PublicFacts) -> Iterator[Likeness]:
    km = distance_km(a, b)
    if km is not None and km <= NEAR_KM:
        yield Likeness("distance", numbers=(km, km))


_LIKENESSES = {
    "institutions": _institutions,
    "geography": _geography,
    "size": _size,
    "distance": _nearness,
}
_SEATS = {0: "capital", 1: "regional_seat"}
_MANY = (
    ("universities", "universities", MANY_UNIVERSITIES),
    ("air_links", "air_destinations", MANY_FLIGHTS),
)


def likenesses(facet: str, a: PublicFacts, b: PublicFacts) -> Iterator[Likeness]:
    """What of a facet's facts is alike, beyond codes that both state."""
    found = _LIKENESSES.get(facet)
    return iter(()) if found is None else found(a, b)


def differ_in_size(a: PublicFacts, b: PublicFacts) -> bool:
    return _factor(a.population, b.population) >= DIFFERENT_SIZE


def _factor(one: float | None, other: float | None) -> float:
    """By how much the larger exceeds the smaller; 0 where one is not known or not above 0."""
    if not one or not other or min(one, other) <= 0:
        return 0.0
    return max(one, other) / min(one, other)


def _offers_nothing(me: PublicFacts, them: PublicFacts) -> bool:
    useful = me.needs.union(*(near_topics().get(need, ()) for need in me.needs))
    return bool(me.needs and them.offers) and useful.isdisjoint(them.offers)


def _apart(name: str) -> Callable[[PublicFacts, PublicFacts], bool]:
    """Both state something, and nothing in common."""

    def apart(me: PublicFacts, them: PublicFacts) -> bool:
        mine, theirs = getattr(me, name), getattr(them, name)
        return bool(mine and theirs) and mine.isdisjoint(theirs)

    return apart


# Facet → whether the second has nothing of it for the first
DISJOINT: Mapping[str, Callable[[PublicFacts, PublicFacts], bool]] = {
    "needs_offers": _offers_nothing,
    "challenges": _apart("challenges"),
    "languages": _apart("languages"),
}

_MENTIONED = {"topic": "topics", "sector": "sectors", "theme": "themes", "challenge": "challenges"}
_WORD = re.compile(r"\w+")
_SPACED = re.compile(r"[\u0000-\u0dff]+")  # scripts that put spaces between words


@cache
def _phrases() -> Mapping[str, frozenset[str]]:
    """Words by which a story may mention codes, in any language, and the codes; longest first."""
    found: dict[str, set[str]] = {}
    for kind, name in _MENTIONED.items():
        for code, term in vocabulary(name).items():
            for phrase in filter(str.strip, map(_as_words, term.spellings)):
                found.setdefault(phrase, set()).add(f"{kind}:{code}")
    return {phrase: frozenset(found[phrase]) for phrase in sorted(found, key=len, reverse=True)}


def _as_words(text: str) -> str:
    words = " ".join(_WORD.findall(text.casefold()))
    return f" {words} " if _SPACED.fullmatch(words) else words.replace(" ", "")


@lru_cache(maxsize=256)
def mentions(story: str) -> frozenset[str]:
    """Codes of the vocabulary that a story names, such as "topic:port_logistics". Of words within
    words the longer count: "energy efficiency" is no mention of energy.
    """
    spaced = " " + " ".join(_WORD.findall(story.casefold())) + " "
    joined = spaced.replace(" ", "")
    found: frozenset[str] = frozenset()
    for phrase, codes in _phrases().items():
        if phrase.startswith(" ") and phrase in spaced:
            spaced = spaced.replace(phrase, " | ")
            found |= codes
        elif not phrase.startswith(" ") and phrase in joined:
            joined = joined.replace(phrase, "|")
            found |= codes
    return found


def told_by_both(a: PublicFacts, b: PublicFacts) -> dict[str, str]:
    """Words for what both stories name, and the code; without what both profiles state as well,
    which other sentences rest on.
    """
    stated = {
        "sector": a.sectors & b.sectors,
        "theme": a.themes & b.themes,
        "challenge": a.challenges & b.challenges,
        "topic": a.needs & b.offers | b.needs & a.offers,
    }
    known = {item_label(f"{kind}:{code}") for kind, codes in stated.items() for code in codes}
    labels = {item_label(code): code for code in sorted(mentions(a.story) & mentions(b.story))}
    return {words: code for words, code in labels.items() if words not in known}
