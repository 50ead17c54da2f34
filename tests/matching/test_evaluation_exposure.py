from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.evaluation.exposure import coverage, exposure, gini


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=30))
def test_gini_is_the_mean_absolute_difference_over_twice_the_mean(values: list[float]) -> None:
    x = np.array(values)
    expected = np.abs(x[:, None] - x[None, :]).mean() / (2 * x.mean()) if x.sum() > 1e-6 else None
    if expected is not None:
        assert gini(x) == pytest.approx(expected, abs=1e-9)


def test_gini_of_equal_and_of_one_who_has_all() -> None:
    assert gini(np.full(5, 3.0)) == pytest.approx(0.0)
    assert gini(np.array([0.0, 0.0, 0.0, 8.0])) == pytest.approx(0.75)
    assert gini(np.zeros(3)) == 0.0


@pytest.mark.parametrize("values", [[], [1.0, -1.0], [float("nan")]])
def test_gini_refuses_what_is_no_amount(values: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one amount"):
        gini(np.array(values))


def test_exposure_adds_the_reciprocal_rank_and_ignores_padding() -> None:
    lists = np.array([[2, 0, -1], [2, -1, -1], [-1, -1, -1]])
    assert exposure(lists, 4).tolist() == [0.5, 0.0, 2.0, 0.0]
    assert coverage(lists) == pytest.approx(2 / 3)


def test_exposure_refuses_an_unknown_counterpart() -> None:
    with pytest.raises(ValueError, match="below 2"):
        exposure(np.array([[2]]), 2)


def test_nobody_to_suggest_to_is_no_coverage() -> None:
    assert coverage(np.empty((0, 3), dtype=np.int64)) == 0.0
