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
from typing import NamedTuple

import numpy as np

from matching.lab.link_prediction.places import describe
from matching.lab.link_prediction.ranker import Ranker, TrainingPairs, Workbench, without_hubs
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
    """Measures with what they rest on: means over ``seeds`` runs, with ``errors``, their standard
    errors over U.S. cities.

    ``wrong_country`` and ``wrong_city`` are the shares of U.S. cities without a partner among the
    first ten: all ten in other countries than any partner's, or some in the right one.
    """

    measures: RankingMeasures
    errors: RankingMeasures
    wrong_country: float
    wrong_city: float
    pool: str
    pool_size: int
    cities: int
    pairs: int
    seeds: int = 1


def open_pool(cities: CityTable) -> IntArray:
    """Rows of foreign cities of 20,000 or more, U.S. territories left out."""
    large = np.nan_to_num(cities.number["population"]) >= OPEN_POPULATION
    abroad = np.array(
        [code != "US" and code not in US_TERRITORIES for code in cities.text["country"]]
    )
    return np.flatnonzero(large & abroad)


class Found(NamedTuple):
    """How one U.S. city's partners came out."""

    ranking: Recovered
    right_country: bool  # among the first ten


class _Sought:
    """Pairs to find, as positions in a pool."""

    def __init__(self, cities: CityTable, pairs: PairTable, pool: IntArray, tiers: str) -> None:
        self.pool = pool
        self.country = np.array(cities.text["country"])[pool]
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
    ) -> dict[int, Found]:
        none = np.empty(0, np.int64)
        return {
            row: Found(
                Recovered.of(scores[i], self.true[row], self.unsure.get(row, none), rng),
                self._reaches_country(row, scores[i]),
            )
            for i, row in enumerate(rows)
        }

    def _reaches_country(self, row: int, scores: FloatArray) -> bool:
        """Whether any of the first ten, tier C left out, is in the country of a partner."""
        known = scores.copy()
        known[self.unsure.get(row, np.empty(0, np.int64))] = -np.inf
        first = np.argsort(-known, kind="stable")[:10]
        return bool(np.isin(self.country[first], self.country[self.true[row]]).any())


def training_pairs(cities: CityTable, pairs: PairTable, pool: str, tiers: str) -> TrainingPairs:
    """Partners to learn from; the others come from their foreign cities or the open pool."""
    left, right = (
        cities.rows_of(pairs.left.tolist(), "training pairs"),
        cities.rows_of(pairs.right.tolist(), "training pairs"),
    )
    sure = np.array([tier in tiers for tier in pairs.tier], dtype=bool)
    others = open_pool(cities) if pool == "open" else np.unique(right)
    unsure = {int(row): right[~sure & (left == row)] for row in np.unique(left[~sure])}
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
    seeds: int = 1,
) -> Recovery:
    """Rank the pool for every U.S. city with a pair to find. Raises ``TableError`` for an unknown
    pool, or data that do not suffice.

    With ``find``, one model learns on the pairs of ``train`` whose U.S. city has no pair to find.
    Without, ``folds`` models. Each of ``seeds`` runs has folds, draws and models of its own.
    """
    if pool not in POOLS:
        raise TableError(f"unknown pool {pool!r}; use one of {', '.join(POOLS)}")
    if find is None and folds < 2:
        raise TableError("folds must be at least 2")
    if seeds < 1:
        raise TableError("seeds must be at least 1")
    target = train if find is None else find
    rows = (
        open_pool(data.cities)
        if pool == "open"
        else data.cities.rows_of(sorted(set(target.right.tolist())), "pairs to find")
    )
    sought = _Sought(data.cities, target, rows, tiers)
    search = _Search(data, train, target, sought, pool, tiers)
    # Far apart, since a ranker's draws count on from its seed
    runs = [search.run(1 if find else folds, seed + 1_000 * at) for at in range(seeds)]
    return _summed_up(runs, sought, pool)


class _Search:
    """Runs of one question."""

    def __init__(
        self,
        data: OpenData,
        train: PairTable,
        target: PairTable,
        sought: _Sought,
        pool: str,
        tiers: str,
    ) -> None:
        self.data, self.train, self.target, self.sought = data, train, target, sought
        self.pool, self.tiers = pool, tiers
        self.places = describe(data)
        everything = training_pairs(data.cities, train, pool, tiers)
        own = np.union1d(everything.left, sought.rows)
        abroad = np.union1d(np.union1d(everything.right, everything.others), sought.pool)
        self.bench = Workbench.of(data, self.places, own, abroad)

    def run(self, folds: int, seed: int) -> dict[int, Found]:
        """By row of the U.S. city."""
        rng = np.random.default_rng(seed)
        rows = self.sought.rows
        fold = rng.permutation(len(rows)) % folds
        found: dict[int, Found] = {}
        for number in np.unique(fold):
            asked = rows[fold == number]
            found |= self.sought.measure(asked.tolist(), self._score(asked, seed), rng)
        return found

    def _score(self, asked: IntArray, seed: int) -> FloatArray:
        """Scores of the pool for U.S. rows, by a model that saw no pair of theirs."""
        hidden = set(self.data.cities.ids[asked].tolist())
        if self.target is not self.train:
            hidden |= set(self.target.left.tolist())
        allowed = self.train.where([int(city) not in hidden for city in self.train.left])
        pairs = training_pairs(self.data.cities, allowed, self.pool, self.tiers)
        ranker = Ranker(self.data, self.places, seed, self.bench).fit(pairs)
        return without_hubs(ranker.score(asked, self.sought.pool))


def _summed_up(runs: list[dict[int, Found]], sought: _Sought, pool: str) -> Recovery:
    rankings = [[run[int(row)].ranking for row in sought.rows] for run in runs]
    missed = [found for run in runs for found in run.values() if not found.ranking.hit_at(10)]
    asked = len(runs) * len(sought.rows)
    return Recovery(
        RankingMeasures.mean([RankingMeasures.of(ranking) for ranking in rankings]),
        RankingMeasures.standard_errors(rankings),
        sum(not found.right_country for found in missed) / asked,
        sum(found.right_country for found in missed) / asked,
        pool,
        len(sought.pool),
        len(sought.rows),
        sum(map(len, sought.true.values())),
        len(runs),
    )
