"""Known partnerships of other U.S. cities, and the two rules that keep what is told from them
honest.

- The U.S. cities asked about must not be among those counted (``CountedTwice`` otherwise), so that
  rows to learn from get their values from other folds, as rows to rank do.
- A candidate's own partnerships never count for the candidate itself: a pool made of partners would
  give the answer away, since a city whose known partners are missing is in the pool for the sake of
  the pair to be found.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from matching.recovery.places import Places
from matching.recovery.tables import OpenData, TableError
from matching.types import FloatArray, IntArray

POOL_BLOCK = 4096  # candidates described at a time


class CountedTwice(ValueError):
    """A U.S. city to be described is among those whose partnerships are counted."""


@dataclass(frozen=True)
class Partnerships:
    """Rows are those of the city table."""

    data: OpenData
    places: Places
    left: IntArray  # (a,) distinct U.S. rows
    right: IntArray  # (b,) distinct foreign rows
    chosen: sparse.csr_matrix  # (a, b) float32, 1 where partners

    @classmethod
    def of_pairs(
        cls, data: OpenData, places: Places, left_rows: IntArray, right_rows: IntArray
    ) -> Partnerships:
        """Raises ``TableError`` without any pair."""
        if len(left_rows) == 0:
            raise TableError(
                "no training pair is left to count; give --train more U.S. cities or use fewer folds"
            )
        left, row = np.unique(left_rows, return_inverse=True)
        right, column = np.unique(right_rows, return_inverse=True)
        chosen = sparse.csr_matrix(
            (np.ones(len(row), np.float32), (row, column)), shape=(len(left), len(right))
        )
        chosen.data[:] = 1.0
        return cls(data, places, left, right, chosen)

    def refuse_own(self, rows: IntArray) -> None:
        """Raises ``CountedTwice`` if a U.S. row is counted here."""
        if np.isin(rows, self.left).any():
            raise CountedTwice("a U.S. city's own partnerships may not describe its pairs")

    def own(self, pool: IntArray) -> tuple[IntArray, IntArray]:
        """Candidates that are counted themselves: their positions in the pool, and among ``right``."""
        position = {int(row): i for i, row in enumerate(self.right)}
        both = [(i, position[int(row)]) for i, row in enumerate(pool) if int(row) in position]
        return np.array([i for i, _ in both], dtype=np.int64), np.array(
            [j for _, j in both], dtype=np.int64
        )

    def damped(self) -> FloatArray:
        """(a,) weights of U.S. cities, so that one of many partners counts by the square root of
        their number.
        """
        weights: FloatArray = 1.0 / np.sqrt(np.asarray(self.chosen.sum(1)).ravel())
        return weights


class Telling(ABC):
    """Features told from partnerships of other cities."""

    names: ClassVar[tuple[str, ...]]

    @abstractmethod
    def __init__(self, known: Partnerships) -> None: ...

    @abstractmethod
    def features(self, rows: IntArray, pool: IntArray) -> FloatArray:
        """(len(rows), len(pool), len(names)) float32. Raises ``CountedTwice``."""
