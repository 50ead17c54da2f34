"""Candidates of a block found by the screen: few pairs pass its sign test, and only those are
looked at, cheapest question first.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matching.topk.direct import Candidates
from matching.topk.fusion import fuse
from matching.topk.lists import NOTHING_YET
from matching.topk.pairs import row_dots
from matching.topk.rotation import total_weights
from matching.topk.screening import Screen
from matching.types import BoolArray, Factors, FloatArray, IntArray

Float32Array = npt.NDArray[np.float32]

# Pairs gathered at once: small enough for the cache and for memory that is not mapped anew
_CHUNK = 2_048


class ScreenKernel:
    """Buffers of one thread, the columns at hand, and the block computation."""

    def __init__(self, screen: Screen, fusion: str, block: tuple[int, int]) -> None:
        self.screen = screen
        self.fusion = fusion
        self._product = np.empty(block[0] * block[1], dtype=np.float32)
        self._passed = np.empty(block[0] * block[1], dtype=bool)
        self._right = np.empty(screen.depth * block[1], dtype=np.float32)
        self._left = np.empty((block[0], screen.depth), dtype=np.float32)

    def take_columns(self, cols: IntArray) -> None:
        """Arranges the columns that the following blocks share."""
        self.columns = self.screen.columns(cols)
        self._operand = self._right[: self.screen.depth * len(cols)].reshape(
            self.screen.depth, len(cols)
        )
        self._operand[: self.screen.fixed] = self.columns.fixed

    def candidates(
        self,
        positions: IntArray,
        certain: BoolArray,
        row_floor: Float32Array,
        col_floor: Float32Array,
    ) -> Candidates | None:
        """Pairs of some of the screen's rows (positions) and the columns at hand that beat a
        threshold; None if too many would need a look. ``certain`` says of which of the rows all
        pairs are eligible."""
        shape = (len(positions), len(self.columns.cols))
        # Within a block the rows' thresholds are alike (rows are sorted by them), so their least
        # can stand for all.
        least = np.minimum(col_floor, row_floor.min())
        np.multiply(self.columns.folded, -least, out=self._operand[self.screen.fixed :])
        product = self._product[: shape[0] * shape[1]].reshape(shape)
        passed = self._passed[: product.size].reshape(shape)
        left = self._left[: len(positions)]
        left[:, : self.screen.fixed] = self.screen.left[positions]
        left[:, self.screen.fixed :] = self.columns.row_folded[positions]
        np.matmul(left, self._operand, out=product)
        np.greater_equal(product, np.float32(0), out=passed)
        found = np.flatnonzero(passed)
        if len(found) > self.screen.too_many * product.size:
            return None
        parts = [
            self._looked_at(
                found[at : at + _CHUNK], product, positions, certain, least, row_floor, col_floor
            )
            for at in range(0, max(1, len(found)), _CHUNK)
        ]
        if len(parts) == 1:
            return parts[0]
        return Candidates(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("rows", "cols", "scores", "for_row", "for_col")
            )
        )

    def _looked_at(
        self,
        found: IntArray,
        product: FloatArray,
        positions: IntArray,
        certain: BoolArray,
        least: Float32Array,
        row_floor: Float32Array,
        col_floor: Float32Array,
    ) -> Candidates:
        at_row = found // product.shape[1]
        at_col = found - at_row * product.shape[1]
        threshold = np.minimum(row_floor.take(at_row), col_floor.take(at_col))
        kept = self._bounded_and_covered(
            positions.take(at_row),
            at_col,
            product.ravel().take(found),
            least.take(at_col),
            threshold,
        )
        at_row, at_col = at_row[kept], at_col[kept]
        rows, cols = self.screen.rows.take(positions.take(at_row)), self.columns.cols.take(at_col)
        eligible = certain.take(at_row)
        asked = np.flatnonzero(~eligible)
        if len(asked):
            eligible[asked] = self.screen.admission.eligible(rows[asked], cols[asked])
            kept = np.flatnonzero(eligible)
            at_row, at_col, rows, cols = at_row[kept], at_col[kept], rows[kept], cols[kept]
        scores = self._scores(rows, cols)
        return Candidates(
            at_row, at_col, scores, scores > row_floor.take(at_row), scores > col_floor.take(at_col)
        )

    def _bounded_and_covered(
        self,
        position: IntArray,
        at_col: IntArray,
        value: FloatArray,
        least: FloatArray,
        threshold: FloatArray,
    ) -> IntArray:
        """Survivors that reach the coverage floor and whose bound, with the pair's own
        denominators, still beats its own thresholds.
        """
        screen, columns, problem = self.screen, self.columns, self.screen.problem
        back = np.vecdot(
            screen.back_presence.take(position, axis=0), columns.back_presence.take(at_col, axis=0)
        ) + columns.back_prior.take(at_col)
        presence = problem.left_to_right.presence_right.take(columns.cols.take(at_col), axis=0)
        forth = np.vecdot(
            screen.forth_presence.take(position, axis=0), presence
        ) + screen.forth_prior.take(position)
        folded = (
            columns.forth_slope.take(position) * forth + columns.back_slope.take(position) * back
        )
        possible = value + least * folded >= threshold * (
            (forth + back) / 2 + np.sqrt(forth * back)
        )
        alive = np.flatnonzero(
            (possible & (back >= columns.back_least.take(at_col))) | (threshold <= NOTHING_YET)
        )
        rows, cols = screen.rows.take(position[alive]), columns.cols.take(at_col[alive])
        forth = forth[alive] * total_weights(problem.left_to_right, rows)
        back = back[alive] * total_weights(problem.right_to_left, cols)
        return alive[screen.admission.covered(rows, cols, forth, back)]

    def _scores(self, rows: IntArray, cols: IntArray) -> Float32Array:
        problem = self.screen.problem
        p, q = (
            _preference(factors, rows, cols)
            for factors in (problem.left_to_right, problem.right_to_left)
        )
        return np.asarray(fuse(p, q, self.fusion), dtype=np.float32)


def _preference(factors: Factors, rows: IntArray, cols: IntArray) -> FloatArray:
    numerator = row_dots(factors.numerator_left, factors.numerator_right, rows, cols, np.float32)
    presence = row_dots(factors.presence_left, factors.presence_right, rows, cols, np.float32)
    preference: FloatArray = (numerator + np.float32(factors.prior_weight * factors.prior)) / (
        presence + np.float32(factors.prior_weight)
    )
    return preference
