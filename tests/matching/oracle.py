"""The directional preference and eligibility, written out facet by facet from the design, straight
from two records.

No factors, no arrays of codes: slow and plain, to hold the engine against. Only the latent topics
of stories come from outside, since a decomposition has no plain form; ``stories`` gives a record's
direction or None.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from matching.types import ProfileRecord, Snapshot
from matching.weights import Weights
from tests.strategies import VOCABULARY

DEFAULT_IMPORTANCE = {
    "needs_offers": 3,
    "ties": 3,
    "challenges": 3,
    "sectors": 2,
    "themes": 2,
    "institutions": 2,
    "geography": 2,
    "languages": 2,
    "size": 1,
    "time_zone": 1,
    "distance": 0,
    "story": 1,
    "readiness": 1,
}

Similarity = tuple[str, float, float | None]  # facet, share of its weight, similarity or None
# Parts that officials fill in, by the order in which ``similarities`` yields them
STATED = {0, 1, 2, 3, 4, 5, 6, 16, 20, 21}
FEASIBILITY = {"languages", "time_zone", "readiness"}


@dataclass
class Oracle:
    snapshot: Snapshot  # that base rates come from, too
    weights: Weights
    stories: Callable[[ProfileRecord], np.ndarray | None]

    def __post_init__(self) -> None:
        self.rates_of: dict[int, list[tuple[float, float, float]]] = {}

    def gain(self, i: ProfileRecord, j: ProfileRecord) -> tuple[float, float]:
        """Gain of i from j, and its coverage."""
        total = present = sought = gained = 0.0
        rates, has = self.rates(i), self.has(i)
        for number, (facet, share, similarity) in enumerate(self.similarities(i, j)):
            importance = (
                3 * (i.importances[facet] / 3) ** self.weights.importance_power
                if facet in i.importances
                else DEFAULT_IMPORTANCE[facet]
            )
            weight = round(importance * self.weights.unit[facet] * share * 4096) / 4096
            total += weight
            if not has[number]:
                continue
            sought += weight
            scale, offset, missing = rates[number]
            if similarity is None:
                gained += weight * missing
                continue
            present += weight
            lift = scale * similarity + offset
            if facet == "ties":
                named = [0.25 + 0.25 * t.strength for t in i.ties if t.community_id == j.id]
                if max([0.0, *named]) > similarity:
                    lift = max(lift, min(scale * max(named) + offset, 2.0))
            gained += weight * lift
        return gained / (sought + self.weights.prior_weight), present / total if total else 0.0

    def preference(self, i: ProfileRecord, j: ProfileRecord) -> float:
        """Preference of i for j."""
        return 1 / (
            1 + math.exp(-(self.weights.slope * self.gain(i, j)[0] + self.weights.intercept))
        )

    def rates(self, i: ProfileRecord) -> list[tuple[float, float, float]]:
        """Of each part: scale and offset of a similarity, and the lift of one who has no data."""
        if i.id not in self.rates_of:
            side = self.snapshot.right if i.country == "US" else self.snapshot.left
            # Whom i excludes it tells nobody, and its rates can be read by the others
            told = replace(i, sought=replace(i.sought, excluded_countries=frozenset()))
            candidates = [j for j in side if self.own_wishes_allow(told, j)]
            columns = [list(self.similarities(i, j)) for j in candidates]
            self.rates_of[i.id] = [
                rate([c[number] for c in columns], number in STATED) for number in range(22)
            ]
        return self.rates_of[i.id]

    def own_wishes_allow(self, i: ProfileRecord, j: ProfileRecord) -> bool:
        return i.country != j.country and wanted(replace(i, available=True), j)

    def has(self, i: ProfileRecord) -> list[bool]:
        """Whether i has the data to choose by each part."""
        ties, located = bool(i.ties or i.tie_hints), None not in (i.latitude, i.longitude)
        answerable = bool(i.challenges & VOCABULARY.answers.keys())
        lists = [i.needs, ties, i.challenges, answerable, i.sectors, i.themes, i.institutions]
        facts = [i.universities, i.port, i.air_destinations, i.income_band, i.median_age]
        facts += [i.climate, i.coastal, i.elevation_m, seat(i), i.languages or None, i.population]
        facts += [i.utc_offset_hours, located or None, self.stories(i), 1]
        return [*map(bool, lists), *(fact is not None for fact in facts)]

    def similarities(self, i: ProfileRecord, j: ProfileRecord) -> Iterator[Similarity]:
        yield "needs_offers", 1, self.needs_met(i, j)
        yield "ties", 1, self.tie(i, j)
        yield "challenges", 5 / 6, self.overlap("challenges", i, j)
        yield "challenges", 1 / 6, self.answered(i, j)
        yield "sectors", 1, self.cosine("sectors", i, j, rare=True)
        yield "themes", 1, self.cosine("themes", i, j, rare=False)
        yield "institutions", 0.25, self.overlap("institutions", i, j)
        yield "institutions", 0.125, abundance(i.universities, j.universities, 10)
        yield "institutions", 0.25, trait(i.port, j.port, 0.5)
        yield "institutions", 0.125, abundance(i.air_destinations, j.air_destinations, 100)
        yield (
            "institutions",
            0.125,
            both(i.income_band, j.income_band, lambda a, b: 1 - abs(a - b) / 3),
        )
        yield (
            "institutions",
            0.125,
            both(i.median_age, j.median_age, lambda a, b: close(a, b, 15, 55, 1)),
        )
        yield (
            "geography",
            0.375,
            both(i.climate, j.climate, lambda a, b: 0.5 * (a[0] == b[0]) + 0.5 * (a[:2] == b[:2])),
        )
        yield "geography", 0.375, trait(i.coastal, j.coastal, 1.0)
        yield (
            "geography",
            0.125,
            both(
                i.elevation_m,
                j.elevation_m,
                lambda a, b: close(high(a), high(b), 0, high(3_000), 1),
            ),
        )
        yield "geography", 0.125, both(seat(i), seat(j), lambda a, b: float(a == b))
        yield (
            "languages",
            1,
            both(i.languages or None, j.languages or None, lambda a, b: float(bool(a & b))),
        )
        ends = math.log(3_000), math.log(3_000_000)
        yield (
            "size",
            1,
            both(
                i.population, j.population, lambda a, b: close(math.log(a), math.log(b), *ends, 4)
            ),
        )
        yield "time_zone", 1, both(i.utc_offset_hours, j.utc_offset_hours, shared_hours)
        yield "distance", 1, nearness(i, j)
        yield (
            "story",
            1,
            both(self.stories(i), self.stories(j), lambda a, b: (1 + float(a @ b)) / 2),
        )
        yield "readiness", 1, sum(j.readiness.values()) / len(j.readiness) if j.readiness else None

    def rarity(self, field: str, code: str) -> float:
        everybody = [*self.snapshot.left, *self.snapshot.right]
        stating = [record for record in everybody if getattr(record, field)]
        return 1 + math.log(
            (1 + len(stating)) / (1 + sum(code in getattr(record, field) for record in stating))
        )

    def needs_met(self, i: ProfileRecord, j: ProfileRecord) -> float | None:
        if not i.needs or not j.offers:
            return None
        first = i.needs[:3] if isinstance(i.needs, tuple) else ()
        value = {t: self.rarity("offers", t) ** 0.5 * (2 if t in first else 1) for t in i.needs}
        met = sum(
            v * (1 if t in j.offers else best(VOCABULARY.near, t, j) / 10) for t, v in value.items()
        )
        return met / sum(value.values())

    def answered(self, i: ProfileRecord, j: ProfileRecord) -> float | None:
        asked = i.challenges & VOCABULARY.answers.keys()
        if not asked or not j.offers:
            return None
        offering = [r for r in (*self.snapshot.left, *self.snapshot.right) if r.offers]
        value = {
            c: 1
            + math.log(
                (1 + len(offering)) / (1 + sum(best(VOCABULARY.answers, c, r) for r in offering))
            )
            for c in asked
        }
        return sum(value[c] * best(VOCABULARY.answers, c, j) for c in asked) / sum(value.values())

    def tie(self, i: ProfileRecord, j: ProfileRecord) -> float | None:
        if not i.ties and not i.tie_hints:
            return None
        declared = [0.25 + 0.25 * tie.strength for tie in i.ties if tie.country == j.country]
        return max([*declared, 0.5 * i.tie_hints.get(j.country, 0.0)])

    def overlap(self, field: str, i: ProfileRecord, j: ProfileRecord) -> float | None:
        mine, theirs = getattr(i, field), getattr(j, field)
        if not mine or not theirs:
            return None
        mass = [
            sum(self.rarity(field, code) for code in codes)
            for codes in (mine & theirs, mine, theirs)
        ]
        return mass[0] / math.sqrt(mass[1] * mass[2])

    def cosine(self, field: str, i: ProfileRecord, j: ProfileRecord, *, rare: bool) -> float | None:
        mine, theirs = (
            {
                code: level * (self.rarity(field, code) if rare else 1)
                for code, level in getattr(record, field).items()
            }
            for record in (i, j)
        )
        if not mine or not theirs:
            return None
        return sum(mine[c] * theirs[c] for c in mine.keys() & theirs.keys()) / (
            math.hypot(*mine.values()) * math.hypot(*theirs.values())
        )

    def eligible(self, i: ProfileRecord, j: ProfileRecord) -> bool:
        barred = (i.id, j.id) in self.snapshot.barred_pairs
        jurisdiction = {(i.country, j.country), ("*", j.country)} & self.snapshot.barred_countries
        forms = i.sought.forms and j.sought.forms and not (i.sought.forms & j.sought.forms)
        return (
            not (barred or jurisdiction or forms or i.country == j.country)
            and wanted(i, j)
            and wanted(j, i)
        )


def rate(values: list[Similarity], stated: bool) -> tuple[float, float, float]:
    """Scale, offset and the lift of missing data, from all candidates' similarities in one part."""
    known = sorted(similarity for _, _, similarity in values if similarity is not None)
    if not known:
        return 0.0, 0.0, 0.0
    best, quarter = known[-1], known[math.ceil(len(known) / 4) - 1]
    if values[0][0] in FEASIBILITY:
        return 1.0, -best, quarter - best if stated else 0.0
    typical = sum(known) / (len(known) + 2)  # two more who bring nothing
    few = math.ceil(0.02 * len(known))
    reach = max(sum(known[-few:]) / few - typical, (best - typical) / 2, 0.4)
    return 1 / reach, -typical / reach, (quarter - typical) / reach if stated else 0.0


def wanted(i: ProfileRecord, j: ProfileRecord) -> bool:
    """Whether i is there at all and takes somebody like j."""
    sought = i.sought
    if not i.available or j.country in sought.excluded_countries:
        return False
    if sought.not_where_partnered and j.country in i.partner_countries:
        return False
    if sought.not_with_us_sister and j.has_us_sister:
        return False
    if j.population is not None:
        if sought.population_min is not None and j.population < sought.population_min:
            return False
        if sought.population_max is not None and j.population > sought.population_max:
            return False
    if not sought.countries and not sought.regions:
        return True
    return j.country in sought.countries or (
        bool(sought.regions) and j.region in (None, *sought.regions)
    )


def best(table: Mapping[str, Mapping[str, float]], code: str, j: ProfileRecord) -> float:
    """How far the best of j's offers meets the code."""
    return max((table.get(code, {}).get(offer, 0.0) for offer in j.offers), default=0.0)


def both(a, b, similarity):
    return None if a is None or b is None else similarity(a, b)


def close(a: float, b: float, low: float, top: float, degree: int) -> float:
    apart = min(max(a, low), top) - min(max(b, low), top)
    return ((1 + math.cos(math.pi * apart / (top - low))) / 2) ** degree


def high(metres: float) -> float:
    return math.log(1 + max(metres, 0) / 100)


def trait(a: bool | None, b: bool | None, neither: float) -> float | None:
    return both(a, b, lambda x, y: 1.0 if x and y else neither if not x and not y else 0.0)


def abundance(a: int | None, b: int | None, enough: int) -> float | None:
    return both(
        a,
        b,
        lambda x, y: math.sqrt(
            math.prod(min(1, math.log(1 + n) / math.log(1 + enough)) for n in (x, y))
        ),
    )


def seat(record: ProfileRecord) -> int | None:
    if record.is_capital is None and record.seat_level is None:
        return None
    return 0 if record.is_capital or record.seat_level == 0 else 1 if record.seat_level == 1 else 2


def shared_hours(a: float, b: float) -> float:
    apart = abs(a - b)
    return max(0.0, (8 - min(apart, 24 - apart)) / 8)


def nearness(i: ProfileRecord, j: ProfileRecord) -> float | None:
    if i.latitude is None or j.latitude is None or i.longitude is None or j.longitude is None:
        return None
    a, b, east = (
        math.radians(i.latitude),
        math.radians(j.latitude),
        math.radians(i.longitude - j.longitude),
    )
    return (1 + math.sin(a) * math.sin(b) + math.cos(a) * math.cos(b) * math.cos(east)) / 2
