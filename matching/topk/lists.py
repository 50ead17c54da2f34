"""The lists of one side: best candidates, the arrays they become, reuse of an earlier ranking."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matching.topk.pairs import PairScores, SparseRows, score_table
from matching.topk.rounding import Errors, least_logits
from matching.topk.scan import RowBest, eligible
from matching.types import BoolArray, IntArray, PairProblem, RankedSide

KeyArray = npt.NDArray[np.uint64]
Float32Array = npt.NDArray[np.float32]

_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
NOTHING_YET = np.float32(-1)  # the threshold of a list that is not full: every score beats it


def pack(scores: Float32Array, ranks: npt.NDArray[np.uint32]) -> KeyArray:
    """Keys from scores ≥ 0 (their bits sort alike) and id ranks (smaller first). None is 0."""
    return (scores.view(np.uint32).astype(np.uint64) << _HALF) | (_LOW - ranks)


def packed_scores(keys: KeyArray) -> Float32Array:
    """The scores within keys; 0 for empty places."""
    return (keys >> _HALF).astype(np.uint32).view(np.float32)


def packed_ranks(keys: KeyArray) -> IntArray:
    """The id ranks within keys."""
    return (_LOW - (keys & _LOW)).astype(np.int64)


class BestLists:
    """For each of n rows its ``k + spare`` best keys so far, in no order, and the score that a
    newcomer has to beat.

    The threshold lies ``margin`` below the k-th best score: what does not beat it cannot be among
    the k best, even if both scores were computed with an error of half the margin. The spare places
    hold what lies within that margin. ``limits`` are what the logits of a newcomer have to reach.
    """

    def __init__(self, n: int, k: int, spare: int, fusion: str, errors: Errors) -> None:
        self.keys: KeyArray = np.zeros((n, k + spare), dtype=np.uint64)
        self.thresholds: Float32Array = np.full(n, NOTHING_YET)
        self.limits: Float32Array = np.full(n, np.float32(-np.inf))
        self.k, self.spare = k, spare
        self.fusion, self.errors, self.margin = fusion, errors, 2 * errors.score

    def raise_thresholds(self, thresholds: Float32Array) -> None:
        """Takes known lower bounds of the final k-th best scores, margin already subtracted."""
        self._raise(np.arange(len(thresholds)), thresholds)

    def _raise(self, rows: IntArray, thresholds: Float32Array) -> None:
        raised = np.maximum(self.thresholds[rows], thresholds)
        self.thresholds[rows] = raised
        self.limits[rows] = least_logits(raised, self.fusion, self.errors.logits)

    def merge(self, at: IntArray, keys: KeyArray, offset: int = 0) -> None:
        """Puts candidates (row ``offset + at``, key) into their lists, each pair once."""
        if len(at) == 0:
            return
        order = np.argsort(at.astype(np.uint16) if at.max() < 2**16 else at, kind="stable")
        at, keys = at[order], keys[order]
        first = np.flatnonzero(np.concatenate(([True], at[1:] != at[:-1])))
        counts = np.diff(np.append(first, len(at)))
        rows = at[first] + offset
        width = self.keys.shape[1]
        best = self.keys[rows]
        # A few at a time, so that one long list does not widen the table of all others.
        for start in range(0, int(counts.max()), 2 * width):
            touched = np.flatnonzero(counts > start)
            now = np.minimum(counts[touched] - start, 2 * width)
            added = int(now.max())
            table = np.zeros((len(touched), width + added), dtype=np.uint64)
            table[:, :width] = best[touched]
            # Runs of sorted candidates go to the beginnings of rows: one offset a row, and places
            # counted on.
            ends = np.cumsum(now)
            step = np.repeat(np.arange(len(touched)) * (width + added) + width - (ends - now), now)
            places = np.arange(int(ends[-1])) + step
            taken = (
                keys
                if start == 0 and added == counts.max()
                else keys[places - step + np.repeat(first[touched] + start - (ends - now), now)]
            )
            table.reshape(-1)[places] = taken
            table.partition(added, axis=1)
            best[touched] = table[:, added:]
        best.partition(self.spare, axis=1)  # the k-th best comes to stand at `spare`
        self.keys[rows] = best
        worst = best[:, self.spare]
        known = np.where(worst > 0, packed_scores(worst) - np.float32(self.margin), NOTHING_YET)
        self._raise(rows, known)

    def ordered(self, part: slice) -> tuple[KeyArray, npt.NDArray[np.bool_]]:
        """Keys of some rows, best first, without those that cannot be among the k best (0 in their
        places), and as few columns as do.

        Of each row also whether it overflowed: more candidates lay within the margin than there are
        spare places, so that one may have been lost.
        """
        keys = np.sort(self.keys[part], axis=1)[:, ::-1]
        k = keys.shape[1] - self.spare
        least = packed_scores(keys[:, k - 1 :]) >= packed_scores(keys[:, k - 1 : k]) - np.float32(
            self.margin
        )
        near = (keys[:, k - 1 :] > 0) & least
        keys[:, k:][~near[:, 1:]] = 0
        return keys[:, : k + int(near[:, 1:].any(axis=0).sum())], near[:, -1]


def write_best(
    side: RankedSide,
    view: PairProblem,
    rows: IntArray,
    cols: IntArray,
    listed: BoolArray,
    values: PairScores,
) -> None:
    """Puts the best of (r, c) nearly sorted candidates into rows' lists; overwrites them."""
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


ROWS_AT_ONCE = 1_024  # enough to keep numpy busy, and little memory
_DENSE = 16  # how many times more ids than there are communities may be looked up in a table


def positions_of(ids: IntArray, wanted: IntArray, order: IntArray | None = None) -> IntArray:
    """Position in ``ids`` of each wanted id (any shape), or -1. ``order`` sorts ``ids``."""
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
            # The last one for whatever lies beyond
            self._table = np.full(int(ids.max()) + 2, -1, dtype=np.int32)
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
    sparse: SparseRows, rows: IntArray, earlier: RankedSide, lists: BestLists
) -> tuple[RankedSide, Float32Array]:
    """The view's left side with the best of the earlier pairs that still count, exactly scored, and
    of each row (rows,) a lower bound of the k-th best score less the lists' margin, -1 where there
    are fewer than k such pairs.

    ``earlier`` ranked the view's left side; its communities and their order may have changed since.
    """
    view, k = sparse.view, lists.k
    side, thresholds = empty_side(view, k), np.full(len(rows), NOTHING_YET)
    if earlier.counterpart_ids.shape[1] < k or len(earlier.ids) == 0 or len(view.right_ids) == 0:
        return side, thresholds
    listed_at = positions_of(earlier.ids, view.left_ids[rows])
    positions = Positions(view.right_ids)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        listed = earlier.counterpart_ids[listed_at[part]]
        cols = positions.of(listed)
        missing = (cols < 0) | (listed_at[part] < 0)[:, None]
        cols[missing] = 0
        values = score_table(rows[part], cols, lists.fusion, sparse)
        allowed = ~missing & values.suggestible(view.coverage_floor)
        all_rows = np.broadcast_to(rows[part][:, None], cols.shape)
        allowed[allowed] = eligible(view, all_rows[allowed], cols[allowed])
        write_best(side, view, rows[part], cols, allowed, values)
        worst = side.scores[rows[part], -1]
        # One step down covers the rounding to float32.
        lowered = np.nextafter((worst - lists.margin).astype(np.float32), np.float32(-np.inf))
        thresholds[part] = np.where(np.isfinite(worst), lowered, NOTHING_YET)
    return side, thresholds
