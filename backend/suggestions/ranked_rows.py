"""Ranked pairs in the database: written by COPY, ranked across shards by the database."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

import numpy as np
from django.db import connection
from django.db.models import Q

from backend.suggestions.models import RankedPair
from backend.suggestions.scoring import RankedRow

_COLUMNS = (
    "left_id", "right_id", "score", "left_preference", "right_preference", "left_coverage", "right_coverage", "left_rank", "right_rank",
)  # fmt: skip
_ROUNDING = 1e-9
_PACKED = np.dtype(
    [(name, "<i8" if name.endswith(("_id", "_rank")) else "<f8") for name in _COLUMNS]
)


def copy_rows(run_id: int, rows: Iterable[RankedRow]) -> None:
    """Writes rows of a run as fast as the database takes them."""
    statement = f"COPY suggestions_rankedpair (run_id, {', '.join(_COLUMNS)}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row((run_id, *row))


def stored_rows(
    run_id: int, left_ids: Sequence[int] | None = None, right_ids: Sequence[int] = ()
) -> dict[tuple[int, int], RankedRow]:
    """Rows of a run by (left id, right id): all, or those of which a side is among the ids given."""
    rows = RankedPair.objects.filter(run_id=run_id).values_list(*_COLUMNS)
    if left_ids is not None:
        rows = rows.filter(Q(left_id__in=left_ids) | Q(right_id__in=right_ids))
    return {(row[0], row[1]): RankedRow(*row) for row in rows.iterator(chunk_size=10_000)}


def replace_rows(
    run_id: int, old: dict[tuple[int, int], RankedRow], new: dict[tuple[int, int], RankedRow]
) -> int:
    """Brings the stored rows from ``old`` to ``new``, touching only those that differ; returns how
    many were written.
    """
    gone = [pair for pair, row in old.items() if pair not in new or not _is_same(row, new[pair])]
    fresh = [row for pair, row in new.items() if pair not in old or not _is_same(old[pair], row)]
    if gone:
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM suggestions_rankedpair USING unnest(%s::bigint[], %s::bigint[]) AS gone(l, r) "
                "WHERE run_id = %s AND left_id = gone.l AND right_id = gone.r",
                [[pair[0] for pair in gone], [pair[1] for pair in gone], run_id],
            )
    if fresh:
        copy_rows(run_id, fresh)
    return len(fresh)


def _is_same(row: RankedRow, other: RankedRow) -> bool:
    """Sums that were taken in another order, over more or fewer communities, differ in their last
    bits.
    """
    if row == other:
        return True
    ranks, other_ranks = row[-2:], other[-2:]
    return ranks == other_ranks and all(
        abs(a - b) <= _ROUNDING for a, b in zip(row[2:-2], other[2:-2], strict=True)
    )


def pack_rows(rows: Iterable[RankedRow]) -> bytes:
    """Rows of one shard as compressed bytes; a rank that is not there is 0."""
    values = [tuple(value or 0 for value in row) for row in rows]
    return zlib.compress(np.array(values, dtype=_PACKED).tobytes(), 1)


def merge_shards(packed: Iterable[bytes], k: int) -> list[RankedRow]:
    """The rows of all shards: each community abroad gets its k best (ties by smaller id), and pairs
    that are nobody's k best go.
    """
    rows = np.concatenate(
        [
            np.empty(0, dtype=_PACKED),
            *(np.frombuffer(zlib.decompress(one), dtype=_PACKED) for one in packed),
        ]
    )
    rows = rows[np.lexsort((rows["left_id"], -rows["score"], rows["right_id"]))]
    first = (
        np.flatnonzero(np.r_[True, rows["right_id"][1:] != rows["right_id"][:-1]])
        if len(rows)
        else np.empty(0, dtype=np.int64)
    )
    place = np.arange(len(rows)) - np.repeat(first, np.diff(np.r_[first, len(rows)])) + 1
    rows["right_rank"] = np.where(place <= k, place, 0)
    kept = rows[(rows["left_rank"] > 0) | (rows["right_rank"] > 0)]
    return [RankedRow._make((*row[:-2], row[-2] or None, row[-1] or None)) for row in kept.tolist()]
