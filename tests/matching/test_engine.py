"""From records to rankings: the engine's problem, ranked, equals every pair computed and sorted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.engine import Changes, build_engine, changes_between
from matching.features import FeatureBuilder
from matching.reciprocal import Reciprocal
from matching.topk import RankingIndex, top_k
from matching.types import ProfileRecord, Snapshot
from matching.weights import Weights
from tests.strategies import STORIES, VOCABULARY, snapshots


@settings(max_examples=60, deadline=None)
@given(
    snapshots(max_side=6),
    st.sampled_from(("harmonic", "min")),
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


@settings(max_examples=80, deadline=None)
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
            "numerator_left",
            "numerator_right",
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
