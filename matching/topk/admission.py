"""Which pairs may be suggested, and in which order columns let whole rows be left out."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from matching.topk.pairs import COVERAGE_TOLERANCE, covered, exception_positions, row_dots
from matching.types import BoolArray, Factors, FloatArray, GroupedMask, IntArray, PairProblem

Float32Array = npt.NDArray[np.float32]

_SAMPLED = 3  # the first block is so many times narrower than others
_ROUNDING = 1e-5  # share that a float32 presence may lose or gain
_MOST_PARTS = 24  # so that a kind is a number that float32 can hold
_MOST_KINDS = 1_024
_NARROW = 128  # columns of one group that are worth a block of their own


class Admission:
    """Whether pairs may be suggested: coverage, exceptions (apart), eligibility.

    A coverage depends on what the owner has and on which parts the other one has. Of these there
    are few kinds, so it is looked up in a table of one side by the kinds of the other.
    """

    def __init__(self, problem: PairProblem) -> None:
        self.problem = problem
        self.floor = problem.coverage_floor - COVERAGE_TOLERANCE
        self.has_exceptions = len(problem.exceptions.rows) > 0
        self.exceptional = np.zeros(len(problem.left_ids), dtype=np.bool_)
        self.exceptional[problem.exceptions.rows] = True
        forth, back = problem.left_to_right, problem.right_to_left
        self.col_kinds, self.row_kinds = _kinds(forth.presence_right), _kinds(back.presence_left)
        self.forth = (
            None
            if self.col_kinds is None
            else _reached(forth.presence_left, self.col_kinds.presence, forth, self.floor)
        )

    def reachable(self) -> tuple[IntArray, IntArray]:
        """Available rows and columns that could reach the floor with a complete counterpart."""
        problem, forth, back = self.problem, self.problem.left_to_right, self.problem.right_to_left
        rows = could_reach(forth.presence_left, forth.presence_right, forth, self.floor)
        cols = could_reach(back.presence_right, back.presence_left, back, self.floor)
        # These bring a coverage of their own
        rows[problem.exceptions.rows], cols[problem.exceptions.cols] = (True, True)
        return np.flatnonzero(rows & problem.eligibility.left_ok), np.flatnonzero(
            cols & problem.eligibility.right_ok
        )

    def of_columns(self, rows: IntArray, cols: IntArray) -> ColumnAdmission:
        """The same of some rows with a block of columns."""
        forth, back, mask = (
            self.problem.left_to_right,
            self.problem.right_to_left,
            self.problem.eligibility,
        )
        table = None
        if self.row_kinds is not None and self.forth is not None:
            owners = back.presence_right[cols]
            weights = replace(back, total_weight=back.total_weight[cols])
            table = _reached(owners, self.row_kinds.presence, weights, self.floor)
        possible = could_reach(
            forth.presence_left[rows],
            forth.presence_right[cols],
            replace(forth, total_weight=forth.total_weight[rows]),
            self.floor,
        )
        certain = np.zeros(len(rows), dtype=np.bool_)
        if isinstance(mask, GroupedMask):
            some, certain = mask.reach(rows, cols)
            possible, certain = possible & some, certain & ~self.exceptional[rows]
        return ColumnAdmission(self, rows, cols, possible, certain, table)


@dataclass(frozen=True, slots=True)
class ColumnAdmission:
    """Whether pairs of the pass's rows and a block of columns may be suggested.

    ``possible`` (rows,): could reach the coverage floor with a counterpart that has all that any of
    the columns has, and is not excluded by all of them. ``certain`` (rows,): eligible with all.
    """

    admission: Admission
    rows: IntArray
    cols: IntArray
    possible: BoolArray
    certain: BoolArray
    back: BoolArray | None  # (cols, kinds of rows) the columns' coverages reach the floor

    def allowed(self, positions: IntArray, at_col: IntArray) -> BoolArray:
        """(c,) bool of pairs of a row's position and a column's: covered, eligible, and not among
        the exceptions."""
        rows, cols = self.rows.take(positions), self.cols.take(at_col)
        allowed = self._covered(rows, cols, at_col)
        asked = np.flatnonzero(allowed & ~self.certain.take(positions))
        if len(asked):
            problem = self.admission.problem
            rows, cols = rows[asked], cols[asked]
            allowed[asked] = problem.eligibility.pairs(rows, cols)
            if self.admission.has_exceptions:
                allowed[asked] &= exception_positions(problem, rows, cols) < 0
        return allowed

    def table(self, positions: IntArray, at_cols: IntArray | None) -> BoolArray:
        """(positions, at_cols) bool of rows with some or all columns: covered. True where only a
        look at each pair could tell."""
        cols = self.cols if at_cols is None else self.cols[at_cols]
        forth, row_kinds, col_kinds = (
            self.admission.forth,
            self.admission.row_kinds,
            self.admission.col_kinds,
        )
        if self.back is None or forth is None or row_kinds is None or col_kinds is None:
            return np.ones((len(positions), len(cols)), dtype=np.bool_)
        rows = self.rows[positions]
        back = self.back if at_cols is None else self.back[at_cols]
        reached: BoolArray = forth[rows[:, None], col_kinds.of[cols]]
        reached &= back.take(row_kinds.of[rows], axis=1).T
        return reached

    def _covered(self, rows: IntArray, cols: IntArray, at_col: IntArray) -> BoolArray:
        forth, row_kinds, col_kinds = (
            self.admission.forth,
            self.admission.row_kinds,
            self.admission.col_kinds,
        )
        if self.back is None or forth is None or row_kinds is None or col_kinds is None:
            return covered(self.admission.problem, rows, cols)
        reached = forth.reshape(-1).take(rows * forth.shape[1] + col_kinds.of.take(cols))
        reached &= self.back.reshape(-1).take(at_col * self.back.shape[1] + row_kinds.of.take(rows))
        return np.asarray(reached, dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class _Kinds:
    """The different rows (kinds, f) of a table of 0 and 1, and which of them each row is."""

    presence: FloatArray
    of: IntArray


def _kinds(presence: FloatArray) -> _Kinds | None:
    """None if there are other values, or too many kinds for a table."""
    if presence.shape[1] > _MOST_PARTS or not ((presence == 0) | (presence == 1)).all():
        return None
    codes = (presence @ 2.0 ** np.arange(presence.shape[1], dtype=np.float32)).astype(np.int64)
    _, first, of = np.unique(codes, return_index=True, return_inverse=True)
    return None if len(first) > _MOST_KINDS else _Kinds(presence[first], of)


def _reached(owners: FloatArray, others: FloatArray, factors: Factors, floor: float) -> BoolArray:
    """(owners, others) bool: the owners' coverages reach the floor, as ``pairs`` computes them;
    ``factors`` has their total weights."""
    if floor <= 0:
        return np.ones((len(owners), len(others)), dtype=np.bool_)
    presence = owners @ others.T
    total = factors.total_weight[:, None]
    limit = np.where(total > 0, total * np.float32(floor), np.float32(np.inf))
    low, high = (limit * np.float32(1 + sign * _ROUNDING) for sign in (-1, 1))
    reached = np.asarray(presence >= high, dtype=np.bool_)
    unsure = np.nonzero((presence >= low) != reached)
    exact = row_dots(owners, others, unsure[0], unsure[1])
    exact /= factors.total_weight[unsure[0]].astype(np.float64)
    reached[unsure] = exact >= floor
    return reached


def could_reach(
    owners: FloatArray, others: FloatArray, factors: Factors, floor: float
) -> BoolArray:
    """(owners,) bool: the coverage could reach the floor with one who has all that any has."""
    best = owners @ others.max(axis=0, initial=0.0)
    total = factors.total_weight
    possible: BoolArray = best >= total * (floor * (1 - _ROUNDING))
    return possible if floor <= 0 else np.asarray(possible & (total > 0), dtype=np.bool_)


def column_blocks(
    problem: PairProblem, cols: IntArray, width: int
) -> tuple[IntArray, list[tuple[int, int]]]:
    """Columns in an order, and blocks of at most ``width`` of them, each of one group (a country)
    as far as may be.

    The first block is a sample of all columns, from which the first thresholds come. Within a group
    columns that know the same stand together. Where the mask knows no groups the pattern of
    presence is the only order.
    """
    if len(cols) == 0:
        return cols, []
    # One in so many columns, so that the sample is no larger than a part of a block.
    sampled = np.arange(len(cols)) % -(-len(cols) // (-(-width // _SAMPLED))) == 0
    rest = np.flatnonzero(~sampled)
    mask = problem.eligibility
    group = (
        mask.groups()[1][cols[rest]]
        if isinstance(mask, GroupedMask)
        else np.zeros(len(rest), dtype=np.int64)
    )
    sizes = np.bincount(group)
    small = sizes < min(_NARROW, width)
    piece = np.where(small, np.int64(-1), np.arange(len(sizes)))[group] if len(rest) else group
    order = rest[
        np.lexsort((_pattern(problem.left_to_right.presence_right, cols[rest]), group, piece))
    ]
    first = int(sampled.sum())
    edges = [0, first]
    for size in np.unique(piece, return_counts=True)[1]:
        pieces, start = -(-int(size) // width), edges[-1]
        edges.extend(start + int(size) * number // pieces for number in range(1, pieces + 1))
    return cols[np.concatenate((np.flatnonzero(sampled), order))], list(itertools.pairwise(edges))


def _pattern(presence: FloatArray, rows: IntArray) -> npt.NDArray[np.float64]:
    """(rows,) a number for which of the parts each row knows."""
    known = (presence[rows] != 0).astype(np.float64)
    pattern: npt.NDArray[np.float64] = known @ 2.0 ** np.arange(presence.shape[1])
    return pattern
