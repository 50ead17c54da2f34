"""From the visible ranking to suggestions: promising pairs become one, others go."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q

from backend.cities.models import Community
from backend.common.dates import database_now
from backend.outbox.models import Event
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.eligibility import barred_by_staff, known_partners, unavailable_pairs
from backend.suggestions.models import HandProposal, Pair, RankedPair, ScoringRun, Suggestion
from backend.suggestions.scoring import CandidateRank, Engine, fit_ranks, pair_reasons
from backend.suggestions.services.curation import policy_in_force
from backend.suggestions.services.runs import current_run, lock_ranking, run_engine
from backend.suggestions.sides import side_columns

_S = Suggestion.Status
# What was released stays as it was shown until its time is over. If only what nobody has answered
# followed new profiles, a side could change its own and see from what does not move which partners
# have answered.
_UNRELEASED = (_S.PROPOSED, _S.HELD)


@dataclass(slots=True)
class Derived:
    """What one derivation did; ``announce``: the suggestions that each community is notified of."""

    made: int = 0
    refreshed: int = 0
    superseded: int = 0
    announce: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))


def derive_suggestions(community_ids: Collection[int] | None = None) -> Derived:
    """Makes, refreshes and supersedes suggestions from the visible ranking, of these communities or
    of all, in one commit.

    What is suggested was chosen when the ranking was made: promising to both sides, and allocated
    under both sides' capacity. One event names all communities to notify. A second call
    finds nothing to do.
    """
    with transaction.atomic():
        lock_ranking()
        run = current_run()
        derived = Derived()
        if run is None:
            return derived
        now = database_now()
        known = _open_suggestions(community_ids)
        ranked = _ranked(run, community_ids, known)
        fresh = [
            row
            for pair, row in ranked.items()
            if pair not in known and row.expected_matches is not None
        ]
        fresh = _without_resting(fresh, now)
        _make(run, fresh, now, derived)
        _refresh(run, ranked, known, derived)
        _release_waiting(ranked, known, now, derived)
        _supersede(ranked, known, now, derived)
        if community_ids is None:
            ScoringRun.objects.filter(pk=run.pk).update(
                suggestions_made=F("suggestions_made") + derived.made
            )
        if derived.announce:
            notified = {str(community): ids for community, ids in sorted(derived.announce.items())}
            about = list(community_ids or ())[:2]
            record(
                Topic.SUGGESTIONS_CHANGED,
                subject=run,
                by=None,
                community_id=about[0] if len(about) == 1 else None,
                communities=notified,
            )
    return derived


def _ranked(
    run: ScoringRun, community_ids: Collection[int] | None, known: Collection[tuple[int, int]]
) -> dict[tuple[int, int], RankedPair]:
    """The run's chosen rows, and those of the pairs given."""
    rows = RankedPair.objects.filter(run=run)
    if community_ids is not None:
        rows = rows.filter(Q(left__in=community_ids) | Q(right__in=community_ids))
    chosen = {_pair_of(row): row for row in rows.filter(expected_matches__isnull=False)}
    missing = set(known) - chosen.keys()
    ids = {community for pair in missing for community in pair}
    others = (
        rows.filter(expected_matches__isnull=True, left_id__in=ids, right_id__in=ids)
        if missing
        else []
    )
    return chosen | {_pair_of(row): row for row in others if _pair_of(row) in missing}


def _pair_of(row: RankedPair) -> tuple[int, int]:
    return min(row.left_id, row.right_id), max(row.left_id, row.right_id)


def _open_suggestions(
    community_ids: Collection[int] | None,
) -> dict[tuple[int, int], Suggestion]:
    by_hand = Exists(HandProposal.objects.filter(suggestion=OuterRef("pk")))
    found = (
        Suggestion.objects.open()
        .select_related("pair")
        .select_for_update(of=("self",))
        .annotate(is_by_hand=by_hand)
    )
    # Thousands of documents, of which a derivation reads none
    found = found.defer("a_reasons", "b_reasons")
    if community_ids is not None:
        found = found.filter(Q(pair__a__in=community_ids) | Q(pair__b__in=community_ids))
    return {(s.pair.a_id, s.pair.b_id): s for s in found}


def _without_resting(rows: list[RankedPair], now: dt.datetime) -> list[RankedPair]:
    """The pair neither cools down nor is barred (it may be so since the ranking was made)."""
    communities = Community.objects.select_related("place").in_bulk(
        {i for row in rows for i in (row.left_id, row.right_id)}
    )
    home, abroad = (
        [communities[i] for i in sorted(ids)]
        for ids in ({row.left_id for row in rows}, {row.right_id for row in rows})
    )
    bars = barred_by_staff(home, abroad, now.date())
    rows = [
        r
        for r in rows
        if (r.left_id, r.right_id) not in bars.pairs
        and communities[r.right_id].country_id not in bars.countries
    ]
    # A decline sets ``closed_until`` itself: what was closed in secret is chosen, to keep its
    # place, but not made again.
    unavailable = unavailable_pairs(now) | Pair.objects.filter(closed_until__gt=now)
    found = known_partners() | set(unavailable.values_list("a_id", "b_id"))
    return [row for row in rows if _pair_of(row) not in found]


def _pairs_for(rows: list[RankedPair]) -> dict[tuple[int, int], Pair]:
    ids = {i for row in rows for i in (row.left_id, row.right_id)}
    country = dict(Community.objects.filter(pk__in=ids).values_list("pk", "country_id"))
    wanted = {_pair_of(row) for row in rows}
    Pair.objects.bulk_create(
        [
            Pair(a_id=a, b_id=b, a_country=country[a], b_country=country[b])
            for a, b in sorted(wanted)
        ],
        ignore_conflicts=True,
        batch_size=2000,
    )
    found = Pair.objects.filter(a_id__in={a for a, _ in wanted}, b_id__in={b for _, b in wanted})
    return {(p.a_id, p.b_id): p for p in found if (p.a_id, p.b_id) in wanted}


Reasons = tuple[dict[str, Any], dict[str, Any]]
Ranks = tuple[CandidateRank, CandidateRank]


def _ranks(engine: Engine, rows: list[RankedPair]) -> list[Ranks]:
    """Each pair's place among left's own candidates of the run, and among right's."""
    return fit_ranks(engine, [(row.left_id, row.right_id) for row in rows])


def _values(row: RankedPair, ranks: Ranks, reasons: Reasons | None) -> dict[str, Any]:
    """A suggestion's fields by side; without reasons, those that change with a ranking."""
    names = ("preference", "coverage", "rank", "candidates", *(("reasons",) if reasons else ()))
    forth, back = ((reason,) for reason in reasons) if reasons else ((), ())
    left = (row.left_preference, row.left_coverage, *ranks[0], *forth)
    right = (row.right_preference, row.right_coverage, *ranks[1], *back)
    values = side_columns(row.left_id, row.right_id, names, left, right)
    return values | {"score": row.score, "expected_matches": row.expected_matches or 0.0}


def _make(run: ScoringRun, rows: list[RankedPair], now: dt.datetime, derived: Derived) -> None:
    if not rows:
        return
    engine = run_engine(run)
    pairs = _pairs_for(rows)
    policy = policy_in_force()
    made = [
        Suggestion(
            pair=pairs[_pair_of(row)],
            run=run,
            **_values(row, ranks, pair_reasons(engine, row.left_id, row.right_id)),
        )
        for row, ranks in zip(rows, _ranks(engine, rows), strict=True)
    ]
    released = [suggestion for suggestion in made if policy.releases(suggestion.score)]
    for suggestion in released:
        _mark_released(suggestion, now)
    Suggestion.objects.bulk_create(made, batch_size=1000)
    derived.made = len(made)
    _record_many(Topic.SUGGESTION_RELEASED, released)
    for suggestion in released:
        _announce(derived, suggestion)


def _mark_released(suggestion: Suggestion, now: dt.datetime) -> None:
    suggestion.status = _S.RELEASED
    suggestion.released_at, suggestion.expires_at = (
        now,
        now + dt.timedelta(days=settings.SUGGESTIONS["answer_days"]),
    )


def _release_waiting(
    ranked: dict[tuple[int, int], RankedPair],
    known: dict[tuple[int, int], Suggestion],
    now: dt.datetime,
    derived: Derived,
) -> None:
    """Releases what the policy lets through, except what staff hold or proposed by hand."""
    policy = policy_in_force()
    chosen = [
        s
        for pair, s in known.items()
        if pair in ranked and ranked[pair].expected_matches is not None and not _is_by_hand(s)
    ]
    waiting = [
        suggestion
        for suggestion in chosen
        if suggestion.status == _S.PROPOSED and policy.releases(suggestion.score)
    ]
    for suggestion in waiting:
        _mark_released(suggestion, now)
        _announce(derived, suggestion)
    Suggestion.objects.bulk_update(
        waiting, ["status", "released_at", "expires_at"], batch_size=1000
    )
    _record_many(Topic.SUGGESTION_RELEASED, waiting)


def _record_many(topic: Topic, suggestions: list[Suggestion]) -> None:
    """One audit row each, in one statement."""
    Event.objects.bulk_create(
        [Event(topic=topic, subject_type="suggestion", subject_id=s.pk) for s in suggestions],
        batch_size=2000,
    )


def _announce(derived: Derived, suggestion: Suggestion) -> None:
    derived.announce[suggestion.pair.a_id].append(suggestion.pk)
    derived.announce[suggestion.pair.b_id].append(suggestion.pk)


def _refresh(
    run: ScoringRun,
    ranked: dict[tuple[int, int], RankedPair],
    known: dict[tuple[int, int], Suggestion],
    derived: Derived,
) -> None:
    """Brings suggestions that are not released yet up to date with the ranking."""
    changed = []
    for pair, suggestion in known.items():
        row = ranked.get(pair)
        if row is None or suggestion.status not in _UNRELEASED or _is_same(suggestion, row):
            continue
        changed.append((suggestion, row))
    if not changed:
        return
    engine = run_engine(run)
    explained: list[tuple[Suggestion, dict[str, Any]]] = []
    kept: list[tuple[Suggestion, dict[str, Any]]] = []
    found = _ranks(engine, [row for _suggestion, row in changed])
    for (suggestion, row), ranks in zip(changed, found, strict=True):
        if _is_explained(suggestion, row):  # the same profiles under another run: the reasons stand
            kept.append((suggestion, _values(row, ranks, None) | {"run_id": run.pk}))
        else:
            reasons = pair_reasons(engine, row.left_id, row.right_id)
            explained.append((suggestion, _values(row, ranks, reasons) | {"run_id": run.pk}))
    for stored in (explained, kept):
        _store(stored)
    derived.refreshed = len(changed)


def _store(changed: list[tuple[Suggestion, dict[str, Any]]]) -> None:
    """One prepared, pipelined statement per row: a CASE over thousands takes minutes."""
    if not changed:
        return
    assignments = ", ".join(f"{name} = %s" for name in changed[0][1])
    rows = []
    for suggestion, values in changed:
        for name, value in values.items():
            setattr(suggestion, name, value)
        rows.append(
            [
                *(
                    json.dumps(value) if isinstance(value, dict) else value
                    for value in values.values()
                ),
                suggestion.pk,
            ]
        )
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE suggestions_suggestion SET {assignments} WHERE id = %s", rows)  # noqa: S608 - names of our own columns


def _is_explained(suggestion: Suggestion, row: RankedPair) -> bool:
    """Whether the stored reasons are those of these very preferences."""
    left, right = (
        (row.left_preference, row.left_coverage),
        (row.right_preference, row.right_coverage),
    )
    ranked = side_columns(row.left_id, row.right_id, ("preference", "coverage"), left, right)
    return all(getattr(suggestion, name) == value for name, value in ranked.items())


def _is_same(suggestion: Suggestion, row: RankedPair) -> bool:
    return (row.score, row.expected_matches, row.run_id) == (
        suggestion.score,
        suggestion.expected_matches,
        suggestion.run_id,
    )


def _is_by_hand(suggestion: Suggestion) -> bool:
    """Whether staff proposed it, by the annotation of ``_open_suggestions``."""
    return bool(getattr(suggestion, "is_by_hand", False))


def _supersede(
    ranked: dict[tuple[int, int], RankedPair],
    known: dict[tuple[int, int], Suggestion],
    now: dt.datetime,
    derived: Derived,
) -> None:
    """Takes back what was not released and is unranked, below the threshold, or beaten."""
    gone = [
        suggestion
        for pair, suggestion in known.items()
        if suggestion.status in _UNRELEASED
        and not _is_by_hand(suggestion)
        and (pair not in ranked or ranked[pair].expected_matches is None)
    ]
    if not gone:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE suggestions_suggestion SET status = 'superseded', closed_at = %s WHERE id = "
            "ANY(%s) AND status IN ('proposed', 'held')",
            [now, [s.pk for s in gone]],
        )
    _record_many(Topic.SUGGESTION_SUPERSEDED, gone)
    derived.superseded = len(gone)
