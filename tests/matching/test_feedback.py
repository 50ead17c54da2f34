"""Weights learned from decisions: they move toward what decisions show, no further than these
carry, and say how well they do. Below, the metrics of probabilities, rankings and evenness.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn import metrics

from matching.facets import FACET_NAMES, FACETS
from matching.feedback import DirectionalDecision, TooFewDecisionsError, fit_weights
from matching.metrics import (
    RankingMeasures,
    Recovered,
    brier_score,
    expected_calibration_error,
    gini,
    log_loss,
    reliability,
)
from matching.weights import Weights

DEFAULTS = {facet.name: facet.default_importance for facet in FACETS}


def _decisions(
    count: int, *, truth: dict[str, float], seed: int = 0, slope: float = 8.0
) -> list[DirectionalDecision]:
    """Communities that decide by true weights of their own."""
    rng = np.random.default_rng(seed)
    in_use = np.array([Weights().unit[facet] for facet in FACET_NAMES])
    true = np.array([truth.get(facet, Weights().unit[facet]) for facet in FACET_NAMES])
    importance = np.array([DEFAULTS[facet] for facet in FACET_NAMES])
    made = []
    for at in range(count):
        known = rng.random(len(FACET_NAMES)) < 0.8
        lift = rng.normal(0.0, 0.7, len(FACET_NAMES)) * known
        shown = importance * lift / ((in_use * importance * known).sum() + 2)
        interested = bool(rng.random() < expit(slope * shown @ true))
        made.append(
            DirectionalDecision(
                int(rng.integers(1, 60)),
                at,
                interested,
                dict(zip(FACET_NAMES, (shown * in_use).tolist(), strict=True)),
                Weights().unit,
                "" if interested else "no_fit",
            )
        )
    return made


def _moved(weights: Weights) -> float:
    return max(abs(value - Weights().unit[facet]) for facet, value in weights.unit.items())


def test_facets_that_decide_gain_weight_and_ignored_ones_lose_it() -> None:
    decisions = _decisions(3000, truth={"sectors": 4.0, "ties": 0.0, "challenges": 0.0})
    learned, report = fit_weights(decisions, Weights(), version="learned-1")
    before = Weights().unit
    assert learned.unit["sectors"] > 2 * before["sectors"]
    assert learned.unit["ties"] < 0.45 * before["ties"]
    assert learned.unit["challenges"] < 0.45 * before["challenges"]
    assert min(learned.unit.values()) >= 0 and learned.version == "learned-1"
    assert report.is_better and report.decisions == 3000 and report.communities == 59
    assert report.learned_by_time.log_loss < report.in_use_by_time.log_loss


def test_few_decisions_or_a_strong_pull_leave_the_prior_weights_nearly_as_they_were() -> None:
    decisions = _decisions(60, truth={"sectors": 4.0})
    few, _ = fit_weights(decisions, Weights(), version="a")
    held, _ = fit_weights(decisions, Weights(), version="b", pull=1e6)
    assert _moved(few) < 0.7
    assert _moved(held) < 1e-3


def test_decisions_by_the_weights_in_use_or_by_chance_improve_nothing() -> None:
    for seed in (1, 2):
        by_chance = _decisions(400, truth={}, slope=0.0, seed=seed)
        learned, report = fit_weights(by_chance, Weights(), version="x")
        assert not report.is_better
        assert _moved(learned) < 0.7


def test_declines_for_other_reasons_than_fit_teach_nothing() -> None:
    decisions = _decisions(300, truth={"sectors": 3.0})
    full = [
        DirectionalDecision(d.community_id, d.at, False, d.shares, d.units, reason)
        for d, reason in zip(decisions[:20], ["no_capacity", "country"] * 10, strict=True)
    ]
    plain, report = fit_weights(decisions, Weights(), version="x")
    again, with_full = fit_weights([*decisions, *full], Weights(), version="x")
    assert again.unit == plain.unit and with_full.decisions == report.decisions == 300
    assert dict(with_full.left_out) == {"country": 10, "no_capacity": 10}


def test_result_does_not_depend_on_the_order_of_decisions() -> None:
    decisions = _decisions(200, truth={"themes": 3.0})
    assert fit_weights(decisions, Weights(), version="x") == fit_weights(
        decisions[::-1], Weights(), version="x"
    )


def test_too_few_or_broken_decisions_are_refused_with_the_reason() -> None:
    decisions = _decisions(60, truth={})
    with pytest.raises(TooFewDecisionsError, match="learning needs 40"):
        fit_weights(decisions[:30], Weights(), version="x")
    with pytest.raises(TooFewDecisionsError):
        fit_weights([d for d in decisions * 3 if d.interested], Weights(), version="x")
    for shares, words in (
        ({"sectors": float("nan")}, "not a finite number"),
        ({"charm": 0.5}, "unknown facets: charm"),
    ):
        broken = DirectionalDecision(1, 0, True, shares, Weights().unit)
        with pytest.raises(ValueError, match=words):
            fit_weights([*decisions, broken], Weights(), version="x")
    with pytest.raises(ValueError, match="pull"):
        fit_weights(decisions, Weights(), version="x", pull=0)


# Metrics of rankings, probabilities and evenness.

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


def test_standard_errors_are_those_of_a_share_of_queries_not_of_their_runs() -> None:
    hit, miss = (recovered([3.0] + [1.0] * 60 + [0.5], relevant=[at]) for at in (0, 61))
    run = [hit] * 100 + [miss] * 300
    errors = RankingMeasures.standard_errors([run, run])
    assert errors.hit_at_50 == pytest.approx(np.sqrt(0.25 * 0.75 / 400), rel=0.2)
    assert RankingMeasures.standard_errors([[hit] * 9]).hit_at_10 == 0.0
    assert RankingMeasures.mean([RankingMeasures.of(run)] * 3) == RankingMeasures.of(run)


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
