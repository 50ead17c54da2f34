"""Which ranked pairs become suggestions: an allocation under what both sides have room for."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence, Set
from typing import NamedTuple

import numpy as np
import structlog
from django.conf import settings
from numpy.typing import ArrayLike

from matching.allocation import Allocation, Candidates, ConvergenceError, choose_pairs

log = structlog.get_logger(__name__)
# The market's temperature. A typical counterpart has a preference of .27, suggested ones .35 to .95
BETA_MARKET = 0.01
FLOOR = 1.0
# What a newcomer must bring, in mean preference of the two sides, to take the place of a pair that
# is shown already.
KEEPS = 0.05
_TRIES = 6

PairIds = tuple[int, int]
NONE_CLOSED: Mapping[PairIds, Set[int]] = {}


class PromisingRow(NamedTuple):
    """A ranked pair whose two preferences reach the threshold."""

    left_id: int
    right_id: int
    left_preference: float
    right_preference: float
    score: float


class Room(NamedTuple):
    """What a community has room for: introductions, and suggestions without its answer."""

    introductions: int
    suggestions: int


def room_for(introductions: int) -> Room:
    """The room of a community that may have so many more introductions: a few suggestions at a
    time, more for those that can look after more partners, and none without room.
    """
    rules = settings.SUGGESTIONS
    wanted = rules["per_introduction"] * introductions
    places = min(max(wanted, rules["places_least"]), rules["places_most"])
    return Room(introductions, places if introductions > 0 else 0)


def allocate(
    rows: Sequence[PromisingRow],
    rooms: Mapping[int, Room],
    *,
    shown: Set[PairIds],
    kept: Set[PairIds] = frozenset(),
    closed_by: Mapping[PairIds, Set[int]] = NONE_CLOSED,
    threshold: float,
) -> dict[PairIds, float]:
    """The pairs to suggest, with their expected matches.

    ``shown`` are suggestions that were made before: they stay unless clearly beaten. ``kept`` ones
    were released, and stay; ``closed_by`` says which sides have closed one of them, unknown to the
    other, and get others for it. Every community with room and a row gets at least one. Raises
    ValueError for a community whose room is not given.
    """
    return _chosen(rows, rooms, threshold, shown=shown, kept=kept, closed_by=closed_by)


def allocate_around(
    rows: Sequence[PromisingRow],
    rooms: Mapping[int, Room],
    *,
    kept: Set[PairIds],
    closed_by: Mapping[PairIds, Set[int]] = NONE_CLOSED,
    community_ids: Set[int],
    threshold: float,
) -> dict[PairIds, float]:
    """The same after these communities changed: ``kept`` pairs stay, theirs fill the rest."""
    mine = [
        row[:2] in kept or row.left_id in community_ids or row.right_id in community_ids
        for row in rows
    ]
    return _chosen(rows, rooms, threshold, kept=kept, closed_by=closed_by, pool=mine)


def _chosen(
    rows: Sequence[PromisingRow],
    rooms: Mapping[int, Room],
    threshold: float,
    *,
    shown: Set[PairIds] = frozenset(),
    kept: Set[PairIds] = frozenset(),
    closed_by: Mapping[PairIds, Set[int]] = NONE_CLOSED,
    pool: Collection[bool] = (),
) -> dict[PairIds, float]:
    if not rows:
        return {}
    order = sorted(range(len(rows)), key=lambda at: rows[at][:2])
    rows = [rows[at] for at in order]
    candidates = _candidates(rows)
    left, right = (
        _rooms_of(ids.tolist(), rooms) for ids in (candidates.left_ids, candidates.right_ids)
    )
    mass = _expected_matches(candidates, left[:, 0], right[:, 0], threshold)
    inside = np.ones(len(rows), dtype=np.bool_)
    if pool:
        inside = np.array(list(pool), dtype=np.bool_)[order]
    pairs = [
        (row.left_id, row.right_id)
        for row, is_in in zip(rows, inside.tolist(), strict=True)
        if is_in
    ]
    closed = np.array(
        [[side in closed_by.get(pair, ()) for side in pair] for pair in pairs], dtype=np.bool_
    ).reshape(-1, 2)
    chosen = choose_pairs(
        candidates.where(inside),
        mass[inside],
        left[:, 1],
        right[:, 1],
        shown=np.array([pair in shown for pair in pairs], dtype=np.bool_),
        fixed=np.array([pair in kept for pair in pairs], dtype=np.bool_),
        left_closed=closed[:, 0],
        right_closed=closed[:, 1],
        keep=math.exp(KEEPS / BETA_MARKET),
        most=settings.SUGGESTIONS["places_most"],
    )
    return {
        pair: value
        for pair, value, is_chosen in zip(
            pairs, mass[inside].tolist(), chosen.tolist(), strict=True
        )
        if is_chosen
    }


def _candidates(rows: Sequence[PromisingRow]) -> Candidates:
    ids = np.array([row[:2] for row in rows], dtype=np.int64)
    values = np.array([row[2:] for row in rows], dtype=np.float64)
    left_ids, at_left = np.unique(ids[:, 0], return_inverse=True)
    right_ids, at_right = np.unique(ids[:, 1], return_inverse=True)
    return Candidates(
        left_ids, right_ids, at_left, at_right, values[:, 0], values[:, 1], values[:, 2]
    )


def _rooms_of(ids: Sequence[int], rooms: Mapping[int, Room]) -> np.ndarray:
    missing = [id_ for id_ in ids if id_ not in rooms]
    if missing:
        raise ValueError(f"no room is given for communities {', '.join(map(str, missing[:5]))}")
    return np.array([rooms[id_] for id_ in ids], dtype=np.int64)


def _expected_matches(
    candidates: Candidates, left: np.ndarray, right: np.ndarray, threshold: float
) -> np.ndarray:
    market = SettledAllocation(BETA_MARKET, outside=threshold, floor=FLOOR)
    return market.fit(candidates, left, right).mass_


class SettledAllocation(Allocation):
    """The service's market: while it does not settle, its temperature is doubled, a few times."""

    def fit(
        self, candidates: Candidates, left_capacity: ArrayLike, right_capacity: ArrayLike
    ) -> Allocation:
        """As ``Allocation.fit``. Raises ConvergenceError only where no temperature settles."""
        for _ in range(_TRIES):
            try:
                return super().fit(candidates, left_capacity, right_capacity)
            except ConvergenceError:
                log.warning("allocation_did_not_settle", beta_market=self.beta_market)
                self.beta_market *= 2
        raise ConvergenceError(
            f"no allocation of {len(candidates)} pairs settles, not even with beta_market "
            f"{self.beta_market / 2}"
        )
