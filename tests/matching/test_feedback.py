"""Weights learned from decisions: they move toward what decisions show, no further than these
carry, and say how well they do.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from matching.facets import FACET_NAMES, FACETS
from matching.feedback import DirectionalDecision, TooFewDecisionsError, fit_weights
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
    assert (
        learned.unit["sectors"] > 1.5
        and learned.unit["ties"] < 0.6
        and learned.unit["challenges"] < 0.6
    )
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
