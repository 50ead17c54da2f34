"""The profiles of the sample world: answers and stories."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from math import log
from typing import Any

from backend.cities.facets import FACETS
from backend.cities.models.places import region_label
from backend.cities.names import fold, plain, searched_name
from backend.cities.sample.people import highest_office, sample_person
from backend.cities.sample.places import PlaceFacts
from backend.cities.sample.traits import (
    FILE,
    add_following,
    draw_languages,
    draw_sought,
    draw_ties,
    traits_of,
    weights_for,
)
from backend.cities.vocabularies import vocabulary

SMALL = 10_000
# Countries whose official languages live in different places: the division decides, else the first
# one.
_BY_DIVISION: Mapping[str, Mapping[str, str]] = {
    "CH": {**dict.fromkeys(("GE", "VD", "NE", "JU"), "fr"), "TI": "it", "": "de"},
    "BE": {"VLG": "en", "BRU": "fr", "WAL": "fr", "": "en"},
    "CA": {"10": "fr", "": "en"},
}
_LOCAL_ENDINGS: Mapping[str, tuple[str, ...]] = {
    "JP": ("市", "町", "村", "区"),
    "KR": ("시", "군", "구"),
}


@cache
def templates() -> Mapping[str, Any]:
    """Sentences by language and slot."""
    return dict(json.loads(FILE.read_text(encoding="utf-8"))["stories"])


def story_language(facts: PlaceFacts, rng: random.Random) -> str:
    """The first official language that stories are written in, else English."""
    if facts.country == "US":
        return (
            "es"
            if facts.admin1_code in {"CA", "TX", "FL", "NM", "AZ"} and rng.random() < 0.12
            else "en"
        )
    if facts.country in _BY_DIVISION:
        by_division = _BY_DIVISION[facts.country]
        return by_division.get(facts.admin1_code, by_division[""])
    return next((language for language in facts.languages if language in templates()), "en")


def local_name(facts: PlaceFacts) -> str:
    """The name in its own script where an alternate name is surely that, else empty."""
    endings = _LOCAL_ENDINGS.get(facts.country)
    if endings:
        return next(
            (
                name
                for name in facts.alternate_names
                if name.endswith(endings) and not name[0].isascii()
            ),
            "",
        )
    if "ar" in facts.languages:
        return next((name for name in facts.alternate_names if _is_arabic(name)), "")
    return ""


def _is_arabic(name: str) -> bool:
    """Arabic letters only, without those that only Persian, Urdu or Kurdish use."""
    return bool(name) and all("\u0621" <= letter <= "\u064a" or letter == " " for letter in name)


def tell_story(
    facts: PlaceFacts,
    answers: Mapping[str, Sequence[str]],
    traits: frozenset[str],
    language: str,
    rng: random.Random,
) -> str:
    """A few sentences in one language.

    Args:
        answers: codes the place chose: ``sectors``, ``offers``, ``needs``, ``challenges``,
            ``themes``; an empty one is passed over.
    """
    words = templates()[language]
    parts = [_opening(facts, words, language, rng)]
    known = [trait for trait in words["traits"] if trait in traits]
    parts += [rng.choice(words["traits"][trait]) for trait in rng.sample(known, min(len(known), 2))]
    for slot, name, most in (
        ("known", "sectors", 3),
        ("offers", "offers", 3),
        ("needs", "needs", 3),
        ("challenges", "challenges", 2),
    ):
        parts.append(_about(words, language, slot, name, answers.get(name, ())[:most], rng))
    if rng.random() < 0.6:
        parts.append(
            _about(words, language, "themes", "themes", answers.get("themes", ())[:2], rng)
        )
    parts += [rng.choice(words["close"]), words["mark"]]
    return ("" if language == "ja" else " ").join(part for part in parts if part)


def _opening(facts: PlaceFacts, words: Mapping[str, Any], language: str, rng: random.Random) -> str:
    name = (local_name(facts) if language in {"ja", "ar"} else "") or facts.name
    population = facts.population or 0
    sentences = words["opening_small" if population < SMALL else "opening"]
    # "Hiroshima lies in Hiroshima" says nothing.
    region = region_label(facts.country, facts.admin1, language)
    region = region if plain(facts.admin1) != plain(facts.name) else ""
    sentence = rng.choice([text for text in sentences if region or "{region}" not in text])
    return str(
        sentence.format(name=name, pop=_people(population, words["thousands"]), region=region)
    )


def _people(number: int, separator: str) -> str:
    """Rounded to two digits that count, so that it reads as a sentence does."""
    digits = max(len(str(number)) - 2, 0)
    return f"{round(number, -digits):,}".replace(",", separator)


def _about(
    words: Mapping[str, Any],
    language: str,
    slot: str,
    name: str,
    codes: Sequence[str],
    rng: random.Random,
) -> str:
    terms = vocabulary({"offers": "topics", "needs": "topics"}.get(name, name))
    labels = [
        term.labels.get(language) or next(iter(term.synonyms.get(language, ())), "")
        for term in map(terms.__getitem__, codes)
    ]
    if not labels or not all(labels):
        return ""  # Italian and Portuguese have words for topics alone
    if words["lower"]:
        labels = [
            label[0].lower() + label[1:] if label[1:2].islower() or label[1:2] == " " else label
            for label in labels
        ]
    sentence = rng.choice(words[slot])
    return str(sentence.format(**{name: _enumerate(labels, words, language)}))


def _enumerate(items: Sequence[str], words: Mapping[str, Any], language: str) -> str:
    if len(items) == 1:
        return items[0]
    last, conjunction = items[-1], words["and"]
    if (
        language == "es"
        and last.casefold().startswith(("i", "hi"))
        and not last.casefold().startswith(("hie", "ia", "io"))
    ):
        conjunction = " e "  # "y" before the sound i
    return words["comma"].join(items[:-1]) + conjunction + last


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
        yield _document(facts, random.Random(f"{seed}:{facts.key}"), by_side[facts.country != "US"])  # noqa: S311 - invention, no secret


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


def _document(facts: PlaceFacts, rng: random.Random, nameable: Sequence[int]) -> Document:
    traits = traits_of(facts)
    answers = _draw_answers(traits, rng)
    filled = {name for name, chance in _FILLED.items() if rng.random() < chance}
    document: Document = {
        "identity": {
            "local_name": local_name(facts),
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
        "story": _story(facts, answers, traits, rng),
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
    return {group: values for group, values in wanted.items() if values}


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
    """An address in a reserved domain, after the name."""
    slug = re.sub("[^a-z0-9]+", "-", fold(facts.name)).strip("-")
    return f"https://www.{slug}.example" if slug else ""


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
        "seaport": facts.seaport,
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


def _story(
    facts: PlaceFacts,
    answers: Mapping[str, Sequence[str]],
    traits: frozenset[str],
    rng: random.Random,
) -> dict[str, Any]:
    language = story_language(facts, rng)
    english = language != "en" and rng.random() < 0.6
    return {
        "text": tell_story(facts, answers, traits, language, rng),
        "language": language,
        "english": tell_story(facts, answers, traits, "en", rng) if english else "",
    }
