"""Controlled vocabularies: data with stable codes, labels, translations and, for sectors, their
ISIC sections; and which topics are near to each other or answer a challenge.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from django.utils.translation import get_language

FILE = Path(__file__).parent / "data" / "vocabularies.json"
NAMES = (
    "sectors",
    "themes",
    "topics",
    "challenges",
    "institutions",
    "languages",
    "offices",
    "tie_kinds",
    "readiness",
)


@dataclass(frozen=True, slots=True)
class Term:
    """One entry. ``labels`` maps a language to the words for it; English is always there."""

    code: str
    labels: Mapping[str, str]
    group: str = ""
    isic: tuple[str, ...] = ()
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def spellings(self) -> tuple[str, ...]:
        """All words by which a text may mention it, in any language. In Arabic "and" is written
        together with the word that follows.
        """
        arabic = [self.labels.get("ar", ""), *self.synonyms.get("ar", ())]
        words = [*self.labels.values(), *(w for those in self.synonyms.values() for w in those)]
        return tuple(dict.fromkeys([*words, *(f"و{word}" for word in arabic if word)]))

    def label(self, language: str | None = None) -> str:
        """The words in a language, by default the reader's."""
        return self.labels.get(language or _reader(), self.labels["en"])


def _reader() -> str:
    return (get_language() or "en").split("-")[0]


@cache
def _file() -> dict[str, list[dict[str, Any]]]:
    lists: dict[str, list[dict[str, Any]]] = json.loads(FILE.read_text(encoding="utf-8"))
    return lists


@cache
def vocabulary(name: str) -> Mapping[str, Term]:
    """The terms of one vocabulary by code, in their order. Raises KeyError for a name outside of
    NAMES.
    """
    if name not in NAMES:
        raise KeyError(name)
    return MappingProxyType(
        {
            row["code"]: Term(
                code=row["code"],
                labels=row["labels"],
                group=row.get("group", ""),
                isic=tuple(row.get("isic", ())),
                synonyms={
                    language: tuple(words) for language, words in row.get("synonyms", {}).items()
                },
            )
            for row in _file()[name]
        }
    )


@cache
def near_topics() -> Mapping[str, Mapping[str, float]]:
    """Needed topic → offered topic → the part, ¼ or ½, to which that offer meets the need. A row
    of the file holds both directions where it has a level "back"; each names its sources.
    """
    levels: dict[str, dict[str, float]] = {}
    for row in _file()["near_topics"]:
        levels.setdefault(row["need"], {})[row["offer"]] = row["level"]
        if "back" in row:
            levels.setdefault(row["offer"], {})[row["need"]] = row["back"]
    return MappingProxyType(levels)


@cache
def challenge_answers() -> Mapping[str, Mapping[str, float]]:
    """Challenge → offered topic → the part, ¼, ½ or 1, to which that offer answers it."""
    levels: dict[str, dict[str, float]] = {}
    for row in _file()["answers"]:
        levels.setdefault(row["challenge"], {})[row["offer"]] = row["level"]
    return MappingProxyType(levels)


def label(name: str, code: str, language: str | None = None) -> str:
    """Words for a code, by default in the reader's language; the code itself where an older version
    holds one that is no longer in use.
    """
    term = vocabulary(name).get(code)
    return term.label(language) if term else code
