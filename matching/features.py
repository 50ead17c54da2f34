"""Profiles → features: every part of every facet encoded, versioned by what was fitted."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from matching.facets import FACET_NAMES, FACETS, FitOptions
from matching.facets.part import EncodedPart, Part, Side
from matching.facets.ties import named_ties
from matching.types import (
    DuplicateIdError,
    IntArray,
    NotFittedError,
    OutOfRangeError,
    ProfileRecord,
    Snapshot,
    UnknownCodeError,
    Vocabulary,
)

SCHEMA = "features-2"  # raise it when the meaning of a column changes


@dataclass(frozen=True, slots=True)
class FeatureMatrix:
    """One side, encoded: each part's rows to choose and be chosen by (float32), and weights."""

    side: Side
    version: str
    layout: str  # two sides belong together if both agree
    ids: IntArray  # (n,) unique
    names: tuple[str, ...]  # of the parts
    facets: tuple[str, ...]  # facet of each part
    shares: tuple[float, ...]  # of each part in its facet
    parts: tuple[EncodedPart, ...]
    importances: npt.NDArray[np.float64]  # (n, facets) 0..3, NaN = the facet's default
    named_rows: IntArray  # (t,) ties to one named community: row of this side,
    named_ids: IntArray  # (t,) id of the community named,
    named_similarity: npt.NDArray[np.float64]  # (t,) in [0, 1]

    def __len__(self) -> int:
        return len(self.ids)

    def encoded(self, rows: IntArray) -> tuple[EncodedPart, ...]:
        """The parts of some of the communities."""
        return tuple(
            EncodedPart(p.seeker[rows], p.offered[rows], p.seeks[rows], p.offers[rows])
            for p in self.parts
        )


@dataclass(frozen=True, slots=True)
class EncodedSnapshot:
    """A snapshot with what its sides were encoded as."""

    snapshot: Snapshot
    left: FeatureMatrix
    right: FeatureMatrix


class FeatureBuilder:
    """Learns rarities and latent topics from a snapshot; encodes records by them. Scikit-learn's
    conventions.

    Parameters: ``vocabulary``; ``story_components``, latent topics of stories; ``random_state`` of
    the truncated SVD. The same input gives the same features and the same ``version_`` (SHA-256
    over schema, parameters and what was fitted).
    """

    def __init__(
        self, vocabulary: Vocabulary, *, story_components: int = 15, random_state: int = 0
    ) -> None:
        self.vocabulary = vocabulary
        self.story_components = story_components
        self.random_state = random_state

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Constructor's parameters by name, as scikit-learn's ``clone`` wants them."""
        return {
            "vocabulary": self.vocabulary,
            "story_components": self.story_components,
            "random_state": self.random_state,
        }

    def set_params(self, **params: Any) -> FeatureBuilder:
        """Set constructor's parameters; raises ValueError for names that are none."""
        unknown = params.keys() - self.get_params().keys()
        if unknown:
            raise ValueError(
                f"no parameter {sorted(unknown)[0]!r}; there are {', '.join(self.get_params())}"
            )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def fit(self, snapshot: Snapshot | Sequence[ProfileRecord]) -> FeatureBuilder:
        """Fit on both sides of a snapshot, or on records as both sides. Raises RecordErrors."""
        left, right = (
            (snapshot.left, snapshot.right)
            if isinstance(snapshot, Snapshot)
            else (snapshot, snapshot)
        )
        options = FitOptions(self.vocabulary, self.story_components, self.random_state)
        parts = tuple(part for facet in FACETS for part in facet.parts(options))
        for part in parts:
            part.fit(left, right)
            part.lay_out(left, right)
        self.base_rates_: Any = None  # those of the snapshot: ``BaseRates.of`` keeps them here
        self.snapshot_ = (
            snapshot if isinstance(snapshot, Snapshot) else Snapshot(tuple(left), tuple(right))
        )
        self.parts_: tuple[Part, ...] = parts
        self.version_ = self._version(parts)
        self.layout_ = _digest(value for part in parts for value in part.layout())
        return self

    def transform(self, records: Sequence[ProfileRecord], side: Side = "left") -> FeatureMatrix:
        """Encode the records of one side, in the columns that ``fit`` laid out.

        Raises NotFittedError, and RecordErrors that name record and field, among them
        UnseenValueError for a value without a column.
        """
        self._check_fitted()
        return self._encode(self.parts_, self.layout_, records, side)

    def transform_sides(
        self, snapshot: Snapshot, earlier: EncodedSnapshot | None = None
    ) -> tuple[FeatureMatrix, FeatureMatrix]:
        """Encode both sides of a snapshot (any later one, or a shard) as fitted, with columns laid
        out for its own values.

        Similarities are those that ``fit`` learned. ``earlier`` is what this builder made of
        another snapshot: rows of records that are in both are taken over where the columns are the
        same. Raises NotFittedError and RecordErrors.
        """
        self._check_fitted()
        parts = tuple(map(copy, self.parts_))
        for part in parts:
            part.lay_out(snapshot.left, snapshot.right)
        layout = _digest(value for part in parts for value in part.layout())
        left, right = snapshot.left, snapshot.right
        if earlier is None or (earlier.left.version, earlier.left.layout) != (
            self.version_,
            layout,
        ):
            return self._encode(parts, layout, left, "left"), self._encode(
                parts, layout, right, "right"
            )
        return (
            self._encode_changed(parts, layout, left, earlier.snapshot.left, earlier.left),
            self._encode_changed(parts, layout, right, earlier.snapshot.right, earlier.right),
        )

    def _encode_changed(
        self,
        parts: tuple[Part, ...],
        layout: str,
        records: Sequence[ProfileRecord],
        known: Sequence[ProfileRecord],
        encoded: FeatureMatrix,
    ) -> FeatureMatrix:
        """The same as ``_encode``, from what ``known`` records were encoded as."""
        at = {record.id: row for row, record in enumerate(known)}
        origin = np.fromiter((at.get(record.id, -1) for record in records), np.int64, len(records))
        fresh = [
            row
            for row, record in enumerate(records)
            if origin[row] < 0 or not _is_same(record, known[origin[row]])
        ]
        if len(fresh) == len(records):
            return self._encode(parts, layout, records, encoded.side)
        part = self._encode(parts, layout, [records[row] for row in fresh], encoded.side)
        if (
            not fresh
            and len(records) == len(known)
            and np.array_equal(origin, np.arange(len(known)))
        ):
            return encoded

        def joined(old: npt.NDArray[Any], new: npt.NDArray[Any]) -> npt.NDArray[Any]:
            rows = old[origin]
            rows[fresh] = new
            return rows

        rows, named, similarity = named_ties(records)
        return replace(
            encoded,
            ids=_unique_ids(records),
            importances=joined(encoded.importances, part.importances),
            parts=tuple(
                _joined_part(old, new, joined)
                for old, new in zip(encoded.parts, part.parts, strict=True)
            ),
            named_rows=rows,
            named_ids=named,
            named_similarity=similarity,
        )

    def _check_fitted(self) -> None:
        if not hasattr(self, "parts_"):
            raise NotFittedError("fit the FeatureBuilder before transforming records")

    def _encode(
        self, parts: tuple[Part, ...], layout: str, records: Sequence[ProfileRecord], side: Side
    ) -> FeatureMatrix:
        ids = _unique_ids(records)
        importances = _importances(records)
        encoded = tuple(part.encode(records, side) for part in parts)
        rows, named, similarity = named_ties(records)
        return FeatureMatrix(
            side=side,
            version=self.version_,
            layout=layout,
            ids=ids,
            names=tuple(part.name for part in self.parts_),
            facets=tuple(part.facet for part in self.parts_),
            shares=tuple(part.share for part in self.parts_),
            parts=encoded,
            importances=importances,
            named_rows=rows,
            named_ids=named,
            named_similarity=similarity,
        )

    def _version(self, parts: tuple[Part, ...]) -> str:
        schema = [f"{part.facet}.{part.name}.{part.share}" for part in parts]
        learned = (value for part in parts for value in part.state())
        return f"{SCHEMA}-{_digest((self.story_components, self.random_state, schema, *learned))}"


def _is_same(record: ProfileRecord, other: ProfileRecord) -> bool:
    return record is other or record == other


def _joined_part(
    old: EncodedPart,
    new: EncodedPart,
    joined: Callable[[npt.NDArray[Any], npt.NDArray[Any]], npt.NDArray[Any]],
) -> EncodedPart:
    """Roles that shared an array share one again."""
    seeker, seeks = joined(old.seeker, new.seeker), joined(old.seeks, new.seeks)
    return EncodedPart(
        seeker,
        seeker if old.offered is old.seeker else joined(old.offered, new.offered),
        seeks,
        seeks if old.offers is old.seeks else joined(old.offers, new.offers),
    )


def _digest(values: Iterable[Any]) -> str:
    digest = hashlib.sha256()
    for value in values:
        digest.update(b"|" + _bytes(value))
    return digest.hexdigest()[:16]


def _bytes(value: Any) -> bytes:
    return (
        np.ascontiguousarray(value).tobytes()
        if isinstance(value, np.ndarray)
        else repr(value).encode()
    )


def _unique_ids(records: Sequence[ProfileRecord]) -> IntArray:
    ids = np.fromiter((record.id for record in records), np.int64, len(records))
    if len(np.unique(ids)) != len(ids):
        repeated = next(id_ for id_, count in Counter(ids.tolist()).items() if count > 1)
        raise DuplicateIdError(
            repeated, "id", "occurs twice on one side; give every community once"
        )
    return ids


def _importances(records: Sequence[ProfileRecord]) -> npt.NDArray[np.float64]:
    stated = np.full((len(records), len(FACET_NAMES)), np.nan)
    column = {facet: at for at, facet in enumerate(FACET_NAMES)}
    for row, record in enumerate(records):
        for facet, value in record.importances.items():
            if facet not in column:
                raise UnknownCodeError(
                    record.id,
                    "importances",
                    f"{facet!r} is no facet; there are {', '.join(FACET_NAMES)}",
                )
            if not 0 <= value <= 3:
                raise OutOfRangeError(
                    record.id, "importances", f"{facet!r} has {value!r}, which is not from 0 to 3"
                )
            stated[row, column[facet]] = value
    return stated
