"""How much each facet counts: the defaults, and what learned weights replace."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from matching.facets import FACET_NAMES, FACETS

QUANTUM = 1.0 / 4096.0
"""Every part's weight is a multiple of it, so float32 sums of weights are exact."""

_LEVEL: Mapping[str, float] = MappingProxyType(
    {facet.name: facet.default_importance for facet in FACETS}
)
_UNIT: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(FACET_NAMES, 1.0),
        "needs_offers": 3.75,
        "challenges": 1.5,
        "ties": 1.8,
        "sectors": 1.6,
        "themes": 1.3,
        "geography": 1.0,
        "institutions": 1.1,
        "size": 0.7,
        "languages": 0.5,
        "readiness": 0.5,
        "story": 0.5,
        "time_zone": 0.5,
    }
)
"""What a point of importance weighs: a need that is met counts most, likeness counts little unless
a community says otherwise. What real partnerships resemble (``matching.lab.link_prediction``) is
measured, and overrules nothing that officials state.

Chosen on the mean of several drawings of the sample world: docs/matching.md.
"""
_HIGHEST = 3.0  # importance that can be stated


@dataclass(frozen=True, slots=True)
class Weights:
    """A facet's weight for a community is ``unit[facet]`` times the importance it stated (0..3),
    else the facet's default.

    A stated importance x counts as 3·(x/3)^``importance_power``: below 1, a rough "2" or "1" lies
    closer to the highest than in proportion; 0 and 3 are what they say.

    ``prior_weight`` (κ) draws a gain that rests on little towards 0, what is typical: Σ w·lift / (Σ
    w·m + κ). ``slope`` and ``intercept`` turn gains into preferences, a convention until decisions
    calibrate them. Both directions' coverage must reach ``coverage_floor``. Raises ValueError for
    facets missing or unknown, weights negative or not finite.
    """

    unit: Mapping[str, float] = field(default_factory=lambda: _UNIT)
    prior_weight: float = 2.5
    importance_power: float = 0.7
    coverage_floor: float = 0.35
    slope: float = 6.0
    intercept: float = -1.0
    version: str = "lift-2"

    def __post_init__(self) -> None:
        if set(self.unit) != set(FACET_NAMES):
            odd = sorted(set(self.unit) ^ set(FACET_NAMES))
            raise ValueError(
                f"weights must name every facet once and no other; look at {', '.join(odd)}"
            )
        for facet, value in self.unit.items():
            if not 0 <= value <= 100:
                raise ValueError(f"weight of {facet!r} is {value!r}, which is not from 0 to 100")
        if not (0 < self.prior_weight < 1e6 and 0 <= self.coverage_floor <= 1):
            raise ValueError("coverage_floor lies in [0, 1], and prior_weight is a positive number")
        if not 0 < self.importance_power <= 10:
            raise ValueError("importance_power is above 0 and at most 10")
        if not (0 < self.slope <= 100 and -100 <= self.intercept <= 100):
            raise ValueError("slope is above 0 and at most 100, and intercept from -100 to 100")

    @classmethod
    def from_facets(
        cls, weights: Mapping[str, float], *, version: str, prior_weight: float = 2.5
    ) -> Weights:
        """Weights that communities with no stated importances have (as learned ones are); facets
        left out keep their default.

        Raises ValueError for a facet that has no default importance (``distance``) but is given a
        weight.
        """
        unit = dict(_UNIT)
        for facet, weight in weights.items():
            level = _LEVEL.get(facet, 1.0)
            if level == 0 and weight:
                raise ValueError(
                    f"{facet!r} counts only for those who state an importance for it; set "
                    "Weights.unit instead"
                )
            if level:
                unit[facet] = weight / level
        return cls(unit=unit, version=version, prior_weight=prior_weight)

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> Weights:
        """Weights written by this version of the engine, an older or a newer one.

        A facet or a parameter that an older version did not have takes its default; importances
        then counted in proportion. One that this version does not know has no encoder here and is
        left out: stored weights stay readable in both directions. Raises ValueError for values out
        of range.
        """
        known = {f.name: stored[f.name] for f in dataclasses.fields(cls) if f.name in stored}
        known.setdefault("importance_power", 1.0)
        unit = {facet: stored.get("unit", {}).get(facet, _UNIT[facet]) for facet in FACET_NAMES}
        return cls(**(known | {"unit": unit}))

    def preference(self, gain: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Preferences in (0, 1), shaped as the gains."""
        return np.asarray(scipy.special.expit(self.slope * gain + self.intercept))

    def default(self, facet: str) -> float:
        """The facet's weight for a community that stated no importance for it."""
        return self.unit[facet] * _LEVEL[facet]

    def facet_weights(self, importances: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """(n, facets) weights from stated importances, NaN for none; as ``FACET_NAMES``."""
        level = np.array([_LEVEL[facet] for facet in FACET_NAMES])
        unit = np.array([self.unit[facet] for facet in FACET_NAMES])
        counted = _HIGHEST * (importances / _HIGHEST) ** self.importance_power
        return np.asarray(np.where(np.isnan(importances), level, counted) * unit, dtype=np.float64)

    def part_weights(
        self,
        importances: npt.NDArray[np.float64],
        facets: tuple[str, ...],
        shares: tuple[float, ...],
    ) -> npt.NDArray[np.float64]:
        """(n, parts) weights of parts given by facet and share, rounded to ``QUANTUM``."""
        columns = [FACET_NAMES.index(facet) for facet in facets]
        exact = self.facet_weights(importances)[:, columns] * np.array(shares)
        return np.asarray(np.round(exact / QUANTUM) * QUANTUM, dtype=np.float64)
