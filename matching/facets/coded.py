"""Parts over controlled codes: needs → offers, challenges and what answers them, institutions,
sectors, themes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from matching.facets.part import (
    CodeList,
    EncodedPart,
    Float32,
    Float64,
    Items,
    Part,
    Records,
    Side,
    filled,
    symmetric,
    unit_rows,
)
from matching.types import BoolArray, IntArray, OutOfRangeError, ProfileRecord

FIRST_NEEDS = 3  # of an ordered list count double
NEAR = 0.1  # of its level: by more, near offers crowd out partners who meet the need itself


class RelatedOffers:
    """How far each wanted code is met by an offer: in full or in part, 0..1.

    ``table[w, o]`` is the level to which offer o meets the wanted code w. A community meets w as
    far as the best of its offers does, so one more offer never lowers anything. Raises ValueError
    for a table that names codes outside of the lists, or levels outside of ]0, 1].
    """

    def __init__(
        self,
        wanted: tuple[str, ...],
        topics: tuple[str, ...],
        levels: Mapping[str, Mapping[str, float]],
    ) -> None:
        self.wanted, self.offers = CodeList.of("wanted", wanted), CodeList.of("offers", topics)
        self.table: Float64 = np.zeros((len(wanted), len(topics)))
        for code, related in levels.items():
            for offer, level in related.items():
                if code not in self.wanted.index or offer not in self.offers.index:
                    raise ValueError(f"{code!r} and {offer!r} are not both in the vocabulary")
                if not 0 < level <= 1:
                    raise ValueError(f"{code!r} to {offer!r} is {level!r}, not above 0 and up to 1")
                self.table[self.wanted.index[code], self.offers.index[offer]] = level

    @cached_property
    def _steps(self) -> list[tuple[float, Float32]]:
        """Each level, ascending, with (topics, wanted) of which offer meets which code to it."""
        levels = np.unique(self.table[self.table > 0])
        return [(level, (self.table == level).T.astype(np.float32)) for level in levels]

    def met(self, offered: Float64) -> Float32:
        """(n, wanted) 0..1 from (n, topics) of 0 and 1."""
        held = offered.astype(np.float32)
        best = np.zeros((len(held), len(self.table)), dtype=np.float32)
        for level, meets in self._steps:  # the last and best stays
            best[held @ meets > 0] = level
        return best

    def meeting(self, item: str, counterparts: EncodedPart) -> BoolArray:
        """(n,) bool: who meets a code at least as far as an item such as "topic:port_logistics" or
        "near_topic:flood_protection>water_management" does.
        """
        wanted, _, offer = item.partition(":")[2].partition(">")
        row = self.wanted.index[wanted]
        level = self.table[row, self.offers.index[offer]] if offer else 1.0
        return np.asarray(counterparts.offered[:, row] >= level)

    def best_offer(self, code: str, offers: Iterable[str]) -> tuple[str, float] | None:
        """The offer that meets the code best (of equals the first by name) and its level."""
        row = self.table[self.wanted.index[code]]
        levels = {offer: float(row[self.offers.index[offer]]) for offer in sorted(offers)}
        offer = max(levels, key=levels.__getitem__, default=None)
        return None if offer is None or not levels[offer] else (offer, levels[offer])


class NeedsOffers(Part):
    """How much of what i needs j offers: Σ value of i's needs · how far j meets each / Σ value of
    i's needs.

    A need's value is the root of its rarity among the offers, doubled for the first three of an
    ordered list. (By the rarity itself one rare need met outweighs two that are met.)
    An offer meets its own topic in full and a near one in part. Directional: what i offers plays
    no part when i chooses. A contribution of the partner raises willingness (Baycan-Levent 2010).
    """

    name = "needs_offers"
    stated = True

    def __init__(
        self, topics: tuple[str, ...], near: Mapping[str, Mapping[str, float]] | None = None
    ) -> None:
        self.needs, self.offers = CodeList.of("needs", topics), CodeList.of("offers", topics)
        levels = {
            need: {offer: NEAR * level for offer, level in related.items()}
            for need, related in (near or {}).items()
        }
        self.related = RelatedOffers(topics, topics, levels)
        np.fill_diagonal(self.related.table, 1.0)
        self.rarity_: Float64 = np.ones(len(topics))

    def fit(self, left: Records, right: Records) -> None:
        # A need that few can meet is worth more when it is met; near offers do not make it common
        self.rarity_ = np.sqrt(self.offers.rarity(left, right))

    def encode(self, records: Records, side: Side) -> EncodedPart:
        rows, cols = self.needs.entries(records)
        needs = np.zeros((len(records), len(self.needs.codes)))
        needs[rows, cols] = self.rarity_[cols] * _emphasis(records, rows)
        _check_distinct(records, rows, needs)
        seeks = filled(needs)
        needs /= np.where(seeks, needs.sum(axis=1), 1.0)[:, None]
        offered, offers = self.offers.multi_hot(records)
        met = self.related.met(offered)
        return EncodedPart(needs.astype(np.float32), met, seeks, offers)

    def items(self, chooser: ProfileRecord, chosen: ProfileRecord, similarity: float) -> Items:
        needs = tuple(chooser.needs)
        emphasis = _emphasis((chooser,), np.zeros(len(needs), dtype=np.int64))
        value = {
            code: float(self.rarity_[self.needs.index[code]] * times)
            for code, times in zip(needs, emphasis, strict=True)
        }
        total = sum(value.values())
        found: list[tuple[str, float]] = []
        for code in sorted(needs):
            best = self.related.best_offer(code, chosen.offers)
            if best is not None:
                offer, level = best
                name = f"topic:{code}" if offer == code else f"near_topic:{code}>{offer}"
                found.append((name, level * value[code] / total))
        return tuple(found)

    def holders(self, code: str, counterparts: EncodedPart) -> BoolArray | None:
        return self.related.meeting(code, counterparts)

    def state(self) -> Iterable[Any]:
        return (self.needs.codes, self.rarity_, self.related.table, FIRST_NEEDS)


def _emphasis(records: Records, rows: IntArray) -> Float64:
    """(entries,) 2 for the first needs of an ordered list, else 1; ``rows`` as ``entries`` gives
    them, ascending.
    """
    ordered = np.fromiter((isinstance(r.needs, tuple) for r in records), np.bool_, len(records))
    position = np.arange(len(rows)) - np.searchsorted(rows, rows)
    return np.where(ordered[rows] & (position < FIRST_NEEDS), 2.0, 1.0)


def _check_distinct(records: Records, rows: IntArray, needs: Float64) -> None:
    repeated = np.bincount(rows, minlength=len(needs)) > np.count_nonzero(needs, axis=1)
    if repeated.any():
        record = records[int(repeated.argmax())]
        code = next(code for code in record.needs if list(record.needs).count(code) > 1)
        raise OutOfRangeError(record.id, "needs", f"{code!r} occurs twice; name every need once")


class AnsweringOffers(Part):
    """How far what j offers answers i's challenges: Σ rarity of i's challenges · how far j's best
    offer answers each / Σ rarity of i's challenges.

    A challenge shared is an interest shared; an offer that answers it is help (a city that has
    built flood protection, for one that is flooded). Only challenges that some offer answers count.
    """

    name = "answers"
    stated = True

    def __init__(
        self,
        challenges: tuple[str, ...],
        topics: tuple[str, ...],
        answers: Mapping[str, Mapping[str, float]],
        share: float = 1.0,
    ) -> None:
        self.share = share
        self.challenges = CodeList.of("challenges", challenges)
        self.offers = CodeList.of("offers", topics)
        self.related = RelatedOffers(challenges, topics, answers)
        self.rarity_: Float64 = self._answerable()

    def _answerable(self) -> Float64:
        return np.asarray(self.related.table.any(axis=1), dtype=np.float64)

    def fit(self, left: Records, right: Records) -> None:
        # A challenge that few can answer is worth more when it is answered
        offered = np.concatenate([self.offers.multi_hot(side)[0] for side in (left, right)])
        able = 1.0 + self.related.met(offered).sum(axis=0)
        stating = 1.0 + float(filled(offered).sum())
        self.rarity_ = self._answerable() * (1.0 + np.log(stating / able))

    def encode(self, records: Records, side: Side) -> EncodedPart:
        asked = self.challenges.multi_hot(records)[0] * self.rarity_
        seeks = filled(asked)
        asked /= np.where(seeks, asked.sum(axis=1), 1.0)[:, None]
        offered, offers = self.offers.multi_hot(records)
        met = self.related.met(offered)
        return EncodedPart(asked.astype(np.float32), met, seeks, offers)

    def items(self, chooser: ProfileRecord, chosen: ProfileRecord, similarity: float) -> Items:
        value = {
            code: float(self.rarity_[self.challenges.index[code]]) for code in chooser.challenges
        }
        total = sum(value.values())
        found: list[tuple[str, float]] = []
        for code in sorted(value):
            best = self.related.best_offer(code, chosen.offers)
            if best is not None:
                offer, level = best
                found.append((f"answer:{code}>{offer}", level * value[code] / total))
        return tuple(found)

    def holders(self, code: str, counterparts: EncodedPart) -> BoolArray | None:
        return self.related.meeting(code, counterparts)

    def state(self) -> Iterable[Any]:
        return (self.challenges.codes, self.rarity_, self.related.table)


class Overlap(Part):
    """Shared codes, rare ones counting more: Σ rarity of the shared / √(Σ rarity of i's · Σ rarity
    of j's).

    The weighted Ochiai coefficient: 1 for equal sets, and ticking every box gains nothing.
    """

    stated = True

    def __init__(self, field: str, prefix: str, codes: tuple[str, ...], share: float = 1.0) -> None:
        self.name, self.share = prefix, share
        self.codes = CodeList.of(field, codes)
        self.rarity_: Float64 = np.ones(len(codes))

    def fit(self, left: Records, right: Records) -> None:
        self.rarity_ = self.codes.rarity(left, right)

    def encode(self, records: Records, side: Side) -> EncodedPart:
        hot, present = self.codes.multi_hot(records)
        return symmetric(unit_rows(hot * np.sqrt(self.rarity_)), present)

    def items(self, chooser: ProfileRecord, chosen: ProfileRecord, similarity: float) -> Items:
        mine, theirs = getattr(chooser, self.codes.field), getattr(chosen, self.codes.field)
        norm = float(np.sqrt(self._sum(mine) * self._sum(theirs)))
        return tuple(
            (f"{self.name}:{code}", self._sum((code,)) / norm) for code in sorted(mine & theirs)
        )

    def holders(self, code: str, counterparts: EncodedPart) -> BoolArray | None:
        return np.asarray(counterparts.offered[:, self.codes.column(code)] > 0)

    def _sum(self, codes: Iterable[str]) -> float:
        return float(sum(self.rarity_[self.codes.index[code]] for code in codes))

    def state(self) -> Iterable[Any]:
        return (self.codes.codes, self.rarity_)


class Strengths(Part):
    """Cosine over levels 1..3; ``rare_count_more`` multiplies each level by its code's rarity."""

    stated = True

    def __init__(
        self, field: str, prefix: str, codes: tuple[str, ...], *, rare_count_more: bool
    ) -> None:
        self.name, self.rare_count_more = prefix, rare_count_more
        self.codes = CodeList.of(field, codes)
        self.rarity_: Float64 = np.ones(len(codes))

    def fit(self, left: Records, right: Records) -> None:
        if self.rare_count_more:
            self.rarity_ = self.codes.rarity(left, right)

    def encode(self, records: Records, side: Side) -> EncodedPart:
        rows, cols, levels = self.codes.levels(records, 1, 3)
        dense = np.zeros((len(records), len(self.codes.codes)))
        dense[rows, cols] = levels
        return symmetric(unit_rows(dense * self.rarity_), filled(dense))

    def items(self, chooser: ProfileRecord, chosen: ProfileRecord, similarity: float) -> Items:
        mine, theirs = self._weighted(chooser), self._weighted(chosen)
        norm = float(
            np.sqrt(sum(v * v for v in mine.values()) * sum(v * v for v in theirs.values()))
        )
        return tuple(
            (f"{self.name}:{code}", mine[code] * theirs[code] / norm)
            for code in sorted(mine.keys() & theirs.keys())
        )

    def holders(self, code: str, counterparts: EncodedPart) -> BoolArray | None:
        return np.asarray(counterparts.offered[:, self.codes.column(code)] > 0)

    def _weighted(self, record: ProfileRecord) -> dict[str, float]:
        levels = getattr(record, self.codes.field)
        return {
            code: level * float(self.rarity_[self.codes.index[code]])
            for code, level in levels.items()
        }

    def state(self) -> Iterable[Any]:
        return (self.codes.codes, self.rarity_)
