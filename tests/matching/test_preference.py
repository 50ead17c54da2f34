"""Directional preferences and their fusion."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.base_rates import Rates
from matching.engine import Engine, build_engine, rank_among_candidates
from matching.facets import FACET_NAMES
from matching.features import FeatureBuilder
from matching.preference import Preference
from matching.reciprocal import Reciprocal
from matching.types import (
    Explanation,
    Item,
    NotFittedError,
    ProfileRecord,
    Snapshot,
    SnapshotError,
    Sought,
    Tie,
)
from matching.weights import Weights
from tests.division import at_length
from tests.matching.oracle import Oracle
from tests.strategies import FOREIGN, STORIES, VOCABULARY, snapshots

# Both directions' preferences, eligibility and explanations against the plain oracle.


UNITS = st.fixed_dictionaries(
    {facet: st.sampled_from((0.0, 0.3, 1.0, 2.7)) for facet in FACET_NAMES}
)


def oracle_of(engine: Engine) -> Oracle:
    at = engine.left.names.index("story")
    directions = {}
    for side in (engine.left, engine.right):
        part = side.parts[at]
        directions.update(
            {
                int(id_): row[1:] * np.sqrt(2)
                for id_, row, known in zip(side.ids, part.seeker, part.seeks, strict=True)
                if known
            }
        )
    return Oracle(engine.snapshot, engine.weights, lambda record: directions.get(record.id))


@pytest.mark.at_length
@settings(max_examples=at_length(25, 80), deadline=None)
@given(snapshots(), UNITS, st.sampled_from((0.5, 2.0)))
def test_factors_equal_the_oracle(
    snapshot: Snapshot, unit: dict[str, float], prior_weight: float
) -> None:
    engine = build_engine(
        snapshot, FeatureBuilder(VOCABULARY), Weights(unit=unit, prior_weight=prior_weight)
    )
    oracle, found = oracle_of(engine), engine.preference.dense()
    for row, i in enumerate(snapshot.left):
        for col, j in enumerate(snapshot.right):
            forth, back = oracle.gain(i, j), oracle.gain(j, i)
            assert found.left_gain[row, col] == pytest.approx(forth[0], abs=1e-5)
            assert found.right_gain[row, col] == pytest.approx(back[0], abs=1e-5)
            assert found.left_to_right[row, col] == pytest.approx(oracle.preference(i, j), abs=2e-5)
            assert found.left_coverage[row, col] == pytest.approx(forth[1], abs=1e-6)
            assert found.right_coverage[row, col] == pytest.approx(back[1], abs=1e-6)


@pytest.mark.at_length
@settings(max_examples=at_length(20, 50), deadline=None)
@given(snapshots())
def test_eligibility_equals_the_oracle(snapshot: Snapshot) -> None:
    engine = build_engine(snapshot, FeatureBuilder(VOCABULARY))
    oracle = oracle_of(engine)
    expected = np.array(
        [[oracle.eligible(i, j) for j in snapshot.right] for i in snapshot.left], dtype=bool
    )
    expected = expected.reshape(len(snapshot.left), len(snapshot.right))
    rows, cols = (index.ravel() for index in np.indices(expected.shape))
    np.testing.assert_array_equal(engine.eligibility.pairs(rows, cols), expected.ravel())
    np.testing.assert_array_equal(
        engine.eligibility.block(0, len(snapshot.left), 0, len(snapshot.right)), expected
    )
    for col in range(len(snapshot.right)):
        np.testing.assert_array_equal(
            engine.eligibility.block(0, len(expected), col, col + 1), expected[:, col : col + 1]
        )
    for row, col in zip(rows, cols, strict=True):
        assert (engine.eligibility.reasons(row, col) == ()) == expected[row, col]


@pytest.mark.at_length
@settings(max_examples=at_length(20, 50), deadline=None)
@given(snapshots())
def test_explanations_sum_to_the_gain(snapshot: Snapshot) -> None:
    engine = build_engine(snapshot, FeatureBuilder(VOCABULARY))
    found = engine.preference.dense()
    rates = engine.base_rates
    for row, i in enumerate(snapshot.left):
        for col, j in enumerate(snapshot.right):
            are_candidates = rates.candidates(i, "left")[col], rates.candidates(j, "right")[row]
            for explanation, gain, preference, coverage, is_candidate in zip(
                engine.explain(i.id, j.id),
                (found.left_gain[row, col], found.right_gain[row, col]),
                (found.left_to_right[row, col], found.right_to_left[row, col]),
                (found.left_coverage[row, col], found.right_coverage[row, col]),
                are_candidates,
                strict=True,
            ):
                shares = sum(c.share for c in explanation.contributions)
                assert shares == pytest.approx(gain, abs=1e-6)
                assert explanation.preference == pytest.approx(preference, abs=1e-6)
                assert explanation.coverage == pytest.approx(coverage, abs=1e-6)
                for c in explanation.contributions:
                    assert not is_candidate or c.lift is None or c.lift <= 2 + 1e-5
                    if c.similarity is not None:
                        assert sum(item.part for item in c.items) == pytest.approx(
                            c.similarity, abs=1e-6
                        )
                        assert all(item.part >= 0 for item in c.items)


RATES = Rates(*np.zeros((3, 1, 22))), Rates(*np.zeros((3, 2, 22)))


def two(**left: object) -> Snapshot:
    return Snapshot(
        left=(ProfileRecord(1, "US", **left),),
        right=(ProfileRecord(2, "DE"), ProfileRecord(3, "JP")),
    )


def test_a_field_left_empty_never_pays_and_never_counts_as_the_worst() -> None:
    """Its owner counts as the lower quartile of those who answered."""
    world = Snapshot(
        left=(ProfileRecord(1, "US", needs=("water", "ports")),),
        right=tuple(
            ProfileRecord(at, "DE", offers=frozenset(offers))
            for at, offers in enumerate(
                ({"water", "ports"}, {"water"}, {"startups"}, {"heritage"}, ()), 11
            )
        ),
    )
    found = build_engine(world, FeatureBuilder(VOCABULARY)).preference.dense()
    both, one, none, also_none, silent = found.left_gain[0]
    assert both > one > none == also_none == silent
    assert found.left_coverage[0, 4] < found.left_coverage[0, 0]


def test_what_open_data_do_not_know_is_typical() -> None:
    world = Snapshot(
        left=(ProfileRecord(1, "US", population=50_000),),
        right=tuple(
            ProfileRecord(at, "DE", population=population)
            for at, population in enumerate((50_000, 5_000_000, None), 11)
        ),
    )
    found = build_engine(world, FeatureBuilder(VOCABULARY)).preference.dense()
    alike, other, unknown = found.left_gain[0]
    assert alike > unknown > other and unknown == pytest.approx(0.0, abs=1e-6)


def test_feasibility_costs_where_it_is_missing_and_brings_nothing_where_all_have_it() -> None:
    world = Snapshot(
        left=(ProfileRecord(1, "US", languages=frozenset({"en"})),),
        right=(
            ProfileRecord(11, "DE", languages=frozenset({"en", "de"})),
            ProfileRecord(12, "DE", languages=frozenset({"de"})),
        ),
    )
    shared, foreign = (
        build_engine(world, FeatureBuilder(VOCABULARY)).preference.dense().left_gain[0]
    )
    assert shared == pytest.approx(0.0, abs=1e-6) and foreign < 0


def test_a_tie_to_one_community_is_an_exception_for_that_pair_alone() -> None:
    engine = build_engine(
        two(ties=(Tie("mayoral", 3, community_id=3), Tie("trade", 1, community_id=99))),
        FeatureBuilder(VOCABULARY),
    )
    exceptions, found = engine.problem.exceptions, engine.preference.dense()
    assert (exceptions.rows.tolist(), exceptions.cols.tolist()) == ([0], [1])
    assert found.left_gain[0, 1] > found.left_gain[0, 0]
    reason = engine.explain(1, 3)[0].contributions[0]
    assert [(item.code, item.part) for item in reason.items] == [("tie:mayoral", 1.0)]
    assert reason.lift == 2.0


def test_without_weight_or_data_a_gain_is_zero_and_so_is_coverage() -> None:
    found = build_engine(
        two(importances=dict.fromkeys(FACET_NAMES, 0.0)), FeatureBuilder(VOCABULARY)
    ).preference.dense()
    assert found.left_gain.tolist() == [[0.0, 0.0]]
    assert found.left_to_right[0] == pytest.approx(1 / (1 + np.e))
    assert found.left_coverage.tolist() == [[0.0, 0.0]]


def test_empty_sides_give_empty_results() -> None:
    engine = build_engine(Snapshot(left=(), right=()), FeatureBuilder(VOCABULARY))
    assert engine.preference.dense().left_to_right.shape == (0, 0)
    assert engine.eligibility.block(0, 0, 0, 0).shape == (0, 0)
    assert engine.problem.left_to_right.gain_left.dtype == np.float32


def test_presence_of_parts_that_all_have_is_one_column() -> None:
    snapshot = Snapshot(
        left=tuple(
            ProfileRecord(i, "US", population=1000 * i, coastal=True, utc_offset_hours=-5)
            for i in range(1, 4)
        ),
        right=tuple(
            ProfileRecord(i, "DE", population=900 * i, coastal=False, utc_offset_hours=1)
            for i in range(11, 15)
        ),
    )
    weights = Weights(unit=dict.fromkeys(FACET_NAMES, 1.0))
    factors = build_engine(snapshot, FeatureBuilder(VOCABULARY), weights).problem.left_to_right
    assert factors.presence_left.shape == (3, 1)
    # Size, time zone and the coast's share of geography
    assert factors.presence_left[0, 0] == 1.0 + 1.0 + 0.75


def test_features_of_another_fit_are_refused() -> None:
    snapshot = two(needs=("water",))
    other = replace(snapshot, right=(replace(snapshot.right[0], offers=frozenset({"water"})),))
    left, right = FeatureBuilder(VOCABULARY).fit(snapshot), FeatureBuilder(VOCABULARY).fit(other)
    with pytest.raises(SnapshotError, match="do not belong together"):
        Preference().fit(
            left.transform(snapshot.left, "left"), right.transform(other.right, "right"), RATES
        )
    with pytest.raises(NotFittedError):
        Preference().dense()


def test_an_explanation_of_a_pair_that_is_not_there_says_so() -> None:
    with pytest.raises(KeyError, match="1–99"):
        build_engine(two(), FeatureBuilder(VOCABULARY)).explain(1, 99)


@pytest.mark.at_length
def test_contributions_sum_to_the_gain_over_many_random_pairs() -> None:
    rng = random.Random(20)
    left = tuple(random_record(rng, k, "US") for k in range(1, 201))
    right = tuple(random_record(rng, k, rng.choice(FOREIGN)) for k in range(1001, 1301))
    engine = build_engine(Snapshot(left=left, right=right), FeatureBuilder(VOCABULARY))
    pairs = at_length(500, 3_000)
    rows, cols = (np.array([rng.randrange(n) for _ in range(pairs)]) for n in (200, 300))
    found = engine.preference.pairs(rows, cols)
    worst = 0.0
    for at, (row, col) in enumerate(zip(rows, cols, strict=True)):
        forth, back = engine.explain(left[row].id, right[col].id)
        worst = max(worst, abs(sum(c.share for c in forth.contributions) - found.left_gain[at]))
        worst = max(worst, abs(sum(c.share for c in back.contributions) - found.right_gain[at]))
    assert worst <= 1e-6


@pytest.mark.parametrize(
    ("mine", "theirs", "others", "caveat"),
    [
        (
            {"languages": {"en"}, "needs": ["water"]},
            {"languages": {"de"}, "offers": {"water"}},
            {"languages": {"en"}, "offers": {"ports"}},
            "languages",
        ),
        (
            {"languages": {"en"}, "needs": ["water"]},
            {"languages": {"en"}, "offers": {"heritage"}},
            {"languages": {"en"}, "offers": {"water"}},
            "needs_offers",
        ),
        ({"languages": {"en"}}, {"languages": {"en"}}, {"languages": {"en"}}, "coverage"),
    ],
)
def test_the_strongest_caveat(
    mine: dict[str, Any], theirs: dict[str, Any], others: dict[str, Any], caveat: str
) -> None:
    shown = {"languages", "needs_offers"} if "needs" in mine else {"languages", "sectors"}
    importances = {facet: 0.0 for facet in FACET_NAMES if facet not in shown}

    def record(id_: int, country: str, fields: dict[str, Any]) -> ProfileRecord:
        codes = {name: frozenset(held) for name, held in fields.items() if name != "needs"}
        needs = tuple(fields.get("needs", ()))
        return ProfileRecord(id_, country, importances=importances, needs=needs, **codes)

    world = Snapshot(
        left=(record(1, "US", mine),), right=(record(2, "DE", theirs), record(3, "JP", others))
    )
    assert build_engine(world, FeatureBuilder(VOCABULARY)).explain(1, 2)[0].caveat == caveat


def test_an_item_says_how_many_candidates_bring_it() -> None:
    """Candidates are those of the chooser's own wishes: France is not wanted. Staff's rules, pauses
    and bars of single pairs change no count.
    """
    offering = frozenset({"water"})
    world = Snapshot(
        left=(
            ProfileRecord(
                1, "US", needs=("water",), sought=Sought(excluded_countries=frozenset({"FR"}))
            ),
        ),
        right=(
            ProfileRecord(11, "DE", offers=offering, available=False),
            ProfileRecord(12, "DE", offers=offering),
            ProfileRecord(13, "JP", offers=frozenset({"heritage"})),
            ProfileRecord(14, "FR", offers=offering),
        ),
        barred_pairs=frozenset({(1, 12)}),
    )
    item = (
        build_engine(world, FeatureBuilder(VOCABULARY)).explain(1, 12)[0].contributions[0].items[0]
    )
    assert (item.code, item.offered_by, item.candidates) == ("topic:water", 2, 3)
    assert item.is_common  # also of those that others know of: France is, as far as they know


def test_nothing_that_both_sides_read_tells_whom_a_side_excludes() -> None:
    """Its gains, lifts and the order of what is named; counts of candidates are read by itself."""
    rng = random.Random(7)
    left = tuple(random_record(rng, id_, "US") for id_ in range(1, 9))
    right = tuple(random_record(rng, id_, rng.choice(["DE", "JP"])) for id_ in range(11, 71))
    pairs = [(1, record.id) for record in right if record.country == "DE"]

    def _read(items: tuple[Item, ...]) -> list[tuple[str, float, bool]]:
        return [(item.code, item.part, item.is_common) for item in items]

    def read_by_all(side: Explanation) -> tuple[Any, ...]:
        parts = [(one.facet, one.share, one.lift, _read(one.items)) for one in side.contributions]
        return side.gain, side.preference, side.caveat, parts

    found = []
    for excluded in ((), ("JP",)):
        chooser = replace(left[0], sought=Sought(excluded_countries=frozenset(excluded)))
        engine = build_engine(Snapshot((chooser, *left[1:]), right), FeatureBuilder(VOCABULARY))
        said = [list(map(read_by_all, engine.explain(*pair))) for pair in pairs]
        found.append((said, rank_among_candidates(engine, "right", pairs, "product")))
    assert found[0] == found[1]


def random_record(rng: random.Random, id_: int, country: str) -> ProfileRecord:
    def some(codes: tuple[str, ...]) -> frozenset[str]:
        return frozenset(rng.sample(codes, rng.randrange(len(codes))))

    topics = VOCABULARY.topics

    return ProfileRecord(
        id_,
        country,
        population=rng.choice([None, 5_000, 70_000, 900_000]),
        utc_offset_hours=rng.choice([None, -5.0, 1.0, 9.0]),
        climate=rng.choice([None, "Cfb", "Cfa", "Dfb"]),
        coastal=rng.choice([None, True, False]),
        income_band=rng.choice([None, 1, 4]),
        sectors={code: rng.randint(1, 3) for code in some(VOCABULARY.sectors)},
        themes={code: rng.randint(1, 3) for code in some(VOCABULARY.themes)},
        needs=tuple(rng.sample(topics, rng.randrange(len(topics)))),
        offers=some(VOCABULARY.topics),
        challenges=some(VOCABULARY.challenges),
        languages=some(VOCABULARY.languages),
        ties=tuple(
            Tie("trade", rng.randint(1, 3), community_id=rng.randint(1, 1300))
            for _ in range(rng.randrange(3))
        ),
        readiness={"budget": rng.random() < 0.5},
        story=rng.choice([None, *STORIES]),
        importances={facet: rng.uniform(0, 3) for facet in rng.sample(FACET_NAMES, 3)},
    )


# Fusion of two preferences.


@pytest.mark.parametrize(
    ("fusion", "expected"),
    [
        ("harmonic", [0.32, 0.0, 0.0]),
        ("product", [0.16, 0.0, 0.0]),
        ("min", [0.2, 0.0, 0.0]),
        ("mean", [0.5, 0.25, 0.0]),
    ],
)
def test_fusions(fusion: Any, expected: list[float]) -> None:
    assert Reciprocal(fusion).fuse([0.8, 0.5, 0.0], [0.2, 0.0, 0.0]).tolist() == pytest.approx(
        expected
    )
    assert Reciprocal(fusion).get_params() == {"fusion": fusion}


def test_fusion_refuses_what_it_cannot_fuse() -> None:
    with pytest.raises(ValueError, match="unknown fusion 'geometric'"):
        Reciprocal("geometric")
    with pytest.raises(ValueError, match="without NaN"):
        Reciprocal().fuse([0.5], [float("nan")])
