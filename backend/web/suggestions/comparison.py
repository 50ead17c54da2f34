"""A suggestion in words and bars: reasons for each side, and the comparison facet by facet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from backend.cities.facets import FACET_LABELS, item_label
from backend.cities.models import Community
from backend.cities.profile_schema import GROUPS
from backend.suggestions.queries import SuggestionForSide
from backend.web.profiles.presentation import DescribedAnswer, describe, published_data
from backend.web.templatetags.web import percent

BAR_WIDTH = 200


@dataclass(frozen=True, slots=True)
class BarMark:
    """How well one kind of fit meets one side's wishes; None where data is missing, and where it
    does not count for that side.
    """

    similarity: float | None
    weight: float
    items: list[str]
    counts: bool = True

    @property
    def words(self) -> str:
        """ "60%", or why there is no figure."""
        if self.similarity is not None:
            return percent(self.similarity)
        return _("not known") if self.counts else _("does not count")

    @property
    def width(self) -> float:
        return round((self.similarity or 0.0) * BAR_WIDTH, 1)


@dataclass(frozen=True, slots=True)
class ComparedQuestion:
    """One question with the answers of all that are compared, one's own first; None where somebody
    has not answered.
    """

    label: str
    answers: list[DescribedAnswer | None]


@dataclass(frozen=True, slots=True)
class ComparedGroup:
    label: str
    questions: list[ComparedQuestion]


def compared_groups(communities: Sequence[Community]) -> list[ComparedGroup]:
    """Published profiles question by question, in the form's order; a gap stays a gap."""
    described = [
        {
            group.code: {answer.label: answer for answer in group.answers}
            for group in describe(published_data(community), community, reader="partners")
        }
        for community in communities
    ]
    groups = []
    for group in GROUPS:
        given = [profile.get(group.code, {}) for profile in described]
        asked = [
            label
            for label in (str(field.label_for_others) for field in group.fields)
            if any(label in answers for answers in given)
        ]
        if asked and group.code != "importances":
            groups.append(
                ComparedGroup(
                    str(group.label_for_others),
                    [
                        ComparedQuestion(label, [answers.get(label) for answers in given])
                        for label in asked
                    ],
                )
            )
    return groups


@dataclass(frozen=True, slots=True)
class FacetRow:
    label: str
    first: BarMark
    second: BarMark


_NOT_KNOWN = BarMark(None, 0.0, [])
_DOES_NOT_COUNT = BarMark(None, 0.0, [], counts=False)


def _bars(reasons: Mapping[str, Any]) -> dict[str, BarMark]:
    bars = dict.fromkeys(reasons.get("not_counted", ()), _DOES_NOT_COUNT)
    for row in reasons.get("contributions", ()):
        named = [item_label(code) for code, *_figures in row.get("items", ())[:6]]
        # A likeness as a whole, such as that of the stories, names nothing
        items = [words for words in named if words]
        bars[row["facet"]] = BarMark(row.get("similarity"), row.get("weight", 0.0), items)
    return bars


def facet_rows(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[FacetRow]:
    """Every kind of fit that counts for a side, with both bars, the weightiest of both first."""
    a, b = _bars(first), _bars(second)
    nothing = _NOT_KNOWN
    names = sorted(
        (a.keys() | b.keys()) & FACET_LABELS.keys(),
        key=lambda n: (-(a.get(n, nothing).weight + b.get(n, nothing).weight), n),
    )
    rows = [
        FacetRow(str(FACET_LABELS[name]), a.get(name, nothing), b.get(name, nothing))
        for name in names
    ]
    return [row for row in rows if row.first.counts or row.second.counts]


@dataclass(frozen=True, slots=True)
class CandidateFacet:
    """One kind of fit over all candidates: for each, how far it meets our wishes and we meet
    its.
    """

    label: str
    cells: list[FacetRow]


def candidate_facets(views: Sequence[SuggestionForSide]) -> list[CandidateFacet]:
    """Every kind of fit that is known of at least one candidate, in the order of the first one's
    weights; gaps are gaps.
    """
    rows = [
        {row.label: row for row in facet_rows(view.own_fit.reasons, view.other_fit.reasons)}
        for view in views
    ]
    labels = list(dict.fromkeys(label for of_one in rows for label in of_one))
    nothing = _NOT_KNOWN
    return [
        CandidateFacet(
            label, [of_one.get(label, FacetRow(label, nothing, nothing)) for of_one in rows]
        )
        for label in labels
    ]
