"""Metrics of rankings, probabilities and exposure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from matching.metrics import (
    RankingMeasures,
    Recovered,
    brier_score,
    coverage,
    expected_calibration_error,
    exposure,
    gini,
    log_loss,
    reliability,
)

NONE = np.empty(0, dtype=np.int64)


def recovered(
    scores: list[float], relevant: list[int], ignored: list[int] | None = None
) -> Recovered:
    return Recovered.of(
        np.array(scores),
        np.array(relevant, dtype=np.int64),
        np.array(ignored or [], dtype=np.int64),
        np.random.default_rng(0),
    )


def test_ranks_count_all_better_items_best_relevant_first() -> None:
    found = recovered([0.9, 0.1, 0.8, 0.7, 0.2], relevant=[3, 0])
    assert found.ranks.tolist() == [1, 3]
    assert found.above.tolist() == [0, 1]
    assert found.others == 3


def test_items_of_unknown_label_neither_help_nor_outrank() -> None:
    assert recovered([0.1, 0.9, 0.5], relevant=[2], ignored=[1]).ranks.tolist() == [1]
    assert recovered([0.1, 0.9, 0.5], relevant=[2]).ranks.tolist() == [2]


def test_measures_of_a_list_known_by_hand() -> None:
    # Ranks 2 and 4, one and two of two others above
    found = recovered([5.0, 4.0, 3.0, 2.0], relevant=[1, 3])
    measures = RankingMeasures.of([found])
    assert measures.mrr == 0.5
    assert measures.hit_at_10 == 1.0
    assert found.hit_at(1) == 0.0
    assert found.recall_at(2) == 0.5
    assert found.ndcg_at(4) == pytest.approx(
        (1 / np.log2(3) + 1 / np.log2(5)) / (1 + 1 / np.log2(3))
    )
    assert measures.percentile == 75.0
    assert measures.auc == 0.25


def test_means_are_over_cities_but_auc_and_percentile_over_pairs() -> None:
    best = recovered([3.0, 2.0, 1.0], relevant=[0])
    worst = recovered([3.0, 2.0, 1.0, 0.5], relevant=[2, 3])
    measures = RankingMeasures.of([best, worst])
    assert measures.mrr == pytest.approx((1 + 1 / 3) / 2)
    assert measures.auc == pytest.approx(1 / 3)
    assert measures.percentile == 100.0


def test_equal_scores_are_chance_not_success() -> None:
    rng = np.random.default_rng(7)
    queries = [Recovered.of(np.zeros(50), np.array([4]), NONE, rng) for _ in range(400)]
    assert RankingMeasures.of(queries).auc == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("scores", "relevant", "message"),
    [
        ([1.0, float("nan")], [0], "NaN"),
        ([1.0, 2.0], [], "at least one relevant"),
        ([1.0, 2.0], [0, 1], "one other"),
    ],
)
def test_a_query_that_cannot_be_measured_says_why(
    scores: list[float], relevant: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        recovered(scores, relevant)


def test_no_query_is_an_error() -> None:
    with pytest.raises(ValueError, match="no query"):
        RankingMeasures.of([])


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=40, unique=True), st.data())
def test_auc_is_the_share_of_pairs_in_order(scores: list[int], data: st.DataObject) -> None:
    relevant = data.draw(
        st.lists(st.integers(0, len(scores) - 1), min_size=1, max_size=len(scores) - 1, unique=True)
    )
    others = [s for i, s in enumerate(scores) if i not in relevant]
    expected = np.mean([scores[r] > other for r in relevant for other in others])
    assert RankingMeasures.of(
        [recovered([float(s) for s in scores], relevant)]
    ).auc == pytest.approx(expected)


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
