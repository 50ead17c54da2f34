"""Ties: declared ones of i to j or its country, by strength; hints from open data count half."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from matching.facets.part import EncodedPart, Float32, Float64, Items, Part, Records, Side
from matching.types import IntArray, OutOfRangeError, ProfileRecord, UnseenValueError

STRENGTH = {1: 0.5, 2: 0.75, 3: 1.0}
HINT = 0.5  # a hint says that ties are likely there, not that anybody keeps them


class Ties(Part):
    """The strongest tie of i to j's country: declared .5, .75 or 1 by strength, hinted half of the
    hint.

    A former relation predicts success (Baycan-Levent 2010). Ties to one named community cannot be a
    product of this depth; ``named_ties`` lists them.
    """

    name = "ties"
    stated = True
    few_values = True

    def __init__(self) -> None:
        # By the side that chooses: the countries it has ties to
        self.columns_: dict[Side, dict[str, int]] = {"left": {}, "right": {}}
        self.countries_: dict[Side, frozenset[str]] = {"left": frozenset(), "right": frozenset()}

    def lay_out(self, left: Records, right: Records) -> None:
        self.columns_, self.countries_ = {}, {}
        sides: tuple[tuple[Side, Records, Records], ...] = (
            ("left", left, right),
            ("right", right, left),
        )
        for side, choosers, chosen in sides:
            tied = {country for record in choosers for country in country_ties(record)}
            there = {record.country for record in chosen}
            self.columns_[side] = {country: at for at, country in enumerate(sorted(tied & there))}
            self.countries_[other(side)] = frozenset(there)

    def encode(self, records: Records, side: Side) -> EncodedPart:
        seeks = np.fromiter(
            (bool(record.ties or record.tie_hints) for record in records), np.bool_, len(records)
        )
        return EncodedPart(
            self._seeker(records, side),
            self._offered(records, side),
            seeks,
            np.ones(len(records), dtype=np.bool_),
        )

    def _seeker(self, records: Records, side: Side) -> Float32:
        columns, there = self.columns_[side], self.countries_[other(side)]
        rows = np.zeros((len(records), len(columns)), dtype=np.float32)
        for at, record in enumerate(records):
            if not (record.ties or record.tie_hints):
                continue
            for country, value in country_ties(record).items():
                if country in columns:
                    rows[at, columns[country]] = value
                elif country in there:
                    problem = (
                        f"a tie to {country} has no column; encode both sides together with "
                        "transform_sides"
                    )
                    raise UnseenValueError(record.id, "ties", problem)
        return rows

    def _offered(self, records: Records, side: Side) -> Float32:
        columns, known = self.columns_[other(side)], self.countries_[side]
        rows = np.zeros((len(records), len(columns)), dtype=np.float32)
        for at, record in enumerate(records):
            column = columns.get(record.country)
            if column is not None:
                rows[at, column] = 1.0
            elif record.country not in known:
                problem = (
                    f"{record.country} has no column; encode both sides together with "
                    "transform_sides"
                )
                raise UnseenValueError(record.id, "country", problem)
        return rows

    def items(self, chooser: ProfileRecord, chosen: ProfileRecord, similarity: float) -> Items:
        if similarity <= 0:
            return ()
        candidates = [
            (STRENGTH[tie.strength], f"tie:{tie.kind}")
            for tie in chooser.ties
            if tie.community_id == chosen.id
        ]
        candidates += [
            (STRENGTH[tie.strength], f"tie:{tie.kind}")
            for tie in chooser.ties
            if tie.country == chosen.country
        ]
        if not candidates:
            return ((f"tie_hint:{chosen.country}", similarity),)
        kinds = sorted({kind for value, kind in candidates if value == max(candidates)[0]})
        return tuple((kind, similarity / len(kinds)) for kind in kinds)

    def layout(self) -> Iterable[Any]:
        return (list(self.columns_["left"]), list(self.columns_["right"]))


def other(side: Side) -> Side:
    """The side across."""
    return "right" if side == "left" else "left"


def country_ties(record: ProfileRecord) -> dict[str, float]:
    """Country → similarity, declared or hinted, whichever is stronger. Raises OutOfRangeError."""
    found: dict[str, float] = {}
    for country, hint in record.tie_hints.items():
        if not 0 <= hint <= 1:
            raise OutOfRangeError(
                record.id,
                "tie_hints",
                f"the hint for {country} is {hint!r}, which is not from 0 to 1",
            )
        found[country] = HINT * hint
    for tie in record.ties:
        if tie.strength not in STRENGTH:
            raise OutOfRangeError(record.id, "ties", f"strength {tie.strength!r} is not 1, 2 or 3")
        if (tie.country is None) == (tie.community_id is None):
            raise OutOfRangeError(
                record.id, "ties", "a tie names a country or a community, exactly one of the two"
            )
        if tie.country is not None:
            found[tie.country] = max(found.get(tie.country, 0.0), STRENGTH[tie.strength])
    return found


def _named(records: Records) -> Iterator[tuple[int, int, float]]:
    for at, record in enumerate(records):
        for tie in record.ties:
            if tie.community_id is not None:
                yield at, tie.community_id, STRENGTH[tie.strength]


def named_ties(records: Records) -> tuple[IntArray, IntArray, Float64]:
    """Row, id of the named community and similarity of every tie to one community."""
    found = list(_named(records))
    rows, ids = (np.array([entry[k] for entry in found], dtype=np.int64) for k in (0, 1))
    return rows, ids, np.array([entry[2] for entry in found], dtype=np.float64)
