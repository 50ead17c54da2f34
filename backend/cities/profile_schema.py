"""The profile: sixteen groups of fields, stated once. Forms, the API, validation and the engine's
records all read this table.

Identity beyond local name and website, contacts, the letter and freshness have rows of their own
(Community, Contact, VettingLetter, Profile.confirmed_at); the remaining answers are one JSON
document per version: ``{group: {field: value}}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from backend.cities.facets import FACET_LABELS, Words

Kind = Literal[
    "text",
    "long_text",
    "url",
    "email",
    "integer",
    "number",
    "boolean",
    "choice",
    "codes",
    "ranked",
    "weighted",
    "countries",
    "regions",
    "ties",
    "partnerships",
]
MOST_TOPICS = 10  # needs, and offers, of one profile
FIRST_NEEDS = 3  # of an ordered list count double, as the engine has it
# Who reads an answer. Staff read all of them, and so do the people of the community itself.
Audience = Literal["public", "confirmed", "partners", "staff"]
AUDIENCES: Mapping[Audience, Words] = {
    "public": _("Public: everybody sees this."),
    "confirmed": _("Everybody sees what staff have confirmed."),
    "partners": _("Only communities that are suggested to you see this, and staff."),
    "staff": _("Only staff see this."),
}
FORMS: Mapping[str, Words] = {
    "friendship": _("Friendship city"),
    "sister": _("Sister city"),
    "fixed_term": _("Agreement for a fixed term"),
    "project": _("Single project"),
}
STRUCTURES: Mapping[str, Words] = {
    "nonprofit": _("501(c)(3) or similar nonprofit"),
    "municipal": _("Municipal office"),
    "institution": _("Local institution"),
    "mixed": _("Nonprofit and public together"),
}
REGISTRANT_ROLES: Mapping[str, Words] = {
    "employee": _("I work for the municipality"),
    "elected": _("I hold an elected office"),
    "works_with_elected": _("I work directly with elected officials"),
}
YES_PARTLY_NO: Mapping[str, Words] = {"yes": _("Yes"), "partly": _("Partly"), "no": _("Not yet")}
FIRST_YEAR = 800  # of a partnership: the oldest that is known, Le Mans and Paderborn, is of 836
PARTNERSHIP_STATUS: Mapping[str, Words] = {
    "active": _("Active"),
    "dormant": _("Dormant"),
    "ended": _("Ended"),
    "unknown": _("Not known"),
}
STATED_STATUS: Mapping[str, Words] = {
    **PARTNERSHIP_STATUS,
    "not_ours": _("No partnership, one of the two says"),
}


# The steps of an answer on a scale, in words
STRENGTHS: Mapping[int, Words] = {
    1: _("present"),
    2: _("strong"),
    3: pgettext_lazy("a sector", "known for it"),
}
THEME_STEPS: Mapping[int, Words] = {1: _("welcome"), 2: _("important"), 3: _("essential")}
INCOME_GROUPS: Mapping[int, Words] = {
    1: pgettext_lazy("income", "low"),
    2: pgettext_lazy("income", "lower middle"),
    3: pgettext_lazy("income", "upper middle"),
    4: pgettext_lazy("income", "high"),
}
PORTS: Mapping[str, Words] = {
    "sea": _("Seaport"),
    "lake": _("Lake port"),
    "river": _("River port"),
    "none": _("No port"),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One question. ``vocabulary`` names a list of backend.cities.vocabularies; ``choices`` is a
    closed list of its own. ``maximum`` is the largest number, or how many codes may be named; the
    codes of a ``ranked`` answer are in order, the most important first. ``label`` speaks to the
    owner who answers, ``label_for_others`` to who reads the answer; ``steps`` are the words for
    each step of a scale.
    """

    name: str
    label: Words
    kind: Kind
    help: Words = ""
    vocabulary: str = ""
    choices: Mapping[str, Words] | None = None
    minimum: float | None = None
    maximum: float | None = None
    max_length: int = 200
    needed: bool = False  # to submit; drafts may lack it
    audience: Audience = "public"
    for_others: Words = ""  # the label for who reads it; empty: the same
    steps: Mapping[int, Words] | None = None

    @property
    def audience_words(self) -> Words:
        return AUDIENCES[self.audience]

    @property
    def label_for_others(self) -> Words:
        return self.for_others or self.label


@dataclass(frozen=True, slots=True)
class Group:
    number: int
    code: str
    label: Words
    lead: Words
    fields: tuple[Field, ...]
    for_others: Words = ""

    @property
    def label_for_others(self) -> Words:
        return self.for_others or self.label

    @property
    def is_needed(self) -> bool:
        """Whether nobody can submit without an answer of it."""
        return any(field.needed for field in self.fields)


def _commitment(name: str, label: Words) -> Field:
    return Field(name, label, "choice", choices=YES_PARTLY_NO, audience="partners")


GROUPS: tuple[Group, ...] = (
    Group(
        1,
        "identity",
        _("Your community"),
        _("Its name in your language, and where people can read more."),
        (
            Field(
                "local_name",
                _("Your community's name in your language"),
                "text",
                for_others=_("Name in its own language"),
            ),
            Field("website", _("Official website"), "url"),
        ),
        for_others=_("The community"),
    ),
    Group(
        2,
        "authority",
        _("Who represents the community"),
        _("Staff read this to confirm that the community supports the profile."),
        (
            Field(
                "registrant_role",
                _("Your role"),
                "choice",
                choices=REGISTRANT_ROLES,
                needed=True,
                audience="staff",
                for_others=_("Role of the registrant"),
            ),
            Field(
                "registrant_office",
                _("Your office or title"),
                "text",
                needed=True,
                audience="staff",
                for_others=_("Office or title of the registrant"),
            ),
            Field(
                "highest_official_name",
                _("Highest elected or appointed official"),
                "text",
                needed=True,
                audience="staff",
            ),
            Field(
                "highest_official_office",
                _("That person's office"),
                "text",
                help=_("For example: Mayor"),
                needed=True,
                audience="staff",
            ),
        ),
    ),
    Group(
        3,
        "organisation",
        _("Who runs the programme"),
        _("The body that looks after partnerships."),
        (
            Field("name", _("Name of the organisation"), "text"),
            Field("website", _("Website of the organisation"), "url"),
            Field(
                "email",
                _("Public e-mail address"),
                "email",
                help=_("Leave it empty if you want no mail from the public."),
            ),
            Field("structure", _("Structure"), "choice", choices=STRUCTURES),
            Field("office", _("Where the municipal contact sits"), "choice", vocabulary="offices"),
            Field("year_founded", _("Year founded"), "integer", minimum=1800, maximum=2100),
            Field("volunteers", _("Volunteers"), "integer", minimum=0, maximum=100_000),
        ),
    ),
    Group(
        4,
        "sectors",
        _("Sectors"),
        _("Your main industries. 1 present, 2 strong, 3 what you are known for."),
        (
            Field(
                "strengths",
                _("Sectors and their strength"),
                "weighted",
                vocabulary="sectors",
                steps=STRENGTHS,
                for_others=_("Main industries"),
            ),
        ),
    ),
    Group(
        5,
        "themes",
        _("Themes of exchange"),
        _("What you want to exchange. 1 welcome, 2 important, 3 essential."),
        (
            Field(
                "importances",
                _("Themes and their importance"),
                "weighted",
                vocabulary="themes",
                needed=True,
                steps=THEME_STEPS,
                for_others=_("Themes"),
            ),
        ),
    ),
    Group(
        6,
        "needs_offers",
        _("Needs and offers"),
        _("What you would like to learn or receive, and what you can share."),
        (
            Field(
                "needs",
                _("We need"),
                "ranked",
                help=_(
                    "At most ten, the most important first: the first three count double. A short "
                    "list finds partners for what you need most; a long one finds them for what "
                    "matters least."
                ),
                vocabulary="topics",
                maximum=MOST_TOPICS,
                needed=True,
                for_others=_("Needs"),
            ),
            Field(
                "offers",
                _("We offer"),
                "codes",
                help=_(
                    "At most ten: what others can learn best from you. If everybody offered "
                    "everything, no offer would say anything."
                ),
                vocabulary="topics",
                maximum=MOST_TOPICS,
                needed=True,
                for_others=_("Offers"),
            ),
        ),
    ),
    Group(
        7,
        "facts",
        _("Facts"),
        _("Filled from open data where we can. Confirm or correct."),
        (
            Field("population", _("Population"), "integer", minimum=1, maximum=50_000_000),
            Field("area_km2", _("Area (km²)"), "number", minimum=0.01, maximum=5_000_000),
            Field("median_age", _("Median age"), "number", minimum=10, maximum=70),
            Field(
                "income_band",
                _("Income group of the World Bank (1 low – 4 high)"),
                "integer",
                minimum=1,
                maximum=4,
                steps=INCOME_GROUPS,
                for_others=_("Income group (World Bank)"),
            ),
            Field("universities", _("Universities"), "integer", minimum=0, maximum=200),
            Field("institutions", _("Institutions"), "codes", vocabulary="institutions"),
            Field(
                "air_destinations",
                _("Direct flight destinations within 60 km"),
                "integer",
                minimum=0,
                maximum=1000,
            ),
            Field("coastal", _("On the coast"), "boolean"),
            Field("port", _("Port"), "choice", choices=PORTS),
            Field("elevation_m", _("Elevation (m)"), "number", minimum=-430, maximum=6000),
        ),
    ),
    Group(
        8,
        "challenges",
        _("Challenges"),
        _("What you are working on; shared challenges make good partners."),
        (Field("challenges", _("Challenges"), "codes", vocabulary="challenges"),),
    ),
    Group(
        9,
        "ties",
        _("Existing ties"),
        _("People, history or trade that already connect you."),
        (Field("ties", _("Ties"), "ties"),),
    ),
    Group(
        10,
        "languages",
        _("Languages"),
        _("In which you can work together."),
        (Field("working", _("Working languages"), "codes", vocabulary="languages", needed=True),),
    ),
    Group(
        11,
        "sought",
        _("Partners you want"),
        _("Leave open what does not matter to you."),
        (
            Field("countries", _("Only these countries"), "countries"),
            Field("regions", _("Only these regions"), "regions"),
            Field("excluded_countries", _("Not these countries"), "countries", audience="staff"),
            Field("population_min", _("Population from"), "integer", minimum=0, maximum=50_000_000),
            Field("population_max", _("Population to"), "integer", minimum=1, maximum=50_000_000),
            Field("forms", _("Forms of partnership"), "codes", choices=FORMS),
            Field(
                "not_where_partnered",
                _("No partner in a country where we already have one"),
                "boolean",
                for_others=_("No partner in a country where it already has one"),
            ),
            Field("not_with_us_sister", _("No partner that already has a U.S. sister"), "boolean"),
        ),
        for_others=_("Partners wanted"),
    ),
    Group(
        12,
        "readiness",
        _("Readiness"),
        _("Committed people and budgets make partnerships live."),
        (
            _commitment("council_support", _("The council supports it")),
            _commitment("mayor_support", _("The mayor supports it")),
            _commitment("supporters", _("Supporters in the community")),
            _commitment("first_year_plan", _("There is a plan for the first year")),
            _commitment("budget", _("There is a budget for the first year")),
            _commitment("travel", _("Delegations can travel")),
        ),
    ),
    Group(
        13,
        "partnerships",
        _("Existing partnerships"),
        _("Anywhere in the world, with year and status."),
        (
            Field(
                "existing",
                _("Your partnerships"),
                "partnerships",
                audience="confirmed",
                for_others=_("Existing partnerships"),
            ),
        ),
    ),
    Group(
        14,
        "capacity",
        _("Capacity"),
        _("How many partnerships you can take on."),
        (
            Field(
                "new_partnerships",
                _("New partnerships at once"),
                "integer",
                minimum=1,
                maximum=20,
                audience="partners",
            ),
            Field(
                "open_introductions",
                _("Open introductions at once"),
                "integer",
                minimum=1,
                maximum=50,
                audience="partners",
            ),
            Field(
                "response_days",
                _("We answer within (days)"),
                "integer",
                minimum=1,
                maximum=180,
                audience="partners",
                for_others=_("Answers within (days)"),
            ),
        ),
    ),
    Group(
        15,
        "story",
        _("Your story"),
        _("A few sentences that make others want to answer."),
        (
            Field("text", _("Story"), "long_text", max_length=4000, needed=True),
            Field(
                "language",
                _("Language of the story"),
                "choice",
                vocabulary="languages",
                needed=True,
            ),
            Field("english", _("English version"), "long_text", max_length=4000),
        ),
        for_others=_("In their own words"),
    ),
    Group(
        16,
        "importances",
        _("What matters most"),
        _("How much each topic matters to you when partners are compared: 0 not at all – 3 most."),
        (Field("facets", _("Importance of each topic"), "weighted", choices=FACET_LABELS),),
    ),
)

GROUP_BY_CODE: Mapping[str, Group] = {group.code: group for group in GROUPS}


def document_value(document: Mapping[str, Any], group: str, field: str) -> Any:
    """The answer to one question, or None where it is left empty."""
    return (document.get(group) or {}).get(field)


def may_read(reader: Audience, field: Field) -> bool:
    """Whether readers of that kind see answers to the question."""
    return reader == "staff" or field.audience == "public" or field.audience == reader


def document_for(reader: Audience, document: Mapping[str, Any]) -> dict[str, Any]:
    """The answers of a document that readers of that kind see, and where open data say so. What
    staff have to confirm first is not among them for others.
    """
    shown: dict[str, Any] = {}
    for code, answers in document.items():
        group = GROUP_BY_CODE.get(code)
        if group is None:
            shown[code] = answers
            continue
        seen = {field.name for field in group.fields if may_read(reader, field)}
        kept = {name: value for name, value in answers.items() if name in seen}
        if kept:
            shown[code] = kept
    return shown
