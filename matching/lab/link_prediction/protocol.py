"""The protocol: which pairs are found, in which pool, from what was learned, and how well.

Pool, tiers, metrics and leakage rules are those of the benchmark's baseline:

- positives are pairs of tiers A and B; tier C is neither partner nor other for its U.S. city;
- the ``partners`` pool is every foreign city of the pairs to find (all tiers); ``open`` is every
  foreign city of 20,000 or more;
- folds are by U.S. city; without pairs of their own, each fold is found by what the other folds
  teach;
- nothing that is learned or counted involves a U.S. city that is asked about.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from matching.lab.link_prediction.places import Places, describe
from matching.lab.link_prediction.ranker import Ranker, TrainingPairs, without_hubs
from matching.lab.link_prediction.tables import (
    US_TERRITORIES,
    CityTable,
    OpenData,
    PairTable,
    TableError,
)
from matching.metrics import RankingMeasures, Recovered
from matching.types import FloatArray, IntArray

POOLS = ("partners", "open")
OPEN_POPULATION = 20_000
SEED = 20240611


@dataclass(frozen=True)
class Recovery:
    """Measures with what they rest on."""

    measures: RankingMeasures
    pool: str
    pool_size: int
    cities: int
    pairs: int


def open_pool(cities: CityTable) -> IntArray:
    """Rows of foreign cities of 20,000 or more, U.S. territories left out."""
    large = np.nan_to_num(cities.number["population"]) >= OPEN_POPULATION
    abroad = np.array(
        [code != "US" and code not in US_TERRITORIES for code in cities.text["country"]]
    )
    return np.flatnonzero(large & abroad)


class _Sought:
    """Pairs to find, as positions in a pool."""

    def __init__(self, cities: CityTable, pairs: PairTable, pool: IntArray, tiers: str) -> None:
        self.pool = pool
        position = {int(row): i for i, row in enumerate(pool)}
        sure: dict[int, set[int]] = {}
        unsure: dict[int, set[int]] = {}
        left, right = (
            cities.rows_of(pairs.left.tolist(), "pairs to find"),
            cities.rows_of(pairs.right.tolist(), "pairs to find"),
        )
        for own, foreign, tier in zip(left.tolist(), right.tolist(), pairs.tier, strict=True):
            if foreign in position:
                (sure if tier in tiers else unsure).setdefault(own, set()).add(position[foreign])
        self.rows = np.array(sorted(sure), dtype=np.int64)
        self.true = {row: np.array(sorted(found), dtype=np.int64) for row, found in sure.items()}
        self.unsure = {
            row: np.array(sorted(found), dtype=np.int64) for row, found in unsure.items()
        }
        if len(self.rows) == 0:
            raise TableError(f"no pair of tiers {tiers} to find in this pool")

    def measure(
        self, rows: Iterable[int], scores: FloatArray, rng: np.random.Generator
    ) -> list[Recovered]:
        none = np.empty(0, np.int64)
        return [
            Recovered.of(scores[i], self.true[row], self.unsure.get(row, none), rng)
            for i, row in enumerate(rows)
        ]


def training_pairs(cities: CityTable, pairs: PairTable, pool: str, tiers: str) -> TrainingPairs:
    """Partners to learn from; the others come from their foreign cities or the open pool."""
    left, right = (
        cities.rows_of(pairs.left.tolist(), "training pairs"),
        cities.rows_of(pairs.right.tolist(), "training pairs"),
    )
    sure = np.array([tier in tiers for tier in pairs.tier], dtype=bool)
    others = open_pool(cities) if pool == "open" else np.unique(right)
    unsure = frozenset(zip(left[~sure].tolist(), right[~sure].tolist(), strict=True))
    return TrainingPairs(left[sure], right[sure], unsure, others)


def recover(
    data: OpenData,
    train: PairTable,
    find: PairTable | None = None,
    *,
    folds: int = 5,
    pool: str = "partners",
    tiers: str = "AB",
    seed: int = SEED,
) -> Recovery:
    """Rank the pool for every U.S. city with a pair to find. Raises ``TableError`` for an unknown
    pool, or data that do not suffice.

    With ``find``, one model learns on the pairs of ``train`` whose U.S. city has no pair to find.
    Without, ``folds`` models.
    """
    if pool not in POOLS:
        raise TableError(f"unknown pool {pool!r}; use one of {', '.join(POOLS)}")
    if find is None and folds < 2:
        raise TableError("folds must be at least 2")
    target = train if find is None else find
    places = describe(data)
    rows = (
        open_pool(data.cities)
        if pool == "open"
        else data.cities.rows_of(sorted(set(target.right.tolist())), "pairs to find")
    )
    sought = _Sought(data.cities, target, rows, tiers)
    rng = np.random.default_rng(seed)
    fold = (
        rng.permutation(len(sought.rows)) % folds
        if find is None
        else np.zeros(len(sought.rows), np.int64)
    )
    found: list[Recovered] = []
    for number in np.unique(fold):
        asked = sought.rows[fold == number]
        scores = _score(data, places, train, asked, target, rows, pool, tiers, seed)
        found += sought.measure(asked.tolist(), scores, rng)
    return Recovery(
        RankingMeasures.of(found),
        pool,
        len(rows),
        len(sought.rows),
        sum(map(len, sought.true.values())),
    )


def _score(
    data: OpenData,
    places: Places,
    train: PairTable,
    asked: IntArray,
    target: PairTable,
    pool_rows: IntArray,
    pool: str,
    tiers: str,
    seed: int,
) -> FloatArray:
    """Scores of the pool for U.S. rows, by a model that saw no pair of theirs."""
    hidden = set(data.cities.ids[asked].tolist())
    if target is not train:
        hidden |= set(target.left.tolist())
    allowed = train.where([int(city) not in hidden for city in train.left])
    ranker = Ranker(data, places, seed).fit(training_pairs(data.cities, allowed, pool, tiers))
    return without_hubs(ranker.score(asked, pool_rows))
