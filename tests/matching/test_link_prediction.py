"""Finding real partnerships from open data: protocol, encodings, hubness and prior weights; and the
metrics of rankings and probabilities.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics

from matching.lab.link_prediction.places import describe
from matching.lab.link_prediction.priors import (
    OPEN_FACETS,
    FacetEvidence,
    advised_weights,
    fit_non_negative,
    learn_priors,
)
from matching.lab.link_prediction.protocol import recover
from matching.lab.link_prediction.ranker import TARGET_ENCODINGS, without_hubs
from matching.lab.link_prediction.tables import OpenData, PairTable, TableError
from matching.lab.link_prediction.target_encodings import (
    Affinity,
    ChosenNearby,
    CountedTwice,
    Partnerships,
    TargetEncoding,
)
from matching.metrics import (
    RankingMeasures,
    Recovered,
    brier_score,
    expected_calibration_error,
    gini,
    log_loss,
    reliability,
)
from matching.types import IntArray
from tests.matching.link_prediction_world import made_up_world

pytestmark = pytest.mark.usefixtures("one_draw")


def joined(a: PairTable, b: PairTable) -> PairTable:
    return PairTable(np.r_[a.left, b.left], np.r_[a.right, b.right], a.tier + b.tier)


def test_folds_discover_the_rule_behind_the_pairs() -> None:
    data, pairs = made_up_world()
    found = recover(data, pairs, folds=3)
    assert found.cities == 42
    assert found.pairs == 84
    assert found.measures.auc > 0.75
    assert found.measures.hit_at_10 > 0.6


def test_the_same_call_gives_the_same_figures() -> None:
    data, pairs = made_up_world()
    assert recover(data, pairs, folds=2) == recover(data, pairs, folds=2)


def test_pairs_to_find_teach_nothing_even_if_they_are_in_the_training_file() -> None:
    data, pairs = made_up_world()
    asked = np.isin(pairs.left, [1, 2, 101, 102, 201, 202])
    find, rest = pairs.where(asked), pairs.where(~asked)
    assert recover(data, joined(rest, find), find) == recover(data, rest, find)


def test_the_partners_pool_is_the_foreign_cities_of_the_pairs_to_find() -> None:
    data, pairs = made_up_world()
    asked = np.isin(pairs.left, [1, 2, 101, 201])
    assert recover(data, pairs.where(~asked), pairs.where(asked)).pool_size == len(
        set(pairs.where(asked).right.tolist())
    )


def test_the_open_pool_is_every_foreign_city_of_twenty_thousand() -> None:
    data, pairs = made_up_world()
    large = sum(
        country != "US" and population >= 20_000
        for country, population in zip(
            data.cities.text["country"], data.cities.number["population"], strict=True
        )
    )
    assert recover(data, pairs, folds=2, pool="open").pool_size == large


def test_tier_c_is_neither_found_nor_held_against_the_ranking() -> None:
    data, pairs = made_up_world()
    assert recover(data, pairs.of_tiers("AB"), folds=2).pairs == recover(data, pairs, folds=2).pairs


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pool": "all"}, "unknown pool 'all'"),
        ({"folds": 1}, "at least 2"),
        ({"tiers": "X"}, "no pair of tiers X"),
    ],
)
def test_what_cannot_be_evaluated_says_why(change: dict[str, object], message: str) -> None:
    data, pairs = made_up_world()
    with pytest.raises(TableError, match=message):
        recover(data, pairs, **change)  # type: ignore[arg-type]


def test_nothing_left_to_learn_from_is_an_error() -> None:
    data, pairs = made_up_world()
    with pytest.raises(TableError, match="no training pair"):
        recover(data, pairs, pairs)


def test_an_unknown_city_is_named() -> None:
    data, pairs = made_up_world()
    stranger = PairTable(np.array([1]), np.array([987654]), ("A",))
    with pytest.raises(TableError, match="987654"):
        recover(data, joined(pairs, stranger), folds=2)


ASKED = [1, 2, 101, 201]


def known_of(data: OpenData, pairs: PairTable) -> Partnerships:
    rows = (data.cities.rows_of(side.tolist(), "pairs") for side in (pairs.left, pairs.right))
    return Partnerships.of_pairs(data, describe(data), *rows)


def split() -> tuple[OpenData, PairTable, IntArray, IntArray]:
    """The world, the partnerships of all but the cities asked about, their rows, and every foreign
    row.
    """
    data, pairs = made_up_world()
    sure = pairs.of_tiers("AB")
    abroad = np.flatnonzero(np.array(data.cities.text["country"]) != "US")
    return data, sure.where(~np.isin(sure.left, ASKED)), data.cities.rows_of(ASKED, "asked"), abroad


@pytest.mark.parametrize("encoding", TARGET_ENCODINGS)
def test_each_telling_gives_a_finite_number_for_every_pair_and_name(
    encoding: type[TargetEncoding],
) -> None:
    data, rest, asked, abroad = split()
    encoded = encoding(known_of(data, rest)).features(asked, abroad)
    assert encoded.shape == (len(asked), len(abroad), len(encoding.names))
    assert np.isfinite(encoded).all()


@pytest.mark.parametrize("encoding", TARGET_ENCODINGS)
def test_a_city_that_is_counted_cannot_be_asked_about(encoding: type[TargetEncoding]) -> None:
    data, rest, _, abroad = split()
    known = known_of(data, rest)
    with pytest.raises(CountedTwice):
        encoding(known).features(known.left[:1], abroad)


@pytest.mark.parametrize("encoding", TARGET_ENCODINGS)
def test_partners_of_similar_cities_are_distinguished_from_others(
    encoding: type[TargetEncoding],
) -> None:
    data, rest, asked, abroad = split()
    encoded = encoding(known_of(data, rest)).features(asked[:1], abroad)[0]
    country = np.array(data.cities.text["country"])[abroad]
    name = "h_country_state" if "h_country_state" in encoding.names else encoding.names[0]
    values = encoded[:, encoding.names.index(name)]
    if encoding.names[0] == "h_size_country":
        gap = np.abs(
            data.cities.number["population"][abroad] / data.cities.number["population"][asked[0]]
        )
        close, far = np.abs(np.log(gap)) < 0.5, np.abs(np.log(gap)) > 3
        assert values[close & (country != "GH")].mean() > values[far & (country != "GH")].mean()
    else:
        assert values[country == "DE"].mean() > values[country != "DE"].mean()


@pytest.mark.parametrize(
    ("encoding", "names"),
    [(Affinity, ["h_affinity"]), (ChosenNearby, ["h_region_state", "h_region_around"])],
)
def test_a_candidates_own_partnerships_do_not_count_for_it(
    encoding: type[TargetEncoding], names: list[str]
) -> None:
    """Else a city of the pool without known partners would be known to be somebody's hidden
    partner.
    """
    data, rest, asked, abroad = split()
    candidate = next(
        other
        for other in rest.right
        if all((rest.left == own).sum() > 1 for own in rest.left[rest.right == other])
    )
    column = int(np.flatnonzero(data.cities.ids[abroad] == candidate)[0])
    columns = [encoding.names.index(name) for name in names]
    counted, not_counted = (
        encoding(known_of(data, pairs)).features(asked, abroad)[:, column][:, columns]
        for pairs in (rest, rest.where(rest.right != candidate))
    )
    assert np.allclose(counted, not_counted, rtol=1e-3, atol=1e-4)


# What the correction for hubs promises.


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


def test_coefficients_are_recovered_and_never_negative() -> None:
    rng = np.random.default_rng(3)
    similarity = rng.random((20_000, 3))
    chance = 1 / (1 + np.exp(-(similarity @ np.array([2.0, 0.0, -1.5]) - 1.0)))
    coefficient, error = fit_non_negative(similarity, (rng.random(20_000) < chance).astype(float))
    assert coefficient[0] == pytest.approx(2.0, abs=4 * error[0])
    assert coefficient[1] < 0.2
    assert coefficient[2] == 0.0


def test_a_world_that_chooses_by_size_gives_size_the_most_evidence() -> None:
    data, pairs = made_up_world()
    evidence = learn_priors(data, pairs)
    assert {entry.facet for entry in evidence} == set(OPEN_FACETS)
    assert evidence[0].facet == "size"
    assert evidence[0].partners > evidence[0].others


def test_advice_moves_weights_half_way_keeps_their_sum_and_leaves_feasibility_alone() -> None:
    none = [FacetEvidence(name, 0.0, 0.1, 0.5, 0.5) for name in OPEN_FACETS if name != "size"]
    advised = advised_weights((FacetEvidence("size", 1.0, 0.1, 0.9, 0.1), *none))
    assert advised["ties"] == pytest.approx(1.5)
    assert sum(advised.values()) == pytest.approx(8.0, abs=0.05)
    assert advised["size"] == pytest.approx(4.5)
    assert not {"languages", "time_zone"} & set(advised)


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
