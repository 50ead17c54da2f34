"""What the report shows, from the database and, if given, from a benchmark folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from backend.cities.models import Community, Profile
from backend.lab.link_prediction import Recovery, measure_recovery
from backend.lab.simulation import Simulation, World, simulate, world_of
from backend.suggestions.eligibility import DEFAULT_OPEN_INTRODUCTIONS
from backend.suggestions.models import Decision, Suggestion
from backend.suggestions.scoring import (
    Room,
    fingerprint,
    freeze_snapshot,
    pack_snapshot,
    room_for,
    weights_in_force,
)
from matching.engine import Engine
from matching.lab.promise import KeptPromise, Needs, Pairs, View, greedy_pairs, kept_promise
from matching.lab.promise import mean_views as views_of_mean
from matching.types import Snapshot

BINS = 10
_EXPLAINED = 1_000  # pairs at most, evenly taken, whose reasons are worked out for one measure


@dataclass(frozen=True, slots=True)
class Answers:
    """For each of ``BINS`` bins of preference: decisions, mean preference, share interested."""

    decisions: int
    bins: tuple[tuple[int, float, float], ...]


@dataclass(frozen=True, slots=True)
class Measures:
    """Everything on the page."""

    simulation: Simulation
    kept_promise: Mapping[str, KeptPromise]  # suggestions, random, mean, oracle
    answers: Answers
    recovery: Recovery | None
    weights_version: str
    snapshot_version: str
    is_sample: bool

    def as_json(self) -> dict[str, Any]:
        """The kept promise and the market, in plain numbers."""
        return {
            "kept_promise": {name: of.as_json() for name, of in self.kept_promise.items()},
            "market": self.simulation.as_json(),
            "weights": self.weights_version,
            "snapshot": self.snapshot_version,
            "sample_world": self.is_sample,
        }


def take_measures(data: Path | None = None, train: Path | None = None) -> Measures:
    """Raises ValueError for an empty side, TableError for an unreadable benchmark folder."""
    snapshot, weights, rooms = freeze_snapshot(), weights_in_force(), _rooms()
    world = world_of(snapshot, weights, rooms)
    recovery = (
        measure_recovery(data, train, None, folds=5, pool="partners") if data and train else None
    )
    is_sample = Community.objects.filter(is_sample=True).exists()
    return Measures(
        simulate(world),
        kept_promises(snapshot, world),
        _answers(),
        recovery,
        weights["version"],
        fingerprint(pack_snapshot(snapshot)),
        is_sample,
    )


def _rooms() -> dict[int, Room]:
    """Of each community with a published version, all introductions and suggestions at a time."""
    capacities = Profile.objects.filter(current_version__isnull=False).values_list(
        "community_id", "current_version__data__capacity__open_introductions"
    )
    rooms = {}
    for community_id, stated in capacities:
        capacity = stated or DEFAULT_OPEN_INTRODUCTIONS
        rooms[community_id] = room_for(capacity)
    return rooms


def kept_promises(snapshot: Snapshot, world: World) -> dict[str, KeptPromise]:
    """The open suggestions, or what a first run would suggest where there are none; and beside
    them, with the same places, random pairs, the weighted mean, and who looks at needs alone.
    """
    engine, market, needs = world.engine, world.market, Needs(world.engine.snapshot)
    chance = world.pairs(world.chance, "product", allocated=False)
    first, mean = world.first_run(settings.SUGGESTIONS["promising"]), world.yesterdays_pairs()
    oracle = greedy_pairs(needs.oracle(), market.allowed, market.left_places, market.right_places)
    return {
        "suggestions": _of_suggestions(snapshot)
        or _explained(engine, needs, Pairs(first.rows, first.cols)),
        "random": _explained(engine, needs, Pairs(chance.rows, chance.cols)),
        "mean": kept_promise(
            needs,
            Pairs(mean.rows, mean.cols),
            views_of_mean(world.ways.left, mean.rows, mean.cols),
            views_of_mean(world.ways.right, mean.cols, mean.rows),
        ),
        "oracle": _explained(engine, needs, oracle),
    }


def _of_suggestions(snapshot: Snapshot) -> KeptPromise | None:
    """With the reasons that are kept with them, as people read them."""
    row, col = ({r.id: at for at, r in enumerate(side)} for side in (snapshot.left, snapshot.right))
    rows, cols, left, right = [], [], [], []
    fields = ("pair__a_id", "pair__b_id", "a_reasons", "b_reasons")
    found = Suggestion.objects.open().order_by("pk").values_list(*fields)
    for a, b, a_reasons, b_reasons in found.iterator(chunk_size=1_000):
        if a not in row:
            a, b, a_reasons, b_reasons = b, a, b_reasons, a_reasons
        if a in row and b in col:
            rows.append(row[a])
            cols.append(col[b])
            left.append(View.stored(a_reasons))
            right.append(View.stored(b_reasons))
    if not rows:
        return None
    return kept_promise(Needs(snapshot), Pairs(np.array(rows), np.array(cols)), left, right)


def _explained(engine: Engine, needs: Needs, pairs: Pairs) -> KeptPromise:
    """Needs over all pairs; reasons over an even sample of them, by the engine."""
    step = -(-len(pairs.rows) // _EXPLAINED) or 1
    some = Pairs(pairs.rows[::step], pairs.cols[::step])
    left_ids, right_ids = engine.problem.left_ids, engine.problem.right_ids
    explained = [
        engine.explain(int(left_ids[row]), int(right_ids[col]))
        for row, col in zip(some.rows, some.cols, strict=True)
    ]
    left, right = ([View.of(pair[side]) for pair in explained] for side in (0, 1))
    return kept_promise(needs, pairs, left, right, viewed=some)


def _answers() -> Answers:
    """Answers that say something about the fit, by the preference that their side had."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    about_fit = (Decision.Reason.NO_FIT, Decision.Reason.TOO_FAR_APART, "")
    decisions = (
        Decision.objects.in_effect()
        .exclude(answer=Decision.Answer.WITHDRAWN)
        .filter(reason__in=about_fit)
    )
    fields = (
        "community_id",
        "suggestion__pair__a_id",
        "suggestion__a_preference",
        "suggestion__b_preference",
        "answer",
    )
    for community_id, a_id, a_preference, b_preference, answer in decisions.order_by(
        "pk"
    ).values_list(*fields):
        preference = a_preference if community_id == a_id else b_preference
        bins[min(BINS - 1, int(preference * BINS))].append(
            (preference, answer == Decision.Answer.INTERESTED)
        )
    filled = tuple(
        (len(b), sum(p for p, _ in b) / len(b), sum(y for _, y in b) / len(b)) for b in bins if b
    )
    return Answers(sum(count for count, _, _ in filled), filled)
