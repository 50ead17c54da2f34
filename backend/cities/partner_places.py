"""Which place of the gazetteer a partner is that somebody has typed: in any spelling that the
gazetteer knows, old names too, with or without a region behind it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import cos, hypot, radians
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext

from backend.cities.facets import number_words
from backend.cities.models import (
    Community,
    ExistingPartnership,
    ListedPartnership,
    Place,
    PlaceName,
)
from backend.cities.models.communities import NOT_OURS
from backend.cities.models.places import region_spellings
from backend.cities.names import bare_name, searched_name
from backend.common.bounds import valid_ids
from backend.common.formatting import comma_list

NO_PLACE = 0  # an owner's or staff's word for a partner that is none of the places of its name
SAME_PLACE_KM = 15  # so near to each other, places of one name are one: a city and its district
MOST_PLACES = 12  # to choose from
_REGION = re.compile(r"^(?P<name>[^,(]+)[,(]\s*(?P<region>[^)]+)\)?\s*$")


def _spellings(name: str) -> list[tuple[str, str]]:
    """Each way to look the name up, the most exact first, with the region that it names."""
    found = [(searched_name(name), ""), (bare_name(name), "")]
    if parts := _REGION.match(name):
        found.append((bare_name(parts["name"]), parts["region"]))
    return list(dict.fromkeys(pair for pair in found if pair[0]))


def places_named(
    wanted: Iterable[tuple[str, str]], first: Iterable[int] = ()
) -> dict[tuple[str, str], list[Place]]:
    """(name, country) → the places that it may mean, the largest first, in one query for all.

    Args:
        first: ids of places that stand for all others of their name near them.
    """
    asked = {pair: _spellings(pair[0]) for pair in wanted}
    rows = (
        PlaceName.objects.filter(
            name__in={name for spelled in asked.values() for name, _region in spelled},
            country_code__in={country for _name, country in asked},
        )
        .select_related("place__country")
        .defer("place__search_text", "place__alternate_names")
        .order_by("-population", "place_id")
    )
    by_name: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for row in rows if asked else ():
        by_name[row.name, row.country_code].append(row.place)
    preferred = set(first)
    return {pair: _meant(pair[1], spelled, by_name, preferred) for pair, spelled in asked.items()}


def _meant(
    country: str,
    spelled: Sequence[tuple[str, str]],
    by_name: Mapping[tuple[str, str], list[Place]],
    preferred: set[int],
) -> list[Place]:
    for name, region in spelled:
        places = by_name.get((name, country), [])
        inside = [place for place in places if region and _is_region(place, region)]
        if places:
            return _distinct(inside or places, preferred)
    return []


def _is_region(place: Place, typed: str) -> bool:
    spellings = region_spellings(place.country_id, place.admin1) | {place.admin1_code}
    return searched_name(typed) in {searched_name(one) for one in spellings}


def _distinct(places: Sequence[Place], preferred: set[int]) -> list[Place]:
    """One place for each that lie next to each other."""
    kept: list[Place] = []
    for place in sorted(places, key=lambda one: one.pk not in preferred):
        if all(_km(place, other) > SAME_PLACE_KM for other in kept):
            kept.append(place)
    return sorted(kept, key=lambda one: (-(one.population or 0), one.pk))


def _km(one: Place, other: Place) -> float:
    """Exact enough for neighbours."""
    shrunk = cos(radians((one.latitude + other.latitude) / 2))
    return 111.2 * hypot(one.latitude - other.latitude, shrunk * (one.longitude - other.longitude))


def listed_place_ids(community: Community) -> set[int]:
    """Places that public lists name as partners of the community."""
    if community.place_id is None:
        return set()
    own = community.place_id
    rows = ListedPartnership.objects.filter(Q(place_a=own) | Q(place_b=own))
    return {a if b == own else b for a, b in rows.values_list("place_a", "place_b")}


def _named(row: Mapping[str, Any]) -> tuple[str, str]:
    return str(row.get("name", "")), str(row.get("country", ""))


def place_options(places: Sequence[Place]) -> dict[int, str]:
    """What to choose from, in the reader's language."""
    options = {
        place.pk: comma_list(filter(None, (place.name, place.region, _people(place))))
        for place in places
    }
    return options | {NO_PLACE: gettext("none of these places")}


def _people(place: Place) -> str:
    return number_words(place.population) if place.population else ""


def _key(row: Mapping[str, Any]) -> tuple[str, str]:
    name, country = _named(row)
    return searched_name(name), country


def place_choices(community: Community, rows: Sequence[Mapping[str, Any]]) -> list[list[Place]]:
    """For each row of a profile the places that it may mean, and the one that it names."""
    found = places_named(
        {_named(row) for row in rows if row.get("name")}, listed_place_ids(community)
    )
    said = Place.objects.select_related("country").in_bulk(
        valid_ids(row.get("place_id") for row in rows)
    )
    choices = []
    for row in rows:
        places = found.get(_named(row), [])[:MOST_PLACES]
        own = said.get(row.get("place_id") or NO_PLACE)
        choices.append([own, *places] if own and own not in places else places)
    return choices


def led_to_places(
    community: Community, rows: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """The rows of a profile, those without a place with the one that they can only mean.

    What staff have said of a partner of that name stays; so does the owner's word that it is none.
    """
    without = [row for row in rows if row.get("place_id") is None and _named(row)[0].strip()]
    if not without:
        return list(rows)
    stored = list(community.existing_partnerships.all())
    settled = {
        (row.name_key, str(row.country_id))
        for row in stored
        if row.place_id is None
        and (row.partner_id or row.state == ExistingPartnership.State.CONFIRMED)
    }
    open_rows = [row for row in without if _key(row) not in settled]
    denied = {row.place_id for row in stored if row.status == NOT_OURS}
    listed = listed_place_ids(community) - denied
    said: dict[tuple[str, str], list[int]] = defaultdict(list)
    for one in stored:
        is_said = one.state != ExistingPartnership.State.DROPPED and one.status != NOT_OURS
        if one.place_id is not None and is_said:
            said[one.name_key, str(one.country_id)].append(one.place_id)
    found = places_named(map(_named, open_rows), listed)

    def led(row: Mapping[str, Any]) -> Mapping[str, Any]:
        if not any(row is one for one in open_rows):
            return row
        earlier = said[_key(row)]
        place = earlier[0] if len(earlier) == 1 else _only(found[_named(row)], _key(row)[0], listed)
        return row if place is None else {**row, "place_id": place}

    return [led(row) for row in rows]


def _only(places: Sequence[Place], name: str, listed: set[int]) -> int | None:
    """The place that can be meant: the only one, the only listed one, or the largest where no other
    has the name as its own.
    """
    if len(places) == 1:
        return places[0].pk
    on_list = [place.pk for place in places if place.pk in listed]
    if len(on_list) == 1:
        return on_list[0]
    own = [place.pk for place in places if searched_name(place.name) == name]
    return own[0] if len(own) == 1 and own[0] == places[0].pk and not on_list else None
