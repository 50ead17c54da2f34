"""The places of the sample world, and which of them become communities."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.db.models import Q

from backend.cities.models import Country, ListedPartnership, Place
from backend.cities.names import name_language
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
    port: str | None = None
    climate: str = ""
    air_destinations: int | None = None
    university_names: int | None = None
    is_capital: bool = False
    seat_level: int | None = None
    income_band: int | None = None
    languages: tuple[str, ...] = ()
    local_name: str = ""  # in the place's own language, where it differs
    partners: tuple[Partner, ...] = ()

    @property
    def local_language(self) -> str:
        return name_language(self.local_name, self.country, self.admin1, self.languages)


# Valparaíso, home of the sample's official abroad: by the draw of its id nobody would be suggested
# to it.
_DRAWN_AGAIN = {3868626: "3868626.4"}


def place_facts(place_ids: Sequence[int]) -> list[PlaceFacts]:
    """The facts of these places, in this order, in two queries. Raises KeyError for an id that is
    not in the gazetteer.
    """
    places = Place.objects.select_related("country").in_bulk(place_ids)
    partners = listed_partners_of(place_ids)
    names = local_names(place_ids)
    return [
        _facts(places[place_id], partners[place_id], names.get(place_id, ""))
        for place_id in place_ids
    ]


def local_names(place_ids: Iterable[int]) -> Mapping[int, str]:
    """What places are called in their own language and script, where that is known and not the
    gazetteer's name.
    """
    wanted = {str(place_id) for place_id in place_ids}
    rows = read_csv("local_names.csv.gz")
    return {int(place_id): name for place_id, name in rows if place_id in wanted}


def _facts(place: Place, partners: Sequence[Partner], local_name: str) -> PlaceFacts:
    return PlaceFacts(
        key=_DRAWN_AGAIN.get(place.pk, str(place.pk)),
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
        port=place.port,
        climate=place.climate,
        air_destinations=place.air_destinations,
        university_names=place.university_names,
        is_capital=place.is_capital,
        seat_level=place.seat_level,
        income_band=place.country.income_band,
        languages=tuple(place.country.languages),
        local_name=local_name,
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


# Which real communities make up the sample world: a list that was read by hand, so that no quarter
# of a city, no estate, no second place of one name and nothing that is disputed between countries
# stands in it as a community. Countries under comprehensive U.S. sanctions are not in it either.

FILE = Path(__file__).parent.parent / "data" / "sample" / "places.csv"

# Where the accounts with names of their own are at home: mid-sized, with much that a partner can
# want.
OFFICIAL_ABROAD = 3868626  # Valparaíso, Chile
NEWCOMER_ABROAD = 613607  # Kutaisi, Georgia
COMMITTEE_AT_HOME = 4221552  # Savannah, Georgia
OFFICIAL_AT_HOME = 4975802  # Portland, Maine
# Alone in their countries: the first profile of a country needs two approvals.
FIRST_OF_COUNTRY = (2410763, 3513090)  # São Tomé, Willemstad

# Counties and states are not in the gazetteer: name, state, middle, time zone and people (2020
# Census), by hand.
_BY_HAND = (
    ("county", "Fairfax County", "VA", "Virginia", 38.83, -77.28, "America/New_York", 1_150_309),
    ("county", "Fulton County", "GA", "Georgia", 33.79, -84.47, "America/New_York", 1_066_710),
    ("county", "Hennepin County", "MN", "Minnesota", 45.00, -93.48, "America/Chicago", 1_281_565),
    ("county", "Loudoun County", "VA", "Virginia", 39.09, -77.64, "America/New_York", 420_959),
    ("county", "Miami-Dade County", "FL", "Florida", 25.61, -80.50, "America/New_York", 2_701_767),
    ("county", "Montgomery County", "MD", "Maryland", 39.14, -77.20, "America/New_York", 1_062_061),
    (
        "county",
        "Prince George's County",
        "MD",
        "Maryland",
        38.83,
        -76.85,
        "America/New_York",
        967_201,
    ),
    (
        "county",
        "Santa Clara County",
        "CA",
        "California",
        37.23,
        -121.70,
        "America/Los_Angeles",
        1_936_259,
    ),
    ("state", "Hawaii", "HI", "Hawaii", 20.80, -156.33, "Pacific/Honolulu", 1_455_271),
    ("state", "Maryland", "MD", "Maryland", 39.06, -76.79, "America/New_York", 6_177_224),
    (
        "state",
        "North Carolina",
        "NC",
        "North Carolina",
        35.55,
        -79.39,
        "America/New_York",
        10_439_388,
    ),
    ("state", "Utah", "UT", "Utah", 39.32, -111.67, "America/Denver", 3_271_616),
)


def communities_by_hand() -> list[PlaceFacts]:
    """The counties and states of the sample, with the facts of their country."""
    us = Country.objects.get(pk="US")
    return [
        PlaceFacts(
            key=f"{kind} {name}",
            name=name,
            country="US",
            subregion=us.subregion,
            kind=kind,
            admin1_code=code,
            admin1=state,
            latitude=latitude,
            longitude=longitude,
            timezone=timezone,
            population=people,
            income_band=us.income_band,
            languages=tuple(us.languages),
        )
        for kind, name, code, state, latitude, longitude, timezone, people in _BY_HAND
    ]


def listed_places() -> list[dict[str, str]]:
    """The rows of the list: id, name, country."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def choose_places() -> tuple[list[int], list[int]]:
    """Place ids of the sample's U.S. cities and of its places abroad."""
    rows = listed_places()
    home, abroad = (
        [int(row["id"]) for row in rows if (row["country"] == "US") == at_home]
        for at_home in (True, False)
    )
    return home, abroad
