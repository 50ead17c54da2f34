"""Answers of communities become decisions that the engine learns from, and what it learned becomes
plain JSON.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from backend.suggestions.scoring.engine import weights_as_json, weights_from_json
from matching.feedback import DirectionalDecision, TooFewDecisionsError, fit_weights
from matching.weights import Weights

__all__ = ["Answered", "TooFewDecisionsError", "learn"]


class Answered(NamedTuple):
    """One side's answer with the reasons it was shown, as ``pair_reasons`` wrote them, and the
    weights behind these.
    """

    community_id: int
    at: float
    interested: bool
    reason: str
    reasons: Mapping[str, Any]
    weights: Mapping[str, Any]


def _decision(answer: Answered) -> DirectionalDecision:
    unit = weights_from_json(answer.weights).unit
    usable = [
        c for c in answer.reasons["contributions"] if unit.get(c["facet"])
    ]  # without a weight, its importance is not known
    return DirectionalDecision(
        answer.community_id,
        answer.at,
        answer.interested,
        similarities={c["facet"]: c["similarity"] for c in usable},
        importances={c["facet"]: c["weight"] / unit[c["facet"]] for c in usable},
        reason=answer.reason,
    )


def learn(
    answers: Iterable[Answered], in_use: Mapping[str, Any], version: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Learned weights and the report on them, both as JSON. Raises TooFewDecisionsError, ValueError
    for answers it cannot read.
    """
    weights: Weights = weights_from_json(in_use)
    learned, report = fit_weights(
        [_decision(answer) for answer in answers], weights, version=version
    )
    return weights_as_json(learned), {
        **dataclasses.asdict(report),
        "is_better": report.is_better,
        "compared_with": weights.version,
    }
