"""Random pairs through the real engine: each sentence is checked against both records."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.cities.facets import item_label
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
from matching.features import FeatureBuilder
from matching.types import ProfileRecord, Snapshot, Tie
from tests.strategies import snapshots

READERS: tuple[ReadBy, ...] = ("first", "both", "staff")
_REAL = {
    "agriculture": "agriculture",
    "arts": "arts",
    "business": "business",
    "heritage": "drought_resilience",
    "housing": "housing_shortage",
    "museum": "museum",
    "ports": "water_management",
    "startups": "irrigation",
    "training": "port_logistics",
    "transport": "logistics",
    "university": "research_university",
    "water": "flood_protection",
    "zoo": "botanical_garden",
}
_ZONES = {
    -8.0: "Etc/GMT+8",
    -5.0: "Etc/GMT+5",
    0.0: "Etc/GMT",
    5.5: "Asia/Kolkata",
    9.0: "Asia/Tokyo",
    14.0: "Pacific/Kiritimati",
}
_ENGINE_CODES = ("sectors", "themes", "needs", "offers", "challenges", "institutions")


def _real(record: ProfileRecord) -> ProfileRecord:
    """The record with codes of the real vocabularies, and hints of a home community alone."""

    def renamed(held: Any) -> Any:
        if isinstance(held, Mapping):
            return {_REAL.get(code, code): level for code, level in held.items()}
        return type(held)(_REAL.get(code, code) for code in held)

    hints = record.tie_hints if record.country == "US" else {}
    return dataclasses.replace(
        record,
        tie_hints=hints,
        **{name: renamed(getattr(record, name)) for name in _ENGINE_CODES},
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
            "climate": (record.climate or "")[:2],
            "story": record.story or "",
            "timezone": "" if record.utc_offset_hours is None else _ZONES[record.utc_offset_hours],
        }
    )


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
    "ties_hinted": lambda me, them, one: me.tie_hints.get(them.country, 0) > 0.5,
    "sectors": _both("sectors"),
    "themes": _both("themes"),
    "institutions": _both("institutions"),
    "universities": lambda me, them, _: min(me.universities or 0, them.universities or 0) >= 3,
    "seaport": lambda me, them, _: bool(me.seaport and them.seaport),
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


def _check(engine: Engine, left: ProfileRecord, right: ProfileRecord, read_by: ReadBy) -> None:
    records, zones = (left, right), [_facts(record).timezone for record in (left, right)]
    hours = shared_hours(zones[0], zones[1], dt.date(2026, 11, 30))
    forth, back = pair_reasons(engine, left.id, right.id)
    found = pair_statements(
        Chooser(_facts(left), forth), Chooser(_facts(right), back), hours, read_by
    )
    hinted = [record for record in records if record.country == "US"]
    for one in (*found.in_common, *found.possible):
        sides = (hinted[0], right) if one.code == "ties_hinted" else records
        assert one.code in ("hours", "no_hours") or TRUE[one.code](*sides, one), one
    for side, (me, them) in zip(found.sides, (records, records[::-1]), strict=True):
        assert all(TRUE[one.code](me, them, one) for one in side.gains), side.gains
        assert all(_facts(me).lacks(f, chosen=False) for f in side.missing_own)
        assert all(_facts(them).lacks(f, chosen=True) for f in side.missing_other)
        assert {*side.not_counted}.isdisjoint(f for f, value in me.importances.items() if value)
        if side.caveat:
            code = side.caveat.code
            assert CAVEAT_TRUE.get(code, lambda *_: True)(me, them, side.caveat), side.caveat
            shown = {one.code for one in (*side.gains, *found.in_common, *found.possible)}
            assert shown.isdisjoint(SILENCED.get(code, ()))


@settings(max_examples=60, deadline=None)
@given(snapshots(3), st.sampled_from(READERS))
def test_every_sentence_about_a_random_pair_is_true_and_none_contradicts_another(
    snapshot: Snapshot, read_by: ReadBy
) -> None:
    real = dataclasses.replace(
        snapshot,
        left=tuple(map(_real, snapshot.left)),
        right=tuple(map(_real, snapshot.right)),
    )
    engine = build_engine(real, FeatureBuilder(engine_vocabulary()).fit(real))
    for left, right in itertools.product(real.left, real.right):
        _check(engine, left, right, read_by)
