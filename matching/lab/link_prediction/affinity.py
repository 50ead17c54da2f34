"""How strongly cities like this one are drawn to places like that one: two-step kernel ridge
regression.

Stock, Pahikkala, Airola, De Baets & Waegeman, "A comparative study of pairwise learning methods
based on kernel ridge regression", Neural Computation 30 (2018). A candidate that has known partners
is predicted from all others, by the closed form of leaving one out, so that known and unknown
candidates are treated alike.
"""

from __future__ import annotations

import numpy as np

from matching.lab.link_prediction.places import describe_origins
from matching.lab.link_prediction.target_encodings import POOL_BLOCK, Partnerships, TargetEncoding
from matching.types import FloatArray, IntArray

_LEFT_RIDGE, _RIGHT_RIDGE = 10.0, 3.0
_LEFT_SCALE = np.array([8.0] * 3 + [0.3] * 6 + [0.0] * 4 + [0.75, 0.5, 0.2, 0.0, 0.0, 0.1])
_UNIT = 1000.0  # brings predictions to the order of 1


def _gaussian(a: FloatArray, b: FloatArray, gamma: float) -> FloatArray:
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2.0 * a @ b.T
    kernel: FloatArray = np.exp(-gamma * np.maximum(squared, 0.0))
    return kernel


class Affinity(TargetEncoding):
    """``h_affinity``, higher for likelier pairs."""

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
