"""Texts of agreements: placeholders, headings, lists, and the changes between two versions.

A text is plain: paragraphs divided by empty lines, ``# `` and ``## `` for headings, ``- `` for the
items of a list. It is parsed into blocks and shown by templates that escape everything, so no text
becomes markup.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypedDict

from django.utils import translation
from django.utils.translation import gettext as _

from backend.cities.vocabularies import label
from backend.common.errors import InvalidFields
from backend.introductions.models import AgreementType
from backend.suggestions.models import Pair

LONGEST_TEXT = 20_000
BLANK = "__________"
PLACEHOLDERS: Mapping[str, str] = {
    "first": "name of the first community",
    "second": "name of the second community",
    "first_country": "its country",
    "second_country": "its country",
    "form": "form of the partnership",
    "areas": "areas of cooperation",
    "languages": "languages of equal text",
    "term": "open-ended, or its years",
    "review": "date of the review",
    "first_signatory": "who signs for the first community",
    "first_office": "in which office",
    "second_signatory": "who signs for the second community",
    "second_office": "in which office",
}
_PLACEHOLDER = re.compile(r"\{([^{}\n]*)\}")
# The text of each form, under a line "=== form"
_DELIVERED = Path(__file__).parent / "data" / "agreements.txt"


class ExpectedSignatory(TypedDict):
    community_id: int
    name: str
    office: str


class Terms(TypedDict):
    """What a version says besides its text; as it is stored in JSON."""

    form: str
    areas: list[str]
    languages: list[str]
    term_years: int | None
    review_on: str | None
    signatories: list[ExpectedSignatory]


@cache
def delivered_text(form: str) -> str:
    """The text that the service is delivered with, for one form."""
    texts = _DELIVERED.read_text(encoding="utf-8")
    _before, _mark, after = texts.partition(f"=== {AgreementType(form).value}\n")
    return after.partition("\n=== ")[0].strip()


def check_text(text: str) -> str:
    """The text as it is stored. Raises InvalidFields (path ``text``): empty, too long, or a
    placeholder that is not known.
    """
    plain = text.replace("\r\n", "\n").strip()
    wrong = sorted({name for name in _PLACEHOLDER.findall(plain) if name not in PLACEHOLDERS})
    if not plain or len(plain) > LONGEST_TEXT or "\x00" in plain:
        raise InvalidFields({"text": [_("Write a text of 1 to 20,000 characters.")]})
    if wrong:
        unknown = ", ".join("{" + name + "}" for name in wrong)
        raise InvalidFields(
            {
                "text": [
                    _(
                        "These placeholders are not known: %(names)s. Take one of the list, or "
                        "write the words."
                    )
                    % {"names": unknown}
                ]
            }
        )
    if set(_PLACEHOLDER.sub("", plain)) & {"{", "}"}:
        raise InvalidFields(
            {
                "text": [
                    _(
                        "There is a single brace. Write placeholders like {first}, and no braces "
                        "otherwise."
                    )
                ]
            }
        )
    return plain


def fill(text: str, terms: Terms, pair: Pair) -> str:
    """The text with its placeholders filled, in English; what is not known yet becomes a blank to
    fill.
    """
    with translation.override("en"):
        known = _values(terms, pair)
    return _PLACEHOLDER.sub(lambda found: known[found[1]], text)


def _values(terms: Terms, pair: Pair) -> dict[str, str]:
    signatories = {entry["community_id"]: entry for entry in terms["signatories"]}
    first, second = signatories.get(pair.a_id), signatories.get(pair.b_id)
    years = terms["term_years"]
    values = {
        "first": pair.a.name,
        "second": pair.b.name,
        "first_country": pair.a.country.name,
        "second_country": pair.b.country.name,
        "form": str(AgreementType(terms["form"]).label),
        "areas": ", ".join(label("themes", code) for code in terms["areas"]),
        "languages": ", ".join(label("languages", code) for code in terms["languages"]),
        "term": "open-ended"
        if years is None
        else "for one year"
        if years == 1
        else f"for {years} years",
        "review": long_date(terms["review_on"]),
        "first_signatory": first["name"] if first else "",
        "first_office": first["office"] if first else "",
        "second_signatory": second["name"] if second else "",
        "second_office": second["office"] if second else "",
    }
    return {name: " ".join(value.split()) or BLANK for name, value in values.items()}


def long_date(iso: str | None) -> str:
    """ "2027-03-05" → "5 March 2027"; an empty value stays empty."""
    if not iso:
        return ""
    day = dt.date.fromisoformat(iso)
    return f"{day.day} {day:%B %Y}"


@dataclass(frozen=True, slots=True)
class Block:
    """``kind``: title | heading | list | paragraph. ``lines`` are the items of a list, else the
    lines of the text.
    """

    kind: str
    lines: tuple[str, ...]


def blocks(text: str) -> list[Block]:
    """A text as blocks, in order."""
    return [
        block
        for part in re.split(r"\n\s*\n", text.strip())
        for block in _blocks_of(part.split("\n"))
    ]


def _blocks_of(lines: Sequence[str]) -> Iterator[Block]:
    """A paragraph may begin with headings and hold lists: each run of lines of one kind is a
    block.
    """
    run: list[str] = []
    kind = ""
    for line in lines:
        mark, words = _marked(line.rstrip())
        if run and (mark != kind or mark in {"title", "heading"}):
            yield Block(kind, tuple(run))
            run = []
        kind = mark
        run.append(words)
    if run:
        yield Block(kind, tuple(run))


def _marked(line: str) -> tuple[str, str]:
    for prefix, kind in (("## ", "heading"), ("# ", "title"), ("- ", "list")):
        if line.startswith(prefix):
            return kind, line.removeprefix(prefix).strip()
    return "paragraph", line


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a comparison. ``kind``: same | gone | new."""

    kind: str
    line: str


def compare(old: str, new: str) -> list[Change]:
    """The changes from ``old`` to ``new``, line by line."""
    before, after = old.split("\n"), new.split("\n")
    changes: list[Change] = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(
        None, before, after, autojunk=False
    ).get_opcodes():
        if tag == "equal":
            changes += [Change("same", line) for line in before[i1:i2]]
        else:
            changes += [Change("gone", line) for line in before[i1:i2]]
            changes += [Change("new", line) for line in after[j1:j2]]
    return changes
