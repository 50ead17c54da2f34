"""Candidates of a block found by the screen: few pairs pass its sign test, and only those are looked at, cheapest question first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matching.topk.direct import Candidates
from matching.topk.fusion import fuse
from matching.topk.lists import NOTHING_YET
from matching.topk.screening import Screen, total_weights
from matching.types import Factors, FloatArray, IntArray

Float32Array = npt.NDArray[np.float32]

_CHUNK = 2_048  # pairs gathered at once: small enough for the cache and for memory that is not mapped anew
_TOO_MANY = 0.05  # share of survivors from which four whole products are cheaper than looking at each


class ScreenKernel:
    """Buffers of one thread, the columns at hand, and the block computation."""

    def __init__(self, screen: Screen, fusion: str, block: tuple[int, int]) -> None:
        self.screen = screen
        self.fusion = fusion
        self._product = np.empty(block[0] * block[1], dtype=np.float32)
        self._passed = np.empty(block[0] * block[1], dtype=bool)
        self._right = np.empty(screen.depth * block[1], dtype=np.float32)
        self._f = screen.problem.left_to_right.presence_left.shape[1]

    def take_columns(self, cols: IntArray) -> None:
        """Arranges the columns that the following blocks share."""
        self.cols = cols
        kept, self._thin = self.screen.right(cols)
        self._thin_transposed = np.ascontiguousarray(self._thin.T)
        self._operand = self._right[: self.screen.depth * len(cols)].reshape(self.screen.depth, len(cols))
        self._operand[: self.screen.kept] = kept

    def candidates(self, positions: IntArray, row_floor: Float32Array, col_floor: Float32Array) -> Candidates | None:
        """Pairs of some of the screen's rows (positions) and the columns at hand that beat a threshold; None if too many would need a look."""
        shape = (len(positions), len(self.cols))
        # Within a block the rows' thresholds are alike (rows are sorted by them), so their least can stand for all.
        least = np.minimum(col_floor, row_floor.min())
        scale = np.where(least > NOTHING_YET, least, NOTHING_YET) * np.float32(self.screen.limits.gain)
        np.multiply(self._thin_transposed, -scale, out=self._operand[self.screen.kept :])
        product = self._product[: shape[0] * shape[1]].reshape(shape)
        passed = self._passed[: product.size].reshape(shape)
        left = self.screen.left.take(positions, axis=0)
        np.matmul(left, self._operand, out=product)
        np.greater_equal(product, np.float32(0), out=passed)
        found = np.flatnonzero(passed)
        if len(found) > _TOO_MANY * product.size:
            return None
        rows = self.screen.rows.take(positions)
        parts = [
            self._looked_at(found[at : at + _CHUNK], product, left, rows, scale, row_floor, col_floor)
            for at in range(0, max(1, len(found)), _CHUNK)
        ]
        if len(parts) == 1:
            return parts[0]
        return Candidates(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("rows", "cols", "scores", "for_row", "for_col")))

    def _looked_at(
        self, found: IntArray, product: FloatArray, left: FloatArray, block_rows: IntArray, scale: Float32Array, row_floor: Float32Array, col_floor: Float32Array
    ) -> Candidates:
        at_row = found // product.shape[1]
        at_col = found - at_row * product.shape[1]
        threshold = np.minimum(row_floor.take(at_row), col_floor.take(at_col))
        rows, cols = block_rows.take(at_row), self.cols.take(at_col)
        thin = left[:, self.screen.kept :].take(at_row, axis=0)
        kept = self._bounded_and_covered(rows, cols, thin, self._thin.take(at_col, axis=0), product.ravel().take(found), scale.take(at_col), threshold)
        at_row, at_col, rows, cols = at_row[kept], at_col[kept], rows[kept], cols[kept]
        eligible = np.flatnonzero(self.screen.admission.eligible(rows, cols))
        at_row, at_col, rows, cols = at_row[eligible], at_col[eligible], rows[eligible], cols[eligible]
        scores = self._scores(rows, cols)
        return Candidates(at_row, at_col, scores, scores > row_floor.take(at_row), scores > col_floor.take(at_col))

    def _bounded_and_covered(
        self, rows: IntArray, cols: IntArray, left: FloatArray, right: FloatArray, value: FloatArray, scale: FloatArray, threshold: FloatArray
    ) -> IntArray:
        """Survivors that reach the coverage floor and whose bound, with the pair's own denominators, still beats its own thresholds."""
        f, problem = self._f, self.screen.problem
        forth = np.vecdot(left[:, :f], right[:, :f]) + left[:, -2]
        back = np.vecdot(left[:, f:-2], right[:, f:-2]) + right[:, -1]
        both = forth + back
        possible = value + scale * both >= threshold * (both / 2 + np.sqrt(forth * back))
        alive = np.flatnonzero(possible | (threshold <= NOTHING_YET))
        rows, cols = rows[alive], cols[alive]
        forth = forth[alive] * total_weights(problem.left_to_right, rows)
        back = back[alive] * total_weights(problem.right_to_left, cols)
        return alive[self.screen.admission.covered(rows, cols, forth, back)]

    def _scores(self, rows: IntArray, cols: IntArray) -> Float32Array:
        problem = self.screen.problem
        p, q = (_preference(factors, rows, cols) for factors in (problem.left_to_right, problem.right_to_left))
        return np.asarray(fuse(p, q, self.fusion), dtype=np.float32)


def _preference(factors: Factors, rows: IntArray, cols: IntArray) -> FloatArray:
    numerator = np.vecdot(factors.numerator_left.take(rows, axis=0), factors.numerator_right.take(cols, axis=0))
    presence = np.vecdot(factors.presence_left.take(rows, axis=0), factors.presence_right.take(cols, axis=0))
    preference: FloatArray = (numerator + np.float32(factors.prior_weight * factors.prior)) / (presence + np.float32(factors.prior_weight))
    return preference
