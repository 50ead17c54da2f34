"""Logits of a whole block from two products, and the few pairs of it that beat a threshold.

A pair can beat a threshold only if the sum of its logits reaches what ``least_logits`` says (of
the arithmetic mean: the larger of them). What passes this test of one addition and one comparison
gets its score; what then beats the threshold of its row or its column is asked for coverage and
eligibility.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching.reciprocal import fuse, logistic
from matching.topk.lists import NOTHING_YET
from matching.topk.operands import Columns, LeftOperands
from matching.topk.rounding import Errors, least_logits
from matching.types import BoolArray, FloatArray, IntArray

Float32Array = npt.NDArray[np.float32]

_IN_CACHE = 2**17  # pairs whose sums are tested at once
_FEW = 12
_NOBODY = np.empty(0, dtype=np.int64)
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
class Floors:
    """Thresholds of a block's rows and columns, and what logits have to reach for them."""

    rows: Float32Array
    row_limits: Float32Array
    cols: Float32Array
    col_limits: Float32Array


class Judge:
    """Scores pairs by their logits and admits those that may enter a list."""

    def __init__(self, fusion: str, errors: Errors) -> None:
        self.fusion, self.errors = fusion, errors

    def least(self, thresholds: Float32Array) -> Float32Array:
        """The limits of the block test."""
        return least_logits(thresholds, self.fusion, self.errors.logits)

    def scores(self, forth: Float32Array, back: Float32Array) -> Float32Array:
        """Of pairs with these logits."""
        return np.asarray(fuse(logistic(forth), logistic(back), self.fusion), dtype=np.float32)

    def admitted(
        self,
        columns: Columns,
        positions: IntArray,
        pairs: tuple[IntArray, IntArray],
        scores: Float32Array,
        floors: Floors,
    ) -> BlockCandidates:
        """Those of a block's pairs (its rows are at ``positions``) that beat a threshold and may
        be suggested."""
        for_row, for_col = scores > floors.rows.take(pairs[0]), scores > floors.cols.take(pairs[1])
        at = np.flatnonzero(for_row | for_col)
        rows, cols = pairs[0].take(at), pairs[1].take(at)
        allowed = columns.admission.allowed(positions.take(rows), cols)
        if not allowed.all():
            kept = np.flatnonzero(allowed)
            at, rows, cols = at.take(kept), rows.take(kept), cols.take(kept)
        return BlockCandidates(rows, cols, scores.take(at), for_row.take(at), for_col.take(at))


class DirectKernel:
    """Buffers of one thread and the block computation in them."""

    def __init__(self, judge: Judge, left: LeftOperands, k: int, block: tuple[int, int]) -> None:
        size = block[0] * block[1]
        self.judge, self.left, self.k = judge, left, k
        self._left = np.empty((block[0], left.layout.width), dtype=np.float32)
        self._logits = np.empty(size, dtype=np.float32), np.empty(size, dtype=np.float32)
        self._tested = np.empty(size, dtype=np.float32)
        self._within = np.empty(size, dtype=bool)

    def candidates(self, columns: Columns, positions: IntArray, floors: Floors) -> BlockCandidates:
        """Pairs of some of the rows (positions) and the columns at hand whose score beats the
        threshold of its row or of its column."""
        shape = (len(positions), len(columns))
        forth, back = (buffer[: shape[0] * shape[1]].reshape(shape) for buffer in self._logits)
        columns.logits(self.left.take(positions, self._left), positions, forth, back)
        limits = floors.row_limits, floors.col_limits
        opened = self._opened(limits[0], shape[1]), self._opened(limits[1], shape[0])
        if any(map(len, opened)):
            limits = self._seeded(columns, positions, (forth, back), limits, opened)
        found = self._within_limits(forth, back, *limits)
        at_row = found // shape[1]
        at_col = found - at_row * shape[1]
        scores = self.judge.scores(forth.reshape(-1).take(found), back.reshape(-1).take(found))
        return self.judge.admitted(columns, positions, (at_row, at_col), scores, floors)

    def _test(self, forth: FloatArray, back: FloatArray) -> FloatArray:
        """The sum of both logits, or the larger of them."""
        tested = self._tested[: forth.size].reshape(forth.shape)
        (np.maximum if self.judge.fusion == "mean" else np.add)(forth, back, out=tested)
        return tested

    def _within_limits(
        self, forth: FloatArray, back: FloatArray, row_limit: Float32Array, col_limit: Float32Array
    ) -> IntArray:
        """Where (flat) a row's or column's limit is reached, or nearly; by rows that fit the
        cache."""
        height, width = forth.shape
        step = max(1, _IN_CACHE // width)
        parts = []
        for at in range(0, height, step):
            part = slice(at, min(height, at + step))
            tested = self._test(forth[part], back[part])
            within = self._within[: tested.size].reshape(tested.shape)
            limit = row_limit[part]
            least = limit.min()
            if least == -np.inf and limit.max() > least:
                np.greater_equal(tested, limit[:, None], out=within)
                within |= tested >= col_limit
            else:
                # Rows come sorted by their thresholds, so the least of them says nearly as much as
                # each.
                np.greater_equal(tested, np.minimum(col_limit, least), out=within)
            parts.append(within.reshape(-1).nonzero()[0] + at * width)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _opened(self, limits: Float32Array, others: int) -> IntArray:
        """Rows (or columns) without a threshold, if there are more counterparts than taken."""
        if others <= 2 * self._taken(0.0) or limits.min() > -np.inf:
            return _NOBODY
        unknown = np.flatnonzero(limits == -np.inf)
        return unknown if len(unknown) > _FEW else _NOBODY

    def _taken(self, certain: float) -> int:
        """How many candidates are tried for a threshold: usually k of them may be suggested."""
        return (self.k if certain >= _MOSTLY else 2 * self.k) + 8

    def _seeded(
        self,
        columns: Columns,
        positions: IntArray,
        logits: tuple[FloatArray, FloatArray],
        limits: tuple[Float32Array, Float32Array],
        opened: tuple[IntArray, IntArray],
    ) -> tuple[Float32Array, Float32Array]:
        """The limits, where there was no threshold by the k-th best of some admissible pairs."""
        limits = limits[0].copy(), limits[1].copy()
        taken = self._taken(float(columns.admission.certain[positions].mean()))
        tested = self._test(*logits)
        for side, which in enumerate(opened):
            if len(which) == 0:
                continue
            block = (positions[which], None) if side == 0 else (positions, which)
            table = np.where(
                columns.admission.table(*block), tested.take(which, axis=side), -np.inf
            )
            table = table if side == 0 else np.ascontiguousarray(table.T)
            best = _largest(table, taken)
            each = np.repeat(which, taken)
            at_row, at_col = (each, best)[:: 1 - 2 * side]
            scores = self.judge.scores(*(values[at_row, at_col] for values in logits))
            allowed = columns.admission.allowed(positions[at_row], at_col)
            scores[~allowed] = NOTHING_YET
            kept = np.partition(scores.reshape(-1, taken), taken - self.k, axis=1)
            kth = kept[:, taken - self.k]
            known = kth > NOTHING_YET
            margin = np.float32(2 * self.judge.errors.score)
            limits[side][which[known]] = self.judge.least(kth[known] - margin)
        return limits


def _largest(table: Float32Array, count: int) -> IntArray:
    """(rows · count,) where each row has its largest. Values are partitioned many times as fast as
    their places, which are looked up afterwards."""
    edge = table.shape[1] - count
    reached = table >= np.partition(table, edge, axis=1)[:, edge, None]
    equal = np.count_nonzero(reached, axis=1) > count
    best = np.empty((len(table), count), dtype=np.int64)
    best[~equal] = (np.flatnonzero(reached[~equal]) % table.shape[1]).reshape(-1, count)
    best[equal] = table[equal].argpartition(edge, axis=1)[:, edge:]
    return best.ravel()
