"""Ranked pairs in the database: written by COPY, ranked across shards by the database."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

from backend.suggestions.models import RankedPair
from backend.suggestions.scoring import RankedRow

_COLUMNS = (
    "left_id", "right_id", "score", "left_preference", "right_preference", "left_coverage", "right_coverage", "left_rank", "right_rank",
)  # fmt: skip


def copy_rows(run_id: int, rows: Iterable[RankedRow]) -> None:
    """Writes rows of a run as fast as the database takes them."""
    statement = f"COPY suggestions_rankedpair (run_id, {', '.join(_COLUMNS)}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row((run_id, *row))


def stored_rows(run_id: int) -> dict[tuple[int, int], RankedRow]:
    """All rows of a run by (left id, right id)."""
    rows = RankedPair.objects.filter(run_id=run_id).values_list(*_COLUMNS)
    return {(row[0], row[1]): RankedRow(*row) for row in rows.iterator(chunk_size=10_000)}


def replace_rows(run_id: int, old: dict[tuple[int, int], RankedRow], new: dict[tuple[int, int], RankedRow]) -> int:
    """Brings the stored rows from ``old`` to ``new``, touching only those that differ; returns how many were written."""
    gone = [pair for pair, row in old.items() if new.get(pair) != row]
    fresh = [row for pair, row in new.items() if old.get(pair) != row]
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


def rank_right_side(run_id: int, k: int) -> None:
    """Gives each community abroad its k best over all shards (ties by smaller id), and drops pairs that are nobody's k best."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH ranked AS (SELECT id, row_number() OVER (PARTITION BY right_id ORDER BY score DESC, left_id) AS place "
            "FROM suggestions_rankedpair WHERE run_id = %s) "
            "UPDATE suggestions_rankedpair AS r SET right_rank = CASE WHEN ranked.place <= %s THEN ranked.place END "
            "FROM ranked WHERE ranked.id = r.id AND r.right_rank IS DISTINCT FROM CASE WHEN ranked.place <= %s THEN ranked.place END",
            [run_id, k, k],
        )
        cursor.execute(
            "DELETE FROM suggestions_rankedpair WHERE run_id = %s AND left_rank IS NULL AND right_rank IS NULL",
            [run_id],
        )
