from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from matching.evaluation.calibration import (
    brier_score,
    expected_calibration_error,
    log_loss,
    reliability,
)

OUTCOMES = st.lists(st.tuples(st.floats(0.001, 0.999), st.integers(0, 1)), min_size=1, max_size=60)


@given(OUTCOMES)
def test_brier_and_log_loss_agree_with_scikit_learn(drawn: list[tuple[float, int]]) -> None:
    p, y = np.array([a for a, _ in drawn]), np.array([float(b) for _, b in drawn])
    assert brier_score(p, y) == pytest.approx(metrics.brier_score_loss(y, p, pos_label=1))
    assert log_loss(p, y) == pytest.approx(metrics.log_loss(y, p, labels=[0, 1]))


@given(OUTCOMES)
def test_reliability_keeps_every_prediction_once(drawn: list[tuple[float, int]]) -> None:
    p, y = np.array([a for a, _ in drawn]), np.array([float(b) for _, b in drawn])
    table = reliability(p, y, bins=5)
    assert sum(b.count for b in table) == len(p)
    assert sum(b.count * b.predicted for b in table) == pytest.approx(p.sum())
    assert [b.predicted for b in table] == sorted(b.predicted for b in table)


def test_a_certainty_that_proves_wrong_is_costly_but_finite() -> None:
    assert log_loss(np.array([0.0]), np.array([1.0])) == pytest.approx(-np.log(1e-12))


def test_calibration_error_is_zero_only_when_the_shares_come_true() -> None:
    outcome = np.array([1.0, 0.0, 0.0, 0.0])
    assert expected_calibration_error(np.full(4, 0.25), outcome) == pytest.approx(0.0)
    assert expected_calibration_error(np.full(4, 0.75), outcome) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("probability", "outcome", "message"),
    [
        ([1.2], [1.0], r"\[0, 1\]"),
        ([float("nan")], [1.0], r"\[0, 1\]"),
        ([0.5], [2.0], "0 or 1"),
        ([0.5], [1.0, 0.0], "equally long"),
        ([], [], "non-empty"),
    ],
)
def test_values_that_are_no_probabilities_are_refused(
    probability: list[float], outcome: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        brier_score(np.array(probability), np.array(outcome))
