"""The exact k best of every community of both sides."""

from __future__ import annotations

import numpy as np

from matching.reciprocal import check_fusion
from matching.topk.checks import check_problem, transposed
from matching.topk.lists import (
    ROWS_AT_ONCE,
    BestLists,
    empty_side,
    packed_ranks,
    packed_scores,
    scored_again,
    write_best,
    write_row,
)
from matching.topk.pairs import (
    Float64Array,
    SparseCounterparts,
    score_pairs,
    score_table,
    sparse_counterparts,
)
from matching.topk.rounding import errors_of, magnitudes
from matching.topk.scan import best_of_rows
from matching.topk.two_sided import SPARE, TwoSidedPass
from matching.types import BoolArray, IntArray, PairProblem, RankedSide, Ranking

DEFAULT_MAX_BYTES = 512 * 2**20
BLOCK = (256, 1024)
_GATHERED_BYTES = 4 * 2**20  # a thread's candidates and their factors
_SCANNED_BYTES = 6 * 2**20  # scores of rows that are scanned whole: there are few such rows


def top_k(
    problem: PairProblem,
    k: int,
    *,
    fusion: str = "product",
    max_bytes: int = DEFAULT_MAX_BYTES,
    threads: int = 2,
    warm: Ranking | None = None,
    feature_version: str = "",
) -> Ranking:
    """For every left and every right community its k best counterparts by reciprocal score,
    exactly.

    ``problem`` has n_left × n_right pairs. A pair is suggested only if it is eligible and both
    coverages reach the floor; pairs of ``problem.exceptions`` count with their exact values. Scores
    are float64; equal scores are ordered by the counterpart's id. Rows with fewer than k such pairs
    are padded (id -1, NaN); empty sides give empty arrays. The result does not depend on
    ``threads``, ``max_bytes`` (bytes of working memory beside inputs and result) or ``warm`` (an
    earlier ranking: its pairs, scored again, show early what cannot enter a list).

    Raises ValueError for k < 1, an unknown fusion, duplicate ids, factors that are not finite, and
    a ``max_bytes`` too small to work in.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    if threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    check_fusion(fusion)
    check_problem(problem)
    flipped = len(problem.left_ids) > len(problem.right_ids)
    view = transposed(problem) if flipped else problem
    threads = affordable_threads(view, k, threads, max_bytes)
    errors = errors_of(view, fusion, magnitudes(view.left_to_right), magnitudes(view.right_to_left))
    scan = TwoSidedPass(view, k, fusion, errors, threads, BLOCK)
    if warm is None:
        left_side = right_side = None
        scan.run()
    else:
        earlier = (warm.right, warm.left) if flipped else (warm.left, warm.right)
        left_side, row_thresholds = scored_again(
            view, scan.rows, earlier[0], k, fusion, scan.margin
        )
        right_side, col_thresholds = scored_again(
            transposed(view), scan.cols, earlier[1], k, fusion, scan.margin
        )
        scan.run(row_thresholds, col_thresholds)
    # The larger side first, while there is most room.
    right = finished(
        right_side,
        transposed(view),
        scan.cols,
        scan.rows,
        scan.col_lists,
        k,
        fusion,
        errors.score,
        max_bytes,
        threads,
    )
    del scan.col_lists
    left = finished(
        left_side,
        view,
        scan.rows,
        scan.cols,
        scan.row_lists,
        k,
        fusion,
        errors.score,
        max_bytes,
        threads,
    )
    if flipped:
        left, right = right, left
    return Ranking(left, right, k, fusion, feature_version, len(scan.rows) * len(scan.cols))


def affordable_threads(view: PairProblem, k: int, threads: int, max_bytes: int) -> int:
    """As many threads as ``max_bytes`` allow. Raises ValueError if not even one."""
    depth = view.left_to_right.gain_left.shape[1] + view.right_to_left.gain_left.shape[1]
    rows, cols = len(view.left_ids), len(view.right_ids)
    # Lists; rows arranged for direct products and for the screen
    held = 8 * (rows + cols) * (k + SPARE) + 2 * 4 * rows * (depth + 64)
    height, width = min(BLOCK[0], rows), min(BLOCK[1], cols)
    each = 4 * (8 * height * width + 3 * width * depth) + _GATHERED_BYTES
    if held + each > max_bytes:
        raise ValueError(
            f"max_bytes is {max_bytes}, and {rows} x {cols} communities at k = {k} need at least "
            f"{held + each}"
        )
    return min(threads, int((max_bytes - held) // each))


def finished(
    begun: RankedSide | None,
    view: PairProblem,
    rows: IntArray,
    cols: IntArray,
    lists: BestLists,
    k: int,
    fusion: str,
    error: float,
    max_bytes: int,
    threads: int,
) -> RankedSide:
    """The view's left side ranked: candidates of its lists scored in float64, and rows whose lists
    cannot decide scanned whole.

    ``begun`` are lists of some pairs with their exact values: only candidates that do not stand in
    them are then scored. ``threads`` share the rows that are scanned; the sums of single pairs are
    taken by one, for two would take turns at the interpreter.
    """
    side = empty_side(view, k) if begun is None else begun
    if len(rows) == 0 or len(cols) == 0:
        return side
    by_rank = cols[np.argsort(view.right_ids[cols], kind="stable")]
    overflowed = np.zeros(len(rows), dtype=np.bool_)
    counterparts = sparse_counterparts(view) if begun is None else None
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        keys, overflowed[part] = lists.ordered(part)
        # Empty places name any column, and are not listed
        candidates = by_rank.take(packed_ranks(keys), mode="clip")
        most = packed_scores(keys).astype(np.float64) + error
        _finish_rows(
            side,
            view,
            rows[part],
            candidates,
            keys != 0,
            most,
            begun is not None,
            fusion,
            counterparts,
        )
    unsure = rows[np.flatnonzero(overflowed)]
    for row, found in zip(
        unsure,
        best_of_rows(view, unsure, k, fusion, error, min(max_bytes, _SCANNED_BYTES), threads),
        strict=True,
    ):
        write_row(side, int(row), found, view)
    return side


def _finish_rows(
    side: RankedSide,
    view: PairProblem,
    rows: IntArray,
    cols: IntArray,
    listed: BoolArray,
    most: Float64Array,
    begun: bool,
    fusion: str,
    counterparts: SparseCounterparts | None,
) -> None:
    """Makes the lists of some rows those of the best of their candidates (cols, best first, where
    listed).

    ``most`` are bounds of their scores: whose bound says that it cannot enter need not be scored.
    """
    k = side.scores.shape[1]
    if begun:
        standing = (view.right_ids[cols][:, :, None] == side.counterpart_ids[rows][:, None, :]).any(
            axis=2
        )
    else:
        write_best(
            side,
            view,
            rows,
            cols[:, :k],
            listed[:, :k],
            score_table(view, rows, cols[:, :k], fusion, counterparts),
        )
        standing = np.broadcast_to(np.arange(cols.shape[1]) < k, cols.shape)
    # The few others that may belong among them: mostly they do not.
    at, place = np.nonzero(listed & ~standing & ~(most < side.scores[rows, -1][:, None]))
    if len(at) == 0:
        return
    values = score_pairs(view, rows[at], cols[at, place], fusion)
    last, last_id = side.scores[rows[at], -1], side.counterpart_ids[rows[at], -1]
    behind = (values.score < last) | (
        (values.score == last) & (view.right_ids[cols[at, place]] > last_id)
    )
    entered = np.unique(at[~behind])
    if len(entered):
        values = score_table(view, rows[entered], cols[entered], fusion, counterparts)
        write_best(side, view, rows[entered], cols[entered], listed[entered], values)
