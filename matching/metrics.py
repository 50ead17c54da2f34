"""How good a ranking and its probabilities are, and how evenly amounts fall.

hit@k and recall@k as usual in recommendation; MRR, mean reciprocal rank of the best-placed relevant
item (Voorhees 1999); NDCG@k with binary gains (Järvelin & Kekäläinen 2002); AUC, the probability
that a relevant item scores above another (the Mann–Whitney statistic); percentile, the share of
other items above a relevant one (0 best, 50 chance); Brier score (1950) and logarithmic loss.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matching.types import FloatArray, IntArray

_TIE = 1e-9  # relative size of the noise that breaks ties
_DRAWN = 400  # samples of queries


@dataclass(frozen=True)
class Recovered:
    """One query: ranks (from 1) of its relevant items, and how many others are above each."""

    ranks: IntArray
    above: IntArray
    others: int

    @classmethod
    def of(
        cls, scores: FloatArray, relevant: IntArray, ignored: IntArray, rng: np.random.Generator
    ) -> Recovered:
        """From scores (n,), higher better, and positions of relevant items and of items of unknown
        label, which are left out.

        Ties are broken at random by ``rng``. Raises ``ValueError`` for NaN, for no relevant item,
        or for none to compare with.
        """
        if np.isnan(scores).any():
            raise ValueError("scores hold NaN")
        keep = np.ones(len(scores), dtype=bool)
        keep[ignored] = False
        keep[relevant] = False
        if len(relevant) == 0 or not keep.any():
            raise ValueError("a query needs at least one relevant item and one other")
        noisy = scores + rng.random(len(scores)) * _TIE * (1.0 + np.abs(scores))
        others, true = np.sort(noisy[keep]), np.sort(noisy[relevant])[::-1]
        above = len(others) - np.searchsorted(others, true, side="right")
        return cls(above + np.arange(1, len(true) + 1), above, len(others))

    def hit_at(self, k: int) -> float:
        return float(self.ranks[0] <= k)

    def recall_at(self, k: int) -> float:
        return float(np.mean(self.ranks <= k))

    def ndcg_at(self, k: int) -> float:
        gained = float(np.sum(1.0 / np.log2(self.ranks[self.ranks <= k] + 1.0)))
        ideal = float(np.sum(1.0 / np.log2(np.arange(1, min(k, len(self.ranks)) + 1) + 1.0)))
        return gained / ideal

    def reciprocal_rank(self) -> float:
        return 1.0 / float(self.ranks[0])


@dataclass(frozen=True)
class RankingMeasures:
    """Means over queries; ``percentile`` (median) and ``auc`` (mean) over relevant items."""

    hit_at_10: float
    hit_at_50: float
    recall_at_50: float
    ndcg_at_10: float
    mrr: float
    percentile: float
    auc: float

    @classmethod
    def of(cls, queries: Sequence[Recovered]) -> RankingMeasures:
        """Raises ``ValueError`` without a query."""
        if not queries:
            raise ValueError("no query to measure")
        return cls._weighted(_PerQuery.of(queries), np.ones(len(queries), dtype=np.int64))

    @classmethod
    def _weighted(cls, table: _PerQuery, times: IntArray) -> RankingMeasures:
        """As if query i had been asked ``times[i]`` times."""
        hit_at_10, hit_at_50, recall_at_50, ndcg_at_10, mrr = times @ table.of_query / times.sum()
        share = np.repeat(table.share, times[table.query])
        return cls(
            hit_at_10=float(hit_at_10),
            hit_at_50=float(hit_at_50),
            recall_at_50=float(recall_at_50),
            ndcg_at_10=float(ndcg_at_10),
            mrr=float(mrr),
            percentile=float(np.median(100.0 * share)),
            auc=float(np.mean(1.0 - share)),
        )

    @classmethod
    def mean(cls, several: Sequence[RankingMeasures]) -> RankingMeasures:
        """Of several runs, measure by measure."""
        rows = np.array([dataclasses.astuple(measures) for measures in several])
        return cls(*(float(value) for value in rows.mean(0)))

    @classmethod
    def standard_errors(cls, runs: Sequence[Sequence[Recovered]]) -> RankingMeasures:
        """Of the mean over runs of the same queries, by drawing queries with replacement (Efron
        1979): what another sample of queries would change. A query counts with all its runs.
        """
        rng = np.random.default_rng(0)
        tables, size = [_PerQuery.of(run) for run in runs], len(runs[0])
        drawn = [np.bincount(rng.integers(0, size, size), minlength=size) for _ in range(_DRAWN)]
        means = [cls.mean([cls._weighted(table, times) for table in tables]) for times in drawn]
        rows = np.array([dataclasses.astuple(measures) for measures in means])
        return cls(*(float(value) for value in rows.std(0, ddof=1)))


@dataclass(frozen=True)
class _PerQuery:
    """Measures of single queries, so that weighing them anew costs no pass over their items."""

    of_query: FloatArray  # (n, 5) hit@10, hit@50, recall@50, NDCG@10, reciprocal rank
    share: FloatArray  # others above each relevant item, of all queries
    query: IntArray  # which query the item belongs to

    @classmethod
    def of(cls, queries: Sequence[Recovered]) -> _PerQuery:
        rows = [
            (q.hit_at(10), q.hit_at(50), q.recall_at(50), q.ndcg_at(10), q.reciprocal_rank())
            for q in queries
        ]
        share = np.concatenate([query.above / query.others for query in queries])
        items = [len(query.ranks) for query in queries]
        return cls(np.array(rows), share, np.repeat(np.arange(len(queries)), items))


_SMALLEST = 1e-12


def _checked(probability: FloatArray, outcome: FloatArray) -> tuple[FloatArray, FloatArray]:
    p, y = np.asarray(probability, dtype=np.float64), np.asarray(outcome, dtype=np.float64)
    if p.ndim != 1 or p.shape != y.shape or len(p) == 0:
        raise ValueError(
            "probabilities and outcomes must be two equally long, non-empty rows of numbers"
        )
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("probabilities must lie in [0, 1]")
    if not np.isin(y, (0.0, 1.0)).all():
        raise ValueError("outcomes must be 0 or 1")
    return p, y


def brier_score(probability: FloatArray, outcome: FloatArray) -> float:
    """Mean squared difference, 0 best. Both (n,). Raises ValueError outside [0, 1], unequal n."""
    p, y = _checked(probability, outcome)
    return float(np.mean((p - y) ** 2))


def log_loss(probability: FloatArray, outcome: FloatArray) -> float:
    """Mean negative log likelihood in nats, clipped at 1e-12. Raises as ``brier_score``."""
    p, y = _checked(probability, outcome)
    return float(
        -np.mean(
            y * np.log(np.maximum(p, _SMALLEST)) + (1 - y) * np.log(np.maximum(1 - p, _SMALLEST))
        )
    )


@dataclass(frozen=True)
class ReliabilityBin:
    """Predictions of similar probability: how many, their mean, and the share that came true."""

    count: int
    predicted: float
    observed: float


def reliability(
    probability: FloatArray, outcome: FloatArray, bins: int = 10
) -> tuple[ReliabilityBin, ...]:
    """Up to ``bins`` groups of similar size, lowest first; equal probabilities stay together."""
    p, y = _checked(probability, outcome)
    edges = np.unique(np.quantile(p, np.linspace(0, 1, bins + 1)))
    group = np.clip(np.searchsorted(edges, p, side="right") - 1, 0, max(0, len(edges) - 2))
    return tuple(
        ReliabilityBin(
            int((group == g).sum()), float(p[group == g].mean()), float(y[group == g].mean())
        )
        for g in np.unique(group)
    )


def expected_calibration_error(
    probability: FloatArray, outcome: FloatArray, bins: int = 10
) -> float:
    """Mean absolute gap of predicted and observed in the table, weighted by count."""
    table = reliability(probability, outcome, bins)
    return sum(b.count * abs(b.predicted - b.observed) for b in table) / sum(b.count for b in table)


def gini(amounts: FloatArray) -> float:
    """Gini coefficient of non-negative amounts (n,): 0 when all are equal, towards 1 when one has
    everything; 0 when all are 0.

    Raises ``ValueError`` for an empty, negative or NaN input.
    """
    values = np.sort(np.asarray(amounts, dtype=np.float64))
    if len(values) == 0 or np.isnan(values).any() or values[0] < 0:
        raise ValueError("the Gini coefficient needs at least one amount, none negative or NaN")
    total = values.sum()
    if total == 0:
        return 0.0
    n = len(values)
    return float((2.0 * np.arange(1, n + 1) - n - 1.0) @ values / (n * total))
