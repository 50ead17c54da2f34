"""Which sizes of partner are chosen in which country: a ratio of densities of the log population
ratio.

For each country, the density of log(population abroad / population here) over known partnerships is
divided by its density over all pairs of the same U.S. cities and foreign cities. Countries of few
partnerships are shrunk to the common ratio.
"""

from __future__ import annotations

import numpy as np

from matching.recovery.partnerships import Partnerships, Telling
from matching.types import FloatArray, IntArray

_WIDTH, _LOW, _HIGH = 0.25, -9.0, 12.0
_BANDWIDTH = 0.6
_SHRINKAGE = 8.0  # partnerships
_BINS = int((_HIGH - _LOW) / _WIDTH)
_CENTRES = _LOW + _WIDTH * (np.arange(_BINS) + 0.5)


def _smoothing() -> FloatArray:
    kernel = np.exp(-(((_CENTRES[:, None] - _CENTRES) / _BANDWIDTH) ** 2) / 2.0)
    smoothing: FloatArray = kernel / kernel.sum(0)
    return smoothing


class ChosenSizes(Telling):
    """``h_size_country``: log density ratio in the candidate's country; ``h_size``: in all."""

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
        partners = np.zeros(
            (len(self._country) + 1, _BINS)
        )  # the last one: a country without partnerships
        np.add.at(partners, (of_right[column], bins[row, column]), 1.0)
        pairs = np.zeros_like(partners)
        np.add.at(pairs, (np.broadcast_to(of_right, bins.shape).ravel(), bins.ravel()), 1.0)
        own = np.zeros(
            (len(known.right) + 1, _BINS)
        )  # the last one: a candidate that is not counted
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
