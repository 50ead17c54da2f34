"""How evenly attention is shared out: Gini coefficient of exposure, and coverage."""

from __future__ import annotations

import numpy as np

from matching.types import FloatArray, IntArray


def gini(amounts: FloatArray) -> float:
    """Gini coefficient of non-negative amounts (n,): 0 when all are equal, towards 1 when one has
    everything; 0 when all are 0.

    Raises ``ValueError`` for an empty, negative or NaN input.
    """
    values = np.sort(np.asarray(amounts, dtype=np.float64))
    if len(values) == 0 or np.isnan(values).any() or values[0] < 0:
        raise ValueError("the Gini coefficient needs at least one amount, none negative or NaN")
    total = values.sum()
    if total == 0:
        return 0.0
    n = len(values)
    return float((2.0 * np.arange(1, n + 1) - n - 1.0) @ values / (n * total))


def exposure(counterparts: IntArray, size: int) -> FloatArray:
    """(size,) attention each counterpart receives from ranked lists (n, k) of its row numbers, −1
    for padding: Σ 1/rank.

    The examination model of position bias (Joachims et al. 2017) with weight 1/rank. Raises
    ``ValueError`` for a row number ≥ size.
    """
    lists = np.asarray(counterparts)
    if lists.ndim != 2 or (lists.size and int(lists.max()) >= size):
        raise ValueError(f"lists must be two-dimensional with row numbers below {size}")
    weight = np.broadcast_to(1.0 / np.arange(1, lists.shape[1] + 1), lists.shape)
    present = lists >= 0
    return np.bincount(lists[present], weights=weight[present], minlength=size).astype(np.float64)


def coverage(counterparts: IntArray) -> float:
    """Share of rows of (n, k) with at least one counterpart; 0 without rows."""
    lists = np.asarray(counterparts)
    return float((lists >= 0).any(axis=1).mean()) if len(lists) else 0.0
