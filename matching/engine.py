"""From a snapshot to everything the ranking needs, and from a pair to its reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from matching.base_rates import BaseRates, Rates
from matching.candidates import Eligibility
from matching.explain import Direction, explain_direction
from matching.features import EncodedSnapshot, FeatureBuilder, FeatureMatrix
from matching.preference import Preference
from matching.types import DuplicateIdError, Explanation, PairProblem, ProfileRecord, Snapshot
from matching.weights import Weights


@dataclass(frozen=True, slots=True)
class Engine:
    """One snapshot, encoded and weighted. ``problem`` is what ``top_k`` takes."""

    snapshot: Snapshot
    weights: Weights
    builder: FeatureBuilder
    left: FeatureMatrix
    right: FeatureMatrix
    base_rates: BaseRates
    rates: tuple[Rates, Rates]  # of left and of right as choosers
    preference: Preference
    eligibility: Eligibility
    problem: PairProblem
    rows: Mapping[int, int]  # left id → row
    cols: Mapping[int, int]  # right id → column

    def explain(self, left_id: int, right_id: int) -> tuple[Explanation, Explanation]:
        """Why left would choose right, and right left. Raises KeyError outside the snapshot."""
        row, col = self._place(left_id, right_id)
        a, b = self.snapshot.left[row], self.snapshot.right[col]
        shared = self.builder.parts_, self.weights, self.base_rates
        left, right = (self.left, row), (self.right, col)
        return (
            explain_direction(Direction(*shared, self.rates[0], *left, *right, a, b)),
            explain_direction(Direction(*shared, self.rates[1], *right, *left, b, a)),
        )

    def exclusions(self, left_id: int, right_id: int) -> tuple[str, ...]:
        """The rules that exclude a pair; empty if none does. Raises KeyError as ``explain``."""
        return self.eligibility.reasons(*self._place(left_id, right_id))

    def _place(self, left_id: int, right_id: int) -> tuple[int, int]:
        if left_id not in self.rows or right_id not in self.cols:
            raise KeyError(
                f"pair {left_id}–{right_id} is not in snapshot {self.snapshot.version!r}"
            )
        return self.rows[left_id], self.cols[right_id]


def build_engine(
    snapshot: Snapshot,
    builder: FeatureBuilder,
    weights: Weights | None = None,
    *,
    earlier: Engine | None = None,
) -> Engine:
    """Encode both sides and write the pair problem. A builder not yet fitted is fitted first; one
    fitted on an earlier snapshot stays so.

    ``earlier`` is an engine of the same builder over another snapshot: records that both hold are
    not encoded again. Base rates are those of the snapshot that the builder was fitted on.

    Raises ``RecordError`` subclasses that name record and field, among them DuplicateIdError if a
    community is on both sides.
    """
    weights = weights or Weights()
    if not hasattr(builder, "parts_"):
        builder.fit(snapshot)
    known = (
        EncodedSnapshot(earlier.snapshot, earlier.left, earlier.right)
        if earlier is not None
        else None
    )
    left, right = builder.transform_sides(snapshot, known)
    rows, cols = ({int(id_): at for at, id_ in enumerate(side.ids)} for side in (left, right))
    for id_ in rows.keys() & cols.keys():
        raise DuplicateIdError(id_, "id", "is on both sides; a community is either left or right")
    base_rates = BaseRates.of(builder)
    rates = _rates(base_rates, snapshot, left, right, earlier)
    preference = Preference(weights).fit(left, right, rates)
    eligibility = Eligibility(snapshot)
    problem = PairProblem(
        left_ids=left.ids,
        right_ids=right.ids,
        left_to_right=preference.left_to_right_,
        right_to_left=preference.right_to_left_,
        eligibility=eligibility,
        exceptions=preference.exceptions_,
        coverage_floor=weights.coverage_floor,
    )
    return Engine(
        snapshot,
        weights,
        builder,
        left,
        right,
        base_rates,
        rates,
        preference,
        eligibility,
        problem,
        MappingProxyType(rows),
        MappingProxyType(cols),
    )


def _rates(
    base_rates: BaseRates,
    snapshot: Snapshot,
    left: FeatureMatrix,
    right: FeatureMatrix,
    earlier: Engine | None,
) -> tuple[Rates, Rates]:
    if earlier is None or earlier.base_rates is not base_rates:
        return base_rates.of_side(snapshot.left, left), base_rates.of_side(snapshot.right, right)
    known = earlier.snapshot
    return (
        base_rates.of_side(snapshot.left, left, (known.left, earlier.rates[0])),
        base_rates.of_side(snapshot.right, right, (known.right, earlier.rates[1])),
    )


@dataclass(frozen=True, slots=True)
class Changes:
    """What ``RankingIndex.update`` needs to move from one engine's problem to another's."""

    left: tuple[int, ...]
    right: tuple[int, ...]
    same_columns: bool


def changes_between(before: Engine, after: Engine) -> Changes:
    """Communities whose pairs have changed between two engines of one builder and weights."""
    left, right = (
        _changed_records(*sides)
        for sides in (
            (before.snapshot.left, after.snapshot.left),
            (before.snapshot.right, after.snapshot.right),
        )
    )
    for one, other in before.snapshot.barred_pairs ^ after.snapshot.barred_pairs:
        if one in after.rows and other in after.cols:
            left.add(one)
    if before.snapshot.barred_countries != after.snapshot.barred_countries:
        left.update(after.rows)
    return Changes(
        tuple(sorted(left)),
        tuple(sorted(right)),
        before.preference.columns_ == after.preference.columns_,
    )


def _changed_records(
    before: tuple[ProfileRecord, ...], after: tuple[ProfileRecord, ...]
) -> set[int]:
    known = {record.id: record for record in before}
    return {r.id for r in after if r.id in known and known[r.id] is not r and known[r.id] != r}


def build_problem(
    snapshot: Snapshot, builder: FeatureBuilder, weights: Weights | None = None
) -> PairProblem:
    """The pair problem alone, for callers that need no reasons."""
    return build_engine(snapshot, builder, weights).problem
