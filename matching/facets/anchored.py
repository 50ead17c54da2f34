"""Parts over few distinct values: any similarity table is a product of one-hot rows and table rows.

The side with fewer distinct values is the anchor and carries one column a value; the other side
carries the table. So the form is exact for every table, and its depth is the smaller number of
distinct values: U.S. communities keep to a handful of UTC offsets.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np

from matching.facets.part import (
    CodeList,
    EncodedPart,
    Float32,
    Items,
    Part,
    Records,
    Side,
    flags,
    numbers,
    symmetric,
)
from matching.types import OutOfRangeError, ProfileRecord, UnknownCodeError, UnseenValueError

WORKING_HOURS = 8.0


class AnchoredPart(Part):
    """A symmetric similarity of two distinct values; subclasses define both."""

    field: str
    few_values = True

    def __init__(self) -> None:
        self.anchor_: Side = "left"
        self.values_: tuple[Any, ...] = ()

    @abstractmethod
    def values(self, records: Records) -> list[Hashable | None]:
        """The value of every record, ``None`` where not known. Raises RecordErrors."""

    @abstractmethod
    def similarity(self, a: Any, b: Any) -> float:
        """In [0, 1], symmetric."""

    def lay_out(self, left: Records, right: Records) -> None:
        distinct = {
            side: set(self.values(records)) - {None}
            for side, records in (("left", left), ("right", right))
        }
        self.anchor_ = "left" if len(distinct["left"]) <= len(distinct["right"]) else "right"
        self.values_ = tuple(sorted(distinct[self.anchor_], key=_order))

    def encode(self, records: Records, side: Side) -> EncodedPart:
        values = self.values(records)
        number: dict[Hashable, int] = {}
        codes = np.fromiter(
            (-1 if v is None else number.setdefault(v, len(number)) for v in values),
            np.int64,
            len(values),
        )
        row = (
            self._one_hot(number, values, records) if side == self.anchor_ else self._table(number)
        )
        present = codes >= 0
        rows = np.zeros((len(values), len(self.values_)), dtype=np.float32)
        rows[present] = row[codes[present]]
        return symmetric(rows, present)

    def _table(self, number: dict[Hashable, int]) -> Float32:
        cells = [self.similarity(value, anchor) for value in number for anchor in self.values_]
        return np.array(cells, dtype=np.float32).reshape(len(number), len(self.values_))

    def _one_hot(
        self, number: dict[Hashable, int], values: list[Hashable | None], records: Records
    ) -> Float32:
        column = {value: at for at, value in enumerate(self.values_)}
        rows = np.zeros((len(number), len(column)), dtype=np.float32)
        for value, at in number.items():
            if value not in column:
                record = records[values.index(value)]
                problem = (
                    f"{_shown(value)} has no column; encode both sides together with "
                    "transform_sides"
                )
                raise UnseenValueError(record.id, self.field, problem)
            rows[at, column[value]] = 1.0
        return rows

    def layout(self) -> Iterable[Any]:
        return (self.anchor_, [_order(value) for value in self.values_])


def _order(value: Any) -> Any:
    return tuple(sorted(value)) if isinstance(value, frozenset) else value


def _shown(value: Hashable) -> str:
    return repr(sorted(value) if isinstance(value, frozenset) else value)


class Languages(AnchoredPart):
    """1 if the two share a working language, else 0: one is enough to work together."""

    name = "languages"
    stated = True
    field = "languages"

    def __init__(self, languages: tuple[str, ...]) -> None:
        super().__init__()
        self.codes = CodeList.of("languages", languages)

    def values(self, records: Records) -> list[Hashable | None]:
        self.codes.entries(records)
        return [record.languages or None for record in records]

    def similarity(self, a: frozenset[str], b: frozenset[str]) -> float:
        return 0.0 if a.isdisjoint(b) else 1.0

    def items(self, chooser: ProfileRecord, chosen: ProfileRecord, similarity: float) -> Items:
        shared = sorted(chooser.languages & chosen.languages)
        return tuple((f"language:{code}", similarity / len(shared)) for code in shared)


class TimeZone(AnchoredPart):
    """Overlap of two working days of eight hours, as a share of one, around the clock."""

    name = "working_hours"
    field = "utc_offset_hours"

    def values(self, records: Records) -> list[Hashable | None]:
        return [None if np.isnan(v) else float(v) for v in numbers(records, self.field, -12, 14)]

    def similarity(self, a: float, b: float) -> float:
        apart = abs(a - b) % 24
        return max(0.0, 1.0 - min(apart, 24 - apart) / WORKING_HOURS)


class Climate(AnchoredPart):
    """Köppen–Geiger: half for the same main group (A..E), half for the same second letter."""

    name = "climate"
    field = "climate"
    share = 0.375

    def values(self, records: Records) -> list[Hashable | None]:
        codes = [record.climate or None for record in records]
        for record, code in zip(records, codes, strict=True):
            if code is not None and (len(code) < 2 or code[0] not in "ABCDE"):
                raise UnknownCodeError(
                    record.id, self.field, f"{code!r} is not a Köppen–Geiger code such as 'Cfb'"
                )
        return [code and code[:2] for code in codes]

    def similarity(self, a: str, b: str) -> float:
        return 0.5 * (a[0] == b[0]) + 0.5 * (a == b)


class Seat(AnchoredPart):
    """1 for the same rank (national capital, seat of a first-level division, neither), else 0."""

    name = "seat"
    field = "seat_level"
    share = 0.125

    def values(self, records: Records) -> list[Hashable | None]:
        level, capital = numbers(records, "seat_level", 0, 4), flags(records, "is_capital")
        for record, contradiction in zip(records, (capital == 0) & (level == 0), strict=True):
            if contradiction:
                raise OutOfRangeError(
                    record.id, self.field, "0 says national capital, but is_capital says no"
                )
        rank = np.where((capital == 1) | (level == 0), 0, np.where(level == 1, 1, 2))
        known = ~np.isnan(level) | ~np.isnan(capital)
        return [int(r) if k else None for r, k in zip(rank, known, strict=True)]

    def similarity(self, a: int, b: int) -> float:
        return float(a == b)


class Income(AnchoredPart):
    """World Bank income group, 1 low .. 4 high: 1 − steps apart / 3."""

    name = "income"
    field = "income_band"
    share = 0.125

    def values(self, records: Records) -> list[Hashable | None]:
        return [None if np.isnan(v) else int(v) for v in numbers(records, self.field, 1, 4)]

    def similarity(self, a: int, b: int) -> float:
        return 1.0 - abs(a - b) / 3.0
