"""Answers that open data can give: their source and date, and whether the owner has confirmed or
corrected them.

A profile document keeps this beside its groups, under ``provenance``: ``{"facts.population":
{"source", "date", "value", "standing"}}``. ``value`` is what the source said when the owner looked
at it: a correction never hides what it corrects. The service alone writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from backend.cities.models import Community, Place
from backend.cities.vocabularies import vocabulary

PROVENANCE = "provenance"
PREFILLED, CONFIRMED, CORRECTED = "prefilled", "confirmed", "corrected"
STANDINGS = (PREFILLED, CONFIRMED, CORRECTED)


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
    "facts.seaport": OpenSource("sea-ports", "2026-11", "MIT"),
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
        for name in ("population", "elevation_m", "coastal", "seaport", "air_destinations"):
            values[f"facts.{name}"] = getattr(place, name)
    return {
        path: Datum(values[path], source)
        for path, source in SOURCES.items()
        if values.get(path) is not None
    }


def same(answer: Any, value: Any) -> bool:
    """Whether an answer says what a source says; the order of a list does not matter."""
    if isinstance(answer, list) and isinstance(value, list):
        return sorted(map(str, answer)) == sorted(map(str, value))
    return isinstance(answer, bool) == isinstance(value, bool) and bool(answer == value)


def entry(datum: Datum, standing: str) -> dict[str, Any]:
    """What a document keeps of a datum."""
    return {
        "source": datum.source.name,
        "date": datum.source.date,
        "value": datum.value,
        "standing": standing,
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
