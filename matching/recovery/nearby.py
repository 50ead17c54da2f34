"""What other U.S. cities' partnerships say of a pair: the countries, regions and places that
similar cities chose.

Kernel-smoothed counts over known partnerships, under the two rules of ``partnerships``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from matching.recovery.partnerships import POOL_BLOCK, Partnerships, Telling
from matching.recovery.places import Places
from matching.types import FloatArray, IntArray

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
    """(rows, others) likeness of U.S. cities: same state, within about 60 and 250 km, of similar
    size, and both of the latter.
    """
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


class ChosenNearby(Telling):
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
        """How near the candidate lies to other partners of similar cities; a city of many partners
        counts by their square root.
        """
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
