"""What decisions teach: facet weights by regularised logistic regression on lifts, pulled toward
the weights in use.

Model of one directional decision: P(interested) = σ(α + γ·g) with g the gain that was shown.
Learning moves the weights inside g: with g's denominator held as it was, g = Σ u_f·x_f, where x_f =
importance·lift/(Σ w·m + κ) is the share that was shown over the unit weight behind it, which is
logistic in u. The penalty λ/2·Σ(u_f − u⁰_f)² holds what decisions say nothing about; u ≥ 0
(L-BFGS-B, Byrd et al. 1995).
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

from matching.facets import FACET_NAMES
from matching.metrics import brier_score, log_loss
from matching.types import BoolArray, IntArray
from matching.weights import Weights

Float64Array = npt.NDArray[np.float64]

FIT_REASONS = frozenset({"no_fit", "too_far_apart"})
"""Declines that say something about the fit. "We are full" or "no support" teach nothing."""
LEAST_DECISIONS = 40
LEAST_OF_EACH = 8
# The least slope γ of acceptance by gain: decisions that ignore it must not silence the facets
_FLAT = 1.0
_RIDGE = 1e-2  # on the slope, so that separable decisions do not send it to infinity


class TooFewDecisionsError(ValueError):
    """Not enough decisions to learn anything from."""


@dataclass(frozen=True, slots=True)
class DirectionalDecision:
    """An answer to one suggestion with what it showed: the shares of its gain by facet, and the
    unit weights behind them.
    """

    community_id: int
    at: float  # seconds of any clock; only the order counts
    interested: bool
    shares: Mapping[str, float]
    units: Mapping[str, float]
    reason: str = ""  # of a decline


@dataclass(frozen=True, slots=True)
class Scores:
    """Held-out calibration."""

    brier: float
    log_loss: float


@dataclass(frozen=True, slots=True)
class Improvement:
    """By how much the learned weights' loss on a held-out decision is less, in nats."""

    mean: float
    standard_error: float


@dataclass(frozen=True, slots=True)
class LearningReport:
    """What the learned weights rest on; their quality on held-out decisions beside those in use."""

    decisions: int
    interested: int
    communities: int
    left_out: Mapping[str, int]  # declines by reason that teach nothing
    in_use_by_community: Scores
    learned_by_community: Scores
    improvement_by_community: Improvement
    in_use_by_time: Scores
    learned_by_time: Scores
    improvement_by_time: Improvement

    @property
    def is_better(self) -> bool:
        """Better calibrated by both measures, for communities and for times not seen, and by more
        than a standard error: chance alone seldom looks like it.
        """
        pairs = (
            (self.learned_by_community, self.in_use_by_community),
            (self.learned_by_time, self.in_use_by_time),
        )
        return all(
            new.brier < old.brier and new.log_loss < old.log_loss for new, old in pairs
        ) and all(
            gained.mean > gained.standard_error
            for gained in (self.improvement_by_community, self.improvement_by_time)
        )


def fit_weights(
    decisions: Sequence[DirectionalDecision],
    in_use: Weights,
    *,
    version: str,
    pull: float = 20.0,
    folds: int = 5,
    random_state: int = 0,
) -> tuple[Weights, LearningReport]:
    """Weights learned from decisions, with the report that says whether to trust them.
    Deterministic.

    ``pull`` is λ: about how many decisions a facet needs before its weight moves by one.

    Raises TooFewDecisionsError under ``LEAST_DECISIONS`` usable decisions, ``LEAST_OF_EACH``
    interests and declines, or ``folds`` communities; ValueError for unknown facets, shares that are
    not finite numbers, and a pull that is not positive.
    """
    if not (pull > 0 and folds >= 2):
        raise ValueError("pull must be positive, and folds at least 2")
    usable = [d for d in decisions if d.interested or d.reason in FIT_REASONS]
    left_out = Counter(
        d.reason or "no reason"
        for d in decisions
        if not d.interested and d.reason not in FIT_REASONS
    )
    usable.sort(key=lambda d: (d.at, d.community_id))
    table = _Table.of(usable)
    communities = np.unique(table.community)
    _check_enough(table, len(communities), folds)
    report = LearningReport(
        len(usable),
        int(table.outcome.sum()),
        len(communities),
        dict(sorted(left_out.items())),
        *_held_out(table, in_use, pull, _by_community(table, communities, folds, random_state)),
        *_held_out(table, in_use, pull, _by_time(len(usable), folds)),
    )
    unit = _learn(table, in_use, pull)
    return dataclasses.replace(
        in_use, unit=dict(zip(FACET_NAMES, unit.tolist(), strict=True)), version=version
    ), report


@dataclass(frozen=True, slots=True)
class _Table:
    """Decisions (n,) in the order of time, facets (n, f) in the order of ``FACET_NAMES``."""

    community: IntArray
    outcome: Float64Array
    lifts: Float64Array  # x: what one unit of each facet's weight adds to the gain

    @classmethod
    def of(cls, decisions: Sequence[DirectionalDecision]) -> _Table:
        lifts = np.zeros((len(decisions), len(FACET_NAMES)))
        for row, decision in enumerate(decisions):
            unknown = set(decision.shares) - set(FACET_NAMES)
            if unknown:
                raise ValueError(
                    f"a decision of community {decision.community_id} names unknown facets: "
                    f"{', '.join(sorted(unknown))}"
                )
            for facet, share in decision.shares.items():
                unit = decision.units.get(facet, 0.0)
                if not np.isfinite([share, unit]).all():
                    raise ValueError(
                        f"a decision of community {decision.community_id} has {share!r} of "
                        f"{facet!r}, which is not a finite number"
                    )
                if unit > 0:  # without a weight the share is 0 and says nothing of the lift
                    lifts[row, FACET_NAMES.index(facet)] = share / unit
        return cls(
            np.array([d.community_id for d in decisions], dtype=np.int64),
            np.array([d.interested for d in decisions], dtype=np.float64),
            lifts,
        )

    def where(self, rows: BoolArray) -> _Table:
        return _Table(self.community[rows], self.outcome[rows], self.lifts[rows])

    def gain(self, unit: Float64Array) -> Float64Array:
        gains: Float64Array = self.lifts @ unit
        return gains


def _check_enough(table: _Table, communities: int, folds: int) -> None:
    count, interested = len(table.outcome), int(table.outcome.sum())
    if (
        count < LEAST_DECISIONS
        or min(interested, count - interested) < LEAST_OF_EACH
        or communities < folds
    ):
        raise TooFewDecisionsError(
            f"{count} decisions that say something about fit ({interested} interested) of "
            f"{communities} communities; learning needs "
            f"{LEAST_DECISIONS}, with {LEAST_OF_EACH} interested and {LEAST_OF_EACH} declined for "
            f"the fit, of {folds} communities"
        )


def _units(weights: Weights) -> Float64Array:
    return np.array([weights.unit[facet] for facet in FACET_NAMES])


def _calibrate(x: Float64Array, outcome: Float64Array) -> tuple[float, float]:
    """α and γ ≥ 0 of acceptance by gain x."""

    def loss(parameters: Float64Array) -> tuple[float, Float64Array]:
        z = parameters[0] + parameters[1] * x
        residual = scipy.special.expit(z) - outcome
        value = float(np.sum(np.logaddexp(0.0, z) - outcome * z) + _RIDGE / 2 * parameters[1] ** 2)
        return value, np.array([residual.sum(), residual @ x + _RIDGE * parameters[1]])

    found = scipy.optimize.minimize(
        loss, np.array([0.0, 1.0]), jac=True, method="L-BFGS-B", bounds=[(None, None), (0.0, None)]
    )
    return float(found.x[0]), float(found.x[1])


def _learn(table: _Table, in_use: Weights, pull: float) -> Float64Array:
    start = _units(in_use)
    alpha, gamma = _calibrate(table.gain(start), table.outcome)
    x = max(gamma, _FLAT) * table.lifts

    def loss(parameters: Float64Array) -> tuple[float, Float64Array]:
        z = parameters[0] + x @ parameters[1:]
        residual, moved = scipy.special.expit(z) - table.outcome, parameters[1:] - start
        value = float(np.sum(np.logaddexp(0.0, z) - table.outcome * z) + pull / 2 * moved @ moved)
        return value, np.concatenate([[residual.sum()], x.T @ residual + pull * moved])

    bounds = [(None, None), *((0.0, 100.0) for _ in FACET_NAMES)]
    found = scipy.optimize.minimize(
        loss,
        np.concatenate([[alpha], start]),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 2000},
    )
    unit: Float64Array = np.maximum(found.x[1:], 0.0)
    return unit


def _by_community(
    table: _Table, communities: IntArray, folds: int, random_state: int
) -> Iterator[tuple[BoolArray, BoolArray]]:
    fold = np.random.default_rng(random_state).permutation(len(communities)) % folds
    of_decision = fold[np.searchsorted(communities, table.community)]
    return ((of_decision != number, of_decision == number) for number in range(folds))


def _by_time(count: int, folds: int) -> Iterator[tuple[BoolArray, BoolArray]]:
    """The later blocks of decisions, each tested against all earlier ones."""
    block = np.arange(count) * folds // count
    return ((block < number, block == number) for number in range(1, folds))


def _held_out(
    table: _Table, in_use: Weights, pull: float, splits: Iterator[tuple[BoolArray, BoolArray]]
) -> tuple[Scores, Scores, Improvement]:
    """Scores of used and learned weights on held-out decisions; α and γ from training."""
    tested: list[tuple[Float64Array, Float64Array, Float64Array]] = []
    for train_rows, test_rows in splits:
        train, test = table.where(train_rows), table.where(test_rows)
        if not len(train.outcome) or not len(test.outcome):
            continue
        probabilities = []
        for unit in (_units(in_use), _learn(train, in_use, pull)):
            alpha, gamma = _calibrate(train.gain(unit), train.outcome)
            probabilities.append(scipy.special.expit(alpha + gamma * test.gain(unit)))
        tested.append((test.outcome, probabilities[0], probabilities[1]))
    outcome, old, new = (np.concatenate(part) for part in zip(*tested, strict=True))
    less = _losses(old, outcome) - _losses(new, outcome)
    return (
        Scores(brier_score(old, outcome), log_loss(old, outcome)),
        Scores(brier_score(new, outcome), log_loss(new, outcome)),
        Improvement(float(less.mean()), float(less.std(ddof=1) / np.sqrt(len(less)))),
    )


def _losses(probability: Float64Array, outcome: Float64Array) -> Float64Array:
    """(n,) nats."""
    losses: Float64Array = -scipy.special.xlogy(outcome, probability) - scipy.special.xlog1py(
        1 - outcome, -probability
    )
    return losses
