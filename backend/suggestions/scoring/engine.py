"""Rankings become rows, pairs get their reasons, and answers become new weights."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import structlog

from backend.suggestions.models import WeightSet
from backend.suggestions.scoring.records import engine_vocabulary
from matching.engine import (
    CandidateRank,
    Engine,
    build_engine,
    changes_between,
    rank_among_candidates,
)
from matching.facets import FACET_NAMES
from matching.features import FeatureBuilder
from matching.feedback import DirectionalDecision, TooFewDecisionsError, fit_weights
from matching.reciprocal import Reciprocal
from matching.topk import RankingIndex, top_k
from matching.types import Explanation, RankedSide, Ranking, Snapshot
from matching.weights import Weights

FUSION = "product"
log = structlog.get_logger(__name__)


class RankedRow(NamedTuple):
    """One row of RankedPair without its run; a rank is None outside that side's k best."""

    left_id: int
    right_id: int
    score: float
    left_preference: float
    right_preference: float
    left_coverage: float
    right_coverage: float
    left_rank: int | None
    right_rank: int | None


def weights_in_force() -> dict[str, Any]:
    """The weights that new runs use, as plain JSON: the promoted set, else the defaults.

    They name every facet that the engine has today, also where the promoted set is older. A set of
    before lifts weighed similarities: it stays readable, and is used for no new run.
    """
    promoted = WeightSet.objects.filter(in_force=True).values_list("weights", flat=True).first()
    if promoted is not None and "slope" not in promoted:
        log.warning("weights_of_before_lifts", version=promoted.get("version"))
        promoted = None
    return weights_as_json(Weights() if promoted is None else weights_from_json(promoted))


def weights_as_json(weights: Weights) -> dict[str, Any]:
    fields = {field.name: getattr(weights, field.name) for field in dataclasses.fields(weights)}
    return {**fields, "unit": dict(weights.unit)}


def weights_from_json(stored: Mapping[str, Any]) -> Weights:
    """Stored weights of any version: a facet they lack has its default weight, a facet that this
    version of the engine lacks is ignored, which the log says.
    """
    unknown = sorted(set(stored.get("unit", ())) - set(FACET_NAMES))
    if unknown:
        log.warning("weights_name_unknown_facets", version=stored.get("version"), facets=unknown)
    return Weights.from_stored(stored)


def fit_builder(snapshot: Snapshot) -> FeatureBuilder:
    """Features fitted on a run's frozen snapshot; rescorings of that run keep the same fit."""
    return FeatureBuilder(engine_vocabulary()).fit(snapshot)


def engine_for(
    snapshot: Snapshot,
    weights: dict[str, Any],
    builder: FeatureBuilder,
    *,
    left_slice: slice | None = None,
    earlier: Engine | None = None,
) -> Engine:
    """The engine over a snapshot, or over a slice of its left side. ``earlier``, of the same
    builder, avoids encoding what it holds.

    Raises matching.types.RecordError (a ValueError) naming the community and the field that cannot
    be encoded.
    """
    if left_slice is not None:
        snapshot = dataclasses.replace(snapshot, left=snapshot.left[left_slice])
    return build_engine(snapshot, builder, weights_from_json(weights), earlier=earlier)


def _rows_of(side: RankedSide, *, is_left: bool) -> Iterable[RankedRow]:
    places, ranks = np.nonzero(side.counterpart_ids >= 0)
    own, other = side.ids[places].tolist(), side.counterpart_ids[places, ranks].tolist()
    columns = (
        side.scores,
        side.outgoing,
        side.incoming,
        side.outgoing_coverage,
        side.incoming_coverage,
    )
    values = [column[places, ranks].tolist() for column in columns]
    for mine, theirs, rank, score, out, into, out_cover, in_cover in zip(
        own, other, ranks.tolist(), *values, strict=True
    ):
        if is_left:
            yield RankedRow(mine, theirs, score, out, into, out_cover, in_cover, rank + 1, None)
        else:
            yield RankedRow(theirs, mine, score, into, out, in_cover, out_cover, None, rank + 1)


def ranking_rows(ranking: Ranking) -> dict[tuple[int, int], RankedRow]:
    """Every pair in a list of either side, with its rank in both."""
    rows = {(row.left_id, row.right_id): row for row in _rows_of(ranking.left, is_left=True)}
    for row in _rows_of(ranking.right, is_left=False):
        known = rows.get((row.left_id, row.right_id))
        rows[row.left_id, row.right_id] = (
            known._replace(right_rank=row.right_rank) if known else row
        )
    return rows


def rank(engine: Engine, k: int) -> Ranking:
    """The exact k best of both sides of the engine's snapshot."""
    return top_k(engine.problem, k, fusion=FUSION, feature_version=engine.builder.version_)


class FollowedRanking:
    """The exact ranking of an engine's communities, which follows the engine."""

    def __init__(self, engine: Engine, k: int) -> None:
        # Places beyond k: a list that loses an entry then seldom needs a pass of its own
        reserve = -(-k // 2)
        ranked = top_k(
            engine.problem, k + reserve, fusion=FUSION, feature_version=engine.builder.version_
        )
        self._engine, self._index = engine, RankingIndex(engine.problem, ranked, k)

    @property
    def ranking(self) -> Ranking:
        """The present ranking."""
        return self._index.ranking

    def follow(self, engine: Engine) -> tuple[list[int], list[int]]:
        """Moves to another engine of the same run. Returns ids whose lists may have changed."""
        before, self._engine = self._engine, engine
        changes = changes_between(before, engine)
        lists = self._index.update(
            engine.problem, changes.left, changes.right, same_columns=changes.same_columns
        )
        gone_left, gone_right = (
            before.rows.keys() - engine.rows.keys(),
            before.cols.keys() - engine.cols.keys(),
        )
        return sorted({*lists.left.tolist(), *gone_left}), sorted(
            {*lists.right.tolist(), *gone_right}
        )


def rows_of_lists(
    ranking: Ranking,
    left_ids: Sequence[int],
    right_ids: Sequence[int],
    old: Mapping[tuple[int, int], RankedRow],
) -> dict[tuple[int, int], RankedRow]:
    """The rows of every pair of which a side is among those given; ``old`` are the stored rows of
    these, whose other side is as it was.
    """
    left, right = set(left_ids), set(right_ids)
    rows = {
        (row.left_id, row.right_id): row
        for row in _rows_of(_taken(ranking.left, left_ids), is_left=True)
    }
    for row in _rows_of(_taken(ranking.right, right_ids), is_left=False):
        known = rows.get((row.left_id, row.right_id))
        rows[row.left_id, row.right_id] = (
            known._replace(right_rank=row.right_rank) if known else row
        )
    for pair, before in old.items():
        now = rows.get(pair, before._replace(left_rank=None, right_rank=None))
        rank_left = now.left_rank if pair[0] in left else before.left_rank
        rank_right = now.right_rank if pair[1] in right else before.right_rank
        if rank_left or rank_right:
            rows[pair] = now._replace(left_rank=rank_left, right_rank=rank_right)
    return rows


def _taken(side: RankedSide, ids: Sequence[int]) -> RankedSide:
    """The lists of some communities; those that are not there are left out."""
    at = np.flatnonzero(np.isin(side.ids, np.asarray(ids, dtype=np.int64)))
    return RankedSide(*(getattr(side, field.name)[at] for field in dataclasses.fields(side)))


def _explanation_json(explanation: Explanation) -> dict[str, Any]:
    return {
        "gain": round(explanation.gain, 6),
        "preference": round(explanation.preference, 6),
        "coverage": round(explanation.coverage, 6),
        "contributions": [
            {
                "facet": c.facet,
                "share": round(c.share, 6),
                "similarity": None if c.similarity is None else round(c.similarity, 6),
                "lift": None if c.lift is None else round(c.lift, 6),
                "weight": round(c.weight, 6),
                "items": [
                    [
                        item.code,
                        round(item.part, 6),
                        item.offered_by,
                        item.candidates,
                        item.is_common,
                    ]
                    for item in c.items[:10]
                ],
            }
            for c in explanation.contributions
        ],
        "missing_own": list(explanation.missing_own),
        "missing_other": list(explanation.missing_other),
        "not_counted": list(explanation.not_counted),
        "caveat": explanation.caveat,
        "needs_met": explanation.needs_met,
    }


def pair_reasons(
    engine: Engine, left_id: int, right_id: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Why left would choose right, and right left. Raises KeyError outside the snapshot."""
    forth, back = engine.explain(left_id, right_id)
    return _explanation_json(forth), _explanation_json(back)


def scored_pair(engine: Engine, left_id: int, right_id: int) -> RankedRow:
    """One pair as a run would rank it, without ranks. Raises KeyError outside the snapshot."""
    row, col = np.array([engine.rows[left_id]]), np.array([engine.cols[right_id]])
    found = engine.preference.pairs(row, col)
    forth, back = float(found.left_to_right[0]), float(found.right_to_left[0])
    score = float(Reciprocal(FUSION).fuse(forth, back))
    return RankedRow(
        left_id,
        right_id,
        score,
        forth,
        back,
        float(found.left_coverage[0]),
        float(found.right_coverage[0]),
        None,
        None,
    )


def fit_ranks(
    engine: Engine, pairs: Sequence[tuple[int, int]]
) -> list[tuple[CandidateRank, CandidateRank]]:
    """For each (left id, right id): right's place among left's own candidates of the engine's run,
    and left's among right's. Raises KeyError outside the snapshot.
    """
    left = rank_among_candidates(engine, "left", pairs, FUSION)
    return list(zip(left, rank_among_candidates(engine, "right", pairs, FUSION), strict=True))


__all__ = ["Answered", "TooFewDecisionsError", "learn"]


class Answered(NamedTuple):
    """One side's answer with the reasons it was shown, and the weights behind these."""

    community_id: int
    at: float
    interested: bool
    reason: str
    reasons: Mapping[str, Any]
    weights: Mapping[str, Any]


def _decision(answer: Answered) -> DirectionalDecision:
    return DirectionalDecision(
        answer.community_id,
        answer.at,
        answer.interested,
        shares={
            c["facet"]: c["share"]
            for c in answer.reasons["contributions"]
            if c["facet"] in FACET_NAMES  # another version's may be gone
        },
        units=weights_from_json(answer.weights).unit,
        reason=answer.reason,
    )


def learn(
    answers: Iterable[Answered], in_use: Mapping[str, Any], version: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Learned weights and the report, as JSON. Raises TooFewDecisionsError, ValueError."""
    weights: Weights = weights_from_json(in_use)
    learned, report = fit_weights(
        # Suggestions of before lifts show shares of a similarity, which say nothing of a gain
        [_decision(answer) for answer in answers if "gain" in answer.reasons],
        weights,
        version=version,
    )
    return weights_as_json(learned), {
        **dataclasses.asdict(report),
        "is_better": report.is_better,
        "compared_with": weights.version,
    }


_IMPORTED_WHERE_USED = (
    "scipy.sparse.csgraph",
    "sklearn.decomposition",
    "sklearn.feature_extraction.text",
)


def warm() -> None:
    """Imports what the engine imports only where it uses it: seconds that no page should wait."""
    for name in _IMPORTED_WHERE_USED:
        import_module(name)


def warm_in_background() -> None:
    """``warm`` in a thread of its own; returns at once."""
    threading.Thread(target=warm, name="warming", daemon=True).start()
