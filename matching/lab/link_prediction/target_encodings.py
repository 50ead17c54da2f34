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

from matching.lab.link_prediction.places import Places, describe_origins
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

    @classmethod
    def of_pairs(
        cls, data: OpenData, places: Places, left_rows: IntArray, right_rows: IntArray
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
        return cls(data, places, left, right, chosen)

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
# Scales of origins' columns: place counts most, facilities least.
_SCALE = np.array([6.0] * 3 + [1.0] * 10 + [0.7, 1.0, 0.5, 1.0, 0.5, 0.33])


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
        described = describe_origins(known.data, known.places, known.left) * _SCALE
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
            described = (
                describe_origins(self.known.data, self.known.places, rows) * _SCALE - self._mean
            )
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


def _kernels(
    places: Places, state: FloatArray, rows: IntArray, others: IntArray
) -> dict[str, FloatArray]:
    """(rows, others) likeness of U.S. cities: state, 60 and 250 km, size, distance and size."""
    cosine = np.clip(places.unit[rows] @ places.unit[others].T, -1.0, 1.0)
    km = 6371.0 * np.arccos(cosine)
    size = np.abs(places.log_population[rows][:, None] - places.log_population[others][None, :])
    return {
        "state": (state[rows][:, None] == state[others][None, :]).astype(np.float32),
        "near": np.exp(-km / 60.0).astype(np.float32),
        "around": np.exp(-km / 250.0).astype(np.float32),
        "around_alike": np.exp(-km / 250.0 - size**2 / 2.0).astype(np.float32),
        "alike": np.exp(-((size / 0.7) ** 2) / 2.0).astype(np.float32),
    }


class ChosenNearby(TargetEncoding):
    """Kernel-smoothed counts of countries, regions and places; see ``NAMES``."""

    names = NAMES

    def __init__(self, known: Partnerships) -> None:
        self.known, self.data, self.places = known, known.data, known.places
        self.left, self.right, self.chosen = known.left, known.right, known.chosen

    def features(self, rows: IntArray, pool: IntArray) -> FloatArray:
        """(len(rows), len(pool), len(NAMES)) float32. Raises ``CountedTwice``."""
        self.known.refuse_own(rows)
        state = np.array(self.data.cities.text["admin1_code"])
        kernels = _kernels(self.places, state, rows, self.left)
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
        many = self.known.damped()
        km = 6371.0 * np.arccos(
            np.clip(self.places.unit[self.right] @ self.places.unit[pool].T, -1.0, 1.0)
        )
        own = self.known.own(pool)
        near = []
        for scale in _PLACE_KM:
            kernel = np.exp(-km / scale).astype(np.float32)
            kernel[own[1], own[0]] = 0.0
            near.append(kernel)
        return [
            np.log1p(((kernels[name] * many) @ self.chosen) @ kernel)
            for name in _PLACE_KERNELS
            for kernel in near
        ]


_LEFT_RIDGE, _RIGHT_RIDGE = 10.0, 3.0
_LEFT_SCALE = np.array([8.0] * 3 + [0.3] * 6 + [0.0] * 4 + [0.75, 0.5, 0.2, 0.0, 0.0, 0.1])
_UNIT = 1000.0  # brings predictions to the order of 1


def _gaussian(a: FloatArray, b: FloatArray, gamma: float) -> FloatArray:
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2.0 * a @ b.T
    kernel: FloatArray = np.exp(-gamma * np.maximum(squared, 0.0))
    return kernel


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
        self._state = np.array(known.data.cities.text["admin1_code"])
        self._country = np.array(known.data.cities.text["country"])
        wanted = known.chosen.toarray().astype(np.float64)
        left = self._left_kernel(known.left, known.left)
        self._left = np.linalg.solve(left + _LEFT_RIDGE * np.eye(len(left)), wanted)
        right = self._right_kernel(known.right, known.right)
        inverse = np.linalg.inv(right + _RIGHT_RIDGE * np.eye(len(right)))
        self._inverse, self._hat = inverse, right @ inverse

    def _left_kernel(self, rows: IntArray, others: IntArray) -> FloatArray:
        known = self.known
        a, b = (
            describe_origins(known.data, known.places, part) * _LEFT_SCALE
            for part in (rows, others)
        )
        cosine = np.clip(known.places.unit[rows] @ known.places.unit[others].T, -1.0, 1.0)
        nearby = np.exp(-6371.0 * np.arccos(cosine) / 300.0) * (
            self._state[rows][:, None] == self._state[others][None, :]
        )
        kernel: FloatArray = 0.5 * _gaussian(a, b, 0.25) + 0.3 * _gaussian(a, b, 1.0) + 0.2 * nearby
        return kernel

    def _described(self, rows: IntArray) -> FloatArray:
        p = self.known.places
        return np.column_stack(
            [
                p.unit[rows] * 3.0,
                p.log_population[rows] * 0.42,
                p.coast[rows] * 0.2,
                p.air[rows] * 0.2,
                p.elevation[rows] * 0.15,
                p.capital[rows],
                p.seat[rows] * 0.15,
                p.world_partners[rows] * 0.2,
            ]
        )

    def _right_kernel(self, rows: IntArray, others: IntArray) -> FloatArray:
        a, b = self._described(rows), self._described(others)
        same = (self._country[rows][:, None] == self._country[others][None, :]).astype(np.float64)
        kernel: FloatArray = (
            0.4 * _gaussian(a, b, 0.5) + 0.3 * same * _gaussian(a, b, 2.0) + 0.3 * same
        )
        return kernel

    def features(self, rows: IntArray, pool: IntArray) -> FloatArray:
        """(len(rows), len(pool), 1) float32. Raises ``CountedTwice``."""
        self.known.refuse_own(rows)
        wishes = self._left_kernel(rows, self.known.left) @ self._left
        spread = wishes @ self._inverse
        result = np.empty((len(rows), len(pool), 1), dtype=np.float32)
        for start in range(0, len(pool), POOL_BLOCK):
            part = slice(start, start + POOL_BLOCK)
            result[:, part, 0] = _UNIT * (spread @ self._right_kernel(self.known.right, pool[part]))
        in_pool, among = self.known.own(pool)
        leverage = np.diag(self._hat)
        without_own = (wishes @ self._hat - wishes * leverage) / (1.0 - leverage)
        result[:, in_pool, 0] = _UNIT * without_own[:, among]
        return result
