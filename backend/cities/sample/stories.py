"""Stories of the sample world: short texts from sentences in the place's language, each marked as a
sample.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from backend.cities.names import plain
from backend.cities.sample.places import PlaceFacts
from backend.cities.vocabularies import vocabulary

FILE = Path(__file__).parent.parent / "data" / "sample" / "stories.json"
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
    return dict(json.loads(FILE.read_text(encoding="utf-8")))


def story_language(facts: PlaceFacts, rng: random.Random) -> str:
    """The first official language that stories can be told in, else English."""
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
    told = [trait for trait in words["traits"] if trait in traits]
    parts += [rng.choice(words["traits"][trait]) for trait in rng.sample(told, min(len(told), 2))]
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
    region = facts.admin1 if plain(facts.admin1) != plain(facts.name) else ""
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
