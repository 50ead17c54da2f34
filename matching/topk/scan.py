"""Whole rows against all columns: exact k best with ties, for lists that cannot decide."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

from matching.reciprocal import fuse, logistic
from matching.topk.pairs import (
    PairScores,
    covered,
    gains_of_row,
    score_pairs,
    scored,
)
from matching.topk.threads import run_threads, share_out
from matching.types import BoolArray, FloatArray, IntArray, PairProblem

Float32Array = npt.NDArray[np.float32]

_CHUNK = 8_192  # columns whose scores are finished while they are in cache
# Columns over which a single row's gains are added up: long enough to be read as fast as
# memory allows
_WIDE = 131_072


class ColumnMajor:
    """Right gains with contiguous dimensions: a row reads only those it has."""

    def __init__(self, problem: PairProblem) -> None:
        self.forth: FloatArray = np.ascontiguousarray(problem.left_to_right.gain_right.T)
        self.back: FloatArray = np.ascontiguousarray(problem.right_to_left.gain_right.T)

    def renew(self, problem: PairProblem, cols: IntArray) -> None:
        """Takes over the factors of some columns."""
        self.forth[:, cols] = problem.left_to_right.gain_right[cols].T
        self.back[:, cols] = problem.right_to_left.gain_right[cols].T


def row_scores(
    problem: PairProblem,
    rows: IntArray,
    fusion: str,
    threads: int = 1,
    columns: ColumnMajor | None = None,
) -> Float32Array:
    """(r, n_right) float32 scores. Neither coverage nor eligibility is asked; exceptions are not in
    it.

    ``columns``, if there, are the problem's own, and serve a single row.
    """
    n = len(problem.right_ids)
    scores = np.empty((len(rows), n), dtype=np.float32)
    directions = problem.left_to_right, problem.right_to_left
    lefts = [factors.gain_left[rows] * np.float32(factors.slope) for factors in directions]
    single = columns is not None and len(rows) == 1
    step = _WIDE if single else _CHUNK
    draw = share_out(range(0, n, step))

    def logits(number: int, wide: slice) -> FloatArray:
        factors, left = directions[number], lefts[number]
        if single and columns is not None:
            return _summed(left, (columns.forth, columns.back)[number], wide, factors.intercept)
        sums: FloatArray = left @ factors.gain_right[wide].T
        sums += np.float32(factors.intercept)
        return sums

    def work() -> None:
        while (start := draw()) is not None:
            wide = slice(start, min(n, start + step))
            x, y = logits(0, wide), logits(1, wide)
            for at in range(start, wide.stop, _CHUNK):
                part = slice(at, min(wide.stop, at + _CHUNK))
                inner = slice(at - start, part.stop - start)
                scores[:, part] = fuse(logistic(x[:, inner]), logistic(y[:, inner]), fusion)

    run_threads(work, min(threads, -(-n // step)) or 1)
    return scores


def _summed(row: FloatArray, columns: FloatArray, part: slice, intercept: float) -> FloatArray:
    """(1, part) logits of one row (1, depth), reading only its own dimensions."""
    sums = np.full((1, part.stop - part.start), intercept, dtype=np.float32)
    for at in np.flatnonzero(row[0]).tolist():
        scipy.linalg.blas.saxpy(columns[at, part], sums[0], a=row[0, at])
    return sums


def score_row(problem: PairProblem, row: int, cols: IntArray, fusion: str) -> PairScores:
    """Exact values of one row with some columns (c,), as ``score_pairs``."""
    forth, back = (
        gains_of_row(factors.gain_left[row], factors.gain_right, cols)
        for factors in (problem.left_to_right, problem.right_to_left)
    )
    return scored(problem, np.array([row]), cols, forth, back, fusion)


@dataclass(frozen=True, slots=True)
class RowBest:
    """The exact k best of one row: columns best first (c ≤ k of them) and their values."""

    cols: IntArray
    values: PairScores


def best_of_row(
    problem: PairProblem, row: int, approximate: Float32Array, k: int, fusion: str, error: float
) -> RowBest:
    """The exact k best of a row whose float32 scores lie within ``error`` of the truth.

    Takes many times k of the best, for many of them may not be suggested, scores those in float64
    that may be and can be among the k best, and widens until what is left out cannot enter.
    """
    wanted = 8 * (k + 4)
    special = _exception_cols(problem, row)
    while True:
        complete = wanted >= len(approximate)
        threshold = np.float32(0) if complete else _lower_bound(approximate, wanted)
        cols = np.flatnonzero(approximate >= threshold)
        cols = np.setdiff1d(cols, special) if len(special) else cols
        cols = cols[suggestible(problem, row, cols)]
        cols = cols[_among_best(approximate[cols], k, error)]
        if len(special):
            cols = np.union1d(cols, special[suggestible(problem, row, special)])
        values = score_pairs(problem, np.full(len(cols), row), cols, fusion)
        order = np.lexsort((problem.right_ids[cols], -values.score))[:k]
        if complete or (len(order) == k and values.score[order[-1]] >= threshold + error):
            return RowBest(cols[order], taken_values(values, order))
        wanted *= 4


def _among_best(approximate: Float32Array, k: int, error: float) -> IntArray:
    """Where the true scores may be among the k best, if they lie within ``error`` of these."""
    if len(approximate) <= k:
        return np.arange(len(approximate))
    least = np.float64(np.partition(approximate, -k)[-k]) - 2 * error
    return np.flatnonzero(approximate >= least)


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


def suggestible(problem: PairProblem, row: int, cols: IntArray) -> BoolArray:
    """(c,) bool of one row with some columns: eligible, and both coverages reach the floor."""
    allowed = eligible(problem, np.full(len(cols), row), cols)
    at = np.flatnonzero(allowed)
    allowed[at] = covered(problem, np.array([row]), cols[at])
    return allowed


def taken_values(values: PairScores, at: IntArray | slice) -> PairScores:
    """The values at some positions."""
    return PairScores(
        values.score[at],
        values.outgoing[at],
        values.incoming[at],
        values.outgoing_coverage[at],
        values.incoming_coverage[at],
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
