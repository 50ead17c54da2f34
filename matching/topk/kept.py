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

    def __init__(self, side: RankedSide, counterpart_ids: IntArray, k: int) -> None:
        """``side`` holds at least k places; those beyond k are in reserve for lists that lose an entry."""
        self.side, self.k = side, k
        self._counterpart_ids = counterpart_ids
        self._order = np.argsort(counterpart_ids, kind="stable")
        # Positions instead of ids, in half the bytes: who stands where is looked up by reading through them all.
        self._at = np.empty(side.counterpart_ids.shape, dtype=np.int32)
        # Of each list the score and id down to which it is complete: whoever is not in it comes after. -inf: it holds everyone.
        self._complete_score = np.empty(len(side.ids))
        self._complete_id = np.empty(len(side.ids), dtype=np.int64)
        self.least: Float32Array = np.empty(len(side.ids), dtype=np.float32)  # the same score for comparisons; -1 for everyone
        self.note_ranked(np.arange(len(side.ids)))

    @property
    def width(self) -> int:
        """Places of a list, those in reserve included."""
        return int(self.side.scores.shape[1])

    def realigned(self, view: PairProblem) -> KeptLists:
        """The same lists for a view whose communities are in another order; those that had no list get an empty one, to be ranked."""
        if np.array_equal(self.side.ids, view.left_ids):
            new, origin = self.side, np.arange(len(self.side.ids))
        else:
            new, origin = empty_side(view, self.width), positions_of(self.side.ids, view.left_ids)
        known = np.flatnonzero(origin >= 0)
        if new is not self.side:
            for name in ("counterpart_ids", *VALUES):
                getattr(new, name)[known] = getattr(self.side, name)[origin[known]]
        lists = KeptLists(new, view.right_ids, self.k)
        lists._complete_score[known], lists._complete_id[known] = self._complete_score[origin[known]], self._complete_id[origin[known]]
        lists._note(known)
        return lists

    def shown(self) -> RankedSide:
        """The k best of every list."""
        return replace(self.side, **{name: getattr(self.side, name)[:, : self.k] for name in ("counterpart_ids", *VALUES)})

    def note_ranked(self, rows: IntArray) -> None:
        """Takes notice of lists that were ranked anew as a whole: complete down to their last place."""
        full = self.side.counterpart_ids[rows, -1] >= 0
        self._complete_score[rows] = np.where(full, self.side.scores[rows, -1], -np.inf)
        self._complete_id[rows] = self.side.counterpart_ids[rows, -1]
        self._note(rows)

    def _note(self, rows: IntArray) -> None:
        self._at[rows] = positions_of(self._counterpart_ids, self.side.counterpart_ids[rows], self._order)
        self.least[rows] = np.maximum(self._complete_score[rows], -1.0)

    def holding(self, position: int) -> IntArray:
        """Rows in whose lists the counterpart at a position stands."""
        found: IntArray = np.flatnonzero((self._at == np.int32(position)).ravel()) // self.width
        return found

    def ids_holding(self, counterpart_ids: IntArray) -> IntArray:
        """Ids of the communities in whose lists any of some counterparts stands."""
        positions = positions_of(self._counterpart_ids, counterpart_ids, self._order)
        rows = [self.holding(int(position)) for position in positions]
        return np.asarray(self.side.ids[np.unique(np.concatenate(rows))] if rows else counterpart_ids[:0])

    def rewrite(self, rows: IntArray, dropped_ids: IntArray, newcomers: Newcomers) -> IntArray:
        """Drops some counterparts from the lists of ``rows`` (sorted) and puts newcomers in. Returns the rows whose list is then uncertain.

        What comes after the place down to which a list is complete is not kept: someone who was never listed may come before it.
        """
        side, width = self.side, self.width
        order = np.argsort(newcomers.place, kind="stable")
        place = newcomers.place[order]
        offset = np.arange(len(place)) - np.searchsorted(place, place)
        wide = width + (int(offset.max()) + 1 if len(place) else 0)
        old_ids = side.counterpart_ids[rows]
        ids = np.full((len(rows), wide), -1, dtype=np.int64)
        ids[:, :width] = np.where(np.isin(old_ids, dropped_ids), -1, old_ids)
        ids[place, width + offset] = newcomers.ids[order]
        tables = {}
        for name, source in zip(VALUES, _seen_from_the_other_side(newcomers.values), strict=True):
            table = np.full((len(rows), wide), np.nan)
            table[:, :width] = getattr(side, name)[rows]
            table[place, width + offset] = source[order]
            tables[name] = table
        last_score, last_id = self._complete_score[rows, None], self._complete_id[rows, None]
        with np.errstate(invalid="ignore"):
            after = (tables["scores"] < last_score) | ((tables["scores"] == last_score) & (ids > last_id))
        ids[after] = -1
        rank = np.where(ids >= 0, -tables["scores"], np.inf)
        best = np.lexsort((ids, rank), axis=1)[:, :width]
        chosen = np.take_along_axis(ids, best, axis=1)
        side.counterpart_ids[rows] = chosen
        for name, table in tables.items():
            getattr(side, name)[rows] = np.where(chosen >= 0, np.take_along_axis(table, best, axis=1), np.nan)
        full = rows[chosen[:, -1] >= 0]
        self._complete_score[full], self._complete_id[full] = side.scores[full, -1], side.counterpart_ids[full, -1]
        self._note(rows)
        return np.asarray(rows[(chosen[:, self.k - 1] < 0) & np.isfinite(self._complete_score[rows])])


def _seen_from_the_other_side(values: PairScores) -> tuple[npt.NDArray[np.float64], ...]:
    return values.score, values.incoming, values.outgoing, values.incoming_coverage, values.outgoing_coverage


def copied(side: RankedSide) -> RankedSide:
    """The same lists in arrays of their own."""
    return replace(side, counterpart_ids=side.counterpart_ids.copy(), **{name: getattr(side, name).copy() for name in VALUES})
