"""What a place with a trait tends to have, offer, need and care about: weights of the generator's
draws, by vocabulary code.

The weights (backend/cities/data/sample/affinities.json) are judgement, not measurement: they make a
world in which ports speak of logistics and dry places of water.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from backend.cities.vocabularies import vocabulary

Question = Literal["sectors", "themes", "offers", "needs", "challenges", "institutions"]
FILE = Path(__file__).parent.parent / "data" / "sample" / "affinities.json"
VOCABULARY: Mapping[Question, str] = {
    "sectors": "sectors",
    "themes": "themes",
    "offers": "topics",
    "needs": "topics",
    "challenges": "challenges",
    "institutions": "institutions",
}
# Every code has a small chance everywhere: real places surprise.
BACKGROUND: Mapping[Question, float] = {
    "sectors": 0.25,
    "themes": 0.5,
    "offers": 0.12,
    "needs": 0.12,
    "challenges": 0.15,
    "institutions": 0.15,
}


@cache
def affinities() -> Mapping[str, Any]:
    """``traits``: trait → question → code → weight; ``needs_of_challenge``, ``offers_of_sector``:
    code → topic → weight; ``only_with``: question → code → the trait without which the facts rule
    the code out."""
    return dict(json.loads(FILE.read_text(encoding="utf-8")))


@cache
def _base(question: Question, traits: frozenset[str]) -> Mapping[str, float]:
    ruled = affinities()["only_with"].get(question, {})
    background = BACKGROUND[question]
    weights = {
        code: background
        for code in vocabulary(VOCABULARY[question])
        if ruled.get(code) in (None, *traits)
    }
    # Sorted: sets of text have another order in each process, and sums of floats depend on it.
    for trait in sorted(traits):
        add_weights(weights, affinities()["traits"].get(trait, {}).get(question, {}))
    return weights


def weights_for(question: Question, traits: frozenset[str]) -> dict[str, float]:
    """Positive weights by code for one question of a place with these traits; codes that the facts
    rule out are absent.
    """
    return dict(_base(question, traits))


def add_weights(weights: dict[str, float], more: Mapping[str, float]) -> None:
    """Adds to the weights of those codes that are possible here."""
    for code, weight in more.items():
        if code in weights:
            weights[code] += weight


def add_following(
    weights: dict[str, float],
    kind: Literal["needs_of_challenge", "offers_of_sector"],
    codes: Iterable[str],
) -> None:
    """What the chosen challenges make a place need, or its chosen sectors let it offer."""
    for code in codes:
        add_weights(weights, affinities()[kind].get(code, {}))
