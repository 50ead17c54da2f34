"""From records to rankings: the engine's problem, ranked, equals every pair computed and sorted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.engine import build_engine
from matching.features import FeatureBuilder
from matching.reciprocal import Reciprocal
from matching.topk import top_k
from matching.types import Snapshot
from matching.weights import Weights
from tests.strategies import VOCABULARY, snapshots


@settings(max_examples=60, deadline=None)
@given(snapshots(max_side=6), st.sampled_from(("harmonic", "min")), st.sampled_from((0.0, 0.35, 0.6)), st.integers(1, 4))
def test_ranking_equals_all_pairs_sorted(snapshot: Snapshot, fusion: str, floor: float, k: int) -> None:
    engine = build_engine(snapshot, FeatureBuilder(VOCABULARY, story_components=3), Weights(coverage_floor=floor))
    found = engine.preference.dense()
    shape = found.left_to_right.shape
    eligible = engine.eligibility.block(0, shape[0], 0, shape[1])
    scores = Reciprocal(fusion).fuse(found.left_to_right, found.right_to_left)
    allowed = eligible & (np.minimum(found.left_coverage, found.right_coverage) >= floor)
    ranking = top_k(engine.problem, k, fusion=fusion, threads=1)
    for row in range(shape[0]):
        expected = sorted((-scores[row, col], int(engine.right.ids[col])) for col in np.flatnonzero(allowed[row]))[:k]
        listed = ranking.left.counterpart_ids[row]
        assert np.count_nonzero(listed >= 0) == len(expected)
        for place, (negative, _) in enumerate(expected):
            assert ranking.left.scores[row, place] == pytest.approx(-negative, abs=1e-9)
            col = engine.cols[int(listed[place])]
            assert scores[row, col] == pytest.approx(-negative, abs=1e-9)
    assert np.count_nonzero(ranking.right.counterpart_ids >= 0) == np.minimum(allowed.sum(axis=0), k).sum()
