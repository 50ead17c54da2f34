"""How many partners a community's own wishes leave, what each wish costs, and the nearest misses.

All of it is a function of the community's own record and of what anybody may read of the others:
never of their wishes, answers, pauses, room, or of rules of staff. So no number, and no name among
the nearest misses, can tell why somebody else is not suggested. What lies with the others is said
by one sentence that is always the same (``backend.web.suggestions.prospects``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from matching.base_rates import Rates
from matching.candidates import OwnWishes
from matching.engine import Engine
from matching.preference import Preference
from matching.types import BoolArray, IntArray, ProfileRecord, Sought

Float64 = npt.NDArray[np.float64]
LANGUAGES = 3  # to add, at most
NEAREST = 12  # misses, at most
# What only suggested partners read of each other, and would therefore tell
_NOT_PUBLIC = frozenset({"readiness"})
_NO_WISH = Sought()
# Wish → the fields of ``Sought`` that it is made of
WISHES: dict[str, tuple[str, ...]] = {
    "places": ("countries", "regions"),
    "excluded": ("excluded_countries",),
    "partnered": ("not_where_partnered",),
    "population": ("population_min", "population_max"),
    "us_sister": ("not_with_us_sister",),
    "forms": ("forms",),
}


@dataclass(frozen=True, slots=True)
class WishEffect:
    """One of the community's own wishes: how many of all counterparts it leaves by itself, and how
    many candidates there would be without it.
    """

    code: str  # of WISHES
    leaves: int
    without: int


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A candidate whose fit for the community, by public facts, is just below the threshold."""

    community_id: int
    preference: float
    needs: tuple[str, ...]  # of the community's, that this one offers, in the community's order


@dataclass(frozen=True, slots=True)
class Prospects:
    """What a community's own answers leave it. ``speaks_with`` of ``stated`` candidates share a
    working language; ``languages``: one to add → with how many more there would be one, most first.
    ``reaching``: candidates whose fit for the community reaches the threshold. ``coverage``: mean
    of both directions over all counterparts, in [0, 1], as the page of the profile shows it.
    """

    counterparts: int
    candidates: int
    wishes: tuple[WishEffect, ...]
    speaks_with: int
    stated: int
    languages: tuple[tuple[str, int], ...]
    reaching: int
    coverage: float
    nearest: tuple[NearMiss, ...]


class ProspectsOfSide:
    """The prospects of the communities of one side of an engine's snapshot."""

    def __init__(self, engine: Engine, side: str, threshold: float) -> None:
        self.side, self.threshold = side, threshold
        self.weights = engine.weights
        snapshot = engine.snapshot
        mine, others = (
            (snapshot.left, snapshot.right) if side == "left" else (snapshot.right, snapshot.left)
        )
        self.records: Sequence[ProfileRecord] = mine
        self.others: Sequence[ProfileRecord] = others
        self.at = {record.id: row for row, record in enumerate(mine)}
        self._wishes = OwnWishes(snapshot)
        self._engine = engine

    def of(self, community_id: int) -> Prospects:
        """Raises KeyError for a community that is not of this side."""
        row = self.at[community_id]
        record = self.records[row]
        candidates = self._allowed(record)
        speaks, stated, languages = self._languages(record, candidates)
        preference = self._preference(row)
        below = candidates & (preference < self.threshold)
        return Prospects(
            counterparts=len(self.others),
            candidates=int(candidates.sum()),
            wishes=tuple(self._effects(record)),
            speaks_with=speaks,
            stated=stated,
            languages=languages,
            reaching=int((candidates & ~below).sum()),
            coverage=float(self._coverages[row]),
            nearest=tuple(self._nearest(record, preference, below)),
        )

    def _allowed(self, record: ProfileRecord) -> BoolArray:
        """(counterparts,) those that the record's wishes and public facts allow, also by the form
        of partnership, which everybody states in public."""
        allowed = self._wishes.allowed(record, self.side)
        if record.sought.forms:
            allowed = allowed & np.fromiter(
                (
                    not r.sought.forms or bool(r.sought.forms & record.sought.forms)
                    for r in self.others
                ),
                np.bool_,
                len(self.others),
            )
        return allowed

    def _effects(self, record: ProfileRecord) -> Iterable[WishEffect]:
        for code, fields in WISHES.items():
            own = {name: getattr(record.sought, name) for name in fields}
            unset = {name: getattr(_NO_WISH, name) for name in fields}
            if own == unset:
                continue
            alone = dataclasses.replace(record, sought=dataclasses.replace(_NO_WISH, **own))
            without = dataclasses.replace(
                record, sought=dataclasses.replace(record.sought, **unset)
            )
            yield WishEffect(
                code, int(self._allowed(alone).sum()), int(self._allowed(without).sum())
            )

    @cached_property
    def _spoken(self) -> tuple[tuple[str, ...], BoolArray]:
        """The languages of the counterparts, and who speaks which: (counterparts, languages)."""
        codes = tuple(sorted({code for record in self.others for code in record.languages}))
        column = {code: at for at, code in enumerate(codes)}
        spoken = np.zeros((len(self.others), len(codes)), dtype=np.bool_)
        for row, record in enumerate(self.others):
            spoken[row, [column[code] for code in record.languages]] = True
        return codes, spoken

    def _languages(
        self, record: ProfileRecord, candidates: BoolArray
    ) -> tuple[int, int, tuple[tuple[str, int], ...]]:
        codes, spoken = self._spoken
        known = candidates & spoken.any(axis=1)
        own = np.fromiter((code in record.languages for code in codes), np.bool_, len(codes))
        shared = known & spoken[:, own].any(axis=1)
        opens = spoken[known & ~shared].sum(axis=0)
        order = sorted(range(len(codes)), key=lambda at: (-opens[at], codes[at]))[:LANGUAGES]
        more = tuple((codes[at], int(opens[at])) for at in order if opens[at])
        return int(shared.sum()), int(known.sum()), more

    @cached_property
    def _public(self) -> Preference:
        """The engine's preference as if everybody had the best of what is not public."""
        engine = self._engine
        hidden = [at for at, facet in enumerate(engine.left.facets) if facet in _NOT_PUBLIC]

        def without(rates: Rates) -> Rates:
            scale, offset, missing = (
                values.copy() for values in (rates.scale, rates.offset, rates.missing)
            )
            for values in (scale, offset, missing):
                values[:, hidden] = 0.0
            return Rates(scale, offset, missing)

        rates = (without(engine.rates[0]), without(engine.rates[1]))
        return Preference(engine.weights).fit(engine.left, engine.right, rates)

    def _preference(self, row: int) -> Float64:
        """(counterparts,) the community's own preference for each, by public facts."""
        found, exceptions = self._public, self._public.exceptions_
        if self.side == "left":
            factors, named = found.left_to_right_, exceptions.rows == row
            gains = factors.gain_right.astype(np.float64) @ factors.gain_left[row]
            gains[exceptions.cols[named]] = exceptions.left_to_right[named]
        else:
            factors, named = found.right_to_left_, exceptions.cols == row
            gains = factors.gain_left.astype(np.float64) @ factors.gain_right[row]
            gains[exceptions.rows[named]] = exceptions.right_to_left[named]
        return np.asarray(self.weights.preference(gains), dtype=np.float64)

    @cached_property
    def _coverages(self) -> Float64:
        """(n,) mean coverage of both directions over all counterparts."""
        forth, back = (
            self._engine.preference.left_to_right_,
            self._engine.preference.right_to_left_,
        )
        if self.side == "right":
            forth, back = back, forth
        names = ("presence_left", "presence_right")
        mine, theirs = names if self.side == "left" else names[::-1]
        if not self.others:
            return np.zeros(len(self.records))
        own = getattr(forth, mine) @ getattr(forth, theirs).mean(axis=0) / forth.total_weight
        others = (getattr(back, theirs) / back.total_weight[:, None]).mean(axis=0)
        return np.asarray((own + getattr(back, mine) @ others) / 2, dtype=np.float64)

    def _nearest(
        self, record: ProfileRecord, preference: Float64, below: BoolArray
    ) -> Iterable[NearMiss]:
        at: IntArray = np.flatnonzero(below)
        fits = preference.round(9).tolist()
        order = sorted(at.tolist(), key=lambda j: (-fits[j], self.others[j].id))
        for j in order[:NEAREST]:
            other = self.others[j]
            met = tuple(need for need in record.needs if need in other.offers)
            yield NearMiss(other.id, round(float(preference[j]), 4), met)
