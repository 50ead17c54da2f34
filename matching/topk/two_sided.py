"""One pass over blocks that fills the lists of both sides."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from matching.topk.admission import Admission, column_blocks
from matching.topk.direct import BlockCandidates, DirectKernel, Floors, Judge
from matching.topk.lists import NOTHING_YET, BestLists, KeyArray, pack
from matching.topk.operands import LeftOperands, layout
from matching.topk.pairs import score_pairs
from matching.topk.rounding import Errors
from matching.topk.scan import eligible
from matching.topk.threads import run_threads, share_out
from matching.types import IntArray, PairProblem

Float32Array = npt.NDArray[np.float32]

SPARE = 4
_AT_ONCE = 2**17  # candidates that are merged together: fewer merges of more, but not more memory


@dataclass(slots=True)
class _Buffered:
    """Candidates on their way into lists."""

    at: list[IntArray] = field(default_factory=list)
    keys: list[KeyArray] = field(default_factory=list)
    count: int = 0

    def add(self, at: IntArray, keys: KeyArray) -> None:
        self.at.append(at)
        self.keys.append(keys)
        self.count += len(at)

    def extend(self, other: _Buffered) -> None:
        self.at.extend(other.at)
        self.keys.extend(other.keys)
        self.count += other.count

    def flush(self, lists: BestLists, offset: int = 0) -> None:
        if self.count:
            lists.merge(np.concatenate(self.at), np.concatenate(self.keys), offset)
        self.at, self.keys, self.count = [], [], 0


class TwoSidedPass:
    """Lists of the k best of every row and column of a problem whose left side is the smaller one.

    Columns are taken block by block in phases that double; after each phase the rows' lists take up
    their candidates, and rows are sorted again by their thresholds. Within a phase nothing that
    threads share changes, so their timing cannot change what is computed.
    """

    def __init__(
        self,
        problem: PairProblem,
        k: int,
        fusion: str,
        errors: Errors,
        threads: int,
        block: tuple[int, int],
    ) -> None:
        self.problem, self.k, self.fusion, self.threads, self.block = (
            problem,
            k,
            fusion,
            threads,
            block,
        )
        self.admission = Admission(problem)
        self.rows, cols = self.admission.reachable()
        self.cols, self.blocks = column_blocks(problem, cols, block[1])
        self.errors = errors
        self.row_lists = BestLists(len(self.rows), k, SPARE, fusion, errors)
        self.col_lists = BestLists(len(self.cols), k, SPARE, fusion, errors)
        self.row_ranks = id_ranks(problem.left_ids[self.rows])
        self.col_ranks = id_ranks(problem.right_ids[self.cols])

    def run(
        self, row_thresholds: Float32Array | None = None, col_thresholds: Float32Array | None = None
    ) -> None:
        """Fills the lists. Thresholds known beforehand are lower bounds of the final k-th best
        scores, less the margin; -1 where unknown."""
        m, n = len(self.rows), len(self.cols)
        if m == 0 or n == 0:
            return
        first = 1
        if row_thresholds is not None and col_thresholds is not None:
            self.row_lists.raise_thresholds(self._sort(row_thresholds))
            self.col_lists.raise_thresholds(self._settle(col_thresholds))
            first = len(self.blocks)
        self.left = LeftOperands(self.problem, self.rows, layout(self.problem, self.rows))
        self._add_exceptions()
        done = 0
        while done < len(self.blocks):
            stop = min(len(self.blocks), max(first, 2 * done))
            # Rows with high thresholds are those that score high with many: taken first, they raise
            # the columns' thresholds soonest.
            order = np.argsort(-self.row_lists.thresholds, kind="stable")
            self._run_phase(self.blocks[done:stop], order)
            done = stop
        del self.left  # what follows needs the room

    def _sort(self, thresholds: Float32Array) -> Float32Array:
        """Puts the rows into the order in which they will be taken, so that a block of them is one
        piece of memory. Returns the thresholds in that order."""
        order = np.argsort(-thresholds, kind="stable")
        self.rows, self.row_ranks = self.rows[order], self.row_ranks[order]
        return thresholds[order]

    def _settle(self, thresholds: Float32Array) -> Float32Array:
        """Puts columns without a threshold into blocks of their own, at the end: where they stand,
        the block's limits are looked for anew. Returns the thresholds in the new order."""
        open_ = thresholds <= NOTHING_YET
        order = np.argsort(open_, kind="stable")
        settled = np.concatenate(([0], np.cumsum(~open_)))
        edges = [int(settled[stop]) for _, stop in self.blocks]
        edges += range(edges[-1], len(order), self.block[1])
        self.blocks = [
            (start, stop)
            for start, stop in itertools.pairwise([0, *edges, len(order)])
            if stop > start
        ]
        self.cols, self.col_ranks = self.cols[order], self.col_ranks[order]
        return thresholds[order]

    def _add_exceptions(self) -> None:
        """Ranks the pairs that have exact values of their own, which the blocks leave out."""
        exceptions, mask = self.problem.exceptions, self.problem.eligibility
        values = score_pairs(self.problem, exceptions.rows, exceptions.cols, self.fusion)
        allowed = values.suggestible(self.problem.coverage_floor) & eligible(
            self.problem, exceptions.rows, exceptions.cols
        )
        at_row = _places(self.rows, len(mask.left_ok))[exceptions.rows[allowed]]
        at_col = _places(self.cols, len(mask.right_ok))[exceptions.cols[allowed]]
        scores = values.score[allowed].astype(np.float32)
        self.row_lists.merge(at_row, pack(scores, self.col_ranks[at_col]))
        self.col_lists.merge(at_col, pack(scores, self.row_ranks[at_row]))

    def _run_phase(self, blocks: list[tuple[int, int]], order: IntArray) -> None:
        draw = share_out(range(len(blocks)))
        found: dict[int, _Buffered] = {}
        judge = Judge(self.fusion, self.errors)

        def work() -> None:
            kernel = DirectKernel(judge, self.left, self.k, self.block)
            while (at := draw()) is not None:
                found[at] = self._run_columns(*blocks[at], order, kernel)

        run_threads(work, min(self.threads, len(blocks)))
        together = _Buffered()
        for at in range(len(blocks)):
            together.extend(found.pop(at))
            if together.count > _AT_ONCE:
                together.flush(self.row_lists)
        together.flush(self.row_lists)

    def _run_columns(
        self, start: int, stop: int, order: IntArray, kernel: DirectKernel
    ) -> _Buffered:
        """All rows against some columns: fills their lists, returns the rows' candidates."""
        height = self.block[0]
        for_rows, for_cols = _Buffered(), _Buffered()
        admission = self.admission.of_columns(self.rows, self.cols[start:stop])
        columns = self.left.columns(self.problem, admission)
        order = order[admission.possible[order]]
        seen, merged = 0, 0
        for at in range(0, len(order), height):
            positions = order[at : at + height]
            floors = Floors(
                self.row_lists.thresholds[positions],
                self.row_lists.limits[positions],
                self.col_lists.thresholds[start:stop],
                self.col_lists.limits[start:stop],
            )
            found = kernel.candidates(columns, positions, floors)
            self._collect(found, positions, start, for_rows, for_cols)
            seen += len(positions)
            if seen >= 2 * merged or for_cols.count > 8 * (stop - start):
                for_cols.flush(self.col_lists, start)
                merged = seen
        for_cols.flush(self.col_lists, start)
        return for_rows

    def _collect(
        self,
        found: BlockCandidates,
        positions: IntArray,
        start: int,
        for_rows: _Buffered,
        for_cols: _Buffered,
    ) -> None:
        chosen = np.flatnonzero(found.for_col)
        for_cols.add(
            found.cols[chosen],
            pack(found.scores[chosen], self.row_ranks.take(positions.take(found.rows[chosen]))),
        )
        chosen = np.flatnonzero(found.for_row)
        for_rows.add(
            positions.take(found.rows[chosen]),
            pack(found.scores[chosen], self.col_ranks.take(start + found.cols[chosen])),
        )


def _places(which: IntArray, of: int) -> IntArray:
    """(of,) the position of each index among the chosen ones; only those have a position."""
    places = np.empty(of, dtype=np.int64)
    places[which] = np.arange(len(which))
    return places


def id_ranks(ids: IntArray) -> npt.NDArray[np.uint32]:
    """(n,) place of each id among all of them, in order."""
    ranks = np.empty(len(ids), dtype=np.uint32)
    ranks[np.argsort(ids, kind="stable")] = np.arange(len(ids), dtype=np.uint32)
    return ranks
