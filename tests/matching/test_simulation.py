"""The simulated market: its measures by hand on a small world, and what allocation is for on a
lopsided one.
"""

from __future__ import annotations

import numpy as np
import pytest

from matching.allocation import Allocation
from matching.lab.simulation import (
    Lists,
    Market,
    allocated_lists,
    compare,
    lists_of,
    one_sided_lists,
    popularity_lists,
    reciprocal_lists,
    simulate,
)
from tests.matching.problems import make_candidates


def _market(n: int = 2, m: int = 2, **changes: object) -> Market:
    values: dict[str, object] = {
        "left_ids": np.arange(n),
        "right_ids": np.arange(m) + 50,
        "left_preference": np.full((n, m), 0.5),
        "right_preference": np.full((n, m), 0.4),
        "allowed": np.ones((n, m), np.bool_),
        "left_capacity": np.full(n, 2),
        "right_capacity": np.full(m, 2),
        "good": 0.4,
    }
    return Market(**(values | changes))  # type: ignore[arg-type]


def _lopsided(seed: int = 4, n: int = 40, m: int = 90) -> Market:
    """Few are wanted by everybody: a common appeal on top of personal taste."""
    rng = np.random.default_rng(seed)
    left, right = rng.beta(1, 4, n), rng.beta(1, 4, m)
    p = np.clip(0.2 + 0.5 * right[None, :] + 0.3 * rng.random((n, m)), 0, 1)
    q = np.clip(0.2 + 0.5 * left[:, None] + 0.3 * rng.random((n, m)), 0, 1)
    capacity = rng.integers(2, 6, n), rng.integers(2, 6, m)
    return _market(
        n,
        m,
        left_preference=p,
        right_preference=q,
        left_capacity=capacity[0],
        right_capacity=capacity[1],
    )


def test_measures_by_hand() -> None:
    found = simulate(_market(), Lists(np.array([[0, 1], [0, -1]]), np.array([[0, 1], [-1, -1]])))
    # 0–0: both first; 1–0: first of left 1, second of right 0; 0–1 is on left's list alone.
    assert found.mutual_interests == pytest.approx(0.5 * 0.4 * (1 + 1 / 2))
    assert found.left_exposure.tolist() == [1.0, 0.5] and found.right_exposure.tolist() == [
        2.0,
        0.5,
    ]
    assert (found.left_served, found.right_served) == (1.0, 0.5) and found.shown == 5
    assert found.over_capacity == 0
    assert (
        simulate(
            _market(right_capacity=np.array([0, 2])),
            Lists(np.array([[0], [0]]), np.full((2, 1), -1)),
        ).over_capacity
        == 1
    )


def test_pairs_that_are_not_allowed_are_on_no_list() -> None:
    market = _market(allowed=np.array([[True, False], [False, False]]))
    for lists in (
        popularity_lists(market, 3),
        one_sided_lists(market, 3),
        reciprocal_lists(market, 3),
    ):
        assert lists.left.tolist() == [[0, -1, -1], [-1, -1, -1]] and lists.right.tolist() == [
            [0, -1, -1],
            [-1, -1, -1],
        ]


def test_equal_scores_are_ordered_by_the_counterparts_id() -> None:
    assert one_sided_lists(_market(1, 3, right_ids=np.array([9, 7, 8])), 3).left.tolist() == [
        [1, 2, 0]
    ]


def test_both_sides_see_the_same_pairs_when_they_are_chosen() -> None:
    pairs = make_candidates(2, 5, 6)
    lists = lists_of(pairs, pairs.scores)
    shown = {(row, col) for row, of in enumerate(lists.left.tolist()) for col in of if col >= 0}
    assert shown == {
        (row, col) for col, of in enumerate(lists.right.tolist()) for row in of if row >= 0
    }
    assert shown == set(zip(pairs.rows.tolist(), pairs.cols.tolist(), strict=True))


def test_allocation_wins_mutual_interest_without_losing_evenness() -> None:
    found = compare(_lopsided(), 10, Allocation(0.02, floor=1.0), 2)
    allocated, harmonic = found["allocated"], found["harmonic"]
    assert list(found) == ["popularity", "one_sided", "harmonic", "allocated"]
    assert allocated.mutual_interests > max(
        o.mutual_interests for name, o in found.items() if name != "allocated"
    )
    assert allocated.exposure_gini < harmonic.exposure_gini < found["popularity"].exposure_gini
    assert (
        allocated.left_served >= harmonic.left_served
        and allocated.right_served >= harmonic.right_served
    )
    assert allocated.over_capacity <= harmonic.over_capacity


def test_allocated_lists_are_no_longer_than_the_room_for_introductions_allows() -> None:
    market = _lopsided()
    lists = allocated_lists(market, 10, Allocation(0.02), 2)
    lengths = (lists.left >= 0).sum(axis=1), (lists.right >= 0).sum(axis=1)
    beyond = lengths[0] - 2 * market.left_capacity
    assert (lengths[1] >= 1).all() and (lengths[1] <= 2 * market.right_capacity).all()
    # By the floor of others, who have nobody else
    assert (beyond > 0).mean() <= 0.25 and beyond.max() <= 2


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        _market(allowed=np.ones((2, 3), np.bool_))
    with pytest.raises(ValueError, match="the market has 2"):
        simulate(_market(), Lists(np.zeros((3, 1), np.int64), np.zeros((2, 1), np.int64)))
