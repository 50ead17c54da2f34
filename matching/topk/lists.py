"""The best candidates so far of many rows at once, as integers that sort like (score, id)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matching.types import IntArray

KeyArray = npt.NDArray[np.uint64]
Float32Array = npt.NDArray[np.float32]

_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
NOTHING_YET = np.float32(-1)  # the threshold of a list that is not full: every score beats it


def pack(scores: Float32Array, ranks: npt.NDArray[np.uint32]) -> KeyArray:
    """Keys of scores ≥ 0 (whose bit patterns sort like the scores) and of id ranks (the smaller the
    better). No key is 0.
    """
    return (scores.view(np.uint32).astype(np.uint64) << _HALF) | (_LOW - ranks)


def packed_scores(keys: KeyArray) -> Float32Array:
    """The scores within keys; 0 for empty places."""
    return (keys >> _HALF).astype(np.uint32).view(np.float32)


def packed_ranks(keys: KeyArray) -> IntArray:
    """The id ranks within keys."""
    return (_LOW - (keys & _LOW)).astype(np.int64)


class BestLists:
    """For each of n rows its ``k + spare`` best keys so far, in no order, and the score that a
    newcomer has to beat.

    The threshold lies ``margin`` below the k-th best score: what does not beat it cannot be among
    the k best, even if both scores were computed with an error of half the margin. The spare places
    hold what lies within that margin.
    """

    def __init__(self, n: int, k: int, spare: int, margin: float) -> None:
        self.keys: KeyArray = np.zeros((n, k + spare), dtype=np.uint64)
        self.thresholds: Float32Array = np.full(n, NOTHING_YET)
        self.spare = spare
        self.margin = margin

    def raise_thresholds(self, thresholds: Float32Array) -> None:
        """Takes lower bounds of the final k-th best scores (margin already off) that are known from
        elsewhere.
        """
        np.maximum(self.thresholds, thresholds, out=self.thresholds)

    def merge(self, at: IntArray, keys: KeyArray, offset: int = 0) -> None:
        """Puts candidates (row ``offset + at``, key) into their lists. A pair must be given only
        once.
        """
        if len(at) == 0:
            return
        order = np.argsort(at.astype(np.uint16) if at.max() < 2**16 else at, kind="stable")
        at, keys = at[order], keys[order]
        first = np.flatnonzero(np.concatenate(([True], at[1:] != at[:-1])))
        counts = np.diff(np.append(first, len(at)))
        rows = at[first] + offset
        width = self.keys.shape[1]
        best = self.keys[rows]
        # A few at a time, so that one long list does not widen the table of all others.
        for start in range(0, int(counts.max()), 2 * width):
            touched = np.flatnonzero(counts > start)
            now = np.minimum(counts[touched] - start, 2 * width)
            added = int(now.max())
            table = np.zeros((len(touched), width + added), dtype=np.uint64)
            table[:, :width] = best[touched]
            # Runs of sorted candidates go to the beginnings of rows: one offset a row, and places
            # counted on.
            ends = np.cumsum(now)
            step = np.repeat(np.arange(len(touched)) * (width + added) + width - (ends - now), now)
            places = np.arange(int(ends[-1])) + step
            taken = (
                keys
                if start == 0 and added == counts.max()
                else keys[places - step + np.repeat(first[touched] + start - (ends - now), now)]
            )
            table.reshape(-1)[places] = taken
            table.partition(added, axis=1)
            best[touched] = table[:, added:]
        best.partition(self.spare, axis=1)  # the k-th best comes to stand at `spare`
        self.keys[rows] = best
        worst = best[:, self.spare]
        known = np.where(worst > 0, packed_scores(worst) - np.float32(self.margin), NOTHING_YET)
        self.thresholds[rows] = np.maximum(self.thresholds[rows], known)

    def ordered(self, part: slice) -> tuple[KeyArray, npt.NDArray[np.bool_]]:
        """Keys of some rows, best first, without those that cannot be among the k best (0 in their
        places), and as few columns as do.

        Of each row also whether it overflowed: more candidates lay within the margin than there are
        spare places, so that one may have been lost.
        """
        keys = np.sort(self.keys[part], axis=1)[:, ::-1]
        k = keys.shape[1] - self.spare
        least = packed_scores(keys[:, k - 1 :]) >= packed_scores(keys[:, k - 1 : k]) - np.float32(
            self.margin
        )
        near = (keys[:, k - 1 :] > 0) & least
        keys[:, k:][~near[:, 1:]] = 0
        return keys[:, : k + int(near[:, 1:].any(axis=0).sum())], near[:, -1]
