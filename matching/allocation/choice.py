"""From expected matches to whole suggestions: which pairs both sides see, within their limits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matching.allocation.candidates import Candidates
from matching.types import BoolArray, IntArray


def choose_pairs(
    candidates: Candidates,
    mass: npt.NDArray[np.float64],
    left_limit: IntArray,
    right_limit: IntArray,
    *,
    shown: BoolArray | None = None,
    fixed: BoolArray | None = None,
    keep: float = 1.0,
    floor: bool = True,
) -> BoolArray:
    """(c,) bool: the pairs to show, largest μ first, at most ``limit`` for each community, both
    sides alike.

    ``shown`` pairs stand already and count as ``keep`` times their μ, so that suggestions do not
    come and go with every small change; ``fixed`` ones stay whatever comes and use up room. With
    ``floor`` a community that is left with nothing, though its limit is not 0, gets one candidate
    all the same, where it does least harm to the other's limit; one whose limit is 0 never gets
    one. Ties go by score, then ids. Choosing again with the result as ``shown`` gives the same,
    unless the floor had to act.

    Raises ValueError for arrays whose length does not fit, and for a ``keep`` below 1.
    """
    for name, values, size in (
        ("mass", mass, len(candidates)),
        ("left_limit", left_limit, len(candidates.left_ids)),
        ("right_limit", right_limit, len(candidates.right_ids)),
        ("shown", shown, len(candidates)),
        ("fixed", fixed, len(candidates)),
    ):
        if values is not None and len(values) != size:
            raise ValueError(f"{name} has {len(values)} values where {size} are needed")
    if not keep >= 1:
        raise ValueError(f"keep must be at least 1, not {keep}")
    weight = mass if shown is None else np.where(shown, mass * keep, mass)
    order = np.lexsort(
        (
            candidates.right_ids[candidates.cols],
            candidates.left_ids[candidates.rows],
            -candidates.scores,
            -weight,
        )
    )
    chosen = np.zeros(len(candidates), dtype=np.bool_) if fixed is None else fixed.copy()
    room = [
        (np.asarray(limit) - np.bincount(at[chosen], minlength=len(limit))).tolist()
        for limit, at in ((left_limit, candidates.rows), (right_limit, candidates.cols))
    ]
    _fill(chosen, order, candidates, *room)
    if floor:
        open_to_all = (np.asarray(left_limit) > 0)[candidates.rows] & (np.asarray(right_limit) > 0)[
            candidates.cols
        ]
        _give_each_one(chosen, order[open_to_all[order]], candidates, *room)
    return chosen


def _fill(
    chosen: BoolArray,
    order: IntArray,
    candidates: Candidates,
    left_room: list[int],
    right_room: list[int],
) -> None:
    rows, cols = candidates.rows[order].tolist(), candidates.cols[order].tolist()
    for at, row, col in zip(order.tolist(), rows, cols, strict=True):
        if left_room[row] > 0 and right_room[col] > 0 and not chosen[at]:
            chosen[at] = True
            left_room[row] -= 1
            right_room[col] -= 1


def _give_each_one(
    chosen: BoolArray,
    order: IntArray,
    candidates: Candidates,
    left_room: list[int],
    right_room: list[int],
) -> None:
    """Those with nothing each get the candidate whose community is least beyond its limit."""
    empty_rows = set(
        np.flatnonzero(np.bincount(candidates.rows[chosen], minlength=len(left_room)) == 0).tolist()
    )
    empty_cols = set(
        np.flatnonzero(
            np.bincount(candidates.cols[chosen], minlength=len(right_room)) == 0
        ).tolist()
    )
    options: dict[tuple[int, int], list[int]] = {}
    for at in order.tolist():
        row, col = int(candidates.rows[at]), int(candidates.cols[at])
        if row in empty_rows:
            options.setdefault((0, row), []).append(at)
        if col in empty_cols:
            options.setdefault((1, col), []).append(at)
    for (side, owner), places in options.items():
        mine, others = ((empty_rows, right_room), (empty_cols, left_room))[side]
        if owner not in mine:
            continue  # somebody else's floor has brought one
        opposite = candidates.cols if side == 0 else candidates.rows
        at = min(places, key=lambda place: max(0, 1 - others[int(opposite[place])]))
        row, col = int(candidates.rows[at]), int(candidates.cols[at])
        chosen[at] = True
        left_room[row] -= 1
        right_room[col] -= 1
        empty_rows.discard(row)
        empty_cols.discard(col)
