"""The sparse graph that an allocation works on: every pair in a list of either side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching.types import BoolArray, IntArray, RankedSide, Ranking

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs (c,) by row and column of the two sides, ordered by row, then column, each once.

    Raises ValueError for arrays of unequal length, rows or columns outside of the sides, a pair
    that occurs twice, or preferences that are not numbers from 0 to 1.
    """

    left_ids: IntArray  # (n_left,)
    right_ids: IntArray  # (n_right,)
    rows: IntArray
    cols: IntArray
    left_preference: Float64Array  # of the left side for the right
    right_preference: Float64Array
    scores: Float64Array  # reciprocal

    def __post_init__(self) -> None:
        columns = (self.rows, self.cols, self.left_preference, self.right_preference, self.scores)
        if len({len(column) for column in columns}) != 1:
            raise ValueError(
                "rows, columns, preferences and scores of candidates must be equally long"
            )
        for name, index, size in (
            ("row", self.rows, len(self.left_ids)),
            ("column", self.cols, len(self.right_ids)),
        ):
            if len(index) and not (index.min() >= 0 and index.max() < size):
                raise ValueError(f"a candidate's {name} is not one of the {size} of its side")
        keys = self.rows * max(len(self.right_ids), 1) + self.cols
        if (np.diff(keys) <= 0).any():
            raise ValueError(
                "candidates must be ordered by row and column, and no pair may stand twice"
            )
        for preference in (self.left_preference, self.right_preference):
            if not ((preference >= 0) & (preference <= 1)).all():
                raise ValueError(
                    "preferences of candidates must be numbers from 0 to 1, without NaN"
                )

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, ranking: Ranking) -> Candidates:
        """The union of both sides' lists."""
        left_ids, right_ids = np.asarray(ranking.left.ids), np.asarray(ranking.right.ids)
        rows, theirs, from_left = _listed(ranking.left, right_ids)
        cols, mine, from_right = _listed(ranking.right, left_ids)
        width = max(len(right_ids), 1)
        keys, first = np.unique(
            np.concatenate([rows * width + theirs, mine * width + cols]), return_index=True
        )
        outgoing, incoming, scores = (
            np.concatenate(pair)[first]
            for pair in zip(from_left, from_right[[1, 0, 2]], strict=True)
        )
        return cls(left_ids, right_ids, *np.divmod(keys, width), outgoing, incoming, scores)

    def where(self, kept: BoolArray) -> Candidates:
        """The same sides with only some of the pairs; ``kept`` is (c,) bool."""
        preferences = self.left_preference[kept], self.right_preference[kept]
        return Candidates(
            self.left_ids,
            self.right_ids,
            self.rows[kept],
            self.cols[kept],
            *preferences,
            self.scores[kept],
        )


def _listed(
    side: RankedSide, other_ids: IntArray
) -> tuple[IntArray, IntArray, npt.NDArray[np.float64]]:
    """Row of the owner, row of the counterpart, and (3, c): outgoing, incoming, score."""
    owners, places = np.nonzero(side.counterpart_ids >= 0)
    order = np.argsort(other_ids, kind="stable")
    ids = side.counterpart_ids[owners, places]
    at = (
        order[np.minimum(np.searchsorted(other_ids, ids, sorter=order), max(len(order) - 1, 0))]
        if len(order)
        else ids
    )
    if len(ids) and (len(order) == 0 or (other_ids[at] != ids).any()):
        raise ValueError("a list names a counterpart that the other side does not have")
    values = np.stack(
        [values[owners, places] for values in (side.outgoing, side.incoming, side.scores)]
    )
    return owners.astype(np.int64), at.astype(np.int64), values
