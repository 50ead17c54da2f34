"""Scores of a whole block from four products, and the few of them that beat a threshold.

Blocks do not hold scores but costs, which order pairs the other way round: of the harmonic mean 1/p
+ 1/q, which needs two divisions and an addition, of the other fusions the score with its sign
changed. Thresholds become limits on costs, a little too high, and what keeps within them is
compared again as a score.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching.topk.admission import Admission
from matching.topk.lists import NOTHING_YET
from matching.topk.operands import LeftOperands, RareRows, RightOperands
from matching.types import BoolArray, FloatArray, IntArray

Float32Array = npt.NDArray[np.float32]

# Pairs whose numerators and denominators are worked on at once, in a megabyte or so
_IN_CACHE = 2**16
_FEW = 12
_MOSTLY = 0.9  # share of rows from which on hardly any pair is refused


@dataclass(frozen=True, slots=True)
class BlockCandidates:
    """Admitted pairs of a block (positions in it), float32 scores, and lists to enter."""

    rows: IntArray
    cols: IntArray
    scores: Float32Array
    for_row: BoolArray
    for_col: BoolArray


@dataclass(frozen=True, slots=True)
class DirectColumns:
    """A block of columns, and what the rows have in its rare dimensions."""

    cols: IntArray
    operands: RightOperands
    rare: RareRows


@dataclass(frozen=True, slots=True)
class Found:
    """Pairs of a block (positions within it) with their costs and denominators."""

    rows: IntArray
    cols: IntArray
    costs: Float32Array
    forth_denominators: Float32Array
    back_denominators: Float32Array

    def only(self, which: IntArray) -> Found:
        """Some of the pairs."""
        return Found(*(getattr(self, name).take(which) for name in self.__slots__))


def joined(parts: list[Found]) -> Found:
    """The pairs of several."""
    return (
        parts[0]
        if len(parts) == 1
        else Found(*(np.concatenate([getattr(p, name) for p in parts]) for name in Found.__slots__))
    )


class DirectKernel:
    """Buffers of one thread and the block computation in them."""

    def __init__(
        self,
        admission: Admission,
        left: LeftOperands,
        rows: IntArray,
        k: int,
        fusion: str,
        margin: float,
        block: tuple[int, int],
        signed: bool,
    ) -> None:
        size = block[0] * block[1]
        self.admission, self.left, self.rows = admission, left, rows
        # Candidates taken where no threshold is known yet; usually k of them may be suggested
        self.optimistic = 2 * k + 8
        self.k = k
        self.margin = np.float32(margin)
        self.fusion = fusion
        self.signed = signed
        self._left = np.empty((block[0], left.layout.width), dtype=np.float32)
        self._numerators = np.empty(size, dtype=np.float32), np.empty(size, dtype=np.float32)
        self._denominators = np.empty(size, dtype=np.float32), np.empty(size, dtype=np.float32)
        self._within = np.empty(size, dtype=bool)

    def candidates(
        self,
        columns: DirectColumns,
        positions: IntArray,
        certain: BoolArray,
        row_floor: Float32Array,
        col_floor: Float32Array,
    ) -> BlockCandidates:
        """Pairs of some of the rows (positions) and the columns at hand whose score beats the
        threshold of its row or of its column.

        ``certain`` says of which of the rows all pairs are eligible.
        """
        shape = (len(positions), len(columns.cols))
        left = self.left.take(positions, self._left)
        forth, back = (buffer[: shape[0] * shape[1]].reshape(shape) for buffer in self._numerators)
        layout, right = self.left.layout, columns.operands.packed
        np.matmul(left[:, layout.part(0)], right[layout.part(0)], out=forth)
        np.matmul(left[:, layout.part(1)], right[layout.part(1)], out=back)
        columns.rare.add_to(forth, positions)
        self.optimistic = (2 * self.k if certain.mean() < _MOSTLY else self.k) + 8
        opened = self._opened(row_floor, shape[1]), self._opened(col_floor, shape[0])
        rows = self.rows[positions]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if len(opened[0]) or len(opened[1]):
                found = self._opening(
                    left, columns, (forth, back), rows, certain, (row_floor, col_floor), opened
                )
            else:
                within = self._within_limits(left, columns, (forth, back), row_floor, col_floor)
                found = self._admitted(within, rows, columns.cols, certain)
            scores = np.maximum(self._scores(found.costs), np.float32(0))
        return BlockCandidates(
            found.rows,
            found.cols,
            scores,
            scores > row_floor.take(found.rows),
            scores > col_floor.take(found.cols),
        )

    def _within_limits(
        self,
        left: FloatArray,
        columns: DirectColumns,
        numerators: tuple[FloatArray, FloatArray],
        row_floor: Float32Array,
        col_floor: Float32Array,
    ) -> Found:
        """What keeps within its row's or column's limit, or nearly; by rows that fit the cache."""
        height, width = numerators[0].shape
        row_limit, col_limit = self._limits(row_floor), self._limits(col_floor)
        step = max(1, _IN_CACHE // width)
        parts = []
        for at in range(0, height, step):
            part = slice(at, min(height, at + step))
            size = (part.stop - at) * width
            denominators = tuple(buffer[:size].reshape(-1, width) for buffer in self._denominators)
            costs = self._costs(
                left[part], columns, (numerators[0][part], numerators[1][part]), denominators
            )
            within = self._within[:size]
            # Rows come sorted by their thresholds, so the highest limit of them says nearly as much
            # as each.
            np.less(
                costs, np.maximum(col_limit, row_limit[part].max()), out=within.reshape(costs.shape)
            )
            flat = within.nonzero()[0]
            parts.append(
                (
                    flat + at * width,
                    *(table.reshape(-1).take(flat) for table in (costs, *denominators)),
                )
            )
        flat, *values = (
            parts[0] if len(parts) == 1 else map(np.concatenate, zip(*parts, strict=True))
        )
        rows = flat // width
        return Found(rows, flat - rows * width, *values)

    def _taken(
        self, flat: IntArray, costs: FloatArray, denominators: tuple[FloatArray, ...]
    ) -> Found:
        rows = flat // costs.shape[1]
        return Found(
            rows,
            flat - rows * costs.shape[1],
            costs.ravel().take(flat),
            *(table.ravel().take(flat) for table in denominators),
        )

    def _costs(
        self,
        left: FloatArray,
        columns: DirectColumns,
        numerators: tuple[FloatArray, FloatArray],
        denominators: tuple[FloatArray, ...],
    ) -> FloatArray:
        """Writes the denominators and the costs, these in place of the forth numerators."""
        (n1, n2), (d1, d2) = numerators, denominators
        layout, right = self.left.layout, columns.operands.packed
        np.matmul(left[:, layout.part(2)], right[layout.part(2)], out=d1)
        np.matmul(left[:, layout.part(3)], right[layout.part(3)], out=d2)
        # Rounding may push a numerator below zero, where the fractions below would run wild
        if self.signed:
            np.maximum(n1, np.float32(1e-18), out=n1)
            np.maximum(n2, np.float32(1e-18), out=n2)
        if self.fusion == "harmonic":
            np.divide(d1, n1, out=n1)
            np.divide(d2, n2, out=n2)
            np.add(n1, n2, out=n1)
        else:
            np.divide(n1, d1, out=n1)
            np.divide(n2, d2, out=n2)
            {"product": np.multiply, "min": np.minimum, "mean": np.add}[self.fusion](n1, n2, out=n1)
            np.multiply(n1, np.float32(-0.5 if self.fusion == "mean" else -1), out=n1)
        return n1

    def _scores(self, costs: FloatArray) -> Float32Array:
        scores: Float32Array = np.float32(2) / costs if self.fusion == "harmonic" else -costs
        return scores

    def _limits(self, floor: Float32Array) -> Float32Array:
        """Costs that whatever beats the thresholds stays below."""
        limits = (
            np.float32(2) / np.maximum(floor, np.float32(0))
            if self.fusion == "harmonic"
            else -floor
        )
        return np.nextafter(limits, np.float32(np.inf))

    def _opened(self, floor: Float32Array, others: int) -> IntArray:
        """Rows (or columns) without a threshold, if there are more counterparts than taken."""
        unknown = np.flatnonzero(floor <= NOTHING_YET)
        return unknown if others > self.optimistic and len(unknown) > _FEW else unknown[:0]

    def _opening(
        self,
        left: FloatArray,
        columns: DirectColumns,
        numerators: tuple[FloatArray, FloatArray],
        rows: IntArray,
        certain: BoolArray,
        floors: tuple[Float32Array, Float32Array],
        opened: tuple[IntArray, IntArray],
    ) -> Found:
        """The same with some thresholds unknown: the likely best first, all if too few."""
        shape = numerators[0].shape
        denominators = tuple(
            buffer[: shape[0] * shape[1]].reshape(shape) for buffer in self._denominators
        )
        costs = self._costs(left, columns, numerators, denominators)
        self.admission.rule_out(costs, rows, columns.cols, *denominators)
        row_limit, col_limit = self._limits(floors[0]), self._limits(floors[1])
        self._open(costs, row_limit, opened[0])
        self._open(costs.T, col_limit, opened[1])
        within = self._within[: costs.size].reshape(shape)
        np.less(costs, row_limit[:, None], out=within)
        np.logical_or(within, costs < col_limit, out=within)
        found = self._admitted(
            self._taken(np.flatnonzero(within), costs, denominators), rows, columns.cols, certain
        )
        safe = self._limits(self._scores(found.costs) - self.margin)
        short_rows = self._short(opened[0], found.rows[safe < row_limit.take(found.rows)])
        short_cols = self._short(opened[1], found.cols[safe < col_limit.take(found.cols)])
        if not (len(short_rows) or len(short_cols)):
            return found
        # Too few of the best were eligible: whatever else these rows and columns have may count.
        rest = np.zeros(shape, dtype=bool)
        rest[short_rows] = True
        rest[:, short_cols] = True
        rest &= ~within
        more = self._admitted(
            self._taken(np.flatnonzero(rest), costs, denominators), rows, columns.cols, certain
        )
        return joined([found, more])

    def _open(self, costs: FloatArray, limits: Float32Array, opened: IntArray) -> None:
        """Sets unknown limits just above the `optimistic`-th least cost."""
        if len(opened):
            table = np.ascontiguousarray(costs[opened])
            table.partition(self.optimistic - 1, axis=1)
            limits[opened] = np.nextafter(table[:, self.optimistic - 1], np.float32(np.inf))

    def _short(self, opened: IntArray, found: IntArray) -> IntArray:
        """Selected rows (or columns) for which fewer than k candidates lie safely within."""
        return opened[np.bincount(found, minlength=int(opened.max(initial=0)) + 1)[opened] < self.k]

    def _admitted(self, found: Found, rows: IntArray, cols: IntArray, certain: BoolArray) -> Found:
        """Those of the pairs that may be suggested."""
        row, col = rows.take(found.rows), cols.take(found.cols)
        admitted = self.admission.covered(
            row, col, found.forth_denominators, found.back_denominators
        )
        asked = np.flatnonzero(admitted & ~certain.take(found.rows))
        if len(asked):
            admitted[asked] = self.admission.eligible(row[asked], col[asked])
        return found if admitted.all() else found.only(np.flatnonzero(admitted))
