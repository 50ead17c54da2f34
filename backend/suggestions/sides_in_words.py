"""The two sides of a suggestion in words: what speaks for the partner from the point of view of
each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.cities.models import Community
from backend.cities.profile_schema import FACETS
from backend.suggestions.queries import SuggestionView
from backend.suggestions.wording import caveat_sentence, reason_sentences


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a pair: who, what speaks for the partner from its point of view, the one caveat,
    and what could not be compared.
    """

    community: Community
    letter: str  # "a" or "b": its colour
    preference: float
    coverage: float
    reasons: list[str]
    caveat: str
    missing: list[str]


def side(
    community: Community,
    other: Community,
    letter: str,
    preference: float,
    coverage: float,
    reasons: Mapping[str, Any],
    *,
    reads: bool = False,
) -> Side:
    """``reads``: the reader belongs to this side and is addressed as "you"."""
    return Side(
        community=community,
        letter=letter,
        preference=preference,
        coverage=coverage,
        reasons=reason_sentences(reasons, other=other.name, own="" if reads else community.name),
        caveat=caveat_sentence(reasons, other=other.name),
        missing=[str(FACETS[name]) for name in reasons.get("missing", ()) if name in FACETS],
    )


def sides_of_view(view: SuggestionView) -> list[Side]:
    """One's own side first."""
    return [
        side(
            view.own,
            view.other,
            "a",
            view.own_preference,
            view.own_coverage,
            view.own_reasons,
            reads=True,
        ),
        side(
            view.other,
            view.own,
            "b",
            view.other_preference,
            view.other_coverage,
            view.other_reasons,
        ),
    ]
