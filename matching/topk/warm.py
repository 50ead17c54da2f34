"""What an earlier ranking spares: its pairs are scored anew, and since they are as many as a list
holds, the k-th best is at least the worst of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matching.topk.lists import NOTHING_YET
from matching.topk.pairs import score_table
from matching.topk.scan import eligible
from matching.topk.sides import empty_side, write_best
from matching.topk.sums import sparse_counterparts
from matching.types import IntArray, PairProblem, RankedSide

Float32Array = npt.NDArray[np.float32]

ROWS_AT_ONCE = 512  # enough to keep numpy busy
_DENSE = 16  # how many times more ids than there are communities may be looked up in a table


def positions_of(ids: IntArray, wanted: IntArray, order: IntArray | None = None) -> IntArray:
    """For each wanted id (any shape) its position in ``ids``, -1 where it is not among them.
    ``order`` sorts the ids, if known.
    """
    if len(ids) == 0:
        return np.full(wanted.shape, -1, dtype=np.int64)
    order = np.argsort(ids, kind="stable") if order is None else order
    found = np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)
    position = order[found]
    return np.where(ids[position] == wanted, position, -1)


class Positions:
    """``positions_of`` for many questions about the same ids."""

    def __init__(self, ids: IntArray) -> None:
        self._ids, self._table, self._order = ids, np.empty(0, dtype=np.int32), None
        if len(ids) and ids.min() >= 0 and ids.max() < _DENSE * len(ids):
            self._table = np.full(
                int(ids.max()) + 2, -1, dtype=np.int32
            )  # the last one for whatever lies beyond
            self._table[ids] = np.arange(len(ids), dtype=np.int32)
        else:
            self._order = np.argsort(ids, kind="stable")

    def of(self, wanted: IntArray) -> IntArray:
        """For each wanted id its position, -1 where it is not there."""
        if self._order is not None:
            return positions_of(self._ids, wanted, self._order)
        beyond = len(self._table) - 1
        return self._table[np.where((wanted < 0) | (wanted > beyond), beyond, wanted)].astype(
            np.int64
        )


def scored_again(
    view: PairProblem, rows: IntArray, earlier: RankedSide, k: int, fusion: str, margin: float
) -> tuple[RankedSide, Float32Array]:
    """The view's left side with the best of the earlier pairs that still count, exactly scored, and
    of each row (rows,) a lower bound of the k-th best score less ``margin``, -1 where there are
    fewer than k such pairs.

    ``earlier`` ranked the view's left side; its communities and their order may have changed since.
    """
    side, thresholds = empty_side(view, k), np.full(len(rows), NOTHING_YET)
    if earlier.counterpart_ids.shape[1] < k or len(earlier.ids) == 0 or len(view.right_ids) == 0:
        return side, thresholds
    listed_at = positions_of(earlier.ids, view.left_ids[rows])
    positions, counterparts = Positions(view.right_ids), sparse_counterparts(view)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        listed = earlier.counterpart_ids[listed_at[part]]
        cols = positions.of(listed)
        missing = (cols < 0) | (listed_at[part] < 0)[:, None]
        cols[missing] = 0
        values = score_table(view, rows[part], cols, fusion, counterparts)
        allowed = ~missing & values.suggestible(view.coverage_floor)
        all_rows = np.broadcast_to(rows[part][:, None], cols.shape)
        allowed[allowed] = eligible(view, all_rows[allowed], cols[allowed])
        write_best(side, view, rows[part], cols, allowed, values)
        worst = side.scores[rows[part], -1]
        # One step down covers the rounding to float32.
        lowered = np.nextafter((worst - margin).astype(np.float32), np.float32(-np.inf))
        thresholds[part] = np.where(np.isfinite(worst), lowered, NOTHING_YET)
    return side, thresholds
