"""A small made-up world with a rule to discover: cities of a U.S. state choose one country, and
partners of their own size.
"""

from __future__ import annotations

import numpy as np

from matching.lab.link_prediction.heritage import ANSWERS
from matching.lab.link_prediction.tables import CityTable, KeyedTable, OpenData, PairTable, Row

STATES = {"OH": ("DE", 40.0, -82.0), "TX": ("MX", 31.0, -97.0), "WA": ("JP", 47.0, -122.0)}
COUNTRIES = {
    "DE": ("EU", 51.0, 10.0),
    "MX": ("NA", 20.0, -100.0),
    "JP": ("AS", 36.0, 138.0),
    "GH": ("AF", 6.0, -1.0),
}
PER_STATE, PER_COUNTRY = 14, 16


def city_row(
    city_id: int, country: str, admin1: str, lat: float, lon: float, population: float, name: str
) -> Row:
    blank = dict.fromkeys(("elevation_m", "seat_level", "us_foreign_born_pct"), "")
    return {
        "city_id": str(city_id),
        "name": name,
        "ascii_name": name,
        "country": country,
        "admin1_code": admin1,
        "admin1": admin1,
        "koppen": "Cfb",
        "airports_60km": "",
        "timezone": "",
        "lat": str(lat),
        "lon": str(lon),
        "population": str(population),
        "is_capital": "0",
        "coast_km": "50",
        "coastal": "0",
        "seaport": "0",
        "seaport_km": "100",
        "air_destinations_60km": "0",
        "univ_name_hits": "0",
        **blank,
    }


def made_up_rows(seed: int = 1) -> dict[str, list[Row]]:
    """Rows by table: cities, countries, states and pairs."""
    rng = np.random.default_rng(seed)
    cities, pairs = [], []
    abroad: dict[str, list[tuple[int, float]]] = {}
    for at, (code, (_, lat, lon)) in enumerate(COUNTRIES.items()):
        for i in range(PER_COUNTRY):
            city_id, population = 1000 + 100 * at + i, float(np.exp(rng.uniform(8, 14)))
            place = (lat + rng.uniform(-3, 3), lon + rng.uniform(-3, 3))
            cities.append(
                city_row(
                    city_id,
                    code,
                    f"{i % 3:02d}",
                    *place,
                    population,
                    f"Stadt{at} {chr(97 + i)}rund",
                )
            )
            abroad.setdefault(code, []).append((city_id, population))
    for at, (state, (country, lat, lon)) in enumerate(STATES.items()):
        for i in range(PER_STATE):
            city_id, population = 1 + 100 * at + i, float(np.exp(rng.uniform(8, 14)))
            cities.append(
                city_row(
                    city_id,
                    "US",
                    state,
                    lat + rng.uniform(-1, 1),
                    lon + rng.uniform(-1, 1),
                    population,
                    f"Town {city_id}",
                )
            )
            nearest = sorted(abroad[country], key=lambda other: abs(np.log(other[1] / population)))[
                :2
            ]
            stray = abroad["GH"][int(rng.integers(PER_COUNTRY))]
            pairs += [
                {"us_city_id": str(city_id), "foreign_city_id": str(other), "tier": "A"}
                for other, _ in nearest
            ]
            pairs.append(
                {"us_city_id": str(city_id), "foreign_city_id": str(stray[0]), "tier": "C"}
            )
    numbers = (
        "english_official",
        "us_comlang_ethno",
        "gdp_per_capita_ppp_usd",
        "us_export_share_pct",
        "us_import_share_pct",
        "urban_pct",
    )
    countries = [
        {
            "iso2": code,
            "continent": continent,
            "population": "50000000",
            "geonames_languages": "de",
            "us_dist_km": "",
            **dict.fromkeys(numbers, ""),
        }
        for code, (continent, _, _) in COUNTRIES.items()
    ]
    answers = sorted({f"pct_{answer}" for group in ANSWERS.values() for answer in group})
    states = [
        {"state": state, **{answer: str(round(float(rng.uniform(0, 9)), 1)) for answer in answers}}
        for state in STATES
    ]
    return {"cities": cities, "countries": countries, "states": states, "pairs": pairs}


def made_up_world(seed: int = 1) -> tuple[OpenData, PairTable]:
    """The tables, ready to rank by, and the pairs."""
    rows = made_up_rows(seed)
    data = OpenData(
        CityTable.from_rows(rows["cities"]),
        KeyedTable.from_rows(rows["countries"], "iso2", "countries"),
        KeyedTable.from_rows(rows["states"], "state", "us_states"),
        {},
        np.array([[1000, 1100], [1001, 1101], [1002, 1200]], dtype=np.int64),
    )
    return data, PairTable.from_rows(rows["pairs"])
