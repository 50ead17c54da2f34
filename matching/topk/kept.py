"""Kept lists of one side: who stands where, who may enter, and how newcomers take their places."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from matching.topk.pairs import PairScores
from matching.topk.ranking import empty_side
from matching.topk.warm import positions_of
from matching.types import IntArray, PairProblem, RankedSide

Float32Array = npt.NDArray[np.float32]

VALUES = ("scores", "outgoing", "incoming", "outgoing_coverage", "incoming_coverage")


@dataclass(frozen=True, slots=True)
class Newcomers:
    """Candidates (c,) for some lists: place of the list among the rewritten, counterpart's id, values seen from the counterpart."""

    place: IntArray
    ids: IntArray
    values: PairScores


class KeptLists:
    """One side's lists, and what finds the few of them that a change concerns without looking at each."""

    def __init__(self, side: RankedSide, counterpart_ids: IntArray) -> None:
        self.side = side
        self.k = side.scores.shape[1]
        self._counterpart_ids = counterpart_ids
        self._order = np.argsort(counterpart_ids, kind="stable")
        # Positions instead of ids, in half the bytes: who stands where is looked up by reading through them all.
        self._at = np.empty(side.counterpart_ids.shape, dtype=np.int32)
        self.worst: Float32Array = np.empty(len(side.ids), dtype=np.float32)  # what a newcomer has to reach; -1 where a list is not full
        self.note(np.arange(len(side.ids)))

    def note(self, rows: IntArray) -> None:
        """Takes notice of lists written anew."""
        self._at[rows] = positions_of(self._counterpart_ids, self.side.counterpart_ids[rows], self._order)
        self.worst[rows] = np.nan_to_num(self.side.scores[rows, -1], nan=-1.0)

    def holding(self, position: int) -> IntArray:
        """Rows in whose lists the counterpart at a position stands."""
        return np.flatnonzero((self._at == np.int32(position)).ravel()) // self.k

    def ids_holding(self, counterpart_ids: IntArray) -> IntArray:
        """Ids of the communities in whose lists any of some counterparts stands."""
        positions = positions_of(self._counterpart_ids, counterpart_ids, self._order)
        rows = [self.holding(int(position)) for position in positions]
        return np.asarray(self.side.ids[np.unique(np.concatenate(rows))] if rows else counterpart_ids[:0])

    def rewrite(self, rows: IntArray, dropped_ids: IntArray, newcomers: Newcomers) -> IntArray:
        """Drops some counterparts from the lists of ``rows`` (sorted) and puts newcomers in. Returns the rows whose list is then uncertain.

        A full list held everyone better than its last entry. So it is certain as long as its new last entry is no worse than the old one;
        otherwise someone who was never listed may come before it. A list that was not full held everyone.
        """
        side, k = self.side, self.k
        old_ids, old_scores = side.counterpart_ids[rows], side.scores[rows]
        full = old_ids[:, -1] >= 0
        bar_score, bar_id = old_scores[:, -1].copy(), old_ids[:, -1].copy()
        order = np.argsort(newcomers.place, kind="stable")
        place = newcomers.place[order]
        offset = np.arange(len(place)) - np.searchsorted(place, place)
        width = k + (int(offset.max()) + 1 if len(place) else 0)
        ids = np.full((len(rows), width), -1, dtype=np.int64)
        ids[:, :k] = np.where(np.isin(old_ids, dropped_ids), -1, old_ids)
        ids[place, k + offset] = newcomers.ids[order]
        tables = {}
        for name, source in zip(VALUES, _seen_from_the_other_side(newcomers.values), strict=True):
            table = np.full((len(rows), width), np.nan)
            table[:, :k] = getattr(side, name)[rows]
            table[place, k + offset] = source[order]
            tables[name] = table
        rank = np.where(ids >= 0, -tables["scores"], np.inf)
        best = np.lexsort((ids, rank), axis=1)[:, :k]
        chosen = np.take_along_axis(ids, best, axis=1)
        side.counterpart_ids[rows] = chosen
        for name, table in tables.items():
            getattr(side, name)[rows] = np.where(chosen >= 0, np.take_along_axis(table, best, axis=1), np.nan)
        last = np.take_along_axis(rank, best[:, -1:], axis=1)[:, 0]
        worse = (-last < bar_score) | ((-last == bar_score) & (chosen[:, -1] > bar_id))
        return np.asarray(rows[full & worse])


def _seen_from_the_other_side(values: PairScores) -> tuple[npt.NDArray[np.float64], ...]:
    return values.score, values.incoming, values.outgoing, values.incoming_coverage, values.outgoing_coverage


def copied(side: RankedSide) -> RankedSide:
    """The same lists in arrays of their own."""
    return replace(side, counterpart_ids=side.counterpart_ids.copy(), **{name: getattr(side, name).copy() for name in VALUES})


def reordered(side: RankedSide, view: PairProblem, k: int) -> RankedSide:
    """The lists in the order of the view's left side; communities that had none get empty ones."""
    new, origin = empty_side(view, k), positions_of(side.ids, view.left_ids)
    known = np.flatnonzero(origin >= 0)
    for name in ("counterpart_ids", *VALUES):
        getattr(new, name)[known] = getattr(side, name)[origin[known]]
    return new
