"""The exact top-k of both sides against a brute-force oracle, and its parts."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from matching.topk import (
    FUSIONS,
    admission,
    checks,
    operands,
    pairs,
    ranking,
    top_k,
)
from matching.topk.lists import Positions, positions_of
from matching.types import Factors, PairProblem, Ranking
from tests.division import at_length, one_in
from tests.matching.problems import (
    assert_exact,
    no_exceptions,
    random_problem,
    with_groups,
    without_eligibility,
)

# Both sides' k best against a brute-force oracle.


problems = st.builds(
    random_problem,
    seed=st.integers(0, 10_000),
    n_left=st.integers(0, 40),
    n_right=st.integers(0, 60),
    levels=st.sampled_from([None, 1, 2, 4]),
    size=st.sampled_from([1e-9, 0.1, 1.0, 30.0]),
    eligible=st.sampled_from([0.0, 0.1, 0.66, 1.0]),
    floor=st.sampled_from([0.0, 0.35, 0.8, 1.0]),
    exceptions=st.integers(0, 9),
)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks so small that a test problem has many of them."""
    monkeypatch.setattr(ranking, "BLOCK", (8, 16))


def same(a: Ranking, b: Ranking) -> bool:
    return all(
        np.array_equal(getattr(x, name), getattr(y, name), equal_nan=True)
        for x, y in ((a.left, b.left), (a.right, b.right))
        for name in (
            "ids",
            "counterpart_ids",
            "scores",
            "outgoing",
            "incoming",
            "outgoing_coverage",
            "incoming_coverage",
        )
    )


@given(problem=problems, k=st.integers(1, 70), fusion=st.sampled_from(FUSIONS))
@pytest.mark.at_length
@settings(max_examples=at_length(50, 150), deadline=None)
def test_equals_the_oracle(problem: PairProblem, k: int, fusion: str) -> None:
    assert_exact(top_k(problem, k, fusion=fusion), problem)


@pytest.mark.parametrize(("fusion", "seed"), one_in(5, itertools.product(FUSIONS, range(24))))
def test_equals_the_oracle_over_many_blocks(seed: int, fusion: str, small_blocks: None) -> None:
    problem = random_problem(
        seed,
        50 + seed,
        130,
        levels=(None, 1, 2, 4)[seed % 4],
        size=(1.0, 0.1, 20.0)[seed % 3],
        exceptions=seed % 7,
    )
    assert_exact(top_k(problem, 1 + seed % 9, fusion=fusion, threads=1 + seed % 3), problem)


@pytest.mark.parametrize(
    ("shape", "seed"), one_in(5, itertools.product([(90, 160), (160, 70)], range(24)))
)
def test_closed_groups_and_rare_dimensions_lose_nothing(
    seed: int, shape: tuple[int, int], small_blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "_NARROW", 8)
    monkeypatch.setattr(operands, "_RARE", (0.05, 0.02)[seed % 2])
    problem = random_problem(seed, *shape, levels=(None, 2)[seed % 2], exceptions=seed % 5)
    problem = with_groups(problem, seed)
    found = top_k(problem, 1 + seed % 9, fusion=FUSIONS[seed % 4])
    assert_exact(found, problem)
    assert_exact(top_k(problem, 1 + seed % 9, fusion=FUSIONS[seed % 4], warm=found), problem)


def test_columns_may_be_fewer_than_rows(small_blocks: None) -> None:
    problem = random_problem(3, 200, 70, facets=5)
    assert_exact(top_k(problem, 5), problem)


@given(problem=problems, earlier=problems, k=st.integers(1, 12))
@example(problem=random_problem(1, 6, 9), earlier=random_problem(1, 6, 0), k=2)
@example(problem=random_problem(1, 6, 0), earlier=random_problem(1, 6, 9), k=2)
@example(problem=random_problem(1, 0, 9), earlier=random_problem(1, 6, 9), k=2)
@pytest.mark.at_length
@settings(max_examples=at_length(25, 80), deadline=None)
def test_an_earlier_ranking_changes_nothing(
    problem: PairProblem, earlier: PairProblem, k: int
) -> None:
    assert same(top_k(problem, k, warm=top_k(earlier, k)), top_k(problem, k))


@pytest.mark.parametrize("seed", one_in(5, range(12)))
def test_many_blocks_from_an_earlier_ranking(seed: int, small_blocks: None) -> None:
    problem = random_problem(seed, 80, 250, facets=5, levels=(None, 4)[seed % 2])
    earlier = random_problem(seed + seed % 3, 80, 250, facets=5, levels=(None, 4)[seed % 2])
    assert_exact(top_k(problem, 6, warm=top_k(earlier, 6)), problem)


def test_the_result_depends_neither_on_threads_nor_on_memory_nor_on_repetition(
    small_blocks: None,
) -> None:
    problem = random_problem(11, 70, 300, levels=2, facets=4)
    first = top_k(problem, 7, threads=1)
    for threads, max_bytes in ((2, 256 * 2**20), (3, 8 * 2**20), (2, 256 * 2**20)):
        assert same(first, top_k(problem, 7, threads=threads, max_bytes=max_bytes))


def test_all_equal_scores_are_ordered_by_id(small_blocks: None) -> None:
    problem = without_eligibility(random_problem(1, 30, 90, levels=1, floor=0.0, exceptions=0))
    factors = [
        replace(f, gain_left=f.gain_left * 0, presence_left=f.presence_left * 0 + 1)
        for f in (problem.left_to_right, problem.right_to_left)
    ]
    problem = replace(
        problem, left_to_right=factors[0], right_to_left=factors[1], exceptions=no_exceptions()
    )
    factors = [
        replace(f, presence_right=f.presence_right * 0 + 1, total_weight=f.total_weight * 0 + 3)
        for f in factors
    ]
    problem = replace(problem, left_to_right=factors[0], right_to_left=factors[1])
    found = top_k(problem, 10)
    assert found.left.counterpart_ids.tolist() == [sorted(problem.right_ids.tolist())[:10]] * 30
    assert found.right.counterpart_ids.tolist() == [sorted(problem.left_ids.tolist())[:10]] * 90


def test_sides_without_suggestions_are_empty() -> None:
    for problem in (
        random_problem(0, 0, 5),
        random_problem(0, 5, 0),
        random_problem(0, 0, 0),
        random_problem(0, 5, 8, eligible=0.0),
    ):
        found = top_k(problem, 3)
        assert found.left.counterpart_ids.shape == (len(problem.left_ids), 3)
        assert (found.left.counterpart_ids == -1).all()
        assert np.isnan(found.right.scores).all()


def test_bad_input_is_named() -> None:
    problem = random_problem(0, 5, 8)
    with pytest.raises(ValueError, match="k must be at least 1"):
        top_k(problem, 0)
    with pytest.raises(ValueError, match="unknown fusion 'geometric'"):
        top_k(problem, 3, fusion="geometric")
    with pytest.raises(ValueError, match="right_ids must be unique"):
        top_k(replace(problem, right_ids=problem.right_ids * 0), 3)
    with pytest.raises(ValueError, match="max_bytes"):
        top_k(problem, 3, max_bytes=1000)
    spoilt = problem.left_to_right.gain_left.copy()
    spoilt[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"left_to_right.gain_left holds NaN or infinity in row 3"):
        top_k(replace(problem, left_to_right=replace(problem.left_to_right, gain_left=spoilt)), 3)
    with pytest.raises(ValueError, match="presence_right must not be negative"):
        top_k(
            replace(
                problem,
                left_to_right=replace(
                    problem.left_to_right, presence_right=-1 - problem.left_to_right.presence_right
                ),
            ),
            3,
        )


# Parts of the ranking that have a plain equal: looking up positions, and sums that agree to the
# last bit in whatever order they are added.


_ANYTHING = st.integers(-(2**62), 2**62)
_NEAR = st.integers(0, 60)


@pytest.mark.parametrize(
    "kind",
    [_NEAR, st.integers(-30, 30), _ANYTHING, st.one_of(_NEAR, _ANYTHING)],
    ids=["dense", "signed", "far", "mixed"],
)
@settings(deadline=None)
@given(data=st.data())
def test_positions_are_those_of_a_dictionary(
    kind: st.SearchStrategy[int], data: st.DataObject
) -> None:
    ids = data.draw(st.lists(kind, unique=True, max_size=30))
    wanted = data.draw(
        st.lists(st.one_of(kind, _ANYTHING, st.sampled_from(ids or [0])), max_size=30)
    )
    at = {number: position for position, number in enumerate(ids)}
    expected = [at.get(number, -1) for number in wanted]
    given_ids, asked = np.array(ids, dtype=np.int64), np.array(wanted, dtype=np.int64)
    assert Positions(given_ids).of(asked).tolist() == expected
    assert positions_of(given_ids, asked).tolist() == expected
    twofold = np.stack([asked, asked[::-1]])
    assert Positions(given_ids).of(twofold).tolist() == [expected, expected[::-1]]


def _factors(seed: int, filled: float) -> Factors:
    """Factors of which a share ``filled`` is not zero, with values whose sums depend on the order
    in which they are added.
    """
    factors = random_problem(seed, 40, 30, levels=None).left_to_right
    randomness = np.random.default_rng(seed)
    for table in (factors.gain_left, factors.gain_right):
        table[...] = randomness.normal(size=table.shape).astype(
            np.float32
        ) * 10.0 ** randomness.integers(-6, 6, size=table.shape)
        table[randomness.random(table.shape) > filled] = 0
    return factors


@pytest.mark.parametrize("filled", [0.0, 0.05, 0.3, 1.0])
@settings(deadline=None)  # the first one imports scipy
@given(seed=st.integers(0, 10_000))
def test_every_way_of_adding_up_gives_the_same_bits(filled: float, seed: int) -> None:
    """A community's score must not depend on whether a pass, a table or an update came upon the
    pair.
    """
    factors = _factors(seed, filled)
    randomness = np.random.default_rng(seed)
    rows, table = randomness.integers(0, 40, size=7), randomness.integers(0, 30, size=(7, 5))
    one_by_one = np.array(
        [
            [_plain_sum(factors, row, col) for col in cols]
            for row, cols in zip(rows, table, strict=True)
        ]
    )
    summed = pairs.gains(factors, np.repeat(rows, 5), table.ravel()).reshape(table.shape)
    np.testing.assert_array_equal(summed, one_by_one)
    # Sparse are the rows of the smaller side, be it the left or the right one
    problem = replace(random_problem(seed, 40, 30), left_to_right=factors)
    back = checks.transposed(problem)
    of_right, of_left = pairs.SparseRows(problem), pairs.SparseRows(back)
    for view in (of_right, of_left.exchanged(problem)):
        np.testing.assert_array_equal(view.gains(rows, table)[0], one_by_one)
    for view in (of_left, of_right.exchanged(back)):
        found = view.gains(table.ravel(), np.repeat(rows, 5)[:, None])[1]
        np.testing.assert_array_equal(found.reshape(table.shape), one_by_one)
    each = [
        pairs.gains_of_row(factors.gain_left[row], factors.gain_right, cols)
        for row, cols in zip(rows, table, strict=True)
    ]
    np.testing.assert_array_equal(np.array(each), one_by_one)


def _plain_sum(factors: Factors, row: int, col: int) -> float:
    total = 0.0
    for one, other in zip(
        factors.gain_left[row].tolist(), factors.gain_right[col].tolist(), strict=True
    ):
        total += one * other
    return total
