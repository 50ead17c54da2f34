"""Hypothesis strategies for the engine's plain records: small vocabularies, so that codes meet;
every field may be unknown.
"""

from __future__ import annotations

import functools
from typing import Any

from hypothesis import strategies as st

from matching.facets import FACET_NAMES
from matching.types import ProfileRecord, Snapshot, Sought, Tie, Vocabulary

VOCABULARY = Vocabulary(
    sectors=("agriculture", "energy", "tourism", "transport"),
    themes=("arts", "business", "municipal", "youth"),
    topics=("heritage", "ports", "startups", "training", "water"),
    challenges=("drought", "flooding", "housing"),
    institutions=("museum", "university", "zoo"),
    languages=("de", "en", "es", "ja"),
    labels={
        "topic:water": ("water management", "水管理"),
        "topic:ports": ("port logistics", "logística portuaria"),
    },
    near={
        "ports": {"water": 0.25},
        "startups": {"training": 0.5, "heritage": 0.25},
        "training": {"startups": 0.5},
        "water": {"ports": 0.25},
    },
    answers={  # nothing answers housing
        "drought": {"water": 0.5},
        "flooding": {"water": 1.0, "ports": 0.5, "training": 0.25},
    },
)
FOREIGN = ("DE", "FR", "JP", "MX")
REGIONS = {
    "US": "Northern America",
    "DE": "Western Europe",
    "FR": "Western Europe",
    "JP": "Eastern Asia",
    "MX": "Central America",
}
STORIES = (
    "We are a harbour town that looks after its water management and its museum.",
    "A port logistics hub with a young population, many startups and a long quay.",
    "Nuestra ciudad vive de la logística portuaria y del turismo.",
    "私たちの町は水管理と港で知られています。",
    "An inland farming county; drought is what we talk about.",
)


def code_sets(codes: tuple[str, ...]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(codes), max_size=len(codes))


def ordered_needs() -> st.SearchStrategy[tuple[str, ...] | frozenset[str]]:
    """In order, or from a record of before there was one."""
    topics = VOCABULARY.topics
    in_order = st.lists(st.sampled_from(topics), unique=True, max_size=len(topics)).map(tuple)
    return in_order | code_sets(topics)


def levels(codes: tuple[str, ...]) -> st.SearchStrategy[dict[str, int]]:
    return st.dictionaries(st.sampled_from(codes), st.integers(1, 3), max_size=len(codes))


def known_or_not(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


def ties(countries: tuple[str, ...], community_ids: tuple[int, ...]) -> st.SearchStrategy[Tie]:
    kinds, strengths = st.sampled_from(("ancestral", "mayoral", "trade")), st.integers(1, 3)
    to_country = st.builds(Tie, kinds, strengths, country=st.sampled_from(countries))
    if not community_ids:
        return to_country
    return to_country | st.builds(
        Tie, kinds, strengths, community_id=st.sampled_from(community_ids)
    )


@functools.cache
def _some_ties(community_ids: tuple[int, ...]) -> st.SearchStrategy[list[Tie]]:
    return st.lists(ties(("US", *FOREIGN), community_ids), max_size=3)


def wishes() -> st.SearchStrategy[Sought]:
    countries = code_sets((*FOREIGN, "US"))
    return st.just(Sought()) | st.builds(
        Sought,
        countries=countries,
        regions=code_sets(tuple(sorted(set(REGIONS.values())))),
        excluded_countries=countries,
        population_min=known_or_not(st.integers(0, 10**6)),
        population_max=known_or_not(st.integers(0, 10**7)),
        forms=code_sets(("friendship", "project", "sister")),
        not_where_partnered=st.booleans(),
        not_with_us_sister=st.booleans(),
    )


# Each strategy is made once: making them for each record took most of the time of a test.
_WHERE = known_or_not(st.tuples(st.floats(-90, 90), st.floats(-180, 180)))
_ABROAD = st.sampled_from(FOREIGN)
_SEAT = st.sampled_from(
    (
        (None, None),
        (True, 0),
        (False, 1),
        (False, 3),
        (True, None),
        (False, None),
        (None, 2),
    )
)
_REGION = {code: known_or_not(st.just(region)) for code, region in REGIONS.items()}
_FACTS = {
    "population": known_or_not(st.integers(1, 40_000_000)),
    "elevation_m": known_or_not(st.floats(-400, 5_000)),
    "utc_offset_hours": known_or_not(st.sampled_from((-8.0, -5.0, 0.0, 5.5, 9.0, 14.0))),
    "climate": known_or_not(st.sampled_from(("Af", "BSk", "BWh", "Cfa", "Cfb", "Csa", "Dfb"))),
    "coastal": known_or_not(st.booleans()),
    "port": known_or_not(st.booleans()),
    "air_destinations": known_or_not(st.integers(0, 300)),
    "universities": known_or_not(st.integers(0, 30)),
    "median_age": known_or_not(st.floats(14, 60)),
    "income_band": known_or_not(st.integers(1, 4)),
    "sectors": levels(VOCABULARY.sectors),
    "themes": levels(VOCABULARY.themes),
    "needs": ordered_needs(),
    "offers": code_sets(VOCABULARY.topics),
    "challenges": code_sets(VOCABULARY.challenges),
    "institutions": code_sets(VOCABULARY.institutions),
    "languages": code_sets(VOCABULARY.languages),
}
_WISHES = {
    "tie_hints": st.dictionaries(st.sampled_from(("US", *FOREIGN)), st.floats(0, 1), max_size=3),
    "readiness": st.dictionaries(
        st.sampled_from(("budget", "council", "travel")),
        st.sampled_from((0.0, 0.5, 1.0)),
        max_size=3,
    ),
    "story": known_or_not(st.sampled_from(STORIES)),
    "story_language": st.sampled_from(("en", "es", "ja", None)),
    "importances": st.dictionaries(
        st.sampled_from(FACET_NAMES), st.sampled_from((0.0, 0.5, 1.0, 3.0)), max_size=4
    ),
    "sought": wishes(),
    "partner_countries": code_sets(("US", *FOREIGN)),
    "has_us_sister": st.booleans(),
    "available": st.booleans(),
}


@st.composite
def records(draw: st.DrawFn, id_: int, country: str, named: tuple[int, ...] = ()) -> ProfileRecord:
    """One record of any completeness; ``named`` are ids of communities it may have a tie to."""
    where = draw(_WHERE)
    capital, level = draw(_SEAT)
    return ProfileRecord(
        id=id_,
        country=country,
        region=draw(_REGION[country]),
        latitude=where and where[0],
        longitude=where and where[1],
        is_capital=capital,
        seat_level=level,
        **{name: draw(values) for name, values in _FACTS.items()},
        ties=tuple(draw(_some_ties(named))),
        **{name: draw(values) for name, values in _WISHES.items()},
    )


@st.composite
def snapshots(draw: st.DrawFn, max_side: int = 4) -> Snapshot:
    """Both sides, each possibly empty, with barred pairs, barred jurisdictions and ties across."""
    left_ids = tuple(range(1, 1 + draw(st.integers(0, max_side))))
    right_ids = tuple(range(101, 101 + draw(st.integers(0, max_side))))
    left = tuple(draw(records(id_, "US", right_ids)) for id_ in left_ids)
    right = tuple(draw(records(id_, draw(_ABROAD), left_ids)) for id_ in right_ids)
    return Snapshot(
        left=left,
        right=right,
        barred_pairs=draw(
            st.frozensets(
                st.tuples(st.integers(1, max_side), st.integers(101, 100 + max_side)), max_size=3
            )
        ),
        barred_countries=draw(
            st.frozensets(
                st.tuples(st.sampled_from(("*", "US")), st.sampled_from(FOREIGN)), max_size=1
            )
        ),
        version="generated",
    )
