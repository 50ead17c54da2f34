"""What a threshold asks of a pair's logits, and how far float32 lies from the truth: the margins
that keep the pass exact.

With x = slope·gain + intercept of one direction and y of the other, p = σ(x) and q = σ(y). Since
log σ is concave, p·q ≤ σ((x + y)/2)², and min(p, q) ≤ harmonic mean ≤ √(p·q) ≤ σ((x + y)/2). The
arithmetic mean is at most σ(max(x, y)).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from matching.reciprocal import SENSITIVITY
from matching.types import Factors, FloatArray, IntArray, PairProblem

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]

_UNIT = 2.0**-24  # float32 unit roundoff
_CHUNK = 512  # rows looked through while they are in cache
_LARGEST = 1e30  # logits up to which no sum of float32 overflows


def least_logits(thresholds: Float32Array, fusion: str, error: float) -> Float32Array:
    """What x + y of every pair reaches whose score beats a threshold (below 0: none), if x + y is
    computed with an error of at most ``error``; of the arithmetic mean what the larger of x and y
    reaches.
    """
    chance = np.maximum(thresholds, 0).astype(np.float64)
    if fusion == "product":
        chance = np.sqrt(chance)
    chance = np.minimum(chance, 1 - _UNIT)
    with np.errstate(divide="ignore"):
        logit = np.log(chance) - np.log1p(-chance)
    least = (logit if fusion == "mean" else 2 * logit) - error
    return np.nextafter(least.astype(np.float32), np.float32(-np.inf))


@dataclass(frozen=True, slots=True)
class Magnitudes:
    """How large one direction's gains, and the sums of the absolute values of their terms, can be.

    ``left_most`` and ``right_most`` (d,): the largest absolute value of each dimension;
    ``left_sum``: the largest sum of a left row's absolute values, each times the other side's
    largest; ``left_terms``: the most dimensions that a left row has. Likewise of the right.
    """

    left_most: Float64Array
    right_most: Float64Array
    left_sum: float
    right_sum: float
    left_terms: int
    right_terms: int

    def with_changed(self, factors: Factors, left: IntArray, right: IntArray) -> Magnitudes:
        """What holds once the given rows have new factors; a little too large if anything."""
        ones, others = factors.gain_left[left], factors.gain_right[right]
        left_most, right_most = (
            np.maximum(most, np.abs(rows).max(axis=0, initial=0.0))
            for most, rows in ((self.left_most, ones), (self.right_most, others))
        )
        left_sum, left_terms = _sums_and_terms(ones, right_most)
        right_sum, right_terms = _sums_and_terms(others, left_most)
        # A dimension's largest value may have grown, and with it the sums of the unchanged
        return replace(
            self,
            left_most=left_most,
            right_most=right_most,
            left_sum=max(
                left_sum, self.left_sum + float((right_most - self.right_most) @ left_most)
            ),
            right_sum=max(
                right_sum, self.right_sum + float((left_most - self.left_most) @ right_most)
            ),
            left_terms=max(left_terms, self.left_terms),
            right_terms=max(right_terms, self.right_terms),
        )

    def logit(self, factors: Factors) -> float:
        """The largest possible sum of the absolute terms of slope·gain + intercept."""
        return factors.slope * min(self.left_sum, self.right_sum) + abs(factors.intercept)

    def logit_error(self, factors: Factors) -> float:
        """Bound on |float32 − exact| of slope·gain + intercept (Higham, Accuracy and Stability,
        §3.1).

        A term of a sum of n that are not zero passes at most n − 1 roundings, in whatever order
        they are added up. Beside them: its product, the slope's, the intercept's, and what two
        logits lose when they are added.
        """
        terms = min(self.left_terms, self.right_terms) + 4
        return float(terms * _UNIT / (1 - terms * _UNIT) * self.logit(factors))


def magnitudes(factors: Factors) -> Magnitudes:
    """Of all rows of one direction. Raises ValueError for gains too large for float32."""
    left, right = factors.gain_left, factors.gain_right
    left_most, right_most = _most(left), _most(right)
    left_sum, left_terms = _sums_and_terms(left, right_most)
    right_sum, right_terms = _sums_and_terms(right, left_most)
    return Magnitudes(left_most, right_most, left_sum, right_sum, left_terms, right_terms)


def _most(rows: FloatArray) -> Float64Array:
    """(d,) the largest absolute value of each dimension."""
    most: Float64Array = np.maximum(
        rows.max(axis=0, initial=0.0), -rows.min(axis=0, initial=0.0)
    ).astype(np.float64)
    return most


def _sums_and_terms(rows: FloatArray, most: Float64Array) -> tuple[float, int]:
    largest, terms, weights = 0.0, 0, most.astype(np.float32)
    for start in range(0, len(rows), _CHUNK):
        part = np.abs(rows[start : start + _CHUNK])
        largest = max(largest, float((part @ weights).max()))
        held = np.bitwise_count(np.packbits(part > 0, axis=1)).sum(axis=1, dtype=np.int64)
        terms = max(terms, int(held.max()))
    return largest * (1 + 2 * (len(most) + 2) * _UNIT), terms


@dataclass(frozen=True, slots=True)
class Errors:
    """Bounds on |float32 − exact|: of the sum of both logits, and of the score, of any pair."""

    logits: float
    score: float


def errors_of(problem: PairProblem, fusion: str, forth: Magnitudes, back: Magnitudes) -> Errors:
    """The bounds for a problem. Raises ValueError for gains too large for float32.

    σ is nowhere steeper than ¼. Beside the logits' errors 24 units cover the exponential (4 units
    in the last place at most), the fraction and the fusion.
    """
    pairs = ((problem.left_to_right, forth), (problem.right_to_left, back))
    largest = max(size.logit(factors) for factors, size in pairs)
    if not largest < _LARGEST:
        raise ValueError(f"gains of up to {largest:.3g} (times the slope) are too large to rank")
    one, other = (size.logit_error(factors) for factors, size in pairs)
    return Errors(one + other, SENSITIVITY[fusion] * (max(one, other) / 4 + 24 * _UNIT))
