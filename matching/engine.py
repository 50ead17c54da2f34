"""From a snapshot to everything the ranking needs, and from a pair to its reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from matching.candidates import Eligibility
from matching.errors import DuplicateIdError
from matching.explain import explain_direction
from matching.features import FeatureBuilder, FeatureMatrix
from matching.preference import Preference
from matching.types import Explanation, PairProblem, Snapshot
from matching.weights import Weights


@dataclass(frozen=True, slots=True)
class Engine:
    """One snapshot, encoded and weighted. ``problem`` is what ``top_k`` takes."""

    snapshot: Snapshot
    weights: Weights
    builder: FeatureBuilder
    left: FeatureMatrix
    right: FeatureMatrix
    preference: Preference
    eligibility: Eligibility
    problem: PairProblem
    rows: Mapping[int, int]  # left id → row
    cols: Mapping[int, int]  # right id → column

    def explain(self, left_id: int, right_id: int) -> tuple[Explanation, Explanation]:
        """Why left would choose right, and right left. Raises KeyError if one of them is not in the snapshot."""
        row, col = self._place(left_id, right_id)
        a, b = self.snapshot.left[row], self.snapshot.right[col]
        parts = self.builder.parts_
        forth = explain_direction(parts, self.weights, self.left, row, self.right, col, a, b)
        return forth, explain_direction(parts, self.weights, self.right, col, self.left, row, b, a)

    def exclusions(self, left_id: int, right_id: int) -> tuple[str, ...]:
        """The rules that keep a pair from being suggested; empty if none does. Raises KeyError as ``explain``."""
        return self.eligibility.reasons(*self._place(left_id, right_id))

    def _place(self, left_id: int, right_id: int) -> tuple[int, int]:
        if left_id not in self.rows or right_id not in self.cols:
            raise KeyError(f"pair {left_id}–{right_id} is not in snapshot {self.snapshot.version!r}")
        return self.rows[left_id], self.cols[right_id]


def build_engine(snapshot: Snapshot, builder: FeatureBuilder, weights: Weights | None = None) -> Engine:
    """Encode both sides and write the pair problem. A builder not yet fitted is fitted first; one fitted on an earlier snapshot stays so.

    Raises ``RecordError`` subclasses that name record and field, among them DuplicateIdError if a community stands on both sides.
    """
    weights = weights or Weights()
    if not hasattr(builder, "parts_"):
        builder.fit(snapshot)
    left, right = builder.transform_sides(snapshot)
    rows, cols = ({int(id_): at for at, id_ in enumerate(side.ids)} for side in (left, right))
    for id_ in rows.keys() & cols.keys():
        raise DuplicateIdError(id_, "id", "stands on both sides; a community is either left or right")
    preference = Preference(weights).fit(left, right)
    eligibility = Eligibility(snapshot)
    problem = PairProblem(
        left_ids=left.ids, right_ids=right.ids,
        left_to_right=preference.left_to_right_, right_to_left=preference.right_to_left_,
        eligibility=eligibility, exceptions=preference.exceptions_, coverage_floor=weights.coverage_floor,
    )  # fmt: skip
    return Engine(snapshot, weights, builder, left, right, preference, eligibility, problem, MappingProxyType(rows), MappingProxyType(cols))


def build_problem(snapshot: Snapshot, builder: FeatureBuilder, weights: Weights | None = None) -> PairProblem:
    """The pair problem alone, for callers that need no reasons."""
    return build_engine(snapshot, builder, weights).problem
