"""Factors arranged for block products: constants as dimensions, right sides transposed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching.types import FloatArray, IntArray, PairProblem

Float32Array = npt.NDArray[np.float32]

# Keeps numerators from being 0, so that 0/0 cannot arise where a score of 0 is meant; far below any
# rounding
_TINY = 1e-18
_RARE = 0.02  # share of rows up to which a dimension is rare
_CHUNK = 1_024


@dataclass(frozen=True, slots=True)
class Layout:
    """Which dimensions of the forth numerators are rare among the rows (a tie to one of 200
    countries), and where the operands' parts stand side by side: numerators forth (dense dimensions
    only) and back, denominators forth and back, each with its constant."""

    rare: IntArray
    runs: tuple[tuple[slice, slice], ...]  # dense dimensions, and their place in the operands
    edges: tuple[int, int, int, int, int]

    @property
    def width(self) -> int:
        """Columns of an operand."""
        return self.edges[-1]

    @property
    def depth(self) -> int:
        """Of the deep products of both directions together."""
        return self.edges[2]

    def part(self, number: int) -> slice:
        """Of the four parts."""
        return slice(self.edges[number], self.edges[number + 1])


def layout(problem: PairProblem, rows: IntArray) -> Layout:
    """The layout for the rows of a problem."""
    forth, back = problem.left_to_right, problem.right_to_left
    count = np.zeros(forth.numerator_left.shape[1], dtype=np.int64)
    for start in range(0, len(rows), _CHUNK):
        count += np.count_nonzero(
            forth.numerator_left.take(rows[start : start + _CHUNK], axis=0), axis=0
        )
    rare = count <= _RARE * len(rows)
    changes = np.flatnonzero(np.diff(np.concatenate(([True], rare, [True])).astype(np.int8)))
    runs, at = [], 0
    for first, last in changes.reshape(-1, 2).tolist():
        runs.append((slice(first, last), slice(at, at + last - first)))
        at += last - first
    deep = back.numerator_left.shape[1] + 1
    edges = np.cumsum(
        [0, at + 1, deep, forth.presence_left.shape[1] + 1, back.presence_left.shape[1] + 1]
    )
    return Layout(np.flatnonzero(rare), tuple(runs), tuple(edges.tolist()))


class LeftOperands:
    """All rows of a problem, ready to be taken a block at a time."""

    def __init__(self, problem: PairProblem, rows: IntArray, of: Layout) -> None:
        forth, back = problem.left_to_right, problem.right_to_left
        self.layout = of
        self._packed = np.empty((len(rows), of.width), dtype=np.float32)
        self._rare = np.empty((len(of.rare), len(rows)), dtype=np.float32)
        for start in range(0, len(rows), _CHUNK):
            part = rows[start : start + _CHUNK]
            packed = self._packed[start : start + _CHUNK]
            numerators = forth.numerator_left.take(part, axis=0)
            for source, target in of.runs:
                packed[:, target] = numerators[:, source]
            self._rare[:, start : start + _CHUNK] = numerators.take(of.rare, axis=1).T
            packed[:, of.part(1)][:, :-1] = back.numerator_left.take(part, axis=0)
            packed[:, of.part(2)][:, :-1] = forth.presence_left.take(part, axis=0)
            packed[:, of.part(3)][:, :-1] = back.presence_left.take(part, axis=0)
        for number, constant in enumerate(
            (forth.prior_weight * forth.prior + _TINY, 1.0, forth.prior_weight, 1.0)
        ):
            self._packed[:, of.edges[number + 1] - 1] = constant

    def take(self, positions: IntArray, out: FloatArray) -> FloatArray:
        """(positions, width), in ``out``."""
        rows: FloatArray = np.take(
            self._packed, positions, axis=0, out=out[: len(positions)], mode="clip"
        )
        return rows

    def rare_of(self, right: RightOperands) -> RareRows:
        """What the rows have in the rare dimensions that some of the columns have."""
        touched = np.zeros(self._rare.shape[1], dtype=np.bool_)
        for dimension in right.used.tolist():
            touched |= self._rare[dimension] != 0
        return RareRows(self._rare, right.used, touched, right.rare)


@dataclass(frozen=True, slots=True)
class RareRows:
    """Rare dimensions of a block of columns: products of the few rows that share them."""

    # (rare, all rows), shared by all blocks: a copy of those used is as large as all that a thread
    # needs beside it
    values: FloatArray
    used: IntArray
    touched: npt.NDArray[np.bool_]  # (all rows,)
    right: FloatArray  # (used, columns)

    def add_to(self, numerators: FloatArray, positions: IntArray) -> None:
        """To the forth numerators of some rows."""
        at = np.flatnonzero(self.touched[positions])
        if len(at):
            numerators[at] += self.values[np.ix_(self.used, positions[at])].T @ self.right


@dataclass(frozen=True, slots=True)
class RightOperands:
    """A block of columns, transposed."""

    packed: FloatArray  # (width, columns)
    used: IntArray  # which of the rare dimensions any column has
    rare: FloatArray  # (used, columns)

    def some(self, which: IntArray) -> RightOperands:
        """Some of the columns."""
        return RightOperands(self.packed[:, which], self.used, self.rare[:, which])


def right_operands(problem: PairProblem, cols: IntArray, of: Layout) -> RightOperands:
    """The operands of some columns."""
    forth, back = problem.left_to_right, problem.right_to_left
    packed = np.empty((of.width, len(cols)), dtype=np.float32)
    numerators = forth.numerator_right.take(cols, axis=0)
    for source, target in of.runs:
        packed[target] = numerators[:, source].T
    packed[of.part(1)][:-1] = back.numerator_right.take(cols, axis=0).T
    packed[of.part(2)][:-1] = forth.presence_right.take(cols, axis=0).T
    packed[of.part(3)][:-1] = back.presence_right.take(cols, axis=0).T
    for number, constant in enumerate(
        (1.0, back.prior_weight * back.prior + _TINY, 1.0, back.prior_weight)
    ):
        packed[of.edges[number + 1] - 1] = constant
    rare = numerators.take(of.rare, axis=1)
    used = np.flatnonzero(rare.any(axis=0))
    return RightOperands(packed, used, np.ascontiguousarray(rare[:, used].T))
