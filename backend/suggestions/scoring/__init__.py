"""The only door to the engine: database rows become records, rankings become rows."""

from backend.suggestions.scoring.allocation import (
    PairIds,
    PromisingRow,
    Room,
    allocate,
    allocate_around,
    room_for,
)
from backend.suggestions.scoring.engine import (
    FollowedRanking,
    RankedRow,
    engine_for,
    fit_builder,
    fit_ranks,
    pair_reasons,
    rank,
    ranking_rows,
    rows_of_lists,
    scored_pair,
    weights_in_force,
)
from backend.suggestions.scoring.snapshots import (
    fingerprint,
    freeze_snapshot,
    pack_snapshot,
    unpack_snapshot,
)
from matching.engine import CandidateRank, Engine
from matching.features import FeatureBuilder
from matching.types import Snapshot

__all__ = [
    "CandidateRank",
    "Engine",
    "FeatureBuilder",
    "FollowedRanking",
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
    "fit_ranks",
    "freeze_snapshot",
    "pack_snapshot",
    "pair_reasons",
    "rank",
    "ranking_rows",
    "room_for",
    "rows_of_lists",
    "scored_pair",
    "unpack_snapshot",
    "weights_in_force",
]
