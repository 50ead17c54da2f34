"""Whether screening pays for a problem, and at which rank: measured on a sample of it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matching.topk.admission import Admission
from matching.topk.pairs import COVERAGE_TOLERANCE
from matching.topk.rotation import (
    Rotation,
    nonnegative_dimensions,
    rotation,
    stacked_left,
    stacked_right,
    total_weights,
)
from matching.topk.screening import Screen
from matching.topk.threads import single_blas_thread
from matching.types import FloatArray, IntArray, PairProblem

Float32Array = npt.NDArray[np.float32]

SCREENED_FUSIONS = ("harmonic", "min")  # the minimum never exceeds the harmonic mean
_SAMPLE = 4_096
# Costs of a pair in nanoseconds, measured with cache-sized blocks; only their proportions matter.
PRODUCT_COST = 0.0235  # one more dimension of a product
DIRECT_COST = 4.5  # beside the two deep products: two thin ones, the fusion, the comparisons
SCREENED_COST = 2.0
SURVIVOR_COST = 250.0  # a pair that the bound lets through: its denominators, mask and keys …
GATHERED_COST = 0.35  # … and each dimension of its factors, from wherever they are in memory


def choose_screen(
    problem: PairProblem,
    admission: Admission,
    fusion: str,
    rows: IntArray,
    cols: IntArray,
    known: IntArray,
    thresholds: Float32Array,
    lag: float,
    used: int,
) -> Screen | None:
    """The screen that should be cheapest, or None for direct products.

    ``known`` are columns whose final ``thresholds`` are known; how many pairs of a sample their
    bound cannot rule out decides. ``lag`` is by how much more will pass because thresholds start
    lower than they end, ``used`` how deep the direct products of a block are.
    """
    depth = (
        problem.left_to_right.numerator_left.shape[1]
        + problem.right_to_left.numerator_left.shape[1]
    )
    # Turning the columns and fitting the rotation must leave room to win anything at all.
    turning = (
        depth
        * depth
        * PRODUCT_COST
        * (1 / max(1, len(rows)) + 60 * depth / max(1, len(rows) * len(cols)))
    )
    if (
        fusion not in SCREENED_FUSIONS
        or problem.coverage_floor <= COVERAGE_TOLERANCE
        or turning > 0.2 * depth * PRODUCT_COST
        or len(known) == 0
    ):
        return None
    with single_blas_thread():
        left, right = (
            stacked_left(problem, _spread(rows, _SAMPLE)),
            stacked_right(problem, _spread(cols, _SAMPLE)),
        )
        turn = rotation(left, right, nonnegative_dimensions(problem))
        at = _spread(np.arange(len(known)), 192)
        share = lag * (1 + len(rows) / len(cols))
        rank = cheapest_rank(
            problem,
            turn,
            _spread(rows, 1_024),
            known[at],
            thresholds[at],
            share,
            used * PRODUCT_COST + DIRECT_COST - turning,
        )
        too_many = (used * PRODUCT_COST + DIRECT_COST) / (SURVIVOR_COST + depth * GATHERED_COST)
        return (
            None if rank is None else Screen(problem, admission, rows, cols, turn, rank, too_many)
        )


def _spread(which: IntArray, count: int) -> IntArray:
    return which[:: max(1, len(which) // count)][:count]


def cheapest_rank(
    problem: PairProblem,
    turn: Rotation,
    rows: IntArray,
    cols: IntArray,
    thresholds: Float32Array,
    share: float,
    best_cost: float,
) -> int | None:
    depth, beside = (
        len(turn.left),
        turn.extra + 2 * problem.right_to_left.presence_left.shape[1] + 4,
    )
    left, right = (
        turn.reduced_left(stacked_left(problem, rows), depth),
        turn.reduced_right(stacked_right(problem, cols), depth),
    )
    needed = (
        _needed_numerators(problem, rows, cols, thresholds)
        - left[:, depth + 1 :] @ right[:, depth + 1 :].T
    )
    survivor = SURVIVOR_COST + depth * GATHERED_COST
    best = None
    for rank in range(depth // 8, depth, max(1, depth // 24)):
        bound = left[:, :rank] @ right[:, :rank].T
        bound += np.linalg.norm(left[:, rank:depth], axis=1)[:, None] * np.linalg.norm(
            right[:, rank:depth], axis=1
        )
        survivors = float((bound >= needed).mean()) * share
        cost = (rank + beside) * PRODUCT_COST + SCREENED_COST + survivors * survivor
        if cost < best_cost:
            best, best_cost = rank, cost
    return best


def _needed_numerators(
    problem: PairProblem, rows: IntArray, cols: IntArray, thresholds: Float32Array
) -> FloatArray:
    """(rows, cols): the sum of numerators to reach; infinite below the coverage floor."""
    forth, back = problem.left_to_right, problem.right_to_left
    row_share, col_share = 1 / total_weights(forth, rows)[:, None], 1 / total_weights(back, cols)
    forth_coverage = (forth.presence_left[rows] @ forth.presence_right[cols].T) * row_share
    d1 = forth_coverage + forth.prior_weight * row_share
    d2 = (back.presence_left[rows] @ back.presence_right[cols].T + back.prior_weight) * col_share
    needed: FloatArray = thresholds * ((d1 + d2) / 2 + np.sqrt(d1 * d2)) * 0.995
    needed -= (
        forth.prior_weight * forth.prior * row_share + back.prior_weight * back.prior * col_share
    )
    needed[forth_coverage < problem.coverage_floor - COVERAGE_TOLERANCE] = np.inf
    return needed
