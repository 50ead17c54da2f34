"""An upper bound of every score of a block from one product of reduced depth: what stays below its thresholds is never scored.

Of a pair let n₁, n₂ be the numerators and d₁, d₂ the denominators of its two preferences, each divided by its owner's total weight. With
x = n₁ − t·d₁/2 and y = n₂ − t·d₂/2 the harmonic mean of n₁/d₁ and n₂/d₂ is at least t exactly if x·y ≥ (t²/4)·d₁·d₂ (x, y > 0). By the
inequality of the arithmetic and geometric means that requires

    n₁ + n₂ ≥ t·((d₁ + d₂)/2 + √(d₁·d₂)) ≥ t·g·(d₁ + d₂),    g = ½ + 1/(√ρ + 1/√ρ),

where ρ bounds d₁/d₂ and d₂/d₁; the coverage floor does that. Both sides are products, and the left one, over twice the depth, is of low
effective rank: balanced truncation (Moore 1981) keeps r dimensions of it, and Cauchy–Schwarz bounds the rest by one column of norms.
The threshold is folded into the right factors, so that the sign of one product of depth r + 2f + 5 decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching.topk.lists import NOTHING_YET
from matching.topk.operands import Admission
from matching.topk.rounding import row_norms
from matching.types import Factors, FloatArray, IntArray, PairProblem

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]

SCREENED_FUSIONS = ("harmonic", "min")  # the minimum never exceeds the harmonic mean
_CHUNK = 2_048  # gathered rows stay below the size from which memory is mapped anew each time
_SAMPLE = 4_096
_UNIT = 2.0**-24


@dataclass(frozen=True, slots=True)
class Rotation:
    """Matrices (2d, 2d): ``left @ right.T`` is the identity up to ``defect``, and the first dimensions carry most of the products."""

    left: Float32Array
    right: Float32Array
    defect: float


def total_weights(factors: Factors, owners: IntArray) -> Float64Array:
    """(owners,) total weights to divide by; 1 where there is none, and then there is nothing to divide."""
    total = factors.total_weight[owners].astype(np.float64)
    return np.where(total > 0, total, 1.0)


def stacked_left(problem: PairProblem, rows: IntArray) -> FloatArray:
    """(rows, 2d): numerators of both directions, each over its owner's total weight."""
    forth = problem.left_to_right
    return np.concatenate((forth.numerator_left[rows] / total_weights(forth, rows).astype(np.float32)[:, None], problem.right_to_left.numerator_left[rows]), axis=1)


def stacked_right(problem: PairProblem, cols: IntArray) -> FloatArray:
    """(cols, 2d), the counterpart of ``stacked_left``."""
    back = problem.right_to_left
    return np.concatenate((problem.left_to_right.numerator_right[cols], back.numerator_right[cols] / total_weights(back, cols).astype(np.float32)[:, None]), axis=1)


def rotation(left: FloatArray, right: FloatArray) -> Rotation:
    """Balanced coordinates of the products ``left @ right.T`` from samples of both sides' stacked factors."""
    left_root = _root(left)
    right_root = _root(right)
    u, s, vt = np.linalg.svd(left_root.T @ right_root)
    s = np.sqrt(np.maximum(s, s[0] * 1e-6))
    forward = np.linalg.solve(left_root.T, u * s)
    backward = np.linalg.solve(right_root.T, vt.T * s)
    a, b = forward.astype(np.float32), backward.astype(np.float32)
    defect = float(np.linalg.norm(a.astype(np.float64) @ b.astype(np.float64).T - np.eye(len(a))))
    return Rotation(a, b, defect)


def _root(sample: FloatArray) -> Float64Array:
    """Lower Cholesky factor of the second moments, with a little of the identity so that it exists."""
    moments = (sample.T @ sample).astype(np.float64) / len(sample)
    return np.linalg.cholesky(moments + np.eye(len(moments)) * (np.trace(moments) / len(moments) * 1e-4 + 1e-12))


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds the denominators of pairs that reach the coverage floor: g of the module's docstring, and the rounding of the bound."""

    gain: float
    slack: float


class Screen:
    """The bound of one problem at one rank. Rows are held ready; columns are arranged block by block."""

    def __init__(self, problem: PairProblem, admission: Admission, rows: IntArray, turn: Rotation, rank: int, limits: Limits) -> None:
        self.problem, self.admission, self.rows, self.turn, self.rank, self.limits = problem, admission, rows, turn, rank, limits
        self.thin = problem.left_to_right.presence_left.shape[1] + problem.right_to_left.presence_left.shape[1] + 2
        self.kept = rank + 3
        self.left = np.empty((len(rows), self.depth), dtype=np.float32)
        for start in range(0, len(rows), _CHUNK):
            part = rows[start : start + _CHUNK]
            out = self.left[start : start + _CHUNK]
            out[:, : rank + 1] = reduced(stacked_left(problem, part), turn.left, rank)
            out[:, rank + 1] = 1
            out[:, rank + 2 :] = self._left_rest(part)

    @property
    def depth(self) -> int:
        return self.kept + self.thin

    def _left_rest(self, rows: IntArray) -> FloatArray:
        forth, back = self.problem.left_to_right, self.problem.right_to_left
        share = 1 / total_weights(forth, rows)[:, None]
        prior = forth.prior_weight * share
        return np.concatenate(
            (prior * forth.prior + self.limits.slack, forth.presence_left[rows] * share, back.presence_left[rows], prior, np.ones_like(share)), axis=1
        )

    def right(self, cols: IntArray) -> tuple[Float32Array, Float32Array]:
        """Column operands: what is multiplied as it is, (kept, cols), and the denominators, (cols, thin), still to be scaled by thresholds."""
        forth, back = self.problem.left_to_right, self.problem.right_to_left
        share = 1 / total_weights(back, cols)[:, None]
        prior = back.prior_weight * share
        kept = np.empty((self.kept, len(cols)), dtype=np.float32)
        kept[: self.rank + 1] = reduced(stacked_right(self.problem, cols), self.turn.right, self.rank).T
        kept[self.rank + 1] = (prior * back.prior)[:, 0]
        kept[self.rank + 2] = 1
        thin = np.concatenate((forth.presence_right[cols], back.presence_right[cols] * share, np.ones_like(share), prior), axis=1)
        return kept, thin.astype(np.float32)


def reduced(stacked: FloatArray, turn: Float32Array, rank: int) -> Float32Array:
    """(n, rank + 1): the leading coordinates, and the norm of the others."""
    turned = stacked @ turn
    out = np.empty((len(stacked), rank + 1), dtype=np.float32)
    out[:, :rank] = turned[:, :rank]
    out[:, rank] = np.sqrt(np.einsum("ij,ij->i", turned[:, rank:], turned[:, rank:]))
    return out


def limits(problem: PairProblem, rows: IntArray, cols: IntArray, turn: Rotation, floor: float) -> Limits | None:
    """The gain and slack of the bound for these rows and columns; None where nothing useful can be promised."""
    forth, back = problem.left_to_right, problem.right_to_left
    if floor <= 0:
        return None
    low, high = [], []
    for factors, owners, own, other in (
        (forth, rows, forth.presence_left, forth.presence_right),
        (back, cols, back.presence_right, back.presence_left),
    ):
        total = total_weights(factors, owners)
        prior = factors.prior_weight / total
        most = (own @ other.max(axis=0, initial=0.0))[owners] / total + prior
        low.append(float((floor + prior).min(initial=np.inf)))
        high.append(float(most.max(initial=0.0)))
    ratio = max(high[0] / low[1], high[1] / low[0], 1.0)
    gain = 0.5 + 1 / (ratio**0.5 + ratio**-0.5)
    # Rounding of the turned factors, of their product and of the folded denominators, all relative to norms (see rounding.py).
    left_norm, right_norm = _largest_norms(problem, rows, cols)
    depth = len(turn.left) + 64
    gamma = depth * _UNIT / (1 - depth * _UNIT)
    spread = np.linalg.norm(np.abs(turn.left), 2) * np.linalg.norm(turn.right, 2) + np.linalg.norm(np.abs(turn.right), 2) * np.linalg.norm(turn.left, 2)
    own = np.linalg.norm(turn.left, 2) * np.linalg.norm(turn.right, 2)
    slack = (gamma * (spread + 2 * own) + turn.defect) * left_norm * right_norm + 4 * gamma * (high[0] + high[1] + 1)
    return Limits(gain * (1 - 1e-6), float(slack)) if slack < 0.05 else None


def _largest_norms(problem: PairProblem, rows: IntArray, cols: IntArray) -> tuple[float, float]:
    largest = [0.0, 0.0]
    for side, (stack, which) in enumerate(((stacked_left, rows), (stacked_right, cols))):
        for start in range(0, len(which), _CHUNK):
            largest[side] = max(largest[side], float(row_norms(stack(problem, which[start : start + _CHUNK])).max()))
    return largest[0], largest[1]
