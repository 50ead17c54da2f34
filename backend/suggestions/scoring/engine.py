"""Rankings become rows, and pairs get their reasons."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from backend.suggestions.models import WeightSet
from backend.suggestions.scoring.records import engine_vocabulary
from matching.engine import Engine, build_engine
from matching.features import FeatureBuilder
from matching.reciprocal import Reciprocal
from matching.topk import top_k
from matching.types import Explanation, RankedSide, Ranking, Snapshot
from matching.weights import Weights

FUSION = "harmonic"


class RankedRow(NamedTuple):
    """One row of RankedPair without its run; a rank is None where the pair is not among that side's k best."""

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
    """The weights that new runs use, as plain JSON: the promoted set, else the defaults."""
    promoted = WeightSet.objects.filter(in_force=True).values_list("weights", flat=True).first()
    return promoted if promoted is not None else weights_as_json(Weights())


def weights_as_json(weights: Weights) -> dict[str, Any]:
    fields = {field.name: getattr(weights, field.name) for field in dataclasses.fields(weights)}
    return {**fields, "unit": dict(weights.unit)}


def weights_from_json(stored: dict[str, Any]) -> Weights:
    """Raises ValueError where stored weights no longer fit the facets."""
    return Weights(**stored)


def fit_builder(snapshot: Snapshot) -> FeatureBuilder:
    """Features fitted on a run's frozen snapshot: what is rare, what stories say. Rescorings of that run keep to the same fit."""
    return FeatureBuilder(engine_vocabulary()).fit(snapshot)


def engine_for(snapshot: Snapshot, weights: dict[str, Any], builder: FeatureBuilder, *, left_slice: slice | None = None) -> Engine:
    """The engine over a snapshot, or over a slice of its left side.

    Raises matching.errors.RecordError (a ValueError) naming the community and the field that cannot be encoded.
    """
    if left_slice is not None:
        snapshot = dataclasses.replace(snapshot, left=snapshot.left[left_slice])
    return build_engine(snapshot, builder, weights_from_json(weights))


def _rows_of(side: RankedSide, *, is_left: bool) -> Iterable[RankedRow]:
    places, ranks = np.nonzero(side.counterpart_ids >= 0)
    own, other = side.ids[places].tolist(), side.counterpart_ids[places, ranks].tolist()
    columns = (side.scores, side.outgoing, side.incoming, side.outgoing_coverage, side.incoming_coverage)
    values = [column[places, ranks].tolist() for column in columns]
    for mine, theirs, rank, score, out, into, out_cover, in_cover in zip(own, other, ranks.tolist(), *values, strict=True):
        if is_left:
            yield RankedRow(mine, theirs, score, out, into, out_cover, in_cover, rank + 1, None)
        else:
            yield RankedRow(theirs, mine, score, into, out, in_cover, out_cover, None, rank + 1)


def ranking_rows(ranking: Ranking) -> dict[tuple[int, int], RankedRow]:
    """Every pair that stands in a list of either side, with its rank in both."""
    rows = {(row.left_id, row.right_id): row for row in _rows_of(ranking.left, is_left=True)}
    for row in _rows_of(ranking.right, is_left=False):
        known = rows.get((row.left_id, row.right_id))
        rows[row.left_id, row.right_id] = known._replace(right_rank=row.right_rank) if known else row
    return rows


def rank(engine: Engine, k: int) -> Ranking:
    """The exact k best of both sides of the engine's snapshot."""
    return top_k(engine.problem, k, fusion=FUSION, feature_version=engine.builder.version_)


def _ranked_side(ids: Sequence[int], rows: Iterable[RankedRow], k: int, *, is_left: bool) -> RankedSide:
    place = {id_: at for at, id_ in enumerate(ids)}
    counterparts = np.full((len(ids), k), -1, dtype=np.int64)
    values = np.full((5, len(ids), k), np.nan)
    for row in rows:
        rank_ = row.left_rank if is_left else row.right_rank
        mine, theirs = (row.left_id, row.right_id) if is_left else (row.right_id, row.left_id)
        if rank_ is None or mine not in place:
            continue
        at = place[mine], rank_ - 1
        counterparts[at] = theirs
        left, right = (row.left_preference, row.left_coverage), (row.right_preference, row.right_coverage)
        (out, out_cover), (into, in_cover) = (left, right) if is_left else (right, left)
        values[:, at[0], at[1]] = row.score, out, into, out_cover, in_cover
    return RankedSide(np.asarray(ids, dtype=np.int64), counterparts, *values)


def ranking_from_rows(rows: Sequence[RankedRow], left_ids: Sequence[int], right_ids: Sequence[int], k: int, version: str) -> Ranking:
    """The ranking that stored rows say, for communities that the run knew."""
    return Ranking(
        left=_ranked_side(left_ids, rows, k, is_left=True),
        right=_ranked_side(right_ids, rows, k, is_left=False),
        k=k,
        fusion=FUSION,
        feature_version=version,
        pairs_scored=0,
    )


def updated(ranking: Ranking, engine: Engine) -> Ranking:
    """The ranking of the engine's communities as they are now: exactly what a full pass gives, begun from the earlier one."""
    return top_k(engine.problem, ranking.k, fusion=FUSION, warm=ranking, feature_version=ranking.feature_version)


def _explanation_json(explanation: Explanation) -> dict[str, Any]:
    return {
        "preference": round(explanation.preference, 6),
        "coverage": round(explanation.coverage, 6),
        "contributions": [
            {
                "facet": c.facet,
                "share": round(c.share, 6),
                "similarity": None if c.similarity is None else round(c.similarity, 6),
                "weight": round(c.weight, 6),
                "items": [[code, round(part, 6)] for code, part in c.items[:6]],
            }
            for c in explanation.contributions
        ],
        "missing": list(explanation.missing),
        "caveat": explanation.caveat,
    }


def pair_reasons(engine: Engine, left_id: int, right_id: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Why left would choose right, and right left, as stored with a suggestion. Raises KeyError outside the snapshot."""
    forth, back = engine.explain(left_id, right_id)
    return _explanation_json(forth), _explanation_json(back)


def scored_pair(engine: Engine, left_id: int, right_id: int) -> RankedRow:
    """One pair as a run would rank it, whether or not it is eligible, without ranks. Raises KeyError outside the snapshot."""
    row, col = np.array([engine.rows[left_id]]), np.array([engine.cols[right_id]])
    found = engine.preference.pairs(row, col)
    forth, back = float(found.left_to_right[0]), float(found.right_to_left[0])
    score = float(Reciprocal(FUSION).fuse(forth, back))
    return RankedRow(left_id, right_id, score, forth, back, float(found.left_coverage[0]), float(found.right_coverage[0]), None, None)
