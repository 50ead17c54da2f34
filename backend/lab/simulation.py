"""The simulated market of a snapshot: ways to rank and to allocate, under tastes that no way sees.

Communities accept by the hidden tastes of ``matching.lab.tastes``; under ``resemblance_stated``
they also say so in their importances. All ways have the same places.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.suggestions.scoring.allocation import BETA_MARKET, FLOOR, SettledAllocation
from backend.suggestions.scoring.engine import FUSION, engine_for, fit_builder
from matching.allocation import Allocation, Candidates
from matching.engine import Engine, build_engine
from matching.facets import FACETS
from matching.features import FeatureBuilder, FeatureMatrix
from matching.lab import simulation
from matching.lab.promise import SIZES
from matching.lab.simulation import Market, Preferences
from matching.lab.tastes import (
    MEAN_UNIT,
    TASTES,
    Similarities,
    acceptance,
    stated_importances,
    weighted_mean,
)
from matching.metrics import brier_score, gini, reliability
from matching.preference import Preference
from matching.types import Factors, Snapshot
from matching.weights import Weights

Float64Array = npt.NDArray[np.float64]
MOST_A_SIDE = 1200
COVERAGE_BINS = 20
STATED = "resemblance_stated"
ABLATIONS = ("old_weights", "no_feasibility", "no_near_topics", "harmonic", "min", "mean_fusion")
NEAR_WAYS = ("mean", "lifts", "no_near_topics")
_SEED = 20_240_611
_FUSIONS = {"harmonic": "harmonic", "min": "min", "mean_fusion": "mean"}
_YESTERDAYS_FUSION = "harmonic"


@dataclass(frozen=True, slots=True)
class Shown:
    """One way to make lists, in plain numbers; see ``matching.lab.simulation.Outcome``."""

    mutual_interests: float
    if_all_is_read: float
    exposure_gini: float
    left_gini: float
    right_gini: float
    envy: float
    envious: float
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
    """Answers drawn by the hidden tastes, each a third of them, to the pairs that are suggested;
    foretold is the engine's preference."""

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
    # Taste -> way -> outcome, where both sides are shown the same pairs
    tastes: Mapping[str, Mapping[str, Shown]]
    # The same for a few ways, where communities value near topics and answers as the engine does
    near: Mapping[str, Mapping[str, Shown]]
    # Taste -> rule -> outcome, each side with lists of its own, all from the engine's preferences
    rules: Mapping[str, Mapping[str, Shown]]
    sizes: tuple[SizeBand, ...]
    size_gini: tuple[float, float]  # between the bands' means, before and after
    # Left's and right's shares of eligible pairs by coverage, in equal bins
    coverage: tuple[tuple[float, ...], tuple[float, ...]]
    coverage_floor: float
    # Facet -> taste -> mutual interests of a ranking without the facet, beside those with it
    facets: Mapping[str, Mapping[str, float]]
    answers: SimulatedAnswers

    def as_json(self) -> dict[str, Any]:
        """The market alone, in plain numbers."""
        return {
            "left": self.left,
            "right": self.right,
            "eligible": round(self.eligible, 4),
            "tastes": _outcomes_json(self.tastes),
            "near": _outcomes_json(self.near),
            "rules": _outcomes_json(self.rules, without=_OF_WHOLE_LISTS),
        }


# What has no meaning for expected lists, on which everybody stands with some probability
_OF_WHOLE_LISTS = ("if_all_is_read", "left_served", "right_served")


def _outcomes_json(
    of: Mapping[str, Mapping[str, Shown]], without: Collection[str] = ()
) -> dict[str, dict[str, dict[str, float]]]:
    return {
        taste: {
            way: {
                name: round(value, 4)
                for name, value in dataclasses.asdict(shown).items()
                if name not in without
            }
            for way, shown in ways.items()
        }
        for taste, ways in of.items()
    }


class Ways:
    """Preferences of every pair by the engine and by what it is compared with."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        vocabulary = dataclasses.replace(engine.builder.vocabulary, near={}, answers={})
        exact = FeatureBuilder(vocabulary, **_other_parameters(engine.builder))
        exact.fit(engine.builder.snapshot_)
        self.exact = build_engine(engine.snapshot, exact, engine.weights)
        # Tastes and the weighted mean know of no near topics
        self.left = Similarities.of(self.exact.left, self.exact.right)
        self.right = Similarities.of(self.exact.right, self.exact.left)

    def accepted(self, taste: str, *, near: bool = False) -> Preferences:
        """By what communities decide; with ``near`` they value near topics as the engine does."""
        left, right = self.left, self.right
        if near:
            engine = self.engine
            left = Similarities.of(engine.left, engine.right)
            right = Similarities.of(engine.right, engine.left)
        return Preferences(acceptance(left, taste), acceptance(right, taste).T)

    def mean(self, taste: str | None = None) -> Preferences:
        """Yesterday's weighted mean; with a taste, as if communities had stated it."""
        left, right = self.left, self.right
        if taste:
            left, right = (
                dataclasses.replace(of, importances=stated_importances(of.ids, taste))
                for of in (left, right)
            )
        return Preferences(weighted_mean(left), weighted_mean(right).T)

    def lifts(
        self,
        weights: Weights | None = None,
        *,
        taste: str | None = None,
        exact: bool = False,
    ) -> Preferences:
        """The engine's preferences, by its own weights or others, as stated or by a taste."""
        engine = self.exact if exact else self.engine
        weights = weights or engine.weights
        left, right = engine.left, engine.right
        if taste:
            left, right = (_stating(side, taste) for side in (left, right))
        return dense_preferences(Preference(weights).fit(left, right, engine.rates))

    def ablations(self, taste: str | None = None) -> Iterator[tuple[str, Preferences]]:
        """The lifts with one thing changed, but for fusions."""
        weights = self.engine.weights
        yield "old_weights", self.lifts(dataclasses.replace(weights, unit=MEAN_UNIT), taste=taste)
        feasible = {facet.name: 0.0 for facet in FACETS if facet.feasibility}
        without = dataclasses.replace(weights, unit={**weights.unit, **feasible})
        yield "no_feasibility", self.lifts(without, taste=taste)
        yield "no_near_topics", self.lifts(exact=True, taste=taste)


def _other_parameters(builder: FeatureBuilder) -> dict[str, Any]:
    return {name: value for name, value in builder.get_params().items() if name != "vocabulary"}


def _stating(side: FeatureMatrix, taste: str) -> FeatureMatrix:
    return dataclasses.replace(side, importances=stated_importances(side.ids, taste))


def dense_preferences(preference: Preference) -> Preferences:
    """(n_left, n_right) of both directions, by one product each."""
    exceptions, tables = preference.exceptions_, []
    for factors, named in (
        (preference.left_to_right_, exceptions.left_to_right),
        (preference.right_to_left_, exceptions.right_to_left),
    ):
        gain = _product(factors)
        gain[exceptions.rows, exceptions.cols] = named
        tables.append(preference.weights.preference(gain))
    return Preferences(*tables)


def _product(factors: Factors) -> Float64Array:
    return factors.gain_left.astype(np.float64) @ factors.gain_right.T.astype(np.float64)


class World:
    """The market of one engine, and the lists that each way makes for it."""

    def __init__(self, engine: Engine, rooms: Mapping[int, tuple[int, int]]) -> None:
        self.engine, self.ways = engine, Ways(engine)
        left, right = engine.problem.left_ids, engine.problem.right_ids
        self.eligible = engine.eligibility.block(0, len(left), 0, len(right))
        self.coverage = _coverage(engine)
        floor = engine.weights.coverage_floor - 1e-6
        allowed = self.eligible & (self.coverage[0] >= floor) & (self.coverage[1] >= floor)
        room = [np.array([rooms[int(i)] for i in side], dtype=np.int64) for side in (left, right)]
        capacity, places = zip(*((of[:, 0], of[:, 1]) for of in room), strict=True)
        self.market = Market(left, right, allowed, *capacity, *places)
        chance = np.random.default_rng(_SEED).random(allowed.shape)
        self.chance = Preferences(chance, chance)

    def outcomes(
        self, fixed: Mapping[str, simulation.Looks]
    ) -> Iterator[tuple[str, dict[str, simulation.Outcome]]]:
        """Taste by taste, each way's outcome: for lists ``fixed`` by importances as they are stated
        today, then where they say what the taste is.
        """
        for taste in TASTES:
            accepted = self.ways.accepted(taste)
            known = {"taste_known": self._suggested(accepted, "product")}
            yield taste, simulation.compare(self.market, {**fixed, **known}, accepted)
        taste = "resemblance"
        told = self.lists(taste)
        yield STATED, simulation.compare(self.market, told, self.ways.accepted(taste))

    def lists(self, taste: str | None = None) -> dict[str, simulation.Looks]:
        """Way by way, what both sides look at."""
        lifts = self.ways.lifts(taste=taste)
        ways = {
            "random": self._suggested(self.chance, "product", allocated=False),
            "mean": self._suggested(self.ways.mean(taste), _YESTERDAYS_FUSION),
            "lifts": self._suggested(lifts, FUSION),
            "no_allocation": self._suggested(lifts, FUSION, allocated=False),
        }
        for name, preferences in self.ways.ablations(taste):
            ways[name] = self._suggested(preferences, FUSION)
        for name, fusion in _FUSIONS.items():
            ways[name] = self._suggested(lifts, fusion)
        return ways

    def rules(self) -> Iterator[tuple[str, dict[str, simulation.Outcome]]]:
        """Taste by taste, each allocation rule's outcome."""
        lifts = self.ways.lifts()
        lists = simulation.rule_lists(self.market, lifts, self._allocation())
        lists["suggested"] = self._suggested(lifts, FUSION)
        for taste in TASTES:
            yield taste, simulation.compare(self.market, lists, self.ways.accepted(taste))

    def without(self, facet: str) -> simulation.Looks:
        """The lists of a ranking to which a facet does not count."""
        weights = self.engine.weights
        blind = dataclasses.replace(weights, unit={**weights.unit, facet: 0.0})
        return self._suggested(self.ways.lifts(blind), FUSION)

    def answers(self) -> SimulatedAnswers:
        """Left's answers to what is suggested, by each taste in turn."""
        pairs = self.pairs(self.ways.lifts(), FUSION)
        if not len(pairs):
            return SimulatedAnswers(0, 0.0, ())
        rng = np.random.default_rng(_SEED)
        wanted = np.empty(len(pairs))
        for number, taste in enumerate(TASTES):
            mine = np.arange(len(pairs)) % len(TASTES) == number
            table = self.ways.accepted(taste).left
            wanted[mine] = table[pairs.rows[mine], pairs.cols[mine]]
        interested = (rng.random(len(pairs)) < wanted).astype(np.float64)
        foretold = pairs.left_preference
        bins = tuple((b.count, b.predicted, b.observed) for b in reliability(foretold, interested))
        return SimulatedAnswers(len(pairs), brier_score(foretold, interested), bins)

    def pairs(self, by: Preferences, fusion: str, *, allocated: bool = True) -> Candidates:
        """The pairs that both sides are shown within their places."""
        allocation = self._allocation() if allocated else None
        return simulation.suggested_pairs(self.market, by, fusion, allocation)[0]

    def first_run(self, threshold: float) -> Candidates:
        """What the service would suggest where nothing is suggested yet: only pairs whose two
        preferences reach the threshold.
        """
        lifts = self.ways.lifts()
        promising = (lifts.left >= threshold) & (lifts.right >= threshold)
        market = dataclasses.replace(self.market, allowed=self.market.allowed & promising)
        allocation = SettledAllocation(BETA_MARKET, outside=threshold, floor=FLOOR)
        return simulation.suggested_pairs(market, lifts, FUSION, allocation)[0]

    def yesterdays_pairs(self) -> Candidates:
        """Those by the weighted mean."""
        return self.pairs(self.ways.mean(), _YESTERDAYS_FUSION)

    def _suggested(
        self, by: Preferences, fusion: str, *, allocated: bool = True
    ) -> simulation.Looks:
        allocation = self._allocation() if allocated else None
        return simulation.suggested(self.market, by, fusion, allocation)

    @staticmethod
    def _allocation() -> Allocation:
        return SettledAllocation(BETA_MARKET, floor=FLOOR)


def _coverage(engine: Engine) -> tuple[Float64Array, Float64Array]:
    forth, back = engine.preference.left_to_right_, engine.preference.right_to_left_
    shared = [
        f.presence_left.astype(np.float64) @ f.presence_right.T.astype(np.float64)
        for f in (forth, back)
    ]
    return shared[0] / forth.total_weight[:, None], shared[1] / back.total_weight


def world_of(
    snapshot: Snapshot, weights: dict[str, Any], rooms: Mapping[int, tuple[int, int]]
) -> World:
    """The market of a snapshot, or of an even sample of it; ``rooms``: of each community,
    introductions and suggestions at a time. Raises ValueError for an empty side.
    """
    if not snapshot.left or not snapshot.right:
        raise ValueError("a market needs published communities on both sides")
    sample = dataclasses.replace(snapshot, left=_even(snapshot.left), right=_even(snapshot.right))
    return World(engine_for(sample, weights, fit_builder(snapshot)), rooms)


def simulate(world: World) -> Simulation:
    """All measures of the market."""
    weights, sample = world.engine.weights, world.engine.snapshot
    whole = world.engine.builder.snapshot_
    lists = world.lists()
    tastes = dict(world.outcomes(lists))
    near = {
        taste: simulation.compare(
            world.market,
            {way: lists[way] for way in NEAR_WAYS},
            world.ways.accepted(taste, near=True),
        )
        for taste in TASTES
    }
    found = tastes["needs"]
    sizes = _by_size(sample, found["no_allocation"], found["lifts"])
    means = [(band.before, band.after) for band in sizes]
    return Simulation(
        len(sample.left),
        len(sample.right),
        len(whole.left),
        len(whole.right),
        eligible=float(world.eligible.mean()),
        tastes={taste: _plain(ways) for taste, ways in tastes.items()},
        near={taste: _plain(ways) for taste, ways in near.items()},
        rules={taste: _plain(rules) for taste, rules in world.rules()},
        sizes=sizes,
        size_gini=(gini(np.array([m[0] for m in means])), gini(np.array([m[1] for m in means]))),
        coverage=(
            _histogram(world.coverage[0][world.eligible]),
            _histogram(world.coverage[1][world.eligible]),
        ),
        coverage_floor=weights.coverage_floor,
        facets=_facets(world, [facet.name for facet in FACETS if weights.default(facet.name)]),
        answers=world.answers(),
    )


def _facets(world: World, facets: list[str]) -> dict[str, dict[str, float]]:
    accepted = {taste: world.ways.accepted(taste) for taste in TASTES}
    found = {}
    for facet in facets:
        looks = world.without(facet)
        found[facet] = {
            taste: simulation.simulate(world.market, looks, by).mutual_interests
            for taste, by in accepted.items()
        }
    return found


def _even(side: tuple[Any, ...]) -> tuple[Any, ...]:
    step = -(-len(side) // MOST_A_SIDE)
    return side[::step]


def _plain(outcomes: Mapping[str, simulation.Outcome]) -> dict[str, Shown]:
    names = [field.name for field in dataclasses.fields(Shown)]
    return {
        way: Shown(**{name: getattr(outcome, name) for name in names})
        for way, outcome in outcomes.items()
    }


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
