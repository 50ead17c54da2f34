"""Ranked pairs in the database: written by COPY, ranked across shards, marked as chosen."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set

import numpy as np
from django.conf import settings
from django.db import connection
from django.db.models import Q

from backend.cities.models import Profile
from backend.cities.models.communities import HOME_COUNTRY
from backend.common.dates import database_now
from backend.suggestions.eligibility import (
    CLOSING,
    DEFAULT_OPEN_INTRODUCTIONS,
    closed_in_secret,
    known_partners,
    over_before,
    unavailable_pairs,
)
from backend.suggestions.models import RankedPair, Suggestion
from backend.suggestions.scoring import (
    PairIds,
    PromisingRow,
    RankedRow,
    Room,
    allocate,
    allocate_around,
    room_for,
)
from backend.suggestions.sides import sides_of

_COLUMNS = (
    "left_id",
    "right_id",
    "score",
    "left_preference",
    "right_preference",
    "left_coverage",
    "right_coverage",
    "left_rank",
    "right_rank",
)
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
    """Rows of a run by (left id, right id): all, or those with a side among the ids."""
    rows = RankedPair.objects.filter(run_id=run_id).values_list(*_COLUMNS)
    if left_ids is not None:
        rows = rows.filter(Q(left_id__in=left_ids) | Q(right_id__in=right_ids))
    return {(row[0], row[1]): RankedRow(*row) for row in rows.iterator(chunk_size=10_000)}


def replace_rows(
    run_id: int, old: dict[tuple[int, int], RankedRow], new: dict[tuple[int, int], RankedRow]
) -> int:
    """Brings the stored rows from ``old`` to ``new``; returns how many were written."""
    gone = [pair for pair, row in old.items() if pair not in new or not _is_same(row, new[pair])]
    fresh = [row for pair, row in new.items() if pair not in old or not _is_same(old[pair], row)]
    if gone:
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM suggestions_rankedpair USING unnest(%s::bigint[], %s::bigint[]) AS "
                "gone(l, r) "
                "WHERE run_id = %s AND left_id = gone.l AND right_id = gone.r",
                [[pair[0] for pair in gone], [pair[1] for pair in gone], run_id],
            )
    if fresh:
        copy_rows(run_id, fresh)
    return len(fresh)


def _is_same(row: RankedRow, other: RankedRow) -> bool:
    """Sums in another order differ in their last bits."""
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


_S = Suggestion.Status
_STANDING = (
    "status",
    "a_state",
    "b_state",
    "a_preference",
    "b_preference",
    "score",
    "pair__a_id",
    "pair__b_id",
    "pair__a_country",
    "pair__b_country",
)
# A known suggestion goes only when it has clearly fallen below the threshold, so that none comes
# and goes with every run.
STAYS_AT = 0.9


def allocate_run(run_id: int) -> int:
    """Chooses among all promising pairs of a run; returns how many. Needs the ranking's lock."""
    current = _OpenSuggestions()
    rooms = current.rooms()
    rows = [*_promising_rows(run_id, current), *current.released_rows(rooms)]
    kept = current.released.keys()
    chosen = allocate(
        rows,
        rooms,
        shown=current.unreleased,
        kept=kept,
        closed_by=current.closed_by,
        threshold=settings.SUGGESTIONS["promising"],
    )
    _mark(run_id, chosen)
    return len(chosen)


def chosen_pairs(run_id: int) -> dict[PairIds, float]:
    """What the last allocation chose, with expected matches."""
    rows = RankedPair.objects.filter(run_id=run_id, expected_matches__isnull=False).values_list(
        "left_id", "right_id", "expected_matches"
    )
    return {
        (left, right): expected_matches
        for left, right, expected_matches in rows
        if expected_matches is not None
    }


def allocate_communities(
    run_id: int, community_ids: Set[int], before: Mapping[PairIds, float]
) -> int:
    """Chooses again around communities that were rescored; ``before`` is what was chosen until
    then. Returns how many pairs they have now.

    What was chosen and is promising still stays; what others lost by the rescoring is made good by
    the next run.
    """
    current = _OpenSuggestions()
    rooms = current.rooms()
    rows = [*_promising_rows(run_id, current, before), *current.released_rows(rooms)]
    kept = {(row.left_id, row.right_id) for row in rows} & (before.keys() | current.released.keys())
    chosen = allocate_around(
        rows,
        rooms,
        kept=kept,
        closed_by=current.closed_by,
        community_ids=community_ids,
        threshold=settings.SUGGESTIONS["promising"],
    )
    _mark(
        run_id,
        {pair: before.get(pair, expected_matches) for pair, expected_matches in chosen.items()},
    )
    return sum(not community_ids.isdisjoint(pair) for pair in chosen)


class _OpenSuggestions:
    """Suggestions as they are now, and what room they leave.

    What one side has declined or withdrawn keeps its place until its time is over, as if nobody had
    answered: else a new suggestion in the gap that it left would reveal the answer. Only who closed
    it is served again, from what the others leave.
    """

    def __init__(self) -> None:
        self.unreleased: set[PairIds] = set()
        # By left and right; they stay, and take up room of both sides
        self.released: dict[PairIds, PromisingRow] = {}
        self.closed_by: dict[PairIds, set[int]] = {}
        # Released, introduced, closed or resting: neither chosen again nor taken back
        self.settled: set[PairIds] = set()
        self._introduced: Counter[int] = Counter()
        now = database_now()
        overdue = Q(status=_S.RELEASED, expires_at__lte=over_before(now))
        for suggestion in (
            Suggestion.objects.filter(Q(status__in=Suggestion.OPEN) | closed_in_secret(now))
            .exclude(overdue)
            .only(*_STANDING)
            .select_related("pair")
        ):
            self._count(suggestion)
        barred = unavailable_pairs(now).values_list("a_id", "b_id")
        for a, b in {*barred, *known_partners()}:
            self.settled |= {(a, b), (b, a)}

    def _count(self, suggestion: Suggestion) -> None:
        a, b = suggestion.pair.a_id, suggestion.pair.b_id
        if suggestion.status in (_S.PROPOSED, _S.HELD):
            self.unreleased |= {(a, b), (b, a)}
            return
        self.settled |= {(a, b), (b, a)}
        if suggestion.status in (_S.MUTUAL, _S.INTRODUCED):
            self._introduced.update((a, b))
            return
        row = PromisingRow(a, b, suggestion.a_preference, suggestion.b_preference, suggestion.score)
        if suggestion.pair.b_country == HOME_COUNTRY:
            row = PromisingRow(
                b, a, suggestion.b_preference, suggestion.a_preference, suggestion.score
            )
        self.released[row[:2]] = row
        if suggestion.status != _S.RELEASED:
            self.closed_by[row[:2]] = {
                side.community_id for side in sides_of(suggestion) if side.state in CLOSING
            }

    def released_rows(self, rooms: Mapping[int, Room]) -> list[PromisingRow]:
        """The released pairs as they were when they were released."""
        return [
            row for row in self.released.values() if row.left_id in rooms and row.right_id in rooms
        ]

    def rooms(self) -> dict[int, Room]:
        """What each community with a published version has room for."""
        stated = Profile.objects.filter(current_version__isnull=False).values_list(
            "community_id", "current_version__data__capacity__open_introductions"
        )
        rooms = {}
        for community_id, capacity in stated:
            free = max(0, (capacity or DEFAULT_OPEN_INTRODUCTIONS) - self._introduced[community_id])
            rooms[community_id] = room_for(free)
        return rooms


def _promising_rows(
    run_id: int, current: _OpenSuggestions, known: Iterable[PairIds] = ()
) -> list[PromisingRow]:
    """Pairs whose preferences both reach the threshold, or nearly if suggested already."""
    threshold = settings.SUGGESTIONS["promising"]
    lowered = threshold * STAYS_AT
    known = current.unreleased.union(known)
    fields = ("left_id", "right_id", "left_preference", "right_preference", "score")
    found = RankedPair.objects.filter(
        run_id=run_id, left_preference__gte=lowered, right_preference__gte=lowered
    ).values_list(*fields)
    rows = (PromisingRow(*row) for row in found.iterator(chunk_size=10_000))
    return [
        row
        for row in rows
        if row[:2] not in current.settled
        and (row[:2] in known or min(row.left_preference, row.right_preference) >= threshold)
    ]


def _mark(run_id: int, chosen: Mapping[PairIds, float]) -> None:
    """Writes the run's choice, touching only rows where it differs."""
    pairs = sorted(chosen)
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH chosen AS (SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::float8[]) AS "
            "c(l, r, expected_matches)) "
            "UPDATE suggestions_rankedpair AS p SET expected_matches = c.expected_matches FROM "
            "suggestions_rankedpair AS q "
            "LEFT JOIN chosen AS c ON c.l = q.left_id AND c.r = q.right_id "
            "WHERE p.id = q.id AND q.run_id = %s AND q.expected_matches IS DISTINCT FROM "
            "c.expected_matches",
            [
                [pair[0] for pair in pairs],
                [pair[1] for pair in pairs],
                [chosen[pair] for pair in pairs],
                run_id,
            ],
        )
