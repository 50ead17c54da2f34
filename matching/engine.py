"""From a snapshot to everything the ranking needs, and from a pair to its reasons."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from matching.base_rates import BaseRates, Rates
from matching.candidates import Eligibility
from matching.explain import Direction, explain_direction
from matching.facets.part import Side
from matching.features import EncodedSnapshot, FeatureBuilder, FeatureMatrix
from matching.preference import Preference
from matching.reciprocal import Reciprocal
from matching.types import (
    BoolArray,
    DuplicateIdError,
    Explanation,
    IntArray,
    PairProblem,
    ProfileRecord,
    Snapshot,
)
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
    base_rates.take_over(snapshot, left, right)
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


class CandidateRank(NamedTuple):
    """A counterpart's place among a chooser's own candidates, 1 = best, and how many there are."""

    rank: int
    candidates: int


_RANK_CELLS = 2_000_000  # scores at once
_EQUAL = 1e-6  # scores this close are equal: float32 tells no more


def rank_among_candidates(
    engine: Engine, side: Side, pairs: Sequence[tuple[int, int]], fusion: str
) -> list[CandidateRank]:
    """The places of counterparts among all candidates of the choosers of ``side``, by the score.

    ``pairs`` are (left id, right id). Candidates are those of ``BaseRates``: communities of the
    snapshot that the features were fitted on which the chooser's own wishes and public facts allow.
    So a place depends neither on what anybody answered, has room for or excludes, nor on edits of
    the others since then. The counterpart itself always counts. Equal scores share the better
    place. Raises KeyError for a pair outside of the engine's snapshot.
    """
    if not pairs:
        return []
    at = ("left", "right").index(side)
    places = np.array([(engine.rows[pair[0]], engine.cols[pair[1]]) for pair in pairs])
    preferences = engine.preference.pairs(places[:, 0], places[:, 1])
    fuse = Reciprocal(fusion).fuse
    own = fuse(preferences.left_to_right, preferences.right_to_left)
    chooser, row = np.unique(places[:, at], return_inverse=True)
    mine = engine.snapshot.left if side == "left" else engine.snapshot.right
    records = tuple(mine[place] for place in chooser.tolist())
    frozen = engine.base_rates.snapshot
    frozen = (
        dataclasses.replace(frozen, left=records)
        if side == "left"
        else dataclasses.replace(frozen, right=records)
    )
    against = build_engine(frozen, engine.builder, engine.weights, earlier=engine)
    groups = engine.base_rates.candidate_groups(records, side)
    counterpart = against.cols if side == "left" else against.rows
    col = np.array([counterpart.get(pair[1 - at], -1) for pair in pairs])
    better, allowed = np.zeros((2, len(pairs)), dtype=np.int64)
    step = max(1, _RANK_CELLS // max(len(counterpart), 1))
    for start in range(0, len(records), step):
        rows = np.arange(start, min(start + step, len(records)))
        scores = fuse(*_dense_preferences(against, side, rows))
        candidates = groups.allowed[groups.of_chooser[rows]][:, groups.cell]
        of_pairs = np.flatnonzero((row >= start) & (row < start + step))
        for pair in of_pairs.tolist():
            others = _without(candidates[row[pair] - start], col[pair])
            better[pair] = (others & (scores[row[pair] - start] > own[pair] + _EQUAL)).sum()
            allowed[pair] = others.sum()
    return [
        CandidateRank(above + 1, others + 1)
        for above, others in zip(better.tolist(), allowed.tolist(), strict=True)
    ]


def _without(candidates: BoolArray, col: int) -> BoolArray:
    others = candidates.copy()
    if col >= 0:
        others[col] = False
    return others


def _dense_preferences(
    engine: Engine, side: Side, rows: IntArray
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(r, n) preferences of some choosers for all counterparts, and of these for them."""
    preference, exceptions = engine.preference, engine.problem.exceptions
    own, other = exceptions.rows, exceptions.cols
    if side == "right":
        own, other = other, own
    named = np.flatnonzero((own >= rows[0]) & (own <= rows[-1]))
    found = []
    for factors, gains in (
        (preference.left_to_right_, exceptions.left_to_right),
        (preference.right_to_left_, exceptions.right_to_left),
    ):
        mine, theirs = factors.gain_left, factors.gain_right
        if side == "right":
            mine, theirs = theirs, mine
        gain = (mine[rows] @ theirs.T).astype(np.float64)
        gain[own[named] - rows[0], other[named]] = gains[named]
        found.append(engine.weights.preference(gain))
    forth, back = found
    return forth, back


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
