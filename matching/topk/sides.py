"""The lists of one side as arrays: made empty, and written row by row or many rows at once."""

from __future__ import annotations

import numpy as np

from matching.topk.pairs import PairScores
from matching.topk.scan import RowBest
from matching.types import BoolArray, IntArray, PairProblem, RankedSide


def write_best(
    side: RankedSide,
    view: PairProblem,
    rows: IntArray,
    cols: IntArray,
    listed: BoolArray,
    values: PairScores,
) -> None:
    """Puts into the lists of some rows (r,) the best of their listed candidates: (r, c) each,
    nearly in order, spoilt by this.
    """
    k = side.scores.shape[1]
    values.score[~listed] = -np.inf
    # What float32 ranked, float64 seldom ranks otherwise; equal scores stand by id.
    following = np.flatnonzero(
        ((values.score[:, 1:] >= values.score[:, :-1]) & listed[:, 1:]).any(axis=1)
    )
    orders = [np.lexsort((view.right_ids[cols[row]], -values.score[row])) for row in following]
    empty = np.arange(k) >= listed.sum(axis=1)[:, None]  # what is not listed sorts last
    for target, source, padding in (
        (side.counterpart_ids, view.right_ids[cols], -1),
        (side.scores, values.score, np.nan),
        (side.outgoing, values.outgoing, np.nan),
        (side.incoming, values.incoming, np.nan),
        (side.outgoing_coverage, values.outgoing_coverage, np.nan),
        (side.incoming_coverage, values.incoming_coverage, np.nan),
    ):
        for row, order in zip(following, orders, strict=True):
            source[row] = source[row, order]
        chosen = source[:, :k]
        chosen[empty[:, : chosen.shape[1]]] = padding
        target[rows, : chosen.shape[1]] = chosen


def empty_side(view: PairProblem, k: int) -> RankedSide:
    """Lists of the view's left side with nothing in them."""
    shape = (len(view.left_ids), k)
    values = (
        np.full(shape, np.nan, dtype=dtype)
        for dtype in (np.float64, np.float64, np.float64, np.float32, np.float32)
    )
    return RankedSide(view.left_ids.astype(np.int64), np.full(shape, -1, dtype=np.int64), *values)


def write_row(side: RankedSide, row: int, best: RowBest, view: PairProblem) -> None:
    """Puts a row's k best in place of what it had."""
    count, values = len(best.cols), best.values
    side.counterpart_ids[row] = -1
    side.counterpart_ids[row, :count] = view.right_ids[best.cols]
    for target, source in (
        (side.scores, values.score),
        (side.outgoing, values.outgoing),
        (side.incoming, values.incoming),
        (side.outgoing_coverage, values.outgoing_coverage),
        (side.incoming_coverage, values.incoming_coverage),
    ):
        target[row] = np.nan
        target[row, :count] = source
