"""Parts over controlled codes: needs → offers, challenges, institutions, sectors, themes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from matching.facets.part import (
    CodeList,
    EncodedPart,
    Float64,
    Items,
    Part,
    Records,
    Side,
    filled,
    symmetric,
    unit_rows,
)
from matching.types import ProfileRecord


class NeedsOffers(Part):
    """How much of what i needs j offers: Σ rarity of i's needs that j offers / Σ rarity of i's
    needs.

    Directional: what i offers plays no part when i chooses. A contribution of the partner raises
    willingness (Baycan-Levent 2010).
    """

    name = "needs_offers"

    def __init__(self, topics: tuple[str, ...]) -> None:
        self.needs, self.offers = CodeList.of("needs", topics), CodeList.of("offers", topics)
        self.rarity_: Float64 = np.ones(len(topics))

    def fit(self, left: Records, right: Records) -> None:
        # A need that few can meet is worth more when it is met
        self.rarity_ = self.offers.rarity(left, right)

    def encode(self, records: Records, side: Side) -> EncodedPart:
        needs, seeks = self.needs.multi_hot(records)
        offered, offers = self.offers.multi_hot(records)
        needs *= self.rarity_
        needs /= np.where(seeks, needs.sum(axis=1), 1.0)[:, None]
        return EncodedPart(needs.astype(np.float32), offered.astype(np.float32), seeks, offers)

    def items(self, chooser: ProfileRecord, chosen: ProfileRecord, similarity: float) -> Items:
        value = {code: float(self.rarity_[self.needs.index[code]]) for code in chooser.needs}
        total = sum(value.values())
        return tuple(
            (f"topic:{code}", value[code] / total) for code in sorted(chooser.needs & chosen.offers)
        )

    def state(self) -> Iterable[Any]:
        return (self.needs.codes, self.rarity_)


class Overlap(Part):
    """Shared codes, rare ones counting more: Σ rarity of the shared / √(Σ rarity of i's · Σ rarity
    of j's).

    The weighted Ochiai coefficient: 1 for equal sets, and ticking every box gains nothing.
    """

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

    def _sum(self, codes: Iterable[str]) -> float:
        return float(sum(self.rarity_[self.codes.index[code]] for code in codes))

    def state(self) -> Iterable[Any]:
        return (self.codes.codes, self.rarity_)


class Strengths(Part):
    """Cosine over levels 1..3; ``rare_count_more`` multiplies each level by its code's rarity."""

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

    def _weighted(self, record: ProfileRecord) -> dict[str, float]:
        levels = getattr(record, self.codes.field)
        return {
            code: level * float(self.rarity_[self.codes.index[code]])
            for code, level in levels.items()
        }

    def state(self) -> Iterable[Any]:
        return (self.codes.codes, self.rarity_)
