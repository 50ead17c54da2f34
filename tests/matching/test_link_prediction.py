"""Finding real partnerships from open data: protocol, columns, encodings, hubness and prior
weights.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from matching.lab.link_prediction.pair_features import PairFeatures
from matching.lab.link_prediction.places import Kernels, describe
from matching.lab.link_prediction.priors import (
    OPEN_FACETS,
    FacetEvidence,
    advised_weights,
    fit_non_negative,
    learn_priors,
)
from matching.lab.link_prediction.protocol import SEED, _Search, recover
from matching.lab.link_prediction.ranker import TARGET_ENCODINGS, without_hubs
from matching.lab.link_prediction.tables import (
    CITY_NUMBERS,
    CITY_TEXTS,
    NEW_YORK_CITY,
    CityTable,
    CountyOrigins,
    OpenData,
    PairTable,
    SisterDivisions,
    TableError,
)
from matching.lab.link_prediction.target_encodings import (
    Affinity,
    ChosenNearby,
    CountedTwice,
    Partnerships,
    TargetEncoding,
)
from matching.metrics import RankingMeasures
from matching.types import IntArray
from tests.matching.problems import made_up_world

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


@pytest.mark.system
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


@pytest.mark.system
def test_several_seeds_are_reported_by_their_mean_and_standard_errors() -> None:
    data, pairs = made_up_world()
    several = recover(data, pairs, folds=2, seeds=2)
    each = [recover(data, pairs, folds=2, seed=SEED + 1000 * at) for at in range(2)]
    assert several.seeds == 2
    assert each[0].measures != each[1].measures
    assert several.measures == RankingMeasures.mean([one.measures for one in each])
    assert 0 < several.errors.mrr < 0.2
    assert 0 < several.errors.auc < 0.2


def test_cities_without_a_hit_are_divided_by_whether_the_country_was_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data, pairs = made_up_world()
    text = data.cities.text

    def score(search: _Search, asked: IntArray, seed: int) -> np.ndarray:
        """Texas gets Japan's places first, Ohio Germany's, each without its partners."""
        first = {"TX": "JP", "OH": "DE", "WA": "JP"}
        country = np.array([text["country"][row] for row in search.sought.pool])
        scores = np.array(
            [country == first[text["admin1_code"][row]] for row in asked], dtype=float
        )
        for at, row in enumerate(asked):
            found = text["admin1_code"][row] == "WA"
            scores[at, search.sought.true[int(row)]] = 2.0 if found else -1.0
        return scores

    monkeypatch.setattr(_Search, "_score", score)
    found = recover(data, pairs, folds=2)
    assert found.measures.hit_at_10 == pytest.approx(1 / 3)
    assert found.wrong_country == pytest.approx(1 / 3)
    assert found.wrong_city == pytest.approx(1 / 3)


@pytest.mark.parametrize("seeds", [0, -1])
def test_no_seed_is_no_run(seeds: int) -> None:
    data, pairs = made_up_world()
    with pytest.raises(TableError, match="seeds"):
        recover(data, pairs, seeds=seeds)


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


# What census and states' own ties say of a pair, before any partnership is counted.

ORIGINS = CountyOrigins.from_rows(
    [
        {"county_fips": "39001", "population": "1000"},
        {"county_fips": "36061", "population": "4000"},
        {"county_fips": "36047", "population": "5000"},
    ],
    [
        {"county_fips": "39001", "country": "DE", "born_there": "30", "ancestry": "400"},
        {"county_fips": "36061", "country": "DE", "born_there": "", "ancestry": "500"},
        {"county_fips": "36047", "country": "JP", "born_there": "70", "ancestry": ""},
    ],
)


def test_people_of_a_county_are_compared_with_those_of_all_counties() -> None:
    germany, mexico = ORIGINS.columns(["39001"], ["DE", "MX"])
    born = np.log((30 / 1000 + 2e-5) / (30 / 10_000 + 2e-5))
    ancestry = np.log((400 / 1000 + 2e-4) / (900 / 10_000 + 2e-4))
    np.testing.assert_allclose(germany, [born, np.log(31), ancestry, np.log(401)])
    assert mexico.tolist() == [0.0] * 4  # The Census has no such country here


def test_counties_are_taken_together_and_none_says_nothing() -> None:
    both = ORIGINS.columns(["36061", "36047"], ["JP", "DE"])
    born = np.log((70 / 9000 + 2e-5) / (70 / 10_000 + 2e-5))
    assert both[0, :2] == pytest.approx([born, np.log(71)])
    assert both[1, 3] == pytest.approx(np.log(501))
    assert not ORIGINS.columns([], ["DE"]).any()


def test_a_citys_county_and_its_states_ties_reach_the_pairs() -> None:
    data, _ = made_up_world()
    columns = ("us_state", "foreign_country", "foreign_admin1_code")
    ties = (("OH", "DE", "01"), ("OH", "JP", ""))
    sisters = SisterDivisions.from_rows(dict(zip(columns, tie, strict=True)) for tie in ties)
    data = replace(data, origins=ORIGINS, sisters=sisters)
    text, abroad = data.cities.text, np.flatnonzero(np.array(data.cities.text["country"]) != "US")
    features = PairFeatures(data, describe(data), abroad)
    (row,) = data.cities.rows_of([1], "asked")
    assert data.counties(int(row)) == ("39001",)
    of = dict(zip(features.names, features.of(int(row)).T, strict=True))
    country, division = (
        np.array([text[column][other] for other in abroad]) for column in ("country", "admin1_code")
    )
    assert set(of["origin_ancestry_people"][country == "DE"]) == {np.float32(np.log(401))}
    assert not of["origin_ancestry_people"][country != "DE"].any()
    np.testing.assert_array_equal(of["sister_division"], (country == "DE") & (division == "01"))
    np.testing.assert_array_equal(of["sister_country"], np.isin(country, ["DE", "JP"]))


def test_new_york_city_is_five_counties() -> None:
    data, _ = made_up_world()
    city = {**dict.fromkeys(CITY_NUMBERS, ""), **dict.fromkeys(CITY_TEXTS, "")}
    row = {**city, "city_id": "7", "name": "New York City", "admin1_code": "NY"}
    cities = CityTable.from_rows([row])
    assert replace(data, cities=cities, origins=ORIGINS).counties(0) == NEW_YORK_CITY


def test_kernels_that_are_kept_are_those_worked_out_anew() -> None:
    data, _ = made_up_world()
    places, us = describe(data), np.array(data.cities.text["country"]) == "US"
    own, abroad = np.flatnonzero(us), np.flatnonzero(~us)
    kept, anew = Kernels(data, places, own, abroad), Kernels(data, places)
    for name in ("state", "near", "around", "around_alike", "alike", "affinity"):
        some = kept.own(name, own[3:9], own[::2])
        np.testing.assert_allclose(some, anew.own(name, own[3:9], own[::2]), atol=1e-6)
        assert some.dtype == np.float32
    for name in ("50km", "250km", "affinity"):
        some = kept.abroad(name, abroad[::3], abroad[:7])
        np.testing.assert_allclose(some, anew.abroad(name, abroad[::3], abroad[:7]), atol=1e-6)


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
