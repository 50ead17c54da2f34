"""A complete profile document, and what else is the same in all tests."""

from __future__ import annotations

import copy
import datetime as dt
from typing import Any

PASSWORD = "correct horse battery"
MOMENT = dt.datetime(2026, 3, 1, 9, 0, tzinfo=dt.UTC)
COUNTRIES = {
    "US": ("United States", "Americas", "Northern America", ["en"]),
    "DE": ("Germany", "Europe", "Western Europe", ["de"]),
    "JP": ("Japan", "Asia", "Eastern Asia", ["ja"]),
    "MX": ("Mexico", "Americas", "Central America", ["es"]),
}
# What a community must answer before it can submit, and enough besides for a preference.
DOCUMENT: dict[str, dict[str, Any]] = {
    "authority": {
        "registrant_role": "employee",
        "registrant_office": "International affairs",
        "highest_official_name": "Alex Doe",
        "highest_official_office": "Mayor",
    },
    "sectors": {"strengths": {"logistics": 2, "tourism": 1}},
    "themes": {"importances": {"trade": 2, "culture": 1}},
    "needs_offers": {"needs": ["water_management"], "offers": ["heritage_conservation"]},
    "facts": {"population": 100_000},
    "languages": {"working": ["en"]},
    "story": {"text": "A city by the water that likes guests.", "language": "en"},
}


def document(**groups: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A complete profile document; ``groups`` replace those of the same name."""
    return {**copy.deepcopy(DOCUMENT), **groups}
