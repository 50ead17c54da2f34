"""Where the people of a U.S. community's county have their roots, and which division abroad is its
state's sister: read from the files that ship, see data/SOURCES.md.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

from backend.cities.facets import number_words
from backend.cities.models import Community
from backend.cities.models.communities import HOME_COUNTRY
from backend.cities.models.places import country_name
from backend.cities.names import community_key, searched_name
from backend.cities.reference import FOLDER, read_csv

Question = Literal["ancestry", "birthplace"]
_QUESTIONS: Mapping[str, Question] = {"a": "ancestry", "b": "birthplace"}
_WHOLE = "US"  # the area of all counties together
SMOOTHING = 0.05  # percentage points: a share that the tables show as 0.0 is not nothing
SURE = 0.5  # a hint above which the roots are clearly more common than in the whole U.S.
LEAST_SHOWN = 0.1


class Root(NamedTuple):
    """How many of an area's people have roots in a country, and how many of the whole U.S.

    ``question`` is what they were asked: which ancestry they name, or where they were born. The
    table holds the answer that more people gave.
    """

    question: Question
    percent: float
    everywhere: float  # percent of the people of the U.S., by the same question

    @property
    def hint(self) -> float:
        """From 0 to 1, how likely there are ties: how many the people are, and how particular to
        the area.

        With s the percent and r its ratio to that of the U.S., s/(1+s) · r/(1+r).
        """
        ratio = (self.percent + SMOOTHING) / (self.everywhere + SMOOTHING)
        return self.percent / (1 + self.percent) * ratio / (1 + ratio)


@dataclass(frozen=True, slots=True)
class Area:
    """A county, New York City with its five counties, or a state."""

    code: str  # the county's FIPS code, "NYC", or "US-" with the state's postal code
    state: str
    name: str  # with the state's name, where it is a county
    roots: Mapping[str, Root]  # by country, those that give a hint

    @property
    def is_state(self) -> bool:
        return self.code.startswith("US-")

    def is_sure_of(self, country: str) -> bool:
        """Whether there are so many people with roots in the country that it is worth saying."""
        return country in self.roots and self.roots[country].hint > SURE

    def described(self, country: str) -> tuple[str, dict[str, str]]:
        """Which sentence of ``facets.IN_COMMON`` says it, and its values. The area's percent has no
        decimals: the estimates of small counties do not bear them.
        """
        question, percent, everywhere = self.roots[country]
        values = {
            "area": self.name,
            "percent": number_words(round(percent)),
            "everywhere": number_words(max(round(everywhere, 1), LEAST_SHOWN)),
        }
        return f"{question}_in_{'state' if self.is_state else 'county'}", values

    @property
    def hints(self) -> dict[str, float]:
        return {country: round(root.hint, 3) for country, root in self.roots.items()}


NOWHERE = Area("", "", "", {})


@dataclass(frozen=True, slots=True)
class _AreaTable:
    areas: Mapping[str, Area]
    of_place: Mapping[int, str]  # GeoNames id → code of its county
    counties: Mapping[tuple[str, str], str]  # postal code of the state, name → code
    states: Mapping[str, str]  # name or postal code → postal code


def _counted(text: str) -> Iterator[tuple[str, Question, int]]:
    """ "PT:a:154811 CV:a:14937": country, question, people."""
    for item in text.split():
        country, question, people = item.split(":")
        yield country, _QUESTIONS[question], int(people)


@cache
def _table() -> _AreaTable:
    rows = {row[0]: row for row in read_csv("us_counties.csv.gz")}
    whole = rows.pop(_WHOLE)
    everywhere = {
        (country, question): 100 * people / int(whole[3])
        for country, question, people in _counted(whole[5])
    }
    state_names = {row[1]: row[2] for code, row in rows.items() if code.startswith("US-")}
    areas: dict[str, Area] = {}
    of_place: dict[int, str] = {}
    counties: dict[tuple[str, str], str] = {}
    for code, state, name, population, places, counted in rows.values():
        roots = {
            country: Root(question, 100 * people / int(population), everywhere[country, question])
            for country, question, people in _counted(counted)
        }
        is_county = code.isdigit() and name != state_names[state]
        areas[code] = Area(
            code, state, f"{name}, {state_names[state]}" if is_county else name, roots
        )
        of_place |= dict.fromkeys(map(int, places.split()), code)
        if code.isdigit():
            counties[state, community_key(name, "county")] = code
    states = {searched_name(name): state for state, name in state_names.items()}
    states |= {state.lower(): state for state in state_names}
    return _AreaTable(areas, of_place, counties, states)


def home_state(community: Community) -> str:
    """The postal code of a U.S. community's state; empty where it is not known, and abroad."""
    if community.country_id != HOME_COUNTRY:
        return ""
    if community.place is not None:
        return community.place.admin1_code
    named = community.name if community.kind == Community.Kind.STATE else community.admin1
    states = _table().states
    return states.get(searched_name(named)) or states.get(community_key(named, "state"), "")


def area_of(community: Community) -> Area:
    """The county of a U.S. community; its state where that is what it is, or where its county is
    not known. Nothing is known of places that no county and no state is known of, and abroad.
    """
    state, table = home_state(community), _table()
    code = None
    if community.kind == Community.Kind.COUNTY:
        code = table.counties.get((state, community_key(community.name, "county")))
    if code is None and community.kind != Community.Kind.STATE:
        code = table.of_place.get(community.place_id or 0)
    return table.areas.get(code or f"US-{state}", NOWHERE)


# Sister divisions: a U.S. state, and a state, prefecture, province or country abroad


class Sister(NamedTuple):
    """``is_sister`` is False for a looser tie, such as friendship or cooperation."""

    state: str  # both by name
    division: str  # empty: the whole country
    is_sister: bool
    year: str  # empty: not known
    source: str

    @property
    def code(self) -> str:
        """Of its sentence in ``facets.IN_COMMON``."""
        return "sister_divisions" if self.is_sister else "division_agreement"

    def described(self) -> dict[str, str]:
        """The values of its sentence."""
        details = ", ".join(filter(None, (self.year, self.source)))
        return {"first": self.state, "second": self.division, "details": details}


@cache
def _sisters() -> Mapping[tuple[str, str], tuple[tuple[str, Sister], ...]]:
    """By state and country: code of the division, empty for a whole country, and the tie."""
    found: dict[tuple[str, str], tuple[tuple[str, Sister], ...]] = {}
    with (FOLDER / "sister_divisions.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            state = _table().areas[f"US-{row['state']}"].name
            sister = Sister(
                state, row["division"], row["kind"] == "sister", row["year"], row["source"]
            )
            key = row["state"], row["country"]
            found[key] = (*found.get(key, ()), (row["admin1_code"], sister))
    return found


def sister_divisions(one: Community, other: Community) -> list[Sister]:
    """Ties, by public sources, of a U.S. community's state to the division in which the other one
    lies abroad, or to its country.
    """
    home, abroad = (one, other) if one.is_home else (other, one)
    return [
        sister._replace(division=sister.division if code else country_name(abroad.country_id))
        for code, sister in _sisters().get((home_state(home), abroad.country_id), ())
        if not code or _lies_in(abroad, code, searched_name(sister.division))
    ]


def _lies_in(community: Community, code: str, name: str) -> bool:
    """Whether it is the division, or lies in it."""
    if community.place is not None:
        return community.place.admin1_code == code
    kinds = (community.Kind.STATE, community.Kind.PROVINCE)
    own_names = {community_key(community.name, kind) for kind in kinds}
    return name in {searched_name(community.admin1), *own_names}
