"""Where answers come from, in words: the source, its date, and whether the community has confirmed or corrected it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from backend.cities.open_data import CONFIRMED, CORRECTED, PROVENANCE, SOURCES, Datum, same
from backend.cities.vocabularies import label
from backend.common.lists import in_a_row


def month_of(iso: str) -> str:
    """ "2026-11" → "November 2026", in the reader's language."""
    year, _dash, month = iso.partition("-")
    return date_format(dt.date(int(year), int(month[:2]), 1), "YEAR_MONTH_FORMAT") if month else year


def value_words(path: str, value: Any) -> str:
    """A source's value as the form shows such answers."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return in_a_row(label("languages", str(code)) if path == "languages.working" else code for code in value)
    return (
        number_format(int(value) if value == int(value) else value, force_grouping=True) if isinstance(value, int | float) else str(value)
    )


def _named(path: str, kept: Mapping[str, Any]) -> dict[str, str]:
    licence = SOURCES[path].licence if path in SOURCES else ""
    source = f"{kept['source']} ({licence})" if licence else str(kept["source"])
    return {"source": source, "date": month_of(str(kept["date"])), "value": value_words(path, kept["value"])}


def source_line(document: Mapping[str, Any], path: str, answer: Any, sources: Mapping[str, Datum]) -> str:
    """What readers see beside a published answer; empty where it is the community's own.

    ``sources`` is what open data say today: it speaks for documents that kept no source themselves.
    """
    kept = (document.get(PROVENANCE) or {}).get(path)
    if kept is None:
        datum = sources.get(path)
        if datum is None or not same(answer, datum.value):
            return ""
        kept = {"source": datum.source.name, "date": datum.source.date, "value": datum.value, "standing": ""}
    words = _named(path, kept)
    if kept["standing"] == CORRECTED:
        return _("By the community itself. %(source)s, %(date)s, says: %(value)s.") % words
    if kept["standing"] == CONFIRMED:
        return _("Source: %(source)s, %(date)s; confirmed by the community.") % words
    return _("Source: %(source)s, %(date)s.") % words


def form_line(document: Mapping[str, Any], path: str, sources: Mapping[str, Datum]) -> str:
    """What the owner sees beside the field: what open data say, and what became of it. Empty where no source says anything."""
    kept = (document.get(PROVENANCE) or {}).get(path)
    datum = sources.get(path)
    if kept is None and datum is None:
        return ""
    shown = kept or {"source": datum.source.name, "date": datum.source.date, "value": datum.value, "standing": ""}  # type: ignore[union-attr]
    words = _named(path, shown)
    if shown["standing"] == CORRECTED:
        return _("You corrected this. %(source)s, %(date)s, says: %(value)s.") % words
    if shown["standing"] == CONFIRMED:
        return _("%(source)s, %(date)s, says: %(value)s. You confirmed it.") % words
    return _("%(source)s, %(date)s, says: %(value)s. Not confirmed yet.") % words
