"""What a problem must satisfy before it is computed, and its view from the other side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matching.types import (
    BoolArray,
    EligibilityMask,
    Factors,
    FloatArray,
    GroupedMask,
    IntArray,
    PairExceptions,
    PairProblem,
)


def check_problem(problem: PairProblem) -> None:
    """Raises ValueError, saying what is wrong and where, for duplicate ids, wrong shapes, numbers
    that are not finite, negative presence."""
    n_left, n_right = len(problem.left_ids), len(problem.right_ids)
    for name, ids in (("left_ids", problem.left_ids), ("right_ids", problem.right_ids)):
        values, counts = np.unique(ids, return_counts=True)
        if len(values) != len(ids):
            raise ValueError(
                f"{name} must be unique: {values[counts > 1][:5].tolist()} appear more than once"
            )
        if len(values) and values[0] < 0:
            raise ValueError(f"{name} must not be negative (-1 marks padding): found {values[0]}")
    if len(problem.eligibility.left_ok) != n_left or len(problem.eligibility.right_ok) != n_right:
        raise ValueError(
            f"eligibility must have {n_left} left and {n_right} right entries, one for each id"
        )
    if not 0 <= problem.coverage_floor <= 1:
        raise ValueError(f"coverage_floor must lie in [0, 1], not {problem.coverage_floor}")
    check_factors("left_to_right", problem.left_to_right, n_left, n_right, weights=n_left)
    check_factors("right_to_left", problem.right_to_left, n_left, n_right, weights=n_right)
    _check_exceptions(problem.exceptions, n_left, n_right)


def check_factors(name: str, factors: Factors, n_left: int, n_right: int, weights: int) -> None:
    """Raises ValueError when one direction's arrays do not fit or cannot be ranked."""
    expected = {
        "gain_left": n_left,
        "gain_right": n_right,
        "presence_left": n_left,
        "presence_right": n_right,
        "total_weight": weights,
    }
    for field, length in expected.items():
        array: FloatArray = getattr(factors, field)
        if len(array) != length:
            raise ValueError(f"{name}.{field} has {len(array)} rows where {length} are expected")
        # A sum is finite only if every term is; it spares an array of booleans as large as the
        # factors.
        if not np.isfinite(array.sum(dtype=np.float64)):
            row = int(np.argmin(np.isfinite(array.reshape(length, -1)).all(axis=1)))
            raise ValueError(
                f"{name}.{field} holds NaN or infinity in row {row}: leave what is not known out "
                "of the presence instead"
            )
        if field.startswith(("presence", "total")) and array.size and array.min() < 0:
            raise ValueError(f"{name}.{field} must not be negative")
    if (
        factors.gain_left.shape[1] != factors.gain_right.shape[1]
        or factors.presence_left.shape[1] != factors.presence_right.shape[1]
    ):
        raise ValueError(f"{name}: left and right factors must have the same depth")
    if not (0 < factors.slope < np.inf and np.isfinite(factors.intercept)):
        raise ValueError(f"{name}: slope must be positive, and it and the intercept finite")


def check_changed(problem: PairProblem, left: IntArray, right: IntArray) -> None:
    """``check_problem`` for some rows and columns of a problem checked before."""
    for name, factors in (
        ("left_to_right", problem.left_to_right),
        ("right_to_left", problem.right_to_left),
    ):
        owners = left if factors is problem.left_to_right else right
        part = Factors(
            factors.gain_left[left],
            factors.gain_right[right],
            factors.presence_left[left],
            factors.presence_right[right],
            factors.total_weight[owners],
            factors.slope,
            factors.intercept,
        )
        check_factors(name, part, len(left), len(right), weights=len(owners))
    _check_exceptions(problem.exceptions, len(problem.left_ids), len(problem.right_ids))


def _check_exceptions(exceptions: PairExceptions, n_left: int, n_right: int) -> None:
    rows, cols = exceptions.rows, exceptions.cols
    if len(rows) == 0:
        return
    if rows.min() < 0 or cols.min() < 0 or rows.max() >= n_left or cols.max() >= n_right:
        raise ValueError("exceptions name rows or columns that do not exist")
    if (np.diff(rows * np.int64(n_right) + cols) <= 0).any():
        raise ValueError("exceptions must be sorted by (row, col), each pair once")
    for values in (
        exceptions.left_to_right,
        exceptions.right_to_left,
        exceptions.left_coverage,
        exceptions.right_coverage,
    ):
        if len(values) != len(rows) or not np.isfinite(values).all():
            raise ValueError("exceptions must give finite gains and coverages, one for each pair")


@dataclass(slots=True)
class TransposedEligibility:
    """The same mask with the sides exchanged."""

    original: EligibilityMask
    left_ok: BoolArray
    right_ok: BoolArray

    def pairs(self, rows: IntArray, cols: IntArray) -> BoolArray:
        return self.original.pairs(cols, rows)

    def block(self, row_start: int, row_stop: int, col_start: int, col_stop: int) -> BoolArray:
        return np.ascontiguousarray(self.original.block(col_start, col_stop, row_start, row_stop).T)


@dataclass(slots=True)
class TransposedGroups(TransposedEligibility):
    """The same of a mask that knows groups."""

    original: GroupedMask

    def groups(self) -> tuple[IntArray, IntArray]:
        left, right = self.original.groups()
        return right, left

    def reach(self, rows: IntArray, cols: IntArray) -> tuple[BoolArray, BoolArray]:
        return self.original.reach_of_right(rows, cols)

    def reach_of_right(self, cols: IntArray, rows: IntArray) -> tuple[BoolArray, BoolArray]:
        return self.original.reach(cols, rows)


def _exchanged(mask: EligibilityMask) -> EligibilityMask:
    if isinstance(mask, GroupedMask) and not isinstance(mask, TransposedEligibility):
        return TransposedGroups(mask, mask.right_ok, mask.left_ok)
    return (
        mask.original
        if isinstance(mask, TransposedEligibility)
        else TransposedEligibility(mask, mask.right_ok, mask.left_ok)
    )


def _swapped(factors: Factors) -> Factors:
    return Factors(
        gain_left=factors.gain_right,
        gain_right=factors.gain_left,
        presence_left=factors.presence_right,
        presence_right=factors.presence_left,
        total_weight=factors.total_weight,
        slope=factors.slope,
        intercept=factors.intercept,
    )


def transposed(problem: PairProblem) -> PairProblem:
    """The same problem with the sides exchanged; copies nothing but the exceptions."""
    exceptions = problem.exceptions
    order = np.lexsort((exceptions.rows, exceptions.cols))
    return PairProblem(
        left_ids=problem.right_ids,
        right_ids=problem.left_ids,
        left_to_right=_swapped(problem.right_to_left),
        right_to_left=_swapped(problem.left_to_right),
        eligibility=_exchanged(problem.eligibility),
        exceptions=PairExceptions(
            rows=exceptions.cols[order],
            cols=exceptions.rows[order],
            left_to_right=exceptions.right_to_left[order],
            right_to_left=exceptions.left_to_right[order],
            left_coverage=exceptions.right_coverage[order],
            right_coverage=exceptions.left_coverage[order],
        ),
        coverage_floor=problem.coverage_floor,
    )
