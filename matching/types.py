"""Plain records that go into the engine and come out of it, without database or pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_EMPTY: Mapping[str, float] = MappingProxyType({})
_NO_RELATIONS: Mapping[str, Mapping[str, float]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Controlled codes that records may use; a code outside of them is an error, never a guess."""

    sectors: tuple[str, ...]
    themes: tuple[str, ...]
    topics: tuple[str, ...]  # needs and offers share it
    challenges: tuple[str, ...]
    institutions: tuple[str, ...]
    languages: tuple[str, ...]  # ISO 639-1, or 639-3 where there is no two-letter code
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """Words by which a story may mention a code, in any language: "topic:port_logistics" -> ("port
    logistics", "logística portuaria").
    """
    # Need topic -> {offer topic: 0.25 or 0.5}: an offer that meets the need in part
    near: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: _NO_RELATIONS)
    # Challenge -> {offer topic: 0.25, 0.5 or 1}: an offer that answers the challenge
    answers: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: _NO_RELATIONS)


@dataclass(frozen=True, slots=True)
class Tie:
    """A declared tie to a country or to one named community (exactly one of the two)."""

    kind: str
    strength: int  # 1..3
    country: str | None = None  # ISO 3166 alpha-2
    community_id: int | None = None


@dataclass(frozen=True, slots=True)
class Sought:
    """What a community looks for; empty means no wish. Constraints, never scores."""

    countries: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    excluded_countries: frozenset[str] = frozenset()
    population_min: int | None = None
    population_max: int | None = None
    forms: frozenset[str] = frozenset()  # friendship | sister | fixed_term | project; empty = any
    not_where_partnered: bool = False
    not_with_us_sister: bool = False


@dataclass(frozen=True, slots=True)
class ProfileRecord:
    """One community. ``None`` and empty mean *not known*: they lower coverage, never the score."""

    id: int
    country: str  # ISO 3166 alpha-2
    region: str | None = None  # UN subregion, as in the countries table
    admin1: str | None = None  # first-level division; U.S. postal code for states
    latitude: float | None = None
    longitude: float | None = None
    population: int | None = None
    elevation_m: float | None = None
    utc_offset_hours: float | None = None  # standard time
    climate: str | None = None  # Köppen–Geiger code, e.g. "Cfb"
    coastal: bool | None = None
    port: bool | None = None  # on the sea, a lake or a river
    is_capital: bool | None = None
    seat_level: int | None = None  # 0 national capital .. 4
    air_destinations: int | None = None  # direct airline destinations within 60 km
    universities: int | None = None
    median_age: float | None = None
    income_band: int | None = None  # 1 low .. 4 high
    # Strength 1..3
    sectors: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    # Importance 1..3
    themes: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    # At most 10, the most important first: the first three count double. A set is an older record,
    # whose order is not known: there none does.
    needs: tuple[str, ...] | frozenset[str] = ()
    offers: frozenset[str] = frozenset()  # at most 10
    challenges: frozenset[str] = frozenset()
    institutions: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    ties: tuple[Tie, ...] = ()
    # country -> 0..1 from open data (heritage, air links, …)
    tie_hints: Mapping[str, float] = field(default_factory=lambda: _EMPTY)
    # 0 not in place .. 1 in place
    readiness: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    story: str | None = None
    story_language: str | None = None
    # facet -> 0..3; missing = the facet's default
    importances: Mapping[str, float] = field(default_factory=lambda: _EMPTY)
    sought: Sought = Sought()
    partner_countries: frozenset[str] = frozenset()
    has_us_sister: bool = False
    available: bool = True  # published, not stale, not paused, capacity left


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a run is computed from, frozen. ``left``: U.S. communities, ``right``: those abroad."""

    left: tuple[ProfileRecord, ...]
    right: tuple[ProfileRecord, ...]
    # (left id, right id): partners already, cooling, barred by staff
    barred_pairs: frozenset[tuple[int, int]] = frozenset()
    # (left country or "*", right country): jurisdictions
    barred_countries: frozenset[tuple[str, str]] = frozenset()
    version: str = ""


@dataclass(frozen=True, slots=True)
class Factors:
    """One direction's gain, written so that a block of it is one matrix product.

    For a left row i and a right row j (whatever the direction, left is always first): ``gain =
    gain_left[i] @ gain_right[j]``, a mean of lifts, negative where j brings less than what is
    typical; ``preference = 1 / (1 + exp(-(slope * gain + intercept)))``; and ``coverage =
    presence_left[i] @ presence_right[j] / total_weight[the side whose preference this is]``. All
    arrays float32, C-contiguous. ``slope`` is positive.
    """

    gain_left: FloatArray  # (n_left, d)
    gain_right: FloatArray  # (n_right, d)
    presence_left: FloatArray  # (n_left, f)
    presence_right: FloatArray  # (n_right, f)
    total_weight: FloatArray  # (n_left,) for left→right, (n_right,) for right→left
    slope: float
    intercept: float


class EligibilityMask(Protocol):
    """Which pairs may be suggested. Cheap on candidates; blocks only to seed thresholds."""

    left_ok: BoolArray  # (n_left,)
    right_ok: BoolArray  # (n_right,)

    def pairs(self, rows: IntArray, cols: IntArray) -> BoolArray:
        """(c,) bool for candidate pairs given by row and column indices."""

    def block(self, row_start: int, row_stop: int, col_start: int, col_stop: int) -> BoolArray:
        """(row_stop - row_start, col_stop - col_start) bool."""


@runtime_checkable
class GroupedMask(EligibilityMask, Protocol):
    """A mask that answers for whole groups (countries): closed ones need not be scored."""

    def groups(self) -> tuple[IntArray, IntArray]:
        """(n_left,) and (n_right,) numbers, from 0, of the groups that the two sides fall into."""

    def reach(self, rows: IntArray, cols: IntArray) -> tuple[BoolArray, BoolArray]:
        """Rows against columns, two (r,) bools: eligible with some, certainly with all."""

    def reach_of_right(self, cols: IntArray, rows: IntArray) -> tuple[BoolArray, BoolArray]:
        """The same of each column against a set of rows."""


@dataclass(frozen=True, slots=True)
class PairExceptions:
    """Exact gains and coverages, by (row, col), of pairs outside the product form (ties to one
    community).
    """

    rows: IntArray
    cols: IntArray
    left_to_right: npt.NDArray[np.float64]
    right_to_left: npt.NDArray[np.float64]
    left_coverage: npt.NDArray[np.float64]
    right_coverage: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PairProblem:
    """What the top-k kernel needs, and nothing else."""

    left_ids: IntArray  # (n_left,) unique
    right_ids: IntArray  # (n_right,) unique
    left_to_right: Factors
    right_to_left: Factors
    eligibility: EligibilityMask
    exceptions: PairExceptions
    coverage_floor: float  # both directions must reach it


@dataclass(frozen=True, slots=True)
class RankedSide:
    """Each row's k best counterparts; ties by smaller counterpart id. Padding: id -1, NaN."""

    ids: IntArray  # (n,) the side's own ids
    counterpart_ids: IntArray  # (n, k)
    scores: npt.NDArray[np.float64]  # (n, k) reciprocal score
    # (n, k) preference of the row's community for the counterpart
    outgoing: npt.NDArray[np.float64]
    # (n, k) preference of the counterpart for the row's community
    incoming: npt.NDArray[np.float64]
    # (n, k) as exact as the weights that it is a share of
    outgoing_coverage: npt.NDArray[np.float32]
    incoming_coverage: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The exact k best of every community of both sides, from one pass."""

    left: RankedSide
    right: RankedSide
    k: int
    fusion: str
    feature_version: str
    pairs_scored: int


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a contribution is made of, such as a need that is met."""

    code: str  # "topic:port_logistics"
    part: float  # of the facet's similarity
    offered_by: int | None = None  # so many of the chooser's candidates bring it, None: not counted
    candidates: int | None = None
    is_common: bool = False  # most of them do, as far as others know the chooser's wishes


@dataclass(frozen=True, slots=True)
class Contribution:
    """A facet's share of one directional gain; all shares sum to it."""

    facet: str
    share: float  # weight * lift / (Σ w·m + κ)
    similarity: float | None  # None: not known for this pair
    lift: float | None
    weight: float
    items: tuple[Item, ...] = ()  # rare ones first, by part * (1 - share that bring it)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why i would choose j: shares that sum to ``gain``, gaps, the strongest caveat.

    Facets of the three lists of gaps differ in why they are silent: the chooser has no data, only
    the chosen has none, or the chooser gives them no weight.
    """

    gain: float
    preference: float
    coverage: float
    contributions: tuple[Contribution, ...]  # largest share first
    missing_own: tuple[str, ...]
    missing_other: tuple[str, ...]
    not_counted: tuple[str, ...]
    caveat: str | None  # a facet code, "coverage", or None
    needs_met: int  # of the chooser's, exactly


class RecordError(ValueError):
    """A profile record holds a value that the engine cannot use."""

    def __init__(self, record_id: int, field: str, problem: str) -> None:
        self.record_id = record_id
        self.field = field
        super().__init__(f"record {record_id}, field {field!r}: {problem}")


class UnknownCodeError(RecordError):
    """A code that the vocabulary does not hold."""


class OutOfRangeError(RecordError):
    """A number (strength, importance, coordinate, …) outside of its range, or NaN."""


class DuplicateIdError(RecordError):
    """The same id occurs twice on one side."""


class UnseenValueError(RecordError):
    """A value without a column: encode both sides with ``FeatureBuilder.transform_sides``."""


class NotFittedError(ValueError):
    """``transform`` before ``fit``."""


class SnapshotError(ValueError):
    """Parts of a problem that do not belong together, such as features of another version."""
