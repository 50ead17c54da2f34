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

from matching.topk.admission import Admission
from matching.topk.pairs import COVERAGE_TOLERANCE
from matching.topk.rotation import Rotation, stacked_left, stacked_right, total_weights
from matching.types import IntArray, PairProblem

Float32Array = npt.NDArray[np.float32]

_CHUNK = 2_048
_UNIT = 2.0**-24


@dataclass(frozen=True, slots=True)
class ScreenedColumns:
    """A block of columns arranged for the screen, and what it needs of every row beside the
    columns.
    """

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
    """The bound of one problem at one rank. Rows are held ready; columns are arranged block by
    block.
    """

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
        for start in range(0, len(rows), _CHUNK):
            part = slice(start, start + _CHUNK)
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
