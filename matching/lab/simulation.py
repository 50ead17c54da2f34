"""A simulated market of two sides: what lists lead to if both sides read them from the top and
accept by tastes of their own, which the ranking does not see.

Examination: the place r of a list is looked at with probability 1/r (position bias, Joachims et al.
2017). A mutual interest needs that both look and both accept, so the expected number is Σ a_ij ·
b_ij · p_ij · q_ij with looks a, b and acceptances p, q (Su et al., WWW 2022; Tomita et al., RecSys
2023). Envy (Tomita & Yokoyama, RecSys 2024): i envies i' of its side if i would expect more mutual
interests with the places that i' has in the others' lists, its own list being the same: Σ_j a_ij ·
p_ij · q_ij · b_i'j > Σ_j a_ij · p_ij · q_ij · b_ij. It compares ways to rank; it does not forecast
how many partnerships there will be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching.allocation import Allocation, Candidates, WelfareLists, choose_pairs
from matching.allocation.transfer import ranked_lists
from matching.metrics import gini
from matching.reciprocal import Reciprocal
from matching.types import BoolArray, IntArray

Float64Array = npt.NDArray[np.float64]
_LONGEST = 20  # candidates in each community's list at least, before places are shared out
_ENVY_SLACK = 1e-9
ALPHA_WELFARE = 0.5  # half way between Nash and social welfare
RULES = ("naive", "product", "transferable", "social", "alpha", "nash")


@dataclass(frozen=True, slots=True)
class Market:
    """Both sides in full: memory grows as n_left · n_right. Raises ValueError for other shapes."""

    left_ids: IntArray
    right_ids: IntArray
    allowed: BoolArray  # (n_left, n_right) pairs that may be suggested
    left_capacity: IntArray  # introductions at a time
    right_capacity: IntArray
    left_places: IntArray  # suggestions at a time
    right_places: IntArray

    def __post_init__(self) -> None:
        shape = (len(self.left_ids), len(self.right_ids))
        sides = (
            (self.left_capacity, self.right_capacity),
            (self.left_places, self.right_places),
        )
        if self.allowed.shape != shape or any((len(a), len(b)) != shape for a, b in sides):
            raise ValueError(
                f"eligibility of a market must be of shape {shape}, and each community needs a "
                "capacity and places"
            )


@dataclass(frozen=True, slots=True)
class Preferences:
    """(n_left, n_right) of left for right and of right for left: what lists are made by, or what
    communities decide by."""

    left: Float64Array
    right: Float64Array

    def fused(self, fusion: str) -> Float64Array:
        """(n_left, n_right) reciprocal scores."""
        return Reciprocal(fusion).fuse(self.left, self.right)


@dataclass(frozen=True, slots=True)
class Looks:
    """(n_left, n_right) probabilities with which a counterpart is looked at in the left sides'
    lists, and in the right sides'."""

    left: Float64Array
    right: Float64Array


@dataclass(frozen=True, slots=True)
class Outcome:
    """Measures of one way to make lists; a community's exposure is how often it is looked at."""

    mutual_interests: float
    if_all_is_read: float  # mutual interests if everybody reads the whole list
    exposure_gini: float  # over all communities
    left_gini: float
    right_gini: float
    envy: float  # how many of its side a community envies, mean over all
    envious: float  # share of communities that envy at least one
    left_served: float  # share that are shown a pair, as the other is, that both would rather take
    right_served: float
    over_capacity: int  # communities that more others are expected to want than they have room for
    shown: int  # places of lists that are filled
    left_exposure: Float64Array
    right_exposure: Float64Array


def simulate(market: Market, looks: Looks, accepted: Preferences) -> Outcome:
    """What the lists lead to where communities accept by ``accepted``. Raises ValueError for
    tables of another shape than the market's.
    """
    shape = market.allowed.shape
    if any(t.shape != shape for t in (looks.left, looks.right, accepted.left, accepted.right)):
        raise ValueError(f"looks and acceptances must be of the market's shape {shape}")
    both = accepted.left * accepted.right
    envied, envious = _envy(looks, both)
    shown = (looks.left > 0) & (looks.right > 0)
    served = shown & (accepted.left >= 0.5) & (accepted.right >= 0.5)
    left_exposure, right_exposure = looks.right.sum(axis=1), looks.left.sum(axis=0)
    crowded = ((looks.left * accepted.left).sum(axis=0) > market.right_capacity).sum() + (
        (looks.right * accepted.right).sum(axis=1) > market.left_capacity
    ).sum()
    return Outcome(
        mutual_interests=float((looks.left * looks.right * both).sum()),
        if_all_is_read=float(both[shown].sum()),
        exposure_gini=gini(np.concatenate([left_exposure, right_exposure])),
        left_gini=gini(left_exposure),
        right_gini=gini(right_exposure),
        envy=envied,
        envious=envious,
        left_served=float(served.any(axis=1).mean()),
        right_served=float(served.any(axis=0).mean()),
        over_capacity=int(crowded),
        shown=round(_places_filled(looks.left) + _places_filled(looks.right.T)),
        left_exposure=left_exposure,
        right_exposure=right_exposure,
    )


def _envy(looks: Looks, both: Float64Array) -> tuple[float, float]:
    """Mean number of those whom a community envies, and the share of communities that envy."""
    counts = []
    for own, others, wanted in (
        (looks.left, looks.right, both),
        (looks.right.T, looks.left.T, both.T),
    ):
        worth = own * wanted  # of being looked at by each counterpart
        present = (worth * others).sum(axis=1, keepdims=True)
        counts.append((worth @ others.T > present + _ENVY_SLACK).sum(axis=1))
    envied = np.concatenate(counts)
    return float(envied.mean()), float((envied > 0).mean())


def _places_filled(looks: Float64Array) -> float:
    """How many places of lists lead to these looks, of expected lists too."""
    most = int((looks > 0).sum(axis=1).max(initial=0))
    examined = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, most + 1))])
    return float(np.searchsorted(examined, looks.sum(axis=1) - 1e-6).sum())


def looks_of(market: Market, left: IntArray, right: IntArray) -> Looks:
    """Looks of lists, best first: columns (n_left, k) and rows (n_right, k'), padded with -1.
    Raises ValueError for lists that do not fit the market.
    """
    n, m = market.allowed.shape
    if len(left) != n or len(right) != m:
        raise ValueError(
            f"lists are of {len(left)} and {len(right)} communities, the market has {n} and {m}"
        )
    return Looks(_examination(left, m), _examination(right, n).T)


def _examination(lists: IntArray, width: int) -> Float64Array:
    looks = np.zeros((len(lists), width))
    rows, places = np.nonzero(lists >= 0)
    looks[rows, lists[rows, places]] = 1.0 / (places + 1)
    return looks


def best_lists(market: Market, left_scores: Float64Array, right_scores: Float64Array) -> Looks:
    """Each side's best allowed by its scores, (n_left, n_right) each, as many as it has places;
    ties by id.
    """
    rows, cols = np.nonzero(market.allowed)
    forth, back = left_scores[rows, cols], right_scores[rows, cols]
    left = _within(
        ranked_lists(
            rows, cols, (market.right_ids[cols], -forth), len(market.left_ids), _most(market)[0]
        ),
        market.left_places,
    )
    right = _within(
        ranked_lists(
            cols, rows, (market.left_ids[rows], -back), len(market.right_ids), _most(market)[1]
        ),
        market.right_places,
    )
    return looks_of(market, left, right)


def _most(market: Market) -> tuple[int, int]:
    return int(market.left_places.max(initial=1)), int(market.right_places.max(initial=1))


def _within(lists: IntArray, places: IntArray) -> IntArray:
    return np.where(np.arange(lists.shape[1]) < places[:, None], lists, -1)


def candidates_of(market: Market, by: Preferences, fusion: str) -> Candidates:
    """Every pair among the best of either side by the fused score."""
    score = by.fused(fusion)
    rows, cols = np.nonzero(market.allowed)
    value = score[rows, cols]
    most = (max(_LONGEST, 2 * places) for places in _most(market))
    left = ranked_lists(
        rows, cols, (market.right_ids[cols], -value), len(market.left_ids), next(most)
    )
    right = ranked_lists(
        cols, rows, (market.left_ids[rows], -value), len(market.right_ids), next(most)
    )
    looks = looks_of(market, left, right)
    rows, cols = np.nonzero((looks.left > 0) | (looks.right > 0))
    sides = market.left_ids, market.right_ids
    return Candidates(
        *sides, rows, cols, by.left[rows, cols], by.right[rows, cols], score[rows, cols]
    )


def suggested_pairs(
    market: Market, by: Preferences, fusion: str, allocation: Allocation | None
) -> tuple[Candidates, Float64Array]:
    """The pairs that both sides are shown, within their places, and what orders their lists:
    expected matches by ``allocation``, or the score alone without one.
    """
    if allocation is None:
        rows, cols = np.nonzero(market.allowed)
        score = by.fused(fusion)[rows, cols]
        sides = market.left_ids, market.right_ids
        of = Candidates(*sides, rows, cols, by.left[rows, cols], by.right[rows, cols], score)
        mass = score
    else:
        of = candidates_of(market, by, fusion)
        mass = allocation.fit(of, market.left_capacity, market.right_capacity).mass_
    chosen = choose_pairs(of, mass, market.left_places, market.right_places)
    return of.where(chosen), mass[chosen]


def suggested(market: Market, by: Preferences, fusion: str, allocation: Allocation | None) -> Looks:
    """Looks where both sides are shown the same pairs, as the service does."""
    return looks_of_pairs(market, *suggested_pairs(market, by, fusion, allocation))


def looks_of_pairs(market: Market, pairs: Candidates, weight: Float64Array) -> Looks:
    """The same pairs on both sides' lists, largest weight first, ties by score and id."""
    longest = (max(1, int(np.bincount(at, minlength=1).max())) for at in (pairs.rows, pairs.cols))
    order = (-pairs.scores, -weight)
    ids = pairs.right_ids[pairs.cols], pairs.left_ids[pairs.rows]
    left, right = (
        ranked_lists(mine, theirs, (their_ids, *order), size, k)
        for mine, theirs, their_ids, size, k in zip(
            (pairs.rows, pairs.cols),
            (pairs.cols, pairs.rows),
            ids,
            market.allowed.shape,
            longest,
            strict=True,
        )
    )
    return looks_of(market, left, right)


def rule_lists(market: Market, by: Preferences, allocation: Allocation) -> dict[str, Looks]:
    """The ways of the literature to make each side's lists from the same preferences, with the
    same places: each side's own favourites, the product of both preferences, expected matches with
    transferable utility, and three welfares. Each side's lists are its own.
    """
    product = by.fused("product")
    candidates = candidates_of(market, by, "product")
    at = candidates.rows, candidates.cols
    mass = np.full(market.allowed.shape, -1.0)
    mass[at] = allocation.fit(candidates, market.left_capacity, market.right_capacity).mass_
    found = {
        "naive": best_lists(market, by.left, by.right),
        "product": best_lists(market, product, product),
        "transferable": best_lists(market, mass, mass),
    }
    for name, alpha_welfare in (("social", 1.0), ("alpha", ALPHA_WELFARE), ("nash", 0.0)):
        rule = WelfareLists(alpha_welfare)
        sparse = rule.fit(candidates, market.left_places, market.right_places).looks_
        left, right = np.zeros((2, *market.allowed.shape))
        left[at], right[at] = sparse.left, sparse.right
        found[name] = Looks(left, right)
    return found


def compare(market: Market, ways: Mapping[str, Looks], accepted: Preferences) -> dict[str, Outcome]:
    """Each way's outcome under one taste."""
    return {name: simulate(market, looks, accepted) for name, looks in ways.items()}
