"""The public lists behind listed partnerships, in words."""

from __future__ import annotations

from collections.abc import Mapping

LIST_SOURCES: Mapping[str, str] = {
    "wikipedia2023": "Wikipedia 2023",
    "wikipedia2023b": "Wikipedia 2023",
    "wikipedia2026": "Wikipedia 2026",
    "wikidata2016": "Wikidata 2016",
    "wikidata2017_eu": "Wikidata 2017",
}
