"""Whether screening pays for a problem, and at which rank: measured on a sample of its own rows and columns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from matching.topk.operands import Admission
from matching.topk.pairs import COVERAGE_TOLERANCE
from matching.topk.screening import SCREENED_FUSIONS, Rotation, Screen, limits, rotation, stacked_left, stacked_right, total_weights
from matching.types import IntArray, PairProblem

Float32Array = npt.NDArray[np.float32]

_LEAST_PAIRS = 10_000_000  # below, arranging the screen costs more than it can save
_SAMPLE = 4_096
# Costs of a pair in nanoseconds, measured with cache-sized blocks; only their proportions matter.
_PRODUCT = 0.0235  # one more dimension of a product
_DIRECT = 2.5  # beside the two deep products: two thin ones, the fusion, the comparisons
_SCREENED = 0.3
_SURVIVOR = 100.0
_TURNED = 0.02  # one dimension of a column's turned factors, squared depth, over the rows


def choose_screen(
    problem: PairProblem,
    admission: Admission,
    fusion: str,
    rows: IntArray,
    cols: IntArray,
    row_thresholds: Float32Array,
    col_thresholds: Float32Array,
    lag: float,
) -> Screen | None:
    """The screen that should be cheapest, or None for direct products.

    ``col_thresholds`` are final for the first columns; how many pairs of a sample their bound cannot rule out decides. ``lag`` is by how
    much more will pass because thresholds start lower than they end.
    """
    floor = problem.coverage_floor - COVERAGE_TOLERANCE
    if fusion not in SCREENED_FUSIONS or len(rows) * len(cols) < _LEAST_PAIRS:
        return None
    with threadpool_limits(1, "blas"):
        row_sample, col_sample = _spread(rows, _SAMPLE), _spread(cols, _SAMPLE)
        turn = rotation(stacked_left(problem, row_sample), stacked_right(problem, col_sample))
        allowed = limits(problem, rows, cols, turn, floor)
        if allowed is None:
            return None
        rank = _cheapest_rank(problem, turn, admission, rows, cols, col_thresholds, lag)
        return None if rank is None else Screen(problem, admission, rows, turn, rank, allowed)


def _spread(which: IntArray, count: int) -> IntArray:
    return which[:: max(1, len(which) // count)][:count]


def _cheapest_rank(
    problem: PairProblem, turn: Rotation, admission: Admission, rows: IntArray, cols: IntArray, col_thresholds: Float32Array, lag: float
) -> int | None:
    known = np.flatnonzero(col_thresholds > 0)
    if len(known) == 0:
        return None
    known = _spread(known, 192)
    row_sample, col_sample, thresholds = _spread(rows, 1_024), cols[known], col_thresholds[known]
    left, right = stacked_left(problem, row_sample) @ turn.left, stacked_right(problem, col_sample) @ turn.right
    forth, back = problem.left_to_right, problem.right_to_left
    row_share, col_share = 1 / total_weights(forth, row_sample)[:, None], 1 / total_weights(back, col_sample)
    denominator = (forth.presence_left[row_sample] @ forth.presence_right[col_sample].T + forth.prior_weight) * row_share
    denominator += (back.presence_left[row_sample] @ back.presence_right[col_sample].T + back.prior_weight) * col_share
    needed = thresholds * denominator * 0.98 - (forth.prior_weight * forth.prior * row_share + back.prior_weight * back.prior * col_share)
    depth = len(turn.left)
    thin = forth.presence_left.shape[1] + back.presence_left.shape[1] + 5
    both_sides = 1 + len(rows) / len(cols)
    best, best_cost = None, depth * _PRODUCT + _DIRECT
    for rank in range(depth // 8, depth, max(1, depth // 16)):
        bound = left[:, :rank] @ right[:, :rank].T
        bound += np.linalg.norm(left[:, rank:], axis=1)[:, None] * np.linalg.norm(right[:, rank:], axis=1)
        survivors = float((bound >= needed).mean()) * both_sides * lag
        cost = (rank + thin) * _PRODUCT + _SCREENED + survivors * _SURVIVOR + _TURNED * depth * depth / len(rows)
        if cost < best_cost:
            best, best_cost = rank, cost
    return best
