"""Controlled vocabularies: data with stable codes, labels, translations and, for sectors, their ISIC sections."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

FOLDER = Path(__file__).parent / "data" / "vocabularies"
NAMES = ("sectors", "themes", "topics", "challenges", "institutions", "languages", "offices", "tie_kinds", "readiness")


@dataclass(frozen=True, slots=True)
class Term:
    """One entry. ``labels`` maps a language to the words for it; English is always there."""

    code: str
    labels: Mapping[str, str]
    group: str = ""
    isic: tuple[str, ...] = ()
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def label(self, language: str = "en") -> str:
        return self.labels.get(language, self.labels["en"])


@cache
def vocabulary(name: str) -> Mapping[str, Term]:
    """The terms of one vocabulary by code, in their order. Raises KeyError for a name outside of NAMES."""
    if name not in NAMES:
        raise KeyError(name)
    rows = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return MappingProxyType(
        {
            row["code"]: Term(
                code=row["code"],
                labels=row["labels"],
                group=row.get("group", ""),
                isic=tuple(row.get("isic", ())),
                synonyms={language: tuple(words) for language, words in row.get("synonyms", {}).items()},
            )
            for row in rows
        }
    )


def label(name: str, code: str, language: str = "en") -> str:
    """Words for a code; the code itself where an older version holds one that is no longer in use."""
    term = vocabulary(name).get(code)
    return term.label(language) if term else code
