"""What an earlier ranking spares: its pairs are scored anew, and since they are as many as a list holds, the k-th best is at least the
worst of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matching.topk.lists import NOTHING_YET
from matching.topk.pairs import score_table
from matching.topk.scan import eligible
from matching.topk.sides import empty_side, write_best
from matching.topk.threads import run_threads, share_out
from matching.types import IntArray, PairProblem, RankedSide

Float32Array = npt.NDArray[np.float32]

ROWS_AT_ONCE = 48  # times k pairs: gathered factors that fit in the cache


def positions_of(ids: IntArray, wanted: IntArray, order: IntArray | None = None) -> IntArray:
    """For each wanted id (any shape) its position in ``ids``, -1 where it is not among them. ``order`` sorts the ids, if known."""
    if len(ids) == 0:
        return np.full(wanted.shape, -1, dtype=np.int64)
    order = np.argsort(ids, kind="stable") if order is None else order
    found = np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)
    position = order[found]
    return np.where(ids[position] == wanted, position, -1)


def scored_again(
    view: PairProblem, rows: IntArray, earlier: RankedSide, k: int, fusion: str, margin: float, threads: int
) -> tuple[RankedSide, Float32Array]:
    """The view's left side with the best of the earlier pairs that still count, exactly scored, and of each row (rows,) a lower bound of
    the k-th best score less ``margin``, -1 where there are fewer than k such pairs.

    ``earlier`` ranked the view's left side; its communities and their order may have changed since.
    """
    side, thresholds = empty_side(view, k), np.full(len(rows), NOTHING_YET)
    if earlier.counterpart_ids.shape[1] < k or len(earlier.ids) == 0 or len(view.right_ids) == 0:
        return side, thresholds
    listed_at = positions_of(earlier.ids, view.left_ids[rows])
    order = np.argsort(view.right_ids, kind="stable")
    draw = share_out(range(0, len(rows), ROWS_AT_ONCE))

    def work() -> None:
        while (start := draw()) is not None:
            part = slice(start, start + ROWS_AT_ONCE)
            listed = earlier.counterpart_ids[listed_at[part]]
            cols = positions_of(view.right_ids, listed, order)
            missing = (cols < 0) | (listed_at[part] < 0)[:, None]
            cols[missing] = 0
            values = score_table(view, rows[part], cols, fusion)
            allowed = ~missing & values.suggestible(view.coverage_floor)
            all_rows = np.broadcast_to(rows[part][:, None], cols.shape)
            allowed[allowed] = eligible(view, all_rows[allowed], cols[allowed])
            write_best(side, view, rows[part], cols, allowed, values)
            worst = side.scores[rows[part], -1]
            # One step down covers the rounding to float32.
            lowered = np.nextafter((worst - margin).astype(np.float32), np.float32(-np.inf))
            thresholds[part] = np.where(np.isfinite(worst), lowered, NOTHING_YET)

    run_threads(work, threads)
    return side, thresholds
