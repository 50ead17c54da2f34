"""Directional preference: the weighted mean of a pair's lifts, as a product of two rows.

g(i→j) = Σ w·ℓ / (Σ w·m_i + κ), with i's own weights w, lifts ℓ (``base_rates``) and m_i = 1 where
the chooser has the data; p = 1 / (1 + exp(−(slope·g + intercept))). What divides belongs to the
chooser alone, so it stands in its row: a gain is one dot product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching.base_rates import Rates
from matching.features import FeatureMatrix
from matching.types import (
    Factors,
    FloatArray,
    IntArray,
    NotFittedError,
    PairExceptions,
    SnapshotError,
)
from matching.weights import Weights

Float64 = npt.NDArray[np.float64]
# (part, its columns) of gains; parts of presence
Columns = tuple[tuple[tuple[int, tuple[int, ...]], ...], tuple[tuple[int, ...], ...]]
_CHUNK = 16_384  # pairs gathered at once


@dataclass(frozen=True, slots=True)
class PairPreferences:
    """(c,) float64 each, for c pairs, or (n_left, n_right) from ``dense``."""

    left_gain: Float64  # of the left side, from the right
    right_gain: Float64
    left_to_right: Float64
    right_to_left: Float64
    left_coverage: Float64
    right_coverage: Float64


class Preference:
    """Both directions as ``Factors``; ties to one named community are ``PairExceptions``.

    ``columns_`` says what the factors' columns hold: factors of two snapshots can be compared row
    by row only where it is the same.
    """

    def __init__(self, weights: Weights | None = None) -> None:
        self.weights = weights or Weights()

    def fit(
        self, left: FeatureMatrix, right: FeatureMatrix, rates: tuple[Rates, Rates]
    ) -> Preference:
        """Scale both sides' features by their ``rates``, those of left first. Raises SnapshotError
        unless one builder made the features.
        """
        if (left.version, left.layout) != (right.version, right.layout) or (
            left.side,
            right.side,
        ) != ("left", "right"):
            raise SnapshotError(
                f"features do not belong together: {left.side} of {left.version}, {right.side} of "
                f"{right.version}"
            )
        self.left_, self.right_, self.rates_ = left, right, rates
        self.left_to_right_, forth = self._factors(left, right, rates[0])
        self.right_to_left_, back = self._factors(right, left, rates[1])
        self.columns_ = forth, back
        self.exceptions_ = self._exceptions()
        return self

    def pairs(self, rows: IntArray, cols: IntArray) -> PairPreferences:
        """Exact values (float64 over the float32 factors) for c pairs given by row and column."""
        self._check_fitted()
        rows, cols = np.asarray(rows, dtype=np.int64), np.asarray(cols, dtype=np.int64)
        forth, left_coverage = evaluate(self.left_to_right_, rows, cols, "left")
        back, right_coverage = evaluate(self.right_to_left_, rows, cols, "right")
        exceptions = self.exceptions_
        at, found = _find(exceptions, rows, cols, len(self.right_))
        forth[found] = exceptions.left_to_right[at[found]]
        back[found] = exceptions.right_to_left[at[found]]
        return PairPreferences(
            forth,
            back,
            self.weights.preference(forth),
            self.weights.preference(back),
            left_coverage,
            right_coverage,
        )

    def dense(self) -> PairPreferences:
        """All pairs at once: memory grows with n_left · n_right, so for small sides only."""
        self._check_fitted()
        shape = (len(self.left_), len(self.right_))
        rows, cols = (index.ravel() for index in np.indices(shape))
        found = self.pairs(rows, cols)
        return PairPreferences(
            *(getattr(found, name).reshape(shape) for name in PairPreferences.__slots__)
        )

    def _check_fitted(self) -> None:
        if not hasattr(self, "exceptions_"):
            raise NotFittedError("fit Preference on the features of both sides first")

    def _factors(
        self, chooser: FeatureMatrix, chosen: FeatureMatrix, rates: Rates
    ) -> tuple[Factors, Columns]:
        weights = self.weights.part_weights(chooser.importances, chooser.facets, chooser.shares)
        seeks = np.column_stack([part.seeks for part in chooser.parts])
        offers = np.column_stack([part.offers for part in chosen.parts])
        weighing = weights * seeks
        live = [p for p in range(len(chooser.parts)) if weighing[:, p].any()]
        total = weights.sum(axis=1)
        # What one unit of lift adds to the gain
        share = weighing / (weighing.sum(axis=1) + self.weights.prior_weight)[:, None]
        used = {
            p: np.flatnonzero(
                chooser.parts[p].seeker.any(axis=0) & chosen.parts[p].offered.any(axis=0)
            )
            for p in live
            if offers[:, p].any()
        }
        together: dict[bytes, list[int]] = {}
        for p in used:
            together.setdefault(offers[:, p].tobytes(), []).append(p)
        groups = list(together.values())
        gains = _gains(chooser, chosen, share, rates, used, groups, live)
        presences = _presences(weighing, offers, groups)
        # Left always comes first
        flip = slice(None) if chooser.side == "left" else slice(None, None, -1)
        (gain_left, gain_right), (presence_left, presence_right) = gains[flip], presences[flip]
        factors = Factors(
            gain_left,
            gain_right,
            presence_left,
            presence_right,
            # All importances zero: presence, and so coverage, is zero
            total_weight=np.where(total > 0, total, 1.0).astype(np.float32),
            slope=self.weights.slope,
            intercept=self.weights.intercept,
        )
        return factors, (
            tuple((p, tuple(columns.tolist())) for p, columns in used.items()),
            tuple(map(tuple, groups)),
        )

    def _exceptions(self) -> PairExceptions:
        keys = np.unique(
            np.concatenate(
                [
                    row * max(len(self.right_), 1) + col
                    for row, col, _ in map(self._named, ("left", "right"))
                ]
            )
        )
        rows, cols = np.divmod(keys, max(len(self.right_), 1))
        forth, left_coverage = evaluate(self.left_to_right_, rows, cols, "left")
        back, right_coverage = evaluate(self.right_to_left_, rows, cols, "right")
        return PairExceptions(
            rows,
            cols,
            forth + self._named_gain("left", keys),
            back + self._named_gain("right", keys),
            left_coverage,
            right_coverage,
        )

    def _named(self, side: str) -> tuple[IntArray, IntArray, Float64]:
        """Row, column, similarity of one side's named ties to communities of the other."""
        chooser, chosen = (self.left_, self.right_) if side == "left" else (self.right_, self.left_)
        order = np.argsort(chosen.ids, kind="stable")
        at = np.searchsorted(chosen.ids[order], chooser.named_ids)
        known = at < len(order)
        known[known] = chosen.ids[order[at[known]]] == chooser.named_ids[known]
        mine, theirs, similarity = (
            chooser.named_rows[known],
            order[at[known]],
            chooser.named_similarity[known],
        )
        return (mine, theirs, similarity) if side == "left" else (theirs, mine, similarity)

    def _named_gain(self, side: str, keys: IntArray) -> Float64:
        """What a named tie adds to the gain over the tie to the country.

        Its lift is at most ``MOST``, as that of the best candidate is: candidates' reach does not
        know of ties to one community.
        """
        rows, cols, similarity = self._named(side)
        named = np.zeros(len(keys))
        np.maximum.at(
            named, np.searchsorted(keys, rows * max(len(self.right_), 1) + cols), similarity
        )
        rows, cols = np.divmod(keys, max(len(self.right_), 1))
        chooser, chosen, mine, theirs, rates = (
            (self.left_, self.right_, rows, cols, self.rates_[0])
            if side == "left"
            else (self.right_, self.left_, cols, rows, self.rates_[1])
        )
        p = chooser.names.index("ties")
        seeker, offered = chooser.parts[p].seeker[mine], chosen.parts[p].offered[theirs]
        held = np.einsum("cd,cd->c", seeker.astype(np.float64), offered.astype(np.float64))
        scale, offset = rates.scale[mine, p], rates.offset[mine, p]
        before = scale * held + offset
        lift = np.maximum(named_lift(named, scale, offset), before)
        weights = self.weights.part_weights(
            chooser.importances[mine], chooser.facets, chooser.shares
        ) * np.column_stack([part.seeks[mine] for part in chooser.parts])
        share = weights[:, p] / (weights.sum(axis=1) + self.weights.prior_weight)
        return np.asarray(np.where(named > held, share * (lift - before), 0.0), dtype=np.float64)


MOST = 2.0
"""No lift is above it: reach is at least half of what the best candidate lies above the typical."""


def named_lift(similarity: Float64, scale: Float64, offset: Float64) -> Float64:
    """(c,) lift of a tie to one community, by the chooser's rates of ties."""
    return np.minimum(scale * similarity + offset, MOST)


def evaluate(
    factors: Factors, rows: IntArray, cols: IntArray, chooser: str
) -> tuple[Float64, Float64]:
    """Gain and coverage, (c,) float64, by the factors alone; ``chooser`` is a side."""
    presence = _dots(factors.presence_left, factors.presence_right, rows, cols)
    total = factors.total_weight[rows if chooser == "left" else cols].astype(np.float64)
    return _dots(factors.gain_left, factors.gain_right, rows, cols), presence / total


def _dots(a: FloatArray, b: FloatArray, rows: IntArray, cols: IntArray) -> Float64:
    found = np.empty(len(rows))
    for start in range(0, len(rows), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        found[chunk] = np.einsum(
            "cd,cd->c", a[rows[chunk]].astype(np.float64), b[cols[chunk]].astype(np.float64)
        )
    return found


def _gains(
    chooser: FeatureMatrix,
    chosen: FeatureMatrix,
    share: Float64,
    rates: Rates,
    used: Mapping[int, IntArray],
    groups: Sequence[Sequence[int]],
    live: Sequence[int],
) -> tuple[FloatArray, FloatArray]:
    """The used columns of all parts, the chooser's times what a unit of similarity adds; then a
    column for parts that the same counterparts have; then what is added for everybody.
    """
    depth = sum(map(len, used.values())) + len(groups) + 1
    a, b = (
        np.zeros((len(chooser), depth), dtype=np.float32),
        np.zeros((len(chosen), depth), dtype=np.float32),
    )
    start = 0
    for p, columns in used.items():
        stop = start + len(columns)
        np.multiply(
            chooser.parts[p].seeker[:, columns],
            (share[:, p] * rates.scale[:, p])[:, None],
            out=a[:, start:stop],
            casting="same_kind",
        )
        b[:, start:stop] = chosen.parts[p].offered[:, columns]
        start = stop
    known = share * (rates.offset - rates.missing)
    for together in groups:
        a[:, start] = known[:, together].sum(axis=1)
        b[:, start] = chosen.parts[together[0]].offers
        start += 1
    a[:, start] = (share * rates.missing)[:, live].sum(axis=1)
    b[:, start] = 1.0
    return a, b


def _presences(
    weighing: Float64, offers: npt.NDArray[np.bool_], groups: Sequence[Sequence[int]]
) -> tuple[FloatArray, FloatArray]:
    """One column for parts that the same counterparts have; exact, by the weights' unit."""
    a = np.zeros((len(weighing), max(1, len(groups))), dtype=np.float32)
    b = np.zeros((len(offers), max(1, len(groups))), dtype=np.float32)
    for column, together in enumerate(groups):
        a[:, column] = weighing[:, together].sum(axis=1)
        b[:, column] = offers[:, together[0]]
    return a, b


def _find(
    exceptions: PairExceptions, rows: IntArray, cols: IntArray, width: int
) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """For each pair its place among the exceptions, and whether it is one."""
    keys, wanted = exceptions.rows * max(width, 1) + exceptions.cols, rows * max(width, 1) + cols
    at = np.searchsorted(keys, wanted)
    found = at < len(keys)
    found[found] = keys[at[found]] == wanted[found]
    return at, found
