"""What every facet is made of: parts whose similarity is a dot product of a seeker's and an offered
row.

A facet (``geography``) has one or more parts (climate, coast, …), each with its share of the
facet's weight and its own presence, so that a community that knows its climate but not its
elevation is compared on the climate alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from matching.types import BoolArray, IntArray, OutOfRangeError, ProfileRecord, UnknownCodeError

Side = Literal["left", "right"]
Records = Sequence[ProfileRecord]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Items = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class EncodedPart:
    """One part of one side. ``similarity(i→j) = seeker[i] @ offered[j]``, in [0, 1], where both are
    present; rows not present are zero.

    The depth of ``seeker`` is that of the direction in which the side chooses, that of ``offered``
    of the direction in which it is chosen.
    """

    seeker: Float32  # (n, depth of side→other)
    offered: Float32  # (n, depth of other→side)
    seeks: BoolArray  # (n,) has the data to choose by this part
    offers: BoolArray  # (n,) has the data to be chosen by it


class Part(ABC):
    """One similarity with its reason (class docstring), its encoding, and its items."""

    facet: str  # set by the Facet that the part belongs to
    name: str
    share: float = 1.0  # of the facet's weight; the shares of a facet sum to 1
    stated = False  # officials fill it in; else it comes from open data
    few_values = False  # so few distinct rows that those of all candidates can be counted

    def fit(self, left: Records, right: Records) -> None:  # noqa: B027 - most parts learn nothing
        """Learn what the similarity depends on (rarity, latent topics). A side may be empty."""

    def lay_out(self, left: Records, right: Records) -> None:  # noqa: B027 - most parts have fixed columns
        """Choose columns for values that occur. Changes no similarity: one fit serves all days."""

    @abstractmethod
    def encode(self, records: Records, side: Side) -> EncodedPart:
        """Encode n records of one side; raises a ``RecordError`` for values that cannot be used."""

    def items(self, chooser: ProfileRecord, chosen: ProfileRecord, similarity: float) -> Items:
        """What the similarity of this pair is made of: (code, share), summing to ``similarity``."""
        return ((self.name, similarity),) if similarity > 0 else ()

    def holders(self, code: str, counterparts: EncodedPart) -> BoolArray | None:
        """(n,) bool: who of n encoded counterparts brings an item; None where it is not counted."""
        return None

    def state(self) -> Iterable[Any]:
        """What ``fit`` learned, in a stable order, for the version's hash."""
        return ()

    def layout(self) -> Iterable[Any]:
        """What ``lay_out`` chose, in a stable order."""
        return ()


def symmetric(rows: Float32, present: BoolArray) -> EncodedPart:
    """A part in which choosing and being chosen look the same; both roles share one array."""
    return EncodedPart(rows, rows, present, present)


def numbers(records: Records, field: str, low: float, high: float) -> Float64:
    """(n,) float64, NaN for ``None``. Raises OutOfRangeError for NaN and outside [low, high]."""
    raw = list(map(attrgetter(field), records))
    values = np.array([np.nan if value is None else value for value in raw], dtype=np.float64)
    outside = ~((values >= low) & (values <= high))
    if int(outside.sum()) != raw.count(None):
        at = next(int(i) for i in np.flatnonzero(outside) if raw[i] is not None)
        raise OutOfRangeError(
            records[at].id,
            field,
            f"{raw[at]!r} is not a number from {low:g} to {high:g}; correct it or leave it empty",
        )
    return values


def flags(records: Records, field: str) -> Float64:
    """(n,) 1.0, 0.0, or NaN for ``None``."""
    return numbers(records, field, 0, 1)


@dataclass(frozen=True, slots=True)
class CodeList:
    """One list of a vocabulary as column numbers, and the rarity of its codes."""

    field: str
    codes: tuple[str, ...]
    index: Mapping[str, int]

    @classmethod
    def of(cls, field: str, codes: tuple[str, ...]) -> CodeList:
        index = {code: at for at, code in enumerate(codes)}
        if len(index) != len(codes):
            raise ValueError(f"vocabulary for {field!r} holds a code twice: {sorted(codes)}")
        return cls(field, codes, index)

    def entries(self, records: Records) -> tuple[IntArray, IntArray]:
        """Row and column of every code held. Raises UnknownCodeError."""
        held: list[Collection[str]] = list(map(attrgetter(self.field), records))
        rows = np.repeat(np.arange(len(held)), np.fromiter(map(len, held), np.int64, len(held)))
        try:
            cols = np.fromiter(
                map(self.index.__getitem__, chain.from_iterable(held)), np.int64, len(rows)
            )
        except KeyError as error:
            raise self._unknown(records, error.args[0]) from None
        return rows, cols

    def levels(self, records: Records, low: int, high: int) -> tuple[IntArray, IntArray, Float64]:
        """Row, column and level of every code. Raises UnknownCodeError, OutOfRangeError."""
        rows, cols = self.entries(records)
        held = (getattr(record, self.field) for record in records)
        values = np.fromiter(
            chain.from_iterable(mapping.values() for mapping in held), np.float64, len(rows)
        )
        wrong = np.flatnonzero(~((values >= low) & (values <= high)))
        if len(wrong):
            at = wrong[0]
            problem = (
                f"{self.codes[cols[at]]!r} has {values[at]:g}, which is not from {low} to {high}"
            )
            raise OutOfRangeError(records[rows[at]].id, self.field, problem)
        return rows, cols, values

    def multi_hot(self, records: Records) -> tuple[Float64, BoolArray]:
        """(n, codes) of 0 and 1, and which rows hold any."""
        rows, cols = self.entries(records)
        hot = np.zeros((len(records), len(self.codes)))
        hot[rows, cols] = 1.0
        return hot, filled(hot)

    def rarity(self, *sides: Records) -> Float64:
        """(codes,) smoothed inverse document frequency among the records that state any code."""
        counts, stating = np.zeros(len(self.codes)), 0
        for records in sides:
            counts += np.bincount(self.entries(records)[1], minlength=len(self.codes))
            stating += sum(1 for record in records if getattr(record, self.field))
        return np.asarray(1.0 + np.log((1.0 + stating) / (1.0 + counts)), dtype=np.float64)

    def column(self, item: str) -> int:
        """The column of an item such as "topic:port_logistics"."""
        return self.index[item.partition(":")[2]]

    def _unknown(self, records: Records, code: object) -> UnknownCodeError:
        at = next(record for record in records if code in getattr(record, self.field))
        known = ", ".join(self.codes[:5]) + (", …" if len(self.codes) > 5 else "")
        return UnknownCodeError(
            at.id, self.field, f"{code!r} is not in the vocabulary ({known or 'which is empty'})"
        )


def filled(rows: Float64) -> BoolArray:
    """(n,) which rows are not all zero."""
    return np.asarray(rows.any(axis=1), dtype=np.bool_)


def unit_rows(rows: Float64) -> Float32:
    """Each row divided by its length; rows of zeros stay zero."""
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows))
    unit: Float32 = np.divide(
        rows, lengths[:, None], out=np.zeros_like(rows), where=lengths[:, None] > 0
    ).astype(np.float32)
    return unit
