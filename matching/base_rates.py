"""What a chooser's candidates typically bring: the base rates from which lifts are measured.

A similarity counts by how far it lies above what this chooser's candidates typically bring (τ, the
mean of those with data), in units of what the best of them bring (ρ). Candidates are those that the
chooser's own wishes and public facts allow, never the answers, pauses or wishes of the others: a
base rate, or a count such as "3 of 60", then says nothing about anybody else's decisions.

Lifts, and the order of what is named, are read by the counterpart too. So nothing that both sides
read depends on the countries that the chooser excludes, which it tells nobody: ``as_told``. The
counts of ``candidates``, which the chooser alone reads, leave those out.

Everything here is a function of one chooser's record and of the counterparts of the snapshot that
the features were fitted on. So one community can be scored again without the others, and the order
of edits makes no difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import scipy

from matching.candidates import Groups, OwnWishes
from matching.facets import FACETS
from matching.facets.part import EncodedPart, Part, Side
from matching.facets.ties import other
from matching.features import FeatureBuilder, FeatureMatrix
from matching.topk.threads import single_blas_thread
from matching.types import BoolArray, IntArray, ProfileRecord, Snapshot, UnseenValueError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

SAMPLE = 512  # counterparts of which the quantiles of many-valued parts are taken
SMALL_SAMPLE = 128  # the same where there are more choosers than _MANY
_MANY = 4_096
BEST = 0.02  # share of candidates that are "the best of them"
LEAST_REACH = 0.4
"""Where the best of the candidates lie closer than this above the typical, there is little to gain:
measured in units of so little, a weak hint of a tie would weigh as much as a strong tie elsewhere.
"""
BROUGHT_NOTHING = 2.0
"""So many more candidates who bring nothing are counted into the typical: where hardly anybody is
registered yet, the only ones there are would otherwise be typical, and bring no lift at all.
"""
FEW = 32  # candidates in the sample; with fewer, the whole sample says how far one can get
_QUARTER = 0.25
_QUANTUM = 2.0**-20  # rates are multiples of it, so that sums in another order give the same rates
_CHUNK = 4_096  # choosers at once
_HASHED = 512  # rows hashed at once: they fit in the cache
_FEASIBILITY = frozenset(facet.name for facet in FACETS if facet.feasibility)


@dataclass(frozen=True, slots=True)
class Rates:
    """The lifts of n choosers in p parts: ``scale * similarity + offset`` of a counterpart that has
    the data, ``missing`` of one that has not. All (n, p) float64.

    Gain parts: scale 1 / ρ, offset −τ / ρ. Feasibility parts: scale 1, offset −(the best of the
    candidates): a cost where it is missing, no gain where everybody has it. ``missing`` is the
    lower quartile of those who answered for parts that officials fill in, and 0 for open data: to
    leave a field empty never pays, and never counts as the worst.
    """

    scale: Float64
    offset: Float64
    missing: Float64

    def __len__(self) -> int:
        return len(self.scale)

    def rows(self, at: IntArray) -> Rates:
        """Some of the choosers."""
        return Rates(self.scale[at], self.offset[at], self.missing[at])


class BaseRates:
    """The base rates of one fitted builder. ``of`` keeps them with the builder."""

    def __init__(self, builder: FeatureBuilder, random_state: int = 0) -> None:
        self.builder, self.snapshot = builder, builder.snapshot_
        self.parts: tuple[Part, ...] = builder.parts_
        self._rng = random_state
        self._known: dict[Side, _Counterparts] = {}
        self._wishes = OwnWishes(self.snapshot)

    @classmethod
    def of(cls, builder: FeatureBuilder) -> BaseRates:
        """The base rates of what the builder was fitted on, computed once."""
        if builder.base_rates_ is None:
            builder.base_rates_ = cls(builder)
        known: BaseRates = builder.base_rates_
        return known

    def take_over(self, snapshot: Snapshot, left: FeatureMatrix, right: FeatureMatrix) -> None:
        """Uses what was encoded already, of the sides that are those of the fitted snapshot."""
        fitted = self.snapshot
        sides: tuple[tuple[Side, bool, FeatureMatrix], ...] = (
            ("left", snapshot.right is fitted.right, right),
            ("right", snapshot.left is fitted.left, left),
        )
        for side, is_whole, features in sides:
            if is_whole and side not in self._known and features.layout == self.builder.layout_:
                self._known[side] = _Counterparts(self._records(side), features, self._rng)

    def of_side(
        self,
        records: Sequence[ProfileRecord],
        features: FeatureMatrix,
        earlier: tuple[Sequence[ProfileRecord], Rates] | None = None,
    ) -> Rates:
        """Rates of all choosers of one side; ``earlier``: records whose rates are known."""
        if earlier is None:
            return self._rates(records, features)
        before, rates = earlier
        at = {record.id: row for row, record in enumerate(before)}
        origin = np.fromiter((at.get(r.id, -1) for r in records), np.int64, len(records))
        fresh = [
            row
            for row, record in enumerate(records)
            if origin[row] < 0
            or not (record is before[origin[row]] or record == before[origin[row]])
        ]
        if not fresh:
            return rates.rows(origin)
        if len(fresh) == len(records):
            return self._rates(records, features)
        new = self._rates([records[row] for row in fresh], features, np.array(fresh))
        joined = rates.rows(np.maximum(origin, 0))
        for name in Rates.__slots__:
            getattr(joined, name)[fresh] = getattr(new, name)
        return joined

    def candidates(self, record: ProfileRecord, side: Side) -> BoolArray:
        """(n,) bool: which counterparts of the fitted snapshot are the chooser's candidates."""
        return self._wishes.allowed(record, side)

    def candidate_groups(self, records: Sequence[ProfileRecord], side: Side) -> Groups:
        """``candidates`` of many choosers: those with equal ones are one group."""
        return self._wishes.groups(records, side)

    def counterparts(self, side: Side) -> tuple[EncodedPart, ...]:
        """The other side of the fitted snapshot, encoded as ``candidates`` numbers them."""
        return self._side(side).features.parts

    def _side(self, side: Side) -> _Counterparts:
        if side not in self._known:
            records = self._records(side)
            self._known[side] = _Counterparts(
                records, self.builder.transform(records, other(side)), self._rng
            )
        return self._known[side]

    def _records(self, side: Side) -> Sequence[ProfileRecord]:
        """The counterparts of a side."""
        return self.snapshot.right if side == "left" else self.snapshot.left

    def _rates(
        self,
        records: Sequence[ProfileRecord],
        features: FeatureMatrix,
        rows: IntArray | None = None,
    ) -> Rates:
        side, counterparts = features.side, self._side(features.side)
        seekers = features.parts if rows is None else features.encoded(rows)
        if features.layout != counterparts.features.layout:
            seekers, counterparts = self._in_one_layout(records, side, counterparts)
        choosers = len(self.snapshot.left if side == "left" else self.snapshot.right)
        sample = counterparts.sample(SAMPLE if choosers <= _MANY else SMALL_SAMPLE)
        groups = self._wishes.groups(records, side, told=True)
        with single_blas_thread():  # products are small: a second thread would mostly wait
            return _Computation(self.parts, counterparts.parts, sample, groups, seekers).rates()

    def _in_one_layout(
        self, records: Sequence[ProfileRecord], side: Side, counterparts: _Counterparts
    ) -> tuple[tuple[EncodedPart, ...], _Counterparts]:
        """Choosers and counterparts in columns that hold the values of both."""
        try:
            return self.builder.transform(records, side).parts, counterparts
        except UnseenValueError:
            pass
        frozen = counterparts.records
        sides = (records, frozen) if side == "left" else (frozen, records)
        parts = tuple(map(copy, self.parts))
        for part in parts:
            part.lay_out(*sides)
        encoded = tuple(part.encode(frozen, other(side)) for part in parts)
        return tuple(part.encode(records, side) for part in parts), counterparts.recoded(encoded)


class _Counterparts:
    """One side of the fitted snapshot as those of the other side may choose it."""

    def __init__(
        self, records: Sequence[ProfileRecord], features: FeatureMatrix, random_state: int
    ) -> None:
        self.records, self.features, self.random_state = records, features, random_state
        self.parts = features.parts

    def recoded(self, parts: tuple[EncodedPart, ...]) -> _Counterparts:
        """The same in other columns."""
        new = copy(self)
        new.parts = parts
        return new

    def sample(self, size: int) -> IntArray:
        """(s,) a seeded sample of them, in order."""
        count = len(self.records)
        if count <= size:
            return np.arange(count)
        rng = np.random.default_rng(self.random_state)
        return np.sort(rng.choice(count, size, replace=False)).astype(np.int64)


class _Computation:
    """The rates of a batch of choosers. Those with equal candidates are one group."""

    def __init__(
        self,
        parts: tuple[Part, ...],
        counterparts: tuple[EncodedPart, ...],
        sample: IntArray,
        groups: Groups,
        seekers: tuple[EncodedPart, ...],
    ) -> None:
        self.parts, self.counterparts, self.seekers = parts, counterparts, seekers
        self.group, self.count = groups.of_chooser, len(groups.of_chooser)
        # Sums over candidates go by the cells of counterparts that no wish tells apart
        self.allowed = groups.allowed.astype(np.float64)
        self.cell = cell = groups.cell
        self.cells: csr_array = scipy.sparse.csr_array(
            (np.ones(len(cell)), (cell, np.arange(len(cell)))),
            shape=(self.allowed.shape[1], len(cell)),
        )
        self.sample, self.sampled = sample, groups.allowed[:, cell[sample]]

    def rates(self) -> Rates:
        shape = (self.count, len(self.parts))
        found = Rates(np.zeros(shape), np.zeros(shape), np.zeros(shape))
        for number, part in enumerate(self.parts):
            offers = self.counterparts[number].offers
            offering = np.bincount(self.cell, weights=offers, minlength=self.allowed.shape[1])
            known = self.allowed @ offering  # (groups,)
            choosers = np.flatnonzero(self.seekers[number].seeks & (known > 0)[self.group])
            if len(choosers):
                scale, offset, missing = self._of_part(part, number, choosers, known)
                found.scale[choosers, number] = scale
                found.offset[choosers, number] = offset
                found.missing[choosers, number] = missing
        for values in (found.scale, found.offset, found.missing):
            values /= _QUANTUM
            np.round(values, out=values)
            values *= _QUANTUM
        return found

    def _of_part(
        self, part: Part, number: int, choosers: IntArray, known: Float64
    ) -> tuple[Float64 | float, Float64, Float64 | float]:
        """(c,) each, of those choosers who have the data: scale, offset, missing."""
        seeker, group = self.seekers[number].seeker[choosers], self.group[choosers]
        summary = self._by_values if part.few_values else self._by_sample
        best, top, quarter = summary(part, number, seeker, group)
        if part.facet in _FEASIBILITY:
            return 1.0, -best, quarter - best if part.stated else 0.0
        typical = self._means(number, seeker, group) / (known[group] + BROUGHT_NOTHING)
        reach = np.maximum(np.maximum(top - typical, (best - typical) / 2), LEAST_REACH)
        return 1 / reach, -typical / reach, (quarter - typical) / reach if part.stated else 0.0

    def _means(self, number: int, seeker: Float32, group: IntArray) -> Float64:
        """(c,) sums over the candidates: a sum of dot products is a dot product with the sum."""
        offered = self.counterparts[number].offered.astype(np.float64)
        sums = self.allowed @ (self.cells @ offered)  # (groups, depth)
        found = np.empty(len(seeker))
        for at in range(0, len(seeker), _CHUNK):
            part = slice(at, at + _CHUNK)
            of_each = sums[group[part]] if len(sums) > 1 else sums
            np.vecdot(seeker[part].astype(np.float64), of_each, out=found[part])
        return found

    def _by_sample(
        self, part: Part, number: int, seeker: Float32, group: IntArray
    ) -> tuple[Float64, Float64, Float64]:
        """(c,) each: the best similarity, the mean of the best few, the lower quartile."""
        encoded = self.counterparts[number]
        columns = np.flatnonzero(encoded.offers[self.sample])
        offered = encoded.offered[self.sample[columns]].T.astype(np.float64)
        mask = self.sampled[:, columns]
        if len(self.sample) < self.cells.shape[1]:
            mask[mask.sum(axis=1) < FEW] = True  # too few of them are in the sample
        counts = mask.sum(axis=1)
        best, top, quarter = np.zeros((3, len(seeker)))
        if not len(columns):
            return best, top, quarter
        everybody = bool(mask.all())
        products = np.empty((min(_CHUNK, len(seeker)), len(columns)))
        similarities = np.empty(products.shape, dtype=np.float32)
        for at in range(0, len(seeker), _CHUNK):
            rows = slice(at, at + _CHUNK)
            mine, of_group = seeker[rows].astype(np.float64), group[rows]
            values = similarities[: len(mine)]
            # In float64 first: float32 sums would differ by who else is in the batch
            values[...] = np.matmul(mine, offered, out=products[: len(mine)])
            if not everybody:
                values[~mask[of_group]] = -1.0
            if part.stated:
                values.sort(axis=1)
                lower = len(columns) - counts[of_group] + _place(_QUARTER, counts[of_group])
                lower = np.minimum(lower, len(columns) - 1)
                quarter[rows] = np.take_along_axis(values, lower[:, None], axis=1)[:, 0]
            most = _place(BEST, np.array([len(columns)]))[0] + 1
            if not part.stated:
                values.partition(len(columns) - most, axis=1)
            tail = np.sort(values[:, len(columns) - most :], axis=1)[:, ::-1].astype(np.float64)
            best[rows] = tail[:, 0]
            wanted = _place(BEST, counts[of_group])
            top[rows] = np.take_along_axis(np.cumsum(tail, axis=1), wanted[:, None], axis=1)[
                :, 0
            ] / (wanted + 1)
        return best, top, quarter

    def _by_values(
        self, part: Part, number: int, seeker: Float32, group: IntArray
    ) -> tuple[Float64, Float64, Float64]:
        """The same over all candidates: the part has few distinct rows, which can be counted."""
        encoded = self.counterparts[number]
        present = np.flatnonzero(encoded.offers)
        _, first, value_of = np.unique(
            row_hashes(encoded.offered[present]), return_index=True, return_inverse=True
        )
        shape = self.allowed.shape[1], len(first)
        holding = np.bincount(
            self.cell[present] * len(first) + value_of, minlength=shape[0] * shape[1]
        )
        counts = self.allowed @ holding.reshape(shape).astype(np.float64)  # (groups, values)
        offered = encoded.offered[present[first]].T.astype(np.float64)
        _, one, kind = np.unique(row_hashes(seeker), return_index=True, return_inverse=True)
        values = seeker[one] @ offered  # (kinds of choosers, values)
        order = np.argsort(-values, axis=1, kind="stable")
        values = np.take_along_axis(values, order, axis=1)
        alike = kind.ravel() * len(counts) + group
        alike, back = np.unique(alike, return_inverse=True)
        kind, groups = np.divmod(alike, len(counts))
        found = np.zeros((3, len(alike)))
        for at in range(0, len(alike), _CHUNK):
            rows = slice(at, at + _CHUNK)
            often = counts[groups[rows][:, None], order[kind[rows]]]
            found[:, rows] = _weighted(values[kind[rows]], often)
        best, top, quarter = found[:, back.ravel()]
        return best, top, quarter


def _place(share: float, counts: IntArray) -> IntArray:
    """From 0, the place of the nearest-rank quantile among so many."""
    places: IntArray = np.maximum(np.ceil(share * counts).astype(np.int64) - 1, 0)
    return places


def _weighted(ranked: Float64, often: Float64) -> Float64:
    """(3, n): best, mean of the best few, and lower quartile of values (n, v), largest first, that
    occur so often; 0 where nothing occurs."""
    total = often.sum(axis=1)
    upto = np.cumsum(often, axis=1)
    few = np.maximum(np.ceil(BEST * total), 1.0)[:, None]
    counted = np.minimum(upto, few) - np.minimum(upto - often, few)
    top = (counted * ranked).sum(axis=1) / few[:, 0]
    best = np.take_along_axis(ranked, np.argmax(often > 0, axis=1)[:, None], axis=1)[:, 0]
    # From the other end: at least a quarter is there or below
    below = np.maximum(np.ceil(_QUARTER * total), 1.0)[:, None]
    place = np.argmax(upto > (total[:, None] - below), axis=1)
    quarter = np.take_along_axis(ranked, place[:, None], axis=1)[:, 0]
    found: Float64 = np.where(total > 0, np.stack([best, top, quarter]), 0.0)
    return found


def row_hashes(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.uint64]:
    """(n,) 64-bit numbers, equal where rows are equal."""
    factors = np.random.default_rng(1).integers(1, 2**63, rows.shape[1], dtype=np.uint64) * 2 + 1
    hashes = np.empty(len(rows), dtype=np.uint64)
    for at in range(0, len(rows), _HASHED):
        part = slice(at, at + _HASHED)
        words = np.ascontiguousarray(rows[part]).view(np.uint32).astype(np.uint64)
        words *= factors
        words.sum(axis=1, out=hashes[part])
    return hashes
