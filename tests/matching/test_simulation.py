"""The simulated market and the kept promise: their measures by hand on small worlds, tastes by
their formula, and what allocation is for on a lopsided market.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matching.allocation import Allocation
from matching.engine import Engine, build_engine
from matching.facets import FACET_NAMES
from matching.features import FeatureBuilder
from matching.lab import tastes
from matching.lab.promise import (
    Needs,
    Pairs,
    View,
    greedy_pairs,
    kept_promise,
    mean_views,
)
from matching.lab.simulation import (
    RULES,
    Looks,
    Market,
    Preferences,
    best_lists,
    looks_of,
    looks_of_pairs,
    rule_lists,
    simulate,
    suggested,
    suggested_pairs,
)
from matching.lab.tastes import TASTES, Similarities, acceptance, stated_importances, weighted_mean
from matching.types import ProfileRecord, Snapshot
from tests.matching.problems import make_candidates
from tests.strategies import VOCABULARY

# The market.


def _market(n: int = 2, m: int = 2, **changes: object) -> Market:
    values: dict[str, object] = {
        "left_ids": np.arange(n),
        "right_ids": np.arange(m) + 50,
        "allowed": np.ones((n, m), np.bool_),
        "left_capacity": np.full(n, 2),
        "right_capacity": np.full(m, 2),
        "left_places": np.full(n, 4),
        "right_places": np.full(m, 4),
    }
    return Market(**(values | changes))  # type: ignore[arg-type]


def _even(market: Market, left: float = 0.5, right: float = 0.4) -> Preferences:
    shape = market.allowed.shape
    return Preferences(np.full(shape, left), np.full(shape, right))


def _lopsided(seed: int = 4, n: int = 40, m: int = 90) -> tuple[Market, Preferences]:
    """Few are wanted by everybody: a common appeal on top of personal taste."""
    rng = np.random.default_rng(seed)
    left, right = rng.beta(1, 4, n), rng.beta(1, 4, m)
    p = np.clip(0.2 + 0.5 * right[None, :] + 0.3 * rng.random((n, m)), 0, 1)
    q = np.clip(0.2 + 0.5 * left[:, None] + 0.3 * rng.random((n, m)), 0, 1)
    capacity = rng.integers(2, 6, n), rng.integers(2, 6, m)
    market = _market(
        n,
        m,
        left_capacity=capacity[0],
        right_capacity=capacity[1],
        left_places=2 * capacity[0],
        right_places=2 * capacity[1],
    )
    return market, Preferences(p, q)


def test_measures_by_hand() -> None:
    market = _market()
    looks = looks_of(market, np.array([[0, 1], [0, -1]]), np.array([[0, 1], [-1, -1]]))
    found = simulate(market, looks, _even(market))
    # 0–0: both first; 1–0: first of left 1, second of right 0; 0–1 is on left's list alone.
    assert found.mutual_interests == pytest.approx(0.5 * 0.4 * (1 + 1 / 2))
    assert found.if_all_is_read == pytest.approx(0.5 * 0.4 * 2)
    assert found.left_exposure.tolist() == [1.0, 0.5]
    assert found.right_exposure.tolist() == [2.0, 0.5]
    assert (found.left_served, found.right_served) == (0.0, 0.0) and found.shown == 5
    assert found.over_capacity == 0
    willing = simulate(market, looks, _even(market, 0.5, 0.5))
    assert (willing.left_served, willing.right_served) == (1.0, 0.5)
    crowded = looks_of(market, np.array([[0], [0]]), np.full((2, 1), -1))
    full = replace(market, right_capacity=np.array([0, 2]))
    assert simulate(full, crowded, _even(market)).over_capacity == 1


def test_envy_is_counted_as_the_paper_defines_it() -> None:
    market, accepted = _lopsided(n=6, m=9)
    rng = np.random.default_rng(1)
    looks = Looks(rng.random((6, 9)), rng.random((6, 9)))
    counts = []
    for own, others, p, q in (
        (looks.left, looks.right, accepted.left, accepted.right),
        (looks.right.T, looks.left.T, accepted.right.T, accepted.left.T),
    ):
        for i in range(len(own)):
            expected = [
                sum(own[i, j] * p[i, j] * q[i, j] * others[e, j] for j in range(own.shape[1]))
                for e in range(len(own))
            ]
            counts.append(sum(value > expected[i] + 1e-9 for value in expected))
    found = simulate(market, looks, accepted)
    assert found.envy == pytest.approx(np.mean(counts)) and found.envy > 0
    assert found.envious == pytest.approx(np.mean(np.array(counts) > 0))


def test_pairs_that_are_not_allowed_are_on_no_list() -> None:
    market = _market(allowed=np.array([[True, False], [False, False]]))
    by = _even(market)
    for looks in (
        best_lists(market, by.left, by.right),
        suggested(market, by, "product", None),
        suggested(market, by, "product", Allocation(0.02)),
        *rule_lists(market, by, Allocation(0.02)).values(),
    ):
        assert (looks.left[~market.allowed] == 0).all() and looks.left[0, 0] > 0
        assert (looks.right[~market.allowed] == 0).all() and looks.right[0, 0] > 0


def test_equal_scores_are_ordered_by_the_counterparts_id() -> None:
    market = _market(1, 3, right_ids=np.array([9, 7, 8]))
    by = _even(market)
    looks = best_lists(market, by.left, by.right)
    assert looks.left[0].tolist() == pytest.approx([1 / 3, 1, 1 / 2])


def test_both_sides_see_the_same_pairs_when_they_are_chosen() -> None:
    pairs = make_candidates(2, 5, 6)
    looks = looks_of_pairs(_market(5, 6), pairs, pairs.scores)
    listed = set(zip(pairs.rows.tolist(), pairs.cols.tolist(), strict=True))
    for table in (looks.left, looks.right):
        assert {(int(row), int(col)) for row, col in np.argwhere(table > 0)} == listed


def test_allocation_wins_mutual_interest_and_evenness() -> None:
    market, by = _lopsided()
    alone = simulate(market, suggested(market, by, "harmonic", None), by)
    allocated = simulate(market, suggested(market, by, "harmonic", Allocation(0.02, floor=1)), by)
    own = simulate(market, best_lists(market, by.left, by.right), by)
    assert allocated.mutual_interests > max(alone.mutual_interests, own.mutual_interests)
    assert allocated.exposure_gini < own.exposure_gini and allocated.envy < own.envy


def test_suggestions_are_no_more_than_there_are_places() -> None:
    market, by = _lopsided()
    pairs, _ = suggested_pairs(market, by, "product", Allocation(0.02))
    counts = np.bincount(pairs.rows, minlength=40), np.bincount(pairs.cols, minlength=90)
    beyond = counts[0] - market.left_places
    assert (counts[1] >= 1).all() and (counts[1] <= market.right_places).all()
    # By the floor of others, who have nobody else
    assert (beyond > 0).mean() <= 0.25 and beyond.max() <= 2


def test_nash_welfare_is_nearly_free_of_envy_and_social_welfare_has_most_matches() -> None:
    market, by = _lopsided()
    lists = rule_lists(market, by, Allocation(0.02))
    assert tuple(lists) == RULES
    found = {name: simulate(market, looks, by) for name, looks in lists.items()}
    matches = {name: outcome.mutual_interests for name, outcome in found.items()}
    assert found["nash"].envy < 0.1 < found["social"].envy < found["product"].envy
    assert matches["social"] > 0.98 * max(matches.values()) and matches["nash"] > matches["naive"]
    places = market.left_places.sum() + market.right_places.sum()
    assert all(outcome.shown <= places for outcome in found.values())


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        _market(allowed=np.ones((2, 3), np.bool_))
    with pytest.raises(ValueError, match="the market has 2"):
        looks_of(_market(), np.zeros((3, 1), np.int64), np.zeros((2, 1), np.int64))
    with pytest.raises(ValueError, match="market's shape"):
        simulate(_market(), Looks(np.ones((2, 3)), np.ones((2, 2))), _even(_market()))


# Tastes, and the weighted mean of before.


def _record(id_: int, country: str, **fields: object) -> ProfileRecord:
    return ProfileRecord(id=id_, country=country, **fields)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def engine() -> Engine:
    """Three a side; 1 and 12 bring each other what they need, 3 and 13 have hardly any data."""
    first, second, third = VOCABULARY.topics[:3]
    left = (
        _record(1, "US", needs=(first, second), offers=frozenset({third}), population=20_000),
        _record(2, "US", needs=(third,), offers=frozenset({second}), population=400_000),
        _record(3, "US", population=900_000),
    )
    right = (
        _record(11, "DE", needs=(second,), offers=frozenset({third}), population=30_000),
        _record(12, "JP", needs=(third,), offers=frozenset({first, second}), population=2_000_000),
        _record(13, "MX", population=8_000),
    )
    return build_engine(Snapshot(left, right), FeatureBuilder(VOCABULARY, story_components=2))


def test_acceptance_follows_the_formula_of_the_hidden_tastes(engine: Engine) -> None:
    similar = Similarities.of(engine.left, engine.right)
    found = acceptance(similar, "needs", seed=3)
    for row, id_ in enumerate(similar.ids.tolist()):
        rng = np.random.default_rng([3, id_])
        facets = sorted(TASTES["needs"])
        own = rng.dirichlet([20 * TASTES["needs"][facet] for facet in facets])
        seen = np.array([np.nan_to_num(similar.facet(f)[row], nan=0.3) for f in facets])
        utility = own @ seen + rng.normal(0, 0.08, len(engine.right))
        expected = 1 / (1 + np.exp(-12 * (utility - np.quantile(utility, 0.8))))
        assert found[row] == pytest.approx(expected)


def test_facets_are_unknown_where_either_side_has_no_data(engine: Engine) -> None:
    needs = Similarities.of(engine.left, engine.right).facet("needs_offers")
    assert np.isnan(needs[2]).all() and np.isnan(needs[:, 2]).all()
    assert not np.isnan(needs[:2, :2]).any()
    assert needs[0, 1] == pytest.approx(1.0) and needs[0, 0] == 0


def test_stated_importances_name_what_counts_most() -> None:
    ids = np.arange(40)
    stated = stated_importances(ids, "resemblance")
    own = tastes.own_tastes(ids, "resemblance")
    columns = [FACET_NAMES.index(facet) for facet in sorted(TASTES["resemblance"])]
    assert (stated.max(axis=1) == 3).all() and (np.round(stated) == stated).all()
    assert (stated[:, columns].argmax(axis=1) == own.argmax(axis=1)).mean() > 0.5
    assert (np.delete(stated, columns, axis=1) == 0).all()


def test_the_weighted_mean_is_the_one_of_before(engine: Engine) -> None:
    similar = Similarities.of(engine.left, engine.right)
    weights = {"needs_offers": 3.0, "size": 1.52}
    known = {name: similar.facet(name)[0, 1] for name in FACET_NAMES}
    known = {name: value for name, value in known.items() if not np.isnan(value)}
    assert set(known) == set(weights)
    expected = (sum(weights[f] * known[f] for f in known) + 2 * 0.3) / (sum(weights.values()) + 2)
    assert weighted_mean(similar)[0, 1] == pytest.approx(expected)
    importances = similar.importances.copy()
    importances[:, FACET_NAMES.index("size")] = 0.0
    expected = (3.0 * known["needs_offers"] + 2 * 0.3) / (3.0 + 2)
    without = weighted_mean(replace(similar, importances=importances))
    assert without[0, 1] == pytest.approx(expected)


# The kept promise.


def test_needs_met_are_counted_a_side(engine: Engine) -> None:
    needs = Needs(engine.snapshot)
    pairs = Pairs(np.array([0, 1, 0, 2]), np.array([1, 0, 2, 2]))
    assert needs.met(pairs).tolist() == [[2, 1, 0, 0], [1, 1, 0, 0]]
    views = [View(("needs_offers", "ties"), None), View(("size",), "size", True)]
    left, right = views + views, [View((), "needs_offers")] * 4
    found = kept_promise(needs, pairs, left, right)
    assert (found.pairs, found.both, found.neither, found.two) == (4, 0.5, 0.5, 0.25)
    assert found.needs_met == {"left": 0.75, "right": 0.5}
    assert found.first_reason == {"none": 0.5, "needs_offers": 0.25, "size": 0.25}
    assert found.first_three == {"needs_offers": 0.25, "size": 0.25, "ties": 0.25}
    assert found.caveat == {"needs_offers": 0.5, "none": 0.25, "size": 0.25}
    assert found.contradictions == 2
    assert found.by_direction["right"].first_reason == {"none": 1.0}
    assert found.by_direction["left"].contradictions == 2
    sizes = {band: of.sides for band, of in found.by_size.items()}
    assert sizes == {
        "below 10,000": 2,
        "below 50,000": 3,
        "below 1,000,000": 2,
        "1,000,000 or more": 1,
    }
    assert found.as_json()["by_direction"]["left"]["needs_met"] == 0.75
    with pytest.raises(ValueError, match="4 pairs need as many views"):
        kept_promise(needs, pairs, left[:2], right)


def test_who_looks_at_needs_alone_pairs_those_that_help_each_other(engine: Engine) -> None:
    needs = Needs(engine.snapshot)
    score = needs.oracle()
    assert score[0, 1] == pytest.approx(1.03) and score[2].tolist() == [0, 0, 0]
    allowed = np.ones((3, 3), np.bool_)
    one = np.ones(3, np.int64)
    found = greedy_pairs(score, allowed, one, one)
    assert list(zip(found.rows.tolist(), found.cols.tolist(), strict=True)) == [(0, 1), (1, 0)]
    allowed[0, 1] = False
    blocked = greedy_pairs(score, allowed, one, one)
    assert (0, 1) not in list(zip(blocked.rows.tolist(), blocked.cols.tolist(), strict=True))


def test_views_are_read_from_explanations_and_from_what_is_stored(engine: Engine) -> None:
    forth, _ = engine.explain(1, 12)
    view = View.of(forth)
    assert view.reasons[0] == "needs_offers" and view.caveat != "needs_offers"
    stored = {
        "contributions": [
            {"facet": c.facet, "share": c.share, "similarity": c.similarity, "lift": c.lift}
            for c in forth.contributions
        ],
        "caveat": forth.caveat,
    }
    assert View.stored(stored) == view
    mean = [
        {"facet": "languages", "share": 0.2, "similarity": 1.0},
        {"facet": "size", "share": 0.15, "similarity": 0.5},
        {"facet": "prior", "share": 0.1, "similarity": 0.3},
        {"facet": "ties", "share": 0.05, "similarity": 0.4},
    ]
    old = View.stored({"contributions": mean, "caveat": "ties"})
    assert old == View(("languages", "ties"), "ties", True)
    denied = {"facet": "ties", "share": -0.1, "similarity": 0.2, "lift": -0.3}
    assert View.stored({"contributions": [denied], "caveat": "ties"}) == View((), "ties", True)
    empty = denied | {"similarity": 0.0}
    assert View.stored({"contributions": [empty], "caveat": "ties"}) == View((), "ties")


def test_the_weighted_mean_tells_its_strongest_similarities(engine: Engine) -> None:
    similar = Similarities.of(engine.left, engine.right)
    good, poor = mean_views(similar, np.array([0, 0]), np.array([1, 0]))
    assert good.reasons[0] == "needs_offers" and good.caveat == "coverage"
    assert "needs_offers" not in poor.reasons and poor.caveat in ("needs_offers", "coverage")
