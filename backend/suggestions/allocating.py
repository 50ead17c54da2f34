"""Marks the ranked pairs that become suggestions, for a run as a whole or around one community."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from django.conf import settings
from django.db import connection
from django.db.models import Q

from backend.cities.models import Profile
from backend.common.clock import database_now
from backend.suggestions.models import Pair, RankedPair, Suggestion
from backend.suggestions.scoring import PairIds, PromisingRow, Room, allocate, allocate_around
from backend.suggestions.services import DEFAULT_OPEN_INTRODUCTIONS

_S = Suggestion.Status
# A known suggestion goes only when it has clearly fallen below the threshold, so that none comes and goes with every run.
STAYS_AT = 0.9


def allocate_run(run_id: int) -> int:
    """Chooses among all promising pairs of a run; returns how many. The ranking's lock must be held."""
    standing = _Standing()
    chosen = allocate(
        _promising_rows(run_id, standing), standing.rooms(), shown=standing.unanswered, threshold=settings.SUGGESTIONS["promising"]
    )
    _mark(run_id, chosen)
    return len(chosen)


def chosen_pairs(run_id: int) -> dict[PairIds, float]:
    """What the last allocation chose, with expected meetings."""
    rows = RankedPair.objects.filter(run_id=run_id, meetings__isnull=False).values_list("left_id", "right_id", "meetings")
    return {(left, right): meetings for left, right, meetings in rows if meetings is not None}


def allocate_community(run_id: int, community_id: int, before: Mapping[PairIds, float]) -> int:
    """Chooses again around one community that was rescored; ``before`` is what was chosen until then. Returns how many pairs it has now.

    What was chosen and is promising still stays; what others lost by the rescoring is made good by the next run.
    """
    standing = _Standing()
    rows = _promising_rows(run_id, standing, before)
    kept = {(row.left_id, row.right_id) for row in rows} & before.keys()
    chosen = allocate_around(rows, standing.rooms(), kept=kept, community_id=community_id, threshold=settings.SUGGESTIONS["promising"])
    _mark(run_id, {pair: before.get(pair, meetings) for pair, meetings in chosen.items()})
    return sum(community_id in pair for pair in chosen)


class _Standing:
    """Open suggestions as they are now, and what room they leave."""

    def __init__(self) -> None:
        self.unanswered: set[PairIds] = set()
        self.settled: set[PairIds] = set()  # answered by a side or resting: neither chosen again nor taken back
        self._answered: Counter[int] = Counter()
        self._introduced: Counter[int] = Counter()
        fields = ("pair__a_id", "pair__b_id", "status", "a_state", "b_state")
        for a, b, status, a_state, b_state in Suggestion.objects.open().values_list(*fields):
            if status in (_S.MUTUAL, _S.INTRODUCED):
                self._introduced.update((a, b))
            elif (a_state, b_state) != ("pending", "pending"):
                self._answered.update((a, b))
            else:
                self.unanswered |= {(a, b), (b, a)}
                continue
            self.settled |= {(a, b), (b, a)}
        for a, b in Pair.objects.filter(Q(closed_until__gt=database_now()) | ~Q(bar="")).values_list("a_id", "b_id"):
            self.settled |= {(a, b), (b, a)}

    def rooms(self) -> dict[int, Room]:
        """What each community with a published version has room for."""
        told = Profile.objects.filter(current_version__isnull=False).values_list(
            "community_id", "current_version__data__capacity__open_introductions"
        )
        rooms = {}
        for community_id, capacity in told:
            free = max(0, (capacity or DEFAULT_OPEN_INTRODUCTIONS) - self._introduced[community_id])
            most = settings.SUGGESTIONS["per_introduction"] * free
            rooms[community_id] = Room(free, max(0, most - self._answered[community_id]))
        return rooms


def _promising_rows(run_id: int, standing: _Standing, known: Iterable[PairIds] = ()) -> list[PromisingRow]:
    """Ranked pairs whose preferences both reach the threshold; those that are suggested already may be a little below it."""
    threshold = settings.SUGGESTIONS["promising"]
    lowered = threshold * STAYS_AT
    known = standing.unanswered.union(known)
    fields = ("left_id", "right_id", "left_preference", "right_preference", "score")
    found = RankedPair.objects.filter(run_id=run_id, left_preference__gte=lowered, right_preference__gte=lowered).values_list(*fields)
    rows = (PromisingRow(*row) for row in found.iterator(chunk_size=10_000))
    return [
        row
        for row in rows
        if row[:2] not in standing.settled and (row[:2] in known or min(row.left_preference, row.right_preference) >= threshold)
    ]


def _mark(run_id: int, chosen: Mapping[PairIds, float]) -> None:
    """Writes the run's choice, touching only rows where it differs."""
    pairs = sorted(chosen)
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH chosen AS (SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::float8[]) AS c(l, r, meetings)) "
            "UPDATE suggestions_rankedpair AS p SET meetings = c.meetings FROM suggestions_rankedpair AS q "
            "LEFT JOIN chosen AS c ON c.l = q.left_id AND c.r = q.right_id "
            "WHERE p.id = q.id AND q.run_id = %s AND q.meetings IS DISTINCT FROM c.meetings",
            [[pair[0] for pair in pairs], [pair[1] for pair in pairs], [chosen[pair] for pair in pairs], run_id],
        )
