"""The profiles of the sample world."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import log
from typing import Any

from backend.cities.facets import FACETS
from backend.cities.names import fold, searched_name
from backend.cities.profile_schema import document_value
from backend.cities.sample.people import DOMAIN, highest_office, sample_person
from backend.cities.sample.places import PlaceFacts
from backend.cities.sample.stories import Told, tell_story
from backend.cities.sample.traits import (
    add_following,
    draw_languages,
    draw_sought,
    draw_ties,
    traits_of,
    weights_for,
)

SMALL = 10_000


# Profile documents for real places: drawn with a seed, following the facts, as incomplete as
# real ones.
#
# ``generate_documents`` needs no database and keeps no state: the same place and seed give the
# same document in any order.


Document = dict[str, dict[str, Any]]

_OFFICES: Mapping[str, Sequence[str]] = {
    "employee": (
        "Head of international affairs",
        "Protocol officer",
        "Economic development officer",
        "Culture and education officer",
    ),
    "employee of a small place": (
        "Municipal secretary",
        "Culture and education officer",
        "Local development officer",
    ),
    "elected": ("Deputy mayor", "Councillor for culture", "Councillor for economic affairs"),
    "elected of a division": ("Commissioner for trade", "Commissioner for culture"),
    "works_with_elected": ("Head of the mayor’s office", "Adviser to the council"),
    "works_with_elected of a division": ("Chief of staff", "Adviser to the council"),
}
_READINESS = (
    "council_support",
    "mayor_support",
    "supporters",
    "first_year_plan",
    "budget",
    "travel",
)
# How often a group that nobody must fill is filled.
_FILLED = {
    "organisation": 0.85,
    "sectors": 0.95,
    "institutions": 0.85,
    "challenges": 0.92,
    "ties": 0.8,
    "sought": 0.75,
    "readiness": 0.82,
    "capacity": 0.9,
    "importances": 0.6,
    "website": 0.8,
}


def generate_documents(
    places: Iterable[PlaceFacts], seed: int, communities: Mapping[int, int] | None = None
) -> Iterator[Document]:
    """A document that `check_document(complete=True)` accepts for each place, in order; about a
    millisecond each.

    Args:
        communities: place id → community id of those whom a tie may name; without it ties lead to
            countries alone.
    """
    by_side = _sides(communities or {}, places := list(places))
    for facts in places:
        yield _document(facts, seed, by_side[facts.country != "US"])


def _sides(
    communities: Mapping[int, int], places: Sequence[PlaceFacts]
) -> tuple[list[int], list[int]]:
    """Whom a U.S. community may name (abroad), and whom one abroad may (in the U.S.)."""
    named = [
        (place.country, communities[place.place_id])
        for place in places
        if place.place_id and place.place_id in communities
    ]
    abroad, home = (
        [pk for country, pk in named if country != "US"],
        [pk for country, pk in named if country == "US"],
    )
    return abroad, home


def draw(rng: random.Random, weights: Mapping[str, float], count: int) -> list[str]:
    """``count`` different codes, the likelier the heavier (Efraimidis and Spirakis 2006), first
    drawn first.
    """
    draws = rng.random
    waits = sorted([(-log(1.0 - draws()) / weight, code) for code, weight in weights.items()])
    return [code for _, code in waits[:count]]


def _document(facts: PlaceFacts, seed: int, nameable: Sequence[int]) -> Document:
    rng = random.Random(f"{seed}:{facts.key}")  # noqa: S311 - invention, no secret
    traits = traits_of(facts)
    answers = _draw_answers(traits, rng)
    filled = {name for name, chance in _FILLED.items() if rng.random() < chance}
    document: Document = {
        "identity": {
            "local_name": facts.local_name,
            "website": website_of(facts) if "website" in filled else "",
        },
        "authority": _authority(facts, rng),
        "organisation": _organisation(facts, rng),
        "sectors": {"strengths": _graded(answers["sectors"], (3, 2, 2, 1, 1, 1))},
        "themes": {"importances": _graded(answers["themes"], (3, 2, 2, 1, 1, 1))},
        "needs_offers": {"needs": answers["needs"], "offers": answers["offers"]},
        "facts": _facts(facts, answers["institutions"] if "institutions" in filled else []),
        "challenges": {"challenges": answers["challenges"]},
        "ties": {"ties": draw_ties(facts, rng, nameable)},
        "languages": {"working": draw_languages(facts, rng)},
        "sought": draw_sought(facts, rng),
        "readiness": _readiness(rng),
        "partnerships": {"existing": _partnerships(facts)},
        "capacity": _capacity(rng),
        "importances": {
            "facets": {
                code: rng.choice((0, 1, 2, 2, 3, 3))
                for code in rng.sample(list(FACETS), rng.randint(4, 9))
            }
        },
    }
    wanted = {
        group: _given(values)
        for group, values in document.items()
        if group not in _FILLED or group in filled
    }
    said = {group: values for group, values in wanted.items() if values}
    return {**said, "story": _given(_story(facts, said, seed))}


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}


def _draw_answers(traits: frozenset[str], rng: random.Random) -> dict[str, list[str]]:
    """Codes in the order in which they were drawn: what weighs most here, such as a need that
    follows from a challenge, mostly comes first.
    """
    sectors = draw(rng, weights_for("sectors", traits), rng.randint(3, 6))
    challenges = draw(rng, weights_for("challenges", traits), rng.randint(2, 5))
    offers, needs = weights_for("offers", traits), weights_for("needs", traits)
    add_following(offers, "offers_of_sector", sectors)
    add_following(needs, "needs_of_challenge", challenges)
    offered = draw(rng, offers, rng.randint(3, 7))
    needed = draw(
        rng,
        {code: weight for code, weight in needs.items() if code not in offered},
        rng.randint(3, 7),
    )
    return {
        "sectors": sectors,
        "challenges": challenges,
        "offers": offered,
        "needs": needed,
        "themes": draw(rng, weights_for("themes", traits), rng.randint(3, 6)),
        "institutions": draw(rng, weights_for("institutions", traits), _institutions(traits, rng)),
    }


def _institutions(traits: frozenset[str], rng: random.Random) -> int:
    """How many of the list of institutions a place of its size names."""
    return rng.randint(2, 6) if "from_20k" in traits else rng.randint(0, 2)


def _graded(codes: Sequence[str], grades: Sequence[int]) -> dict[str, int]:
    return dict(zip(codes, grades, strict=False))


def website_of(facts: PlaceFacts) -> str:
    """An address in the reserved domain of the accounts, after the name: so an official writes from
    the domain of the website."""
    slug = re.sub("[^a-z0-9]+", "-", fold(facts.name)).strip("-")
    return f"https://{slug}.{DOMAIN}" if slug else ""


def _authority(facts: PlaceFacts, rng: random.Random) -> dict[str, Any]:
    role = rng.choice(("employee", "employee", "elected", "works_with_elected"))
    of = " of a small place" if (facts.population or 0) < SMALL else ""
    offices = _OFFICES.get(role + (of if facts.kind == "city" else " of a division"))
    return {
        "registrant_role": role,
        "registrant_office": rng.choice(offices or _OFFICES[role]),
        "highest_official_name": sample_person(facts, rng),
        "highest_official_office": highest_office(facts),
    }


def _organisation(facts: PlaceFacts, rng: random.Random) -> dict[str, Any]:
    home = facts.country == "US"
    structure = rng.choices(
        ("nonprofit", "municipal", "institution", "mixed"),
        (60, 20, 5, 15) if home else (10, 65, 8, 17),
    )[0]
    offices = (
        "mayors_office",
        "tourism_cvb",
        "international_affairs",
        "protocol",
        "economic_development",
    )
    return {
        "structure": structure,
        "office": rng.choices(offices, (40, 15, 10, 10, 25) if home else (25, 10, 40, 10, 15))[0],
        "year_founded": rng.randint(1956, 2022) if rng.random() < 0.7 else None,
        "volunteers": int(rng.lognormvariate(3.2 if home else 2.2, 0.9))
        if rng.random() < 0.7
        else None,
    }


def _facts(facts: PlaceFacts, institutions: list[str]) -> dict[str, Any]:
    return {
        "population": facts.population,
        "income_band": facts.income_band,
        "universities": facts.university_names or None,
        "institutions": institutions,
        "air_destinations": facts.air_destinations,
        "coastal": facts.coastal,
        "port": facts.port,
        "elevation_m": facts.elevation_m,
    }


def _readiness(rng: random.Random) -> dict[str, Any]:
    zeal = rng.random()
    weights = (0.15 + zeal, 0.5, 1.05 - zeal)
    return {
        name: rng.choices(("yes", "partly", "no"), weights)[0]
        for name in _READINESS
        if rng.random() < 0.85
    }


def _partnerships(facts: PlaceFacts) -> list[dict[str, Any]]:
    """Real listed partnerships, as far as the lists say anything: no year, no status."""
    limit = 200
    # Of two partners of one name in one country the profile can hold one: it tells them apart by
    # their names.
    partners = {(p.country, searched_name(p.name)): p for p in reversed(facts.partners[:limit])}
    return [
        {"name": p.name, "country": p.country, "status": "unknown", "place_id": p.place_id}
        for p in reversed(partners.values())
    ]


def _capacity(rng: random.Random) -> dict[str, Any]:
    return {
        "new_partnerships": rng.choice((1, 1, 1, 2, 2, 3)),
        "open_introductions": rng.randint(2, 8),
        "response_days": rng.choice((14, 21, 30, 30, 45, 60)) if rng.random() < 0.8 else None,
    }


def _story(facts: PlaceFacts, said: Document, seed: int) -> dict[str, str]:
    """Of what the profile says, with a chance of its own: other words change no other answer."""
    rng = random.Random(f"{seed}:{facts.key}:story")  # noqa: S311 - invention, no secret
    fields = {
        "sectors": ("sectors", "strengths"),
        "offers": ("needs_offers", "offers"),
        "needs": ("needs_offers", "needs"),
        "challenges": ("challenges", "challenges"),
        "themes": ("themes", "importances"),
    }
    answers = {name: [*(document_value(said, *where) or ())] for name, where in fields.items()}
    known = {*traits_of(facts), *_writers(said)}
    return tell_story(
        Told(facts, facts.local_name, answers, known), rng, with_english=rng.random() < 0.6
    )


def _writers(said: Document) -> Iterator[str]:
    """Whose letter a story can be."""
    if document_value(said, "readiness", "mayor_support") == "no":
        yield "no_mayor"
    if document_value(said, "organisation", "structure") == "nonprofit":
        yield "committee"
