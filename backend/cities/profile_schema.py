"""The profile: sixteen groups of fields, stated once. Forms, the API, validation and the engine's records all read this table.

Identity beyond local name and website, contacts, the letter and freshness have rows of their own (Community, Contact,
VettingLetter, Profile.confirmed_at); the remaining answers are one JSON document per version: ``{group: {field: value}}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal[
    "text",
    "long_text",
    "url",
    "integer",
    "number",
    "boolean",
    "choice",
    "codes",
    "weighted",
    "countries",
    "regions",
    "ties",
    "partnerships",
]
FORMS = {"friendship": "Friendship city", "sister": "Sister city", "fixed_term": "Fixed-term pact", "project": "Single project"}
STRUCTURES = {
    "nonprofit": "501(c)(3) or similar nonprofit",
    "municipal": "Municipal office",
    "institution": "Local institution",
    "mixed": "A mix of these",
}
REGISTRANT_ROLES = {
    "employee": "I work for the municipality",
    "elected": "I hold an elected office",
    "works_with_elected": "I work directly with elected officials",
}
YES_PARTLY_NO = {"yes": "Yes", "partly": "Partly", "no": "Not yet"}
PARTNERSHIP_STATUS = {"active": "Active", "dormant": "Dormant", "ended": "Ended", "unknown": "Not known"}
FACETS = {
    "needs_offers": "Their offers meet our needs",
    "ties": "Existing ties",
    "challenges": "Shared challenges",
    "sectors": "Similar sectors",
    "themes": "Same themes of exchange",
    "institutions": "Institutions and facts",
    "geography": "Geography and climate",
    "languages": "Shared working language",
    "size": "Similar size",
    "time_zone": "Overlapping working hours",
    "distance": "Nearness",
    "story": "Story",
    "readiness": "Readiness of the partner",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One question. ``vocabulary`` names a list of backend.cities.vocabularies; ``choices`` is a closed list of its own."""

    name: str
    label: str
    kind: Kind
    help: str = ""
    vocabulary: str = ""
    choices: Mapping[str, str] | None = None
    minimum: float | None = None
    maximum: float | None = None
    max_length: int = 200
    needed: bool = False  # to submit; drafts may lack it


@dataclass(frozen=True, slots=True)
class Group:
    number: int
    code: str
    label: str
    lead: str
    fields: tuple[Field, ...]


GROUPS: tuple[Group, ...] = (
    Group(1, "identity", "Your community", "How you are called at home, and where people can read more.", (
        Field("local_name", "Name in your own language", "text"),
        Field("website", "Official website", "url"),
    )),
    Group(2, "authority", "Who speaks for it", "Staff read this to confirm that the community stands behind the profile.", (
        Field("registrant_role", "Your role", "choice", choices=REGISTRANT_ROLES, needed=True),
        Field("registrant_office", "Your office or title", "text", needed=True),
        Field("highest_official_name", "Highest elected or appointed official", "text", needed=True),
        Field("highest_official_office", "That person's office", "text", help="For example: Mayor", needed=True),
    )),
    Group(3, "organisation", "Who runs the programme", "The body that looks after partnerships.", (
        Field("structure", "Structure", "choice", choices=STRUCTURES),
        Field("office", "Where the municipal contact sits", "choice", vocabulary="offices"),
        Field("year_founded", "Year founded", "integer", minimum=1800, maximum=2100),
        Field("volunteers", "Volunteers", "integer", minimum=0, maximum=100_000),
    )),
    Group(4, "sectors", "Sectors", "What your economy stands on. 1 present, 2 strong, 3 what we are known for.", (
        Field("strengths", "Sectors and their strength", "weighted", vocabulary="sectors"),
    )),
    Group(5, "themes", "Themes of exchange", "What you want to exchange. 1 welcome, 2 important, 3 essential.", (
        Field("importances", "Themes and their importance", "weighted", vocabulary="themes", needed=True),
    )),
    Group(6, "needs_offers", "Needs and offers", "What you would like to learn or receive, and what you can share.", (
        Field("needs", "We need", "codes", vocabulary="topics", needed=True),
        Field("offers", "We offer", "codes", vocabulary="topics", needed=True),
    )),
    Group(7, "facts", "Facts", "Filled from open data where we can. Confirm or correct.", (
        Field("population", "Population", "integer", minimum=1, maximum=50_000_000),
        Field("area_km2", "Area (km²)", "number", minimum=0.01, maximum=5_000_000),
        Field("median_age", "Median age", "number", minimum=10, maximum=70),
        Field("income_band", "Income compared with the world (1 low – 4 high)", "integer", minimum=1, maximum=4),
        Field("universities", "Universities", "integer", minimum=0, maximum=200),
        Field("institutions", "Institutions", "codes", vocabulary="institutions"),
        Field("air_destinations", "Direct flight destinations within 60 km", "integer", minimum=0, maximum=1000),
        Field("coastal", "On the coast", "boolean"),
        Field("seaport", "Has a port", "boolean"),
        Field("elevation_m", "Elevation (m)", "number", minimum=-430, maximum=6000),
    )),
    Group(8, "challenges", "Challenges", "What you are working on; shared challenges make good partners.", (
        Field("challenges", "Challenges", "codes", vocabulary="challenges"),
    )),
    Group(9, "ties", "Ties you have", "People, history or trade that already connect you.", (
        Field("ties", "Ties", "ties"),
    )),
    Group(10, "languages", "Languages", "In which you can work together.", (
        Field("working", "Working languages", "codes", vocabulary="languages", needed=True),
    )),
    Group(11, "sought", "Whom you look for", "Leave open what does not matter to you.", (
        Field("countries", "Only these countries", "countries"),
        Field("regions", "Only these regions", "regions"),
        Field("excluded_countries", "Not these countries", "countries"),
        Field("population_min", "Population from", "integer", minimum=0, maximum=50_000_000),
        Field("population_max", "Population to", "integer", minimum=1, maximum=50_000_000),
        Field("forms", "Forms of partnership", "codes", choices=FORMS),
        Field("not_where_partnered", "No partner in a country where we already have one", "boolean"),
        Field("not_with_us_sister", "No partner that already has a U.S. sister", "boolean"),
    )),
    Group(12, "readiness", "Readiness", "Committed people and budgets make partnerships live.", (
        Field("council_support", "The council supports it", "choice", choices=YES_PARTLY_NO),
        Field("mayor_support", "The mayor supports it", "choice", choices=YES_PARTLY_NO),
        Field("supporters", "Supporters in the community", "choice", choices=YES_PARTLY_NO),
        Field("first_year_plan", "There is a plan for the first year", "choice", choices=YES_PARTLY_NO),
        Field("budget", "There is a budget for the first year", "choice", choices=YES_PARTLY_NO),
        Field("travel", "Delegations can travel", "choice", choices=YES_PARTLY_NO),
    )),
    Group(13, "partnerships", "Partnerships you have", "Worldwide, with year and status.", (
        Field("existing", "Existing partnerships", "partnerships"),
    )),
    Group(14, "capacity", "Capacity", "So that nobody is overrun.", (
        Field("new_partnerships", "New partnerships at once", "integer", minimum=1, maximum=20),
        Field("open_introductions", "Open introductions at once", "integer", minimum=1, maximum=50),
        Field("response_days", "We answer within (days)", "integer", minimum=1, maximum=180),
    )),
    Group(15, "story", "Your story", "A few sentences that make others want to answer.", (
        Field("text", "Story", "long_text", max_length=4000, needed=True),
        Field("language", "Language of the story", "choice", vocabulary="languages", needed=True),
        Field("english", "English version", "long_text", max_length=4000),
    )),
    Group(16, "importances", "What counts most, and freshness", "How much each kind of fit counts for you: 0 not at all – 3 most.", (
        Field("facets", "Importance of each kind of fit", "weighted", choices=FACETS),
    )),
)  # fmt: skip

GROUP_BY_CODE: Mapping[str, Group] = {group.code: group for group in GROUPS}


def document_value(document: Mapping[str, Any], group: str, field: str) -> Any:
    """The answer to one question, or None where it is left empty."""
    return (document.get(group) or {}).get(field)
