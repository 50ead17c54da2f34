"""What the partnerships of the rest of the world say of a candidate: pairs that involve no U.S.
city.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from matching.recovery.places import Places
from matching.recovery.tables import OpenData, world_graph
from matching.types import FloatArray, IntArray

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
