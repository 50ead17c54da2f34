"""Lists that maximise a welfare of both sides: social, Nash, and what lies between them.

Tomita & Yokoyama, "Fair Reciprocal Recommendation in Matching Markets" (RecSys 2024) and
"Balancing Fairness and High Match Rates in Reciprocal Recommender Systems" (2026,
arXiv:2601.13609). A community's list is a policy: with what probability each candidate stands at
each place; place k is looked at with probability e(k) = 1/k. The expected matches of i are M_i =
Σ_j p_ij · q_ij · a_ij · b_ij, with both sides' looks a and b. Given the left lists, the right
lists share out the opportunities of the left side, and the other way round; so in turn the right
lists climb Σ_i M_i^α/α of the left communities, and the left lists that of the right ones:
``alpha_welfare`` = 1 is social welfare (most matches), 0 is Nash welfare (Σ log M_i, nearly free of
envy). Each step goes towards the lists that are best by the gradient (Frank–Wolfe). That gradient
is a product of a candidate's worth and a place's e(k), so the best list is the one sorted by worth
(rearrangement inequality), exactly: what the papers solve as a linear programme, or approximate by
entropy and Sinkhorn's scaling (``sharpness``), costs one sort.

Written for a sparse graph of candidates. A policy enters only by its looks, so they are all that
is kept: memory is (c, places) for c candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching.allocation.candidates import Candidates
from matching.types import IntArray

Float64Array = npt.NDArray[np.float64]
_LEAST = 1e-6  # expected matches below which the Nash gradient does not grow any further


@dataclass(frozen=True, slots=True)
class SparseLooks:
    """(c,) with what probability each candidate is looked at, in the lists of either side."""

    left: Float64Array
    right: Float64Array


class _SideLists:
    """The lists of one side, over candidates grouped by owner."""

    def __init__(self, owners: IntArray, places: IntArray) -> None:
        self.owners = owners
        self.order = np.argsort(owners, kind="stable")
        self.back = np.argsort(self.order, kind="stable")
        present, self.starts, count = np.unique(
            owners[self.order], return_index=True, return_counts=True
        )
        self.group = np.repeat(np.arange(len(present)), count)
        room = np.minimum(places[present], count)
        self.room = room[self.group]
        number = np.arange(int(places.max(initial=0)))
        # One row an owner: its places, and last how many candidates stand on none
        self.capacity = np.column_stack([number < room[:, None], count - room]).astype(np.float64)
        self.examined = np.append(1.0 / (number + 1.0), 0.0)
        self.even = (self.capacity @ self.examined / count)[self.group][self.back]

    def best(self, value: Float64Array) -> Float64Array:
        """(c,) looks of the lists that maximise Σ value · looks."""
        by_owner = np.lexsort((-value, self.owners))
        place = np.arange(len(by_owner)) - self.starts[self.group]
        looks = np.empty(len(by_owner))
        looks[by_owner] = np.where(place < self.room, 1.0 / (place + 1.0), 0.0)
        return looks

    def smooth(self, value: Float64Array, sharpness: float, rounds: int) -> Float64Array:
        """(c,) looks of the policy that maximises Σ value · looks + entropy / sharpness, values in
        units of each owner's largest, by ``rounds`` of Sinkhorn's scaling.
        """
        sorted_value = value[self.order]
        largest = np.maximum.reduceat(sorted_value, self.starts)
        scaled = sorted_value / np.where(largest > 0, largest, 1.0)[self.group]
        policy = np.exp(sharpness * scaled[:, None] * (self.examined - 1.0))
        for _ in range(rounds):
            policy /= policy.sum(axis=1, keepdims=True)
            met = np.add.reduceat(policy, self.starts, axis=0)
            factor = np.divide(self.capacity, met, out=np.zeros_like(met), where=met > 0)
            policy *= factor[self.group]
        looks: Float64Array = (policy @ self.examined)[self.back]
        return looks


class WelfareLists:
    """SparseLooks of both sides' lists that maximise α-welfare by the candidates' preferences.

    ``steps`` of Frank–Wolfe, each of ``rate``, from even lists. With a ``sharpness`` (λ) each step
    is the entropic one of the paper of 2026, in ``rounds`` of Sinkhorn, instead of the exact one:
    for comparison, as it takes far longer. A local optimum: the problem is concave in each side's
    lists alone, not in both. Deterministic.
    """

    def __init__(
        self,
        alpha_welfare: float,
        *,
        steps: int = 100,
        rate: float = 0.1,
        sharpness: float | None = None,
        rounds: int = 100,
    ) -> None:
        """Raises ValueError outside 0 ≤ α ≤ 1, 0 < rate ≤ 1, sharpness > 0, or no step or round."""
        known = sharpness is None or 0 < sharpness <= 300
        if not (0 <= alpha_welfare <= 1 and 0 < rate <= 1 and known):
            raise ValueError(
                "alpha_welfare lies in [0, 1], rate in (0, 1] and sharpness in (0, 300]"
            )
        if steps < 1 or rounds < 1:
            raise ValueError("steps and rounds are whole numbers from 1")
        self.alpha_welfare, self.steps, self.rate = alpha_welfare, steps, rate
        self.sharpness, self.rounds = sharpness, rounds

    def fit(
        self, candidates: Candidates, left_places: IntArray, right_places: IntArray
    ) -> WelfareLists:
        """Find ``looks_`` for (n_left,) and (n_right,) places in each community's list.

        Raises ValueError for places of a wrong shape or below 1.
        """
        sides = (candidates.rows, left_places), (candidates.cols, right_places)
        for name, ids, (_, places) in zip(
            ("left", "right"), (candidates.left_ids, candidates.right_ids), sides, strict=True
        ):
            if np.shape(places) != (len(ids),) or (np.asarray(places) < 1).any():
                raise ValueError(f"{name} places must be {len(ids)} whole numbers from 1")
        wanted = candidates.left_preference * candidates.right_preference
        left, right = (_SideLists(owners, np.asarray(places)) for owners, places in sides)
        looks = SparseLooks(left.even, right.even)
        for _ in range(self.steps if len(candidates) else 0):
            gradient = self._gradient(wanted * looks.left, looks.right, candidates.rows)
            looks = SparseLooks(looks.left, self._towards(right, looks.right, gradient))
            gradient = self._gradient(wanted * looks.right, looks.left, candidates.cols)
            looks = SparseLooks(self._towards(left, looks.left, gradient), looks.right)
        self.looks_ = looks
        return self

    def _towards(
        self, lists: _SideLists, looks: Float64Array, gradient: Float64Array
    ) -> Float64Array:
        best = (
            lists.best(gradient)
            if self.sharpness is None
            else lists.smooth(gradient, self.sharpness, self.rounds)
        )
        return (1.0 - self.rate) * looks + self.rate * best

    def _gradient(self, value: Float64Array, looks: Float64Array, owners: IntArray) -> Float64Array:
        """Of Σ M^α/α by the looks at the owners, M = Σ value · looks over each one's candidates."""
        matches = np.maximum(np.bincount(owners, value * looks), _LEAST)
        return np.asarray(value * matches[owners] ** (self.alpha_welfare - 1.0))
