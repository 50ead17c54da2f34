"""Whether screening pays for a problem, and at which rank: measured on a sample of it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matching.topk.rotation import (
    Rotation,
    nonnegative_dimensions,
    rotation,
    stacked_left,
    stacked_right,
)
from matching.topk.rounding import least_logits
from matching.topk.screening import SCREENED_FUSIONS, Screen, bounds
from matching.topk.threads import single_blas_thread
from matching.types import IntArray, PairProblem

Float32Array = npt.NDArray[np.float32]

_SAMPLE = 4_096
# Costs of a pair in nanoseconds, measured with cache-sized blocks; only their proportions matter.
PRODUCT_COST = 0.0235  # one more dimension of a product
DIRECT_COST = 1.0  # beside the two products: the addition, the comparison, what passes
SCREENED_COST = 0.5
SURVIVOR_COST = 150.0  # a pair that the bound lets through: its logits, mask and keys …
GATHERED_COST = 0.35  # … and each dimension of its operands, from wherever they are in memory


def choose_screen(
    problem: PairProblem,
    fusion: str,
    rows: IntArray,
    cols: IntArray,
    known: IntArray,
    thresholds: Float32Array,
    lag: float,
    depth: int,
) -> Screen | None:
    """The screen that should be cheapest, or None for direct products.

    ``known`` are columns whose final ``thresholds`` are known; how many pairs of a sample their
    bound cannot rule out decides. ``lag`` is by how much more will pass because thresholds start
    lower than they end, ``depth`` that of the direct products of a block.
    """
    stacked = problem.left_to_right.gain_left.shape[1] + problem.right_to_left.gain_left.shape[1]
    # Turning the columns and fitting the rotation must leave room to win anything at all.
    turning = (
        stacked
        * stacked
        * PRODUCT_COST
        * (1 / max(1, len(rows)) + 60 * stacked / max(1, len(rows) * len(cols)))
    )
    if fusion not in SCREENED_FUSIONS or turning > 0.2 * depth * PRODUCT_COST or len(known) == 0:
        return None
    direct = depth * PRODUCT_COST + DIRECT_COST
    survivor = SURVIVOR_COST + depth * GATHERED_COST
    with single_blas_thread():
        turn = rotation(
            stacked_left(problem, _spread(rows, _SAMPLE)),
            stacked_right(problem, _spread(cols, _SAMPLE)),
            nonnegative_dimensions(problem),
        )
        at = _spread(np.arange(len(known)), 192)
        rank = cheapest_rank(
            problem,
            turn,
            _spread(rows, 1_024),
            known[at],
            least_logits(thresholds[at], fusion, 0.0),
            lag * (1 + len(rows) / len(cols)) * survivor,
            direct - turning,
        )
        return None if rank is None else Screen(problem, rows, turn, rank, direct / survivor)


def _spread(which: IntArray, count: int) -> IntArray:
    return which[:: max(1, len(which) // count)][:count]


def cheapest_rank(
    problem: PairProblem,
    turn: Rotation,
    rows: IntArray,
    cols: IntArray,
    limits: Float32Array,
    survivor: float,
    best_cost: float,
) -> int | None:
    """The rank whose screen costs the least, if less than ``best_cost`` a pair. ``survivor`` is the
    cost of each pair of the rows and cols whose bound reaches the limit of its column."""
    depth = len(turn.left)
    left, right = (
        turn.reduced_left(stacked_left(problem, rows), depth),
        turn.reduced_right(stacked_right(problem, cols), depth),
    )
    limits = limits - np.float32(problem.left_to_right.intercept + problem.right_to_left.intercept)
    best = None
    for rank in range(depth // 8, depth, max(1, depth // 24)):
        survivors = float((bounds(left, right, rank, depth) >= limits).mean())
        cost = (rank + turn.extra) * PRODUCT_COST + SCREENED_COST + survivors * survivor
        if cost < best_cost:
            best, best_cost = rank, cost
    return best
