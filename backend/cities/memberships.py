"""Memberships of the network: rules, reads, and what a list of members would change."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.member_columns import DAYS
from backend.cities.member_days import WhichFirst, day_of, order_said_by
from backend.cities.member_sheets import SheetRow
from backend.cities.models import (
    Community,
    Country,
    DuesAmount,
    MemberImport,
    Membership,
    Place,
    PlaceName,
)
from backend.cities.models.places import country_called
from backend.cities.names import bare_name, fold, searched_name
from backend.cities.permissions import require_staff
from backend.common.dates import database_now, years_after
from backend.common.errors import NotVisible

_S = Membership.Standing
_D = Membership.DuesClass
_CLASSES = ((25_000, _D.UNDER_25K), (100_000, _D.UNDER_100K), (500_000, _D.UNDER_500K))
LONGEST_TERM_YEARS = 3  # of dues paid in advance: a later day is a typing error


def dues_class_for(population: int) -> str:
    """The class of dues for a number of inhabitants."""
    return next((dues.value for limit, dues in _CLASSES if population < limit), _D.LARGE.value)


Amounts = dict[tuple[str, bool], int]


def dues_amounts() -> Amounts:
    """(Class, whether of U.S. members) → dollars a year, where staff have set them. Public."""
    rows = DuesAmount.objects.values_list("dues_class", "is_home", "dollars")
    return {(dues_class, is_home): dollars for dues_class, is_home, dollars in rows}


def population_of(community: Community) -> int | None:
    return community.place.population if community.place else None


def standing_on(today: dt.date, paid_through: dt.date | None) -> str:
    """Good while dues cover the day. Without a recorded last day nothing lapses."""
    return _S.LAPSED.value if paid_through is not None and paid_through < today else _S.GOOD.value


def term_errors(
    started_on: dt.date | None,
    paid_through: dt.date | None,
    ended_on: dt.date | None,
    dues_class: str,
    today: dt.date,
) -> dict[str, list[str]]:
    """What is wrong with the days and the class of a membership, by field."""
    errors: dict[str, list[str]] = {}
    if started_on is None:
        errors["started_on"] = ["Give the day on which the membership began."]
    elif not dt.date(1956, 1, 1) <= started_on <= years_after(today, 1):
        errors["started_on"] = [
            "The first day lies between 1956, when the network began, and a year from now."
        ]
    for name, day in (("paid_through", paid_through), ("ended_on", ended_on)):
        if day is not None and started_on is not None and day < started_on:
            errors[name] = ["This day lies before the membership began."]
    if paid_through is not None and paid_through > years_after(today, LONGEST_TERM_YEARS):
        errors["paid_through"] = [
            "Dues are recorded for at most three years in advance; look at the year."
        ]
    if ended_on is not None and ended_on > today:
        errors["ended_on"] = [
            "A membership is ended on a day that has come. To let it run out, leave this empty."
        ]
    if dues_class not in _D.values:
        errors["dues_class"] = [f"Choose one of: {', '.join(_D.values)}."]
    return errors


# Reads of memberships, for staff.


def members(user: User) -> QuerySet[Membership]:
    """Memberships by the community's name, for staff. Raises NotVisible for others."""
    require_staff(user, Verb.READ, Resource.MEMBERSHIP)
    found = Membership.objects.select_related("community__country", "community__place").defer(
        "community__place__search_text", "community__place__alternate_names"
    )
    return found.order_by("community__name", "id")


def member(user: User, membership_id: int) -> Membership:
    """One membership. Raises NotVisible."""
    require_staff(user, Verb.READ, Resource.MEMBERSHIP)
    found = (
        Membership.objects.select_related("community__country", "community__place")
        .filter(pk=membership_id)
        .first()
    )
    if found is None:
        raise NotVisible
    return found


def member_import(user: User, import_id: int) -> MemberImport:
    """One checked list of members. Raises NotVisible for others than curators."""
    require_staff(user, Verb.CREATE, Resource.MEMBERSHIP)
    found = MemberImport.objects.select_related("by").filter(pk=import_id).first()
    if found is None:
        raise NotVisible
    return found


# What a list of members would do, row by row, before anything is done. The plan that staff saw
# is the plan that is applied.


# Values of PlannedRow.action.
NEW, CHANGED, UNCHANGED, ERROR = "new", "changed", "unchanged", "error"
ASKED = "asked"  # one of its days can be read in two ways, which the list is asked once
ACTION_LABELS = {
    ERROR: "Rejected",
    ASKED: "Which day?",
    NEW: "New member",
    CHANGED: "Changed",
    UNCHANGED: "Unchanged",
}


@dataclass(slots=True)
class PlannedRow:
    """One row with what it does. ``wanted`` is the membership as it will be, ``changes`` is {field:
    [old, new]}; all in plain values.
    """

    row: int
    values: dict[str, str]
    action: str = ERROR
    community_id: int | None = None
    place_id: int | None = (
        None  # of a city that nobody has registered: it is registered with its membership
    )
    shown: str = ""
    membership_id: int | None = None
    wanted: dict[str, str | None] = field(default_factory=dict)
    changes: dict[str, list[str | None]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def stored(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def plan_members(rows: Sequence[SheetRow], day_order: str = "") -> list[PlannedRow]:
    """The plan of each row, against the memberships as they are now. A fixed number of queries.

    Args:
        day_order: what comes first in 7/1/2026 (``member_days``); empty: what the other days of
            the list say, and where they do not, such rows are asked.
    """
    world = _Known(rows, day_order or order_of(rows))
    planned = [_plan(row, world) for row in rows]
    seen: dict[tuple[int | None, int | None, str], int] = {}
    for entry in planned:
        if entry.community_id is None and entry.place_id is None:
            continue
        key = (
            entry.community_id,
            entry.place_id,
            (entry.wanted.get("started_on") or "") if entry.wanted.get("ended_on") else "",
        )
        if key in seen:
            entry.problems.append(
                f"The same membership is in row {seen[key]}. Leave one of the two out."
            )
        seen.setdefault(key, entry.row)
    for entry in planned:
        if entry.problems:
            entry.action, entry.changes = (ASKED if _WHICH in entry.problems else ERROR), {}
    return planned


def order_of(rows: Iterable[SheetRow]) -> str:
    """What comes first in the days of the list, where one of them says it; else empty."""
    return order_said_by(row.values[name] for row in rows for name in DAYS if name in row.values)


@dataclass(frozen=True, slots=True)
class _FreePlace:
    """A place of the gazetteer that nobody has registered."""

    country_id: str
    pk: int
    name: str
    admin1: str
    admin1_code: str
    population: int | None


class _Known:
    """Communities, countries and memberships that the rows may mean, fetched once."""

    def __init__(self, rows: Iterable[SheetRow], day_order: str) -> None:
        self.day_order = day_order
        self.today = database_now().date()
        countries = list(Country.objects.values_list("code", "name"))
        self.countries = {fold(name): code for code, name in countries} | {
            code.casefold(): code for code, _name in countries
        }
        found = Community.objects.select_related("place").only(
            "id", "name", "kind", "admin1", "country_id", "place__population", "place__admin1_code"
        )
        self.by_id = {community.pk: community for community in found}
        self.by_name: dict[tuple[str, str], dict[int, Community]] = defaultdict(dict)
        for community in self.by_id.values():
            self.by_name[community.country_id, searched_name(community.name)][community.pk] = (
                community
            )
        asked = {
            name for row in rows for name, _state in _ways(row.values.get("community", ""), "")
        } - {""}
        other_names = PlaceName.objects.filter(name__in=asked, place__community__isnull=False)
        for name, country, pk in other_names.values_list(
            "name", "country_code", "place__community__pk"
        ):
            self.by_name[country, name][pk] = self.by_id[pk]
        self.free: dict[tuple[str, str], dict[int, _FreePlace]] = defaultdict(dict)
        fields = (
            "name",
            "country_code",
            "place_id",
            "place__name",
            "place__admin1",
            "place__admin1_code",
            "place__population",
        )
        free = PlaceName.objects.filter(name__in=asked, place__community__isnull=True).order_by(
            "-population", "place_id"
        )
        for name, country, *place in free.values_list(*fields):
            self.free[country, name][place[0]] = _FreePlace(country, *place)  # the larger first
        self.regions = _regions_called(
            {row.values.get("state", "") for row in rows}
            | {row.values.get("community", "").rpartition(",")[2] for row in rows}
        )
        self.memberships: dict[int, list[Membership]] = defaultdict(list)
        for membership in Membership.objects.order_by("-started_on", "-id"):
            self.memberships[membership.community_id].append(membership)

    def country(self, said: str) -> str | None:
        """The code of the country that is called so."""
        return self.countries.get(fold(said)) or self.countries.get(country_called(said).casefold())


def _plan(row: SheetRow, world: _Known) -> PlannedRow:
    entry = PlannedRow(row.number, row.values, problems=list(row.problems))
    if entry.problems:
        return entry
    community = _community(entry, world)
    days = _days(entry, world.day_order)
    if community is None or entry.problems:
        return entry
    entry.shown = (
        f"{community.name}{f', {community.admin1}' if community.admin1 else ''}, "
        f"{community.country_id}"
    )
    if isinstance(community, Community):
        entry.community_id, population = community.pk, population_of(community)
        known = _membership(world.memberships[community.pk], days)
    else:
        entry.place_id, population, known = community.pk, community.population, None
    entry.membership_id = known.pk if known else None
    dues = row.values.get("dues_class", "").casefold()
    if known is None and not dues:
        if population is None:
            entry.problems.append(
                "dues_class: the population is not known, so the class must be given."
            )
            return entry
        dues = dues_class_for(population)
    wanted = {name: days[name] or (getattr(known, name) if known else None) for name in DAYS}
    dues = dues or (known.dues_class if known else "")
    errors = term_errors(
        wanted["started_on"], wanted["paid_through"], wanted["ended_on"], dues, world.today
    )
    entry.problems += [f"{name}: {line}" for name, lines in errors.items() for line in lines]
    entry.wanted = {
        "dues_class": dues,
        **{name: day.isoformat() if day else None for name, day in wanted.items()},
    }
    old = {name: _text(getattr(known, name)) if known else None for name in entry.wanted}
    entry.changes = {
        name: [old[name], value] for name, value in entry.wanted.items() if old[name] != value
    }
    entry.action = NEW if known is None else CHANGED if entry.changes else UNCHANGED
    return entry


def _text(value: Any) -> str | None:
    return value.isoformat() if isinstance(value, dt.date) else value


_WHICH = (
    "One of its days can be read in two ways. Say above whether the day or the month comes first "
    "in this list."
)


def _days(entry: PlannedRow, day_order: str) -> dict[str, dt.date | None]:
    """The days of the row, which then stand in it as year, month, day."""
    days = dict.fromkeys(DAYS, None) | {
        name: _day(name, entry, day_order) for name in DAYS if entry.values.get(name)
    }
    entry.values = entry.values | {name: day.isoformat() for name, day in days.items() if day}
    return days


def _day(name: str, entry: PlannedRow, day_order: str) -> dt.date | None:
    text = entry.values[name]
    try:
        return day_of(text, day_order)
    except WhichFirst:
        if _WHICH not in entry.problems:
            entry.problems.append(_WHICH)
    except ValueError:
        entry.problems.append(
            f"{name}: “{text}” is not a day. Write year, month, day, like 2026-07-01."
        )
    return None


def _membership(known: Sequence[Membership], days: dict[str, dt.date | None]) -> Membership | None:
    """The one that began on that day; else, for a row that says of no end, the one that runs."""
    same = next((row for row in known if row.started_on == days["started_on"]), None)
    if same is not None or days["ended_on"] is not None:
        return same
    return next((row for row in known if row.ended_on is None), None)


def _community(entry: PlannedRow, world: _Known) -> Community | _FreePlace | None:
    number, name = entry.values.get("community_id", ""), entry.values.get("community", "")
    return _by_number(entry, world, number, name) if number else _by_name(entry, world, name)


def _by_number(entry: PlannedRow, world: _Known, number: str, name: str) -> Community | None:
    community = (
        world.by_id.get(int(number))
        if number.isascii() and number.isdecimal() and len(number) < 19
        else None
    )
    if community is None:
        entry.problems.append(
            f"community_id: no community is registered under the number {number}."
        )
    elif name and searched_name(name) != searched_name(community.name):
        entry.problems.append(
            f"community_id: number {number} is {community.name}, not {name}. Correct one of them."
        )
        return None
    return community


def _by_name(entry: PlannedRow, world: _Known, name: str) -> Community | _FreePlace | None:
    """The one community or place of the gazetteer that is called so, registered or not; which of
    several is meant is not guessed.
    """
    country = world.country(entry.values.get("country", ""))
    if not searched_name(name):
        entry.problems.append("community: give the name, or the number in community_id.")
        return None
    if country is None:
        entry.problems.append(
            "country: give the country by its name or its code, like Germany, DE or DEU."
        )
        return None
    state = searched_name(entry.values.get("state", ""))
    found: list[Community | _FreePlace] = []
    for searched, region in _ways(name, state):
        key = country, searched
        found = [*world.by_name.get(key, {}).values(), *world.free.get(key, {}).values()]
        if region and world.country(region) != country:
            found = [one for one in found if _is_in(one, country, region, world)]
        if found:
            break
    # Who is called so itself comes before those of whom it is another name.
    found = [one for one in found if searched_name(one.name) == key[1]] or found
    if len(found) == 1:
        return found[0]
    where = f" in {entry.values['state']}" if state else ""
    if found:
        listed = "; ".join(list(dict.fromkeys(_told_apart(one, country) for one in found))[:6])
        entry.problems.append(
            f"community: several{where} are called so ({listed}). Give the state, or the "
            "number in community_id; one that is not "
            "registered and shares its state registers first."
        )
    else:
        entry.problems.append(
            f"community: no {name}{where} is registered in {country}, and no place of the "
            "gazetteer is called so. "
            "Look at the spelling; a county, state, district or province registers first."
        )
    return None


def _ways(name: str, state: str) -> list[tuple[str, str]]:
    """What a row may mean, as (searched name, state or ""): what it says, then the same without the
    word for its kind ("City of Chicago"), then with the state in the name ("Portland, Maine").
    """
    ways = [(searched_name(name), state), (bare_name(name), state)]
    town, comma, region = name.rpartition(",")
    if comma and not state:
        ways.append((bare_name(town), searched_name(region)))
    return list(dict.fromkeys(ways))


def _regions_called(words: set[str]) -> dict[tuple[str, str], set[str]]:
    """(Country, code of a region) → what it is called, where a word is such a code. Communities
    without a place (counties, states) are known by the region's name alone.
    """
    codes = {word.strip().upper() for word in words} - {""}
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    rows = Place.objects.filter(admin1_code__in=codes).exclude(admin1="").order_by()
    for country, code, name in rows.values_list("country", "admin1_code", "admin1").distinct():
        found[country, searched_name(code)].add(searched_name(name))
    return found


def _is_in(one: Community | _FreePlace, country: str, region: str, world: _Known) -> bool:
    named = searched_name(one.admin1)
    return region in {named, searched_name(_region_code(one))} or named in world.regions.get(
        (country, region), ()
    )


def _region_code(one: Community | _FreePlace) -> str:
    if isinstance(one, _FreePlace):
        return one.admin1_code
    return one.place.admin1_code if one.place else ""


def _told_apart(one: Community | _FreePlace, country: str) -> str:
    region = one.admin1 or country
    return (
        f"{one.get_kind_display()} in {region}: {one.pk}"
        if isinstance(one, Community)
        else f"city in {region}, not registered"
    )
