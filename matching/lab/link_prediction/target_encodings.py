"""What known partnerships of other U.S. cities say of a pair: target encodings of countries, sizes,
regions and places.

Two rules keep them honest:

- The U.S. cities asked about must not be among those counted (``CountedTwice`` otherwise), so that
  rows to learn from get their values from other folds, as rows to rank do.
- A candidate's own partnerships never count for the candidate itself: a pool made of partners would
  give the answer away, since a city whose known partners are missing is in the pool for the sake of
  the pair to be found.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from matching.lab.link_prediction.places import ORIGIN_SCALE, Kernels, Places
from matching.lab.link_prediction.tables import OpenData, TableError
from matching.types import FloatArray, IntArray

POOL_BLOCK = 4096  # candidates described at a time


class CountedTwice(ValueError):
    """A U.S. city to be described is among those whose partnerships are counted."""


@dataclass(frozen=True)
class Partnerships:
    """Rows are those of the city table."""

    data: OpenData
    places: Places
    left: IntArray  # (a,) distinct U.S. rows
    right: IntArray  # (b,) distinct foreign rows
    chosen: sparse.csr_matrix  # (a, b) float32, 1 where partners
    kernels: Kernels

    @classmethod
    def of_pairs(
        cls,
        data: OpenData,
        places: Places,
        left_rows: IntArray,
        right_rows: IntArray,
        kernels: Kernels | None = None,
    ) -> Partnerships:
        """Raises ``TableError`` without any pair."""
        if len(left_rows) == 0:
            raise TableError(
                "no training pair is left to count; give --train more U.S. cities or use fewer "
                "folds"
            )
        left, row = np.unique(left_rows, return_inverse=True)
        right, column = np.unique(right_rows, return_inverse=True)
        chosen = sparse.csr_matrix(
            (np.ones(len(row), np.float32), (row, column)), shape=(len(left), len(right))
        )
        chosen.data[:] = 1.0
        return cls(data, places, left, right, chosen, kernels or Kernels(data, places))

    def refuse_own(self, rows: IntArray) -> None:
        """Raises ``CountedTwice`` if a U.S. row is counted here."""
        if np.isin(rows, self.left).any():
            raise CountedTwice("a U.S. city's own partnerships may not describe its pairs")

    def own(self, pool: IntArray) -> tuple[IntArray, IntArray]:
        """Candidates that are counted themselves: positions in the pool and among ``right``."""
        position = {int(row): i for i, row in enumerate(self.right)}
        both = [(i, position[int(row)]) for i, row in enumerate(pool) if int(row) in position]
        return np.array([i for i, _ in both], dtype=np.int64), np.array(
            [j for _, j in both], dtype=np.int64
        )

    def damped(self) -> FloatArray:
        """(a,) weights: a U.S. city of many partners counts by their square root."""
        weights: FloatArray = 1.0 / np.sqrt(np.asarray(self.chosen.sum(1)).ravel())
        return weights


class TargetEncoding(ABC):
    """Features counted from partnerships of other cities."""

    names: ClassVar[tuple[str, ...]]

    @abstractmethod
    def __init__(self, known: Partnerships) -> None: ...

    @abstractmethod
    def features(self, rows: IntArray, pool: IntArray) -> FloatArray:
        """(len(rows), len(pool), len(names)) float32. Raises ``CountedTwice``."""


_FEWEST = 4  # partnerships for a country to be a class of its own; the rest are one class together
_REST = ""


class ChosenCountries(TargetEncoding):
    """``h_likely_country``: log of the country's probability for the city over its share."""

    names = ("h_likely_country",)

    def __init__(self, known: Partnerships) -> None:
        self.known = known
        country = known.data.cities.text["country"]
        row, column = known.chosen.nonzero()
        chosen = np.array([country[known.right[c]] for c in column])
        codes, counts = np.unique(chosen, return_counts=True)
        labels = np.where(np.isin(chosen, codes[counts >= _FEWEST]), chosen, _REST)
        weights = known.damped()[row]
        described = known.kernels.origins(known.left) * ORIGIN_SCALE
        self._mean = described.mean(0)
        self._classes = sorted(set(labels))
        self._share = np.log(
            [weights[labels == name].sum() / weights.sum() for name in self._classes]
        )
        self._model = None
        if len(self._classes) > 1:
            self._model = LogisticRegression(C=0.05, max_iter=200).fit(
                (described - self._mean)[row], labels, sample_weight=weights
            )

    def features(self, rows: IntArray, pool: IntArray) -> FloatArray:
        """(rows, pool, 1) float32; 0 for a country never chosen. Raises ``CountedTwice``."""
        self.known.refuse_own(rows)
        lift = np.zeros((len(rows), len(self._classes) + 1))
        if self._model is not None:
            described = self.known.kernels.origins(rows) * ORIGIN_SCALE - self._mean
            lift[:, :-1] = self._model.predict_log_proba(described) - self._share
        country = self.known.data.cities.text["country"]
        position = {name: i for i, name in enumerate(self._classes)}
        rest = position.get(_REST, len(self._classes))
        return lift[:, [position.get(country[row], rest) for row in pool]][:, :, None].astype(
            np.float32
        )


_WIDTH, _LOW, _HIGH = 0.25, -9.0, 12.0
_BANDWIDTH = 0.6
_SHRINKAGE = 8.0  # partnerships
_BINS = int((_HIGH - _LOW) / _WIDTH)
_CENTRES = _LOW + _WIDTH * (np.arange(_BINS) + 0.5)


def _smoothing() -> FloatArray:
    kernel = np.exp(-(((_CENTRES[:, None] - _CENTRES) / _BANDWIDTH) ** 2) / 2.0)
    smoothing: FloatArray = kernel / kernel.sum(0)
    return smoothing


class ChosenSizes(TargetEncoding):
    """``h_size_country``: log density ratio in the candidate's country; ``h_size``: in all.

    The density of log(population abroad / population here) over known partnerships is divided by
    its density over all pairs of the same cities. Countries of few partnerships are shrunk to the
    common ratio.
    """

    names = ("h_size_country", "h_size")

    def __init__(self, known: Partnerships) -> None:
        self.known = known
        self._population = known.places.log_population
        country = known.data.cities.text["country"]
        self._country = {
            code: i for i, code in enumerate(sorted({country[row] for row in known.right}))
        }
        of_right = np.array([self._country[country[row]] for row in known.right])
        smoothing = _smoothing()
        row, column = known.chosen.nonzero()
        bins = self._bins(known.left, known.right)
        # The last one: a country without partnerships
        partners = np.zeros((len(self._country) + 1, _BINS))
        np.add.at(partners, (of_right[column], bins[row, column]), 1.0)
        pairs = np.zeros_like(partners)
        np.add.at(pairs, (np.broadcast_to(of_right, bins.shape).ravel(), bins.ravel()), 1.0)
        # The last one: a candidate that is not counted
        own = np.zeros((len(known.right) + 1, _BINS))
        np.add.at(own, (column, bins[row, column]), 1.0)
        self._partners, pairs, self._own = partners @ smoothing, pairs @ smoothing, own @ smoothing
        pairs[-1] = pairs.sum(0)
        self._expected = pairs / np.maximum(pairs.sum(1, keepdims=True), 1.0)
        self._common = (self._partners.sum(0) / self._partners.sum() + 1e-4) / (
            self._expected[-1] + 1e-4
        )

    def _bins(self, left: IntArray, right: IntArray) -> IntArray:
        ratio = self._population[right][None, :] - self._population[left][:, None]
        return np.clip(((ratio - _LOW) / _WIDTH).astype(np.int64), 0, _BINS - 1)

    def features(self, rows: IntArray, pool: IntArray) -> FloatArray:
        """(len(rows), len(pool), 2) float32. Raises ``CountedTwice``."""
        self.known.refuse_own(rows)
        text = self.known.data.cities.text["country"]
        country = np.array([self._country.get(text[row], len(self._country)) for row in pool])
        own = np.full(len(pool), len(self.known.right))
        in_pool, among = self.known.own(pool)
        own[in_pool] = among
        bins = self._bins(rows, pool)
        there, expected = (
            self._partners[country, bins] - self._own[own, bins],
            self._expected[country, bins] + 1e-3,
        )
        total = (self._partners.sum(1)[country] - self._own.sum(1)[own])[None, :]
        share = (np.maximum(there, 0.0) + _SHRINKAGE * self._common[bins] * expected) / (
            total + _SHRINKAGE
        )
        return np.stack(
            [np.log(share / expected + 1e-3), np.log(self._common[bins])], axis=2
        ).astype(np.float32)


# name, evidence needed before a group's own counts outweigh the common ones
_COUNTRY_KERNELS = (
    ("state", 5.0),
    ("near", 2.0),
    ("around", 3.0),
    ("around_alike", 2.0),
    ("alike", 10.0),
)
_REGION_KERNELS = (("state", 1.0), ("around", 1.0))
_PLACE_KERNELS = ("state", "around", "around_alike")
_PLACE_KM = (50.0, 250.0)

NAMES = (
    "h_country",
    *(f"h_country_{name}" for name, _ in _COUNTRY_KERNELS),
    *(f"h_region_{name}" for name, _ in _REGION_KERNELS),
    *(f"h_place_{name}_{km:.0f}km" for name in _PLACE_KERNELS for km in _PLACE_KM),
)


class ChosenNearby(TargetEncoding):
    """Kernel-smoothed counts of countries, regions and places; see ``NAMES``."""

    names = NAMES

    def __init__(self, known: Partnerships) -> None:
        self.known, self.data, self.places = known, known.data, known.places
        self.left, self.right, self.chosen = known.left, known.right, known.chosen

    def features(self, rows: IntArray, pool: IntArray) -> FloatArray:
        """(len(rows), len(pool), len(NAMES)) float32. Raises ``CountedTwice``."""
        self.known.refuse_own(rows)
        kernels = {
            name: self.known.kernels.own(name, rows, self.left)
            for name in ("state", "near", "around", "around_alike", "alike")
        }
        result = np.empty((len(rows), len(pool), len(NAMES)), dtype=np.float32)
        for start in range(0, len(pool), POOL_BLOCK):
            part = slice(start, start + POOL_BLOCK)
            columns = [
                *self._countries(kernels, pool[part]),
                *self._regions(kernels, pool[part]),
                *self._places(kernels, pool[part]),
            ]
            for position, values in enumerate(columns):
                result[:, part, position] = values
        return result

    def _groups(
        self, key: Callable[[int], str], pool: IntArray
    ) -> tuple[sparse.csr_matrix, IntArray]:
        """Which group each counted foreign city is in, (b, g), and each candidate's group, (n,)."""
        of_right, of_pool = [key(r) for r in self.right], [key(r) for r in pool]
        position = {name: i for i, name in enumerate(sorted({*of_right, *of_pool}))}
        columns = [position[name] for name in of_right]
        member = sparse.csr_matrix(
            (np.ones(len(columns), np.float32), (np.arange(len(columns)), columns)),
            shape=(len(columns), len(position)),
        )
        return member, np.array([position[name] for name in of_pool], dtype=np.int64)

    def _countries(self, kernels: dict[str, FloatArray], pool: IntArray) -> list[FloatArray]:
        country = self.data.cities.text["country"]
        member, of_pool = self._groups(lambda row: country[row], pool)
        counts = np.asarray((self.chosen @ member).todense())
        known = len({country[row] for row in self.right})
        common = (counts.sum(0) + 0.5) / (counts.sum() + 0.5 * known)
        columns = [
            np.broadcast_to(np.log(common)[of_pool], (len(next(iter(kernels.values()))), len(pool)))
        ]
        for name, weight in _COUNTRY_KERNELS:
            near = kernels[name] @ counts
            share = (near + weight * common) / (near.sum(1, keepdims=True) + weight)
            columns.append(np.log(share / common)[:, of_pool])
        return columns

    def _without_own(
        self,
        reached: FloatArray,
        member: sparse.csr_matrix,
        of_pool: IntArray,
        own: tuple[IntArray, IntArray],
    ) -> FloatArray:
        total = np.asarray(reached @ member)[:, of_pool]
        total[:, own[0]] -= reached[:, own[1]]
        result: FloatArray = np.maximum(total, 0.0)
        return result

    def _regions(self, kernels: dict[str, FloatArray], pool: IntArray) -> list[FloatArray]:
        """How much of a country's choices fell on the candidate's first-level division."""
        country, code = self.data.cities.text["country"], self.data.cities.text["admin1_code"]
        regions = self._groups(lambda row: f"{country[row]}.{code[row]}", pool)
        countries = self._groups(lambda row: country[row], pool)
        own = self.known.own(pool)
        everyone = np.asarray(self.chosen.sum(0)).reshape(1, -1)
        common = (self._without_own(everyone, *regions, own) + 0.3) / (
            self._without_own(everyone, *countries, own) + 3.0
        )
        columns = []
        for name, weight in _REGION_KERNELS:
            reached = kernels[name] @ self.chosen
            there, country_wide = (
                self._without_own(reached, *regions, own),
                self._without_own(reached, *countries, own),
            )
            columns.append(np.log((there + weight * common) / ((country_wide + weight) * common)))
        return columns

    def _places(self, kernels: dict[str, FloatArray], pool: IntArray) -> list[FloatArray]:
        """How near the candidate lies to other partners of similar cities, damped."""
        many = self.known.damped().astype(np.float32)
        own = self.known.own(pool)
        near = []
        for scale in _PLACE_KM:
            kernel = self.known.kernels.abroad(f"{scale:.0f}km", self.right, pool)
            kernel[own[1], own[0]] = 0.0
            near.append(kernel)
        return [
            np.log1p(((kernels[name] * many) @ self.chosen) @ kernel)
            for name in _PLACE_KERNELS
            for kernel in near
        ]


_LEFT_RIDGE, _RIGHT_RIDGE = 10.0, 3.0
_UNIT = 1000.0  # brings predictions to the order of 1


class Affinity(TargetEncoding):
    """How strongly cities like this one are drawn to places like that one: ``h_affinity``, higher
    for likelier pairs, by two-step kernel ridge regression.

    Stock, Pahikkala, Airola, De Baets & Waegeman, "A comparative study of pairwise learning methods
    based on kernel ridge regression", Neural Computation 30 (2018). A candidate that has known
    partners is predicted from all others, by the closed form of leaving one out, so that known and
    unknown candidates are treated alike.
    """

    names = ("h_affinity",)

    def __init__(self, known: Partnerships) -> None:
        self.known = known
        kernels = known.kernels
        left = kernels.own("affinity", known.left, known.left)
        left[np.diag_indices(len(left))] += _LEFT_RIDGE
        self._left = np.linalg.solve(left, known.chosen.toarray())
        right = kernels.abroad("affinity", known.right, known.right)
        right[np.diag_indices(len(right))] += _RIGHT_RIDGE
        self._inverse = np.linalg.inv(right)

    def features(self, rows: IntArray, pool: IntArray) -> FloatArray:
        """(len(rows), len(pool), 1) float32. Raises ``CountedTwice``."""
        self.known.refuse_own(rows)
        kernels = self.known.kernels
        wishes = kernels.own("affinity", rows, self.known.left) @ self._left
        spread = wishes @ self._inverse
        result = np.empty((len(rows), len(pool), 1), dtype=np.float32)
        for start in range(0, len(pool), POOL_BLOCK):
            part = slice(start, start + POOL_BLOCK)
            likeness = kernels.abroad("affinity", self.known.right, pool[part])
            result[:, part, 0] = _UNIT * (spread @ likeness)
        in_pool, among = self.known.own(pool)
        # Leaving one out, with the hat matrix I - ridge * inverse
        leverage = 1.0 - _RIGHT_RIDGE * np.diag(self._inverse)
        fitted = wishes - _RIGHT_RIDGE * spread
        without_own = (fitted - wishes * leverage) / (1.0 - leverage)
        result[:, in_pool, 0] = _UNIT * without_own[:, among]
        return result
