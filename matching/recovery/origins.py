"""What is known of a U.S. city's people and place, as numbers to compare U.S. cities by."""

from __future__ import annotations

import numpy as np

from matching.recovery.places import Places
from matching.recovery.tables import KeyedTable, OpenData
from matching.types import FloatArray, IntArray

_COMPONENTS = 10


def filled(values: FloatArray) -> FloatArray:
    """Blanks of (n, ...) replaced by the mean of what is known in the column; by 0 where nothing
    is.
    """
    known = ~np.isnan(values)
    mean = np.where(known, values, 0.0).sum(0) / np.maximum(known.sum(0), 1)
    return np.where(known, values, mean)


def state_profiles(states: KeyedTable) -> dict[str, FloatArray]:
    """State -> (10,) principal components of log ancestry and origin shares (Census), the first of
    unit variance.
    """
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
    """(len(rows), 19): place on the sphere (3), state profile (10), log population, log share born
    abroad, coast, air, elevation, seat.
    """
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
