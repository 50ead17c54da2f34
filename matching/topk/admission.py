"""Which pairs may be suggested, and in which order columns let whole rows be left out."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching.topk.pairs import COVERAGE_TOLERANCE, covered, exception_positions
from matching.types import BoolArray, FloatArray, GroupedMask, IntArray, PairProblem

Float32Array = npt.NDArray[np.float32]

_SAMPLED = 3  # the first block is so many times narrower than others
_LOW = 1 - 1e-5  # what rounding may take from a float32 presence
_NARROW = 128  # columns of one group that are worth a block of their own


@dataclass(frozen=True, slots=True)
class Reach:
    """Of rows and a block of columns: which may be left out, which are wholly eligible."""

    possible: BoolArray
    certain: BoolArray


class Admission:
    """Whether pairs may be suggested: coverage, exceptions (apart), eligibility."""

    def __init__(self, problem: PairProblem) -> None:
        self.problem = problem
        floor = max(problem.coverage_floor - COVERAGE_TOLERANCE, 0.0) * _LOW
        self.row_least = (problem.left_to_right.total_weight * floor).astype(np.float32)
        self.col_least = (problem.right_to_left.total_weight * floor).astype(np.float32)
        self.has_exceptions = len(problem.exceptions.rows) > 0
        self.exceptional = np.zeros(len(problem.left_ids), dtype=np.bool_)
        self.exceptional[problem.exceptions.rows] = True

    def reachable(self) -> tuple[IntArray, IntArray]:
        """Available rows and columns that could reach the floor with a complete counterpart."""
        problem, forth, back = self.problem, self.problem.left_to_right, self.problem.right_to_left
        rows = forth.presence_left @ forth.presence_right.max(axis=0, initial=0.0) >= self.row_least
        cols = back.presence_right @ back.presence_left.max(axis=0, initial=0.0) >= self.col_least
        if problem.coverage_floor > COVERAGE_TOLERANCE:
            rows, cols = rows & (forth.total_weight > 0), cols & (back.total_weight > 0)
        # These bring a coverage of their own
        rows[problem.exceptions.rows], cols[problem.exceptions.cols] = (True, True)
        return np.flatnonzero(rows & problem.eligibility.left_ok), np.flatnonzero(
            cols & problem.eligibility.right_ok
        )

    def reach(self, rows: IntArray, cols: IntArray) -> Reach:
        """Which rows could reach the coverage floor with a counterpart that has all that any of the
        columns has, and are not excluded by all columns."""
        forth, mask = self.problem.left_to_right, self.problem.eligibility
        best = forth.presence_left[rows] @ forth.presence_right[cols].max(axis=0)
        possible: BoolArray = best >= self.row_least[rows]
        if not isinstance(mask, GroupedMask):
            return Reach(possible, np.zeros(len(rows), dtype=np.bool_))
        some, certain = mask.reach(rows, cols)
        return Reach(possible & some, certain & ~self.exceptional[rows])

    def rule_out(self, table: FloatArray, rows: IntArray, cols: IntArray) -> None:
        """Makes entries of a table (rows, cols) -inf where coverage cannot reach the floor."""
        forth, back = self.problem.left_to_right, self.problem.right_to_left
        presence = forth.presence_left[rows] @ forth.presence_right[cols].T
        beyond = presence < self.row_least.take(rows)[:, None]
        np.matmul(back.presence_left[rows], back.presence_right[cols].T, out=presence)
        beyond |= presence < self.col_least.take(cols)
        table[beyond] = -np.inf

    def allowed(self, rows: IntArray, cols: IntArray, certain: BoolArray) -> BoolArray:
        """(c,) bool for available rows and columns: covered, not among the exceptions, and eligible
        (which is ``certain`` of some)."""
        allowed = covered(self.problem, rows, cols)
        asked = np.flatnonzero(allowed & ~certain)
        if len(asked):
            rows, cols = rows[asked], cols[asked]
            allowed[asked] = self.problem.eligibility.pairs(rows, cols)
            if self.has_exceptions:
                allowed[asked] &= exception_positions(self.problem, rows, cols) < 0
        return allowed


def column_blocks(
    problem: PairProblem, cols: IntArray, width: int
) -> tuple[IntArray, list[tuple[int, int]]]:
    """Columns in an order, and blocks of at most ``width`` of them, each of one group (a country)
    as far as may be.

    The first block is a sample of all columns, from which the first thresholds come. Within a group
    columns that know the same stand together. Where the mask knows no groups the pattern of
    presence is the only order.
    """
    if len(cols) == 0:
        return cols, []
    # One in so many columns, so that the sample is no larger than a part of a block.
    sampled = np.arange(len(cols)) % -(-len(cols) // (-(-width // _SAMPLED))) == 0
    rest = np.flatnonzero(~sampled)
    mask = problem.eligibility
    group = (
        mask.groups()[1][cols[rest]]
        if isinstance(mask, GroupedMask)
        else np.zeros(len(rest), dtype=np.int64)
    )
    sizes = np.bincount(group)
    small = sizes < min(_NARROW, width)
    piece = np.where(small, np.int64(-1), np.arange(len(sizes)))[group] if len(rest) else group
    order = rest[
        np.lexsort((_pattern(problem.left_to_right.presence_right, cols[rest]), group, piece))
    ]
    first = int(sampled.sum())
    edges = [0, first]
    for size in np.unique(piece, return_counts=True)[1]:
        pieces, start = -(-int(size) // width), edges[-1]
        edges.extend(start + int(size) * number // pieces for number in range(1, pieces + 1))
    return cols[np.concatenate((np.flatnonzero(sampled), order))], list(itertools.pairwise(edges))


def _pattern(presence: FloatArray, rows: IntArray) -> npt.NDArray[np.float64]:
    """(rows,) a number for which of the parts each row knows."""
    known = (presence[rows] != 0).astype(np.float64)
    pattern: npt.NDArray[np.float64] = known @ 2.0 ** np.arange(presence.shape[1])
    return pattern
