"""Allocation under capacity: feasible, symmetric, monotone, equal to the formula; and suggestions
within limits that leave nobody out.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.allocation import (
    Allocation,
    Candidates,
    ConvergenceError,
    WelfareLists,
    choose_pairs,
)
from matching.allocation.welfare import SparseLooks
from matching.types import IntArray, NotFittedError, RankedSide, Ranking
from tests.division import at_length, one_in
from tests.matching.problems import dense_oracle, make_candidates, transposed

problems = st.tuples(
    st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 9), st.sampled_from([0.2, 0.6, 1.0])
)


def capacities(seed: int, n: int, m: int, least: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed + 1)
    return rng.integers(least, 6, n), rng.integers(least, 6, m)


@pytest.mark.at_length
@settings(max_examples=at_length(12, 60), deadline=None)
@given(problem=problems)
def test_mass_is_that_of_the_formula_on_full_matrices(problem: tuple[int, int, int, float]) -> None:
    candidates = make_candidates(*problem)
    left, right = capacities(*problem[:3])
    found = Allocation(0.1, tolerance=1e-11).fit(candidates, left, right)
    expected = dense_oracle(candidates, left, right, 0.1)[candidates.rows, candidates.cols]
    assert found.mass_ == pytest.approx(expected, abs=1e-7)


@settings(max_examples=at_length(12, 40), deadline=None)
@given(problem=problems, floor=st.sampled_from([0.0, 0.5, 2.0]), beta=st.sampled_from([0.02, 0.1]))
def test_no_community_meets_beyond_its_capacity(
    problem: tuple[int, int, int, float], floor: float, beta: float
) -> None:
    candidates = make_candidates(*problem)
    left, right = capacities(*problem[:3], least=0)
    found = Allocation(beta, floor=floor, outside=0.4, tolerance=1e-6).fit(candidates, left, right)
    left_total, right_total = found.totals()
    assert (found.mass_ >= 0).all()
    assert (left_total <= left + 1e-3 * np.maximum(left, 1)).all() and (
        right_total <= right + 1e-3 * np.maximum(right, 1)
    ).all()
    assert left_total.sum() == pytest.approx(right_total.sum())


@settings(max_examples=at_length(12, 40), deadline=None)
@given(problem=problems)
def test_sides_are_treated_alike(problem: tuple[int, int, int, float]) -> None:
    candidates = make_candidates(*problem)
    left, right = capacities(*problem[:3])
    turned = transposed(candidates)
    forth = Allocation(0.05, tolerance=1e-10).fit(candidates, left, right).mass_
    back = Allocation(0.05, tolerance=1e-10).fit(turned, right, left).mass_
    assert back == pytest.approx(forth[np.lexsort((candidates.rows, candidates.cols))], abs=1e-6)


@settings(max_examples=at_length(12, 40), deadline=None)
@given(problem=problems, who=st.integers(0, 8))
def test_more_capacity_never_means_fewer_meetings_for_a_community(
    problem: tuple[int, int, int, float], who: int
) -> None:
    candidates = make_candidates(*problem)
    left, right = capacities(*problem[:3])
    row = who % len(left)
    more = left.copy()
    more[row] += 2
    before = Allocation(0.05, tolerance=1e-10).fit(candidates, left, right).totals()
    after = Allocation(0.05, tolerance=1e-10).fit(candidates, more, right).totals()
    assert after[0][row] >= before[0][row] - 1e-6
    others = np.arange(len(left)) != row
    # Substitutes: its gain is nobody else's on its side
    assert (after[0][others] <= before[0][others] + 1e-6).all()
    assert (after[1] >= before[1] - 1e-6).all()


def test_pairs_apart_from_all_others_settle_whatever_beta() -> None:
    """Equal capacities of an isolated part leave next to nothing over, where the plain
    iteration creeps.
    """
    alone = Candidates(
        np.arange(3),
        np.arange(3),
        np.arange(3),
        np.arange(3),
        np.full(3, 0.6),
        np.full(3, 0.6),
        np.full(3, 0.6),
    )
    found = Allocation(0.01, tolerance=1e-8, max_iterations=20).fit(alone, [3, 3, 1], [3, 3, 2])
    assert found.totals()[0] == pytest.approx([3, 3, 1], abs=1e-6)


def test_popular_community_is_shared_out_and_the_overlooked_one_is_raised_to_the_floor() -> None:
    rows, cols = np.repeat(np.arange(6), 2), np.tile([0, 1], 6)
    p = np.tile([0.8, 0.5], 6)
    candidates = Candidates(np.arange(6), np.arange(10, 12), rows, cols, p, p, p)
    plain = Allocation(0.02, outside=0.6, tolerance=1e-9).fit(
        candidates, np.ones(6), np.array([2, 2])
    )
    raised = Allocation(0.02, outside=0.6, tolerance=1e-9, floor=0.5, subsidy=0.5).fit(
        candidates, np.ones(6), np.array([2, 2])
    )
    assert plain.totals()[1][0] == pytest.approx(2.0, abs=0.05) and plain.totals()[1][1] < 0.5
    assert (plain.totals()[0] < 0.45).all() and (raised.totals()[0] >= 0.45).all()
    assert (raised.totals()[1] <= 2.0 + 1e-6).all() and raised.totals()[1][
        1
    ] >= 0.45 > plain.totals()[1][1]


def test_lists_are_ordered_by_mass_then_score_then_id() -> None:
    candidates = Candidates(
        np.array([1]),
        np.array([30, 20, 10]),
        np.zeros(3, np.int64),
        np.arange(3),
        np.array([0.5, 0.5, 0.7]),
        np.array([0.5, 0.5, 0.7]),
        np.array([0.5, 0.5, 0.7]),
    )
    left, right = Allocation(0.1).fit(candidates, [2], [1, 1, 1]).lists(4)
    assert left.tolist() == [[2, 1, 0, -1]] and right.tolist() == [[0, -1, -1, -1]] * 3


def _side(ids: list[int], lists: list[list[int]], values: list[list[float]]) -> RankedSide:
    table = np.array(values)
    return RankedSide(np.array(ids), np.array(lists), table, table, table / 2, table, table)


def test_candidates_are_the_union_of_both_sides_lists_each_pair_once() -> None:
    ranking = Ranking(
        left=_side([1, 2], [[7, 8], [7, -1]], [[0.9, 0.8], [0.7, np.nan]]),
        right=_side([7, 8], [[1, -1], [2, 1]], [[0.9, np.nan], [0.6, 0.8]]),
        k=2,
        fusion="harmonic",
        feature_version="",
        pairs_scored=4,
    )
    found = Candidates.of(ranking)
    assert list(zip(found.rows.tolist(), found.cols.tolist(), strict=True)) == [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
    ]
    assert found.scores.tolist() == [0.9, 0.8, 0.7, 0.6]
    assert found.left_preference[:3].tolist() == [0.9, 0.8, 0.7]  # outgoing of the left list
    # Found in the right list only: its incoming is left's
    assert (found.left_preference[3], found.right_preference[3]) == (0.3, 0.6)


def test_empty_sides_and_no_candidates_give_empty_results() -> None:
    none = np.zeros(0, np.int64)
    empty = Candidates(none, none, none, none, none + 0.0, none + 0.0, none + 0.0)
    assert len(Allocation().fit(empty, none, none).mass_) == 0
    lonely = Candidates(
        np.array([1, 2]), np.array([3]), none, none, none + 0.0, none + 0.0, none + 0.0
    )
    left, right = Allocation().fit(lonely, [1, 1], [1]).lists(2)
    assert (left == -1).all() and left.shape == (2, 2) and (right == -1).all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"left_capacity": [1, 1]}, "left capacities must be 3"),
        ({"right_capacity": [1, -1, 1]}, "not negative"),
        ({"left_capacity": [1, np.nan, 1]}, "finite"),
        ({"beta_market": 0.001}, "too small"),
    ],
)
def test_bad_input_is_refused_with_the_reason(changes: dict[str, object], words: str) -> None:
    values: dict[str, object] = {
        "left_capacity": [1, 1, 1],
        "right_capacity": [1, 1, 1],
        "beta_market": 0.05,
    } | changes
    with pytest.raises(ValueError, match=words):
        Allocation(values["beta_market"]).fit(
            make_candidates(1, 3, 3, 1.0), values["left_capacity"], values["right_capacity"]
        )  # type: ignore[arg-type]


def test_bad_parameters_and_use_before_fit_are_refused() -> None:
    for bad in (
        {"beta_market": 0},
        {"beta_market": np.nan},
        {"floor": -1},
        {"outside": 2},
        {"tolerance": 0},
    ):
        with pytest.raises(ValueError, match=r"positive|lie in"):
            Allocation(**bad)
    with pytest.raises(NotFittedError):
        Allocation().lists(3)
    with pytest.raises(ConvergenceError, match="raise beta_market"):
        Allocation(0.01, max_iterations=1).fit(make_candidates(1, 5, 5), np.ones(5), np.ones(5))
    one = np.zeros(2, np.int64)
    with pytest.raises(ValueError, match="twice"):
        Candidates(one[:1], one[:1], one, one, one + 0.5, one + 0.5, one + 0.5)


@settings(max_examples=at_length(20, 80), deadline=None)
@given(problem=problems)
def test_choice_keeps_limits_leaves_nobody_out_and_chooses_the_same_again(
    problem: tuple[int, int, int, float],
) -> None:
    candidates = make_candidates(*problem)
    left, right = capacities(*problem[:3])
    mass = Allocation(0.05).fit(candidates, left, right).mass_
    plain = choose_pairs(candidates, mass, left, right, floor=False)
    loads = [
        np.bincount(at[plain], minlength=len(limit))
        for at, limit in ((candidates.rows, left), (candidates.cols, right))
    ]
    assert (loads[0] <= left).all() and (loads[1] <= right).all()
    free = (loads[0] < left)[candidates.rows] & (loads[1] < right)[candidates.cols]
    assert not (free & ~plain).any()  # nothing left over that both had room for
    floored = choose_pairs(candidates, mass, left, right)
    assert set(candidates.rows[floored]) == set(candidates.rows) and set(
        candidates.cols[floored]
    ) == set(candidates.cols)
    capped = choose_pairs(candidates, mass, left, right, most=2)
    for at, limit in ((candidates.rows, left), (candidates.cols, right)):
        assert (np.bincount(at[capped], minlength=len(limit)) <= np.maximum(limit, 2)).all()
    assert (
        choose_pairs(candidates, mass, left, right, shown=plain, keep=3.0, floor=False) == plain
    ).all()


@settings(max_examples=at_length(20, 80), deadline=None)
@given(problem=problems, seed=st.integers(0, 2**32 - 1))
def test_closed_pairs_take_nothing_from_others_and_free_only_who_closed_them(
    problem: tuple[int, int, int, float], seed: int
) -> None:
    candidates = make_candidates(*problem)
    left, right = capacities(*problem[:3])
    mass = Allocation(0.05).fit(candidates, left, right).mass_
    rng = np.random.default_rng(seed)
    fixed = choose_pairs(candidates, mass, left, right, floor=False)
    by_left, by_right = (fixed & (rng.random(len(fixed)) < 0.4) for _ in range(2))
    unaware = choose_pairs(candidates, mass, left, right, fixed=fixed)
    chosen = choose_pairs(
        candidates, mass, left, right, fixed=fixed, left_closed=by_left, right_closed=by_right
    )
    assert (chosen >= unaware).all()
    closers_left, closers_right = set(candidates.rows[by_left]), set(candidates.cols[by_right])
    for at in np.flatnonzero(chosen & ~unaware):
        assert candidates.rows[at] in closers_left or candidates.cols[at] in closers_right


def test_who_closed_its_only_pair_gets_another_and_the_other_side_does_not() -> None:
    candidates = make_candidates(1, 2, 2, 1.0)
    order = [(int(r), int(c)) for r, c in zip(candidates.rows, candidates.cols, strict=True)]
    mass = np.ones(4)
    fixed = np.array([pair in ((0, 0), (1, 1)) for pair in order])
    closed = np.array([pair == (0, 0) for pair in order])
    chosen = choose_pairs(candidates, mass, [1, 1], [9, 9], fixed=fixed, left_closed=closed)
    assert {pair for pair, is_in in zip(order, chosen, strict=True) if is_in} == {
        (0, 0),
        (1, 1),
        (0, 1),
    }
    with pytest.raises(ValueError, match="only fixed pairs"):
        choose_pairs(candidates, mass, [1, 1], [9, 9], left_closed=closed)


def test_shown_pairs_are_favoured_fixed_ones_stay_and_limits_of_zero_get_nothing() -> None:
    candidates = make_candidates(1, 1, 3, 1.0)
    mass = np.array([1.0, 1.2, 2.0])
    shown = np.array([True, False, False])
    assert choose_pairs(candidates, mass, [1], [1, 1, 1], floor=False).tolist() == [
        False,
        False,
        True,
    ]
    assert choose_pairs(
        candidates, mass[:3] * [1, 1, 0.7], [1], [1, 1, 1], shown=shown, keep=1.5, floor=False
    ).tolist() == [
        True,
        False,
        False,
    ]
    assert choose_pairs(candidates, mass, [1], [1, 1, 1], fixed=shown, floor=False).tolist() == [
        True,
        False,
        False,
    ]
    assert not choose_pairs(candidates, mass, [0], [1, 1, 1]).any()
    with pytest.raises(ValueError, match="left_limit has 2"):
        choose_pairs(candidates, mass, [1, 1], [1, 1, 1])


# Lists that maximise a welfare.


def _welfare(pairs: Candidates, looks: SparseLooks, alpha: float) -> tuple[float, float]:
    """Of the left and of the right side, by the definition."""
    matches = pairs.left_preference * pairs.right_preference * looks.left * looks.right
    sides = []
    for owners in (pairs.rows, pairs.cols):
        expected = np.bincount(owners, matches)
        sides.append(float((np.log(expected) if alpha == 0 else expected**alpha / alpha).sum()))
    return sides[0], sides[1]


def _two_orders(pairs: Candidates, first: Sequence[float], owners: IntArray) -> np.ndarray:
    """Looks of owners of two candidates each, the first of whom is on top with a probability."""
    looks = np.empty(len(pairs))
    for owner, chance in enumerate(first):
        looks[owners == owner] = (1 + chance) / 2, (2 - chance) / 2
    return looks


@pytest.mark.parametrize(("seed", "alpha"), one_in(4, product([1, 2, 3], [0.0, 0.5, 1.0])))
def test_no_lists_of_either_side_alone_would_do_better(alpha: float, seed: int) -> None:
    """On two by two, over a grid of all policies: each side's lists are the other's best."""
    pairs, two = _complete(seed, 2, 2), np.array([2, 2])
    found = WelfareLists(alpha, steps=3000, rate=0.01).fit(pairs, two, two).looks_
    reached, grid = _welfare(pairs, found, alpha), np.linspace(0, 1, 41)
    for first in product(grid, grid):
        right = SparseLooks(found.left, _two_orders(pairs, first, pairs.cols))
        left = SparseLooks(_two_orders(pairs, first, pairs.rows), found.right)
        assert _welfare(pairs, right, alpha)[0] <= reached[0] + 0.02
        assert _welfare(pairs, left, alpha)[1] <= reached[1] + 0.02


@pytest.mark.parametrize("seed", one_in(4, range(4)))
def test_social_welfare_finds_a_good_optimum_among_all_orders(seed: int) -> None:
    """Three by three: every order of every list is tried."""
    pairs, three = _complete(seed, 3, 3), np.full(3, 3)
    wanted = (pairs.left_preference * pairs.right_preference).reshape(3, 3)
    orders = np.array(list(product(permutations(1 / np.arange(1.0, 4.0)), repeat=3)))
    left = orders  # (216, 3, 3) by row
    right = orders.transpose(0, 2, 1)
    most = float(np.einsum("ij,aij,bij->ab", wanted, left, right).max())
    looks = WelfareLists(1.0, steps=300).fit(pairs, three, three).looks_
    assert _welfare(pairs, looks, 1.0)[0] >= 0.9 * most


def test_lists_fill_their_places_and_sinkhorn_comes_near_the_sorted_lists() -> None:
    pairs = _complete(5, 6, 8)
    left, right = np.array([2, 3, 1, 8, 9, 4]), np.full(8, 3)
    exact = WelfareLists(0.0).fit(pairs, left, right).looks_
    smooth = WelfareLists(0.0, sharpness=200.0, rounds=300).fit(pairs, left, right).looks_
    for looks in (exact, smooth):
        filled = np.bincount(pairs.rows, looks.left)
        expected = [sum(1 / (k + 1) for k in range(min(places, 8))) for places in left]
        assert filled == pytest.approx(expected, abs=0.05)
        assert (looks.left <= 1 + 1e-9).all() and (looks.right >= -1e-12).all()
    assert _welfare(pairs, smooth, 0.0)[0] == pytest.approx(_welfare(pairs, exact, 0.0)[0], abs=0.5)


def test_welfare_refuses_what_it_cannot_use() -> None:
    with pytest.raises(ValueError, match="alpha_welfare lies in"):
        WelfareLists(1.5)
    with pytest.raises(ValueError, match="whole numbers from 1"):
        WelfareLists(0.5, steps=0)
    pairs = _complete(1, 2, 2)
    with pytest.raises(ValueError, match="left places must be 2"):
        WelfareLists(0.5).fit(pairs, np.array([1]), np.array([1, 1]))


def _complete(seed: int, n: int, m: int) -> Candidates:
    rng = np.random.default_rng(seed)
    rows, cols = (index.ravel() for index in np.indices((n, m)))
    forth, back = rng.random((2, n * m))
    return Candidates(np.arange(n), np.arange(m) + 100, rows, cols, forth, back, forth * back)
