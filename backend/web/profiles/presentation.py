"""Profiles in words: what tiles and pages show of a published version, and where its answers come
from.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from django.utils.formats import date_format, number_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from backend.cities.drafts import CONFIRMED, CORRECTED, PROVENANCE, SOURCES, Datum, open_data, same
from backend.cities.models import Community, Country, ExistingPartnership
from backend.cities.models.places import un_region_label
from backend.cities.profile_schema import (
    AUDIENCES,
    FORMS,
    GROUPS,
    INCOME_GROUPS,
    PARTNERSHIP_STATUS,
    STATED_STATUS,
    Audience,
    Field,
    Words,
    document_value,
    may_read,
)
from backend.cities.vocabularies import label
from backend.common.formatting import comma_list
from backend.web.html.languages import direction, local_language


def month_of(iso: str) -> str:
    """ "2026-11" → "November 2026", in the reader's language."""
    year, _dash, month = iso.partition("-")
    return (
        date_format(dt.date(int(year), int(month[:2]), 1), "YEAR_MONTH_FORMAT") if month else year
    )


def value_words(path: str, value: Any) -> str:
    """A source's value as the form shows such answers."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if path == "facts.income_band":
        return str(INCOME_GROUPS.get(value, value))
    if isinstance(value, list):
        return comma_list(
            label("languages", str(code)) if path == "languages.working" else code for code in value
        )
    return (
        number_format(int(value) if value == int(value) else value, force_grouping=True)
        if isinstance(value, int | float)
        else str(value)
    )


def _named(path: str, kept: Mapping[str, Any]) -> dict[str, str]:
    licence = SOURCES[path].licence if path in SOURCES else ""
    source = f"{kept['source']} ({licence})" if licence else str(kept["source"])
    return {
        "source": source,
        "date": month_of(str(kept["date"])),
        "value": value_words(path, kept["value"]),
    }


def source_line(
    document: Mapping[str, Any], path: str, answer: Any, sources: Mapping[str, Datum]
) -> str:
    """What readers see beside a published answer; empty where it is the community's own, except
    among the facts: there nobody shall take it for a source's.

    ``sources`` is what open data say today: it speaks for documents that kept no source themselves.
    """
    kept = (document.get(PROVENANCE) or {}).get(path)
    if kept is None:
        datum = sources.get(path)
        if datum is None or not same(answer, datum.value):
            return _("Stated by the community.") if path.startswith("facts.") else ""
        kept = {
            "source": datum.source.name,
            "date": datum.source.date,
            "value": datum.value,
            "state": "",
        }
    words = _named(path, kept)
    if kept["state"] == CORRECTED:
        return _("By the community itself. %(source)s, %(date)s, says: %(value)s.") % words
    if kept["state"] == CONFIRMED:
        return _("Source: %(source)s, %(date)s; confirmed by the community.") % words
    return _("Source: %(source)s, %(date)s.") % words


def form_line(document: Mapping[str, Any], path: str, sources: Mapping[str, Datum]) -> str:
    """What the owner sees beside the field: what open data say, and what became of it. Empty where
    no source says anything.
    """
    kept = (document.get(PROVENANCE) or {}).get(path)
    datum = sources.get(path)
    if kept is None and datum is None:
        return ""
    shown = kept or {
        "source": datum.source.name,  # type: ignore[union-attr]
        "date": datum.source.date,  # type: ignore[union-attr]
        "value": datum.value,  # type: ignore[union-attr]
        "state": "",
    }
    words = _named(path, shown)
    if shown["state"] == CORRECTED:
        return _("You corrected this. %(source)s, %(date)s, says: %(value)s.") % words
    if shown["state"] == CONFIRMED:
        return _("%(source)s, %(date)s, says: %(value)s. You confirmed it.") % words
    return _("%(source)s, %(date)s: %(value)s. Please confirm.") % words


@dataclass(frozen=True, slots=True)
class Text:
    """Words somebody wrote, with their language."""

    text: str
    language: str = ""

    @property
    def direction(self) -> str:
        return direction(self.language) if self.language else "auto"


@dataclass(frozen=True, slots=True)
class Marks:
    """What a reader has asked for: words of names (folded), and codes by vocabulary and side."""

    words: tuple[str, ...] = ()
    needs: frozenset[str] = frozenset()
    offers: frozenset[str] = frozenset()
    others: tuple[tuple[str, str], ...] = ()  # (vocabulary, code)


Marked = tuple[str, bool]  # words, and whether the reader has asked for them


@dataclass(frozen=True, slots=True)
class CommunitySummary:
    """One community in a list. ``original`` is its story where ``story`` is another version of it.
    What was asked for comes first among needs, offers and tags.
    """

    community: Community
    local_name: Text | None
    population: int | None
    story: Text | None
    original: Text | None
    tags: list[Marked]
    needs: list[Marked]
    offers: list[Marked]
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DescribedAnswer:
    """One answered question: a line of text, a list, or rows of a table."""

    label: str
    kind: str
    value: Any
    source: str = ""
    language: str = ""
    audience: str = ""

    @property
    def direction(self) -> str:
        return direction(self.language) if self.language else "auto"


@dataclass(frozen=True, slots=True)
class DescribedGroup:
    code: str
    label: str
    answers: list[DescribedAnswer] = field(default_factory=list)


def published_data(community: Community) -> Mapping[str, Any]:
    """The document of the community's current version; empty where none is published."""
    profile = getattr(community, "profile", None)
    version = profile.current_version if profile is not None else None
    return version.data if version is not None else {}


def story_of(data: Mapping[str, Any]) -> Text | None:
    text = document_value(data, "story", "text")
    return Text(text, document_value(data, "story", "language") or "") if text else None


def story_for_reader(data: Mapping[str, Any]) -> tuple[Text | None, Text | None]:
    """The version of the story that the reader reads best, and the original where it is another:
    their own language first, then English.
    """
    original = story_of(data)
    english = document_value(data, "story", "english")
    reader = (get_language() or "en").split("-")[0]
    if original is None or not english or original.language in (reader, "en"):
        return original, None
    return Text(english, "en"), original


def local_name_of(community: Community, data: Mapping[str, Any] | None = None) -> Text | None:
    """The community's own name in its own script, where it differs from the English one; as
    published unless ``data`` is given.
    """
    name = (
        document_value(
            published_data(community) if data is None else data, "identity", "local_name"
        )
        or community.local_name
    )
    return Text(name, local_language(community, name)) if name and name != community.name else None


def by_weight(weights: Mapping[str, int] | None) -> list[str]:
    """Codes, the weightiest first, then by code."""
    return sorted(weights or {}, key=lambda code: (-int((weights or {})[code]), code))


def community_summary(
    community: Community, data: Mapping[str, Any] | None = None, marks: Marks | None = None
) -> CommunitySummary:
    """Reads only what ``seeking_communities`` has fetched: no query. ``data`` replaces the
    published version in a preview.
    """
    data = published_data(community) if data is None else data
    marks = marks or Marks()
    population = document_value(data, "facts", "population") or (
        community.place.population if community.place else None
    )
    needs, offers = (
        document_value(data, "needs_offers", side) or [] for side in ("needs", "offers")
    )
    story, original = story_for_reader(data)
    return CommunitySummary(
        community=community,
        local_name=local_name_of(community, data),
        population=population,
        story=story,
        original=original,
        tags=_tags(data, marks),
        needs=_marked("topics", needs, marks.needs),
        offers=_marked("topics", offers, marks.offers),
        words=marks.words,
    )


def _marked(name: str, codes: Sequence[str], asked: Collection[str]) -> list[Marked]:
    first = sorted(codes, key=lambda code: code not in asked)
    return [(label(name, code), code in asked) for code in first]


def _tags(data: Mapping[str, Any], marks: Marks) -> list[Marked]:
    """Its weightiest themes, after what the reader has asked for."""
    asked = [(label(name, code), True) for name, code in marks.others]
    themes = by_weight(document_value(data, "themes", "importances"))[:3]
    return asked + [
        (label("themes", code), False) for code in themes if ("themes", code) not in marks.others
    ]


class _Names:
    """Names of the countries and communities that a document mentions, fetched when first asked
    for.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    @cached_property
    def _countries(self) -> dict[str, str]:
        return {country.code: country.label for country in Country.objects.all()}

    @cached_property
    def _communities(self) -> dict[int, str]:
        ties = document_value(self._document, "ties", "ties")
        rows = [tie for tie in ties if isinstance(tie, dict)] if isinstance(ties, list) else []
        return Community.objects.public_names(tie.get("community_id") for tie in rows)

    def country(self, code: str) -> str:
        return self._countries.get(code, code)

    def community(self, pk: int) -> str:
        return self._communities.get(pk) or _("a community that is not listed any more")


def _code_label(field: Field, code: str) -> str:
    return (
        str(field.choices.get(code, code))
        if field.choices is not None
        else label(field.vocabulary, code)
    )


def _number(value: float) -> str:
    """As the reader's language writes it, with at most one decimal."""
    rounded = round(value, 1)
    return str(number_format(rounded, 0 if rounded == int(rounded) else 1, force_grouping=True))


def _whole(field: Field, value: int) -> str:
    if field.steps:
        return str(field.steps.get(value, value))
    return str(value) if field.name == "year_founded" else _number(value)


def _step(field: Field, value: int) -> str:
    """A step of a scale in words: "strong (2 of 3)"; without words of its own "2 of 3"."""
    of_three = _("%(weight)s of 3") % {"weight": value}
    words = (field.steps or {}).get(value)
    return _("%(words)s (%(step)s)") % {"words": words, "step": of_three} if words else of_three


def _tie(tie: Mapping[str, Any], names: _Names) -> dict[str, Any]:
    return {
        "kind": label("tie_kinds", tie.get("kind", "")),
        "with": names.country(tie["country"])
        if "country" in tie
        else names.community(tie.get("community_id", 0)),
        "strength": tie.get("strength"),
        "evidence": tie.get("evidence", ""),
    }


def _partnership(row: Mapping[str, Any], names: _Names) -> dict[str, Any]:
    return {
        "name": row.get("name", ""),
        "country": names.country(row.get("country", "")),
        "year": row.get("year", ""),
        "form": str(FORMS.get(row.get("form", ""), "")),
        "status": str(PARTNERSHIP_STATUS.get(row.get("status", "unknown"), "")),
    }


_SHOWN: Mapping[str, Callable[[Field, Any, _Names], tuple[str, Any]]] = {
    "text": lambda f, v, n: ("line", str(v)),
    "long_text": lambda f, v, n: ("text", str(v)),
    "url": lambda f, v, n: ("link", str(v)),
    "email": lambda f, v, n: ("mail", str(v)),
    "integer": lambda f, v, n: ("line", _whole(f, v)),
    "number": lambda f, v, n: ("line", _number(v)),
    "boolean": lambda f, v, n: ("line", _("Yes") if v else _("No")),
    "choice": lambda f, v, n: ("line", _code_label(f, v)),
    "codes": lambda f, v, n: ("list", [_code_label(f, code) for code in v]),
    "ranked": lambda f, v, n: ("ranked", [_code_label(f, code) for code in v]),
    "weighted": lambda f, v, n: (
        "weights",
        [(_code_label(f, code), _step(f, int(v[code])), int(v[code])) for code in by_weight(v)],
    ),
    "countries": lambda f, v, n: ("list", [n.country(code) for code in v]),
    "regions": lambda f, v, n: ("list", [un_region_label(name) for name in v]),
    "ties": lambda f, v, n: ("ties", [_tie(row, n) for row in v]),
    "partnerships": lambda f, v, n: ("partnerships", [_partnership(row, n) for row in v]),
}


def _answer(label: Words, field: Field, value: Any, names: _Names) -> DescribedAnswer:
    """A draft may hold what is not valid yet: that is shown as it was typed."""
    try:
        kind, shown = _SHOWN[field.kind](field, value, names)
    except (TypeError, ValueError, AttributeError, KeyError):
        kind, shown = "line", str(value)
    if kind == "link" and not str(shown).startswith(("https://", "http://")):
        kind = "line"
    return DescribedAnswer(str(label), kind, shown)


def _language_of(document: Mapping[str, Any], community: Community, group: str, name: str) -> str:
    """The language of an answer in the owner's own words; empty where the page's own is as good a
    guess as any.
    """
    languages = {
        ("story", "text"): document_value(document, "story", "language"),
        ("story", "english"): "en",
        ("identity", "local_name"): local_language(
            community, str(document_value(document, "identity", "local_name") or "")
        ),
    }
    return str(languages.get((group, name)) or "")


def describe(
    document: Mapping[str, Any],
    community: Community,
    *,
    reader: Audience = "public",
    by_owner: bool = False,
) -> list[DescribedGroup]:
    """The answered questions that readers of that kind see, by group, in the form's order; answers
    that open data know of say what these say. Staff and the owner also read who sees each answer;
    labels speak to the owner where the owner reads.
    """
    sources = open_data(community)
    names = _Names(document)
    groups = []
    for group in GROUPS:
        answers = []
        for question in group.fields:
            value = document_value(document, group.code, question.name)
            if value is None or value in ("", [], {}) or not may_read(reader, question):
                continue
            asked = question.label if by_owner else question.label_for_others
            answer = _answer(asked, question, value, names)
            language = _language_of(document, community, group.code, question.name)
            if language:
                answer = replace(answer, language=language)
            if reader == "staff":
                answer = replace(answer, audience=str(question.audience_words))
            source = source_line(document, f"{group.code}.{question.name}", value, sources)
            answers.append(replace(answer, source=source) if source else answer)
        if answers:
            title = group.label if by_owner else group.label_for_others
            groups.append(DescribedGroup(group.code, str(title), answers))
    return groups


def answers_not_public(
    document: Mapping[str, Any], community: Community
) -> list[tuple[str, list[DescribedGroup]]]:
    """Who sees them, and the answers that not everybody sees, from what most see to what only
    staff see; as the owner reads them.
    """
    described = describe(document, community, reader="staff", by_owner=True)
    found = []
    for words in (str(AUDIENCES[code]) for code in ("confirmed", "partners", "staff")):
        groups = []
        for group in described:
            answers = [replace(one, audience="") for one in group.answers if one.audience == words]
            if answers:
                groups.append(replace(group, answers=answers))
        if groups:
            found.append((words, groups))
    return found


def claim_words(row: ExistingPartnership) -> str:
    """Form, year and state of a partnership from before, as its owner says."""
    said = (
        str(FORMS.get(row.form, "")),
        str(row.year or ""),
        str(STATED_STATUS.get(row.status, "")),
    )
    return comma_list(part for part in said if part)
