"""The kept promise: do suggestions bring what each side said it needs, and do they say so?

Counted on any set of pairs: needs that the partner offers (exact topics, nothing near), which facet
is the first reason and which are among the first three, what the caveats are, and how often a
caveat says the opposite of a reason beside it. All of it by direction and by size of the chooser.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from matching.lab.tastes import FacetTables, Similarities, mean_tables
from matching.types import BoolArray, Explanation, IntArray, ProfileRecord, Snapshot

Float64Array = npt.NDArray[np.float64]
SIZES: tuple[int, ...] = (10_000, 50_000, 200_000, 1_000_000)
_NOTED = 3  # reasons that a reader takes in
# From which share and similarity a facet of the weighted mean was a reason
_MEAN_SHARE, _MEAN_SIMILARITY = 0.02, 0.3
_MEAN_SIMILARITIES = {"distance": 0.97, "story": 0.5} | dict.fromkeys(
    ("institutions", "geography", "size", "readiness"), 0.6
)
_DENIALS = ("ties",)  # whose caveat says that there is nothing at all
_MEAN_LOW_COVERAGE, _MEAN_HINDERS = 0.6, 0.3
_MEAN_FEASIBILITY = ("languages", "time_zone", "readiness")


Terms = Sequence[tuple[str, float, float | None]]  # facet, share, similarity (None: not known)


class Pairs(NamedTuple):
    """(c,) rows and columns of pairs in a snapshot."""

    rows: IntArray
    cols: IntArray


@dataclass(frozen=True, slots=True)
class View:
    """What one side is told of a pair: the facets that speak for it, strongest first, and one that
    speaks against it."""

    reasons: tuple[str, ...]
    caveat: str | None
    contradicts_itself: bool = (
        False  # the caveat says the opposite of a reason, or of what is known
    )

    @classmethod
    def of(cls, explanation: Explanation) -> View:
        """From an explanation by lifts: whatever adds to the gain is a reason."""
        return cls._of_lifts(
            [(c.facet, c.share, c.similarity) for c in explanation.contributions],
            explanation.caveat,
        )

    @classmethod
    def stored(cls, reasons: dict[str, Any]) -> View:
        """From reasons as the service keeps them; those of the weighted mean (without lifts) count
        as the page counted them."""
        found = reasons.get("contributions", ())
        terms = [(c["facet"], c["share"], c["similarity"]) for c in found if c["facet"] != "prior"]
        make = cls._of_lifts if all("lift" in c for c in found) else cls.of_mean
        return make(terms, reasons.get("caveat"))

    @classmethod
    def _of_lifts(cls, terms: Terms, caveat: str | None) -> View:
        return cls._counted(
            [f for f, share, s in terms if s is not None and share > 0], terms, caveat
        )

    @classmethod
    def of_mean(cls, terms: Terms, caveat: str | None) -> View:
        """From facets' parts of the weighted mean, the largest first."""
        strong = [
            facet
            for facet, share, similarity in terms
            if similarity is not None
            and share >= _MEAN_SHARE
            and similarity >= _MEAN_SIMILARITIES.get(facet, _MEAN_SIMILARITY)
        ]
        return cls._counted(strong, terms, caveat)

    @classmethod
    def _counted(cls, strong: list[str], terms: Terms, caveat: str | None) -> View:
        known = {facet: similarity or 0.0 for facet, _, similarity in terms}
        denied = caveat in _DENIALS and known.get(caveat, 0.0) > 0
        return cls(tuple(strong), caveat, caveat in strong or denied)


@dataclass(frozen=True, slots=True)
class Counted:
    """One direction, or one size of chooser."""

    sides: int  # of pairs, one chooser each
    views: int  # of them whose reasons were looked at
    needs_met: float  # mean number of needs that the partner offers
    met: float  # share with at least one
    first_reason: dict[str, float]  # shares of views; "none" where nothing speaks for the pair
    first_three: dict[str, float]  # share of views with the facet among the first three reasons
    caveat: dict[str, float]  # shares of views; "none" where there is none
    contradictions: int


@dataclass(frozen=True, slots=True)
class KeptPromise:
    """One set of pairs, both directions together where nothing else is said."""

    pairs: int
    both: float  # share of pairs in which each side offers at least one thing that the other needs
    neither: float
    two: float  # at least two needs met on either side
    needs_met: dict[str, float]  # mean, by direction
    first_reason: dict[str, float]
    first_three: dict[str, float]
    caveat: dict[str, float]
    contradictions: int
    by_direction: dict[str, Counted]
    by_size: dict[str, Counted]  # of the chooser

    def as_json(self) -> dict[str, Any]:
        """Plain numbers, rounded to what is worth reading."""
        found: dict[str, Any] = _rounded(asdict(self))
        return found


class Needs:
    """Which needs of either side the other offers, over all pairs of a snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        codes = sorted({code for r in (*snapshot.left, *snapshot.right) for code in r.offers})
        column = {code: at for at, code in enumerate(codes)}
        self._held = {
            (side, field): _multi_hot(getattr(snapshot, side), field, column)
            for side in ("left", "right")
            for field in ("needs", "offers")
        }
        self._bands = tuple(
            np.array([_band(r) for r in side]) for side in (snapshot.left, snapshot.right)
        )

    def met(self, pairs: Pairs) -> IntArray:
        """(2, c) needs of the left side that the right side offers, and the other way round."""
        left = self._held["left", "needs"][pairs.rows] * self._held["right", "offers"][pairs.cols]
        right = self._held["right", "needs"][pairs.cols] * self._held["left", "offers"][pairs.rows]
        return np.stack([left.sum(axis=1), right.sum(axis=1)]).astype(np.int64)

    def bands(self, pairs: Pairs) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.str_]]:
        """(c,) each: in what band of population the left and the right community of a pair are."""
        return self._bands[0][pairs.rows], self._bands[1][pairs.cols]

    def oracle(self) -> Float64Array:
        """(n_left, n_right) scores of who looks at needs alone: what the worse served side gets,
        then what both get."""
        left = self._held["left", "needs"] @ self._held["right", "offers"].T
        right = self._held["left", "offers"] @ self._held["right", "needs"].T
        return np.asarray(np.minimum(left, right) + 0.01 * (left + right))


def _multi_hot(
    records: Sequence[ProfileRecord], field: str, column: dict[str, int]
) -> npt.NDArray[np.float32]:
    hot = np.zeros((len(records), len(column)), dtype=np.float32)
    for row, record in enumerate(records):
        for code in getattr(record, field):
            if code in column:
                hot[row, column[code]] = 1.0
    return hot


def _band(record: ProfileRecord) -> str:
    if record.population is None:
        return "not known"
    most = next((most for most in SIZES if record.population < most), None)
    return f"below {most:,}" if most else f"{SIZES[-1]:,} or more"


def greedy_pairs(
    score: Float64Array, allowed: BoolArray, left_places: IntArray, right_places: IntArray
) -> Pairs:
    """Allowed pairs of positive score, highest first, while both sides have places left."""
    at = np.flatnonzero(allowed & (score > 0))
    at = at[np.argsort(-score.ravel()[at], kind="stable")]
    rows, cols = np.divmod(at, score.shape[1])
    left, right = left_places.tolist(), right_places.tolist()
    chosen = []
    for row, col in zip(rows.tolist(), cols.tolist(), strict=True):
        if left[row] > 0 and right[col] > 0:
            left[row] -= 1
            right[col] -= 1
            chosen.append((row, col))
    found = np.array(chosen, dtype=np.int64).reshape(-1, 2)
    return Pairs(found[:, 0], found[:, 1])


def kept_promise(
    needs: Needs,
    pairs: Pairs,
    left: Sequence[View],
    right: Sequence[View],
    *,
    viewed: Pairs | None = None,
) -> KeptPromise:
    """Counts needs over all pairs, and the views of both sides, (v,) each, over those ``viewed``:
    all of them, or a sample. Raises ValueError for another number of views.
    """
    viewed = pairs if viewed is None else viewed
    if not len(left) == len(right) == len(viewed.rows):
        raise ValueError(
            f"{len(viewed.rows)} pairs need as many views of each side, not {len(left)} and "
            f"{len(right)}"
        )
    met, seen = needs.met(pairs), (left, right)
    bands, viewed_bands = needs.bands(pairs), needs.bands(viewed)

    def counted(sides: Sequence[int], band: str | None = None) -> Counted:
        numbers = [met[s] if band is None else met[s][bands[s] == band] for s in sides]
        views = [
            view
            for s in sides
            for view, of in zip(seen[s], viewed_bands[s], strict=True)
            if band in (None, of)
        ]
        return _counted(np.concatenate(numbers), views)

    together = counted((0, 1))
    present = {str(band) for band in np.concatenate(bands)}
    return KeptPromise(
        pairs=len(pairs.rows),
        both=_mean((met > 0).all(axis=0)),
        neither=_mean((met == 0).all(axis=0)),
        two=_mean((met > 1).any(axis=0)),
        needs_met={"left": _mean(met[0]), "right": _mean(met[1])},
        first_reason=together.first_reason,
        first_three=together.first_three,
        caveat=together.caveat,
        contradictions=together.contradictions,
        by_direction={"left": counted((0,)), "right": counted((1,))},
        by_size={band: counted((0, 1), band) for band in _band_names() if band in present},
    )


def _mean(values: npt.ArrayLike) -> float:
    of = np.asarray(values)
    return float(of.mean()) if of.size else 0.0


def _band_names() -> tuple[str, ...]:
    return (*(f"below {most:,}" for most in SIZES), f"{SIZES[-1]:,} or more", "not known")


def _counted(met: IntArray, views: Sequence[View]) -> Counted:
    return Counted(
        sides=len(met),
        views=len(views),
        needs_met=_mean(met),
        met=_mean(met > 0),
        first_reason=_shares((view.reasons[:1] or ("none",) for view in views), len(views)),
        first_three=_shares((view.reasons[:_NOTED] for view in views), len(views)),
        caveat=_shares(((view.caveat or "none",) for view in views), len(views)),
        contradictions=sum(view.contradicts_itself for view in views),
    )


def _shares(of: Iterable[tuple[str, ...]], count: int) -> dict[str, float]:
    """Most frequent first, ties by name."""
    counts = Counter(name for names in of for name in names)
    return {
        name: number / count for name, number in sorted(counts.items(), key=lambda x: (-x[1], x[0]))
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(of) for key, of in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def mean_views(direction: Similarities, rows: IntArray, cols: IntArray) -> list[View]:
    """(c,) what the weighted mean's reasons were: facets by their part of the mean; and its caveat,
    what lowered the mean most."""
    tables = mean_tables(direction, rows, cols)
    known = ~np.isnan(tables.similarity) & (tables.weight > 0)
    share = np.where(known, tables.weight * np.nan_to_num(tables.similarity), 0.0)
    share /= tables.weight.sum(axis=0) + 2.0
    order = np.argsort(-share, axis=0, kind="stable")
    caveats = _mean_caveats(tables, known)
    similarity = np.where(known, tables.similarity, np.nan)
    return [
        View.of_mean(
            [
                (tables.facets[f], float(share[f, at]), float(similarity[f, at]))
                for f in order[:, at]
                if known[f, at]
            ],
            caveats[at],
        )
        for at in range(len(rows))
    ]


def _mean_caveats(tables: FacetTables, known: BoolArray) -> list[str | None]:
    similarity = np.where(known, tables.similarity, 1.0)
    feasible = np.array([facet in _MEAN_FEASIBILITY for facet in tables.facets])[:, None]
    hinders = feasible & (similarity <= _MEAN_HINDERS)
    weak = known & (hinders | (similarity < 0.5))
    cost = np.where(weak, tables.weight * (1.0 - similarity) * np.where(hinders, 2.0, 1.0), -np.inf)
    coverage = tables.weight.sum(axis=0) / np.where(tables.total > 0, tables.total, 1.0)
    low = np.where(coverage < _MEAN_LOW_COVERAGE, tables.total * (1.0 - coverage) / 2.0, -np.inf)
    costs = np.vstack([cost, low])
    names = (*tables.facets, "coverage")
    worst = costs.argmax(axis=0)
    return [
        names[at] if np.isfinite(costs[at, column]) else None for column, at in enumerate(worst)
    ]
