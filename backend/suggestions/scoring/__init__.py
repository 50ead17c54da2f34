"""The only door to the engine: database rows become records, rankings become rows."""

from backend.suggestions.scoring.allocation import PairIds, PromisingRow, Room, allocate, allocate_around
from backend.suggestions.scoring.engine import (
    RankedRow,
    engine_for,
    fit_builder,
    pair_reasons,
    rank,
    ranking_from_rows,
    ranking_rows,
    scored_pair,
    updated,
    weights_in_force,
)
from backend.suggestions.scoring.snapshots import fingerprint, freeze_snapshot, pack_snapshot, unpack_snapshot
from matching.engine import Engine
from matching.features import FeatureBuilder
from matching.types import Snapshot

__all__ = [
    "Engine",
    "FeatureBuilder",
    "PairIds",
    "PromisingRow",
    "RankedRow",
    "Room",
    "Snapshot",
    "allocate",
    "allocate_around",
    "engine_for",
    "fingerprint",
    "fit_builder",
    "freeze_snapshot",
    "pack_snapshot",
    "pair_reasons",
    "rank",
    "ranking_from_rows",
    "ranking_rows",
    "scored_pair",
    "unpack_snapshot",
    "updated",
    "weights_in_force",
]
