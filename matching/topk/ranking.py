"""The exact k best of every community of both sides."""

from __future__ import annotations

import numpy as np

from matching.topk.checks import check_problem, transposed
from matching.topk.fusion import check_fusion
from matching.topk.lists import BestLists, KeyArray, packed_ranks
from matching.topk.pairs import score_table
from matching.topk.rounding import magnitudes, score_error
from matching.topk.scan import RowBest, best_of_rows
from matching.topk.threads import run_threads, share_out
from matching.topk.two_sided import SPARE, TwoSidedPass
from matching.topk.warm import warm_thresholds
from matching.types import IntArray, PairProblem, RankedSide, Ranking

DEFAULT_MAX_BYTES = 512 * 2**20
BLOCK = (256, 1024)
_GATHERED_BYTES = 4 * 2**20  # a thread's candidates and their factors
_ROWS_AT_ONCE = 48  # times k pairs: gathered factors that fit in the cache


def top_k(
    problem: PairProblem,
    k: int,
    *,
    fusion: str = "harmonic",
    max_bytes: int = DEFAULT_MAX_BYTES,
    threads: int = 2,
    warm: Ranking | None = None,
    feature_version: str = "",
) -> Ranking:
    """For every left and every right community its k best counterparts by reciprocal score, exactly.

    ``problem`` has n_left × n_right pairs. A pair is suggested only if it is eligible and both coverages reach the floor; pairs of
    ``problem.exceptions`` count with their exact values. Scores are float64; equal scores are ordered by the counterpart's id. Rows with
    fewer than k such pairs are padded (id -1, NaN); empty sides give empty arrays. The result does not depend on ``threads``,
    ``max_bytes`` (bytes of working memory beside inputs and result) or ``warm`` (an earlier ranking: its pairs, scored anew, tell early
    what cannot enter a list).

    Raises ValueError for k < 1, an unknown fusion, duplicate ids, factors that are not finite, and a ``max_bytes`` too small to work in.
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
    forth = magnitudes(view.left_to_right, view.coverage_floor, owner_is_left=True)
    back = magnitudes(view.right_to_left, view.coverage_floor, owner_is_left=False)
    error = score_error(view, fusion, forth, back)
    scan = TwoSidedPass(view, k, fusion, error, threads, BLOCK)
    if warm is None:
        scan.run()
    else:
        earlier = (warm.right, warm.left) if flipped else (warm.left, warm.right)
        scan.run(
            warm_thresholds(view, scan.rows, earlier[0], k, fusion, scan.margin, threads),
            warm_thresholds(transposed(view), scan.cols, earlier[1], k, fusion, scan.margin, threads),
        )
    left = finished(view, scan.rows, scan.cols, scan.row_lists, k, fusion, error, max_bytes, threads)
    right = finished(transposed(view), scan.cols, scan.rows, scan.col_lists, k, fusion, error, max_bytes, threads)
    if flipped:
        left, right = right, left
    return Ranking(left, right, k, fusion, feature_version, len(scan.rows) * len(scan.cols))


def affordable_threads(view: PairProblem, k: int, threads: int, max_bytes: int) -> int:
    """As many of the threads as ``max_bytes`` allow. Raises ValueError, saying how much is needed, if not even one is."""
    depth = view.left_to_right.numerator_left.shape[1] + view.right_to_left.numerator_left.shape[1]
    rows, cols = len(view.left_ids), len(view.right_ids)
    held = 8 * (rows + cols) * (k + SPARE) + 2 * 4 * rows * (depth + 64)  # lists; rows arranged for direct products and for the screen
    height, width = min(BLOCK[0], rows), min(BLOCK[1], cols)
    each = 4 * (8 * height * width + 3 * width * depth) + _GATHERED_BYTES
    if held + each > max_bytes:
        raise ValueError(f"max_bytes is {max_bytes}, and {rows} x {cols} communities at k = {k} need at least {held + each}")
    return min(threads, int((max_bytes - held) // each))


def finished(
    view: PairProblem, rows: IntArray, cols: IntArray, lists: BestLists, k: int, fusion: str, error: float, max_bytes: int, threads: int
) -> RankedSide:
    """The view's left side ranked: candidates of its lists scored in float64, and rows whose lists cannot decide scanned whole."""
    side = empty_side(view, k)
    if len(rows) == 0 or len(cols) == 0:
        return side
    by_rank = cols[np.argsort(view.right_ids[cols], kind="stable")]
    draw = share_out(range(0, len(rows), _ROWS_AT_ONCE))

    def work() -> None:
        while (start := draw()) is not None:
            part = slice(start, start + _ROWS_AT_ONCE)
            _finish_rows(side, view, rows[part], lists.ordered(part), by_rank, k, fusion)

    run_threads(work, threads)
    unsure = rows[np.flatnonzero(lists.overflowed())]
    for row, found in zip(unsure, best_of_rows(view, unsure, k, fusion, error, max_bytes, threads), strict=True):
        write_row(side, int(row), found, view)
    return side


def _finish_rows(side: RankedSide, view: PairProblem, rows: IntArray, keys: KeyArray, by_rank: IntArray, k: int, fusion: str) -> None:
    """Scores the candidates of some rows (keys, best first) in float64 and writes the k best."""
    cols = by_rank.take(packed_ranks(keys), mode="clip")  # empty places name any column, and are emptied below
    values = score_table(view, rows, cols, fusion)
    empty = keys == 0
    values.score[empty] = -np.inf
    # float32 has ordered nearly all of them as float64 does; equal keys stand by id.
    following = np.flatnonzero(((values.score[:, 1:] >= values.score[:, :-1]) & ~empty[:, 1:]).any(axis=1))
    orders = [np.lexsort((view.right_ids[cols[row]], -values.score[row])) for row in following]
    empty = empty[:, :k]  # they sort last in either order
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
        chosen[empty] = padding
        target[rows] = chosen


def empty_side(view: PairProblem, k: int) -> RankedSide:
    """Lists of the view's left side with nothing in them."""
    n = len(view.left_ids)
    return RankedSide(view.left_ids.astype(np.int64), np.full((n, k), -1, dtype=np.int64), *(np.full((n, k), np.nan) for _ in range(5)))


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
