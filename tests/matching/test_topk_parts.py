"""Parts of the ranking that have a plain equal: looking up positions, and sums that agree to the
last bit whoever adds them up.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.topk import sums
from matching.topk.warm import Positions, positions_of
from matching.types import Factors
from tests.matching.topk_problems import random_problem

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
    for table in (factors.numerator_left, factors.numerator_right):
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
    pairs = sums.numerators(factors, np.repeat(rows, 5), table.ravel()).reshape(table.shape)
    np.testing.assert_array_equal(pairs, one_by_one)
    np.testing.assert_array_equal(sums.numerator_table(factors, rows, table, None), one_by_one)
    np.testing.assert_array_equal(
        sums.numerator_table(factors, rows, table, sums._sparse(factors.numerator_right)),
        one_by_one,
    )
    columns = np.ascontiguousarray(factors.numerator_right.T)
    each = [
        sums.numerators_of_row(factors.numerator_left[row], columns, cols)
        for row, cols in zip(rows, table, strict=True)
    ]
    np.testing.assert_array_equal(np.array(each), one_by_one)


def _plain_sum(factors: Factors, row: int, col: int) -> float:
    total = 0.0
    for one, other in zip(
        factors.numerator_left[row].tolist(), factors.numerator_right[col].tolist(), strict=True
    ):
        total += one * other
    return total
