"""How far a float32 score can lie from the exact one: the margin that keeps screening exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matching.reciprocal import SENSITIVITY
from matching.topk.pairs import COVERAGE_TOLERANCE
from matching.types import Factors, FloatArray, PairProblem

_UNIT = 2.0**-24  # float32 unit roundoff


@dataclass(frozen=True, slots=True)
class Magnitudes:
    """One direction: largest numerator norms, plain and over their least divisor."""

    owner_norm: (
        float  # max over owners of |row| / smallest denominator of a pair that may be suggested
    )
    other_norm: float
    nonnegative: bool
    smallest_denominator: float

    def joined(self, other: Magnitudes) -> Magnitudes:
        return Magnitudes(
            max(self.owner_norm, other.owner_norm),
            max(self.other_norm, other.other_norm),
            self.nonnegative and other.nonnegative,
            min(self.smallest_denominator, other.smallest_denominator),
        )


def magnitudes(factors: Factors, coverage_floor: float, owner_is_left: bool) -> Magnitudes:
    """One pass; ``smallest_denominator`` is of a pair that reaches the coverage floor."""
    owner, other = factors.numerator_left, factors.numerator_right
    if not owner_is_left:
        owner, other = other, owner
    least = (
        max(coverage_floor - COVERAGE_TOLERANCE, 0.0) * factors.total_weight.astype(np.float64)
        + factors.prior_weight
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.where(least > 0, row_norms(owner) / least, np.inf)
    return Magnitudes(
        owner_norm=float(scaled.max(initial=0.0)),
        other_norm=float(row_norms(other).max(initial=0.0)),
        nonnegative=bool(owner.min(initial=0.0) >= 0 and other.min(initial=0.0) >= 0),
        smallest_denominator=float(least.min(initial=np.inf)),
    )


def row_norms(array: FloatArray) -> FloatArray:
    norms: FloatArray = np.sqrt(np.einsum("ij,ij->i", array, array, dtype=np.float64))
    return norms


def may_round_below_zero(factors: Factors) -> bool:
    """Whether rounding may bring a float32 numerator with its prior below zero."""
    left, right = factors.numerator_left, factors.numerator_right
    if left.min(initial=0.0) >= 0 and right.min(initial=0.0) >= 0:
        return False
    prior = factors.prior_weight * factors.prior
    gamma = (left.shape[1] + 16) * _UNIT
    terms = float(row_norms(left).max(initial=0.0) * row_norms(right).max(initial=0.0)) + prior
    return bool(prior < 4 * gamma * terms)


def preference_error(factors: Factors, size: Magnitudes) -> float:
    """Bound on |float32 − exact| of a preference in [0, 1] of a pair that may be suggested (Higham,
    Accuracy and Stability, §3.1).

    A product of depth d carries at most γ = d·u / (1 − d·u) of the sum of its absolute terms, in
    whatever order it is summed. Where no term is negative that is a share of the preference itself;
    otherwise Cauchy–Schwarz bounds the sum, over the smallest denominator.
    """
    # 16: constants, division, fusion, the tiny addend
    depth = factors.numerator_left.shape[1] + factors.presence_left.shape[1] + 16
    gamma = depth * _UNIT / (1 - depth * _UNIT)
    if size.nonnegative:
        return float(2 * gamma)
    with np.errstate(invalid="ignore"):
        prior = (
            factors.prior_weight * factors.prior / size.smallest_denominator
            if factors.prior_weight
            else 0.0
        )
    bound = gamma * (size.owner_norm * size.other_norm + prior + 1)
    return float(bound) if np.isfinite(bound) else np.inf


def score_error(problem: PairProblem, fusion: str, forth: Magnitudes, back: Magnitudes) -> float:
    """Bound on |float32 − exact| of any suggestible pair's score; infinite without one."""
    return SENSITIVITY[fusion] * max(
        preference_error(problem.left_to_right, forth),
        preference_error(problem.right_to_left, back),
    )
