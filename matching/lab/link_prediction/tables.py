"""Open data as columns: cities, countries, states, air routes and pairs. Built from rows of text;
nothing here opens a file.

Column names are those of the benchmark folder (``cities.csv.gz``, ``countries.csv``,
``us_states.csv``, ``air_routes.csv.gz``, ``sister_pairs.csv``, ``sister_pairs_world.csv.gz``); a
missing column raises ``TableError`` and says which one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

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
        texts: dict[str, list[str]] = {name: [] for name in CITY_TEXTS}
        for row in _require(rows, ["city_id", *CITY_NUMBERS, *CITY_TEXTS], "cities"):
            ids.append(int(row["city_id"]))
            for name in CITY_NUMBERS:
                numbers[name].append(_number(row[name], "cities", name))
            for name in CITY_TEXTS:
                texts[name].append(row[name])
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


@dataclass(frozen=True)
class OpenData:
    """What a ranking may look at. ``world_pairs``: (a, b) ids of pairs without a U.S. city."""

    cities: CityTable
    countries: KeyedTable  # by iso2
    states: KeyedTable  # by postal code
    routes: Mapping[str, frozenset[str]]  # airport -> airports with a direct flight
    world_pairs: IntArray  # (n, 2)


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
