"""What the correction for hubs promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from matching.recovery.hubs import without_hubs

scores = arrays.arrays(
    np.float64, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.floats(-30, 30)
)


def test_a_place_that_suits_everybody_gives_way_to_one_that_suits_this_city() -> None:
    given_scores = np.array([[1.0, 0.9], [1.0, -3.0], [1.0, -3.0]])
    assert given_scores[0].argmax() == 0
    assert without_hubs(given_scores)[0].argmax() == 1


@given(scores)
def test_within_a_place_the_order_of_cities_stays(given_scores: np.ndarray) -> None:
    corrected = without_hubs(given_scores)
    assert corrected.shape == given_scores.shape
    np.testing.assert_allclose(
        corrected - corrected[:1], given_scores - given_scores[:1], atol=1e-9
    )


@given(scores)
def test_one_city_alone_keeps_its_order(given_scores: np.ndarray) -> None:
    np.testing.assert_allclose(
        without_hubs(given_scores[:1], 0.4), 0.6 * given_scores[:1], atol=1e-9
    )


@given(scores, st.floats(-5, 5))
def test_a_place_raised_for_all_is_raised_by_the_rest_of_the_share_alone(
    given_scores: np.ndarray, raised: float
) -> None:
    shifted = given_scores.copy()
    shifted[:, 0] += raised
    np.testing.assert_allclose(
        (without_hubs(shifted, 0.25) - without_hubs(given_scores, 0.25))[:, 0],
        0.75 * raised,
        atol=1e-9,
    )


@given(scores)
def test_no_share_changes_nothing(given_scores: np.ndarray) -> None:
    np.testing.assert_array_equal(without_hubs(given_scores, 0.0), given_scores)


def test_wrong_input_is_named() -> None:
    with pytest.raises(ValueError, match="share"):
        without_hubs(np.zeros((1, 1)), 1.5)
    with pytest.raises(ValueError, match="NaN"):
        without_hubs(np.array([[np.nan]]))
    assert without_hubs(np.empty((0, 3))).shape == (0, 3)
