"""Answers of a draft: what changed, what collides, and what open data fill in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from backend.cities.models import Community, Place
from backend.cities.vocabularies import vocabulary
from backend.common.errors import Conflict

# What a save changes in a draft, and what collides with somebody else's save. Pure: no
# database.


Answers = dict[str, Any]
EMPTY: tuple[Any, ...] = (None, "", [], {})


class DraftConflict(Conflict):
    """Two editors changed the same answers. ``collisions`` gives both values by ``group.field``;
    nothing of the later save is stored.
    """

    code = "newer_draft"

    def __init__(self, revision: int, collisions: Mapping[str, tuple[Any, Any]]) -> None:
        super().__init__(
            "Somebody else changed the same answers in the meantime. Nothing is lost: "
            "choose which to keep."
        )
        self.revision = revision
        self.collisions = dict(collisions)
        self.details = {
            "revision": revision,
            "conflicts": {
                path: {"yours": yours, "theirs": theirs}
                for path, (yours, theirs) in collisions.items()
            },
        }


def answer_at(draft: Mapping[str, Any], path: str) -> Any:
    """The answer at ``group.field``, None where it is empty."""
    group, name = path.split(".", 1)
    return (draft.get(group) or {}).get(name)


def changed_answers(draft: Mapping[str, Any], changes: Mapping[str, Mapping[str, Any]]) -> Answers:
    """By ``group.field``, the answers that differ from the draft's; None removes one."""
    found: Answers = {}
    for group, answers in changes.items():
        for name, value in answers.items():
            new = None if value in EMPTY else value
            if not _equal(new, answer_at(draft, f"{group}.{name}")):
                found[f"{group}.{name}"] = new
    return found


def _equal(first: Any, second: Any) -> bool:
    """A canonical form for comparison: 1 equals 1.0, 1 differs from true, the order of keys is
    ignored.
    """
    return json.dumps(_plain(first), sort_keys=True) == json.dumps(_plain(second), sort_keys=True)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def collisions(
    draft: Mapping[str, Any], changed: Answers, revisions: Mapping[str, int], revision: int
) -> dict[str, tuple[Any, Any]]:
    """Answers that somebody else changed after ``revision`` too: (yours, theirs) by path."""
    return {
        path: (value, answer_at(draft, path))
        for path, value in changed.items()
        if revisions.get(path, 0) > revision
    }


def with_answers(draft: Mapping[str, Any], changed: Answers) -> dict[str, Any]:
    """The draft with these answers; groups without an answer are left out."""
    merged: dict[str, Any] = {group: dict(answers) for group, answers in draft.items()}
    for path, value in changed.items():
        group, name = path.split(".", 1)
        if value is None:
            merged.get(group, {}).pop(name, None)
        else:
            merged.setdefault(group, {})[name] = value
    return {group: answers for group, answers in merged.items() if answers}


# Answers that open data can give: their source and date, and whether the owner has confirmed or
# corrected them.
#
# A profile document keeps this beside its groups, under ``provenance``: ``{"facts.population":
# {"source", "date", "value", "state"}}``. ``value`` is what the source said when the owner
# looked at it: a correction never hides what it corrects. The service alone writes it.


PROVENANCE = "provenance"
PREFILLED, CONFIRMED, CORRECTED = "prefilled", "confirmed", "corrected"
PROVENANCE_STATES = (PREFILLED, CONFIRMED, CORRECTED)


@dataclass(frozen=True, slots=True)
class OpenSource:
    """Whose data, as of when (ISO 8601, as exact as it is known), and under which licence they may
    be passed on.
    """

    name: str
    date: str
    licence: str


@dataclass(frozen=True, slots=True)
class Datum:
    """What a source says about one answer."""

    value: Any
    source: OpenSource


# Dates are those of the edition where it is known, else of the day on which it was cut: see the
# data folder's SOURCES.md.
SOURCES: Mapping[str, OpenSource] = {
    "facts.population": OpenSource("GeoNames", "2026-11", "CC BY 4.0"),
    "facts.elevation_m": OpenSource("GeoNames", "2023-03", "CC BY 4.0"),
    "facts.coastal": OpenSource("Natural Earth", "2026-11", "public domain"),
    "facts.port": OpenSource(
        "sea-ports, searoute, Natural Earth", "2026-11", "MIT, Apache 2.0, public domain"
    ),
    "facts.air_destinations": OpenSource("OpenFlights", "2014-06", "ODbL 1.0"),
    "facts.income_band": OpenSource("World Bank", "2026-01", "CC BY 4.0"),
    "languages.working": OpenSource("world-countries", "2026-11", "ODbL 1.0"),
}


def open_data(community: Community) -> dict[str, Datum]:
    """What open data say about a community, by ``group.field``. Reads its place and country, which
    the caller has fetched.
    """
    place: Place | None = community.place
    known = vocabulary("languages")
    values: dict[str, Any] = {
        "facts.income_band": community.country.income_band,
        "languages.working": [code for code in community.country.languages if code in known]
        or None,
    }
    if place is not None:
        for name in ("population", "elevation_m", "coastal", "port", "air_destinations"):
            values[f"facts.{name}"] = getattr(place, name)
    return {
        path: Datum(values[path], source)
        for path, source in SOURCES.items()
        if values.get(path) is not None
    }


def stated_facts(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a published document says of the facts. A version before ports had a kind said yes or
    no, and yes also of depots on dry land: of these only a community's own no is heard.
    """
    facts = dict(document.get("facts") or {})
    kept = (document.get(PROVENANCE) or {}).get("facts.seaport", {"state": CORRECTED})
    if facts.pop("seaport", None) is False and kept["state"] == CORRECTED:
        facts.setdefault("port", "none")
    return facts


def same(answer: Any, value: Any) -> bool:
    """True if an answer says what a source says; the order of a list does not matter."""
    if isinstance(answer, list) and isinstance(value, list):
        return sorted(map(str, answer)) == sorted(map(str, value))
    return isinstance(answer, bool) == isinstance(value, bool) and bool(answer == value)


def entry(datum: Datum, state: str) -> dict[str, Any]:
    """What a document keeps of a datum."""
    return {
        "source": datum.source.name,
        "date": datum.source.date,
        "value": datum.value,
        "state": state,
    }


def prefilled_draft(community: Community) -> dict[str, dict[str, Any]]:
    """A first draft, as far as open data can fill it, nothing of it confirmed."""
    draft: dict[str, dict[str, Any]] = {}
    provenance: dict[str, Any] = {}
    for path, datum in open_data(community).items():
        group, name = path.split(".")
        draft.setdefault(group, {})[name] = datum.value
        provenance[path] = entry(datum, PREFILLED)
    return {**draft, PROVENANCE: provenance} if provenance else draft


def marked(
    document: Mapping[str, Any], sources: Mapping[str, Datum], looked_at: Iterable[str]
) -> dict[str, Any]:
    """The document's provenance after its owner looked at some answers: equal ones are confirmed,
    others corrected, emptied ones gone.
    """
    kept: dict[str, Any] = dict(document.get(PROVENANCE) or {})
    for path in looked_at:
        datum = sources.get(path)
        group, name = path.split(".")
        answer = (document.get(group) or {}).get(name)
        if answer is None or datum is None:
            kept.pop(path, None)
        else:
            kept[path] = entry(datum, CONFIRMED if same(answer, datum.value) else CORRECTED)
    return kept
