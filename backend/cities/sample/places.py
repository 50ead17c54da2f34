"""The places of the sample world, and which of them become communities."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from django.db import connection
from django.db.models import Q

from backend.cities.models import Country, ListedPartnership, Place
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


# Which real communities make up the sample world. The same gazetteer gives the same choice.


U_S_COMMUNITIES = 400
PLACES_ABROAD = 1200

# Where the accounts with names of their own are at home: mid-sized, with much that a partner can
# want.
OFFICIAL_ABROAD = 3868626  # Valparaíso, Chile
NEWCOMER_ABROAD = 613607  # Kutaisi, Georgia
COMMITTEE_AT_HOME = 4221552  # Savannah, Georgia
OFFICIAL_AT_HOME = 4975802  # Portland, Maine

# Under comprehensive U.S. sanctions in part or whole, or U.S. soil themselves: no sample invents
# ties with them.
_LEFT_OUT = ("US", "KP", "IR", "SY", "CU", "RU", "BY", "PR", "GU", "VI", "AS", "MP", "UM", "AQ")
# Of New York City: in the gazetteer as places of their own
_BOROUGHS = (5110302, 5133273, 5125771, 5110266, 5139568)

# Ranks places within their country (or U.S. state) and size class by a hash, those with listed
# partners three times as likely.
_CANDIDATES = """
WITH listed AS (
    SELECT place_a_id AS id FROM cities_listedpartnership
    UNION SELECT place_b_id FROM cities_listedpartnership
),
place AS (
    SELECT p.id, CASE WHEN p.country_id = 'US' THEN p.admin1_code ELSE p.country_id END AS area,
        p.population,
        CASE WHEN p.population >= 1000000 THEN 0 WHEN p.population >= 200000 THEN 1
             WHEN p.population >= 50000 THEN 2
             WHEN p.population >= 10000 THEN 3 ELSE 4 END AS size,
        listed.id IS NOT NULL AS is_listed, p.seat_level,
        (('x' || substr(md5('sample' || p.id), 1, 8))::bit(32)::bigint + 0.5) / 4294967296.0 AS draw
    FROM cities_place p LEFT JOIN listed ON listed.id = p.id
    WHERE p.population >= 1500 AND p.climate <> '' AND (p.country_id = 'US') = %(home)s
        AND p.country_id <> ALL(%(left_out)s)
        AND p.id <> ALL(%(boroughs)s)
), ranked AS (
    SELECT id, area, size,
        row_number() OVER (
            PARTITION BY area, size ORDER BY -ln(draw) / CASE WHEN is_listed THEN 3 ELSE 1 END, id
        ) AS rank,
        count(*) OVER (PARTITION BY area) AS in_area
    FROM place
    -- The gazetteer holds districts of large cities too: only seats and listed ones are cities.
    WHERE is_listed OR seat_level IS NOT NULL OR (population < 50000 AND NOT %(home)s)
)
SELECT id, area, in_area FROM ranked WHERE rank <= 40 ORDER BY area, rank, size, id
"""

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


class Candidate(NamedTuple):
    """A place in the order of its area (country or state); ``in_area``: how many candidates the
    area has in all.
    """

    place_id: int
    area: str
    in_area: int


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


def choose_places() -> tuple[list[int], list[int]]:
    """Place ids of the sample's U.S. cities and of its places abroad."""
    home = U_S_COMMUNITIES - len(_BY_HAND)
    return (
        share_out(_candidates(home=True), home, first=(COMMITTEE_AT_HOME, OFFICIAL_AT_HOME)),
        share_out(_candidates(home=False), PLACES_ABROAD, first=(OFFICIAL_ABROAD, NEWCOMER_ABROAD)),
    )


def _candidates(*, home: bool) -> list[Candidate]:
    left_out = [code for code in _LEFT_OUT if not (home and code == "US")]
    with connection.cursor() as cursor:
        cursor.execute(
            _CANDIDATES, {"home": home, "left_out": left_out, "boroughs": list(_BOROUGHS)}
        )
        return [Candidate(*row) for row in cursor.fetchall()]


def share_out(candidates: Iterable[Candidate], total: int, *, first: Sequence[int]) -> list[int]:
    """``total`` ids: those of ``first``, then from each area in turn, large areas (by the root of
    their candidates) more often.
    """
    by_area: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        if candidate.place_id not in first:
            by_area[candidate.area].append(candidate)
    # The n-th place of an area comes at the time n / √candidates: every area gives its first early.
    timed = [
        ((number + 0.5) / candidate.in_area**0.5, area, candidate.place_id)
        for area, members in by_area.items()
        for number, candidate in enumerate(members)
    ]
    firsts = {area: members[0].place_id for area, members in by_area.items()}
    order = _unique(
        [
            *first,
            *(firsts[area] for area in sorted(firsts)),
            *(place for _, _, place in sorted(timed)),
        ]
    )
    return order[:total]


def _unique(ids: Iterable[int]) -> list[int]:
    return list(dict.fromkeys(ids))
