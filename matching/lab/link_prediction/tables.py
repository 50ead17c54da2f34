"""Open data as columns: cities, countries, states, air routes and pairs. Built from rows of text;
nothing here opens a file.

Column names are those of the benchmark folder (``cities.csv.gz``, ``countries.csv``,
``us_states.csv``, ``air_routes.csv.gz``, ``sister_pairs.csv``, ``sister_pairs_world.csv.gz``,
``us_counties.csv``, ``us_county_origins.csv.gz``, ``sister_divisions.csv``); a missing column
raises ``TableError`` and says which one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from matching.types import FloatArray, IntArray

Row = Mapping[str, str]

US_TERRITORIES = frozenset({"PR", "GU", "VI", "AS", "MP", "UM"})


class TableError(ValueError):
    """Unusable open data: the message names table, column or value, and what is expected."""


def _number(value: str | None, table: str, column: str) -> float:
    if value is None:
        raise TableError(f"{table}: column '{column}' is missing")
    if value == "":
        return float("nan")
    try:
        return float(value)
    except ValueError as error:
        raise TableError(
            f"{table}: column '{column}' holds {value!r}, which is not a number"
        ) from error


def _require(rows: Iterable[Row], columns: Sequence[str], table: str) -> Iterator[Row]:
    first = True
    for row in rows:
        if first:
            missing = [name for name in columns if name not in row]
            if missing:
                raise TableError(f"{table}: missing column(s) {', '.join(missing)}")
            first = False
        yield row


CITY_NUMBERS = [
    "lat",
    "lon",
    "population",
    "elevation_m",
    "is_capital",
    "seat_level",
    "coast_km",
    "coastal",
    "seaport_km",
    "seaport",
    "air_destinations_60km",
    "univ_name_hits",
    "us_foreign_born_pct",
]
CITY_TEXTS = [
    "name",
    "ascii_name",
    "country",
    "admin1_code",
    "admin1",
    "koppen",
    "airports_60km",
    "timezone",
]


@dataclass(frozen=True)
class CityTable:
    """One row a place. ``number[c]``: (n,) float64, NaN for blank; ``text[c]``: n strings."""

    ids: IntArray
    number: Mapping[str, FloatArray]
    text: Mapping[str, tuple[str, ...]]
    # GeoNames id -> other names, Latin script
    aliases: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    index: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def from_rows(
        cls, rows: Iterable[Row], aliases: Mapping[int, tuple[str, ...]] | None = None
    ) -> CityTable:
        """Raises ``TableError`` for a missing column, no number, or a repeated ``city_id``."""
        ids: list[int] = []
        numbers: dict[str, list[float]] = {name: [] for name in CITY_NUMBERS}
        texts: dict[str, list[str]] = {name: [] for name in [*CITY_TEXTS, "admin2_code"]}
        for row in _require(rows, ["city_id", *CITY_NUMBERS, *CITY_TEXTS], "cities"):
            ids.append(int(row["city_id"]))
            for name in CITY_NUMBERS:
                numbers[name].append(_number(row[name], "cities", name))
            for name in CITY_TEXTS:
                texts[name].append(row[name])
            texts["admin2_code"].append(row.get("admin2_code", ""))
        index = {city: position for position, city in enumerate(ids)}
        if len(index) != len(ids):
            raise TableError("cities: city_id must be unique")
        return cls(
            ids=np.array(ids, dtype=np.int64),
            number={name: np.array(values, dtype=np.float64) for name, values in numbers.items()},
            text={name: tuple(values) for name, values in texts.items()},
            aliases=aliases or {},
            index=index,
        )

    def __len__(self) -> int:
        return len(self.ids)

    def rows_of(self, ids: Iterable[int], what: str) -> IntArray:
        """Row numbers of city ids; ``TableError`` names the first unknown one."""
        wanted = list(ids)
        for city in wanted:
            if city not in self.index:
                raise TableError(f"{what}: city {city} is not in the cities table")
        return np.array([self.index[city] for city in wanted], dtype=np.int64)


@dataclass(frozen=True)
class KeyedTable:
    """A small table by country or state; ``get`` gives NaN for a blank or unknown key."""

    keys: tuple[str, ...]
    rows: Mapping[str, Row]
    title: str

    @classmethod
    def from_rows(cls, rows: Iterable[Row], key: str, title: str) -> KeyedTable:
        kept = {row[key]: row for row in _require(rows, [key], title)}
        return cls(keys=tuple(kept), rows=kept, title=title)

    def text(self, key: str, column: str) -> str:
        return self.rows[key].get(column, "") if key in self.rows else ""

    def get(self, key: str, column: str) -> float:
        if key not in self.rows:
            return float("nan")
        return _number(self.rows[key].get(column), self.title, column)

    def column(self, column: str) -> FloatArray:
        return np.array([self.get(key, column) for key in self.keys])


@dataclass(frozen=True)
class PairTable:
    """U.S.–foreign partnerships: ``left`` and ``right`` (n,) city ids, ``tier`` n letters."""

    left: IntArray
    right: IntArray
    tier: tuple[str, ...]

    @classmethod
    def from_rows(cls, rows: Iterable[Row], title: str = "pairs") -> PairTable:
        kept = [
            (int(row["us_city_id"]), int(row["foreign_city_id"]), row["tier"])
            for row in _require(rows, ["us_city_id", "foreign_city_id", "tier"], title)
        ]
        return cls(
            left=np.array([row[0] for row in kept], dtype=np.int64),
            right=np.array([row[1] for row in kept], dtype=np.int64),
            tier=tuple(row[2] for row in kept),
        )

    def __len__(self) -> int:
        return len(self.left)

    def where(self, keep: Sequence[bool] | np.ndarray) -> PairTable:
        mask = np.asarray(keep, dtype=bool)
        return PairTable(
            self.left[mask],
            self.right[mask],
            tuple(t for t, ok in zip(self.tier, mask, strict=True) if ok),
        )

    def of_tiers(self, tiers: str) -> PairTable:
        return self.where([tier in tiers for tier in self.tier])


# Added to both shares, so that a handful of people in a small county says little.
_BORN_SMOOTHING, _ANCESTRY_SMOOTHING = 2e-5, 2e-4
# In GeoNames New York City is in no county. Its boroughs: Bronx, Kings, New York, Queens, Richmond.
NEW_YORK_CITY = ("36005", "36047", "36061", "36081", "36085")
ORIGIN_NAMES = ("origin_born", "origin_born_people", "origin_ancestry", "origin_ancestry_people")


@dataclass(frozen=True)
class CountyOrigins:
    """People of U.S. counties (by FIPS code) by country of birth and of ancestry.

    Source: American Community Survey 2011-2015, five-year tables B04006 and B05006.
    """

    people: Mapping[str, float] = field(default_factory=dict)
    born: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    ancestry: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @classmethod
    def from_rows(cls, counties: Iterable[Row], origins: Iterable[Row]) -> CountyOrigins:
        """Raises ``TableError`` for a missing column."""
        people = {
            row["county_fips"]: float(row["population"] or 0)
            for row in _require(counties, ["county_fips", "population"], "us_counties")
        }
        born: dict[str, dict[str, float]] = {}
        ancestry: dict[str, dict[str, float]] = {}
        columns = ["county_fips", "country", "born_there", "ancestry"]
        for row in _require(origins, columns, "us_county_origins"):
            for counted, column in ((born, "born_there"), (ancestry, "ancestry")):
                if row[column]:
                    county = counted.setdefault(row["county_fips"], {})
                    county[row["country"]] = float(row[column])
        return cls(people, born, ancestry)

    def columns(self, counties: Sequence[str], countries: Sequence[str]) -> FloatArray:
        """(len(countries), 4) by ``ORIGIN_NAMES``, of the counties together: for birth and for
        ancestry the log of the country's share over its share in all counties, and the log of one
        plus the people. 0 where the Census has no such country, and without a county.
        """
        here = sum(self.people.get(county, 0.0) for county in counties)
        result = np.zeros((len(countries), len(ORIGIN_NAMES)))
        if not here:
            return result
        everybody = sum(self.people.values())
        for at, (counted, smoothing) in enumerate(
            ((self.born, _BORN_SMOOTHING), (self.ancestry, _ANCESTRY_SMOOTHING))
        ):
            own = [counted.get(county, {}) for county in counties]
            count = np.array([sum(of.get(code, 0.0) for of in own) for code in countries])
            everywhere = np.array([self._total(at, code) for code in countries]) / everybody
            ratio = (count / here + smoothing) / (everywhere + smoothing)
            result[:, 2 * at], result[:, 2 * at + 1] = np.log(ratio), np.log1p(count)
        return result

    def _total(self, at: int, country: str) -> float:
        return self._totals[at].get(country, 0.0)

    @cached_property
    def _totals(self) -> tuple[Mapping[str, float], Mapping[str, float]]:
        both: tuple[dict[str, float], dict[str, float]] = ({}, {})
        for total, counted in zip(both, (self.born, self.ancestry), strict=True):
            for county in counted.values():
                for country, count in county.items():
                    total[country] = total.get(country, 0.0) + count
        return both


@dataclass(frozen=True)
class SisterDivisions:
    """U.S. states' own ties: with first-level divisions abroad, or with whole countries."""

    divisions: frozenset[tuple[str, str, str]] = frozenset()  # state, country, admin1 code
    countries: frozenset[tuple[str, str]] = frozenset()  # state, country of any tie

    @classmethod
    def from_rows(cls, rows: Iterable[Row]) -> SisterDivisions:
        """Raises ``TableError`` for a missing column."""
        columns = ["us_state", "foreign_country", "foreign_admin1_code"]
        ties = [
            (row["us_state"], row["foreign_country"], row["foreign_admin1_code"])
            for row in _require(rows, columns, "sister_divisions")
        ]
        return cls(
            frozenset(tie for tie in ties if tie[2]),
            frozenset((state, country) for state, country, _ in ties),
        )


@dataclass(frozen=True)
class OpenData:
    """What a ranking may look at. ``world_pairs``: (a, b) ids of pairs without a U.S. city."""

    cities: CityTable
    countries: KeyedTable  # by iso2
    states: KeyedTable  # by postal code
    routes: Mapping[str, frozenset[str]]  # airport -> airports with a direct flight
    world_pairs: IntArray  # (n, 2)
    origins: CountyOrigins = field(default_factory=CountyOrigins)
    sisters: SisterDivisions = field(default_factory=SisterDivisions)

    def counties(self, row: int) -> tuple[str, ...]:
        """FIPS codes of the counties that a U.S. place is in; none if its county is not known."""
        text = self.cities.text
        state, name, county = (
            text[column][row] for column in ("admin1_code", "name", "admin2_code")
        )
        if (state, name) == ("NY", "New York City"):
            return NEW_YORK_CITY
        fips = self.states.text(state, "state_fips") + county
        return (fips,) if fips in self.origins.people else ()


def world_graph(data: OpenData) -> sparse.csr_matrix:
    """(n, n) 1 where two cities are partners, without those of U.S. cities (no leakage)."""
    index, country = data.cities.index, data.cities.text["country"]
    ends = [
        (index[int(a)], index[int(b)])
        for a, b in data.world_pairs
        if int(a) in index and int(b) in index
    ]
    kept = np.array(
        [(a, b) for a, b in ends if "US" not in (country[a], country[b])], dtype=np.int64
    ).reshape(-1, 2)
    both = np.vstack([kept, kept[:, ::-1]])
    graph = sparse.csr_matrix(
        (np.ones(len(both), np.float32), (both[:, 0], both[:, 1])),
        shape=(len(country), len(country)),
    )
    graph.data[:] = 1.0
    return graph
