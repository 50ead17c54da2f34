from __future__ import annotations

import numpy as np
import pytest

from matching.recovery.priors import (
    OPEN_FACETS,
    FacetEvidence,
    advised_weights,
    fit_non_negative,
    learn_priors,
)
from tests.matching.recovery_world import made_up_world


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
