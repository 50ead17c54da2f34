"""Kept lists of one side: members, thresholds, and moving one counterpart in many lists."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from matching.topk.lists import empty_side, positions_of
from matching.topk.pairs import PairScores
from matching.topk.scan import taken_values
from matching.topk.threads import run_threads, share_out
from matching.types import BoolArray, IntArray, PairProblem, RankedSide

Float32Array = npt.NDArray[np.float32]

VALUES = ("scores", "outgoing", "incoming", "outgoing_coverage", "incoming_coverage")

_PLACED = 1_024  # rows whose lists are rewritten while they are in cache
_PARTS = 32  # pieces of what is known of one counterpart, before they become one


class KeptLists:
    """One side's lists, with an index that finds the few that a change concerns."""

    def __init__(self, side: RankedSide, counterpart_ids: IntArray, k: int) -> None:
        """``side`` holds at least k places; those beyond k are a reserve."""
        contiguous = {
            name: np.ascontiguousarray(getattr(side, name)) for name in ("counterpart_ids", *VALUES)
        }
        self.side, self.k = replace(side, **contiguous), k
        self.counterpart_order = np.argsort(counterpart_ids, kind="stable")
        self._counterpart_ids = counterpart_ids
        # Positions instead of ids, in as few bytes as they need: the place of a counterpart is
        # found by a scan.
        fits = len(counterpart_ids) <= np.iinfo(np.int16).max
        self._at: npt.NDArray[Any] = np.empty(
            side.counterpart_ids.shape, dtype=np.int16 if fits else np.int32
        )
        # Of each list the score and id down to which it is complete: any other id comes
        # after. -inf: it holds every id.
        self._complete_score = np.empty(len(side.ids))
        self._complete_id = np.empty(len(side.ids), dtype=np.int64)
        # The same score for comparisons; -1 for everyone, infinite for lists that nobody can enter
        self._least: Float32Array = np.empty(len(side.ids), dtype=np.float32)
        self._open = np.ones(len(side.ids), dtype=np.bool_)
        self._note_lists(np.arange(len(side.ids)))
        self._holders = _Holders(self._at, len(counterpart_ids))

    @property
    def width(self) -> int:
        """Places of a list, those in reserve included."""
        return int(self.side.scores.shape[1])

    def realigned(self, view: PairProblem) -> KeptLists:
        """The lists in another view's order; communities without one get an empty list."""
        if np.array_equal(self.side.ids, view.left_ids):
            new, origin = self.side, np.arange(len(self.side.ids))
        else:
            new, origin = empty_side(view, self.width), positions_of(self.side.ids, view.left_ids)
        known = np.flatnonzero(origin >= 0)
        if new is not self.side:
            for name in ("counterpart_ids", *VALUES):
                getattr(new, name)[known] = getattr(self.side, name)[origin[known]]
        lists = KeptLists(new, view.right_ids, self.k)
        lists._complete_score[known], lists._complete_id[known] = (
            self._complete_score[origin[known]],
            self._complete_id[origin[known]],
        )
        lists._note_bounds(known)
        return lists

    def shown(self) -> RankedSide:
        """The k best of every list."""
        return replace(
            self.side,
            **{
                name: getattr(self.side, name)[:, : self.k] for name in ("counterpart_ids", *VALUES)
            },
        )

    def note_ranked(self, rows: IntArray) -> None:
        """Registers lists that were ranked again: complete down to their last place."""
        self._note_lists(rows)
        for row in rows.tolist():
            for position in self._at[row][self._at[row] >= 0].tolist():
                self._holders.add(position, np.array([row]))

    def _note_lists(self, rows: IntArray) -> None:
        ids = self.side.counterpart_ids[rows]
        full = ids[:, -1] >= 0
        self._complete_score[rows] = np.where(full, self.side.scores[rows, -1], -np.inf)
        self._complete_id[rows] = ids[:, -1]
        self._at[rows] = positions_of(self._counterpart_ids, ids, self.counterpart_order)
        self._note_bounds(rows)

    def note_open(self, rows: IntArray, open_: BoolArray) -> None:
        """Registers which lists somebody could enter by score and coverage."""
        self._open[rows] = open_
        self._note_bounds(rows)

    def _note_bounds(self, rows: IntArray) -> None:
        least = np.maximum(self._complete_score[rows], -1.0)
        self._least[rows] = np.where(self._open[rows], least, np.inf)

    def holding(self, position: int) -> tuple[IntArray, IntArray]:
        """Rows (ascending) whose lists hold the counterpart at a position, and its place."""
        rows = self._holders.possible(position)
        at, places = np.nonzero(self._at[rows] == position)
        self._holders.put(position, rows[at])
        return rows[at], places

    def concerned(
        self, position: int, scores: Float32Array, error: float
    ) -> tuple[IntArray, IntArray]:
        """Rows (ascending) whose lists hold the counterpart at a position, or may have to
        take it by its scores, which lie within ``error`` of the truth; and its place in each,
        ``width`` where it has none. A score of -1 enters nowhere."""
        holding, standing = self.holding(position)
        # 1e-7: _least is rounded
        concerned = (scores >= self._least - np.float32(error + 1e-7)) & (scores >= 0)
        concerned[holding] = True
        rows = np.flatnonzero(concerned)
        places = np.full(len(rows), self.width)
        places[np.searchsorted(rows, holding)] = standing
        return rows, places

    def place(
        self,
        rows: IntArray,
        places: IntArray,
        position: int,
        values: PairScores | None,
        allowed: BoolArray,
        threads: int = 1,
    ) -> IntArray:
        """Brings one counterpart to the place that its values (seen from the counterpart) give it
        in each of some lists, or out of them.

        ``places`` are its present ones, ``width`` for lists that do not hold it; ``allowed`` says
        in which of them it may be at all (without values: in none). What comes after the place
        down to which a list is complete is not kept: someone who was never listed may come before
        it. Returns its new places.
        """
        starts = range(0, len(rows), _PLACED)
        draw, new = share_out(starts), np.empty(len(rows), dtype=np.int64)

        def work() -> None:
            while (start := draw()) is not None:
                part = slice(start, start + _PLACED)
                theirs = None if values is None else taken_values(values, part)
                new[part] = self._place(rows[part], places[part], position, theirs, allowed[part])

        run_threads(work, min(threads, len(starts)) or 1)
        self._holders.add(position, rows[(new < self.width) & (places == self.width)])
        return new

    def _place(
        self,
        rows: IntArray,
        places: IntArray,
        position: int,
        values: PairScores | None,
        allowed: BoolArray,
    ) -> IntArray:
        identifier = int(self._counterpart_ids[position])
        new = np.full(len(rows), self.width)
        at = np.flatnonzero(allowed)
        if values is not None and len(at):
            new[at] = self._places_for(rows[at], places[at], values.score[at], identifier)
        self._shift(rows, places, new)
        at = np.flatnonzero(new < self.width)
        if values is not None and len(at):
            target = rows[at] * self.width + new[at]
            self.side.counterpart_ids.reshape(-1)[target], self._at.reshape(-1)[target] = (
                identifier,
                position,
            )
            for name, source in zip(VALUES, _seen_from_the_other_side(values), strict=True):
                getattr(self.side, name).reshape(-1)[target] = source[at]
        self._tighten(rows)
        return new

    def _places_for(
        self, rows: IntArray, places: IntArray, scores: npt.NDArray[np.float64], identifier: int
    ) -> IntArray:
        """The place of a score in each list, without the counterpart's present place."""
        listed = self.side.scores[rows]
        before = listed > scores[:, None]
        equal = listed == scores[:, None]
        tied = np.flatnonzero(equal.any(axis=1))
        before[tied] |= equal[tied] & (self.side.counterpart_ids[rows[tied]] < identifier)
        standing = np.flatnonzero(places < self.width)
        before[standing, places[standing]] = False
        new = np.asarray(np.count_nonzero(before, axis=1), dtype=np.int64)
        last_score, last_id = self._complete_score[rows], self._complete_id[rows]
        new[(scores < last_score) | ((scores == last_score) & (identifier > last_id))] = self.width
        return new

    def _shift(self, rows: IntArray, old: IntArray, new: IntArray) -> None:
        """Opens the new places and closes the old ones; entries between move by one."""
        last = self.width - 1
        up = new < old
        start = np.where(up, new, old + 1)
        count = np.where(up, np.minimum(old, last) - new, np.minimum(new, last) - old)
        at = np.flatnonzero((count > 0) & (new != old))
        count, step = count[at], np.where(up[at], 1, -1)
        source = np.repeat(
            rows[at] * self.width + start[at] - np.cumsum(count) + count, count
        ) + np.arange(count.sum())
        target = source + np.repeat(step, count)
        emptied = rows[(new > last) & (old <= last)] * self.width + last
        for table, empty in (
            (self.side.counterpart_ids, -1),
            (self._at, -1),
            *((getattr(self.side, name), np.nan) for name in VALUES),
        ):
            flat = table.reshape(-1)
            flat[target] = flat[source]
            flat[emptied] = empty

    def _tighten(self, rows: IntArray) -> None:
        """A full list is complete down to its last entry."""
        ids = self.side.counterpart_ids[rows, -1]
        full = np.flatnonzero(ids >= 0)
        self._complete_score[rows[full]], self._complete_id[rows[full]] = (
            self.side.scores[rows[full], -1],
            ids[full],
        )
        self._note_bounds(rows)

    def uncertain(self, rows: IntArray) -> IntArray:
        """Rows whose lists lost so many entries that their k best are no longer known."""
        return np.asarray(
            rows[
                (self.side.counterpart_ids[rows, self.k - 1] < 0)
                & np.isfinite(self._complete_score[rows])
            ]
        )


class _Holders:
    """For each counterpart the rows whose lists may hold it: all that do, and some that it has left
    since."""

    def __init__(self, at: npt.NDArray[Any], counterparts: int) -> None:
        """``at`` (n, width): positions of the counterparts in each row's list, -1 for none."""
        order = np.argsort(at, axis=None, kind="stable")
        self._rows = (order // at.shape[1]).astype(np.int32)
        self._starts = np.searchsorted(at.reshape(-1)[order], np.arange(counterparts + 1))
        self._since: dict[int, list[IntArray]] = {}  # what stands in place of these

    def possible(self, position: int) -> IntArray:
        """Rows, ascending."""
        return distinct(*self._parts(position))

    def put(self, position: int, rows: IntArray) -> None:
        """These rows, ascending, hold it, and no others."""
        self._since[position] = [rows]

    def add(self, position: int, rows: IntArray) -> None:
        """These rows may hold it, too."""
        parts = [*self._parts(position), rows]
        self._since[position] = parts if len(parts) <= _PARTS else [distinct(*parts)]

    def _parts(self, position: int) -> list[IntArray]:
        if position in self._since:
            return self._since[position]
        start, stop = self._starts[position : position + 2]
        return [self._rows[start:stop].astype(np.int64)]


def _seen_from_the_other_side(values: PairScores) -> tuple[npt.NDArray[np.float64], ...]:
    return (
        values.score,
        values.incoming,
        values.outgoing,
        values.incoming_coverage,
        values.outgoing_coverage,
    )


def distinct(*positions: IntArray) -> IntArray:
    """Unique positions, ascending; faster than numpy's on nearly sorted input."""
    together = np.sort(np.concatenate(positions), kind="stable")
    return (
        together[np.concatenate(([True], together[1:] != together[:-1]))]
        if len(together)
        else together
    )


def copied(side: RankedSide) -> RankedSide:
    """The same lists in arrays of their own."""
    return replace(
        side,
        counterpart_ids=side.counterpart_ids.copy(),
        **{name: getattr(side, name).copy() for name in VALUES},
    )
