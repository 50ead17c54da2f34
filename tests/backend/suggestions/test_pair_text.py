"""Reasons in words: true, specific, and silent where there is nothing worth saying."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation

from backend.cities.facets import FACETS
from backend.suggestions.pair_text import (
    caveat_sentence,
    contribution_sentence,
    item_label,
    reason_sentences,
)
from backend.web.suggestions.comparison import facet_rows


def contribution(
    facet: str, similarity: float | None, *items: str, share: float = 0.2
) -> dict[str, Any]:
    return {
        "facet": facet,
        "similarity": similarity,
        "share": share,
        "weight": 1.0,
        "items": [[code, 0.1] for code in items],
    }


def test_needs_name_what_the_other_side_offers() -> None:
    one = contribution("needs_offers", 0.5, "topic:port_logistics", "topic:water_management")
    assert (
        contribution_sentence(one, other="Bremen")
        == "You need port logistics and water management; Bremen offers it."
    )
    assert contribution_sentence(one, other="Bremen", own="Savannah").startswith(
        "Savannah needs port logistics"
    )


def test_declared_ties_name_their_kinds_and_hints_say_that_they_are_open_data() -> None:
    declared = contribution("ties", 1.0, "tie:trade", "tie:mayoral")
    assert contribution_sentence(declared, other="Bremen").startswith(
        "You already have ties with Bremen or its country: "
    )
    hinted = contribution("ties", 0.4, "tie_hint:DE")
    assert contribution_sentence(hinted, other="Bremen").startswith("Open data")


def test_what_a_fit_rests_on_is_named_in_words_or_not_at_all() -> None:
    assert item_label("tie_hint:DE", "en") == "Germany"
    assert item_label("tie_hint:DE", "fr") == "Allemagne"
    near, answer = (
        "near_topic:flood_protection>water_management",
        "answer:flooding>flood_protection",
    )
    assert item_label(near) == "Water management, close to flood protection"
    assert item_label(answer) == "Flood protection, which answers flooding"
    with translation.override("de"):
        assert item_label(near) == "Wasserwirtschaft, verwandt mit „Hochwasserschutz“"
    (story,) = facet_rows(
        {"contributions": [contribution("story", 0.9, "story")]}, {"contributions": []}
    )
    assert story.first.items == []


@pytest.mark.parametrize(
    ("facet", "similarity", "said"),
    [("distance", 0.8, False), ("distance", 0.99, True), ("size", 0.4, False)],
)
def test_a_likeness_is_said_only_when_it_is_one(facet: str, similarity: float, said: bool) -> None:
    reasons = {"contributions": [contribution(facet, similarity)]}
    assert bool(reason_sentences(reasons, other="Bremen")) is said


def test_reasons_leave_out_the_prior_what_is_missing_and_what_weighs_nothing() -> None:
    reasons = {
        "contributions": [
            contribution("prior", 0.3),
            contribution("themes", None),
            contribution("sectors", 0.9, "sector:tourism", share=0.001),
            contribution("languages", 1.0, "language:de"),
        ]
    }
    assert reason_sentences(reasons, other="Bremen") == ["You can work together in German."]


@pytest.mark.parametrize("facet", sorted(FACETS))
def test_every_facet_has_words_as_reason_and_all_but_distance_as_caveat(facet: str) -> None:
    assert FACETS[facet].reason or FACETS[facet].reason_named
    assert contribution_sentence(contribution(facet, 1.0), other="Bremen")
    assert bool(caveat_sentence({"caveat": facet, "missing": []}, other="Bremen")) is (
        facet != "distance"
    )
