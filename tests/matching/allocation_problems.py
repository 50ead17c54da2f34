"""Candidates for tests of allocation and market: random sparse graphs, and the dense oracle of the
formula.
"""

from __future__ import annotations

import numpy as np

from matching.allocation import Candidates


def make_candidates(seed: int, n: int, m: int, density: float = 0.5) -> Candidates:
    rng = np.random.default_rng(seed)
    rows, cols = np.nonzero(rng.random((n, m)) < density)
    p, q = rng.uniform(0.2, 0.8, len(rows)), rng.uniform(0.2, 0.8, len(rows))
    return Candidates(np.arange(n) + 100, np.arange(m) + 500, rows, cols, p, q, 2 * p * q / (p + q))


def transposed(candidates: Candidates) -> Candidates:
    order = np.lexsort((candidates.rows, candidates.cols))
    return Candidates(
        candidates.right_ids,
        candidates.left_ids,
        candidates.cols[order],
        candidates.rows[order],
        candidates.right_preference[order],
        candidates.left_preference[order],
        candidates.scores[order],
    )


def dense_oracle(
    candidates: Candidates, c_left: np.ndarray, c_right: np.ndarray, beta: float
) -> np.ndarray:
    """μ (n_left, n_right) by the formula as it stands in the paper, on full matrices, until nothing
    moves any more: where capacities are equal and next to nothing is left over, that takes tens of
    thousands of turns."""
    kernel = np.zeros((len(candidates.left_ids), len(candidates.right_ids)))
    preferences = candidates.left_preference + candidates.right_preference
    kernel[candidates.rows, candidates.cols] = np.exp(preferences / (2 * beta))
    a, b = np.ones(len(c_left)), np.ones(len(c_right))
    for turn in range(200_000):
        earlier = a
        a = np.sqrt(c_left + (kernel @ b / 2) ** 2) - kernel @ b / 2
        b = np.sqrt(c_right + (kernel.T @ a / 2) ** 2) - kernel.T @ a / 2
        if turn % 100 == 0 and np.abs(a - earlier).max(initial=0) <= 1e-13 * a.max(initial=0):
            break
    return a[:, None] * kernel * b
