"""The visible run's engine and ranking, kept in a worker's memory from one rescoring to the next.

PostgreSQL is the truth: what is kept here says only how the stored ranking follows from profiles
that this process has seen. It is brought up to date with the profiles of the moment at every use,
and whatever another worker has stored since is compared with as a whole.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from backend.outbox.models import Event
from backend.outbox.topics import Topic
from backend.suggestions.models import ScoringRun
from backend.suggestions.scoring import (
    Engine,
    FeatureBuilder,
    FollowedRanking,
    Snapshot,
    engine_for,
    fit_builder,
    ranking_rows,
    rows_of_lists,
    unpack_snapshot,
)
from backend.suggestions.services import ranked_pairs


@lru_cache(maxsize=2)
def frozen_run(run_id: int) -> tuple[Snapshot, FeatureBuilder]:
    """A run's snapshot and its fitted features, kept in the process between shards."""
    run = ScoringRun.objects.only("snapshot", "snapshot_version").get(pk=run_id)
    snapshot = unpack_snapshot(bytes(run.snapshot), run.snapshot_version)
    return snapshot, fit_builder(snapshot)


class FollowedRun:
    """One run over the profiles of the moment. One thread at a time."""

    def __init__(self, run: ScoringRun) -> None:
        self.run_id, self.k, self.weights = run.pk, run.k, run.weights
        _snapshot, self._builder = frozen_run(run.pk)
        self._engine: Engine | None = None
        self._ranking: FollowedRanking | None = None
        self._stored_at: int | None = None

    def engine(self, snapshot: Snapshot) -> Engine:
        """The engine over a snapshot; only what has changed since the last one is encoded."""
        self._engine = engine_for(snapshot, self.weights, self._builder, earlier=self._engine)
        return self._engine

    def store(self, snapshot: Snapshot) -> int:
        """Brings the stored ranking up to date; returns rows written. Needs its lock."""
        engine = self.engine(snapshot)
        # What an error leaves half done is not used again
        followed, self._ranking = (self._ranking, None)
        lists = None if followed is None else followed.follow(engine)
        followed = followed or FollowedRanking(engine, self.k)
        if lists is None or self._stored_at != last_rescoring():
            old = ranked_pairs.stored_rows(self.run_id)
            new = ranking_rows(followed.ranking)
        else:
            old = ranked_pairs.stored_rows(self.run_id, *lists)
            new = rows_of_lists(followed.ranking, *lists, old)
        self._ranking = followed
        return ranked_pairs.replace_rows(self.run_id, old, new)

    def note_stored(self, event: Event) -> None:
        """``event`` records the rescoring stored last; undone with it, its number never recurs."""
        self._stored_at = event.pk


def last_rescoring() -> int | None:
    """The number of the last rescoring by any process: the stored ranking is as it left it."""
    return (
        Event.objects.filter(topic=Topic.COMMUNITY_RESCORED)
        .order_by("-id")
        .values_list("pk", flat=True)
        .first()
    )


_lock = threading.RLock()
_followed: FollowedRun | None = None


@contextmanager
def followed_run(run: ScoringRun) -> Iterator[FollowedRun]:
    """The run as this process follows it, for one thread at a time."""
    global _followed
    with _lock:
        if _followed is None or _followed.run_id != run.pk:
            _followed = None  # the old one's memory is free before the new one takes as much
            _followed = FollowedRun(run)
        yield _followed


def forget() -> None:
    """Forgets everything kept, as a worker that starts does."""
    global _followed
    with _lock:
        _followed = None
        frozen_run.cache_clear()
