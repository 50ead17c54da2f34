"""A simulated market of two sides: what lists lead to if both sides read them from the top and
accept by preference.

Examination: the place r of a list is looked at with probability 1/r (position bias, Joachims et al.
2017). Acceptance: a community that looks at another wants it with probability equal to its
preference. A mutual interest needs all four: both look, both accept; so the expected number is Σ
e(r_ij)·p_ij · e(r_ji)·q_ji (Su et al., WWW 2022; Tomita et al., RecSys 2023). It compares ways to
rank; it does not forecast how many partnerships there will be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching.allocation import Allocation, Candidates, choose_pairs
from matching.allocation.transfer import ranked_lists
from matching.metrics import exposure, gini
from matching.reciprocal import Reciprocal
from matching.types import BoolArray, IntArray

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Market:
    """Both sides in full: memory grows as n_left · n_right. Raises ValueError for other shapes."""

    left_ids: IntArray
    right_ids: IntArray
    left_preference: Float64Array  # (n_left, n_right), of left for right
    right_preference: Float64Array  # (n_left, n_right), of right for left
    allowed: BoolArray  # (n_left, n_right) pairs that may be suggested
    left_capacity: IntArray  # introductions at a time
    right_capacity: IntArray
    good: float  # the preference from which on a suggestion is a good one

    def __post_init__(self) -> None:
        shape = (len(self.left_ids), len(self.right_ids))
        tables = (self.left_preference, self.right_preference, self.allowed)
        if (
            any(table.shape != shape for table in tables)
            or (len(self.left_capacity), len(self.right_capacity)) != shape
        ):
            raise ValueError(
                f"preferences and eligibility of a market must be of shape {shape}, and each "
                "community needs a capacity"
            )


@dataclass(frozen=True, slots=True)
class Lists:
    """Shown, best first: columns (n_left, k) and rows (n_right, k'), padded with -1."""

    left: IntArray
    right: IntArray


@dataclass(frozen=True, slots=True)
class Outcome:
    """Measures of one way to make lists; exposure is Σ 1/rank over the other side's lists."""

    mutual_interests: float
    exposure_gini: float  # over all communities
    left_gini: float
    right_gini: float
    left_served: float  # share with at least one good suggestion that both sides are shown
    right_served: float
    over_capacity: int  # communities that more others are expected to want than they have room for
    shown: int  # places of lists that are filled
    left_exposure: Float64Array
    right_exposure: Float64Array


def simulate(market: Market, lists: Lists) -> Outcome:
    """What the lists lead to. Raises ValueError for lists that do not fit the market."""
    n, m = market.allowed.shape
    if len(lists.left) != n or len(lists.right) != m:
        raise ValueError(
            f"lists are of {len(lists.left)} and {len(lists.right)} communities, the market has "
            f"{n} and {m}"
        )
    left_exposure, right_exposure = exposure(lists.right, n), exposure(lists.left, m)
    left_looks, right_looks = _examination(lists.left, m), _examination(lists.right, n).T
    wanted_by_left, wanted_by_right = (
        left_looks * market.left_preference,
        right_looks * market.right_preference,
    )
    good = (market.left_preference >= market.good) & (market.right_preference >= market.good)
    served = (left_looks > 0) & (right_looks > 0) & good
    crowded = (wanted_by_left.sum(axis=0) > market.right_capacity).sum() + (
        wanted_by_right.sum(axis=1) > market.left_capacity
    ).sum()
    return Outcome(
        mutual_interests=float((wanted_by_left * wanted_by_right).sum()),
        exposure_gini=gini(np.concatenate([left_exposure, right_exposure])),
        left_gini=gini(left_exposure),
        right_gini=gini(right_exposure),
        left_served=float(served.any(axis=1).mean()),
        right_served=float(served.any(axis=0).mean()),
        over_capacity=int(crowded),
        shown=int((lists.left >= 0).sum() + (lists.right >= 0).sum()),
        left_exposure=left_exposure.astype(np.float64),
        right_exposure=right_exposure.astype(np.float64),
    )


def _examination(lists: IntArray, width: int) -> Float64Array:
    looks = np.zeros((len(lists), width))
    rows, places = np.nonzero(lists >= 0)
    looks[rows, lists[rows, places]] = 1.0 / (places + 1)
    return looks


def best_lists(
    market: Market, left_scores: Float64Array, right_scores: Float64Array, k: int
) -> Lists:
    """Each side's k best allowed by its scores, (n_left, n_right) each; ties by id."""
    rows, cols = np.nonzero(market.allowed)
    forth, back = left_scores[rows, cols], right_scores[rows, cols]
    return Lists(
        ranked_lists(rows, cols, (market.right_ids[cols], -forth), len(market.left_ids), k),
        ranked_lists(cols, rows, (market.left_ids[rows], -back), len(market.right_ids), k),
    )


def popularity_lists(market: Market, k: int) -> Lists:
    """The naive way: everybody is shown those that are wanted most on average."""
    count = np.maximum(market.allowed.sum(axis=0), 1), np.maximum(market.allowed.sum(axis=1), 1)
    right = np.where(market.allowed, market.left_preference, 0.0).sum(axis=0) / count[0]
    left = np.where(market.allowed, market.right_preference, 0.0).sum(axis=1) / count[1]
    shape = market.allowed.shape
    return best_lists(
        market, np.broadcast_to(right, shape), np.broadcast_to(left[:, None], shape), k
    )


def one_sided_lists(market: Market, k: int) -> Lists:
    """Each community's own preference alone."""
    return best_lists(market, market.left_preference, market.right_preference, k)


def reciprocal_lists(market: Market, k: int, fusion: str = "harmonic") -> Lists:
    """Both preferences as one score, each list for itself."""
    score = Reciprocal(fusion).fuse(market.left_preference, market.right_preference)
    return best_lists(market, score, score, k)


def allocated_lists(
    market: Market, k: int, allocation: Allocation, places: int, fusion: str = "harmonic"
) -> Lists:
    """Candidates allocated: at most ``places`` suggestions per possible introduction."""
    candidates = candidates_of(market, reciprocal_lists(market, k, fusion), fusion)
    allocation.fit(candidates, market.left_capacity, market.right_capacity)
    chosen = choose_pairs(
        candidates, allocation.mass_, places * market.left_capacity, places * market.right_capacity
    )
    return lists_of(candidates.where(chosen), allocation.mass_[chosen])


def candidates_of(market: Market, lists: Lists, fusion: str = "harmonic") -> Candidates:
    """Every pair in a list of either side."""
    listed = (_examination(lists.left, len(market.right_ids)) > 0) | (
        _examination(lists.right, len(market.left_ids)) > 0
    ).T
    rows, cols = np.nonzero(listed)
    forth, back = market.left_preference[rows, cols], market.right_preference[rows, cols]
    return Candidates(
        market.left_ids,
        market.right_ids,
        rows,
        cols,
        forth,
        back,
        Reciprocal(fusion).fuse(forth, back),
    )


def lists_of(pairs: Candidates, weight: Float64Array) -> Lists:
    """The same pairs on both sides' lists, largest weight first, ties by score and id."""
    sizes = np.bincount(pairs.rows, minlength=1).max(), np.bincount(pairs.cols, minlength=1).max()
    order = (-pairs.scores, -weight)
    return Lists(
        ranked_lists(
            pairs.rows,
            pairs.cols,
            (pairs.right_ids[pairs.cols], *order),
            len(pairs.left_ids),
            max(1, int(sizes[0])),
        ),
        ranked_lists(
            pairs.cols,
            pairs.rows,
            (pairs.left_ids[pairs.rows], *order),
            len(pairs.right_ids),
            max(1, int(sizes[1])),
        ),
    )


def compare(market: Market, k: int, allocation: Allocation, places: int) -> dict[str, Outcome]:
    """Four ways, each with one more idea: popularity, one_sided, harmonic, allocated."""
    ways = {
        "popularity": popularity_lists(market, k),
        "one_sided": one_sided_lists(market, k),
        "harmonic": reciprocal_lists(market, k),
        "allocated": allocated_lists(market, k, allocation, places),
    }
    return {name: simulate(market, lists) for name, lists in ways.items()}
