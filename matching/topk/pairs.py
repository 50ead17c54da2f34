"""Exact values of chosen pairs, in float64: what a ranking finally reports, whatever found the
pair.

Gains are always added up in one order, dimension after dimension. A product of two float32 is
exact in float64, and what is zero changes no sum. So it makes no difference to a single bit whose
zeros are left out: most of a community's dimensions are (it has some of many topics), and its
sparse row costs a fraction of its dense one.
"""

from __future__ import annotations

import copy
import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy

from matching.reciprocal import fuse, logistic
from matching.types import BoolArray, Factors, FloatArray, IntArray, PairProblem

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Float64Array = npt.NDArray[np.float64]
Int32Array = npt.NDArray[np.int32]

_SUMMED_AT_ONCE = 256  # pairs whose dense rows are taken at once: they fit in the cache
_ROWS = 128  # rows of a table taken at once …
_FEW_ROWS = 64  # … where each of them is sparse
_OF_ROW = 512  # columns whose factors are taken at once for one row
_GATHERED = 512  # rows looked through at once for what is not zero


class SparseRows:
    """What is not zero of a view's smaller side, in both directions: enough for the sums of all
    pairs."""

    def __init__(self, view: PairProblem) -> None:
        self.of_left = len(view.left_ids) < len(view.right_ids)
        self.view, self.directions = view, (view.left_to_right, view.right_to_left)
        self.sparse = tuple(
            _sparse(f.gain_left if self.of_left else f.gain_right) for f in self.directions
        )

    def exchanged(self, view: PairProblem) -> SparseRows:
        """The same for the view with the sides exchanged."""
        other = copy.copy(self)
        other.view, other.of_left = view, not self.of_left
        other.directions = (view.right_to_left, view.left_to_right)
        return other

    def gains(self, rows: IntArray, cols: IntArray) -> tuple[Float64Array, Float64Array]:
        """(r, c) of both directions: each of the view's rows (r,) with its own columns (r, c)."""
        found = [
            _of_left(sparse, factors.gain_right, rows, cols)
            if self.of_left
            else _of_right(sparse, factors.gain_left, rows, cols)
            for sparse, factors in zip(self.sparse, self.directions, strict=True)
        ]
        as_seen = self.directions[0] is self.view.left_to_right
        return (found[0], found[1]) if as_seen else (found[1], found[0])


def _sparse(factors: FloatArray) -> csr_array:
    """Filled a few rows at a time into arrays of full length, to avoid a second copy."""
    depth = factors.shape[1]
    starts = np.zeros(len(factors) + 1, dtype=np.int32)
    for at in range(0, len(factors), _GATHERED):
        part = factors[at : at + _GATHERED]
        starts[at + 1 : at + 1 + len(part)] = np.count_nonzero(part, axis=1)
    np.cumsum(starts, out=starts)
    where, values = np.empty(starts[-1], dtype=np.int32), np.empty(starts[-1])
    for at in range(0, len(factors), _GATHERED):
        part = factors[at : at + _GATHERED].reshape(-1)
        found = np.flatnonzero(part)
        here = slice(starts[at], starts[at] + len(found))
        where[here], values[here] = found % depth, part[found]
    return scipy.sparse.csr_array((values, where, starts), shape=factors.shape)


def _of_left(left: csr_array, right: FloatArray, rows: IntArray, cols: IntArray) -> Float64Array:
    """(r, c) by the sparse rows of the left side."""
    sums = np.empty(cols.shape)
    depth, dense = right.shape[1], right.reshape(-1)
    for at in range(0, len(rows), _FEW_ROWS):
        part = slice(at, at + _FEW_ROWS)
        ones = left[rows[part]]
        # Where the others have what stands in a sparse row: a line for each of its dimensions
        places = (cols[part] * depth).repeat(np.diff(ones.indptr), axis=0)
        places += ones.indices[:, None]
        lines = np.arange(len(places), dtype=np.int32)
        shape = (len(ones.indptr) - 1, len(places))
        runs = scipy.sparse.csr_array((ones.data, lines, ones.indptr), shape=shape)
        sums[part] = runs @ dense.take(places)
    return sums


def _of_right(right: csr_array, left: FloatArray, rows: IntArray, cols: IntArray) -> Float64Array:
    """(r, c) by the sparse rows of the right side."""
    found = np.empty(cols.shape)
    depth, each = left.shape[1], cols.shape[1]
    for at in range(0, len(rows), _ROWS):
        part = slice(at, at + _ROWS)
        ones = left.take(rows[part], axis=0).reshape(-1).astype(np.float64)
        theirs = right[cols[part].ravel()]
        begins = np.arange(0, len(ones), depth, dtype=np.int32)
        # The copy itself becomes the sums' matrix: a new one would be checked number by number
        theirs.resize(theirs.shape[0], len(ones))
        theirs.indices += begins.repeat(np.diff(theirs.indptr[::each]))
        found[part] = (theirs @ ones).reshape(-1, each)
    return found


def gains(factors: Factors, rows: IntArray, cols: IntArray) -> Float64Array:
    """(c,) of the pairs (rows[c], cols[c])."""
    found = np.empty(len(rows))
    depth = factors.gain_left.shape[1]
    for at in range(0, len(rows), _SUMMED_AT_ONCE):
        ones = factors.gain_left.take(rows[at : at + _SUMMED_AT_ONCE], axis=0)
        others = factors.gain_right.take(cols[at : at + _SUMMED_AT_ONCE], axis=0)
        where = np.flatnonzero(ones)
        starts = np.searchsorted(where, np.arange(len(ones) + 1) * depth)
        found[at : at + _SUMMED_AT_ONCE] = _sums(ones.reshape(-1)[where], where, starts, others)
    return found


def _sums(
    values: FloatArray, where: npt.NDArray[Any], starts: npt.NDArray[Any], dense: FloatArray
) -> Float64Array:
    """Products of each run of ``values``, from ``starts``, with ``dense`` at ``where``."""
    runs = scipy.sparse.csr_array(
        (values.astype(np.float64, copy=False), where, starts), shape=(len(starts) - 1, dense.size)
    )
    sums: Float64Array = runs @ dense.reshape(-1).astype(np.float64)
    return sums


def gains_of_row(row: FloatArray, right: FloatArray, cols: IntArray) -> Float64Array:
    """(c,) of one row (depth,) with some columns, whose factors are (n, depth)."""
    has = np.flatnonzero(row)
    ones = scipy.sparse.csr_array(
        (row[has].astype(np.float64), np.arange(len(has)), [0, len(has)]), shape=(1, len(has))
    )
    found = np.empty(len(cols))
    for at in range(0, len(cols), _OF_ROW):
        theirs = right.take(cols[at : at + _OF_ROW], axis=0).take(has, axis=1)
        found[at : at + _OF_ROW] = ones @ np.ascontiguousarray(theirs.T, dtype=np.float64)
    return found


COVERAGE_TOLERANCE = 1e-6
"""A coverage equal to the floor may be this much below it: weights are float32."""

_IN_CACHE = 2**18  # float64 that fit in a core's cache together with what they are multiplied by
# Pairs gathered at once: small enough for the cache, and for memory that stays mapped
_SCORED_AT_ONCE = 1_024
_COVERED_AT_ONCE = 8_192  # there are few parts


@dataclass(frozen=True, slots=True)
class PairScores:
    """Arrays (c,). ``outgoing``: the left's preference."""

    score: Float64Array
    outgoing: Float64Array
    incoming: Float64Array
    outgoing_coverage: Float64Array
    incoming_coverage: Float64Array

    def suggestible(self, coverage_floor: float) -> BoolArray:
        """(c,) bool: both coverages reach the floor."""
        floor = coverage_floor - COVERAGE_TOLERANCE
        return (self.outgoing_coverage >= floor) & (self.incoming_coverage >= floor)


def exception_positions(problem: PairProblem, rows: IntArray, cols: IntArray) -> IntArray:
    """(c,) position of each pair among the problem's exceptions, -1 for those that are none."""
    exceptions = problem.exceptions
    if len(exceptions.rows) == 0:
        return np.full(len(rows), -1, dtype=np.int64)
    width = np.int64(len(problem.right_ids))
    keys, wanted = exceptions.rows * width + exceptions.cols, rows * width + cols
    position = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[position] == wanted, position, -1)


def score_pairs(problem: PairProblem, rows: IntArray, cols: IntArray, fusion: str) -> PairScores:
    """Exact values of the pairs (rows[c], cols[c]), exceptions included. Eligibility is not asked.

    A pair's values depend on its own factors alone, never on the pairs beside it: equal factors
    give equal scores, bit for bit.
    """
    parts = [
        _score_chunk(
            problem, rows[at : at + _SCORED_AT_ONCE], cols[at : at + _SCORED_AT_ONCE], fusion
        )
        for at in range(0, max(1, len(rows)), _SCORED_AT_ONCE)
    ]
    return (
        parts[0]
        if len(parts) == 1
        else PairScores(
            *(np.concatenate(values) for values in zip(*map(_fields, parts), strict=True))
        )
    )


def score_table(rows: IntArray, cols: IntArray, fusion: str, sparse: SparseRows) -> PairScores:
    """The same for every row of a view with its own columns: rows (r,), cols (r, c), values
    (r, c)."""
    return scored(sparse.view, rows[:, None], cols, *sparse.gains(rows, cols), fusion)


def _fields(scores: PairScores) -> tuple[npt.NDArray[Any], ...]:
    return (
        scores.score,
        scores.outgoing,
        scores.incoming,
        scores.outgoing_coverage,
        scores.incoming_coverage,
    )


def _score_chunk(problem: PairProblem, rows: IntArray, cols: IntArray, fusion: str) -> PairScores:
    forth, back = problem.left_to_right, problem.right_to_left
    return scored(problem, rows, cols, gains(forth, rows, cols), gains(back, rows, cols), fusion)


def scored(
    problem: PairProblem,
    rows: IntArray,
    cols: IntArray,
    forth: Float64Array,
    back: Float64Array,
    fusion: str,
) -> PairScores:
    """Pairs of rows and cols (broadcast) from both gains, which are overwritten."""
    coverages = coverages_of(problem, rows, cols)
    at = _exceptions_among(problem, rows, cols)
    if at is not None:
        special, exceptions = at >= 0, problem.exceptions
        at = at[special]
        forth[special], back[special] = exceptions.left_to_right[at], exceptions.right_to_left[at]
    p, q = (
        _preferences(factors, gain)
        for factors, gain in ((problem.left_to_right, forth), (problem.right_to_left, back))
    )
    return PairScores(fuse(p, q, fusion), p, q, *coverages)


def _preferences(factors: Factors, gain: Float64Array) -> Float64Array:
    gain *= factors.slope
    gain += factors.intercept
    return logistic(gain)


def coverages_of(
    problem: PairProblem, rows: IntArray, cols: IntArray
) -> tuple[Float64Array, Float64Array]:
    """Both sides' coverages of pairs of rows and cols (broadcast), exceptions included."""
    forth = _coverage(problem.left_to_right, rows, cols, owners=rows)
    back = _coverage(problem.right_to_left, rows, cols, owners=cols)
    at = _exceptions_among(problem, rows, cols)
    if at is not None:
        special, exceptions = at >= 0, problem.exceptions
        at = at[special]
        forth[special], back[special] = exceptions.left_coverage[at], exceptions.right_coverage[at]
    return forth, back


def covered(problem: PairProblem, rows: IntArray, cols: IntArray) -> BoolArray:
    """(c,) bool: both coverages of the pairs (rows[c], cols[c]), or of one row with all cols, reach
    the floor."""
    floor = problem.coverage_floor - COVERAGE_TOLERANCE
    if floor <= 0:
        return np.ones(len(cols), dtype=np.bool_)
    reached = [np.empty(0, dtype=np.bool_)]
    for at in range(0, len(cols), _COVERED_AT_ONCE):
        part = slice(at, at + _COVERED_AT_ONCE)
        forth, back = coverages_of(problem, rows if len(rows) == 1 else rows[part], cols[part])
        reached.append((forth >= floor) & (back >= floor))
    return np.concatenate(reached)


def _exceptions_among(problem: PairProblem, rows: IntArray, cols: IntArray) -> IntArray | None:
    """Of pairs of rows and cols (broadcast) the positions among the exceptions, -1 for those that
    are none; None if there are no exceptions at all."""
    if len(problem.exceptions.rows) == 0:
        return None
    all_rows, all_cols = np.broadcast_arrays(rows, cols)
    return exception_positions(problem, all_rows.ravel(), all_cols.ravel()).reshape(cols.shape)


def _coverage(factors: Factors, rows: IntArray, cols: IntArray, owners: IntArray) -> Float64Array:
    """One direction's coverage; 0 where nothing has a weight."""
    presence = row_dots(factors.presence_left, factors.presence_right, rows, cols)
    total = factors.total_weight[owners].astype(np.float64)
    coverage: Float64Array = np.zeros(presence.shape)
    np.divide(presence, total, out=coverage, where=total > 0)
    return coverage


def row_dots(
    left: npt.NDArray[np.floating],
    right: npt.NDArray[np.floating],
    rows: IntArray,
    cols: IntArray,
    dtype: type = np.float64,
) -> npt.NDArray[Any]:
    """Products of single rows, one by one: a sum's order must not depend on neighbours. ``rows``
    may be one for all cols."""
    dots: npt.NDArray[Any] = np.empty(cols.shape, dtype=dtype)
    depth, each = left.shape[1], cols.shape[1] if cols.ndim == 2 else 1
    step = max(1, _IN_CACHE // max(1, depth * each))
    for at in range(0, len(cols), step):
        part = cols[at : at + step]
        ones = rows if len(rows) == 1 else rows[at : at + step]
        a = space.taken(left, ones, 0, dtype)
        b = space.taken(right, part, 1, dtype)
        np.vecdot(a, b, out=dots[at : at + step])
    return dots


class _Space(threading.local):
    """A thread's buffer for rows of factors: fresh memory would cost as much as the work."""

    def __init__(self) -> None:
        self._raw = [np.empty(0, dtype=np.uint8)] * 4

    def taken(
        self, factors: npt.NDArray[np.floating], which: IntArray, number: int, dtype: type
    ) -> npt.NDArray[Any]:
        """Rows of factors, (*which.shape, depth). Good until the next call with the same number."""
        shape = (*which.shape, factors.shape[1])
        rows = np.take(
            factors, which, axis=0, out=self._array(2 * number, shape, factors.dtype), mode="clip"
        )
        if factors.dtype == dtype:
            return rows
        converted = self._array(2 * number + 1, shape, np.dtype(dtype))
        converted[...] = rows
        return converted

    def _array(self, number: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        size = math.prod(shape) * dtype.itemsize
        if len(self._raw[number]) < size:
            self._raw[number] = np.empty(size, dtype=np.uint8)
        return self._raw[number][:size].view(dtype).reshape(shape)


space = _Space()
