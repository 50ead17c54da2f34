"""Allocation as a market with transferable utility and taste shocks (Choo & Siow 2006; Tomita et al., RecSys 2023).

With K = exp((P + Qᵀ) / 2β) over the candidates, capacities c, and potentials A (left) and B (right), the expected number of meetings of a
pair is μ = A·K·B, where A² and B² are the capacities left over: A² + A·(K·B) = c. Iterating A = √(c + (K·B/2)²) − K·B/2 and B alike leads
to the one solution. β is the scale of what preferences do not tell: small values follow the preferences, large ones spread out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from matching.allocation.candidates import Candidates
from matching.errors import NotFittedError
from matching.types import IntArray

Float64Array = npt.NDArray[np.float64]
_LARGEST_EXPONENT = 300.0  # exp of it, twice, times any capacity, stays finite


class ConvergenceError(ValueError):
    """The potentials still moved after the last iteration."""


class _Side(NamedTuple):
    capacity: Float64Array
    least: Float64Array  # expected meetings that the floor asks for
    boost: float  # by how much, at most, the floor may raise a potential


class Allocation:
    """Expected meetings of candidate pairs under both sides' capacities.

    ``outside`` is the preference at which staying alone is as good as meeting (subtracted from both). ``floor``: each community that has
    a candidate is raised towards that many expected meetings (at most its capacity) by a subsidy of at most ``subsidy`` in preference;
    others' capacities hold all the same. ``tolerance`` is relative to capacity.

    After ``fit``: ``mass_`` (c,) μ, ``left_potential_`` A, ``right_potential_`` B, ``iterations_``. Deterministic.
    """

    def __init__(
        self,
        beta: float = 0.02,
        *,
        outside: float = 0.0,
        floor: float = 0.0,
        subsidy: float = 0.1,
        tolerance: float = 1e-6,
        max_iterations: int = 10_000,
    ) -> None:
        """Raises ValueError for β, tolerance or max_iterations that are not positive, and for a negative floor or subsidy."""
        if not (np.isfinite(beta) and beta > 0 and tolerance > 0 and max_iterations > 0):
            raise ValueError("beta, tolerance and max_iterations must be positive numbers")
        if not (0 <= outside <= 1 and 0 <= floor < np.inf and 0 <= subsidy <= 1):
            raise ValueError("outside and subsidy lie in [0, 1], and floor is not negative")
        self.beta, self.outside, self.floor, self.subsidy = beta, outside, floor, subsidy
        self.tolerance, self.max_iterations = tolerance, max_iterations

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Constructor's parameters by name."""
        names = ("beta", "outside", "floor", "subsidy", "tolerance", "max_iterations")
        return {name: getattr(self, name) for name in names}

    def fit(self, candidates: Candidates, left_capacity: npt.ArrayLike, right_capacity: npt.ArrayLike) -> Allocation:
        """Find the potentials. Capacities are (n_left,) and (n_right,); 0 takes a community out.

        Raises ValueError for capacities of a wrong shape, negative or not finite, and for a β too small to compute with;
        ConvergenceError if the iteration does not settle.
        """
        kernel = self._kernel(candidates)
        turned = kernel.T.tocsr()
        left = self._side(left_capacity, kernel, "left")
        right = self._side(right_capacity, turned, "right")
        a, b = np.sqrt(left.capacity), np.sqrt(right.capacity)
        for iteration in range(1, self.max_iterations + 1):
            a = _potential(left, kernel @ b)
            met = turned @ a
            before, b = b, _potential(right, met)
            # Rows move only as columns do: when no column's meetings would change, nothing does.
            if (np.abs(b - before) * met <= self.tolerance * np.maximum(right.capacity, 1.0)).all():
                break
        else:
            raise ConvergenceError(f"no allocation within {self.max_iterations} iterations; raise beta, tolerance or max_iterations")
        self.candidates_ = candidates
        self.left_potential_, self.right_potential_, self.iterations_ = a, b, iteration
        self.mass_: Float64Array = a[candidates.rows] * kernel.data * b[candidates.cols]
        return self

    def totals(self) -> tuple[Float64Array, Float64Array]:
        """Expected meetings of each left and each right community, (n_left,) and (n_right,)."""
        found = self._fitted()
        totals = (np.bincount(at, self.mass_, len(ids)) for at, ids in ((found.rows, found.left_ids), (found.cols, found.right_ids)))
        left, right = totals
        return left, right

    def lists(self, k: int) -> tuple[IntArray, IntArray]:
        """Each community's k candidates of largest μ, as column numbers (n_left, k) and row numbers (n_right, k), padded with -1.

        Ties are broken by score, then by the counterpart's id.
        """
        found = self._fitted()
        left = ranked_lists(found.rows, found.cols, (found.right_ids[found.cols], -found.scores, -self.mass_), len(found.left_ids), k)
        right = ranked_lists(found.cols, found.rows, (found.left_ids[found.rows], -found.scores, -self.mass_), len(found.right_ids), k)
        return left, right

    def _fitted(self) -> Candidates:
        if not hasattr(self, "candidates_"):
            raise NotFittedError("fit Allocation on candidates first")
        return self.candidates_

    def _kernel(self, candidates: Candidates) -> csr_array:
        exponent = (candidates.left_preference + candidates.right_preference - 2 * self.outside) / (2 * self.beta)
        if len(exponent) and np.abs(exponent).max() + self.subsidy / self.beta > _LARGEST_EXPONENT:
            raise ValueError(f"beta {self.beta} is too small to compute with; use at least {1 / _LARGEST_EXPONENT:.4f}")
        shape = (len(candidates.left_ids), len(candidates.right_ids))
        return csr_array((np.exp(exponent), (candidates.rows, candidates.cols)), shape=shape)

    def _side(self, capacity: npt.ArrayLike, kernel: csr_array, name: str) -> _Side:
        values = np.asarray(capacity, dtype=np.float64)
        if values.shape != (kernel.shape[0],):
            raise ValueError(f"{name} capacities must be {kernel.shape[0]} numbers, one a community, not of shape {values.shape}")
        if not ((values >= 0) & np.isfinite(values)).all():
            raise ValueError(f"{name} capacities must be finite numbers that are not negative")
        return _Side(values, np.minimum(self.floor, values), float(np.exp(self.subsidy / (2 * self.beta))))


def _potential(side: _Side, met: Float64Array) -> Float64Array:
    """√(c + (s/2)²) − s/2 written so that it does not cancel, raised to what the floor asks as far as the subsidy reaches."""
    half = met / 2
    root = side.capacity + half**2
    denominator = np.sqrt(root) + half
    plain = np.divide(side.capacity, denominator, out=np.zeros_like(met), where=denominator > 0)
    wanted = np.divide(side.least, met, out=np.zeros_like(met), where=met > 0)
    raised: Float64Array = np.maximum(plain, np.minimum(wanted, plain * side.boost))
    return raised


def ranked_lists(owners: IntArray, others: IntArray, order: tuple[npt.NDArray[Any], ...], size: int, k: int) -> IntArray:
    """(size, k) others of each owner, sorted by ``order`` as lexsort reads it (last key first), padded with -1."""
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    by_owner = np.lexsort((*order, owners))
    owners, others = owners[by_owner], others[by_owner]
    place = np.arange(len(owners)) - np.searchsorted(owners, owners)
    lists = np.full((size, k), -1, dtype=np.int64)
    shown = place < k
    lists[owners[shown], place[shown]] = others[shown]
    return lists
