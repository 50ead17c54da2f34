"""An upper bound of every score of a block from one product of reduced depth: what stays below its
thresholds is never scored.

Of a pair let n₁, n₂ be the numerators and d₁, d₂ the denominators of its two preferences, each
divided by its owner's total weight. With x = n₁ − t·d₁/2 and y = n₂ − t·d₂/2 the harmonic mean of
n₁/d₁ and n₂/d₂ is at least t exactly if x·y ≥ (t²/4)·d₁·d₂ (x, y > 0). By the inequality of the
arithmetic and geometric means that requires

    n₁ + n₂ ≥ t·((d₁ + d₂)/2 + √(d₁·d₂)).

The left side is one product over both directions' depths, of low effective rank: balanced
truncation (Moore 1981) keeps r dimensions of it, Cauchy–Schwarz bounds the rest by one column of
norms (more in rotation.py). On the right, √(d₁·d₂) = d₂·√s with s = d₁/d₂, and √s lies above its
chord between the least and the largest s that a row can have with the block's columns, (s +
√(s₁·s₂)) / (√s₁ + √s₂). So the right side is at least

    t·((½ + 1/σ)·d₁ + (½ + √(s₁·s₂)/σ)·d₂),    σ = √s₁ + √s₂,

a product again, of the two thin presence depths; it is the tighter, the more alike the presence of
a block's columns is. The threshold is folded into the right factors, so that the sign of one
product of little more than r + 2f dimensions decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching.reciprocal import fuse
from matching.topk.admission import Admission
from matching.topk.direct import BlockCandidates
from matching.topk.lists import NOTHING_YET
from matching.topk.pairs import COVERAGE_TOLERANCE, row_dots
from matching.topk.rotation import Rotation, stacked_left, stacked_right, total_weights
from matching.types import BoolArray, Factors, FloatArray, IntArray, PairProblem

Float32Array = npt.NDArray[np.float32]

_ROWS_AT_ONCE = 2_048
_UNIT = 2.0**-24


@dataclass(frozen=True, slots=True)
class ScreenedColumns:
    """A block of columns arranged for the screen, and what it needs of every row."""

    cols: IntArray
    fixed: Float32Array  # (rank + turn.extra + 2, cols)
    folded: Float32Array  # (f₁ + f₂ + 2, cols), to be scaled by minus the thresholds
    row_folded: Float32Array  # (rows, f₁ + f₂ + 2), their counterparts
    forth_slope: Float32Array  # (rows,) what d₁ and
    back_slope: Float32Array  # (rows,) d₂ are multiplied by in them
    back_presence: Float32Array  # (cols, f) over the total weight
    back_prior: Float32Array  # (cols,) over the total weight
    back_least: Float32Array  # (cols,) what d₂ reaches where the coverage floor is reached


class Screen:
    """The bound of one problem at one rank: rows kept, columns arranged by block."""

    def __init__(
        self,
        problem: PairProblem,
        admission: Admission,
        rows: IntArray,
        cols: IntArray,
        turn: Rotation,
        rank: int,
        too_many: float,
    ) -> None:
        self.problem, self.admission, self.rows, self.turn, self.rank = (
            problem,
            admission,
            rows,
            turn,
            rank,
        )
        # Share of pairs let through from which a block's direct products are cheaper than looking
        # at each
        self.too_many = too_many
        forth, back = problem.left_to_right, problem.right_to_left
        self.reduced = rank + turn.extra
        self.fixed = self.reduced + 2
        self.depth = self.fixed + forth.presence_left.shape[1] + back.presence_left.shape[1] + 2
        share = 1 / total_weights(forth, rows)
        self.forth_presence = (forth.presence_left[rows] * share[:, None]).astype(np.float32)
        self.forth_prior = (forth.prior_weight * share).astype(np.float32)
        self.back_presence = back.presence_left[rows].astype(np.float32)
        self.left = np.empty((len(rows), self.fixed), dtype=np.float32)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            self.left[part, : self.reduced] = turn.reduced_left(
                stacked_left(problem, rows[part]), rank
            )
        # Beside the prior, room for the rounding of the folded denominators.
        largest = (
            1
            + float(self.forth_prior.max(initial=0.0))
            + float((back.prior_weight / total_weights(back, cols)).max(initial=0.0))
        )
        self.left[:, self.reduced] = 1
        self.left[:, self.reduced + 1] = self.forth_prior * forth.prior + 512 * _UNIT * largest

    def columns(self, cols: IntArray) -> ScreenedColumns:
        """The operands of a block of columns."""
        forth, back = self.problem.left_to_right, self.problem.right_to_left
        share = 1 / total_weights(back, cols)
        presence = (back.presence_right[cols] * share[:, None]).astype(np.float32)
        prior = (back.prior_weight * share).astype(np.float32)
        fixed = np.empty((self.fixed, len(cols)), dtype=np.float32)
        fixed[: self.reduced] = self.turn.reduced_right(
            stacked_right(self.problem, cols), self.rank
        ).T
        fixed[self.reduced] = prior * back.prior
        fixed[self.reduced + 1] = 1
        floor = max(self.problem.coverage_floor - COVERAGE_TOLERANCE, 0.0)
        forth_columns = forth.presence_right[cols].astype(np.float32)
        low = floor + float(prior.min())
        high = max(
            low, float((presence @ back.presence_left.max(axis=0, initial=0.0) + prior).max())
        )
        # The least ratio is above zero: only pairs that reach the coverage floor count.
        least = (
            np.maximum(self.forth_presence @ forth_columns.min(axis=0), np.float32(floor))
            + self.forth_prior
        )
        most = np.maximum(self.forth_presence @ forth_columns.max(axis=0) + self.forth_prior, least)
        least_root, most_root = (
            np.sqrt(least / np.float32(high * (1 + 1e-5))),
            np.sqrt(most / np.float32(low * (1 - 1e-5))),
        )
        chord = (least_root + most_root) * np.float32(1 + 1e-6)
        forth_slope, back_slope = (
            np.float32(0.5) + 1 / chord,
            np.float32(0.5) + least_root * most_root / chord,
        )
        row_folded = np.column_stack(
            (
                forth_slope[:, None] * self.forth_presence,
                forth_slope * self.forth_prior,
                back_slope[:, None] * self.back_presence,
                back_slope,
            )
        )
        ones = np.ones((1, len(cols)), dtype=np.float32)
        folded = np.concatenate((forth_columns.T, ones, presence.T, prior[None, :]))
        back_least = (prior + np.float32(floor)) * np.float32(1 - 1e-5)
        return ScreenedColumns(
            cols, fixed, folded, row_folded, forth_slope, back_slope, presence, prior, back_least
        )


# Pairs gathered at once: small enough for the cache, and for memory that stays mapped
_FOUND_AT_ONCE = 2_048


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
    ) -> BlockCandidates | None:
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
                found[at : at + _FOUND_AT_ONCE],
                product,
                positions,
                certain,
                least,
                row_floor,
                col_floor,
            )
            for at in range(0, max(1, len(found)), _FOUND_AT_ONCE)
        ]
        if len(parts) == 1:
            return parts[0]
        return BlockCandidates(
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
    ) -> BlockCandidates:
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
        return BlockCandidates(
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
        """Survivors above the floor whose bound, by own denominators, beats the thresholds."""
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
