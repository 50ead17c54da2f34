"""Thresholds from an earlier ranking: its pairs, scored anew, are as many as a list holds, so the k-th best is at least the worst of
them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matching.topk.lists import NOTHING_YET
from matching.topk.pairs import COVERAGE_TOLERANCE, approximate_table
from matching.topk.scan import eligible
from matching.topk.threads import run_threads, share_out
from matching.types import IntArray, PairProblem, RankedSide

Float32Array = npt.NDArray[np.float32]

_ROWS_AT_ONCE = 48


def positions_of(ids: IntArray, wanted: IntArray, order: IntArray | None = None) -> IntArray:
    """For each wanted id (any shape) its position in ``ids``, -1 where it is not among them. ``order`` sorts the ids, if known."""
    if len(ids) == 0:
        return np.full(wanted.shape, -1, dtype=np.int64)
    order = np.argsort(ids, kind="stable") if order is None else order
    found = np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)
    position = order[found]
    return np.where(ids[position] == wanted, position, -1)


def warm_thresholds(
    view: PairProblem, rows: IntArray, earlier: RankedSide, k: int, fusion: str, margin: float, threads: int
) -> Float32Array:
    """(rows,) lower bounds of the k-th best scores less ``margin``; -1 where the earlier list holds fewer than k pairs that still count.

    ``earlier`` ranked the view's left side; its communities and their order may have changed since.
    """
    thresholds = np.full(len(rows), NOTHING_YET)
    if earlier.counterpart_ids.shape[1] < k or len(earlier.ids) == 0 or len(view.right_ids) == 0:
        return thresholds
    listed_at = positions_of(earlier.ids, view.left_ids[rows])
    order = np.argsort(view.right_ids, kind="stable")
    floor = np.float32(max(view.coverage_floor, 0.0) * (1 + 1e-5)) if view.coverage_floor > COVERAGE_TOLERANCE else np.float32(-1)
    draw = share_out(range(0, len(rows), _ROWS_AT_ONCE))

    def work() -> None:
        while (start := draw()) is not None:
            part = slice(start, start + _ROWS_AT_ONCE)
            listed = earlier.counterpart_ids[listed_at[part]]
            cols = positions_of(view.right_ids, listed, order)
            missing = (cols < 0) | (listed_at[part] < 0)[:, None]
            cols[missing] = 0
            scores, own, others = approximate_table(view, rows[part], cols, fusion)
            # Pairs so near the floor that rounding might decide are left out: a threshold may be too low.
            allowed = ~missing & (own > floor) & (others > floor) & np.isfinite(scores)
            all_rows = np.broadcast_to(rows[part][:, None], cols.shape)
            allowed[allowed] = eligible(view, all_rows[allowed], cols[allowed])
            scores[~allowed] = -np.inf
            worst = np.partition(scores, scores.shape[1] - k, axis=1)[:, -k]
            # The margin is twice the error of a score; one step down covers the rounding of the difference.
            lowered = np.nextafter(worst - np.float32(1.5 * margin), np.float32(-np.inf))
            thresholds[part] = np.where(np.isfinite(worst), lowered, NOTHING_YET)

    run_threads(work, threads)
    return thresholds
