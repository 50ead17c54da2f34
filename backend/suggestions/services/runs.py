"""Scoring runs: a frozen snapshot, shards on any worker, made visible in one statement."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

import structlog
from django.conf import settings
from django.db import DatabaseError, IntegrityError, InterfaceError, connection, transaction
from django.db.models import Sum
from django.db.models.functions import Now

from backend.accounts.models import User
from backend.common.dates import database_now
from backend.outbox.leases import RetryLater
from backend.outbox.services import add_job, record
from backend.outbox.topics import Topic
from backend.suggestions.models import CurrentRun, RankedPair, ScoringRun, ScoringShard
from backend.suggestions.scoring import (
    Engine,
    FeatureBuilder,
    engine_for,
    fingerprint,
    freeze_snapshot,
    pack_snapshot,
    rank,
    ranking_rows,
    weights_in_force,
)
from backend.suggestions.services import ranked_pairs
from backend.suggestions.services.first_run import fail_stuck_run
from backend.suggestions.services.ranked_pairs import (
    allocate_communities,
    allocate_run,
    chosen_pairs,
)
from backend.suggestions.services.ranking_cache import followed_run, frozen_run

log = structlog.get_logger(__name__)
_S = ScoringRun.Status
# All writers of rankings and of the suggestions made from them take turns by this one lock.
_RANKING_LOCK = 7_305_001
_RANKING_BUSY_SECONDS = 0.5


def lock_ranking() -> None:
    """Held until the transaction ends.

    Raises RetryLater at once where another job holds it: a job that waited here would keep a worker
    process from all other jobs, and a kill while it waits would count as an attempt.
    """
    _take_ranking("pg_try_advisory_xact_lock")


@contextmanager
def reserved_ranking() -> Iterator[None]:
    """Holds the ranking's lock across several transactions of this connection. Raises RetryLater
    like ``lock_ranking``, which may be called inside.
    """
    _take_ranking("pg_try_advisory_lock")
    try:
        yield
    finally:
        # A connection that is lost has given the lock back
        with suppress(DatabaseError, InterfaceError), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_RANKING_LOCK])


def _take_ranking(function: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [_RANKING_LOCK])
        if not cursor.fetchone()[0]:
            raise RetryLater("Another job holds the ranking.", seconds=_RANKING_BUSY_SECONDS)


def begin_run(*, by: User | None = None, reason: str) -> ScoringRun | None:
    """Freezes snapshot and weights, cuts shards, records RUN_BEGUN; None while a run goes on."""
    fail_stuck_run()
    snapshot = freeze_snapshot()
    packed = pack_snapshot(snapshot)
    left = len(snapshot.left)
    size = max(
        1, -(-left // settings.SUGGESTIONS["shards"]), settings.SUGGESTIONS["shard_rows_min"]
    )
    cuts = [(start, min(start + size, left)) for start in range(0, left, size)]
    try:
        with transaction.atomic():
            run = ScoringRun.objects.create(
                reason=reason,
                requested_by=by,
                k=settings.SUGGESTIONS["k"],
                weights=weights_in_force(),
                snapshot=packed,
                snapshot_version=fingerprint(packed),
                left_count=left,
                right_count=len(snapshot.right),
                shard_count=len(cuts),
            )
            ScoringShard.objects.bulk_create(
                ScoringShard(run=run, index=index, row_start=start, row_stop=stop)
                for index, (start, stop) in enumerate(cuts)
            )
            record(Topic.RUN_BEGUN, subject=run, by=by, shards=len(cuts))
            if not cuts:
                _complete(run)
    except IntegrityError:
        return None
    return run


def score_shard(run_id: int, index: int) -> None:
    """Scores one shard's rows; the last shard completes the run. May run twice."""
    shard = (
        ScoringShard.objects.select_related("run")
        .defer("run__snapshot")
        .get(run_id=run_id, index=index)
    )
    if shard.run.status == _S.RUNNING and shard.done_at is None:
        began = time.perf_counter()
        snapshot, builder = frozen_run(run_id)
        engine = engine_for(
            snapshot, shard.run.weights, builder, left_slice=slice(shard.row_start, shard.row_stop)
        )
        ranking = rank(engine, shard.run.k)
        result = ranked_pairs.pack_rows(ranking_rows(ranking).values())
        pairs = (shard.row_stop - shard.row_start) * len(snapshot.right)
        ScoringShard.objects.filter(pk=shard.pk, done_at__isnull=True).update(
            result=result, done_at=Now(), pairs_scored=pairs, seconds=time.perf_counter() - began
        )
    finish_run(run_id)


def finish_run(run_id: int) -> bool:
    """Makes a run whose shards are all done the visible one; True if this call did it."""
    with transaction.atomic():
        run = ScoringRun.objects.select_for_update().defer("snapshot").get(pk=run_id)
        if run.status != _S.RUNNING or run.shards.filter(done_at__isnull=True).exists():
            return False
        lock_ranking()
        shards = run.shards.order_by("index")
        ranked_pairs.copy_rows(
            run_id,
            ranked_pairs.merge_shards(
                (bytes(packed or b"") for packed in shards.values_list("result", flat=True)), run.k
            ),
        )
        shards.update(result=None)
        allocate_run(run_id)
        _complete(run)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE suggestions_rankedpair")
    return True


def _complete(run: ScoringRun) -> None:
    now = database_now()
    pairs = run.shards.aggregate(total=Sum("pairs_scored"))["total"] or 0
    ScoringRun.objects.filter(pk=run.pk).update(
        status=_S.COMPLETE, finished_at=now, pairs_scored=pairs
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO suggestions_currentrun (id, run_id, flipped_at) VALUES (1, %s, %s) "
            "ON CONFLICT (id) DO UPDATE SET run_id = excluded.run_id, flipped_at = "
            "excluded.flipped_at",
            [run.pk, now],
        )
    record(Topic.RUN_COMPLETED, subject=run, by=run.requested_by, pairs=pairs)


def current_run() -> ScoringRun | None:
    """The run whose ranking is visible."""
    found = CurrentRun.objects.select_related("run").defer("run__snapshot").first()
    return found.run if found else None


def changed_since_snapshot(run_id: int) -> list[int]:
    """Communities whose record today differs from the one that the run froze."""
    frozen, _builder = frozen_run(run_id)
    before = {r.id: r for r in (*frozen.left, *frozen.right)}
    live = freeze_snapshot()
    after = {r.id: r for r in (*live.left, *live.right)}
    return sorted(i for i in before.keys() | after.keys() if before.get(i) != after.get(i))


def rescore_changed(run_id: int) -> int:
    """Asks for a rescoring of each community that changed meanwhile. May run twice."""
    changed = changed_since_snapshot(run_id)
    with transaction.atomic():
        for community_id in changed:
            add_job("rescore_community", community_id)
    return len(changed)


def rescore_communities(community_ids: Collection[int]) -> bool:
    """Brings the visible ranking up to date with these communities in one pass: their rows, their
    columns, and the lists that held them.

    False where there is no visible run yet (the run under way, or the first one, will know the
    community).
    """
    with transaction.atomic():
        # Frozen under the lock: what is written is never older than what another pass has written.
        lock_ranking()
        run = current_run()
        if run is None:
            return False
        chosen = chosen_pairs(run.pk)
        with followed_run(run) as followed:
            written = followed.store(freeze_snapshot())
            allocate_communities(run.pk, set(community_ids), chosen)
            # How many rows were written is for the log alone: the community reads its trail, and
            # rankings of others are among them.
            for community_id in community_ids:
                event = record(
                    Topic.COMMUNITY_RESCORED,
                    subject=("community", community_id),
                    by=None,
                    community_id=community_id,
                    run=run.pk,
                )
            followed.note_stored(event)
        log.info("communities_rescored", communities=len(community_ids), rows=written)
    return True


def run_builder(run_id: int) -> FeatureBuilder:
    """The features fitted on a run's frozen snapshot."""
    return frozen_run(run_id)[1]


def run_engine(run: ScoringRun) -> Engine:
    """The engine that explains a run's pairs: its weights and its fit over today's profiles."""
    with followed_run(run) as followed:
        return followed.engine(freeze_snapshot())


def clear_old_runs() -> int:
    """Deletes pairs, shards and snapshots of old invisible runs; returns how many runs."""
    current = current_run()
    keep = set(
        ScoringRun.objects.order_by("-id").values_list("pk", flat=True)[
            : settings.SUGGESTIONS["runs_kept"]
        ]
    )
    if current:
        keep.add(current.pk)
    old = ScoringRun.objects.exclude(pk__in=keep).exclude(status=_S.RUNNING).exclude(snapshot=b"")
    ids = list(old.values_list("pk", flat=True))
    with transaction.atomic():
        RankedPair.objects.filter(run_id__in=ids).delete()
        ScoringShard.objects.filter(run_id__in=ids).delete()
        ScoringRun.objects.filter(pk__in=ids).update(snapshot=b"")
    return len(ids)
