"""What is known of each place, and of a U.S. city's people, as columns for pair features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from matching.lab.link_prediction.tables import CityTable, KeyedTable, OpenData, world_graph
from matching.types import FloatArray, IntArray

CLIMATES = "ABCDE"


def _rank_within(group: tuple[str, ...], values: FloatArray) -> FloatArray:
    """(n,) log of one plus the number of larger places in the same group."""
    order = np.lexsort((-values, np.array(group)))
    keys = np.array(group)[order]
    start = np.r_[True, keys[1:] != keys[:-1]]
    first = np.maximum.accumulate(np.where(start, np.arange(len(keys)), 0))
    rank = np.empty(len(keys))
    rank[order] = np.arange(len(keys)) - first
    return np.log1p(rank)


@dataclass(frozen=True)
class Places:
    """Columns over every place of a city table; all (n,) float64 unless said otherwise."""

    log_population: FloatArray
    country_rank: FloatArray
    admin1_rank: FloatArray
    latitude: FloatArray
    longitude: FloatArray
    unit: FloatArray  # (n, 3) on the sphere
    coast: FloatArray  # log(1 + km)
    elevation: FloatArray  # log(1 + m)
    air: FloatArray
    universities: FloatArray
    capital: FloatArray
    seat: FloatArray
    coastal: FloatArray
    seaport: FloatArray
    climate: FloatArray  # (n, 5) one column a main Köppen class
    world_partners: FloatArray  # log(1 + partnerships that involve no U.S. city)
    world_countries: FloatArray  # log(1 + countries of these)
    standard: FloatArray  # (n, d) standardised, rows of length 1


def describe(data: OpenData) -> Places:
    """The columns for ``data.cities``. Population: blank as the median, at least 100."""
    cities = data.cities
    number = cities.number
    population = number["population"]
    population = np.where(np.isnan(population), np.nanmedian(population), population)
    log_population = np.log(np.maximum(population, 100.0))
    countries = cities.text["country"]
    regions = tuple(f"{c}.{a}" for c, a in zip(countries, cities.text["admin1_code"], strict=True))
    lat, lon = np.radians(number["lat"]), np.radians(number["lon"])
    unit = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    elevation = np.log1p(np.clip(np.nan_to_num(number["elevation_m"]), 0, None))
    coast = np.log1p(number["coast_km"])
    air, universities = (
        np.log1p(number["air_destinations_60km"]),
        np.log1p(number["univ_name_hits"]),
    )
    climate = np.array(
        [[float(code[:1] == letter) for letter in CLIMATES] for code in cities.text["koppen"]]
    )
    partners, partner_countries = _world_degrees(data)
    base = np.column_stack(
        [
            log_population,
            np.abs(number["lat"]),
            coast,
            number["seaport"],
            elevation,
            air,
            universities,
            number["is_capital"],
            climate,
        ]
    )
    standard = (base - base.mean(0)) / (base.std(0) + 1e-9)
    standard /= np.linalg.norm(standard, axis=1, keepdims=True) + 1e-12
    return Places(
        log_population=log_population,
        country_rank=_rank_within(countries, log_population),
        admin1_rank=_rank_within(regions, log_population),
        latitude=number["lat"],
        longitude=number["lon"],
        unit=unit,
        coast=coast,
        elevation=elevation,
        air=air,
        universities=universities,
        capital=number["is_capital"],
        seat=np.where(np.isnan(number["seat_level"]), 6.0, number["seat_level"]),
        coastal=number["coastal"],
        seaport=number["seaport"],
        climate=climate,
        world_partners=partners,
        world_countries=partner_countries,
        standard=standard,
    )


def _world_degrees(data: OpenData) -> tuple[FloatArray, FloatArray]:
    """Log counts of partnerships without a U.S. city, and of the countries they lead to."""
    graph = world_graph(data).tocoo()
    codes = {code: i for i, code in enumerate(sorted(set(data.cities.text["country"])))}
    country = np.array([codes[code] for code in data.cities.text["country"]])
    abroad = country[graph.row] != country[graph.col]
    reached = np.unique(
        graph.row[abroad].astype(np.int64) * len(codes) + country[graph.col[abroad]]
    )
    countries = np.bincount(reached // len(codes), minlength=len(country))
    return np.log1p(np.bincount(graph.row, minlength=len(country))), np.log1p(countries)


def great_circle_km(unit: FloatArray, other: FloatArray) -> FloatArray:
    """(n,) distances of unit vectors (n, 3) to one (3,), mean Earth radius 6371 km."""
    return 6371.0 * np.arccos(np.clip(unit @ other, -1.0, 1.0))


def country_rows(cities: CityTable, rows: IntArray) -> tuple[tuple[str, ...], IntArray]:
    """The distinct countries of some cities, and each city's position among them."""
    codes = [cities.text["country"][row] for row in rows]
    distinct = tuple(sorted(set(codes)))
    position = {code: i for i, code in enumerate(distinct)}
    return distinct, np.array([position[code] for code in codes], dtype=np.int64)


def country_column(
    table: KeyedTable, codes: tuple[str, ...], column: str, blank: float
) -> FloatArray:
    """(len(codes),) values of a country column, ``blank`` where no source says."""
    values = np.array([table.get(code, column) for code in codes])
    return np.where(np.isnan(values), blank, values)


_COMPONENTS = 10


def filled(values: FloatArray) -> FloatArray:
    """Blanks of (n, ...) replaced by the mean of the column's known values, else by 0."""
    known = ~np.isnan(values)
    mean = np.where(known, values, 0.0).sum(0) / np.maximum(known.sum(0), 1)
    return np.where(known, values, mean)


def state_profiles(states: KeyedTable) -> dict[str, FloatArray]:
    """State -> (10,) principal components of log ancestry and origin shares (Census)."""
    columns = sorted(
        {name for row in states.rows.values() for name in row if name.startswith("pct_")}
    )
    logs = np.log(filled(np.column_stack([states.column(name) for name in columns])) + 0.1)
    logs = (logs - logs.mean(0)) / (logs.std(0) + 1e-9)
    left, values, _ = np.linalg.svd(logs, full_matrices=False)
    profile = np.zeros((len(states.keys), _COMPONENTS))
    kept = min(_COMPONENTS, len(values))
    profile[:, :kept] = (left * values)[:, :kept]
    profile /= profile[:, 0].std() + 1e-9
    return {state: profile[i] for i, state in enumerate(states.keys)}


def describe_origins(data: OpenData, places: Places, rows: IntArray) -> FloatArray:
    """(len(rows), 19): sphere (3), state (10), log size, born abroad, coast, air, height, seat."""
    profiles = state_profiles(data.states)
    none = np.zeros(_COMPONENTS)
    state = np.stack([profiles.get(data.cities.text["admin1_code"][row], none) for row in rows])
    born_abroad = np.log1p(filled(data.cities.number["us_foreign_born_pct"]))
    return np.column_stack(
        [
            places.unit[rows],
            state,
            places.log_population[rows],
            born_abroad[rows],
            places.coast[rows],
            places.air[rows],
            places.elevation[rows],
            places.seat[rows],
        ]
    )


# Scales of origins' columns: place counts most, facilities least.
ORIGIN_SCALE = np.array([6.0] * 3 + [1.0] * 10 + [0.7, 1.0, 0.5, 1.0, 0.5, 0.33])
_AFFINITY_SCALE = np.array([8.0] * 3 + [0.3] * 6 + [0.0] * 4 + [0.75, 0.5, 0.2, 0.0, 0.0, 0.1])
_MOST_KEPT = 4_000  # places of one side whose kernels are kept whole


def _gaussian(a: FloatArray, b: FloatArray, gamma: float) -> FloatArray:
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2.0 * a @ b.T
    kernel: FloatArray = np.exp(-gamma * np.maximum(squared, 0.0))
    return kernel


def _gaps(values: FloatArray, rows: IntArray, others: IntArray) -> FloatArray:
    gaps: FloatArray = np.abs(values[rows][:, None] - values[others][None, :])
    return gaps


class Kernels:
    """How alike U.S. places are, and how alike places abroad, each (rows, others) float32.

    Those of the places it is made for are worked out once: folds, draws and seeds look at the same
    places again and again.
    """

    def __init__(
        self,
        data: OpenData,
        places: Places,
        own: IntArray | None = None,
        abroad: IntArray | None = None,
    ) -> None:
        self._data, self._places = data, places
        self._state = np.array(data.cities.text["admin1_code"])
        self._country = np.array(data.cities.text["country"])
        self._position = np.full(len(data.cities), -1, dtype=np.int64)
        self._own = np.empty(0, np.int64) if own is None else own
        self._abroad = np.empty(0, np.int64) if abroad is None else abroad
        self._position[self._own] = np.arange(len(self._own))
        self._position[self._abroad] = np.arange(len(self._abroad))
        self._kept: dict[tuple[str, bool], FloatArray] = {}
        self._origins: FloatArray | None = None

    def origins(self, rows: IntArray) -> FloatArray:
        """What ``describe_origins`` says of U.S. places."""
        if (self._position[rows] < 0).any():
            return describe_origins(self._data, self._places, rows)
        if self._origins is None:
            self._origins = describe_origins(self._data, self._places, self._own)
        described: FloatArray = self._origins[self._position[rows]]
        return described

    def own(self, name: str, rows: IntArray, others: IntArray) -> FloatArray:
        """Of U.S. places: ``state``, ``near`` (60 km), ``around`` (250 km), ``around_alike``
        (distance and size), ``alike`` (size), ``affinity`` (place, people, size).
        """
        return self._between(name, self._own, rows, others, self._of_own)

    def abroad(self, name: str, rows: IntArray, others: IntArray) -> FloatArray:
        """Of places abroad: ``50km``, ``250km``, ``affinity`` (place, country, size, role)."""
        return self._between(name, self._abroad, rows, others, self._of_abroad)

    def _between(
        self,
        name: str,
        kept: IntArray,
        rows: IntArray,
        others: IntArray,
        work_out: Callable[[str, IntArray, IntArray], FloatArray],
    ) -> FloatArray:
        at, to = self._position[rows], self._position[others]
        if len(kept) > _MOST_KEPT or (at < 0).any() or (to < 0).any():
            return work_out(name, rows, others).astype(np.float32)
        key = (name, kept is self._own)
        if key not in self._kept:
            self._kept[key] = work_out(name, kept, kept).astype(np.float32)
        return self._kept[key][np.ix_(at, to)]

    def _km(self, rows: IntArray, others: IntArray) -> FloatArray:
        unit = self._places.unit
        km: FloatArray = 6371.0 * np.arccos(np.clip(unit[rows] @ unit[others].T, -1.0, 1.0))
        return km

    def _of_own(self, name: str, rows: IntArray, others: IntArray) -> FloatArray:
        size = _gaps(self._places.log_population, rows, others)
        km = self._km(rows, others)
        kernel: FloatArray
        if name == "state":
            kernel = self._same(self._state, rows, others)
        elif name == "alike":
            kernel = np.exp(-((size / 0.7) ** 2) / 2.0)
        elif name == "affinity":
            a, b = (self.origins(part) * _AFFINITY_SCALE for part in (rows, others))
            nearby = np.exp(-km / 300.0) * self._same(self._state, rows, others)
            kernel = 0.5 * _gaussian(a, b, 0.25) + 0.3 * _gaussian(a, b, 1.0) + 0.2 * nearby
        else:
            reach = {"near": km / 60, "around": km / 250, "around_alike": km / 250 + size**2 / 2}
            kernel = np.exp(-reach[name])
        return kernel

    def _of_abroad(self, name: str, rows: IntArray, others: IntArray) -> FloatArray:
        kernel: FloatArray
        if name.endswith("km"):
            kernel = np.exp(-self._km(rows, others) / float(name[:-2]))
        else:
            a, b = self._role(rows), self._role(others)
            same = self._same(self._country, rows, others)
            kernel = 0.4 * _gaussian(a, b, 0.5) + 0.3 * same * _gaussian(a, b, 2.0) + 0.3 * same
        return kernel

    @staticmethod
    def _same(values: np.ndarray, rows: IntArray, others: IntArray) -> FloatArray:
        same: FloatArray = (values[rows][:, None] == values[others][None, :]).astype(np.float32)
        return same

    def _role(self, rows: IntArray) -> FloatArray:
        p = self._places
        return np.column_stack(
            [
                p.unit[rows] * 3.0,
                p.log_population[rows] * 0.42,
                p.coast[rows] * 0.2,
                p.air[rows] * 0.2,
                p.elevation[rows] * 0.15,
                p.capital[rows],
                p.seat[rows] * 0.15,
                p.world_partners[rows] * 0.2,
            ]
        )


_ENGLISH = ("GB", "CA", "AU", "NZ", "IE", "ZA")
_COUNTRIES = ("CA", "MX", "JP", "CN", "DE")
_NEAR_KM = 500.0


@dataclass(frozen=True)
class WorldPartners:
    """The partners of a pool's places. ``own`` are columns of the places alone."""

    places: Places
    graph: sparse.csr_matrix  # (n_pool, m) over the m cities with any partner
    cities: IntArray  # (m,) rows of the city table
    own: dict[str, FloatArray]
    mean: FloatArray  # (n_pool, d) mean standardised description of the partners

    @classmethod
    def of_pool(cls, data: OpenData, places: Places, pool: IntArray) -> WorldPartners:
        whole = world_graph(data)
        cities = np.flatnonzero(np.diff(whole.indptr))
        graph = whole[pool][:, cities]
        degree = np.asarray(graph.sum(1)).ravel()
        country = np.array(data.cities.text["country"])
        known = sorted(set(country))
        continent = {code: data.countries.text(code, "continent") for code in known}
        continents = np.array([continent[code] for code in country])
        same = np.zeros(len(pool))
        for name in sorted(set(continents)):
            here = continents[pool] == name
            same[here] = np.asarray(graph[here] @ (continents[cities] == name).astype(float))
        far = degree - same
        population = np.asarray(graph @ places.log_population[cities]) / np.maximum(degree, 1.0)
        own = {
            "w_population": np.where(degree > 0, population, places.log_population[pool]),
            "w_english": np.log1p(
                np.asarray(graph @ np.isin(country[cities], _ENGLISH).astype(float))
            ),
            "w_far": np.log1p(far),
            "w_far_share": far / np.maximum(degree, 1.0),
            **{
                "w_" + code: np.log1p(np.asarray(graph @ (country[cities] == code).astype(float)))
                for code in _COUNTRIES
            },
        }
        mean = np.asarray(graph @ places.standard[cities]) / np.maximum(degree, 1.0)[:, None]
        return cls(places, graph, cities, own, mean)

    def pair_columns(self, row: int) -> dict[str, FloatArray]:
        """How like the U.S. place a candidate's other partners are, in kind, size and place."""
        p = self.places
        km = 6371.0 * np.arccos(np.clip(p.unit[self.cities] @ p.unit[row], -1.0, 1.0))
        return {
            "w_cosine": self.mean @ p.standard[row],
            "w_size": -np.abs(self.own["w_population"] - p.log_population[row]),
            "w_near": np.log1p(np.asarray(self.graph @ np.exp(-km / _NEAR_KM))),
        }
