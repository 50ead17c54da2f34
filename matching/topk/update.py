"""A ranking kept exact while communities change: their rows, columns and dependent lists."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from matching.topk.admission import could_reach
from matching.topk.checks import check_changed, transposed
from matching.topk.kept import KeptLists, copied, distinct
from matching.topk.lists import positions_of, write_row
from matching.topk.pairs import COVERAGE_TOLERANCE
from matching.topk.rounding import Magnitudes, errors_of, magnitudes
from matching.topk.scan import (
    ColumnMajor,
    Float32Array,
    best_of_row,
    best_of_rows,
    row_scores,
    score_row,
    suggestible,
)
from matching.topk.threads import single_blas_thread
from matching.types import IntArray, PairProblem, Ranking

_MAX_BYTES = 256 * 2**20
_BATCH = 16  # changed rows scored together …
_FEW = (
    4  # … unless they are so few that it is cheaper to read, for each, only the dimensions it has
)


@dataclass(frozen=True, slots=True)
class ChangedLists:
    """Ids of communities whose lists an update has rewritten, sorted."""

    left: IntArray
    right: IntArray


class RankingIndex:
    """An exact ranking of both sides that follows its problem.

    After ``update`` the ranking equals what ``top_k`` would compute from the new problem. It holds
    the ranking's arrays and changes them in place: take a copy of what has to stay.
    """

    def __init__(self, problem: PairProblem, ranking: Ranking, k: int | None = None) -> None:
        """``ranking`` is that of the problem. If it was made with more than k places, those in
        reserve spare most of the passes that lists which lose an entry cost otherwise; a quarter
        more is plenty.

        Raises ValueError if the ranking is not one of this problem's communities or has fewer than
        k places.
        """
        if not (
            np.array_equal(problem.left_ids, ranking.left.ids)
            and np.array_equal(problem.right_ids, ranking.right.ids)
        ):
            raise ValueError(
                "the ranking is of other communities than the problem: rank the problem by top_k "
                "first"
            )
        self.problem, self.k, self.fusion = problem, ranking.k if k is None else k, ranking.fusion
        if not 1 <= self.k <= ranking.k:
            raise ValueError(
                f"k must lie between 1 and the {ranking.k} places of the ranking, not {self.k}"
            )
        self._ranking = ranking
        self._left = KeptLists(ranking.left, problem.right_ids, self.k)
        self._right = KeptLists(ranking.right, problem.left_ids, self.k)
        self._sizes = _magnitudes(problem)
        # Of both sides the most that any counterpart has of each part
        self._most = [np.empty(0, dtype=np.float32)] * 2
        with single_blas_thread():  # looks for BLAS, too, which the first update need not wait for
            self._columns = ColumnMajor(problem), ColumnMajor(transposed(problem))
        self._note_open(problem, transposed(problem))

    @property
    def ranking(self) -> Ranking:
        """The present ranking; its arrays change with the next update."""
        scored = int(self.problem.eligibility.left_ok.sum()) * int(
            self.problem.eligibility.right_ok.sum()
        )
        return replace(
            self._ranking,
            left=self._left.shown(),
            right=self._right.shown(),
            k=self.k,
            pairs_scored=scored,
        )

    def update(
        self,
        problem: PairProblem,
        changed_left: Iterable[int] = (),
        changed_right: Iterable[int] = (),
        *,
        threads: int = 2,
        same_columns: bool = True,
    ) -> ChangedLists:
        """Makes the ranking exact for ``problem``, which differs from the last one in the changed
        communities alone.

        A community has changed if its factors, its eligibility with anyone or an exception of its
        pairs did. Communities that are new to the problem or gone from it need not be named.
        ``same_columns`` is False where the factors' columns hold something else than in the last
        problem, though what unchanged communities think of each other is the same.

        Costs one pass over the other side for each changed community and for each list that it left
        without leaving a certain successor. Raises ValueError for a changed id that is in neither
        problem, and for factors of changed communities that are not finite.
        """
        _check_same_rules(self.problem, problem)
        left, gone_left = _settled(self.problem.left_ids, problem.left_ids, changed_left, "left")
        right, gone_right = _settled(
            self.problem.right_ids, problem.right_ids, changed_right, "right"
        )
        check_changed(problem, left, right)
        self._sizes = self._resized(problem, left, right, same_columns)
        error = errors_of(problem, self.fusion, *self._sizes).score
        # Who is gone leaves the lists of others while its position still means something.
        lost_right = self._right.side.ids[_taken_out(self._right, self.problem.left_ids, gone_left)]
        lost_left = self._left.side.ids[_taken_out(self._left, self.problem.right_ids, gone_right)]
        back = transposed(problem)
        self._realign(problem, back, left, right, same_columns)
        self.problem = problem
        forth_turn = _Turn(
            problem, back, self._columns[0], self._left, self._right, self.fusion, error, threads
        )
        rewritten_right = forth_turn.absorb(left, right, _present(problem.right_ids, lost_right))
        back_turn = _Turn(
            back, problem, self._columns[1], self._right, self._left, self.fusion, error, threads
        )
        rewritten_left = back_turn.absorb(right, left, _present(problem.left_ids, lost_left))
        return ChangedLists(
            np.sort(problem.left_ids[distinct(left, rewritten_left)]),
            np.sort(problem.right_ids[distinct(right, rewritten_right)]),
        )

    def _resized(
        self, problem: PairProblem, left: IntArray, right: IntArray, same_columns: bool
    ) -> tuple[Magnitudes, Magnitudes]:
        """How large gains can be now; of the unchanged ones still holds what held."""
        if not same_columns:
            return _magnitudes(problem)
        forth, back = self._sizes
        return (
            forth.with_changed(problem.left_to_right, left, right),
            back.with_changed(problem.right_to_left, left, right),
        )

    def _realign(
        self,
        problem: PairProblem,
        back: PairProblem,
        left: IntArray,
        right: IntArray,
        same_columns: bool,
    ) -> None:
        """Reorders what is kept for the new problem; new communities have empty lists."""
        if _same(self.problem.left_ids, problem.left_ids) and _same(
            self.problem.right_ids, problem.right_ids
        ):
            if same_columns:
                self._columns[0].renew(problem, right)
                self._columns[1].renew(back, left)
                self._note_open(problem, back, (left, right))
                return
        else:
            self._left, self._right = self._left.realigned(problem), self._right.realigned(back)
        self._columns = ColumnMajor(problem), ColumnMajor(back)
        self._note_open(problem, back)

    def _note_open(
        self,
        problem: PairProblem,
        back: PairProblem,
        changed: tuple[IntArray, IntArray] | None = None,
    ) -> None:
        """Registers whose lists somebody could enter: who knows too little to reach the coverage
        floor even with one who has all that anybody has is suggested to nobody. ``changed``: left
        and right communities that changed since the last time."""
        sides = (self._left, problem.left_to_right), (self._right, back.left_to_right)
        for at, (lists, factors) in enumerate(sides):
            rows, others = (
                (slice(None), slice(None)) if changed is None else (changed[at], changed[1 - at])
            )
            most = factors.presence_right[others].max(axis=0, initial=0.0)
            if changed is not None:
                most = np.maximum(most, self._most[at])
                rows = slice(None) if (most > self._most[at]).any() else rows
            self._most[at] = most
            rows = np.arange(len(lists.side.ids))[rows]
            weights = replace(factors, total_weight=factors.total_weight[rows])
            floor = problem.coverage_floor - COVERAGE_TOLERANCE
            open_ = could_reach(factors.presence_left[rows], most[None], weights, floor)
            lists.note_open(rows, open_)


def update(
    ranking: Ranking,
    problem: PairProblem,
    *,
    before: PairProblem,
    changed_left: Iterable[int] = (),
    changed_right: Iterable[int] = (),
) -> Ranking:
    """A new ranking for ``problem`` from one for ``before``, as ``RankingIndex.update`` makes it;
    the old one is left as it is.

    For frequent updates keep a RankingIndex, which does not rebuild its index each time.
    """
    index = RankingIndex(
        before, replace(ranking, left=copied(ranking.left), right=copied(ranking.right))
    )
    index.update(problem, changed_left, changed_right)
    return index.ranking


def _check_same_rules(before: PairProblem, now: PairProblem) -> None:
    def rules(problem: PairProblem) -> tuple[float, ...]:
        pair = problem.left_to_right, problem.right_to_left
        return problem.coverage_floor, *(
            value for factors in pair for value in (factors.slope, factors.intercept)
        )

    if rules(before) != rules(now):
        raise ValueError(
            "coverage floor, slope and intercept concern every pair: rank the new problem by top_k"
        )


def _same(before: IntArray, now: IntArray) -> bool:
    """Whether ids and order are equal; mostly they are the same array."""
    return before is now or np.array_equal(before, now)


def _settled(
    before: IntArray, now: IntArray, named: Iterable[int], side: str
) -> tuple[IntArray, IntArray]:
    """Positions in ``now`` of changed and of new communities, and ids of those that are gone."""
    changed = np.unique(np.fromiter(named, dtype=np.int64))
    if _same(before, now):
        added = gone = changed[:0]
    else:
        if len(np.unique(now)) != len(now):
            raise ValueError(f"{side}_ids must be unique")
        added, gone = np.setdiff1d(now, before), np.setdiff1d(before, now)
    unknown = (
        np.setdiff1d(changed, np.union1d(now, gone))
        if len(changed) > 8
        else np.array([i for i in changed if i not in now and i not in gone])
    )
    if len(unknown):
        raise ValueError(f"changed {side} ids {unknown[:5].tolist()} are in neither problem")
    positions = positions_of(now, np.union1d(changed, added))
    return positions[positions >= 0], gone


def _magnitudes(problem: PairProblem) -> tuple[Magnitudes, Magnitudes]:
    return magnitudes(problem.left_to_right), magnitudes(problem.right_to_left)


def _taken_out(lists: KeptLists, counterpart_ids: IntArray, gone: IntArray) -> IntArray:
    """Takes some counterparts out of all lists; returns the rows that held any of them."""
    touched: list[IntArray] = [np.empty(0, dtype=np.int64)]
    for position in positions_of(counterpart_ids, gone, lists.counterpart_order):
        rows, places = lists.holding(int(position))
        lists.place(rows, places, int(position), None, np.zeros(len(rows), dtype=np.bool_))
        touched.append(rows)
    return distinct(*touched)


def _present(ids: IntArray, wanted: IntArray) -> IntArray:
    """Positions of those of some ids that are there."""
    positions = positions_of(ids, wanted) if len(wanted) else wanted
    return positions[positions >= 0]


@dataclass(frozen=True, slots=True)
class _Turn:
    """One side's changed communities (rows of ``view``); ``others``: lists of ``back``."""

    view: PairProblem
    back: PairProblem
    columns: ColumnMajor
    own: KeptLists
    others: KeptLists
    fusion: str
    error: float
    threads: int

    def absorb(self, changed: IntArray, changed_others: IntArray, losers: IntArray) -> IntArray:
        """Ranks the changed rows again and takes them into the others' lists, out of them, or to
        another place in them.

        ``losers`` are positions on the other side whose lists lost a community that is gone.
        Returns the positions of rewritten lists.
        """
        touched = [losers]
        together = 1 if len(changed) <= _FEW else _BATCH
        # What one community changes is mostly read from memory, in which two threads are hardly
        # faster than one and use a quarter more.
        threads = 1 if len(changed) <= _FEW else self.threads
        for start in range(0, len(changed), together):
            batch = changed[start : start + together]
            for row, scores in zip(
                batch, row_scores(self.view, batch, self.fusion, threads, self.columns), strict=True
            ):
                best = best_of_row(
                    self.view, int(row), scores, self.own.width, self.fusion, self.error
                )
                write_row(self.own.side, int(row), best, self.view)
                touched.append(self._take_to_others(int(row), scores, changed_others, threads))
        self.own.note_ranked(changed)
        lists = distinct(*touched)
        lists = lists[~np.isin(lists, changed_others)] if len(changed_others) else lists
        unsure = self.others.uncertain(lists)
        best_of_unsure = best_of_rows(
            self.back, unsure, self.others.width, self.fusion, self.error, _MAX_BYTES, self.threads
        )
        for row, best in zip(unsure, best_of_unsure, strict=True):
            write_row(self.others.side, int(row), best, self.back)
        self.others.note_ranked(unsure)
        return lists

    def _take_to_others(
        self, row: int, scores: Float32Array, changed_others: IntArray, threads: int
    ) -> IntArray:
        """Places one row in others' lists; returns lists whose k best changed."""
        cols, places = self.others.concerned(row, scores, self.error)
        first, last = np.searchsorted(self.view.exceptions.rows, [row, row + 1])
        if first < last:
            special = np.setdiff1d(self.view.exceptions.cols[first:last], cols)
            cols, places = (
                np.concatenate((cols, special)),
                np.concatenate((places, np.full(len(special), self.others.width))),
            )
        if len(changed_others):  # their own lists are ranked again as a whole
            kept = np.flatnonzero(~np.isin(cols, changed_others))
            cols, places = cols[kept], places[kept]
        # Who does not hold the row and may not be suggested to it stays as it is
        allowed = suggestible(self.view, row, cols)
        kept = np.flatnonzero(allowed | (places < self.others.width))
        cols, places, allowed = cols[kept], places[kept], allowed[kept]
        values = score_row(self.view, row, cols, self.fusion)
        new = self.others.place(cols, places, row, values, allowed, threads)
        # What moves among the reserve alone shows nowhere
        return cols[np.minimum(places, new) < self.others.k]
