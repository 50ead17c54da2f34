"""The facets: groups of features with one similarity, their default importance, and the parts that
make them up.
"""

from __future__ import annotations

from dataclasses import dataclass

from matching.facets.anchored import Climate, Income, Languages, Seat, TimeZone
from matching.facets.coded import NeedsOffers, Overlap, Strengths
from matching.facets.facts import (
    Distance,
    Readiness,
    SharedAbundance,
    SharedTrait,
    elevation,
    median_age,
    size,
)
from matching.facets.part import Part
from matching.facets.story import Story
from matching.facets.ties import Ties
from matching.types import Vocabulary

HIGH, MEDIUM, LOW, ZERO = 3.0, 2.0, 1.0, 0.0


@dataclass(frozen=True, slots=True)
class Facet:
    """``default_importance`` is what a community that says nothing gives it, on the scale 0..3 of
    stated importances.
    """

    name: str
    default_importance: float
    feasibility: bool = False  # says whether working together is possible, not whether it is wanted


FACETS: tuple[Facet, ...] = (
    Facet("needs_offers", HIGH),
    Facet("ties", HIGH),
    Facet("challenges", HIGH),
    Facet("sectors", MEDIUM),
    Facet("themes", MEDIUM),
    Facet("institutions", MEDIUM),
    Facet("geography", MEDIUM),
    Facet("languages", MEDIUM, feasibility=True),
    Facet("size", LOW),
    Facet("time_zone", LOW, feasibility=True),
    Facet("distance", ZERO),
    Facet("story", LOW),
    Facet("readiness", LOW, feasibility=True),
)
FACET_NAMES: tuple[str, ...] = tuple(facet.name for facet in FACETS)


def make_parts(
    vocabulary: Vocabulary, story_components: int, random_state: int
) -> tuple[Part, ...]:
    """Fresh, unfitted parts of all facets, in the order of ``FACETS``."""
    return (
        NeedsOffers(vocabulary.topics),
        Ties(),
        Overlap("challenges", "challenge", "challenges", vocabulary.challenges),
        Strengths("sectors", "sector", vocabulary.sectors, rare_count_more=True),
        Strengths("themes", "theme", vocabulary.themes, rare_count_more=False),
        Overlap("institutions", "institution", "institutions", vocabulary.institutions, share=0.25),
        SharedAbundance("universities", "universities", enough=10, share=0.125),
        SharedTrait("institutions", "seaport", "seaport", neither=0.5, share=0.25),
        SharedAbundance("air_links", "air_destinations", enough=100, share=0.125),
        Income(),
        median_age(),
        Climate(),
        SharedTrait("geography", "coast", "coastal", neither=1.0, share=0.375),
        elevation(),
        Seat(),
        Languages(vocabulary.languages),
        size(),
        TimeZone(),
        Distance(),
        Story(vocabulary.labels, story_components, random_state),
        Readiness(),
    )
