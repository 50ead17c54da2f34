"""Fusion of the two directions into one reciprocal score, as an estimator-like object."""

from __future__ import annotations

from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from matching.topk.fusion import check_fusion, fuse

Fusion = Literal["harmonic", "product", "min", "mean"]
Float64 = npt.NDArray[np.float64]


class Reciprocal:
    """Harmonic mean by default (RECON, Pizzato et al. 2010): high only where both directions are.
    The others stay as ablations.

    Raises ValueError for a fusion that is none of the four.
    """

    def __init__(self, fusion: str = "harmonic") -> None:
        check_fusion(fusion)
        self.fusion = cast(Fusion, fusion)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Constructor's parameters by name."""
        return {"fusion": self.fusion}

    def fuse(self, p: npt.ArrayLike, q: npt.ArrayLike) -> Float64:
        """Scores of the shape of ``p`` and ``q`` (preferences in [0, 1]), in [0, 1]. Raises
        ValueError for NaN and negative numbers.
        """
        forth, back = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
        if not ((forth >= 0).all() and (back >= 0).all()):
            raise ValueError("preferences to fuse must be numbers from 0 to 1, without NaN")
        return np.asarray(fuse(forth, back, self.fusion), dtype=np.float64)
