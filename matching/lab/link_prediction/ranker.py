"""A ranker of foreign places for a U.S. city, learned from partnerships of other U.S. cities."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from matching.lab.link_prediction.pair_features import PairFeatures
from matching.lab.link_prediction.places import Places
from matching.lab.link_prediction.tables import OpenData
from matching.lab.link_prediction.target_encodings import (
    Affinity,
    ChosenCountries,
    ChosenNearby,
    ChosenSizes,
    Partnerships,
    TargetEncoding,
)
from matching.types import BoolArray, FloatArray, IntArray

TARGET_ENCODINGS: tuple[type[TargetEncoding], ...] = (
    ChosenNearby,
    ChosenSizes,
    ChosenCountries,
    Affinity,
)
INNER_FOLDS = 5
# Draws differ: hit@10 on the folds was .188 to .201 with one of four, .187 to .204 with the mean of
# three
DRAWS = 3
NEGATIVES = 60  # drawn for every partner
_SCORE_BYTES = 200_000_000

# More of these never lowers a score. Without the bound a tree may learn that a *low* count marks a
# hidden pair.
_INCREASING = (
    "h_",
    "same_name",
    "same_core_name",
    "shared_word",
    "alike_letters",
    "heritage",
    "direct_flight",
)


@dataclass(frozen=True)
class TrainingPairs:
    """Rows of the city table: partners to learn from, and pairs of unsure label."""

    left: IntArray
    right: IntArray
    unsure: frozenset[tuple[int, int]] = frozenset()
    # Foreign rows that negatives are drawn from
    others: IntArray = field(default_factory=lambda: np.empty(0, np.int64))

    def of(self, keep: BoolArray) -> TrainingPairs:
        return TrainingPairs(self.left[keep], self.right[keep], self.unsure, self.others)


class PartnershipFeatures:
    """All features counted from partnerships of other cities, side by side."""

    def __init__(self, known: Partnerships) -> None:
        self._encodings = [encoding(known) for encoding in TARGET_ENCODINGS]
        self.names = tuple(name for telling in self._encodings for name in telling.names)

    def features(self, rows: IntArray, pool: IntArray) -> FloatArray:
        """(len(rows), len(pool), len(names)) float32. Raises ``CountedTwice``."""
        return np.concatenate([telling.features(rows, pool) for telling in self._encodings], axis=2)


class Ranker:
    """Scores (n_left, n_pool): mean log-odds of gradient-boosted trees and ridge logistic models of
    ``DRAWS`` draws of inner folds and of others. Deterministic for a seed."""

    def __init__(self, data: OpenData, places: Places, seed: int = 0) -> None:
        self.data, self.places, self.seed = data, places, seed
        self.models: list[Any] = []

    def fit(self, pairs: TrainingPairs) -> Ranker:
        """Learn from ``pairs``; features of other cities' partnerships are out of fold."""
        self.counted = PartnershipFeatures(
            Partnerships.of_pairs(self.data, self.places, pairs.left, pairs.right)
        )
        features = PairFeatures(self.data, self.places, pairs.others)
        self.names = (*features.names, *self.counted.names)
        self.models = []
        for draw in range(DRAWS):
            self._learn(*self._examples(pairs, features, np.random.default_rng(self.seed + draw)))
        return self

    def _examples(
        self, pairs: TrainingPairs, features: PairFeatures, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        """Features and labels of partners and drawn others, from other inner folds."""
        left = np.unique(pairs.left)
        fold = rng.permutation(len(left)) % INNER_FOLDS
        rows, labels = [], []
        for inner in range(INNER_FOLDS):
            held = left[fold == inner]
            if len(held) == 0:
                continue
            outside = ~np.isin(pairs.left, held)
            known = Partnerships.of_pairs(
                self.data, self.places, pairs.left[outside], pairs.right[outside]
            )
            counted = PartnershipFeatures(known).features(held, pairs.others)
            for position, row in enumerate(held):
                chosen, label = self._draw(int(row), pairs, rng)
                rows.append(np.hstack([features.of(int(row))[chosen], counted[position, chosen]]))
                labels.append(label)
        return np.nan_to_num(np.vstack(rows), nan=10.0), np.concatenate(labels)

    def _draw(
        self, row: int, pairs: TrainingPairs, rng: np.random.Generator
    ) -> tuple[IntArray, FloatArray]:
        """Positions of a city's partners and of random others in ``pairs.others``; labels."""
        partners = pairs.right[pairs.left == row]
        position = {int(other): i for i, other in enumerate(pairs.others)}
        positive = np.array(
            [position[int(p)] for p in partners if int(p) in position], dtype=np.int64
        )
        drawn = rng.integers(0, len(pairs.others), NEGATIVES * max(1, len(positive)))
        barred = {int(p) for p in partners} | {
            foreign for own, foreign in pairs.unsure if own == row
        }
        negative = np.array(
            [i for i in drawn if int(pairs.others[i]) not in barred], dtype=np.int64
        )
        return np.r_[positive, negative], np.r_[np.ones(len(positive)), np.zeros(len(negative))]

    def _learn(self, rows: FloatArray, labels: FloatArray) -> None:
        """Trees, and a linear model that carries further where partnerships are few."""
        trees = HistGradientBoostingClassifier(
            max_iter=150,
            learning_rate=0.06,
            max_leaf_nodes=12,
            min_samples_leaf=20,
            l2_regularization=5.0,
            monotonic_cst=[int(name.startswith(_INCREASING)) for name in self.names],
            random_state=self.seed,
        )
        linear = make_pipeline(
            StandardScaler(), LogisticRegression(C=0.03, solver="newton-cholesky", max_iter=60)
        )
        self.models += [trees.fit(rows, labels), linear.fit(rows, labels)]

    def score(self, rows: IntArray, pool: IntArray) -> FloatArray:
        """(rows, pool) float64. Raises ``CountedTwice`` for a U.S. city that was learned from."""
        features = PairFeatures(self.data, self.places, pool)
        counted = self.counted.features(rows, pool)
        result = np.empty((len(rows), len(pool)))
        step = max(1, _SCORE_BYTES // (len(pool) * len(self.names) * 8))
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            own = np.stack([features.of(int(row)) for row in part])
            block = np.concatenate([own, counted[start : start + step]], axis=2)
            flat = np.nan_to_num(block.reshape(-1, block.shape[2]), nan=10.0)
            odds = np.mean([model.decision_function(flat) for model in self.models], axis=0)
            result[start : start + step] = odds.reshape(len(part), len(pool))
        return result


# On the public pairs' folds by U.S. city, over four draws: hit@10 .193 → .200, hit@50 .357 → .363,
# AUC .793 → .792; flat from .3 to .5.
HUB_SHARE = 0.4


def without_hubs(scores: FloatArray, share: float = HUB_SHARE) -> FloatArray:
    """(n_left, n_pool) log-odds less ``share`` of each column's log mean odds: a hub, high on every
    list, ranks lower (inverted softmax of Smith et al., ICLR 2017; hubness: Radovanović et
    al., JMLR 2010). It reads scores alone. One row keeps its order.

    Raises ValueError for NaN, or a share outside of [0, 1].
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share must be in [0, 1], not {share}")
    if np.isnan(scores).any():
        raise ValueError("scores hold NaN")
    if len(scores) == 0:
        return scores
    top: FloatArray = scores.max(axis=0)
    common: FloatArray = top + np.log(np.mean(np.exp(scores - top), axis=0))
    return scores - share * common
