"""How well probabilities say what happens: Brier score (1950), logarithmic loss, and the
reliability table behind both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matching.types import FloatArray

_SMALLEST = 1e-12


def _checked(probability: FloatArray, outcome: FloatArray) -> tuple[FloatArray, FloatArray]:
    p, y = np.asarray(probability, dtype=np.float64), np.asarray(outcome, dtype=np.float64)
    if p.ndim != 1 or p.shape != y.shape or len(p) == 0:
        raise ValueError(
            "probabilities and outcomes must be two equally long, non-empty rows of numbers"
        )
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("probabilities must lie in [0, 1]")
    if not np.isin(y, (0.0, 1.0)).all():
        raise ValueError("outcomes must be 0 or 1")
    return p, y


def brier_score(probability: FloatArray, outcome: FloatArray) -> float:
    """Mean squared difference, 0 best. Both (n,). Raises ``ValueError`` for values outside [0, 1]
    or unequal lengths.
    """
    p, y = _checked(probability, outcome)
    return float(np.mean((p - y) ** 2))


def log_loss(probability: FloatArray, outcome: FloatArray) -> float:
    """Mean negative log likelihood in nats; a certainty that proves wrong costs at most −ln 1e-12.
    Raises as ``brier_score``.
    """
    p, y = _checked(probability, outcome)
    return float(
        -np.mean(
            y * np.log(np.maximum(p, _SMALLEST)) + (1 - y) * np.log(np.maximum(1 - p, _SMALLEST))
        )
    )


@dataclass(frozen=True)
class ReliabilityBin:
    """Predictions of about the same probability: how many, their mean, and the share that came
    true.
    """

    count: int
    predicted: float
    observed: float


def reliability(
    probability: FloatArray, outcome: FloatArray, bins: int = 10
) -> tuple[ReliabilityBin, ...]:
    """Up to ``bins`` groups of nearly equal size, lowest probability first. Equal probabilities are
    never split.
    """
    p, y = _checked(probability, outcome)
    edges = np.unique(np.quantile(p, np.linspace(0, 1, bins + 1)))
    group = np.clip(np.searchsorted(edges, p, side="right") - 1, 0, max(0, len(edges) - 2))
    return tuple(
        ReliabilityBin(
            int((group == g).sum()), float(p[group == g].mean()), float(y[group == g].mean())
        )
        for g in np.unique(group)
    )


def expected_calibration_error(
    probability: FloatArray, outcome: FloatArray, bins: int = 10
) -> float:
    """Mean absolute gap between predicted and observed over the reliability table, weighted by
    count.
    """
    table = reliability(probability, outcome, bins)
    return sum(b.count * abs(b.predicted - b.observed) for b in table) / sum(b.count for b in table)
