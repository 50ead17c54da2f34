"""Anderson acceleration of a fixed-point iteration x ← g(x) (Anderson 1965; Walker & Ni 2011).

Where K is large the plain iteration of the potentials contracts slowly along a few directions;
mixing the last steps finds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy

from matching.allocation.candidates import Candidates
from matching.types import IntArray, NotFittedError

_DEPTH = 8


class Mixing:
    """Takes x and g(x), and gives the next x."""

    def __init__(self) -> None:
        self._steps: list[Float64Array] = []  # g(x) − x
        self._results: list[Float64Array] = []  # g(x)
        self._best = np.inf

    def step(self, x: Float64Array, result: Float64Array) -> Float64Array:
        """The mixture of the last results whose steps cancel best, unless mixing made it worse."""
        step = result - x
        size = float(np.abs(step).max(initial=0.0))
        if size > 10 * self._best:  # gone astray: begin again from a plain step
            self._steps, self._results, self._best = [], [], np.inf
        self._best = min(self._best, size)
        self._steps, self._results = (
            [*self._steps, step][-_DEPTH:],
            [*self._results, result][-_DEPTH:],
        )
        if len(self._steps) == 1:
            return result
        differences = np.diff(np.array(self._steps), axis=0)
        gram = differences @ differences.T
        gram[np.diag_indices_from(gram)] += 1e-12 * gram.trace()
        shares = np.linalg.solve(
            gram + np.finfo(float).tiny * np.eye(len(gram)), differences @ step
        )
        mixed: Float64Array = result - shares @ np.diff(np.array(self._results), axis=0)
        return mixed if np.abs(mixed - result).max() < 100 else result


if TYPE_CHECKING:
    from scipy.sparse import csr_array

Float64Array = npt.NDArray[np.float64]
_NOTHING = 1e-280
_FLOOR_ROUNDS = 5
_FLOOR_SLACK = 1e-3  # relative: who is this close to the floor has reached it
_LARGEST_EXPONENT = 300.0  # exp of it, twice, times any capacity, stays finite


class ConvergenceError(ValueError):
    """The potentials still moved after the last iteration."""


class _Side(NamedTuple):
    capacity: Float64Array
    part: IntArray  # the connected part of the graph that each community is in


class Allocation:
    """Expected matches of candidate pairs under both sides' capacities.

    ``outside`` is the preference at which staying alone is as good as meeting (subtracted from
    both). ``floor``: each community that has a candidate is raised towards that many expected
    meetings (at most its capacity) by a subsidy of at most ``subsidy`` in preference to those who
    meet it; others' capacities hold all the same. ``tolerance`` is relative to capacity.

    The plain formula is ``outside=0, floor=0``. Measured on the sample world (400 × 1,187, two
    suggestions per introduction; communities accept by a taste that needs lead,
    ``matching.lab.tastes``): β_market = 0.005, 0.01, 0.02 give 291, 293, 292 expected mutual
    interests, 0.05 gives 283 and 0.1 gives 252; ``floor=1`` brings 6 more and less envy (2.2 for
    2.7), as it moves meetings to those who are wanted by few. What is smaller settles later.

    After ``fit``: ``mass_`` (c,) μ, ``left_potential_`` A, ``right_potential_`` B, ``iterations_``.
    Deterministic.
    """

    def __init__(
        self,
        beta_market: float = 0.01,
        *,
        outside: float = 0.0,
        floor: float = 0.0,
        subsidy: float = 0.1,
        tolerance: float = 1e-4,
        max_iterations: int = 10_000,
    ) -> None:
        """Raises ValueError unless β_market, tolerance, max_iterations > 0, and the others ≥ 0."""
        if not (
            np.isfinite(beta_market) and beta_market > 0 and tolerance > 0 and max_iterations > 0
        ):
            raise ValueError("beta_market, tolerance and max_iterations must be positive numbers")
        if not (0 <= outside <= 1 and 0 <= floor < np.inf and 0 <= subsidy <= 1):
            raise ValueError("outside and subsidy lie in [0, 1], and floor is not negative")
        self.beta_market, self.outside, self.floor, self.subsidy = (
            beta_market,
            outside,
            floor,
            subsidy,
        )
        self.tolerance, self.max_iterations = tolerance, max_iterations

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Constructor's parameters by name."""
        names = ("beta_market", "outside", "floor", "subsidy", "tolerance", "max_iterations")
        return {name: getattr(self, name) for name in names}

    def fit(
        self, candidates: Candidates, left_capacity: npt.ArrayLike, right_capacity: npt.ArrayLike
    ) -> Allocation:
        """Find the potentials. Capacities are (n_left,) and (n_right,); 0 takes a community out.

        Raises ValueError for capacities of a wrong shape, negative or not finite, and for a
        β_market too small to compute with; ConvergenceError if the iteration does not settle.
        """
        parts = _connected_parts(candidates)
        n = len(candidates.left_ids)
        left, right = (
            _side(left_capacity, parts[:n], "left"),
            _side(right_capacity, parts[n:], "right"),
        )
        kernel = self._kernel(candidates)
        most = np.exp(self.subsidy / (2 * self.beta_market))
        raised = np.ones(n), np.ones(len(parts) - n)
        b = np.sqrt(right.capacity)
        for _ in range(_FLOOR_ROUNDS if self.floor else 1):
            scaled = scipy.sparse.csr_array(
                (
                    kernel.data * raised[0][candidates.rows] * raised[1][candidates.cols],
                    kernel.indices,
                    kernel.indptr,
                ),
                kernel.shape,
            )
            a, b = self._settle(scaled, left, right, b)
            wanted = (
                _raise(raised[0], a * (scaled @ b), left, self.floor, most),
                _raise(raised[1], b * (scaled.T @ a), right, self.floor, most),
            )
            if all(np.array_equal(old, new) for old, new in zip(raised, wanted, strict=True)):
                break
            raised = wanted
        self.candidates_ = candidates
        self.left_potential_, self.right_potential_ = a, b
        self.mass_: Float64Array = a[candidates.rows] * scaled.data * b[candidates.cols]
        return self

    def _settle(
        self, kernel: csr_array, left: _Side, right: _Side, b: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        """The potentials for a kernel, starting from the last B."""
        turned = kernel.T.tocsr()
        mixing = Mixing()
        for iterations in range(1, self.max_iterations + 1):
            a = _potential(left.capacity, kernel @ b)
            met = turned @ a
            before, b = b, _potential(right.capacity, met)
            # Rows move only as columns do: when no column's meetings would change, nothing does.
            if (np.abs(b - before) * met <= self.tolerance * np.maximum(right.capacity, 1.0)).all():
                self.iterations_ = iterations
                return a, b
            b = np.exp(mixing.step(_log(before), _log(b / _imbalance(left, a, right, b))))
        raise ConvergenceError(
            f"no allocation within {self.max_iterations} iterations; raise beta_market, "
            "tolerance or max_iterations"
        )

    def totals(self) -> tuple[Float64Array, Float64Array]:
        """Expected matches of each left and each right community, (n_left,) and (n_right,)."""
        found = self._fitted()
        left = np.bincount(found.rows, self.mass_, len(found.left_ids)).astype(np.float64)
        return left, np.bincount(found.cols, self.mass_, len(found.right_ids)).astype(np.float64)

    def lists(self, k: int) -> tuple[IntArray, IntArray]:
        """Each community's k candidates of largest μ, as column numbers (n_left, k) and row numbers
        (n_right, k), padded with -1.

        Ties are broken by score, then by the counterpart's id.
        """
        found = self._fitted()
        left = ranked_lists(
            found.rows,
            found.cols,
            (found.right_ids[found.cols], -found.scores, -self.mass_),
            len(found.left_ids),
            k,
        )
        right = ranked_lists(
            found.cols,
            found.rows,
            (found.left_ids[found.rows], -found.scores, -self.mass_),
            len(found.right_ids),
            k,
        )
        return left, right

    def _fitted(self) -> Candidates:
        if not hasattr(self, "candidates_"):
            raise NotFittedError("fit Allocation on candidates first")
        return self.candidates_

    def _kernel(self, candidates: Candidates) -> csr_array:
        exponent = (candidates.left_preference + candidates.right_preference - 2 * self.outside) / (
            2 * self.beta_market
        )
        if (
            len(exponent)
            and np.abs(exponent).max() + self.subsidy / self.beta_market > _LARGEST_EXPONENT
        ):
            raise ValueError(
                f"beta_market {self.beta_market} is too small to compute with; use at least "
                f"{1 / _LARGEST_EXPONENT:.4f}"
            )
        shape = (len(candidates.left_ids), len(candidates.right_ids))
        return scipy.sparse.csr_array(
            (np.exp(exponent), (candidates.rows, candidates.cols)), shape=shape
        )


def _side(capacity: npt.ArrayLike, part: IntArray, name: str) -> _Side:
    values = np.asarray(capacity, dtype=np.float64)
    if values.shape != part.shape:
        raise ValueError(
            f"{name} capacities must be {len(part)} numbers, one a community, not of shape "
            f"{values.shape}"
        )
    if not ((values >= 0) & np.isfinite(values)).all():
        raise ValueError(f"{name} capacities must be finite numbers that are not negative")
    return _Side(values, part)


def _connected_parts(candidates: Candidates) -> IntArray:
    """(n_left + n_right,) number of each community's connected part of the graph."""
    from scipy.sparse.csgraph import connected_components

    n, size = len(candidates.left_ids), len(candidates.left_ids) + len(candidates.right_ids)
    if size == 0:
        return np.zeros(0, dtype=np.int64)
    graph = scipy.sparse.csr_array(
        (np.ones(len(candidates)), (candidates.rows, n + candidates.cols)), shape=(size, size)
    )
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _potential(capacity: Float64Array, met: Float64Array) -> Float64Array:
    """√(c + (s/2)²) − s/2, written so that it does not cancel."""
    denominator = np.sqrt(capacity + (met / 2) ** 2) + met / 2
    return np.divide(capacity, denominator, out=np.zeros_like(met), where=denominator > 0)


def _log(values: Float64Array) -> Float64Array:
    """Logarithms; of those without capacity, which stay at nothing, a very small one."""
    logarithms: Float64Array = np.log(np.maximum(values, _NOTHING))
    return logarithms


def _raise(
    raised: Float64Array, met: Float64Array, side: _Side, floor: float, most: float
) -> Float64Array:
    """The factor on K for those below the floor that would lift them to it, others unchanged."""
    short = np.divide(np.minimum(floor, side.capacity), met, out=np.ones_like(met), where=met > 0)
    return np.minimum(raised * np.where(short > 1.0 + _FLOOR_SLACK, short, 1.0), most)


def _imbalance(left: _Side, a: Float64Array, right: _Side, b: Float64Array) -> Float64Array:
    """(n_right,) by what factor B is too large in its connected part.

    A·t and B/t meet alike for any t, so plain iteration finds t only through the capacity left
    over, which is next to nothing where K is large: it would creep. But what is left over must
    differ by as much as the capacities do, t²·ΣA² − ΣB²/t² = Σc_left − Σc_right, which gives t at
    once.
    """
    size = int(max(left.part.max(initial=-1), right.part.max(initial=-1))) + 1
    mine, theirs = np.bincount(left.part, a**2, size), np.bincount(right.part, b**2, size)
    gap = np.bincount(left.part, left.capacity, size) - np.bincount(
        right.part, right.capacity, size
    )
    root = np.sqrt(gap**2 + 4 * mine * theirs)
    both = (mine > 0) & (theirs > 0)
    # The root of the quadratic, in whichever form does not cancel.
    squared = np.divide(gap + root, 2 * mine, out=np.ones(size), where=both & (gap >= 0))
    squared = np.divide(2 * theirs, root - gap, out=squared, where=both & (gap < 0))
    factor: Float64Array = np.sqrt(squared)
    return factor[right.part]


def ranked_lists(
    owners: IntArray, others: IntArray, order: tuple[npt.NDArray[Any], ...], size: int, k: int
) -> IntArray:
    """(size, k) others of each owner, sorted as ``np.lexsort(order)``, padded with -1."""
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    by_owner = np.lexsort((*order, owners))
    owners, others = owners[by_owner], others[by_owner]
    place = np.arange(len(owners)) - np.searchsorted(owners, owners)
    lists = np.full((size, k), -1, dtype=np.int64)
    shown = place < k
    lists[owners[shown], place[shown]] = others[shown]
    return lists
