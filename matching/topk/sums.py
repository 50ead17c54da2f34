"""Numerators of chosen pairs in float64, whatever found the pair, always added up in one order:
dimension after dimension.

A product of two float32 is exact in float64, and what is zero changes no sum. So it makes no
difference to a single bit whose zeros are left out: most of a community's dimensions are (it has
some of many topics), and its sparse row costs a fraction of its dense one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

# Its parts are imported as they are used: many processes know of the engine and few rank
import scipy

from matching.types import Factors, FloatArray, IntArray, PairProblem

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Float64Array = npt.NDArray[np.float64]

_CHUNK = 256  # pairs whose dense rows are taken at once: they fit in the cache
_ROWS = 128  # rows of a table whose counterparts' sparse rows are taken at once
_SPARSE = 0.35  # share of entries that are not zero up to which sparse rows are the cheaper ones
_GATHERED = 512  # rows looked through at once for what is not zero


@dataclass(frozen=True, slots=True)
class SparseCounterparts:
    """What is not zero in the numerators of a view's right side, (n_right, depth) for either
    direction.
    """

    forth: csr_array
    back: csr_array


def sparse_counterparts(view: PairProblem) -> SparseCounterparts | None:
    """The view's right side; None where that is large beside its left side or not sparse, and dense
    rows do as well.
    """
    forth, back = view.left_to_right.numerator_right, view.right_to_left.numerator_right
    if len(forth) > len(view.left_ids) or not all(
        _filled(factors) <= _SPARSE for factors in (forth, back)
    ):
        return None
    return SparseCounterparts(_sparse(forth), _sparse(back))


def _filled(factors: FloatArray) -> float:
    return float(np.count_nonzero(factors) / max(1, factors.size))


def _sparse(factors: FloatArray) -> csr_array:
    """Filled a few rows at a time into arrays of the right length: parts put together would need
    the room twice.
    """
    depth = factors.shape[1]
    starts = np.zeros(len(factors) + 1, dtype=np.int32)
    for at in range(0, len(factors), _GATHERED):
        part = factors[at : at + _GATHERED]
        starts[at + 1 : at + 1 + len(part)] = np.count_nonzero(part, axis=1)
    np.cumsum(starts, out=starts)
    where, values = np.empty(starts[-1], dtype=np.int32), np.empty(starts[-1], dtype=np.float32)
    for at in range(0, len(factors), _GATHERED):
        part = factors[at : at + _GATHERED].reshape(-1)
        found = np.flatnonzero(part)
        here = slice(starts[at], starts[at] + len(found))
        where[here], values[here] = found % depth, part[found]
    return scipy.sparse.csr_array((values, where, starts), shape=factors.shape)


def numerators(factors: Factors, rows: IntArray, cols: IntArray) -> Float64Array:
    """(c,) of the pairs (rows[c], cols[c])."""
    found = np.empty(len(rows))
    depth = factors.numerator_left.shape[1]
    for at in range(0, len(rows), _CHUNK):
        ones = factors.numerator_left.take(rows[at : at + _CHUNK], axis=0)
        others = factors.numerator_right.take(cols[at : at + _CHUNK], axis=0)
        where = np.flatnonzero(ones)
        starts = np.searchsorted(where, np.arange(len(ones) + 1) * depth)
        found[at : at + _CHUNK] = _sums(ones.reshape(-1)[where], where, starts, others)
    return found


def numerator_table(
    factors: Factors, rows: IntArray, cols: IntArray, counterparts: csr_array | None
) -> Float64Array:
    """(r, c) of each of the rows (r,) with its own columns (r, c)."""
    if counterparts is None:
        return numerators(factors, np.repeat(rows, cols.shape[1]), cols.ravel()).reshape(cols.shape)
    found = np.empty(cols.shape)
    depth, each = factors.numerator_left.shape[1], cols.shape[1]
    for at in range(0, len(rows), _ROWS):
        part = slice(at, at + _ROWS)
        ones = factors.numerator_left.take(rows[part], axis=0)
        theirs = counterparts[cols[part].ravel()]
        begins = np.repeat(np.arange(len(ones), dtype=theirs.indices.dtype) * depth, each)
        where = theirs.indices + np.repeat(begins, np.diff(theirs.indptr))
        found[part] = _sums(theirs.data, where, theirs.indptr, ones).reshape(-1, each)
    return found


def _sums(
    values: FloatArray, where: npt.NDArray[Any], starts: npt.NDArray[Any], dense: FloatArray
) -> Float64Array:
    """Of each run of ``values`` that begins at one of the ``starts`` its product with what stands
    in ``dense`` at ``where``.
    """
    runs = scipy.sparse.csr_array(
        (values.astype(np.float64), where, starts), shape=(len(starts) - 1, dense.size)
    )
    sums: Float64Array = runs @ dense.reshape(-1).astype(np.float64)
    return sums


def numerators_of_row(row: FloatArray, columns: FloatArray, cols: IntArray) -> Float64Array:
    """(c,) of one row (depth,) with some of the columns, whose factors stand dimension by dimension
    (depth, n).
    """
    found, products, taken = (
        np.zeros(len(cols)),
        np.empty(len(cols)),
        np.empty(len(cols), dtype=columns.dtype),
    )
    for at in np.flatnonzero(row).tolist():
        columns[at].take(cols, out=taken, mode="clip")
        found += np.multiply(taken, row[at], out=products, dtype=np.float64)
    return found
