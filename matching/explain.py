"""Why i would choose j: contributions that sum to the gain, gaps, the strongest caveat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from matching.base_rates import BaseRates, Rates
from matching.candidates import as_told
from matching.facets import FACETS
from matching.facets.part import Part
from matching.facets.ties import STRENGTH
from matching.features import FeatureMatrix
from matching.preference import named_lift
from matching.types import BoolArray, Contribution, Explanation, Item, ProfileRecord
from matching.weights import Weights

LOW_COVERAGE = 0.6  # below it, how little is known may be the strongest caveat
COMMON = 0.5  # what more candidates bring distinguishes nobody
_COVERAGE_COST = 0.2  # of the gain, for a pair of which nothing is known
_HINDERS = 2.0  # a facet without which working together is hard counts so many times
_FEASIBILITY = frozenset(facet.name for facet in FACETS if facet.feasibility)
WEAK: Mapping[str, float] = MappingProxyType(
    {
        "needs_offers": 0.0,
        "challenges": 0.0,
        "languages": 0.0,
        "time_zone": 0.25,
        "readiness": 0.4,
        "size": 0.32,
    }
)
"""Similarity at or below which a facet may be the caveat: nothing that is needed is offered, no
challenge or language is shared, less than two working hours are, little is in place, ten times the
population. Other facets are no reason to hesitate when they are missing.
"""


@dataclass(frozen=True, slots=True)
class Direction:
    """Everything about one side as chooser, and the pair that it looks at."""

    parts: tuple[Part, ...]
    weights: Weights
    base_rates: BaseRates
    rates: Rates
    chooser: FeatureMatrix
    row: int
    chosen: FeatureMatrix
    col: int
    chooser_record: ProfileRecord
    chosen_record: ProfileRecord


@dataclass(frozen=True, slots=True)
class _Term:
    """One part of one pair."""

    facet: str
    weight: float
    seeks: bool
    similarity: float | None  # None: one of the two has no data
    lift: float  # where the chooser has data
    items: tuple[_CountedItem, ...]


class _Count(NamedTuple):
    """How many of the chooser's candidates bring an item, how many candidates there are, and what
    share of those that the others know of: these come of ``as_told``.
    """

    offered_by: int | None = None
    candidates: int | None = None
    share: float = 0.0


class _CountedItem(NamedTuple):
    code: str
    part: float
    brought: _Count

    @property
    def distinction(self) -> float:
        """What it adds beyond what most candidates bring. Its order is read by both sides."""
        return self.part * (1.0 - self.brought.share)


def explain_direction(direction: Direction) -> Explanation:
    """Explain the gain that one community has from another, in codes."""
    terms = _terms(direction)
    denominator = direction.weights.prior_weight + sum(t.weight for t in terms if t.seeks)
    by_facet: dict[str, list[_Term]] = {}
    for term in terms:
        by_facet.setdefault(term.facet, []).append(term)
    counted = {facet: of for facet, of in by_facet.items() if any(term.weight for term in of)}
    contributions = sorted(
        (_contribution(facet, of, denominator) for facet, of in counted.items()),
        key=lambda c: (-c.share, c.similarity is None, c.facet),
    )
    total = sum(term.weight for term in terms)
    presence = sum(term.weight for term in terms if term.similarity is not None)
    coverage = presence / total if total else 0.0
    gain = sum(c.share for c in contributions)
    silent = [c.facet for c in contributions if c.similarity is None]
    own = {facet for facet in silent if not any(term.seeks for term in by_facet[facet])}
    mine, theirs = direction.chooser_record, direction.chosen_record
    return Explanation(
        gain=gain,
        preference=float(direction.weights.preference(np.asarray(gain))),
        coverage=coverage,
        contributions=tuple(contributions),
        missing_own=tuple(facet for facet in silent if facet in own),
        missing_other=tuple(facet for facet in silent if facet not in own),
        not_counted=tuple(facet for facet in by_facet if facet not in counted),
        caveat=_caveat(contributions, coverage),
        needs_met=len(set(mine.needs) & theirs.offers),
    )


def _terms(direction: Direction) -> list[_Term]:
    chooser, row = direction.chooser, direction.row
    part_weights = direction.weights.part_weights(
        chooser.importances[row : row + 1], chooser.facets, chooser.shares
    )[0]
    count = _holder_count(direction)
    return [
        _term(direction, part, number, float(weight), count)
        for number, (part, weight) in enumerate(zip(direction.parts, part_weights, strict=True))
    ]


def _term(
    direction: Direction,
    part: Part,
    number: int,
    weight: float,
    count: Callable[[Part, int, str], _Count],
) -> _Term:
    mine, theirs = direction.chooser.parts[number], direction.chosen.parts[number]
    row, col, rates = direction.row, direction.col, direction.rates
    if not mine.seeks[row]:
        return _Term(part.facet, weight, False, None, 0.0, ())
    if not theirs.offers[col]:
        return _Term(part.facet, weight, True, None, float(rates.missing[row, number]), ())
    similarity = float(mine.seeker[row].astype(np.float64) @ theirs.offered[col].astype(np.float64))
    scale, offset = rates.scale[row, number], rates.offset[row, number]
    lift = float(scale * similarity + offset)
    if part.name == "ties":
        named = _named_similarity(direction.chooser_record, direction.chosen_record.id)
        if named > similarity:
            similarity, lift = named, max(lift, float(named_lift(np.asarray(named), scale, offset)))
    items = (
        _CountedItem(code, value, count(part, number, code))
        for code, value in part.items(direction.chooser_record, direction.chosen_record, similarity)
    )
    return _Term(part.facet, weight, True, similarity, lift, tuple(items))


def _holder_count(direction: Direction) -> Callable[[Part, int, str], _Count]:
    side, rates, record = direction.chooser.side, direction.base_rates, direction.chooser_record
    counterparts, known = rates.counterparts(side), as_told(record)
    candidates: BoolArray = rates.candidates(record, side)
    told = candidates if known is record else rates.candidates(known, side)

    def count(part: Part, number: int, code: str) -> _Count:
        holders = part.holders(code, counterparts[number])
        if holders is None:
            return _Count()
        share = float((holders & told).sum() / max(1, told.sum()))
        return _Count(int((holders & candidates).sum()), int(candidates.sum()), share)

    return count


def _named_similarity(chooser: ProfileRecord, chosen_id: int) -> float:
    return max(
        (STRENGTH[tie.strength] for tie in chooser.ties if tie.community_id == chosen_id),
        default=0.0,
    )


def _contribution(facet: str, terms: list[_Term], denominator: float) -> Contribution:
    share = sum(term.weight * term.lift for term in terms) / denominator
    known = [(t, t.similarity) for t in terms if t.similarity is not None and t.weight]
    weight = sum(term.weight for term, _ in known)
    if not weight:
        return Contribution(facet, share, None, None, sum(t.weight for t in terms))
    items = [
        item._replace(part=item.part * term.weight / weight)
        for term, _ in known
        for item in term.items
    ]
    return Contribution(
        facet,
        share,
        sum(term.weight * similarity for term, similarity in known) / weight,
        sum(term.weight * term.lift for term, _ in known) / weight,
        weight,
        tuple(
            Item(
                item.code,
                item.part,
                item.brought.offered_by,
                item.brought.candidates,
                item.brought.share > COMMON,
            )
            for item in sorted(items, key=lambda item: (-item.distinction, item.code))
        ),
    )


def _caveat(contributions: list[Contribution], coverage: float) -> str | None:
    """What costs most, among what is weak in itself; or that little could be compared."""
    costs = [
        (-c.share * (_HINDERS if c.facet in _FEASIBILITY else 1.0), c.facet)
        for c in contributions
        if c.similarity is not None and c.share < 0 and c.similarity <= WEAK.get(c.facet, -1.0)
    ]
    if coverage < LOW_COVERAGE:
        costs.append(((1.0 - coverage) * _COVERAGE_COST, "coverage"))
    return max(costs)[1] if costs else None
