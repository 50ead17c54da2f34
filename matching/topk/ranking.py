"""The exact k best of every community of both sides."""

from __future__ import annotations

from dataclasses import dataclass

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
    SparseRows,
    score_pairs,
    score_table,
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
    sparse = SparseRows(view)
    exchanged = sparse.exchanged(transposed(view))
    if warm is None:
        left_side = right_side = None
        scan.run()
    else:
        earlier = (warm.right, warm.left) if flipped else (warm.left, warm.right)
        left_side, row_thresholds = scored_again(sparse, scan.rows, earlier[0], scan.row_lists)
        right_side, col_thresholds = scored_again(exchanged, scan.cols, earlier[1], scan.col_lists)
        scan.run(row_thresholds, col_thresholds)
    # The larger side first, while there is most room.
    right = finished(
        right_side, exchanged, scan.cols, scan.rows, scan.col_lists, max_bytes, threads
    )
    del scan.col_lists
    left = finished(left_side, sparse, scan.rows, scan.cols, scan.row_lists, max_bytes, threads)
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
    sparse: SparseRows,
    rows: IntArray,
    cols: IntArray,
    lists: BestLists,
    max_bytes: int,
    threads: int,
) -> RankedSide:
    """The view's left side ranked: candidates of its lists scored in float64, and rows whose lists
    cannot decide scanned whole.

    ``begun`` are lists of some pairs with their exact values: only candidates that do not stand in
    them are then scored. ``threads`` share the rows that are scanned; the sums of single pairs are
    taken by one, for two would take turns at the interpreter.
    """
    view, fusion = sparse.view, lists.fusion
    side = empty_side(view, lists.k) if begun is None else begun
    if len(rows) == 0 or len(cols) == 0:
        return side
    by_rank = cols[np.argsort(view.right_ids[cols], kind="stable")]
    overflowed = np.zeros(len(rows), dtype=np.bool_)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        keys, overflowed[part] = lists.ordered(part)
        # Empty places name any column, and are not listed
        found = _Found(rows[part], by_rank.take(packed_ranks(keys), mode="clip"), keys != 0)
        if begun is None:
            first = found.cols[:, : lists.k]
            values = score_table(found.rows, first, fusion, sparse)
            write_best(side, view, found.rows, first, found.listed[:, : lists.k], values)
            standing = np.broadcast_to(np.arange(keys.shape[1]) < lists.k, keys.shape)
        else:
            held = side.counterpart_ids[found.rows][:, None, :]
            standing = (view.right_ids[found.cols][:, :, None] == held).any(axis=2)
        # The few others that may belong among them: mostly their bound says that they do not
        most = packed_scores(keys).astype(np.float64) + lists.errors.score
        least = side.scores[found.rows, -1][:, None]
        _enter(side, sparse, fusion, found, found.listed & ~standing & ~(most < least))
    unsure = rows[np.flatnonzero(overflowed)]
    best = best_of_rows(
        view,
        unsure,
        lists.k,
        fusion,
        lists.errors.score,
        min(max_bytes, _SCANNED_BYTES),
        threads,
    )
    for row, its_best in zip(unsure, best, strict=True):
        write_row(side, int(row), its_best, view)
    return side


@dataclass(frozen=True, slots=True)
class _Found:
    """Candidates (r, c) of some rows, best first; those that are ``listed`` are some."""

    rows: IntArray
    cols: IntArray
    listed: BoolArray


def _enter(
    side: RankedSide, sparse: SparseRows, fusion: str, found: _Found, asked: BoolArray
) -> None:
    """Writes the lists of those rows again in which a candidate that is asked has a place."""
    view = sparse.view
    at, place = np.nonzero(asked)
    if len(at) == 0:
        return
    rows, cols = found.rows[at], found.cols[at, place]
    values = score_pairs(view, rows, cols, fusion)
    last, last_id = side.scores[rows, -1], side.counterpart_ids[rows, -1]
    behind = (values.score < last) | ((values.score == last) & (view.right_ids[cols] > last_id))
    at = np.unique(at[~behind])
    if len(at):
        rows, cols = found.rows[at], found.cols[at]
        write_best(
            side, view, rows, cols, found.listed[at], score_table(rows, cols, fusion, sparse)
        )
