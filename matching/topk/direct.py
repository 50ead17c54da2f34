"""Scores of a whole block from four products, and the few of them that beat a threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching.topk.lists import NOTHING_YET
from matching.topk.operands import Admission, Side
from matching.types import BoolArray, FloatArray, IntArray

Float32Array = npt.NDArray[np.float32]

_IN_CACHE = 2**15  # scores of five tables at once, in half a megabyte or so


@dataclass(frozen=True, slots=True)
class Candidates:
    """Admitted pairs of a block (positions within it) with their float32 scores; which of the two lists each may enter."""

    rows: IntArray
    cols: IntArray
    scores: Float32Array
    for_row: BoolArray
    for_col: BoolArray


class DirectKernel:
    """Buffers of one thread and the block computation in them."""

    def __init__(self, admission: Admission, k: int, fusion: str, margin: float, block: tuple[int, int], signed: bool) -> None:
        size = block[0] * block[1]
        self.admission = admission
        self.optimistic = 2 * k + 8  # candidates taken where no threshold is known yet; usually k of them are eligible
        self.k = k
        self.margin = np.float32(margin)
        self.fusion = fusion
        self.signed = signed
        self._buffers = [np.empty(size, dtype=np.float32) for _ in range(5)]
        self._beats = np.empty(size, dtype=bool)

    def candidates(
        self, left: Side, right: Side, rows: IntArray, cols: IntArray, row_floor: Float32Array, col_floor: Float32Array
    ) -> Candidates:
        """Pairs of the block rows × cols whose score beats the threshold of its row or of its column."""
        shape = (len(rows), len(cols))
        scores, denominators = self._scores(left, right, shape)
        row_cut, open_rows = self._cuts(scores, row_floor)
        col_cut, open_cols = self._cuts(scores.T, col_floor)
        found = self._admitted(self._beating(scores, row_cut, col_cut), scores, denominators, rows, cols)
        if len(open_rows) or len(open_cols):
            at_row, at_col = np.divmod(found, shape[1])
            safe = scores.ravel().take(found) - self.margin
            short_rows = self._short(open_rows, at_row[safe > row_cut.take(at_row)])
            short_cols = self._short(open_cols, at_col[safe > col_cut.take(at_col)])
            if len(short_rows) or len(short_cols):
                # Too few of the best were eligible: whatever else these rows and columns have may count.
                rest = np.zeros(shape, dtype=bool)
                rest[short_rows] = True
                rest[:, short_cols] = True
                rest &= (scores <= row_cut[:, None]) & (scores <= col_cut)
                found = np.concatenate((found, self._admitted(np.flatnonzero(rest), scores, denominators, rows, cols)))
        return self._as_candidates(found, scores, row_floor, col_floor)

    def _short(self, opened: IntArray, found: IntArray) -> IntArray:
        """Those of the rows (or columns) selected without a threshold of which fewer than k candidates were found safely above the cut."""
        return opened[np.bincount(found, minlength=int(opened.max(initial=0)) + 1)[opened] < self.k]

    def _as_candidates(self, found: IntArray, scores: FloatArray, row_floor: Float32Array, col_floor: Float32Array) -> Candidates:
        at_row = found // scores.shape[1]
        at_col = found - at_row * scores.shape[1]
        values = np.maximum(scores.ravel().take(found), np.float32(0))
        return Candidates(at_row, at_col, values, values > row_floor.take(at_row), values > col_floor.take(at_col))

    def _scores(self, left: Side, right: Side, shape: tuple[int, int]) -> tuple[FloatArray, tuple[FloatArray, FloatArray]]:
        n1, n2, d1, d2, out = (buffer[: shape[0] * shape[1]].reshape(shape) for buffer in self._buffers)
        np.matmul(left.forth_numerator, right.forth_numerator, out=n1)
        np.matmul(left.back_numerator, right.back_numerator, out=n2)
        np.matmul(left.forth_denominator, right.forth_denominator, out=d1)
        np.matmul(left.back_denominator, right.back_denominator, out=d2)
        # The products leave more than fits in a core's cache: what follows takes a few rows at a time through it.
        step = max(1, _IN_CACHE // max(1, shape[1]))
        for at in range(0, shape[0], step):
            part = slice(at, at + step)
            self._fuse(n1[part], n2[part], d1[part], d2[part], out[part])
        return out, (d1, d2)

    def _fuse(self, n1: FloatArray, n2: FloatArray, d1: FloatArray, d2: FloatArray, out: FloatArray) -> None:
        """Writes the scores to ``out``; the numerators are used up."""
        if self.signed:  # rounding may push a numerator below zero, where the fractions below would run wild
            np.maximum(n1, np.float32(1e-18), out=n1)
            np.maximum(n2, np.float32(1e-18), out=n2)
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.fusion == "harmonic":
                # 2pq / (p + q) with p = n1/d1 and q = n2/d2, in one division
                np.multiply(n1, d2, out=out)
                np.multiply(n1, n2, out=n1)
                np.multiply(n2, d1, out=n2)
                np.add(out, n2, out=out)
                np.divide(n1, out, out=out)
                np.add(out, out, out=out)
            else:
                np.divide(n1, d1, out=n1)
                np.divide(n2, d2, out=n2)
                {"product": np.multiply, "min": np.minimum, "mean": np.add}[self.fusion](n1, n2, out=out)
                if self.fusion == "mean":
                    np.multiply(out, np.float32(0.5), out=out)

    def _beating(self, scores: FloatArray, row_cut: Float32Array, col_cut: Float32Array) -> IntArray:
        """Positions within the block of the scores above the cut of their row or of their column."""
        beats = self._beats[: scores.size].reshape(scores.shape)
        # Rows come sorted by their thresholds, so the least of them says nearly as much as each.
        np.greater(scores, np.minimum(col_cut, row_cut.min()), out=beats)
        found = np.flatnonzero(beats)
        if len(found) > scores.size // 16:
            np.greater(scores, row_cut[:, None], out=beats)
            np.logical_or(beats, scores > col_cut, out=beats)
            return np.flatnonzero(beats)
        at_row = found // scores.shape[1]
        cut = np.minimum(row_cut.take(at_row), col_cut.take(found - at_row * scores.shape[1]))
        above: IntArray = found[scores.ravel().take(found) > cut]
        return above

    def _cuts(self, scores: FloatArray, floor: Float32Array) -> tuple[Float32Array, IntArray]:
        """Thresholds to select by: the known ones, and for rows without one the score of their `optimistic`-th best."""
        unknown = np.flatnonzero(floor <= NOTHING_YET)
        if len(unknown) == 0 or scores.shape[1] <= self.optimistic:
            return floor, unknown[:0]
        cuts = floor.copy()
        table = np.ascontiguousarray(scores[unknown])
        np.nan_to_num(table, copy=False, nan=-1.0, posinf=-1.0)
        table.partition(scores.shape[1] - self.optimistic, axis=1)
        cuts[unknown] = np.nextafter(table[:, -self.optimistic], np.float32(-2))
        return cuts, unknown

    def _admitted(
        self, found: IntArray, scores: FloatArray, denominators: tuple[FloatArray, FloatArray], rows: IntArray, cols: IntArray
    ) -> IntArray:
        """Those of the positions ``found`` that may be suggested."""
        at_row = found // scores.shape[1]
        row, col = rows.take(at_row), cols.take(found - at_row * scores.shape[1])
        covered = self.admission.covered(
            row,
            col,
            denominators[0].ravel().take(found),
            denominators[1].ravel().take(found),
        )
        kept = np.flatnonzero(covered)
        kept = kept[self.admission.eligible(row[kept], col[kept])]
        return found[kept]
