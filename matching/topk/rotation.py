"""Coordinates in which the first few carry most of the sum of both directions' gains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching.types import BoolArray, FloatArray, IntArray, PairProblem

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]

_UNIT = 2.0**-24
_SEVERAL = 64  # partial sums that a product may add up at the end, and buckets
_BUCKETS = 24
_SELDOM = 1e-3  # dimensions that fewer pairs than this share are bucketed


@dataclass(frozen=True, slots=True)
class Rotation:
    """Balanced coordinates of products of stacked factors, and buckets for dimensions that hardly
    any pair shares.

    Products of the dense dimensions are those of ``(x * scale) @ left`` and ``(y / scale) @
    right``. What float32 adds to them or takes away is at most |x|·|y|·``error`` (scaled norms).
    Rare dimensions (a tie to one of 200 countries) have no low rank; where none is negative, the
    sum over a bucket of them is at most the largest of x times the sum of y, and seldom less.
    """

    dense: IntArray  # dimensions that are turned
    rare: IntArray  # dimensions that are bucketed, bucket by bucket
    starts: IntArray  # where each bucket begins in ``rare``
    scale: Float32Array  # (dense,) powers of two
    left: Float32Array  # (dense, dense)
    right: Float32Array
    error: float

    @property
    def extra(self) -> int:
        """Columns beside the rank: the remaining norm, one for rounding, and buckets."""
        return 2 + len(self.starts)

    def reduced_left(self, stacked: FloatArray, rank: int) -> Float32Array:
        """(n, rank + extra): leading coordinates, remaining norm, norm times error, buckets."""
        out = self._reduced(stacked[:, self.dense] * self.scale, self.left, rank)
        out[:, rank + 1] *= np.float32(self.error)
        if len(self.rare):
            out[:, rank + 2 :] = np.maximum.reduceat(stacked[:, self.rare], self.starts, axis=1)
        return out

    def reduced_right(self, stacked: FloatArray, rank: int) -> Float32Array:
        """(n, rank + extra), the counterpart of ``reduced_left``."""
        out = self._reduced(stacked[:, self.dense] / self.scale, self.right, rank)
        if len(self.rare):
            sums = np.add.reduceat(stacked[:, self.rare], self.starts, axis=1)
            out[:, rank + 2 :] = sums * np.float32(1 + 1e-4)
        return out

    def _reduced(self, scaled: FloatArray, turn: Float32Array, rank: int) -> Float32Array:
        turned = scaled @ turn
        out = np.empty((len(scaled), rank + self.extra), dtype=np.float32)
        out[:, :rank] = turned[:, :rank]
        out[:, rank] = np.sqrt(np.einsum("ij,ij->i", turned[:, rank:], turned[:, rank:]))
        out[:, rank + 1] = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))
        return out


def stacked_left(problem: PairProblem, rows: IntArray) -> Float32Array:
    """(rows, d₁ + d₂): gains of both directions, each times its slope."""
    forth, back = problem.left_to_right, problem.right_to_left
    return np.concatenate(
        (
            forth.gain_left[rows] * np.float32(forth.slope),
            back.gain_left[rows] * np.float32(back.slope),
        ),
        axis=1,
    )


def stacked_right(problem: PairProblem, cols: IntArray) -> Float32Array:
    """(cols, d₁ + d₂), the counterpart of ``stacked_left``."""
    forth, back = problem.left_to_right, problem.right_to_left
    return np.concatenate((forth.gain_right[cols], back.gain_right[cols]), axis=1)


def rotation(left: FloatArray, right: FloatArray, nonnegative: BoolArray) -> Rotation:
    """Fitted to samples of both sides; ``nonnegative``: dimensions without negative entries."""
    often_left, often_right = ((side != 0).mean(axis=0) for side in (left, right))
    seldom = nonnegative & (often_left * often_right < _SELDOM)
    rare = np.flatnonzero(seldom)
    # The most frequent ones are dealt to different buckets.
    rare = rare[np.argsort(-(often_left + often_right)[rare], kind="stable")]
    buckets = [rare[first::_BUCKETS] for first in range(min(_BUCKETS, len(rare)))]
    starts = np.cumsum([0, *map(len, buckets)])[:-1]
    dense = np.flatnonzero(~seldom)
    left, right = left[:, dense], right[:, dense]
    # Every dimension alone first, by powers of two, which round nothing: alike norms on both sides
    # keep rounding errors small.
    left_size, right_size = (
        np.sqrt(np.einsum("ij,ij->j", side, side, dtype=np.float64)) for side in (left, right)
    )
    both = (left_size > 0) & (right_size > 0)
    scale = np.where(
        both,
        2.0 ** np.round(np.log2(np.where(both, right_size / np.where(both, left_size, 1), 1)) / 2),
        1.0,
    )
    left_root, right_root = _root(left * scale), _root(right / scale)
    u, s, vt = np.linalg.svd(left_root.T @ right_root)
    forward = np.linalg.solve(left_root.T, u * np.sqrt(s)).astype(np.float32)
    backward = np.linalg.solve(right_root.T, vt.T * np.sqrt(s)).astype(np.float32)
    error = _error(forward.astype(np.float64), backward.astype(np.float64))
    return Rotation(
        dense,
        np.concatenate([rare[:0], *buckets]),
        starts[: len(buckets)],
        scale.astype(np.float32),
        forward,
        backward,
        error,
    )


def nonnegative_dimensions(problem: PairProblem) -> BoolArray:
    """(d₁ + d₂,) bool: no stacked factor of either side is below zero there."""
    parts = [
        (factors.gain_left.min(axis=0, initial=0.0) >= 0)
        & (factors.gain_right.min(axis=0, initial=0.0) >= 0)
        for factors in (problem.left_to_right, problem.right_to_left)
    ]
    return np.concatenate(parts)


def _root(sample: FloatArray) -> Float64Array:
    """Lower Cholesky factor of the second moments, regularised by the identity."""
    moments = (sample.T @ sample).astype(np.float64) / len(sample)
    return np.linalg.cholesky(
        moments + np.eye(len(moments)) * (np.trace(moments) / len(moments) * 1e-4 + 1e-12)
    )


def _error(left: Float64Array, right: Float64Array) -> float:
    """Rounding of the turned factors (a sum errs by a unit per term), of their product, and what
    keeps the matrices from being inverse; of norms as well, and of the addition of all."""
    unit = 1.02 * _UNIT  # 1.02 covers the terms of second order for fewer than 300,000 terms
    left_size, right_size = np.linalg.norm(left, 2), np.linalg.norm(right, 2)
    terms = len(left) + _SEVERAL
    turned = terms * (
        np.linalg.norm(np.abs(left), 2) * right_size + np.linalg.norm(np.abs(right), 2) * left_size
    )
    product = 2 * terms * left_size * right_size
    defect = np.linalg.norm(left @ right.T - np.eye(len(left)), 2)
    return float(1.01 * (unit * (turned + product) + defect))
