"""What the gazetteer knows of a place, as the generator of sample documents reads it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from django.db.models import Q

from backend.cities.models import ListedPartnership, Place
from backend.cities.reference import read_csv


@dataclass(frozen=True, slots=True)
class Partner:
    """A partner that a public list names."""

    place_id: int
    name: str
    country: str


@dataclass(frozen=True, slots=True)
class PlaceFacts:
    """Real facts; None or empty where no source says. ``key`` seeds the draws: the place's id, or a
    name where there is no place.
    """

    key: str
    name: str
    country: str
    subregion: str = ""
    place_id: int | None = None
    kind: str = "city"
    admin1_code: str = ""
    admin1: str = ""
    latitude: float | None = None
    longitude: float | None = None
    timezone: str = ""
    population: int | None = None
    elevation_m: float | None = None
    coastal: bool | None = None
    seaport: bool | None = None
    climate: str = ""
    air_destinations: int | None = None
    university_names: int | None = None
    is_capital: bool = False
    seat_level: int | None = None
    income_band: int | None = None
    languages: tuple[str, ...] = ()
    alternate_names: tuple[str, ...] = ()
    partners: tuple[Partner, ...] = ()


def place_facts(place_ids: Sequence[int]) -> list[PlaceFacts]:
    """The facts of these places, in this order, in two queries. Raises KeyError for an id that is
    not in the gazetteer.
    """
    places = Place.objects.select_related("country").in_bulk(place_ids)
    partners = listed_partners_of(place_ids)
    return [_facts(places[place_id], partners[place_id]) for place_id in place_ids]


def _facts(place: Place, partners: Sequence[Partner]) -> PlaceFacts:
    return PlaceFacts(
        key=str(place.pk),
        place_id=place.pk,
        name=place.name,
        country=place.country_id,
        subregion=place.country.subregion,
        admin1_code=place.admin1_code,
        admin1=place.admin1,
        latitude=place.latitude,
        longitude=place.longitude,
        timezone=place.timezone,
        population=place.population,
        elevation_m=place.elevation_m,
        coastal=place.coastal,
        seaport=place.seaport,
        climate=place.climate,
        air_destinations=place.air_destinations,
        university_names=place.university_names,
        is_capital=place.is_capital,
        seat_level=place.seat_level,
        income_band=place.country.income_band,
        languages=tuple(place.country.languages),
        alternate_names=tuple(place.alternate_names),
        partners=tuple(partners),
    )


def listed_partners_of(place_ids: Iterable[int]) -> Mapping[int, list[Partner]]:
    """The listed partners of each place, ordered by country and name."""
    wanted = set(place_ids)
    rows = ListedPartnership.objects.filter(
        Q(place_a__in=wanted) | Q(place_b__in=wanted)
    ).values_list(
        "place_a",
        "place_a__name",
        "place_a__country",
        "place_b",
        "place_b__name",
        "place_b__country",
    )
    found: dict[int, list[Partner]] = defaultdict(list)
    for a, a_name, a_country, b, b_name, b_country in rows:
        if a in wanted:
            found[a].append(Partner(b, b_name, b_country))
        if b in wanted:
            found[b].append(Partner(a, a_name, a_country))
    for partners in found.values():
        partners.sort(key=lambda partner: (partner.country, partner.name, partner.place_id))
    return found


@cache
def heritage_of_states() -> Mapping[str, Mapping[str, float]]:
    """U.S. state → country → percent of the state's people with that ancestry or origin (American
    Community Survey 2018).
    """
    shares: dict[str, dict[str, float]] = defaultdict(dict)
    for state, country, percent in read_csv("us_state_heritage.csv.gz"):
        shares[state][country] = float(percent)
    return shares
