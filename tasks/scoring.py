"""Scoring as work: thin doors to backend.suggestions."""

from __future__ import annotations

from backend.outbox.leases import Lease
from backend.outbox.models import Event
from backend.suggestions.services import runs
from backend.suggestions.services.suggestions_from_ranking import derive_suggestions
from tasks.jobs import handles


@handles("begin_run")
def begin_run(lease: Lease) -> None:
    """A full run, unless one is under way; its reason and author are those of the event that asked."""
    if lease.event_id is None:
        raise ValueError("A run is begun for an event that asks for it.")
    event = Event.objects.select_related("by").get(pk=lease.event_id)
    runs.begin_run(by=event.by, reason=event.payload.get("reason", "nightly"))


@handles("score_shard")
def score_shard(lease: Lease) -> None:
    run_id, _colon, index = lease.key.partition(":")
    runs.score_shard(int(run_id), int(index))


@handles("derive_from_run")
def derive_from_run(lease: Lease) -> None:
    """Suggestions of a run that has become visible; then what was published while it was under way
    is rescored.
    """
    derive_suggestions()
    runs.rescore_changed(int(lease.key))


@handles("rescore_community")
def rescore_community(lease: Lease) -> None:
    runs.rescore_community(int(lease.key))


@handles("derive_from_community")
def derive_from_community(lease: Lease) -> None:
    derive_suggestions(int(lease.key))
