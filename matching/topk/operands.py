"""Factors arranged for block products of logits: slopes multiplied in, intercepts as dimensions,
rare dimensions apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matching.topk.admission import ColumnAdmission
from matching.types import BoolArray, FloatArray, IntArray, PairProblem

_RARE = 0.02  # share of rows up to which a dimension is rare
_CHUNK = 1_024


@dataclass(frozen=True, slots=True)
class Layout:
    """Which dimensions of the forth gains are rare among the rows (a tie to one of 200 countries),
    and where the operands' two parts are, side by side: logits forth (dense dimensions only) and
    back, each with its intercept."""

    rare: IntArray
    dense: IntArray
    middle: int
    width: int

    @property
    def parts(self) -> tuple[slice, slice]:
        """Of both directions."""
        return slice(0, self.middle), slice(self.middle, self.width)


def layout(problem: PairProblem, rows: IntArray) -> Layout:
    """The layout for the rows of a problem."""
    forth, back = problem.left_to_right, problem.right_to_left
    count = np.zeros(forth.gain_left.shape[1], dtype=np.int64)
    for start in range(0, len(rows), _CHUNK):
        count += np.count_nonzero(
            forth.gain_left.take(rows[start : start + _CHUNK], axis=0), axis=0
        )
    rare = count <= _RARE * len(rows)
    dense = np.flatnonzero(~rare)
    middle = len(dense) + 1
    return Layout(np.flatnonzero(rare), dense, middle, middle + back.gain_left.shape[1] + 1)


class LeftOperands:
    """All rows of a problem, ready to be taken a block at a time."""

    def __init__(self, problem: PairProblem, rows: IntArray, of: Layout) -> None:
        forth, back = problem.left_to_right, problem.right_to_left
        self.layout = of
        self.packed = np.empty((len(rows), of.width), dtype=np.float32)
        self._rare = np.empty((len(of.rare), len(rows)), dtype=np.float32)
        for start in range(0, len(rows), _CHUNK):
            part, here = rows[start : start + _CHUNK], slice(start, start + _CHUNK)
            gains = forth.gain_left.take(part, axis=0)
            gains *= np.float32(forth.slope)
            packed = self.packed[here]
            packed[:, : of.middle - 1] = gains.take(of.dense, axis=1)
            packed[:, of.middle : -1] = back.gain_left.take(part, axis=0)
            packed[:, of.middle : -1] *= np.float32(back.slope)
            self._rare[:, here] = gains.take(of.rare, axis=1).T
        self.packed[:, of.middle - 1] = forth.intercept
        self.packed[:, -1] = back.intercept

    def take(self, positions: IntArray, out: FloatArray) -> FloatArray:
        """(positions, width), in ``out``."""
        rows: FloatArray = np.take(
            self.packed, positions, axis=0, out=out[: len(positions)], mode="clip"
        )
        return rows

    def columns(self, problem: PairProblem, admission: ColumnAdmission) -> Columns:
        """A block of columns, arranged to be multiplied with these rows."""
        of, cols = self.layout, admission.cols
        gains = problem.left_to_right.gain_right.take(cols, axis=0)
        packed = np.empty((of.width, len(cols)), dtype=np.float32)
        packed[: of.middle - 1] = gains.take(of.dense, axis=1).T
        packed[of.middle - 1] = packed[-1] = 1
        packed[of.middle : -1] = problem.right_to_left.gain_right.take(cols, axis=0).T
        rare = gains.take(of.rare, axis=1)
        used = np.flatnonzero(rare.any(axis=0))
        touched = np.zeros(self._rare.shape[1], dtype=np.bool_)
        for dimension in used.tolist():
            touched |= self._rare[dimension] != 0
        return Columns(admission, packed, of, used, touched, self._rare, rare[:, used].T)


@dataclass(frozen=True, slots=True)
class Columns:
    """A block of columns, and what the rows have in the rare dimensions that some of them have."""

    admission: ColumnAdmission
    packed: FloatArray  # (width, cols)
    layout: Layout
    used: IntArray  # which of the rare dimensions any column has
    touched: BoolArray  # (all rows,) whether a row has any of these
    row_rare: FloatArray  # (rare, all rows), shared by all blocks
    rare: FloatArray  # (used, cols)

    def __len__(self) -> int:
        return int(self.packed.shape[1])

    def logits(
        self, left: FloatArray, positions: IntArray, forth: FloatArray, back: FloatArray
    ) -> None:
        """Writes both logits, (positions, cols), of some rows with all columns; ``left`` are the
        rows' operands."""
        for part, out in zip(self.layout.parts, (forth, back), strict=True):
            np.matmul(left[:, part], self.packed[part], out=out)
        at = np.flatnonzero(self.touched[positions])
        if len(at):
            forth[at] += self.row_rare[np.ix_(self.used, positions[at])].T @ self.rare
