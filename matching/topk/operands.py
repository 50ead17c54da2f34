"""Factors arranged for block products: constants folded in as further dimensions, right sides transposed."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching.topk.pairs import COVERAGE_TOLERANCE, exception_positions, score_pairs
from matching.types import BoolArray, FloatArray, IntArray, PairProblem

Float32Array = npt.NDArray[np.float32]

_TINY = 1e-18  # keeps numerators from being 0, so that 0/0 cannot arise where a score of 0 is meant; far below any rounding
_RARE = 0.05  # share of columns up to which a dimension is rare
_CHUNK = 4_096


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a block: numerators and denominators of both directions."""

    forth_numerator: FloatArray
    back_numerator: FloatArray
    forth_denominator: FloatArray
    back_denominator: FloatArray

    def rows(self, positions: IntArray, used: Used) -> Side:
        """Some rows of a left side, of their numerators the dimensions that a block of columns uses."""
        return Side(
            _selected(self.forth_numerator.take(positions, axis=0), used.forth, axis=1),
            _selected(self.back_numerator.take(positions, axis=0), used.back, axis=1),
            self.forth_denominator.take(positions, axis=0),
            self.back_denominator.take(positions, axis=0),
        )

    def without_zeros(self) -> tuple[Side, Used]:
        """A right side without the dimensions of its numerators in which all of its columns are zero, and what is left of them."""
        used = Used(np.flatnonzero(self.forth_numerator.any(axis=1)), np.flatnonzero(self.back_numerator.any(axis=1)))
        forth, back = _selected(self.forth_numerator, used.forth, axis=0), _selected(self.back_numerator, used.back, axis=0)
        return Side(forth, back, self.forth_denominator, self.back_denominator), used


@dataclass(frozen=True, slots=True)
class Used:
    """Dimensions of both directions' numerators in which a block of columns is not all zero."""

    forth: IntArray
    back: IntArray

    @property
    def depth(self) -> int:
        """Of both directions together."""
        return len(self.forth) + len(self.back)


def _selected(array: FloatArray, which: IntArray, axis: int) -> FloatArray:
    return array if len(which) == array.shape[axis] else array.take(which, axis=axis)


def left_side(problem: PairProblem, rows: IntArray) -> Side:
    """Row operands, (rows, depth + 1)."""
    forth, back = problem.left_to_right, problem.right_to_left
    return Side(
        _with_column(forth.numerator_left, rows, forth.prior_weight * forth.prior + _TINY),
        _with_column(back.numerator_left, rows, 1.0),
        _with_column(forth.presence_left, rows, forth.prior_weight),
        _with_column(back.presence_left, rows, 1.0),
    )


def right_side(problem: PairProblem, cols: IntArray) -> Side:
    """Column operands, transposed: (depth + 1, cols)."""
    forth, back = problem.left_to_right, problem.right_to_left
    return Side(
        _transposed(_with_column(forth.numerator_right, cols, 1.0)),
        _transposed(_with_column(back.numerator_right, cols, back.prior_weight * back.prior + _TINY)),
        _transposed(_with_column(forth.presence_right, cols, 1.0)),
        _transposed(_with_column(back.presence_right, cols, back.prior_weight)),
    )


def _with_column(array: FloatArray, rows: IntArray, constant: float) -> FloatArray:
    out = np.empty((len(rows), array.shape[1] + 1), dtype=np.float32)
    out[:, :-1] = array[rows]
    out[:, -1] = constant
    return out


def _transposed(array: FloatArray) -> FloatArray:
    return np.ascontiguousarray(array.T)


class Admission:
    """Whether candidate pairs may be suggested: coverage, evidence, exceptions (ranked apart) and eligibility."""

    def __init__(self, problem: PairProblem) -> None:
        self.problem = problem
        floor = max(problem.coverage_floor - COVERAGE_TOLERANCE, 0.0)
        forth, back = problem.left_to_right, problem.right_to_left
        self.row_least = (forth.total_weight * floor + forth.prior_weight).astype(np.float32)
        self.col_least = (back.total_weight * floor + back.prior_weight).astype(np.float32)
        self.has_exceptions = len(problem.exceptions.rows) > 0

    def reachable(self) -> tuple[IntArray, IntArray]:
        """Available rows and columns that could reach the coverage floor with a counterpart that knows everything."""
        problem, forth, back = self.problem, self.problem.left_to_right, self.problem.right_to_left
        best_row = forth.presence_left @ forth.presence_right.max(axis=0, initial=0.0) + forth.prior_weight
        best_col = back.presence_right @ back.presence_left.max(axis=0, initial=0.0) + back.prior_weight
        needed = problem.coverage_floor > COVERAGE_TOLERANCE
        rows = problem.eligibility.left_ok & (best_row >= self.row_least * np.float32(0.9999))
        cols = problem.eligibility.right_ok & (best_col >= self.col_least * np.float32(0.9999))
        if needed:
            rows, cols = rows & (forth.total_weight > 0), cols & (back.total_weight > 0)
        rows[problem.exceptions.rows], cols[problem.exceptions.cols] = True, True  # these bring a coverage of their own
        return np.flatnonzero(rows & problem.eligibility.left_ok), np.flatnonzero(cols & problem.eligibility.right_ok)

    def rows_within_reach(self, rows: IntArray, cols: IntArray) -> BoolArray:
        """(rows,) bool: which of them could reach the coverage floor with a counterpart that has all that any of the columns has."""
        forth = self.problem.left_to_right
        best = forth.presence_left[rows] @ forth.presence_right[cols].max(axis=0) + np.float32(forth.prior_weight)
        within: BoolArray = best >= self.row_least[rows] * np.float32(0.9999)
        return within

    def covered(self, rows: IntArray, cols: IntArray, forth_denominator: Float32Array, back_denominator: Float32Array) -> BoolArray:
        """(c,) bool: both coverages reach the floor and both preferences are defined.

        Denominators (presence + prior weight) are float32; what their rounding leaves open is settled exactly.
        """
        row_least, col_least = self.row_least.take(rows), self.col_least.take(cols)
        low, high = np.float32(1 - 1e-5), np.float32(1 + 1e-5)
        passed = (forth_denominator > row_least * high) & (back_denominator > col_least * high)
        open_ = np.flatnonzero(~passed & (forth_denominator >= row_least * low) & (back_denominator >= col_least * low))
        if len(open_):
            exact = score_pairs(self.problem, rows[open_], cols[open_], "mean")
            passed[open_] = exact.suggestible(self.problem.coverage_floor)
        return passed

    def eligible(self, rows: IntArray, cols: IntArray) -> BoolArray:
        """(c,) bool for available rows and columns: eligible, and not among the exceptions."""
        allowed = self.problem.eligibility.pairs(rows, cols)
        if self.has_exceptions:
            allowed = allowed & (exception_positions(self.problem, rows, cols) < 0)
        return allowed


def column_blocks(problem: PairProblem, cols: IntArray, width: int) -> tuple[IntArray, list[tuple[int, int]]]:
    """Columns in an order, and blocks of at most ``width`` of them whose columns are zero in the same dimensions, as far as may be.

    The first block is a sample of all columns, from which the first thresholds come. The others are sorted by their rarest dimension (a
    country has its own among the ties, its languages, its clock), so that most of the rare ones are zero in all of a block.
    """
    if len(cols) == 0:
        return cols, []
    # 1: sampled; one in so many columns, so that the sample is no larger than a block.
    sampled = np.arange(len(cols)) % -(-len(cols) // width) == 0
    _, pattern = np.unique(problem.left_to_right.presence_right[cols], axis=0, return_inverse=True)
    order = np.lexsort((pattern.ravel(), _rarest_dimension(problem.left_to_right.numerator_right, cols), ~sampled))
    first = int(sampled.sum())
    pieces = -(-(len(cols) - first) // width)
    edges = [0, first, *(first + (len(cols) - first) * piece // pieces for piece in range(1, pieces + 1))]
    return cols[order], list(itertools.pairwise(edges))


def _rarest_dimension(factors: FloatArray, rows: IntArray) -> IntArray:
    """(rows,) of each row the dimension in which the fewest others are not zero, among those that few are."""
    count = np.zeros(factors.shape[1], dtype=np.int64)
    for start in range(0, len(rows), _CHUNK):
        count += np.count_nonzero(factors[rows[start : start + _CHUNK]], axis=0)
    rare = np.flatnonzero(count < _RARE * len(rows))
    rare = rare[np.argsort(count[rare], kind="stable")]
    rarest = np.full(len(rows), len(rare))
    if len(rare):
        for start in range(0, len(rows), _CHUNK):
            there = factors[rows[start : start + _CHUNK, None], rare] != 0
            rarest[start : start + _CHUNK] = np.where(there.any(axis=1), there.argmax(axis=1), len(rare))
    return rarest
