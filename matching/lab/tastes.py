"""Similarities of all pairs at once, and preferences that are not the engine's own: three hidden
tastes by which simulated communities decide, and the weighted mean that the engine once used.

Dense on purpose: every table is (choosers, counterparts), so memory grows as their product.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from matching.facets import FACET_NAMES
from matching.features import FeatureMatrix
from matching.types import IntArray

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]

TASTES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "needs": {
            "needs_offers": 0.45,
            "challenges": 0.15,
            "ties": 0.12,
            "sectors": 0.10,
            "themes": 0.10,
            "languages": 0.04,
            "readiness": 0.04,
        },
        "ties": {
            "ties": 0.45,
            "needs_offers": 0.15,
            "themes": 0.12,
            "challenges": 0.10,
            "languages": 0.08,
            "sectors": 0.05,
            "size": 0.05,
        },
        "resemblance": {
            "size": 0.20,
            "geography": 0.18,
            "sectors": 0.18,
            "themes": 0.14,
            "institutions": 0.10,
            "languages": 0.10,
            "story": 0.10,
        },
    }
)
"""What counts for simulated communities, on average; fixed before the engine that it measures."""

_CONCENTRATION = 20.0  # of the Dirichlet draw of a community's own weights around its taste
_UNKNOWN = 0.3  # the similarity that a simulated community supposes where nothing is known
_NOISE = 0.08  # standard deviation of what it sees in a counterpart that no data say
_STEEPNESS, _WILLING = 12.0, 0.80  # even odds for the best fifth of all counterparts

_MEAN_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        "needs_offers": 3.0,
        "ties": 3.08,
        "challenges": 3.0,
        "sectors": 2.0,
        "themes": 2.0,
        "institutions": 1.83,
        "geography": 1.58,
        "languages": 2.0,
        "size": 1.52,
        "time_zone": 1.0,
        "distance": 0.0,
        "story": 1.0,
        "readiness": 1.0,
    }
)
_MEAN_LEVELS: Mapping[str, float] = MappingProxyType(
    dict.fromkeys(("needs_offers", "ties", "challenges"), 3.0)
    | dict.fromkeys(("sectors", "themes", "institutions", "geography", "languages"), 2.0)
)
_MEAN_PRIOR, _MEAN_KAPPA = 0.3, 2.0
MEAN_UNIT: Mapping[str, float] = MappingProxyType(
    {
        facet: weight / _MEAN_LEVELS.get(facet, 1.0) if weight else 1.0
        for facet, weight in _MEAN_WEIGHTS.items()
    }
)
"""What a point of importance weighed in the weighted mean."""


@dataclass(frozen=True, slots=True)
class Similarities:
    """One side as choosers: (n, m) similarities of each part, NaN where either has no data."""

    ids: IntArray  # (n,) of the choosers
    names: tuple[str, ...]  # of the parts
    facets: tuple[str, ...]  # facet of each part
    shares: tuple[float, ...]  # of each part in its facet
    similarity: tuple[Float32Array, ...]  # of each part, (n, m)
    importances: Float64Array  # (n, facets) stated, NaN where none

    @classmethod
    def of(cls, chooser: FeatureMatrix, chosen: FeatureMatrix) -> Similarities:
        """Of one side's features towards the other's, encoded by one builder."""
        tables = []
        for name, mine, theirs in zip(chooser.names, chooser.parts, chosen.parts, strict=True):
            table = mine.seeker @ theirs.offered.T
            if name == "ties":
                _add_named(table, chooser, chosen)
            table[~mine.seeks] = np.nan
            table[:, ~theirs.offers] = np.nan
            tables.append(table)
        return cls(
            chooser.ids,
            chooser.names,
            chooser.facets,
            chooser.shares,
            tuple(tables),
            chooser.importances,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Choosers and counterparts."""
        return self.similarity[0].shape[0], self.similarity[0].shape[1]

    def facet(self, name: str) -> Float64Array:
        """(n, m) similarity of a facet: its parts' weighted mean, NaN where none is known."""
        total, known = np.zeros(self.shape), np.zeros(self.shape)
        for facet, share, table in zip(self.facets, self.shares, self.similarity, strict=True):
            if facet == name:
                present = ~np.isnan(table)
                total[present] += share * table[present]
                known += share * present
        unknown = np.full(self.shape, np.nan)
        return np.asarray(np.divide(total, known, out=unknown, where=known > 0))


def _add_named(table: Float32Array, chooser: FeatureMatrix, chosen: FeatureMatrix) -> None:
    """Ties to one named community count where they are more than the tie to its country."""
    column = {int(id_): at for at, id_ in enumerate(chosen.ids)}
    for row, id_, value in zip(
        chooser.named_rows, chooser.named_ids, chooser.named_similarity, strict=True
    ):
        if (at := column.get(int(id_))) is not None:
            table[row, at] = max(table[row, at], value)


def own_tastes(ids: IntArray, taste: str, seed: int = 0) -> Float64Array:
    """(n, facets of the taste, by name) each community's own weights, drawn around a taste."""
    base = np.array([TASTES[taste][facet] for facet in sorted(TASTES[taste])])
    return np.array([_generator(seed, id_).dirichlet(_CONCENTRATION * base) for id_ in ids])


def acceptance(direction: Similarities, taste: str, seed: int = 0) -> Float64Array:
    """(n, m) probabilities that each chooser would accept each counterpart by a hidden taste.

    Its utility is the mean similarity by its own weights, ``_UNKNOWN`` standing for what is not
    known, and a noise of its own; the odds are even at the 80th percentile of its utilities.
    """
    facets = sorted(TASTES[taste])
    base = np.array([TASTES[taste][facet] for facet in facets])
    utility = np.zeros(direction.shape)
    generators = [_generator(seed, id_) for id_ in direction.ids]
    own = np.array([rng.dirichlet(_CONCENTRATION * base) for rng in generators])
    for column, facet in enumerate(facets):
        similarity = direction.facet(facet)
        utility += own[:, column, None] * np.where(np.isnan(similarity), _UNKNOWN, similarity)
    for row, rng in enumerate(generators):
        utility[row] += rng.normal(0.0, _NOISE, utility.shape[1])
    even = np.quantile(utility, _WILLING, axis=1, keepdims=True)
    return np.asarray(1.0 / (1.0 + np.exp(-_STEEPNESS * (utility - even))))


def _generator(seed: int, id_: int) -> np.random.Generator:
    return np.random.default_rng([seed, int(id_)])


def stated_importances(ids: IntArray, taste: str, seed: int = 0) -> Float64Array:
    """(n, facets) importances 0..3 by which communities would say what their taste is: whole
    numbers, 3 for what counts most for them, 0 for what does not count.
    """
    own = own_tastes(ids, taste, seed)
    stated = np.zeros((len(ids), len(FACET_NAMES)))
    columns = [FACET_NAMES.index(facet) for facet in sorted(TASTES[taste])]
    stated[:, columns] = np.round(3.0 * own / own.max(axis=1, keepdims=True))
    return stated


@dataclass(frozen=True, slots=True)
class FacetTables:
    """What a weighted mean of c pairs is made of."""

    facets: tuple[str, ...]
    weight: Float64Array  # (facets, c) that counts
    similarity: Float64Array  # (facets, c), NaN where not known
    total: Float64Array  # (c,) weight of the chooser, known or not


def weighted_mean(direction: Similarities) -> Float64Array:
    """(n, m) preferences as the engine worked them out before lifts (weights "default-2"): the
    weighted mean over what both sides know, shrunk to a prior.

    (Σ w·s·m + κ·prior) / (Σ w·m + κ), with weight w, similarity s, m = 1 where both have data.
    """
    total, known = np.zeros(direction.shape), np.zeros(direction.shape)
    weights = _mean_weights(direction)
    for part, table in enumerate(direction.similarity):
        if weights[:, part].any():
            present = ~np.isnan(table)
            weighing = weights[:, part, None] * present
            known += weighing
            total += np.where(present, table, 0.0) * weighing
    return (total + _MEAN_KAPPA * _MEAN_PRIOR) / (known + _MEAN_KAPPA)


def mean_tables(direction: Similarities, rows: IntArray, cols: IntArray) -> FacetTables:
    """The facets of the weighted mean of c pairs."""
    facets = tuple(name for name in FACET_NAMES if name in direction.facets)
    weights = _mean_weights(direction)
    weight, gained = np.zeros((2, len(facets), len(rows)))
    for part, table in enumerate(direction.similarity):
        at = facets.index(direction.facets[part])
        similarity = table[rows, cols]
        weighing = weights[rows, part] * ~np.isnan(similarity)
        weight[at] += weighing
        gained[at] += np.nan_to_num(similarity) * weighing
    similar = np.divide(gained, weight, out=np.full_like(gained, np.nan), where=weight > 0)
    return FacetTables(facets, weight, similar, weights.sum(axis=1)[rows])


def _mean_weights(direction: Similarities) -> Float64Array:
    """(n, parts); parts that the weighted mean did not have do not count."""
    counted = np.array([name != "answers" for name in direction.names])
    shares = np.array(direction.shares) * counted
    weights = np.zeros((len(direction.ids), len(shares)))
    for facet, default in _MEAN_WEIGHTS.items():
        of_facet = np.array([name == facet for name in direction.facets]) & counted
        if not of_facet.any():
            continue
        stated = direction.importances[:, FACET_NAMES.index(facet)]
        weight = np.where(np.isnan(stated), default, stated * MEAN_UNIT[facet])
        weights[:, of_facet] = weight[:, None] * shares[of_facet] / shares[of_facet].sum()
    return weights
