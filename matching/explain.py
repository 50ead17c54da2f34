"""Why i would choose j: contributions that sum to the preference, gaps, the strongest caveat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matching.facets import FACETS
from matching.facets.part import Part
from matching.facets.ties import STRENGTH
from matching.features import FeatureMatrix
from matching.types import Contribution, Explanation, ProfileRecord
from matching.weights import Weights

LOW_COVERAGE = 0.6  # below it, how little is known may be the strongest caveat
NOT_FEASIBLE = 0.3  # a feasibility facet at or below it counts double among the caveats
_FEASIBILITY = frozenset(facet.name for facet in FACETS if facet.feasibility)


@dataclass(frozen=True, slots=True)
class _Term:
    """One part of one pair."""

    facet: str
    weight: float
    similarity: float | None  # None: one of the two has no data
    items: tuple[tuple[str, float], ...]


def explain_direction(
    parts: tuple[Part, ...],
    weights: Weights,
    chooser: FeatureMatrix,
    row: int,
    chosen: FeatureMatrix,
    col: int,
    chooser_record: ProfileRecord,
    chosen_record: ProfileRecord,
) -> Explanation:
    """Explain the preference of one community (feature row and record) for another, in codes."""
    terms = _terms(parts, weights, chooser, row, chosen, col, chooser_record, chosen_record)
    presence = sum(term.weight for term in terms if term.similarity is not None)
    total = sum(term.weight for term in terms)
    denominator = presence + weights.prior_weight
    by_facet: dict[str, list[_Term]] = {}
    for term in terms:
        if term.weight:
            by_facet.setdefault(term.facet, []).append(term)
    contributions = [
        _contribution(facet, of_facet, denominator) for facet, of_facet in by_facet.items()
    ]
    contributions.append(
        Contribution(
            "prior",
            weights.prior_weight * weights.prior / denominator,
            weights.prior,
            weights.prior_weight,
        )
    )
    contributions.sort(key=lambda c: (-c.share, c.similarity is None, c.facet))
    coverage = presence / total if total else 0.0
    return Explanation(
        preference=sum(c.share for c in contributions),
        coverage=coverage,
        contributions=tuple(contributions),
        missing=tuple(c.facet for c in contributions if c.similarity is None),
        caveat=_caveat(contributions, coverage, total),
    )


def _terms(
    parts: tuple[Part, ...],
    weights: Weights,
    chooser: FeatureMatrix,
    row: int,
    chosen: FeatureMatrix,
    col: int,
    chooser_record: ProfileRecord,
    chosen_record: ProfileRecord,
) -> list[_Term]:
    part_weights = weights.part_weights(
        chooser.importances[row : row + 1], chooser.facets, chooser.shares
    )[0]
    terms = []
    for part, weight, mine, theirs in zip(
        parts, part_weights, chooser.parts, chosen.parts, strict=True
    ):
        if not (mine.seeks[row] and theirs.offers[col]):
            terms.append(_Term(part.facet, float(weight), None, ()))
            continue
        similarity = float(
            mine.seeker[row].astype(np.float64) @ theirs.offered[col].astype(np.float64)
        )
        if part.name == "ties":
            similarity = max(similarity, _named_similarity(chooser_record, chosen_record.id))
        terms.append(
            _Term(
                part.facet,
                float(weight),
                similarity,
                part.items(chooser_record, chosen_record, similarity),
            )
        )
    return terms


def _named_similarity(chooser: ProfileRecord, chosen_id: int) -> float:
    return max(
        (STRENGTH[tie.strength] for tie in chooser.ties if tie.community_id == chosen_id),
        default=0.0,
    )


def _contribution(facet: str, terms: list[_Term], denominator: float) -> Contribution:
    present = [(t.weight, t.similarity, t.items) for t in terms if t.similarity is not None]
    weight = sum(w for w, _, _ in present)
    if not weight:
        return Contribution(facet, 0.0, None, sum(t.weight for t in terms))
    gained = sum(w * s for w, s, _ in present)
    items = [
        (code, value * w / weight) for w, _, part_items in present for code, value in part_items
    ]
    return Contribution(
        facet,
        gained / denominator,
        gained / weight,
        weight,
        tuple(sorted(items, key=lambda item: (-item[1], item[0]))),
    )


def _caveat(contributions: list[Contribution], coverage: float, total: float) -> str | None:
    """What costs most: a weak facet, one that hinders working together, or missing data."""
    costs: list[tuple[float, str]] = []
    for c in contributions:
        if c.facet == "prior" or c.similarity is None:
            continue
        blocking = c.facet in _FEASIBILITY and c.similarity <= NOT_FEASIBLE
        if blocking or c.similarity < 0.5:
            costs.append((c.weight * (1.0 - c.similarity) * (2.0 if blocking else 1.0), c.facet))
    if coverage < LOW_COVERAGE:
        costs.append((total * (1.0 - coverage) / 2.0, "coverage"))
    return max(costs, key=lambda cost: (cost[0], cost[1]))[1] if costs else None
