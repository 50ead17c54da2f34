"""The sparse graph that an allocation works on, every pair in a list of either side; and from
expected matches to whole suggestions: which pairs both sides see, within their limits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching.types import BoolArray, IntArray, RankedSide, Ranking

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs (c,) by row and column of the two sides, ordered by row, then column, each once.

    Raises ValueError for arrays of unequal length, rows or columns outside of the sides, a pair
    that occurs twice, or preferences that are not numbers from 0 to 1.
    """

    left_ids: IntArray  # (n_left,)
    right_ids: IntArray  # (n_right,)
    rows: IntArray
    cols: IntArray
    left_preference: Float64Array  # of the left side for the right
    right_preference: Float64Array
    scores: Float64Array  # reciprocal

    def __post_init__(self) -> None:
        columns = (self.rows, self.cols, self.left_preference, self.right_preference, self.scores)
        if len({len(column) for column in columns}) != 1:
            raise ValueError(
                "rows, columns, preferences and scores of candidates must be equally long"
            )
        for name, index, size in (
            ("row", self.rows, len(self.left_ids)),
            ("column", self.cols, len(self.right_ids)),
        ):
            if len(index) and not (index.min() >= 0 and index.max() < size):
                raise ValueError(f"a candidate's {name} is not one of the {size} of its side")
        keys = self.rows * max(len(self.right_ids), 1) + self.cols
        if (np.diff(keys) <= 0).any():
            raise ValueError(
                "candidates must be ordered by row and column, and no pair may stand twice"
            )
        for preference in (self.left_preference, self.right_preference):
            if not ((preference >= 0) & (preference <= 1)).all():
                raise ValueError(
                    "preferences of candidates must be numbers from 0 to 1, without NaN"
                )

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, ranking: Ranking) -> Candidates:
        """The union of both sides' lists."""
        left_ids, right_ids = np.asarray(ranking.left.ids), np.asarray(ranking.right.ids)
        rows, theirs, from_left = _listed(ranking.left, right_ids)
        cols, mine, from_right = _listed(ranking.right, left_ids)
        width = max(len(right_ids), 1)
        keys, first = np.unique(
            np.concatenate([rows * width + theirs, mine * width + cols]), return_index=True
        )
        outgoing, incoming, scores = (
            np.concatenate(pair)[first]
            for pair in zip(from_left, from_right[[1, 0, 2]], strict=True)
        )
        return cls(left_ids, right_ids, *np.divmod(keys, width), outgoing, incoming, scores)

    def where(self, kept: BoolArray) -> Candidates:
        """The same sides with only some of the pairs; ``kept`` is (c,) bool."""
        preferences = self.left_preference[kept], self.right_preference[kept]
        return Candidates(
            self.left_ids,
            self.right_ids,
            self.rows[kept],
            self.cols[kept],
            *preferences,
            self.scores[kept],
        )


def _listed(
    side: RankedSide, other_ids: IntArray
) -> tuple[IntArray, IntArray, npt.NDArray[np.float64]]:
    """Row of the owner, row of the counterpart, and (3, c): outgoing, incoming, score."""
    owners, places = np.nonzero(side.counterpart_ids >= 0)
    order = np.argsort(other_ids, kind="stable")
    ids = side.counterpart_ids[owners, places]
    at = (
        order[np.minimum(np.searchsorted(other_ids, ids, sorter=order), max(len(order) - 1, 0))]
        if len(order)
        else ids
    )
    if len(ids) and (len(order) == 0 or (other_ids[at] != ids).any()):
        raise ValueError("a list names a counterpart that the other side does not have")
    values = np.stack(
        [values[owners, places] for values in (side.outgoing, side.incoming, side.scores)]
    )
    return owners.astype(np.int64), at.astype(np.int64), values


Rooms = tuple[list[int], list[int]]  # of left and right: how many more pairs each may have
Limits = tuple[Sequence[int], Sequence[int]]


def choose_pairs(
    candidates: Candidates,
    mass: npt.NDArray[np.float64],
    left_limit: IntArray,
    right_limit: IntArray,
    *,
    shown: BoolArray | None = None,
    fixed: BoolArray | None = None,
    left_closed: BoolArray | None = None,
    right_closed: BoolArray | None = None,
    keep: float = 1.0,
    floor: bool = True,
    most: int | None = None,
) -> BoolArray:
    """(c,) bool: the pairs to show, largest μ first, at most ``limit`` for each community, both
    sides alike.

    ``shown`` pairs stand already and count as ``keep`` times their μ, so that suggestions do not
    come and go with every small change; ``fixed`` ones stay whatever comes and use up room. With
    ``floor`` a community that is left with nothing, though its limit is not 0, gets one candidate
    all the same: in the place of a weaker pair of somebody who has others; where there is none,
    beyond the other's limit, yet never beyond ``most`` pairs. One whose limit is 0 never gets one.
    Ties go by score, then ids. Choosing again with the result as ``shown`` gives the same, unless
    the floor had to act.

    ``left_closed`` and ``right_closed`` are fixed pairs that one side has closed and the other may
    not know of. First everybody is served as if nothing were closed, then who closed a pair gets
    others for it, out of the room that is left: so nobody else's share depends on it.

    Raises ValueError for arrays whose length does not fit, for closed pairs that are not fixed, and
    for a ``keep`` below 1.
    """
    none = np.zeros(len(candidates), dtype=np.bool_)
    fixed = none if fixed is None else fixed
    closed = [none if side is None else side for side in (left_closed, right_closed)]
    for name, values, size in (
        ("mass", mass, len(candidates)),
        ("left_limit", left_limit, len(candidates.left_ids)),
        ("right_limit", right_limit, len(candidates.right_ids)),
        ("shown", shown, len(candidates)),
        ("fixed", fixed, len(candidates)),
        ("left_closed", closed[0], len(candidates)),
        ("right_closed", closed[1], len(candidates)),
    ):
        if values is not None and len(values) != size:
            raise ValueError(f"{name} has {len(values)} values where {size} are needed")
    if not keep >= 1:
        raise ValueError(f"keep must be at least 1, not {keep}")
    if ((closed[0] | closed[1]) & ~fixed).any():
        raise ValueError("only fixed pairs can be closed by a side")
    weight = mass if shown is None else np.where(shown, mass * keep, mass)
    order = np.lexsort(
        (
            candidates.right_ids[candidates.cols],
            candidates.left_ids[candidates.rows],
            -candidates.scores,
            -weight,
        )
    )
    open_to_all = (np.asarray(left_limit) > 0)[candidates.rows] & (np.asarray(right_limit) > 0)[
        candidates.cols
    ]
    floor_order = order[open_to_all[order]] if floor else order[:0]
    chosen = fixed.copy()
    limits: Limits = np.asarray(left_limit).tolist(), np.asarray(right_limit).tolist()
    rooms: Rooms = (
        _left_over(limits[0], candidates.rows[chosen]),
        _left_over(limits[1], candidates.cols[chosen]),
    )
    _fill(chosen, order, candidates, rooms)
    _Floor(chosen, candidates, rooms, limits, most=most, fixed=fixed).give(
        floor_order, (none, none)
    )
    if closed[0].any() or closed[1].any():
        for room, at, gone in zip(rooms, (candidates.rows, candidates.cols), closed, strict=True):
            for place in at[gone].tolist():
                room[place] += 1
        _fill(chosen, order, candidates, rooms)
        # Nobody else's pair gives way to who has closed one
        _Floor(chosen, candidates, rooms, limits, most=most, fixed=None).give(
            floor_order, (closed[0], closed[1])
        )
    return chosen


def _left_over(limit: Sequence[int], taken: IntArray) -> list[int]:
    room: list[int] = (np.asarray(limit) - np.bincount(taken, minlength=len(limit))).tolist()
    return room


def _fill(chosen: BoolArray, order: IntArray, candidates: Candidates, rooms: Rooms) -> None:
    left_room, right_room = rooms
    rows, cols = candidates.rows[order].tolist(), candidates.cols[order].tolist()
    for at, row, col in zip(order.tolist(), rows, cols, strict=True):
        if left_room[row] > 0 and right_room[col] > 0 and not chosen[at]:
            chosen[at] = True
            left_room[row] -= 1
            right_room[col] -= 1


class _Floor:
    """Gives each community that is left with nothing one candidate all the same: where the other
    has room; else in the place of the other's weakest pair whose community has more; else beyond
    the other's limit, where it is exceeded least, up to ``most``.

    ``fixed`` pairs give way to nobody; with None no pair does.
    """

    def __init__(
        self,
        chosen: BoolArray,
        candidates: Candidates,
        rooms: Rooms,
        limits: Limits,
        *,
        most: int | None,
        fixed: BoolArray | None,
    ) -> None:
        self.chosen, self.rooms, self.fixed = chosen, rooms, fixed
        self.ends = candidates.rows.tolist(), candidates.cols.tolist()
        self.beyond = [
            [len(chosen) if most is None else max(0, most - limit) for limit in limit_of]
            for limit_of in limits
        ]
        self.pairs: tuple[defaultdict[int, set[int]], ...] = defaultdict(set), defaultdict(set)
        for at in np.flatnonzero(chosen).tolist():
            for end, pairs in zip(self.ends, self.pairs, strict=True):
                pairs[end[at]].add(at)

    def give(self, order: IntArray, closed: tuple[BoolArray, BoolArray]) -> None:
        """``order``: pairs, the best first. What a side has ``closed`` is nothing to it."""
        place = {at: number for number, at in enumerate(order.tolist())}
        gone = [set(np.flatnonzero(side).tolist()) for side in closed]
        options: dict[tuple[int, int], list[int]] = {}
        for at in order[~self.chosen[order]].tolist():
            for side in (0, 1):
                owner = self.ends[side][at]
                if not self.pairs[side][owner] - gone[side]:
                    options.setdefault((side, owner), []).append(at)
        for (side, owner), found in options.items():
            if not self.pairs[side][owner] - gone[side]:  # nobody else's floor has brought one
                self._give_one(side, found, place)

    def _give_one(self, side: int, found: list[int], place: dict[int, int]) -> None:
        others, room = self.ends[1 - side], self.rooms[1 - side]
        for at in found:
            if room[others[at]] > 0:
                self._move(at, into=True)
                return
        for at in found if self.fixed is not None else ():
            weakest = self._weakest(side, others[at], place)
            if weakest is not None:
                self._move(weakest, into=False)
                self._move(at, into=True)
                return
        beyond = self.beyond[1 - side]
        possible = [at for at in found if room[others[at]] + beyond[others[at]] > 0]
        if possible:
            self._move(max(possible, key=lambda at: room[others[at]]), into=True)

    def _weakest(self, side: int, other: int, place: dict[int, int]) -> int | None:
        """The other's last pair with a community that has more than that one."""
        free = [
            at
            for at in self.pairs[1 - side][other]
            if self.fixed is not None
            and not self.fixed[at]
            and len(self.pairs[side][self.ends[side][at]]) > 1
        ]
        return max(free, key=lambda at: place[at], default=None)

    def _move(self, at: int, *, into: bool) -> None:
        self.chosen[at] = into
        for end, room, pairs in zip(self.ends, self.rooms, self.pairs, strict=True):
            room[end[at]] -= 1 if into else -1
            (pairs[end[at]].add if into else pairs[end[at]].discard)(at)
