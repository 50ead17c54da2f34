"""An upper bound of the sum of both logits of every pair of a block from one product of reduced
depth: what stays below its thresholds is never scored.

A pair's score beats a threshold only if the sum of its logits, one product over both directions'
depths, reaches what ``least_logits`` says. That product has a low effective rank: balanced
truncation (Moore 1981) keeps r dimensions of it, Cauchy–Schwarz bounds the rest by one column of
norms (more in rotation.py). So one product of little more than r dimensions and one comparison
decide.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matching.topk.direct import BlockCandidates, Floors, Judge
from matching.topk.operands import Columns, LeftOperands
from matching.topk.rotation import Rotation, stacked_left, stacked_right
from matching.types import FloatArray, IntArray, PairProblem

Float32Array = npt.NDArray[np.float32]

SCREENED_FUSIONS = ("product", "harmonic", "min")  # the arithmetic mean has no bound by the sum
_ROWS_AT_ONCE = 2_048


class Screen:
    """The bound of one problem at one rank: rows kept, columns arranged by block."""

    def __init__(
        self, problem: PairProblem, rows: IntArray, turn: Rotation, rank: int, too_many: float
    ) -> None:
        self.problem, self.turn, self.rank = problem, turn, rank
        # Share of pairs let through from which a block's direct products are cheaper than looking
        # at each
        self.too_many = too_many
        self.depth = rank + turn.extra
        self.intercepts = problem.left_to_right.intercept + problem.right_to_left.intercept
        self.left = np.empty((len(rows), self.depth), dtype=np.float32)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            self.left[part] = turn.reduced_left(stacked_left(problem, rows[part]), rank)

    def right(self, cols: IntArray) -> Float32Array:
        """(cols, depth), the counterpart of ``left``."""
        return self.turn.reduced_right(stacked_right(self.problem, cols), self.rank)


class ScreenKernel:
    """Buffers of one thread, the columns at hand, and the block computation."""

    def __init__(
        self, screen: Screen, judge: Judge, left: LeftOperands, block: tuple[int, int]
    ) -> None:
        self.screen, self.judge, self.left = screen, judge, left
        self._product = np.empty(block[0] * block[1], dtype=np.float32)
        self._passed = np.empty(block[0] * block[1], dtype=bool)
        self._left = np.empty((block[0], screen.depth), dtype=np.float32)

    def take_columns(self, columns: Columns) -> None:
        """Arranges the columns that the following blocks share."""
        self.columns = columns
        self._right = self.screen.right(columns.cols)

    def candidates(self, positions: IntArray, floors: Floors) -> BlockCandidates | None:
        """Pairs of some of the rows (positions) and the columns at hand whose score beats a
        threshold; None if too many would need a look."""
        shape = (len(positions), len(self._right))
        product, passed = (
            buffer[: shape[0] * shape[1]].reshape(shape) for buffer in (self._product, self._passed)
        )
        left = np.take(self.screen.left, positions, axis=0, out=self._left[: shape[0]], mode="clip")
        np.matmul(left, self._right.T, out=product)
        row_limit, col_limit = (
            side - np.float32(self.screen.intercepts)
            for side in (floors.row_limits, floors.col_limits)
        )
        # Rows come sorted by their thresholds, so the least of them says nearly as much as each
        np.greater_equal(product, np.minimum(col_limit, row_limit.min()), out=passed)
        found = passed.reshape(-1).nonzero()[0]
        if len(found) > self.screen.too_many * product.size:
            return None
        at_row = found // shape[1]
        at_col = found - at_row * shape[1]
        bound = product.reshape(-1).take(found)
        kept = np.flatnonzero(bound >= np.minimum(row_limit.take(at_row), col_limit.take(at_col)))
        at_row, at_col = at_row.take(kept), at_col.take(kept)
        logits = self.columns.logits_of_pairs(self.left, positions.take(at_row), at_col)
        scores = self.judge.scores(*logits)
        return self.judge.admitted(self.columns, positions, (at_row, at_col), scores, floors)


def bounds(left: FloatArray, right: FloatArray, rank: int, depth: int) -> FloatArray:
    """(rows, cols) what the screen of a rank would compute, from operands of full ``depth``."""
    found: FloatArray = left[:, :rank] @ right[:, :rank].T
    found += np.outer(*(np.linalg.norm(side[:, rank:depth], axis=1) for side in (left, right)))
    found += left[:, depth + 1 :] @ right[:, depth + 1 :].T
    return found
