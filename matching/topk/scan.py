"""Whole rows against all columns: exact k best with ties, for lists that cannot decide."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

from matching.reciprocal import fuse
from matching.topk.pairs import (
    COVERAGE_TOLERANCE,
    PairScores,
    numerators_of_row,
    score_pairs,
    scored,
)
from matching.topk.threads import run_threads, share_out
from matching.types import BoolArray, Factors, FloatArray, IntArray, PairProblem

Float32Array = npt.NDArray[np.float32]

_CHUNK = 8_192  # columns whose scores are finished while they are in cache
# Columns over which a single row's numerators are added up: long enough to be read as fast as
# memory allows
_WIDE = 131_072
# Pairs of a row scored exactly at once: what they have in one dimension fits in the cache
_FINISHED = 4_096
# In place of preferences of 0, so that 0/0 cannot arise: far below any rounding
_NEXT_TO_NOTHING = np.float32(1e-15)
_IMPOSSIBLE = np.float32(-1)  # below every score: the pair cannot reach the coverage floor


class ColumnMajor:
    """Right numerators with contiguous dimensions: a row reads only those it has."""

    def __init__(self, problem: PairProblem) -> None:
        self.forth: FloatArray = np.ascontiguousarray(problem.left_to_right.numerator_right.T)
        self.back: FloatArray = np.ascontiguousarray(problem.right_to_left.numerator_right.T)

    def renew(self, problem: PairProblem, cols: IntArray) -> None:
        """Takes over the factors of some columns."""
        self.forth[:, cols] = problem.left_to_right.numerator_right[cols].T
        self.back[:, cols] = problem.right_to_left.numerator_right[cols].T


def row_scores(
    problem: PairProblem,
    rows: IntArray,
    fusion: str,
    threads: int = 1,
    columns: ColumnMajor | None = None,
) -> Float32Array:
    """(r, n_right) float32 scores, -1 where the coverage floor is out of reach. Eligibility is not
    asked; exceptions are not in it.

    ``columns``, if there, are the problem's own, and serve a single row.
    """
    n = len(problem.right_ids)
    scores = np.empty((len(rows), n), dtype=np.float32)
    forth, back = problem.left_to_right, problem.right_to_left
    floor = np.float32(max(problem.coverage_floor - 2 * COVERAGE_TOLERANCE, 0.0) * (1 - 1e-5))
    own_limit = (forth.total_weight[rows] * floor)[:, None]
    single = columns is not None and len(rows) == 1
    step = _WIDE if single else _CHUNK
    draw = share_out(range(0, n, step))
    forth_rows, back_rows = _taken(forth, rows), _taken(back, rows)

    def work() -> None:
        while (start := draw()) is not None:
            wide = slice(start, min(n, start + step))
            if single and columns is not None:
                forth_sums, back_sums = (
                    _summed(forth_rows[0], columns.forth, wide),
                    _summed(back_rows[0], columns.back, wide),
                )
            else:
                forth_sums, back_sums = (
                    forth_rows[0] @ forth.numerator_right[wide].T,
                    back_rows[0] @ back.numerator_right[wide].T,
                )
            for at in range(start, wide.stop, _CHUNK):
                part = slice(at, min(wide.stop, at + _CHUNK))
                inner = slice(at - start, part.stop - start)
                p, presence_p = _preferences(forth, forth_sums[:, inner], forth_rows[1], part)
                q, presence_q = _preferences(back, back_sums[:, inner], back_rows[1], part)
                impossible = presence_p < own_limit
                impossible |= presence_q < back.total_weight[part] * floor
                block = scores[:, part]
                _fuse_into(block, p, q, fusion)
                if not (forth.prior_weight and back.prior_weight):
                    impossible |= np.isnan(block)
                np.copyto(block, _IMPOSSIBLE, where=impossible)

    run_threads(work, min(threads, -(-n // step)) or 1)
    return scores


def _taken(factors: Factors, rows: IntArray) -> tuple[FloatArray, FloatArray]:
    return factors.numerator_left[rows], factors.presence_left[rows]


def _summed(row: FloatArray, columns: FloatArray, part: slice) -> FloatArray:
    """(1, part) numerators of one row (1, depth), reading only its own dimensions."""
    sums = np.zeros((1, part.stop - part.start), dtype=np.float32)
    for at in np.flatnonzero(row[0]).tolist():
        scipy.linalg.blas.saxpy(columns[at, part], sums[0], a=row[0, at])
    return sums


def _preferences(
    factors: Factors, numerator: FloatArray, row_presence: FloatArray, part: slice
) -> tuple[FloatArray, FloatArray]:
    """Preferences (replacing numerators) and presence of rows with some columns."""
    presence = row_presence @ factors.presence_right[part].T
    numerator += np.float32(factors.prior_weight * factors.prior)
    with np.errstate(divide="ignore", invalid="ignore"):
        numerator /= presence + np.float32(factors.prior_weight)
    return numerator, presence


def _fuse_into(out: Float32Array, p: FloatArray, q: FloatArray, fusion: str) -> None:
    """Scores of preferences, which are overwritten; harmonic needs no further arrays."""
    if fusion != "harmonic":
        out[...] = fuse(p, q, fusion)
        return
    np.maximum(p, _NEXT_TO_NOTHING, out=p)
    np.maximum(q, _NEXT_TO_NOTHING, out=q)
    np.multiply(p, q, out=out)
    p += q
    out /= p
    out *= np.float32(2)


def score_row(
    problem: PairProblem,
    row: int,
    cols: IntArray,
    fusion: str,
    columns: ColumnMajor,
    threads: int = 1,
) -> PairScores:
    """Exact values of one row with the problem's columns (c,), as ``score_pairs``."""
    starts = range(0, max(1, len(cols)), _FINISHED)
    draw, parts = share_out(starts), {}
    forth, back = (
        problem.left_to_right.numerator_left[row],
        problem.right_to_left.numerator_left[row],
    )

    def work() -> None:
        while (start := draw()) is not None:
            part = cols[start : start + _FINISHED]
            found = (
                numerators_of_row(forth, columns.forth, part),
                numerators_of_row(back, columns.back, part),
            )
            parts[start] = scored(problem, np.full(len(part), row), part, *found, fusion)

    run_threads(work, min(threads, len(starts)))
    if len(starts) == 1:
        return parts[0]
    fields = ("score", "outgoing", "incoming", "outgoing_coverage", "incoming_coverage", "defined")
    return PairScores(
        *(np.concatenate([getattr(parts[start], field) for start in starts]) for field in fields)
    )


@dataclass(frozen=True, slots=True)
class RowBest:
    """The exact k best of one row: columns best first (c ≤ k of them) and their values."""

    cols: IntArray
    values: PairScores


def best_of_row(
    problem: PairProblem, row: int, approximate: Float32Array, k: int, fusion: str, error: float
) -> RowBest:
    """The exact k best of a row whose float32 scores lie within ``error`` of the truth.

    Takes a few best, scores the eligible ones in float64, and widens until what is left out cannot
    enter.
    """
    wanted = 2 * k + 8
    while True:
        threshold = _lower_bound(approximate, wanted) if wanted < len(approximate) else _IMPOSSIBLE
        complete = threshold <= _IMPOSSIBLE
        cols = np.flatnonzero(approximate > _IMPOSSIBLE if complete else approximate >= threshold)
        special = _exception_cols(problem, row)
        cols = np.union1d(cols, special) if len(special) else cols
        cols = cols[eligible(problem, np.full(len(cols), row), cols)]
        values = score_pairs(problem, np.full(len(cols), row), cols, fusion)
        order = np.lexsort((problem.right_ids[cols], -values.score))
        order = order[values.suggestible(problem.coverage_floor)[order]][:k]
        if complete or (len(order) == k and values.score[order[-1]] >= threshold + error):
            return RowBest(cols[order], taken_values(values, order))
        wanted *= 4


def _lower_bound(scores: Float32Array, wanted: int) -> np.float32:
    """A value that at least ``wanted`` scores reach, from maxima of short runs."""
    run = max(1, len(scores) // (8 * wanted))
    maxima = scores[: len(scores) // run * run].reshape(-1, run).max(axis=1)
    return np.float32(np.partition(maxima, -wanted)[-wanted])


def _exception_cols(problem: PairProblem, row: int) -> IntArray:
    start, stop = np.searchsorted(problem.exceptions.rows, [row, row + 1])
    return problem.exceptions.cols[start:stop]


def eligible(problem: PairProblem, rows: IntArray, cols: IntArray) -> BoolArray:
    """(c,) bool: both communities are available and the pair is eligible."""
    eligibility = problem.eligibility
    allowed = eligibility.left_ok[rows] & eligibility.right_ok[cols]
    at = np.flatnonzero(allowed)
    if len(at):
        allowed[at] = eligibility.pairs(rows[at], cols[at])
    return allowed


def taken_values(values: PairScores, at: IntArray | slice) -> PairScores:
    """The values at some positions."""
    return PairScores(
        values.score[at],
        values.outgoing[at],
        values.incoming[at],
        values.outgoing_coverage[at],
        values.incoming_coverage[at],
        values.defined[at],
    )


def best_of_rows(
    problem: PairProblem,
    rows: IntArray,
    k: int,
    fusion: str,
    error: float,
    max_bytes: int,
    threads: int = 1,
) -> list[RowBest]:
    """The exact k best of some rows, in batches whose scores fit in ``max_bytes``."""
    batch = int(max(1, min(32, max_bytes // (4 * max(1, len(problem.right_ids))))))
    best: list[RowBest] = []
    for start in itertools.count(0, batch):
        part = rows[start : start + batch]
        if len(part) == 0:
            return best
        scores = row_scores(problem, part, fusion, threads)
        best.extend(
            best_of_row(problem, int(row), approximate, k, fusion, error)
            for row, approximate in zip(part, scores, strict=True)
        )
    return best
