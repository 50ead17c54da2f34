"""Pair features from open data alone: a U.S. place against a pool of places abroad, and how alike
two names are.

No partnership is looked at here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from matching.lab.link_prediction import heritage
from matching.lab.link_prediction.places import (
    Places,
    WorldPartners,
    country_column,
    country_rows,
    great_circle_km,
)
from matching.lab.link_prediction.tables import ORIGIN_NAMES, OpenData
from matching.types import FloatArray, IntArray

_FOLD = str.maketrans(
    {
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "ß": "ss",
        "đ": "d",
        "Đ": "D",
        "ı": "i",
        "æ": "ae",
        "œ": "oe",
    }
)
_LEADING = (
    "new ",
    "north ",
    "south ",
    "east ",
    "west ",
    "fort ",
    "mount ",
    "lake ",
    "port ",
    "saint ",
    "st ",
    "city of ",
    "old ",
    "glen ",
)
_TRAILING = (
    " city",
    " beach",
    " park",
    " heights",
    " springs",
    " falls",
    " hills",
    " village",
    " shi",
    " si",
)
_SPANISH = ("san ", "santa ", "el ", "la ", "las ", "los ", "del ", "rancho ", "palo ", "monte ")


def normalise(name: str) -> str:
    """Lower-case Latin letters and single spaces: "Łódź" and "Lodz" are one name."""
    decomposed = unicodedata.normalize("NFKD", name.translate(_FOLD))
    letters = "".join(c for c in decomposed if not unicodedata.combining(c)).lower()
    return " ".join(re.sub(r"[^a-z ]", " ", letters).split())


def core(name: str) -> str:
    """A name without the words settlers added: "new bern" -> "bern", "rome city" -> "rome"."""
    for word in _LEADING:
        if name.startswith(word) and len(name) - len(word) > 3:
            name = name[len(word) :]
            break
    for word in _TRAILING:
        if name.endswith(word) and len(name) - len(word) > 3:
            return name[: -len(word)]
    return name


def sounds_spanish(name: str) -> bool:
    """Whether a normalised U.S. name begins as Spanish place names do."""
    return name.startswith(_SPANISH)


class NameIndex:
    """Names of a pool of places, looked up by whole name, by core, by word and by letter groups."""

    def __init__(self, names: Iterable[str], aliases: Iterable[tuple[str, ...]]) -> None:
        self.names = [normalise(name) for name in names]
        self._whole: dict[str, set[int]] = {}
        self._alias: dict[str, set[int]] = {}
        self._word: dict[str, set[int]] = {}
        for row, (name, others) in enumerate(zip(self.names, aliases, strict=True)):
            self._whole.setdefault(name, set()).add(row)
            for other in {name, *(normalise(o) for o in others)}:
                if len(other) > 3:
                    self._alias.setdefault(core(other), set()).add(row)
            for word in name.split():
                if len(word) > 3:
                    self._word.setdefault(word, set()).add(row)
        self._letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), sublinear_tf=True)
        self._matrix: sparse.csr_matrix = self._letters.fit_transform(self.names)

    def features(self, name: str) -> Mapping[str, FloatArray]:
        """Similarities of one name with every place of the pool, each (n,) in [0, 1]."""
        own = normalise(name)
        size = len(self.names)
        whole, alias, word = np.zeros(size), np.zeros(size), np.zeros(size)
        whole[list(self._whole.get(own, ()))] = 1
        alias[list(self._alias.get(core(own), ()))] = 1
        for part in own.split():
            word[list(self._word.get(part, ()))] = 1
        letters = np.asarray((self._matrix @ self._letters.transform([own]).T).todense()).ravel()
        return {
            "same_name": whole,
            "same_core_name": alias,
            "shared_word": word,
            "alike_letters": letters,
        }


_CONTINENTS = ("AF", "AS", "EU", "NA", "OC", "SA")


_MOST_KEPT = 1_200_000_000  # bytes


class PairFeatures:
    """Features of pairs. ``of(row)`` gives (n_pool, d) float32; ``names`` its d columns.

    Rows that were asked for are kept as far as memory allows: folds, draws and seeds look at the
    same pairs again and again.
    """

    def __init__(self, data: OpenData, places: Places, pool: IntArray) -> None:
        self.data, self.places, self.pool = data, places, pool
        self._kept: dict[int, FloatArray] = {}
        self._position = np.full(len(data.cities), -1, dtype=np.int64)
        self._position[pool] = np.arange(len(pool))
        cities, table = data.cities, data.countries
        self.countries, self.country = country_rows(cities, pool)
        column = {
            name: country_column(table, self.countries, source, blank)[self.country]
            for name, source, blank in (
                ("english", "english_official", 0.0),
                ("common_language", "us_comlang_ethno", 0.0),
                ("income", "gdp_per_capita_ppp_usd", 15000.0),
                ("people", "population", 1e6),
                ("exports_to_us", "us_export_share_pct", 0.0),
                ("imports_from_us", "us_import_share_pct", 0.0),
                ("urban", "urban_pct", 60.0),
                ("us_km", "us_dist_km", 9000.0),
            )
        }
        column["income"], column["people"] = (
            np.log(column["income"]),
            np.log(np.maximum(column["people"], 1e4)),
        )
        continent = [table.text(code, "continent") for code in self.countries]
        for name in _CONTINENTS:
            column["continent_" + name] = np.array([float(c == name) for c in continent])[
                self.country
            ]
        spanish = np.array([float("es" in self._languages(code)) for code in self.countries])[
            self.country
        ]
        self._spanish = spanish
        self._world = WorldPartners.of_pool(data, places, pool)
        self._own = self._own_columns() | column | {"spanish": spanish} | self._world.own
        states = tuple(sorted(data.states.keys))
        self._state = {code: i for i, code in enumerate(states)}
        self._heritage = heritage.over_representation(data.states, states, self.countries)
        shares = np.array(
            [[heritage.share(data.states, s, c) for c in self.countries] for s in states]
        )
        self._heritage_share = np.log1p(np.nan_to_num(shares))
        text = cities.text
        self._names = NameIndex(
            (text["ascii_name"][r] for r in pool),
            (cities.aliases.get(int(cities.ids[r]), ()) for r in pool),
        )
        self._airports: dict[str, list[int]] = {}
        for position, row in enumerate(pool):
            for airport in text["airports_60km"][row].split():
                self._airports.setdefault(airport, []).append(position)
        self.names = tuple(self._columns(int(np.flatnonzero(np.array(text["country"]) == "US")[0])))

    def _languages(self, country: str) -> set[str]:
        return {
            tag.split("-")[0]
            for tag in self.data.countries.text(country, "geonames_languages").split(",")[:1]
        }

    def _own_columns(self) -> dict[str, FloatArray]:
        p, pool = self.places, self.pool
        return {
            "f_population": p.log_population[pool],
            "f_country_rank": p.country_rank[pool],
            "f_admin1_rank": p.admin1_rank[pool],
            "f_latitude": p.latitude[pool],
            "f_longitude": p.longitude[pool],
            "f_coast": p.coast[pool],
            "f_elevation": p.elevation[pool],
            "f_air": p.air[pool],
            "f_universities": p.universities[pool],
            "f_capital": p.capital[pool],
            "f_seat": p.seat[pool],
            "f_world_partners": p.world_partners[pool],
            "f_world_countries": p.world_countries[pool],
        }

    def positions(self, rows: IntArray) -> IntArray:
        """Where places abroad are in the pool. Raises ``KeyError`` for one that is not."""
        found: IntArray = self._position[rows]
        if (found < 0).any():
            raise KeyError("a place that is not in the pool of these features")
        return found

    def of(self, row: int) -> FloatArray:
        if row in self._kept:
            return self._kept[row]
        columns = self._columns(row)
        result = np.empty((len(self.pool), len(columns)), dtype=np.float32)
        for position, values in enumerate(columns.values()):
            result[:, position] = values
        if (len(self._kept) + 1) * result.nbytes <= _MOST_KEPT:
            self._kept[row] = result
        return result

    def _columns(self, row: int) -> Mapping[str, FloatArray | float]:
        return {
            **self._own,
            **self._city(row),
            **self._contrast(row),
            **self._ties(row),
            **self._origins(row),
            **self._sisters(row),
            **self._world.pair_columns(row),
        }

    def _city(self, row: int) -> dict[str, float]:
        p = self.places
        return {
            "u_population": p.log_population[row],
            "u_admin1_rank": p.admin1_rank[row],
            "u_latitude": p.latitude[row],
            "u_longitude": p.longitude[row],
            "u_coast": p.coast[row],
            "u_air": p.air[row],
            "u_seat": p.seat[row],
            "u_foreign_born": float(self.data.cities.number["us_foreign_born_pct"][row]),
        }

    def _contrast(self, row: int) -> dict[str, FloatArray]:
        p, pool = self.places, self.pool
        km = great_circle_km(p.unit[pool], p.unit[row])
        return {
            "log_ratio": np.abs(p.log_population[pool] - p.log_population[row]),
            "ratio": p.log_population[pool] - p.log_population[row],
            "log_product": p.log_population[pool] * p.log_population[row],
            "rank_gap": np.abs(p.admin1_rank[pool] - p.admin1_rank[row]),
            "distance": np.log(km + 1.0),
            "latitude_gap": np.abs(p.latitude[pool] - p.latitude[row]),
            "absolute_latitude_gap": np.abs(np.abs(p.latitude[pool]) - abs(p.latitude[row])),
            "both_coastal": p.coastal[pool] * p.coastal[row],
            "coast_gap": np.abs(p.coast[pool] - p.coast[row]),
            "both_ports": p.seaport[pool] * p.seaport[row],
            "elevation_gap": np.abs(p.elevation[pool] - p.elevation[row]),
            "same_climate": p.climate[pool] @ p.climate[row],
            "air_product": p.air[pool] * p.air[row],
            "universities_product": p.universities[pool] * p.universities[row],
            "seat_gap": np.abs(p.seat[pool] - p.seat[row]),
            "cosine": p.standard[pool] @ p.standard[row],
        }

    def _ties(self, row: int) -> dict[str, FloatArray]:
        text = self.data.cities.text
        direct, one_stop = self._flights(text["airports_60km"][row].split())
        state = self._state.get(text["admin1_code"][row])
        over = self._heritage[state] if state is not None else np.zeros(len(self.countries))
        part = self._heritage_share[state] if state is not None else np.zeros(len(self.countries))
        name = normalise(text["ascii_name"][row])
        return {
            "direct_flight": direct,
            "one_stop": one_stop,
            "heritage": over[self.country],
            "heritage_share": part[self.country],
            "spanish_name": float(sounds_spanish(name)) * self._spanish,
            **self._names.features(core(name) if core(name) in self._names.names else name),
        }

    def _origins(self, row: int) -> dict[str, FloatArray]:
        """Who lives in the city's county: by birth and by ancestry."""
        by_country = self.data.origins.columns(self.data.counties(row), self.countries)
        return dict(zip(ORIGIN_NAMES, by_country[self.country].T, strict=True))

    def _sisters(self, row: int) -> dict[str, FloatArray]:
        """Whether the city's state keeps ties to the candidate's division, and to its country."""
        sisters, code = self.data.sisters, self.data.cities.text["admin1_code"]
        state, names = code[row], [self.countries[at] for at in self.country]
        division = [
            (state, name, code[other]) in sisters.divisions
            for name, other in zip(names, self.pool, strict=True)
        ]
        country = [(state, name) in sisters.countries for name in names]
        return {
            "sister_division": np.array(division, dtype=np.float64),
            "sister_country": np.array(country, dtype=np.float64),
        }

    def _flights(self, airports: list[str]) -> tuple[FloatArray, FloatArray]:
        """Whether a direct flight links both, and log(1 + ways to fly with one stop)."""
        direct, stops = np.zeros(len(self.pool)), np.zeros(len(self.pool))
        reached: dict[str, int] = {}
        for airport in airports:
            for hub in self.data.routes.get(airport, ()):
                direct[self._airports.get(hub, [])] = 1.0
                for end in self.data.routes.get(hub, ()):
                    reached[end] = reached.get(end, 0) + 1
        for end, ways in reached.items():
            rows = self._airports.get(end)
            if rows:
                stops[rows] = np.maximum(stops[rows], ways)
        return direct, np.log1p(stops)
