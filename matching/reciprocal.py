"""How gains become preferences, and two directional preferences one reciprocal score."""

from __future__ import annotations

from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

FUSIONS: tuple[str, ...] = ("product", "harmonic", "min", "mean")
"""``product`` is the chance that both want it, if each decides alone; ``harmonic`` is RECON's
(Pizzato et al., RecSys 2010). All but the first are ablations."""

SENSITIVITY: dict[str, float] = {"harmonic": 2.0, "product": 2.0, "min": 1.0, "mean": 1.0}
"""By how much a score can move, at most, when both preferences (in [0, 1]) move by one unit: turns
an error of preferences into one of scores."""


def check_fusion(fusion: str) -> None:
    """Raises ValueError when ``fusion`` is none of FUSIONS."""
    if fusion not in FUSIONS:
        raise ValueError(f"unknown fusion {fusion!r}: use one of {', '.join(FUSIONS)}")


def logistic(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """1 / (1 + exp(-x)), in the dtype of ``x`` and a contiguous array of its own."""
    chance = np.negative(x, order="C")
    with np.errstate(over="ignore", under="ignore"):
        np.exp(chance, out=chance)
    chance += 1
    return np.asarray(np.reciprocal(chance, out=chance))


def fuse(p: npt.NDArray[Any], q: npt.NDArray[Any], fusion: str) -> npt.NDArray[Any]:
    """Reciprocal scores of preferences ``p`` and ``q`` (same shape, in [0, 1]), in their dtype."""
    if fusion == "product":
        score = p * q
    elif fusion == "harmonic":
        total = p + q
        score = np.divide(2 * p * q, total, out=np.zeros_like(total), where=total != 0)
    elif fusion == "min":
        score = np.minimum(p, q)
    else:
        check_fusion(fusion)
        score = (p + q) / 2
    return np.asarray(score)


Fusion = Literal["product", "harmonic", "min", "mean"]
Float64 = npt.NDArray[np.float64]


class Reciprocal:
    """The product of both preferences by default: high only where both directions are. The others
    stay as ablations.

    Raises ValueError for a fusion that is none of the four.
    """

    def __init__(self, fusion: str = "product") -> None:
        check_fusion(fusion)
        self.fusion = cast(Fusion, fusion)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Constructor's parameters by name."""
        return {"fusion": self.fusion}

    def fuse(self, p: npt.ArrayLike, q: npt.ArrayLike) -> Float64:
        """Scores in [0, 1], shaped as ``p`` and ``q``. Raises ValueError for NaN, negatives."""
        forth, back = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
        if not ((forth >= 0).all() and (back >= 0).all()):
            raise ValueError("preferences to fuse must be numbers from 0 to 1, without NaN")
        return np.asarray(fuse(forth, back, self.fusion), dtype=np.float64)
