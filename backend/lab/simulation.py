"""The simulated market of a snapshot: rankings compared, exposure, coverage, what facets add."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.suggestions.scoring.allocation import BETA, FLOOR
from backend.suggestions.scoring.engine import engine_for, fit_builder, weights_from_json
from matching.allocation import Allocation
from matching.engine import Engine
from matching.facets import FACET_NAMES
from matching.lab import simulation
from matching.metrics import brier_score, gini, reliability
from matching.preference import Preference
from matching.topk import FUSIONS
from matching.types import Snapshot

MOST_A_SIDE = 1500
SIZES = (10_000, 50_000, 200_000, 1_000_000)
COVERAGE_BINS = 20
_SEED = 20_240_611


@dataclass(frozen=True, slots=True)
class Shown:
    """One way to make lists, in plain numbers; see ``matching.lab.simulation.Outcome``."""

    mutual_interests: float
    exposure_gini: float
    left_gini: float
    right_gini: float
    left_served: float
    right_served: float
    over_capacity: int
    shown: int


@dataclass(frozen=True, slots=True)
class SizeBand:
    """Communities of one size: how many, and their mean exposure before and after allocation."""

    most: int | None  # population below; None: no limit
    communities: int
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class SimulatedAnswers:
    """Answers drawn for communities that have given none. Each decides by its preference in full;
    foretold is what the engine would have said of the same pair had one facet, drawn at random,
    been left empty. So it shows what missing answers cost, not whether people decide as the engine
    thinks."""

    count: int
    brier: float
    bins: tuple[tuple[int, float, float], ...]  # how many, mean foretold, share interested


@dataclass(frozen=True, slots=True)
class Simulation:
    """All measures that rest on the simulated market of one snapshot."""

    left: int
    right: int
    left_in_all: int
    right_in_all: int
    eligible: float  # share of pairs that may be suggested at all
    ways: Mapping[str, Shown]  # promising pairs alone, as the service suggests
    ways_unfiltered: Mapping[str, Shown]  # all eligible pairs
    sizes: tuple[SizeBand, ...]
    size_gini: tuple[float, float]  # between the bands' means, before and after
    # Left's and right's shares of eligible pairs by coverage, in equal bins
    coverage: tuple[tuple[float, ...], tuple[float, ...]]
    coverage_floor: float
    fusions: Mapping[str, tuple[Shown, Shown]]  # lists alone, allocated
    # Mutual interests without the facet: lists alone, allocated
    facets: Mapping[str, tuple[float, float]]
    answers: SimulatedAnswers


class _Market:
    """The market under several rankings; acceptance is always by the preference in full."""

    def __init__(
        self, engine: Engine, capacities: Mapping[int, int], k: int, threshold: float, places: int
    ) -> None:
        self.engine, self.k, self.threshold, self.places = engine, k, threshold, places
        found = engine.preference.dense()
        shape = found.left_to_right.shape
        rows, cols = (index.ravel() for index in np.indices(shape))
        self.eligible = engine.eligibility.pairs(rows, cols).reshape(shape)
        self.coverage = found.left_coverage, found.right_coverage
        floor = engine.weights.coverage_floor - 1e-6
        known = self.eligible & (found.left_coverage >= floor) & (found.right_coverage >= floor)
        ids = engine.problem.left_ids, engine.problem.right_ids
        left_room, right_room = (
            np.array([capacities[int(i)] for i in side], dtype=np.int64) for side in ids
        )
        self.known = simulation.Market(
            *ids, found.left_to_right, found.right_to_left, known, left_room, right_room, threshold
        )
        promising = known & (found.left_to_right >= threshold) & (found.right_to_left >= threshold)
        self.promising = dataclasses.replace(self.known, allowed=promising)

    def allocation(self, outside: float) -> Allocation:
        return Allocation(BETA, outside=outside, floor=FLOOR)

    def ways(self, of: simulation.Market, outside: float) -> dict[str, simulation.Outcome]:
        return simulation.compare(of, self.k, self.allocation(outside), self.places)

    def fusion(self, name: str) -> tuple[simulation.Outcome, simulation.Outcome]:
        lists = simulation.reciprocal_lists(self.promising, self.k, name)
        allocated = simulation.allocated_lists(
            self.promising, self.k, self.allocation(self.threshold), self.places, name
        )
        return simulation.simulate(self.promising, lists), simulation.simulate(
            self.promising, allocated
        )

    def blind_to(self, facet: str) -> simulation.Market:
        """The market for a ranking without a facet, though communities still decide by it."""
        weights = self.engine.weights
        blind = dataclasses.replace(weights, unit={**weights.unit, facet: 0.0})
        found = Preference(blind).fit(self.engine.left, self.engine.right).dense()
        return dataclasses.replace(
            self.known, left_preference=found.left_to_right, right_preference=found.right_to_left
        )

    def interests(self, ranked: simulation.Market) -> tuple[float, float]:
        """Mutual interests from the lists that such a ranking makes: lists alone, allocated."""
        lists = (
            simulation.reciprocal_lists(ranked, self.k),
            simulation.allocated_lists(ranked, self.k, self.allocation(0.0), self.places),
        )
        plain, allocated = (simulation.simulate(self.known, of).mutual_interests for of in lists)
        return plain, allocated


class _Drawn:
    """An answer of the left side to each pair on its list; forecasts without one facet."""

    def __init__(self, world: _Market, facets: int) -> None:
        rng = np.random.default_rng(_SEED)
        lists = simulation.reciprocal_lists(world.promising, world.k).left
        self._rows, places = np.nonzero(lists >= 0)
        self._cols = lists[self._rows, places]
        self._hidden = rng.integers(0, max(1, facets), len(self._rows))
        wanted = world.known.left_preference[self._rows, self._cols]
        self._foretold = wanted.copy()
        self._interested = (rng.random(len(wanted)) < wanted).astype(np.float64)

    def foretell(self, number: int, blind: simulation.Market) -> None:
        """Takes over forecasts for the pairs whose unknown facet has this number."""
        at = self._hidden == number
        self._foretold[at] = blind.left_preference[self._rows[at], self._cols[at]]

    def answers(self) -> SimulatedAnswers:
        if len(self._rows) == 0:
            return SimulatedAnswers(0, 0.0, ())
        bins = tuple(
            (b.count, b.predicted, b.observed)
            for b in reliability(self._foretold, self._interested)
        )
        return SimulatedAnswers(
            len(self._rows), brier_score(self._foretold, self._interested), bins
        )


def simulate(
    snapshot: Snapshot,
    weights: dict[str, Any],
    capacities: Mapping[int, int],
    *,
    k: int,
    threshold: float,
    places: int,
) -> Simulation:
    """The market of a snapshot, or of an even sample. Raises ValueError for an empty side."""
    if not snapshot.left or not snapshot.right:
        raise ValueError("a market needs published communities on both sides")
    builder = fit_builder(snapshot)
    sample = dataclasses.replace(snapshot, left=_even(snapshot.left), right=_even(snapshot.right))
    world = _Market(engine_for(sample, weights, builder), capacities, k, threshold, places)
    ways = world.ways(world.promising, threshold)
    sizes = _by_size(sample, ways["harmonic"], ways["allocated"])
    means = [(band.before, band.after) for band in sizes]
    stored = weights_from_json(weights)
    facets = [facet for facet in FACET_NAMES if stored.unit[facet]]
    drawn, without = _Drawn(world, len(facets)), {}
    for number, facet in enumerate(facets):
        blind = world.blind_to(facet)
        without[facet] = world.interests(blind)
        drawn.foretell(number, blind)
    return Simulation(
        len(sample.left),
        len(sample.right),
        len(snapshot.left),
        len(snapshot.right),
        eligible=float(world.eligible.mean()),
        ways={name: _plain(outcome) for name, outcome in ways.items()},
        ways_unfiltered={
            name: _plain(outcome) for name, outcome in world.ways(world.known, 0.0).items()
        },
        sizes=sizes,
        size_gini=(gini(np.array([m[0] for m in means])), gini(np.array([m[1] for m in means]))),
        coverage=(
            _histogram(world.coverage[0][world.eligible]),
            _histogram(world.coverage[1][world.eligible]),
        ),
        coverage_floor=stored.coverage_floor,
        fusions={
            name: (_plain(plain), _plain(after))
            for name in FUSIONS
            for plain, after in [world.fusion(name)]
        },
        facets=without,
        answers=drawn.answers(),
    )


def _even(side: tuple[Any, ...]) -> tuple[Any, ...]:
    step = -(-len(side) // MOST_A_SIDE)
    return side[::step]


def _plain(outcome: simulation.Outcome) -> Shown:
    return Shown(
        **{field.name: getattr(outcome, field.name) for field in dataclasses.fields(Shown)}
    )


def _by_size(
    snapshot: Snapshot, before: simulation.Outcome, after: simulation.Outcome
) -> tuple[SizeBand, ...]:
    population = np.array(
        [
            r.population if r.population is not None else -1
            for r in (*snapshot.left, *snapshot.right)
        ]
    )
    exposures = [np.concatenate([o.left_exposure, o.right_exposure]) for o in (before, after)]
    band = np.searchsorted(np.array(SIZES), population, side="right")
    found = []
    for number, most in enumerate((*SIZES, None)):
        inside = (band == number) & (population >= 0)
        if inside.any():
            found.append(
                SizeBand(
                    most, int(inside.sum()), *(float(values[inside].mean()) for values in exposures)
                )
            )
    return tuple(found)


def _histogram(values: np.ndarray) -> tuple[float, ...]:
    counts, _ = np.histogram(np.clip(values, 0, 1), bins=COVERAGE_BINS, range=(0, 1))
    return tuple((counts / max(1, counts.sum())).tolist())
