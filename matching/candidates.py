"""Eligibility: which pairs may be suggested at all. A mask, never a penalty; a rule never excludes
a pair on what is not known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from matching.types import BoolArray, IntArray, ProfileRecord, Snapshot, Sought

Place = tuple[str, str | None]  # country, region
MAX_FORMS = 62


@dataclass(frozen=True, slots=True)
class _Rules:
    """One side's own wishes as arrays, and what the other side's wishes look at."""

    place: IntArray  # (n,) place number
    accepts: BoolArray  # (n, places of the other side)
    population: npt.NDArray[np.float64]  # NaN unknown
    population_min: npt.NDArray[np.float64]
    population_max: npt.NDArray[np.float64]
    forms: IntArray  # bit set, all ones for any
    has_us_sister: BoolArray
    not_with_us_sister: BoolArray
    country: IntArray  # (n,) country number


class Eligibility:
    """Eligibility of all pairs of a snapshot (an ``EligibilityMask``).

    Rules on places (two different countries, countries and regions wanted, countries excluded,
    barred jurisdictions, "not where we have a partner") are folded into one small table a side, so
    that a candidate costs two look-ups. Unknown population, region or form passes.
    """

    left_ok: BoolArray
    right_ok: BoolArray

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        left, right = snapshot.left, snapshot.right
        self.left_ok, self.right_ok = (
            np.fromiter((r.available for r in side), np.bool_, len(side)) for side in (left, right)
        )
        left_places, right_places = _places(left), _places(right)
        forms = {
            form: bit
            for bit, form in enumerate(
                sorted({form for r in (*left, *right) for form in r.sought.forms})
            )
        }
        if len(forms) > MAX_FORMS:
            raise ValueError(
                f"{len(forms)} different forms are sought, and {MAX_FORMS} can be told apart; use "
                "the forms of the vocabulary"
            )
        self._left, self._right = (
            _rules(left, left_places, right_places, forms),
            _rules(right, right_places, left_places, forms),
        )
        for a, (left_country, _) in enumerate(left_places):
            for b, (right_country, _) in enumerate(right_places):
                if {
                    (left_country, right_country),
                    ("*", right_country),
                } & snapshot.barred_countries:
                    self._left.accepts[self._left.place == a, b] = False
        self._barred = self._barred_keys()
        # No rule on single pairs or other qualities touches them
        self._settled = (self.left_ok.copy(), self.right_ok.copy())
        if len(self._barred):
            barred_rows, barred_cols = np.divmod(self._barred, len(self.right_ok))
            self._settled[0][barred_rows], self._settled[1][barred_cols] = False, False
        sides = (self._left, self._right)
        self._bounded = any(
            np.isfinite([side.population_min, side.population_max]).any() for side in sides
        )
        self._formed = bool(forms)
        self._sistered = bool(
            self._left.not_with_us_sister.any() or self._right.not_with_us_sister.any()
        )

    def pairs(self, rows: IntArray, cols: IntArray) -> BoolArray:
        """(c,) bool for candidate pairs given by row and column indices."""
        rows, cols = np.asarray(rows, dtype=np.int64), np.asarray(cols, dtype=np.int64)
        allowed = self._symmetric_rules(rows, cols)
        if len(self._barred):
            keys = rows * len(self.right_ok) + cols
            at = np.minimum(np.searchsorted(self._barred, keys), len(self._barred) - 1)
            allowed &= self._barred[at] != keys
        return allowed

    def block(self, row_start: int, row_stop: int, col_start: int, col_stop: int) -> BoolArray:
        """(row_stop - row_start, col_stop - col_start) bool."""
        rows, cols = (
            np.arange(row_start, row_stop)[:, None],
            np.arange(col_start, col_stop)[None, :],
        )
        allowed = self._symmetric_rules(rows, cols)
        width = len(self.right_ok)
        first, last = np.searchsorted(self._barred, [row_start * width, row_stop * width])
        barred_rows, barred_cols = np.divmod(self._barred[first:last], max(width, 1))
        inside = (barred_cols >= col_start) & (barred_cols < col_stop)
        allowed[barred_rows[inside] - row_start, barred_cols[inside] - col_start] = False
        return allowed

    def groups(self) -> tuple[IntArray, IntArray]:
        """Country numbers (n_left,) and (n_right,): place rules treat one country alike."""
        return self._left.country, self._right.country

    def reach(self, rows: IntArray, cols: IntArray) -> tuple[BoolArray, BoolArray]:
        """Of rows against a set of columns, two (r,) bools: possibly eligible with some of them
        (rules on places), and certainly eligible with all of them (all rules). Cheap, and telling
        if the columns are of few places."""
        return self._reach(0, rows, cols)

    def reach_of_right(self, cols: IntArray, rows: IntArray) -> tuple[BoolArray, BoolArray]:
        """The same of columns against a set of rows."""
        return self._reach(1, cols, rows)

    def _reach(self, side: int, ones: IntArray, those: IntArray) -> tuple[BoolArray, BoolArray]:
        mine, others = (self._left, self._right)[:: 1 - 2 * side]
        places = np.flatnonzero(np.bincount(others.place[those]))
        take, taken = mine.accepts[ones[:, None], places], others.accepts[those]
        place = mine.place[ones]
        # (places of this side,)
        by_some, by_all = (np.asarray(taken.any(axis=0)), np.asarray(taken.all(axis=0)))
        certain: BoolArray = self._settled[side][ones] & take.all(axis=1) & by_all[place]
        if (
            self._bounded
            or self._formed
            or self._sistered
            or not (self.right_ok, self.left_ok)[side][those].all()
        ):
            certain[:] = False
        return take.any(axis=1) & by_some[place], certain

    def reasons(self, row: int, col: int) -> tuple[str, ...]:
        """The rules that exclude a pair, as codes with the side whose rule it is
        ("left:excluded_country"); empty if it is eligible.
        """
        a, b = self.snapshot.left[row], self.snapshot.right[col]
        found = ["same_country"] if a.country == b.country else []
        if {(a.country, b.country), ("*", b.country)} & self.snapshot.barred_countries:
            found.append("barred_jurisdiction")
        if (a.id, b.id) in self.snapshot.barred_pairs:
            found.append("barred_pair")
        if a.sought.forms and b.sought.forms and not a.sought.forms & b.sought.forms:
            found.append("different_forms")
        return (
            *found,
            *(f"left:{code}" for code in _objections(a, b)),
            *(f"right:{code}" for code in _objections(b, a)),
        )

    def _symmetric_rules(self, rows: IntArray, cols: IntArray) -> BoolArray:
        """All rules but barred pairs; rows and columns broadcast against each other."""
        a, b = self._left, self._right
        allowed = self.left_ok[rows] & self.right_ok[cols]
        allowed = allowed & a.accepts[rows, b.place[cols]] & b.accepts[cols, a.place[rows]]
        if self._bounded:
            allowed &= _within(a, rows, b, cols) & _within(b, cols, a, rows)
        if self._formed:
            allowed &= (a.forms[rows] & b.forms[cols]) != 0
        if self._sistered:
            allowed &= ~(a.not_with_us_sister[rows] & b.has_us_sister[cols]) & ~(
                b.not_with_us_sister[cols] & a.has_us_sister[rows]
            )
        return np.asarray(allowed, dtype=np.bool_)

    def _barred_keys(self) -> IntArray:
        row = {record.id: at for at, record in enumerate(self.snapshot.left)}
        col = {record.id: at for at, record in enumerate(self.snapshot.right)}
        known = [(row[a], col[b]) for a, b in self.snapshot.barred_pairs if a in row and b in col]
        return np.array(sorted(a * len(col) + b for a, b in known), dtype=np.int64)


class _Places:
    """The places of one side, so that the rules on places are asked of all of them at once."""

    def __init__(self, places: Iterable[Place]) -> None:
        countries, regions = zip(*places, strict=True) if places else ((), ())
        self._country, self.countries = _numbers(countries)
        self._region, self.regions = _numbers(regions)

    def accepted(self, record: ProfileRecord) -> BoolArray:
        """(places,) bool: those that ``_place_objections`` do not refuse."""
        sought = record.sought
        refused = {record.country, *sought.excluded_countries, *_closed(record)}
        accepted = ~self._country_in(refused)
        if sought.countries or sought.regions:
            wanted = self._country_in(sought.countries)
            if sought.regions:
                wanted |= self._in(self._region, self.regions, {None, *sought.regions})
            accepted &= wanted
        return accepted

    def _country_in(self, countries: Collection[str]) -> BoolArray:
        return self._in(self._country, self.countries, countries)

    @staticmethod
    def _in(number: Mapping[Any, int], of: IntArray, codes: Collection[str | None]) -> BoolArray:
        chosen = np.zeros(len(number) + 1, dtype=np.bool_)
        chosen[[number[code] for code in codes if code in number]] = True
        return np.asarray(chosen[of])


def _numbers(codes: Sequence[str | None]) -> tuple[dict[str | None, int], IntArray]:
    """A number for each distinct code, and the numbers of all."""
    number: dict[str | None, int] = {}
    numbers = [number.setdefault(code, len(number)) for code in codes]
    return number, np.array(numbers, dtype=np.int64)


def _places(records: Sequence[ProfileRecord]) -> dict[Place, int]:
    places: dict[Place, int] = {}
    for record in records:
        places.setdefault((record.country, record.region), len(places))
    return places


def _rules(
    records: Sequence[ProfileRecord],
    places: dict[Place, int],
    others: dict[Place, int],
    forms: dict[str, int],
) -> _Rules:
    accepted: dict[object, BoolArray] = {}
    table = _Places(others)
    accepts = np.ones((len(records), len(others)), dtype=np.bool_)
    for at, record in enumerate(records):
        wish = _place_wish(record)
        if wish not in accepted:
            accepted[wish] = table.accepted(record)
        accepts[at] = accepted[wish]
    count = len(records)
    countries = {
        country: number for number, country in enumerate(sorted({country for country, _ in places}))
    }
    return _Rules(
        place=np.fromiter((places[r.country, r.region] for r in records), np.int64, count),
        accepts=accepts,
        population=_known((r.population for r in records), np.nan, count),
        population_min=_known((r.sought.population_min for r in records), -np.inf, count),
        population_max=_known((r.sought.population_max for r in records), np.inf, count),
        forms=np.fromiter(
            (sum(1 << forms[f] for f in r.sought.forms) or (1 << MAX_FORMS) - 1 for r in records),
            np.int64,
            count,
        ),
        has_us_sister=np.fromiter((r.has_us_sister for r in records), np.bool_, count),
        not_with_us_sister=np.fromiter(
            (r.sought.not_with_us_sister for r in records), np.bool_, count
        ),
        country=np.fromiter((countries[r.country] for r in records), np.int64, count),
    )


def _known(values: Iterator[int | None], otherwise: float, count: int) -> npt.NDArray[np.float64]:
    return np.fromiter(
        (otherwise if value is None else value for value in values), np.float64, count
    )


def _closed(record: ProfileRecord) -> frozenset[str]:
    return record.partner_countries if record.sought.not_where_partnered else frozenset()


def _place_objections(record: ProfileRecord, country: str, region: str | None) -> Iterator[str]:
    """Why this record takes nobody from a place. Wanted countries and regions are a union."""
    sought = record.sought
    if record.country == country:
        yield "same_country"
    if country in sought.excluded_countries:
        yield "excluded_country"
    wanted = country in sought.countries or (
        bool(sought.regions) and (region is None or region in sought.regions)
    )
    if (sought.countries or sought.regions) and not wanted:
        yield "not_a_wanted_place"
    if country in _closed(record):
        yield "partnered_there"


def _objections(record: ProfileRecord, other: ProfileRecord) -> Iterator[str]:
    """The other side's rules are asked with the two exchanged."""
    yield from () if record.available else ("unavailable",)
    yield from (
        code
        for code in _place_objections(record, other.country, other.region)
        if code != "same_country"
    )
    low, high = record.sought.population_min, record.sought.population_max
    if other.population is not None and low is not None and other.population < low:
        yield "too_small"
    if other.population is not None and high is not None and other.population > high:
        yield "too_large"
    if record.sought.not_with_us_sister and other.has_us_sister:
        yield "has_us_sister"


def _within(rules: _Rules, mine: IntArray, others: _Rules, theirs: IntArray) -> BoolArray:
    population = others.population[theirs]
    outside = (population < rules.population_min[mine]) | (population > rules.population_max[mine])
    return np.asarray(~outside, dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class Groups:
    """Choosers with equal candidates, and counterparts that no wish of theirs tells apart."""

    of_chooser: IntArray  # (n,) group of each chooser
    allowed: BoolArray  # (groups, cells)
    cell: IntArray  # (counterparts,) cell of each counterpart


class OwnWishes:
    """A chooser's candidates among the communities of a snapshot: those that its own wishes and
    public facts allow (country, size, partners it has), whatever the others wish, answered or have
    room for, and whatever staff bar: no count tells that there is such a rule.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._counterparts = {"left": _Seen.of(snapshot.right), "right": _Seen.of(snapshot.left)}

    def groups(self, choosers: Sequence[ProfileRecord], side: str, *, told: bool = False) -> Groups:
        """Choosers of a side by their candidates. ``side`` is that of the choosers; ``told``: by
        the wishes that others read (``as_told``) alone."""
        seen = self._counterparts[side]
        number: dict[object, int] = {}
        of_chooser = np.fromiter(
            (number.setdefault(_own_wish(record, told), len(number)) for record in choosers),
            np.int64,
            len(choosers),
        )
        first = np.full(len(number), -1)
        first[of_chooser[::-1]] = np.arange(len(choosers))[::-1]
        wishes = [as_told(choosers[at]) if told else choosers[at] for at in first]
        cell, kinds = seen.cells([record.sought for record in wishes])
        allowed = np.empty((len(wishes), len(kinds)), dtype=np.bool_)
        takes: dict[object, BoolArray] = {}
        for at, record in enumerate(wishes):
            key = _place_wish(record)
            if key not in takes:
                takes[key] = seen.places.accepted(record)[seen.place[kinds]]
            allowed[at] = takes[key] & seen.within(record.sought, kinds)
        # Other wishes often come to the same: that no country is one's own abroad
        allowed, group = np.unique(allowed, axis=0, return_inverse=True)
        return Groups(group.ravel()[of_chooser], allowed, cell)

    def allowed(self, record: ProfileRecord, side: str) -> BoolArray:
        """(counterparts,) bool: which are candidates of one chooser."""
        groups = self.groups([record], side)
        return np.asarray(groups.allowed[0, groups.cell])


@dataclass(frozen=True, slots=True)
class _Seen:
    """What others' wishes look at in the communities of one side."""

    places: _Places
    place: IntArray  # (n,)
    population: npt.NDArray[np.float64]  # NaN unknown
    has_us_sister: BoolArray

    @classmethod
    def of(cls, records: Sequence[ProfileRecord]) -> _Seen:
        places: dict[Place, int] = {}
        place = [
            places.setdefault(its, len(places))
            for its in map(attrgetter("country", "region"), records)
        ]
        return cls(
            _Places(places),
            np.array(place, dtype=np.int64),
            _known(map(attrgetter("population"), records), np.nan, len(records)),
            np.array(list(map(attrgetter("has_us_sister"), records)), dtype=np.bool_),
        )

    def cells(self, wishes: Sequence[Sought]) -> tuple[IntArray, IntArray]:
        """(n,) cells of communities alike in all that these wishes ask, and one of each cell."""
        lows = sorted({w.population_min for w in wishes if w.population_min is not None})
        highs = sorted({w.population_max for w in wishes if w.population_max is not None})
        keys = [self.place]
        if any(wish.not_with_us_sister for wish in wishes):
            keys.append(self.has_us_sister.astype(np.int64))
        if lows or highs:
            unknown = np.isnan(self.population)
            at_least = np.searchsorted(np.array(lows), self.population, side="right")
            at_most = np.searchsorted(np.array(highs), self.population, side="left")
            keys += [np.where(unknown, -1, at_least), np.where(unknown, -1, at_most)]
        if len(keys) == 1:
            first = np.full(len(self.places.countries), -1)
            first[self.place[::-1]] = np.arange(len(self.place))[::-1]
            return self.place, first
        _, first, cell = np.unique(np.stack(keys), axis=1, return_index=True, return_inverse=True)
        return cell.ravel(), first

    def within(self, wish: Sought, kinds: IntArray) -> BoolArray:
        """(k,) bool of some communities: size and sisters as wished; what is unknown passes."""
        population, fits = self.population[kinds], np.ones(len(kinds), dtype=np.bool_)
        if wish.population_min is not None:
            fits &= ~(population < wish.population_min)
        if wish.population_max is not None:
            fits &= ~(population > wish.population_max)
        if wish.not_with_us_sister:
            fits &= ~self.has_us_sister[kinds]
        return fits


def as_told(record: ProfileRecord) -> ProfileRecord:
    """The record without the wishes that nobody else ever reads: the countries it excludes."""
    if not record.sought.excluded_countries:
        return record
    return replace(record, sought=replace(record.sought, excluded_countries=frozenset()))


def _place_wish(record: ProfileRecord, told: bool = False) -> object:
    sought = record.sought
    return (
        record.country,
        sought.countries,
        sought.regions,
        None if told else sought.excluded_countries,
        _closed(record),
    )


def _own_wish(record: ProfileRecord, told: bool) -> object:
    sought = record.sought
    return (
        _place_wish(record, told),
        sought.population_min,
        sought.population_max,
        sought.not_with_us_sister,
    )
