"""From records to rankings: each rule of eligibility by itself, and that the engine's problem,
ranked, equals every pair computed and sorted.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.candidates import Eligibility
from matching.engine import Changes, build_engine, changes_between, rank_among_candidates
from matching.features import FeatureBuilder
from matching.reciprocal import Reciprocal
from matching.topk import RankingIndex, top_k
from matching.types import ProfileRecord, Snapshot, Sought
from matching.weights import Weights
from tests.division import at_length, one_in
from tests.matching.test_preference import random_record
from tests.strategies import FOREIGN, STORIES, VOCABULARY, snapshots


@pytest.mark.at_length
@settings(max_examples=at_length(25, 80), deadline=None)
@given(
    snapshots(max_side=6),
    st.sampled_from(("product", "min")),
    st.sampled_from((0.0, 0.35, 0.6)),
    st.integers(1, 4),
)
def test_ranking_equals_all_pairs_sorted(
    snapshot: Snapshot, fusion: str, floor: float, k: int
) -> None:
    engine = build_engine(
        snapshot, FeatureBuilder(VOCABULARY, story_components=3), Weights(coverage_floor=floor)
    )
    found = engine.preference.dense()
    shape = found.left_to_right.shape
    eligible = engine.eligibility.block(0, shape[0], 0, shape[1])
    scores = Reciprocal(fusion).fuse(found.left_to_right, found.right_to_left)
    allowed = eligible & (np.minimum(found.left_coverage, found.right_coverage) >= floor)
    ranking = top_k(engine.problem, k, fusion=fusion, threads=1)
    for row in range(shape[0]):
        expected = sorted(
            (-scores[row, col], int(engine.right.ids[col])) for col in np.flatnonzero(allowed[row])
        )[:k]
        listed = ranking.left.counterpart_ids[row]
        assert np.count_nonzero(listed >= 0) == len(expected)
        for place, (negative, _) in enumerate(expected):
            assert ranking.left.scores[row, place] == pytest.approx(-negative, abs=1e-9)
            col = engine.cols[int(listed[place])]
            assert scores[row, col] == pytest.approx(-negative, abs=1e-9)
    assert (
        np.count_nonzero(ranking.right.counterpart_ids >= 0)
        == np.minimum(allowed.sum(axis=0), k).sum()
    )


@pytest.mark.at_length
@settings(max_examples=at_length(20, 80), deadline=None)
@given(snapshots(max_side=6), snapshots(max_side=6), st.integers(1, 3))
def test_engine_and_ranking_follow_a_snapshot_as_if_built_from_scratch(
    before: Snapshot, after: Snapshot, k: int
) -> None:
    """Two unrelated snapshots whose ids overlap: communities change, come and go, columns appear
    and vanish.
    """
    builder = FeatureBuilder(VOCABULARY, story_components=3).fit(before)
    earlier = build_engine(before, builder)
    followed, fresh = build_engine(after, builder, earlier=earlier), build_engine(after, builder)
    assert np.array_equal(followed.left.importances, fresh.left.importances, equal_nan=True)
    for direction in ("left_to_right", "right_to_left"):
        for name in (
            "gain_left",
            "gain_right",
            "presence_left",
            "presence_right",
            "total_weight",
        ):
            ours, theirs = (
                getattr(getattr(engine.problem, direction), name) for engine in (followed, fresh)
            )
            # A story encoded alone differs in the last bits
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(followed.problem.exceptions.rows, fresh.problem.exceptions.rows)

    index = RankingIndex(earlier.problem, top_k(earlier.problem, k + 1), k)
    changes = changes_between(earlier, followed)
    index.update(followed.problem, changes.left, changes.right, same_columns=changes.same_columns)
    expected = top_k(fresh.problem, k)
    for side in ("left", "right"):
        ours, theirs = getattr(index.ranking, side), getattr(expected, side)
        np.testing.assert_array_equal(ours.counterpart_ids >= 0, theirs.counterpart_ids >= 0)
        np.testing.assert_allclose(ours.scores, theirs.scores, rtol=0, atol=1e-6)


def _take(records: tuple[ProfileRecord, ...]) -> tuple[ProfileRecord, ...]:
    """The same values in other hands: two change places, one is new, and the order turns."""
    one, other, *rest = records
    changed = replace(one, id=other.id), replace(other, id=one.id)
    return (*reversed(rest), replace(rest[2], id=rest[-1].id + 1), *changed)


def test_who_changes_is_encoded_again_among_those_who_stay() -> None:
    """All columns stay, so that only rows are encoded: the searches above seldom meet that."""
    world = _world(1)
    builder = _fitted(world)
    earlier = build_engine(world, builder)
    later = Snapshot(left=_take(world.left), right=_take(world.right))
    followed, fresh = build_engine(later, builder, earlier=earlier), build_engine(later, builder)
    assert (fresh.left.layout, fresh.right.layout) == (earlier.left.layout, earlier.right.layout)
    for ours, theirs in ((followed.left, fresh.left), (followed.right, fresh.right)):
        assert np.array_equal(ours.ids, theirs.ids)
        assert np.array_equal(ours.importances, theirs.importances, equal_nan=True)
        for old, new in zip(ours.parts, theirs.parts, strict=True):
            for field in fields(old):
                one, other = getattr(old, field.name), getattr(new, field.name)
                np.testing.assert_allclose(one, other, rtol=0, atol=1e-6, err_msg=field.name)


def test_unchanged_records_are_not_encoded_again() -> None:
    left = (
        ProfileRecord(1, "US", story=STORIES[0], story_language="en"),
        ProfileRecord(2, "US", population=9000),
    )
    snapshot = Snapshot(left=left, right=(ProfileRecord(11, "DE", population=7000),))
    builder = FeatureBuilder(VOCABULARY, story_components=2).fit(snapshot)
    earlier = build_engine(snapshot, builder)
    again = build_engine(
        replace(snapshot, barred_pairs=frozenset({(1, 11)})), builder, earlier=earlier
    )
    assert again.left is earlier.left and again.right is earlier.right
    assert changes_between(earlier, again) == Changes((1,), (), same_columns=True)


# What must hold whatever the formula: changes of a snapshot of which one knows what they do. The
# builder stays fitted on the snapshot before, as in a rescoring: rarities and base rates are fixed.


def _world(seed: int) -> Snapshot:
    rng = random.Random(seed)
    left = tuple(random_record(rng, k, "US") for k in range(1, 13))
    right = tuple(random_record(rng, k, rng.choice(FOREIGN)) for k in range(101, 131))
    return Snapshot(left=left, right=right)


def _fitted(snapshot: Snapshot) -> FeatureBuilder:
    return FeatureBuilder(VOCABULARY, story_components=3).fit(snapshot)


def _with(snapshot: Snapshot, **changed: ProfileRecord) -> Snapshot:
    """The snapshot with some records of the right side replaced by id, or added."""
    new = {record.id: record for record in changed.values()}
    kept = tuple(new.pop(record.id, record) for record in snapshot.right)
    return replace(snapshot, right=(*kept, *new.values()))


@pytest.mark.parametrize("seed", one_in(6, range(6)))
def test_an_offer_more_that_meets_a_need_never_lowers_the_pair(seed: int) -> None:
    world = _world(seed)
    builder = _fitted(world)
    before = build_engine(world, builder).preference.dense()
    for col, j in enumerate(world.right):
        if not j.offers:
            continue  # whoever says nothing counts as the lower quartile of those who do
        for topic in sorted(set(VOCABULARY.topics) - j.offers):
            changed = _with(world, j=replace(j, offers=j.offers | {topic}))
            after = build_engine(changed, builder).preference.dense()
            assert (after.left_gain[:, col] >= before.left_gain[:, col] - 1e-9).all()
            needing = [row for row, i in enumerate(world.left) if topic in i.needs]
            assert (after.left_gain[needing, col] > before.left_gain[needing, col]).all()


@pytest.mark.parametrize("seed", one_in(4, range(6)))
def test_a_twin_that_meets_two_more_needs_outranks_the_best_partner(seed: int) -> None:
    world, rng = _world(seed), random.Random(seed)
    needs = VOCABULARY.topics
    world = Snapshot(  # a tie to one community would not be a tie to its twin
        left=tuple(replace(i, needs=tuple(rng.sample(needs, 4)), ties=()) for i in world.left),
        right=tuple(replace(j, offers=frozenset(rng.sample(needs, 2))) for j in world.right),
    )
    builder = _fitted(world)
    found = build_engine(world, builder).preference.dense()
    tried = 0
    for row, i in enumerate(world.left):
        best = world.right[int(found.left_gain[row].argmax())]
        missing = [topic for topic in i.needs if topic not in best.offers]
        if len(missing) < 2:
            continue
        twin = replace(best, id=999, offers=best.offers | set(missing[:2]))
        after = build_engine(_with(world, twin=twin), builder).preference.dense()
        assert after.left_gain[row].argmax() == len(world.right)
        tried += 1
    assert tried


@pytest.mark.parametrize("seed", one_in(4, range(6)))
def test_a_language_that_everybody_shares_moves_no_rank(seed: int) -> None:
    world = _world(seed)

    def ranks(languages: set[str]) -> np.ndarray:
        sides = (
            tuple(replace(r, languages=frozenset(languages)) for r in side)
            for side in (world.left, world.right)
        )
        snapshot = Snapshot(*sides)
        return build_engine(snapshot, _fitted(snapshot)).preference.dense().left_gain.round(6)

    one, two = ranks({"en"}), ranks({"en", "de"})
    np.testing.assert_array_equal(one, two)
    # Beside nobody stating any language, gains shrink, and their order stays
    order, without = np.argsort(-one, axis=1, kind="stable"), ranks(set())
    assert (np.diff(np.take_along_axis(without, order, axis=1), axis=1) <= 1e-5).all()


def test_a_facet_that_nobody_knows_changes_nothing() -> None:
    world = _world(3)
    bare = Snapshot(
        *(tuple(replace(r, story=None) for r in side) for side in (world.left, world.right))
    )
    gains = [
        build_engine(bare, _fitted(bare), Weights(unit={**Weights().unit, "story": unit}))
        .preference.dense()
        .left_gain
        for unit in (0.0, 5.0)
    ]
    np.testing.assert_array_equal(*gains)


@pytest.mark.parametrize("facet", one_in(3, ["needs_offers", "sectors", "size", "languages"]))
def test_a_stated_importance_moves_the_list_toward_it(facet: str) -> None:
    """Who was ahead and brings at least as much of the facet stays ahead."""
    world = _world(4)
    builder = _fitted(world)
    for row, i in enumerate(world.left):
        gains, lifts = [], []
        for importance in (1.0, 3.0):
            stated = replace(i, importances={**i.importances, facet: importance})
            changed = replace(world, left=(*world.left[:row], stated, *world.left[row + 1 :]))
            engine = build_engine(changed, builder)
            gains.append(engine.preference.dense().left_gain[row])
            part, rates = engine.left.facets.index(facet), engine.rates[0]
            similarity = engine.right.parts[part].offered @ engine.left.parts[part].seeker[row]
            lifts = np.where(
                engine.right.parts[part].offers,
                rates.scale[row, part] * similarity + rates.offset[row, part],
                rates.missing[row, part],
            )
        before, after = gains
        ahead = (before[:, None] > before + 1e-6) & (lifts[:, None] >= lifts)
        assert (after[:, None] > after)[ahead].all()


@pytest.mark.parametrize("seed", range(3))
def test_other_ids_and_another_order_change_nothing(seed: int) -> None:
    world = _world(seed)
    rng = np.random.default_rng(seed)
    rows, cols = rng.permutation(len(world.left)), rng.permutation(len(world.right))
    number = {r.id: 5_000 + int(rng.integers(10**6)) for r in (*world.left, *world.right)}

    def renamed(record: ProfileRecord) -> ProfileRecord:
        ties = tuple(
            replace(tie, community_id=number.get(tie.community_id, 1))
            if tie.community_id is not None
            else tie
            for tie in record.ties
        )
        return replace(record, id=number[record.id], ties=ties)

    other = Snapshot(
        left=tuple(renamed(world.left[row]) for row in rows),
        right=tuple(renamed(world.right[col]) for col in cols),
    )
    before, after = (
        build_engine(snapshot, _fitted(snapshot)).preference.dense() for snapshot in (world, other)
    )
    # Latent topics of stories are found by an iteration that begins elsewhere
    np.testing.assert_allclose(after.left_gain, before.left_gain[np.ix_(rows, cols)], atol=1e-4)
    np.testing.assert_allclose(after.right_gain, before.right_gain[np.ix_(rows, cols)], atol=1e-4)


BLANK: dict[str, object] = {
    "offers": frozenset(),
    "challenges": frozenset(),
    "sectors": {},
    "themes": {},
    "languages": frozenset(),
    "readiness": {},
    "story": None,
}


@pytest.mark.parametrize("field", one_in(4, BLANK))
def test_leaving_a_field_empty_does_not_pay(field: str) -> None:
    """Prints by how much the gain of others from a community changes, on average, when it leaves
    the field empty."""
    world = _world(7)
    builder = _fitted(world)
    before = build_engine(world, builder).preference.dense().left_gain
    changes = []
    for col, j in enumerate(world.right):
        if getattr(j, field):
            blank = _with(world, j=replace(j, **{field: BLANK[field]}))
            after = build_engine(blank, builder).preference.dense().left_gain
            changes.append(float((after - before)[:, col].mean()))
    print(f"{field}: {np.mean(changes):+.4f} on average, {max(changes):+.4f} at most")
    assert np.mean(changes) <= 0


@pytest.mark.at_length
@settings(max_examples=at_length(15, 60), deadline=None)
@given(snapshots(max_side=6), st.randoms(use_true_random=False))
def test_a_place_among_candidates_is_that_of_all_pairs_and_knows_no_secret(
    snapshot: Snapshot, rng: random.Random
) -> None:
    if not (snapshot.left and snapshot.right):
        return
    builder = FeatureBuilder(VOCABULARY, story_components=3)
    engine = build_engine(snapshot, builder)
    found = engine.preference.dense()
    scores = found.left_to_right * found.right_to_left
    a, b = rng.choice(snapshot.left), rng.choice(snapshot.right)
    row, col = engine.rows[a.id], engine.cols[b.id]
    for side, line, at, record in (
        ("left", scores[row], col, a),
        ("right", scores[:, col], row, b),
    ):
        others = engine.base_rates.candidates(record, side)  # type: ignore[arg-type]
        others[at] = False
        better = int((others & (line > line[at] + 1e-6)).sum())
        place = rank_among_candidates(engine, side, [(a.id, b.id)], "product")  # type: ignore[arg-type]
        assert place == [(better + 1, int(others.sum()) + 1)]
    # Pauses, answers and wishes of the others, and what they edit later, change nothing
    secret = [
        replace(r, available=False, sought=replace(r.sought, excluded_countries=frozenset({"US"})))
        for r in snapshot.right
        if r.id != b.id
    ]
    right = tuple(sorted((*secret, b), key=lambda record: record.id))
    barred = frozenset((a.id, r.id) for r in secret)
    later = build_engine(
        replace(snapshot, right=right, barred_pairs=barred), builder, earlier=engine
    )
    pair = [(a.id, b.id)]
    assert rank_among_candidates(later, "left", pair, "product") == rank_among_candidates(
        engine, "left", pair, "product"
    )


# Each rule of eligibility by itself, with the reason that staff see.


CITY = ProfileRecord(1, "US", region="Northern America", population=50_000)
ABROAD = ProfileRecord(2, "DE", region="Western Europe", population=80_000)


def wish(**sought: Any) -> dict[str, Any]:
    return {"sought": Sought(**sought)}


@pytest.mark.parametrize(
    ("left", "right", "reasons"),
    [
        ({}, {}, ()),
        ({}, {"country": "US"}, ("same_country",)),
        ({}, {"country": "CU"}, ("barred_jurisdiction",)),
        ({}, {"country": "KP"}, ("barred_jurisdiction",)),
        ({}, {"id": 3}, ("barred_pair",)),
        ({"available": False}, {}, ("left:unavailable",)),
        ({}, {"available": False}, ("right:unavailable",)),
        (wish(excluded_countries=frozenset({"DE"})), {}, ("left:excluded_country",)),
        ({}, wish(excluded_countries=frozenset({"US"})), ("right:excluded_country",)),
        (wish(countries=frozenset({"FR"})), {}, ("left:not_a_wanted_place",)),
        (wish(countries=frozenset({"FR"}), regions=frozenset({"Western Europe"})), {}, ()),
        (wish(regions=frozenset({"Eastern Asia"})), {}, ("left:not_a_wanted_place",)),
        (wish(regions=frozenset({"Eastern Asia"})), {"region": None}, ()),
        (
            wish(not_where_partnered=True) | {"partner_countries": frozenset({"DE"})},
            {},
            ("left:partnered_there",),
        ),
        ({"partner_countries": frozenset({"DE"})}, {}, ()),
        (wish(not_with_us_sister=True), {"has_us_sister": True}, ("left:has_us_sister",)),
        ({}, {"has_us_sister": True}, ()),
        ({"has_us_sister": True}, wish(not_with_us_sister=True), ("right:has_us_sister",)),
        (wish(population_min=80_000, population_max=80_000), {}, ()),
        (wish(population_min=80_001), {}, ("left:too_small",)),
        (wish(population_max=79_999), {}, ("left:too_large",)),
        (wish(population_min=80_001), {"population": None}, ()),
        ({}, wish(population_min=60_000), ("right:too_small",)),
        (
            wish(forms=frozenset({"sister"})),
            wish(forms=frozenset({"project"})),
            ("different_forms",),
        ),
        (wish(forms=frozenset({"sister", "project"})), wish(forms=frozenset({"project"})), ()),
        (wish(forms=frozenset({"sister"})), {}, ()),
    ],
)
def test_each_rule(left: dict[str, Any], right: dict[str, Any], reasons: tuple[str, ...]) -> None:
    snapshot = Snapshot(
        left=(replace(CITY, **left), replace(CITY, id=9)),
        right=(replace(ABROAD, **right),),
        barred_pairs=frozenset({(1, 3), (1, 999)}),
        barred_countries=frozenset({("US", "CU"), ("*", "KP")}),
    )
    eligibility = Eligibility(snapshot)
    assert eligibility.reasons(0, 0) == reasons
    assert eligibility.pairs(np.array([0]), np.array([0])).tolist() == [not reasons]
    assert eligibility.block(0, 1, 0, 1).tolist() == [[not reasons]]


def test_barred_pairs_of_every_block() -> None:
    left = tuple(replace(CITY, id=row) for row in range(4))
    right = tuple(replace(ABROAD, id=10 + col) for col in range(5))
    barred = {(0, 10), (1, 12), (1, 14), (3, 13)}
    eligibility = Eligibility(Snapshot(left=left, right=right, barred_pairs=frozenset(barred)))
    expected = np.array([[(a.id, b.id) not in barred for b in right] for a in left])
    for rows in itertools.combinations(range(5), 2):
        for cols in itertools.combinations(range(6), 2):
            np.testing.assert_array_equal(
                eligibility.block(*rows, *cols), expected[slice(*rows), slice(*cols)]
            )


def test_too_many_forms_to_tell_apart() -> None:
    crowd = tuple(ProfileRecord(k, "US", **wish(forms=frozenset({f"form{k}"}))) for k in range(70))
    with pytest.raises(ValueError, match="70 different forms"):
        Eligibility(Snapshot(left=crowd, right=(ABROAD,)))


WISHES: tuple[dict[str, Any], ...] = (
    {},
    wish(excluded_countries=frozenset({"DE", "US"})),
    wish(countries=frozenset({"FR"}), regions=frozenset({"Western Europe"})),
    {"available": False},
    wish(population_min=60_000),
    wish(forms=frozenset({"sister"})),
    wish(not_with_us_sister=True),
)


@pytest.mark.parametrize("seed", one_in(7, range(30)))
def test_what_is_said_of_a_set_holds_for_its_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def drawn(
        record: ProfileRecord, identifier: int, places: tuple[tuple[str, str | None], ...]
    ) -> ProfileRecord:
        country, region = places[rng.integers(len(places))]
        own = (
            WISHES[rng.integers(len(WISHES[: 4 if seed % 2 else None]))]
            if rng.random() < 0.5
            else {}
        )
        return replace(record, id=identifier, country=country, region=region, **own)

    left = tuple(drawn(CITY, at, (("US", "Northern America"), ("US", None))) for at in range(12))
    right = tuple(
        drawn(ABROAD, 100 + at, (("DE", "Western Europe"), ("FR", "Western Europe"), ("JP", None)))
        for at in range(15)
    )
    barred = frozenset((int(a), 100 + int(b)) for a, b in rng.integers(0, 12, (seed % 3, 2)))
    eligibility = Eligibility(Snapshot(left=left, right=right, barred_pairs=barred))
    table = eligibility.block(0, 12, 0, 15)
    rows, cols = (
        rng.permutation(12)[: rng.integers(1, 12)],
        rng.permutation(15)[: rng.integers(1, 6)],
    )
    for (possible, certain), pairs in (
        (eligibility.reach(rows, cols), table[np.ix_(rows, cols)]),
        (eligibility.reach_of_right(cols, rows), table[np.ix_(rows, cols)].T),
    ):
        assert not pairs[~possible].any()
        assert pairs[certain].all()


def test_a_set_of_one_country_is_settled_without_its_pairs() -> None:
    closed = replace(CITY, id=9, **wish(excluded_countries=frozenset({"DE"})))
    eligibility = Eligibility(Snapshot(left=(CITY, closed), right=(ABROAD, replace(ABROAD, id=3))))
    possible, certain = eligibility.reach(np.array([0, 1]), np.array([0, 1]))
    assert possible.tolist() == certain.tolist() == [True, False]
    assert [groups.tolist() for groups in eligibility.groups()] == [[0, 0], [0, 0]]
