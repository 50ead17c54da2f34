"""The exact k best of every community of both sides."""

from __future__ import annotations

import numpy as np

from matching.topk.checks import check_problem, transposed
from matching.topk.fusion import check_fusion
from matching.topk.rounding import magnitudes, score_error
from matching.topk.scan import RowBest, best_of_rows
from matching.types import PairProblem, RankedSide, Ranking

DEFAULT_MAX_BYTES = 256 * 2**20


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
    ``max_bytes`` (bytes of working memory beside inputs and result) or ``warm`` (an earlier ranking: its pairs, scored anew, tell early what
    cannot enter a list).

    Raises ValueError for k < 1, an unknown fusion, duplicate ids, factors that are not finite, and a ``max_bytes`` too small to work in.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    if threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    check_fusion(fusion)
    check_problem(problem)
    forth = magnitudes(problem.left_to_right, problem.coverage_floor, owner_is_left=True)
    back = magnitudes(problem.right_to_left, problem.coverage_floor, owner_is_left=False)
    error = score_error(problem, fusion, forth, back)
    sides = []
    for view in (problem, transposed(problem)):
        rows = np.flatnonzero(view.eligibility.left_ok)
        best = best_of_rows(view, rows, k, fusion, error, max_bytes, threads)
        side = empty_side(view, k)
        for row, found in zip(rows, best, strict=True):
            write_row(side, int(row), found, view)
        sides.append(side)
    scored = int(problem.eligibility.left_ok.sum()) * int(problem.eligibility.right_ok.sum())
    return Ranking(sides[0], sides[1], k, fusion, feature_version, scored)


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
