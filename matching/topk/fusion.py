"""How two directional preferences become one reciprocal score."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FUSIONS: tuple[str, ...] = ("harmonic", "product", "min", "mean")
"""``harmonic`` is RECON's (Pizzato et al., RecSys 2010): it needs both sides to want the pair. The others stay as ablations."""

SENSITIVITY: dict[str, float] = {"harmonic": 2.0, "product": 2.0, "min": 1.0, "mean": 1.0}
"""By how much a score can move, at most, when both preferences (in [0, 1]) move by one unit: turns an error of preferences into one
of scores."""


def check_fusion(fusion: str) -> None:
    """Raises ValueError when ``fusion`` is none of FUSIONS."""
    if fusion not in FUSIONS:
        raise ValueError(f"unknown fusion {fusion!r}: use one of {', '.join(FUSIONS)}")


def fuse(p: npt.NDArray[Any], q: npt.NDArray[Any], fusion: str) -> npt.NDArray[Any]:
    """Reciprocal scores of preferences ``p`` and ``q`` (same shape, in [0, 1]), in their own dtype.

    Preferences that rounding has pushed below zero count as zero; NaN (a preference that is not
    defined) stays NaN.
    """
    p, q = np.maximum(p, 0), np.maximum(q, 0)
    if fusion == "harmonic":
        total = p + q
        score = np.divide(2 * p * q, total, out=np.zeros_like(total), where=total != 0)
    elif fusion == "product":
        score = p * q
    elif fusion == "min":
        score = np.minimum(p, q)
    else:
        check_fusion(fusion)
        score = (p + q) / 2
    return np.asarray(score)
