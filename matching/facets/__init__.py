"""The facets: features with one similarity, their default importance, and their parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matching.facets.anchored import Climate, Income, Languages, Seat, TimeZone
from matching.facets.coded import AnsweringOffers, NeedsOffers, Overlap, Strengths
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
class FitOptions:
    """What the parts of all facets are made with; see ``FeatureBuilder``."""

    vocabulary: Vocabulary
    story_components: int
    random_state: int


@dataclass(frozen=True, slots=True)
class Facet:
    """``default_importance`` is what a community that says nothing gives it, on the scale 0..3 of
    stated importances. The shares of its parts sum to 1; any kind of part serves any facet.
    """

    name: str
    default_importance: float
    make_parts: Callable[[FitOptions], tuple[Part, ...]]
    feasibility: bool = False  # says whether working together is possible, not whether it is wanted

    def parts(self, options: FitOptions) -> tuple[Part, ...]:
        """Fresh, unfitted parts."""
        parts = self.make_parts(options)
        for part in parts:
            part.facet = self.name
        return parts


FACETS: tuple[Facet, ...] = (
    Facet(
        "needs_offers",
        HIGH,
        lambda given: (NeedsOffers(given.vocabulary.topics, given.vocabulary.near),),
    ),
    Facet("ties", HIGH, lambda _: (Ties(),)),
    Facet(
        "challenges",
        HIGH,
        lambda given: (
            Overlap("challenges", "challenge", given.vocabulary.challenges, share=5 / 6),
            AnsweringOffers(
                given.vocabulary.challenges,
                given.vocabulary.topics,
                given.vocabulary.answers,
                share=1 / 6,
            ),
        ),
    ),
    Facet(
        "sectors",
        MEDIUM,
        lambda given: (
            Strengths("sectors", "sector", given.vocabulary.sectors, rare_count_more=True),
        ),
    ),
    Facet(
        "themes",
        MEDIUM,
        lambda given: (
            Strengths("themes", "theme", given.vocabulary.themes, rare_count_more=False),
        ),
    ),
    Facet(
        "institutions",
        MEDIUM,
        lambda given: (
            Overlap("institutions", "institution", given.vocabulary.institutions, share=0.25),
            SharedAbundance("universities", "universities", enough=10, share=0.125),
            SharedTrait("port", "port", neither=0.5, share=0.25),
            SharedAbundance("air_links", "air_destinations", enough=100, share=0.125),
            Income(),
            median_age(),
        ),
    ),
    Facet(
        "geography",
        MEDIUM,
        lambda _: (
            Climate(),
            SharedTrait("coast", "coastal", neither=1.0, share=0.375),
            elevation(),
            Seat(),
        ),
    ),
    Facet(
        "languages",
        MEDIUM,
        lambda given: (Languages(given.vocabulary.languages),),
        feasibility=True,
    ),
    Facet("size", LOW, lambda _: (size(),)),
    Facet("time_zone", LOW, lambda _: (TimeZone(),), feasibility=True),
    Facet("distance", ZERO, lambda _: (Distance(),)),
    Facet(
        "story",
        LOW,
        lambda given: (Story(given.vocabulary.labels, given.story_components, given.random_state),),
    ),
    Facet("readiness", LOW, lambda _: (Readiness(),), feasibility=True),
)
FACET_NAMES: tuple[str, ...] = tuple(facet.name for facet in FACETS)
