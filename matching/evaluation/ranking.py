"""Measures of a ranking against known relevant items.

Definitions: hit@k and recall@k as usual in recommendation; MRR, mean reciprocal rank of the
best-placed relevant item (Voorhees 1999); NDCG@k with binary gains (Järvelin & Kekäläinen 2002);
AUC, the probability that a relevant item scores above another, which is the Mann–Whitney statistic;
percentile, the share of other items above a relevant one, in percent (0 best, 50 chance).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matching.types import FloatArray, IntArray

_TIE = 1e-9  # relative size of the noise that breaks ties


@dataclass(frozen=True)
class Recovered:
    """One query: ranks (from 1, best first) of its relevant items in the whole list, and how many
    others stand above each.
    """

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
    """Means over queries, except ``percentile`` (median over relevant items) and ``auc`` (mean over
    relevant items).
    """

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
        share = np.concatenate([query.above / query.others for query in queries])
        return cls(
            hit_at_10=float(np.mean([query.hit_at(10) for query in queries])),
            hit_at_50=float(np.mean([query.hit_at(50) for query in queries])),
            recall_at_50=float(np.mean([query.recall_at(50) for query in queries])),
            ndcg_at_10=float(np.mean([query.ndcg_at(10) for query in queries])),
            mrr=float(np.mean([query.reciprocal_rank() for query in queries])),
            percentile=float(np.median(100.0 * share)),
            auc=float(np.mean(1.0 - share)),
        )
