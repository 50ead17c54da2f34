from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.evaluation.ranking import RankingMeasures, Recovered

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


def test_items_of_unknown_label_neither_help_nor_stand_above() -> None:
    assert recovered([0.1, 0.9, 0.5], relevant=[2], ignored=[1]).ranks.tolist() == [1]
    assert recovered([0.1, 0.9, 0.5], relevant=[2]).ranks.tolist() == [2]


def test_measures_of_a_list_known_by_hand() -> None:
    found = recovered(
        [5.0, 4.0, 3.0, 2.0], relevant=[1, 3]
    )  # ranks 2 and 4, one and two of two others above
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
