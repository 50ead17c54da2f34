"""Random pairs through the real engine: each sentence is checked against both records."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from collections.abc import Callable, Mapping, Sequence
from random import Random

import pytest
from django.conf import settings as django_settings
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.cities.facets import CAVEATS, GAINS, IN_COMMON, POSSIBLE, item_label
from backend.cities.roots import Area, Root, Sister
from backend.cities.vocabularies import challenge_answers, near_topics
from backend.suggestions.pair_text import Chooser, ReadBy, Statement, pair_statements
from backend.suggestions.public_facts import (
    PublicFacts,
    StatedTie,
    distance_km,
    mentions,
    shared_hours,
)
from backend.suggestions.scoring import pair_reasons
from backend.suggestions.scoring.records import engine_vocabulary
from matching.engine import Engine, build_engine
from matching.facets import FACET_NAMES
from matching.features import FeatureBuilder
from matching.types import ProfileRecord, Snapshot, Tie
from tests.division import at_length
from tests.strategies import STORIES

READERS: tuple[ReadBy, ...] = ("first", "both", "staff")
_CODES = {
    "sectors": ("agriculture", "energy", "tourism", "logistics"),
    "themes": ("arts", "business", "municipal", "youth"),
    "needs": (
        "flood_protection",
        "water_management",
        "drought_resilience",
        "irrigation",
        "port_logistics",
        "cycling_walking",
    ),
    "challenges": ("drought", "flooding", "housing_shortage"),
    "institutions": ("museum", "research_university", "botanical_garden"),
    "languages": ("de", "en", "es", "ja"),
    "readiness": ("budget", "council_support", "travel"),
}
SISTERS = (
    Sister("Texas", "Saxony", True, "1990", "Wikipedia"),
    Sister("Texas", "Bavaria", False, "", "Wikipedia"),
)
_ZONES = {-7.0: "Etc/GMT+7", -5.0: "Etc/GMT+5", 0.0: "Etc/GMT", 5.5: "Asia/Kolkata"}
# Of each fact, values on both sides of where a likeness begins
_VALUES: Mapping[str, tuple[object, ...]] = {
    "population": (None, 9_000, 12_000, 20_000, 400_000),
    "elevation_m": (None, 20.0, 600.0, 800.0, 1_000.0),
    "utc_offset_hours": (None, *_ZONES),
    "climate": (None, "Cfa", "Cfb", "Csa", "BSk"),
    "coastal": (None, True, False),
    "port": (None, True, False),
    "air_destinations": (None, 0, 19, 20, 90),
    "universities": (None, 0, 2, 3, 9),
    "median_age": (None, 36.0, 37.5, 39.0),
    "seat_level": (None, 0, 1, 3),
    "story": (None, STORIES[0], STORIES[1], STORIES[4], STORIES[2]),
}
_PLACES = ((None, None), (-30.0, 140.0), (40.0, -75.0), (43.0, -79.0), (48.0, -75.0))


def _record(rng: Random, id_: int, country: str, named: Sequence[int]) -> ProfileRecord:
    """A record whose every field may be unknown, in a world so small that much is alike."""

    def some(codes: Sequence[str]) -> list[str]:
        return rng.sample(codes, rng.randint(0, len(codes) - 1))

    def levels(codes: Sequence[str]) -> dict[str, int]:
        return {code: rng.randint(1, 3) for code in some(codes)}

    countries = ("US", "DE", "MX")
    ties = [
        Tie(kind, rng.randint(1, 3), country=rng.choice(countries))
        if rng.random() < 0.5
        else Tie(kind, rng.randint(1, 3), community_id=rng.choice(named))
        for kind in some(("ancestral", "mayoral", "trade"))
    ]
    latitude, longitude = rng.choice(_PLACES)
    return ProfileRecord(
        id=id_,
        country=country,
        latitude=latitude,
        longitude=longitude,
        needs=tuple(some(_CODES["needs"])),
        offers=frozenset(some(_CODES["needs"])),
        sectors=levels(_CODES["sectors"]),
        themes=levels(_CODES["themes"]),
        ties=tuple(ties),
        tie_hints={code: rng.random() for code in some(countries)} if country == "US" else {},
        readiness={code: rng.choice((0.0, 0.5, 1.0)) for code in some(_CODES["readiness"])},
        story_language="en",
        importances={
            name: rng.choice((0.0, 0.0, 1.0, 3.0))
            for name in rng.sample(FACET_NAMES, len(FACET_NAMES) // 2)
        },
        **{
            name: frozenset(some(_CODES[name]))
            for name in ("challenges", "institutions", "languages")
        },
        **{name: rng.choice(values) for name, values in _VALUES.items()},  # type: ignore[arg-type]
    )


def _snapshot(seed: int) -> Snapshot:
    rng = Random(seed)
    left, right = range(1, 9), range(101, 109)
    return Snapshot(
        left=tuple(_record(rng, id_, "US", right) for id_ in left),
        right=tuple(_record(rng, id_, rng.choice(("DE", "MX")), left) for id_ in right),
    )


def _facts(record: ProfileRecord) -> PublicFacts:
    same = {
        name: getattr(record, name)
        for name in (field.name for field in dataclasses.fields(PublicFacts))
        if hasattr(record, name)
    }
    sets = ("needs", "offers", "challenges", "sectors", "themes", "institutions", "languages")
    return PublicFacts(
        **same
        | {name: frozenset(same[name]) for name in sets}
        | {
            "name": f"City {record.id}",
            "ties": tuple(StatedTie(t.kind, t.country, t.community_id) for t in record.ties),
            "readiness": {
                name: ("no", "partly", "yes")[round(degree * 2)]
                for name, degree in record.readiness.items()
            },
            "port": {None: None, True: ("sea", "lake", "river")[record.id % 3], False: "none"}[
                record.port
            ],
            "climate": (record.climate or "")[:2],
            "story": record.story or "",
            "timezone": "" if record.utc_offset_hours is None else _ZONES[record.utc_offset_hours],
            "area": _area(record),
        }
    )


def _area(record: ProfileRecord) -> Area:
    """A county or state of the record's hints, clear where they are."""
    question = "ancestry" if record.id % 4 < 2 else "birthplace"
    roots = {
        country: Root(question, 50.0, 1.0) if hint > 0.5 else Root(question, 1.0, 1.0)
        for country, hint in record.tie_hints.items()
    }
    return Area("US-TX" if record.id % 2 else "48149", "TX", "Some County", roots)


def _named(one: Statement) -> list[str]:
    return [item.code.partition(":")[2] for item in one.items]


def _wanted(me: ProfileRecord, them: ProfileRecord, one: Statement, kind: str) -> bool:
    """Some need or challenge that is named in the sentence, and that the named offer meets."""
    (offer,) = _named(one)
    held, related = (
        (me.needs, near_topics()) if kind == "topic" else (me.challenges, challenge_answers())
    )
    wanted = [c for c in held if item_label(f"{kind}:{c}").lower() in one.words.lower()]
    return offer in them.offers and any(offer in related.get(code, ()) for code in wanted)


def _kinds(me: ProfileRecord, match: Callable[[Tie], bool]) -> set[str]:
    return {tie.kind for tie in me.ties if match(tie)}


def _factor(me: ProfileRecord, them: ProfileRecord) -> float:
    sizes = (me.population or 0, them.population or 0)
    return max(sizes) / min(sizes) if min(sizes) else 0.0


Check = Callable[[ProfileRecord, ProfileRecord, Statement], bool]


def _both(field: str) -> Check:
    return lambda me, them, one: (
        bool(_named(one)) and {*_named(one)} <= {*getattr(me, field)} & {*getattr(them, field)}
    )


def _neither(field: str) -> Check:
    return lambda me, them, _: (
        bool(getattr(me, field) and getattr(them, field))
        and not {*getattr(me, field)} & {*getattr(them, field)}
    )


TRUE: dict[str, Check] = {
    "needs_met": lambda me, them, one: {*_named(one)} <= {*me.needs} & them.offers,
    "need_nearly_met": lambda me, them, one: _wanted(me, them, one, "topic"),
    "challenge_answered": lambda me, them, one: _wanted(me, them, one, "challenge"),
    "challenges_shared": _both("challenges"),
    "ties_to_community": lambda me, them, one: (
        {*_named(one)} == _kinds(me, lambda tie: tie.community_id == them.id)
        and f"City {them.id}" in one.words
    ),
    "ties_to_country": lambda me, them, one: (
        {*_named(one)} == _kinds(me, lambda tie: tie.country == them.country)
        and item_label(f"tie_hint:{them.country}") in one.words
    ),
    **dict.fromkeys(
        ("ancestry_in_county", "birthplace_in_county", "ancestry_in_state", "birthplace_in_state"),
        lambda me, them, one: me.tie_hints[them.country] > 0.5 and "Some County" in one.words,
    ),
    **dict.fromkeys(("sister_divisions", "division_agreement"), lambda *_: True),
    "sectors": _both("sectors"),
    "themes": _both("themes"),
    "institutions": _both("institutions"),
    "universities": lambda me, them, _: min(me.universities or 0, them.universities or 0) >= 3,
    **dict.fromkeys(
        ("sea_port", "lake_port", "river_port", "port"),
        lambda me, them, _: bool(me.port and them.port),
    ),
    "air_links": lambda me, them, _: (
        min(me.air_destinations or 0, them.air_destinations or 0) >= 20
    ),
    "median_age": lambda me, them, _: abs((me.median_age or 0) - (them.median_age or 99)) <= 2,
    "climate": lambda me, them, _: (me.climate or "?")[:2] == (them.climate or "!")[:2],
    "coast": lambda me, them, _: bool(me.coastal and them.coastal),
    "elevation": lambda me, them, _: min(me.elevation_m or 0, them.elevation_m or 0) >= 500,
    "capital": lambda me, them, _: all(r.is_capital or r.seat_level == 0 for r in (me, them)),
    "regional_seat": lambda me, them, _: me.seat_level == them.seat_level == 1,
    "population": lambda me, them, _: 1 <= _factor(me, them) <= 1.5,
    "distance": lambda me, them, _: (distance_km(me, them) or 0) <= 800,
    "story": lambda me, them, one: (
        {item.code for item in one.items} <= mentions(me.story or "") & mentions(them.story or "")
    ),
    "languages": _both("languages"),
    "no_language": _neither("languages"),
}
CAVEAT_TRUE: dict[str, Check] = {
    "needs_offers": lambda me, them, _: (
        bool(me.needs and them.offers)
        and not any(n in them.offers or {*near_topics().get(n, ())} & them.offers for n in me.needs)
    ),
    "challenges": _neither("challenges"),
    "languages": _neither("languages"),
    "size": lambda me, them, _: _factor(me, them) >= 5,
    "readiness": lambda me, them, one: all(them.readiness[code] < 1 for code in _named(one)),
    "coverage": lambda me, them, one: one.words[0] != "0",
}
# A caveat of either side → what is then not said of the same side, nor of the two
SILENCED = {
    "needs_offers": {"needs_met", "need_nearly_met"},
    "challenges": {"challenges_shared"},
    "languages": {"languages", "no_language"},
    "time_zone": {"hours", "no_hours"},
    "no_hours": {"hours", "no_hours"},
    "size": {"population"},
}


def _check(engine: Engine, left: ProfileRecord, right: ProfileRecord, read_by: ReadBy) -> set[str]:
    """Checks everything that is said of a pair, and returns the kinds of it."""
    records, zones = (left, right), [_facts(record).timezone for record in (left, right)]
    hours = shared_hours(zones[0], zones[1], dt.date(2026, 11, 30))
    forth, back = pair_reasons(engine, left.id, right.id)
    found = pair_statements(
        Chooser(_facts(left), forth),
        Chooser(_facts(right), back),
        hours,
        read_by,
        SISTERS if left.id == 1 else (),
    )
    hinted = [record for record in records if record.country == "US"]
    for one in (*found.in_common, *found.possible):
        sides = (hinted[0], right) if "_in_" in one.code else records
        assert one.code in ("hours", "no_hours") or TRUE[one.code](*sides, one), one
    for side, (me, them) in zip(found.sides, (records, records[::-1]), strict=True):
        assert all(TRUE[one.code](me, them, one) for one in side.gains), side.gains
        assert ("needs_met" in {one.code for one in side.gains}) is bool({*me.needs} & them.offers)
        assert all(_facts(me).lacks(f, chosen=False) for f in side.missing_own)
        assert all(_facts(them).lacks(f, chosen=True) for f in side.missing_other)
        assert {*side.not_counted}.isdisjoint(f for f, value in me.importances.items() if value)
        if side.caveat:
            code = side.caveat.code
            assert CAVEAT_TRUE.get(code, lambda *_: True)(me, them, side.caveat), side.caveat
            shown = {one.code for one in (*side.gains, *found.in_common)}
            if side is found.sides[0] or read_by != "first":  # who reads the caveat
                shown |= {one.code for one in found.possible}
            assert shown.isdisjoint(SILENCED.get(code, ()))
    caveats = [side.caveat for side in found.sides if side.caveat]
    gains = [one for side in found.sides for one in side.gains]
    return {one.code for one in (*found.in_common, *found.possible, *caveats, *gains)}


@pytest.mark.at_length
@settings(max_examples=at_length(4, 12), deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(READERS))
def test_every_sentence_about_a_random_pair_is_true_and_none_contradicts_another(
    seed: int, read_by: ReadBy
) -> None:
    world = _snapshot(seed)
    engine = build_engine(world, FeatureBuilder(engine_vocabulary()).fit(world))
    for left, right in itertools.product(world.left, world.right):
        _check(engine, left, right, read_by)


@pytest.mark.system
@pytest.mark.at_length
def test_random_pairs_reach_every_kind_of_sentence() -> None:
    """By default no more worlds are drawn once every kind was said."""
    said: set[str] = set()
    for seed in range(12):
        if at_length(said >= {*GAINS, *IN_COMMON, *POSSIBLE, *CAVEATS}, False):
            break
        world = _snapshot(seed)
        engine = build_engine(world, FeatureBuilder(engine_vocabulary()).fit(world))
        for left, right in itertools.product(world.left, world.right):
            said |= _check(engine, left, right, "first")
    assert said >= {*GAINS, *IN_COMMON, *POSSIBLE, *CAVEATS}, {
        *GAINS,
        *IN_COMMON,
        *POSSIBLE,
        *CAVEATS,
    } - said


@pytest.mark.parametrize("language", [code for code, _label in django_settings.LANGUAGES])
def test_every_sentence_is_whole_in_every_language(language: str) -> None:
    tables = (GAINS, IN_COMMON, POSSIBLE, CAVEATS)
    names = ("own", "other", "items", "wanted", "country", "climate", "first", "second", "hours")
    names += ("area", "percent", "everywhere", "details")
    values = {name: f"«{name}»" for name in names}
    with translation.override("en"):
        english = [
            str(text) % values for table in tables for pair in table.values() for text in pair
        ]
    with translation.override(language):
        said_there = [
            str(text) % values for table in tables for pair in table.values() for text in pair
        ]
        assert item_label("answer:flooding>flood_protection") != "answer"
    for sentence, original in zip(said_there, english, strict=True):
        assert {v for v in values.values() if v in sentence} == {
            v for v in values.values() if v in original
        }
        assert language == "en" or sentence != original
