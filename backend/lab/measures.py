"""What the report shows, from the database and, if given, from a benchmark folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from backend.cities.models import Community, Profile
from backend.lab.link_prediction import Recovery, measure_recovery
from backend.lab.simulation import Simulation, simulate
from backend.suggestions.eligibility import DEFAULT_OPEN_INTRODUCTIONS
from backend.suggestions.models import Decision
from backend.suggestions.scoring import (
    fingerprint,
    freeze_snapshot,
    pack_snapshot,
    weights_in_force,
)

BINS = 10


@dataclass(frozen=True, slots=True)
class Answers:
    """For each of ``BINS`` bins of preference: decisions, mean preference, share interested."""

    decisions: int
    bins: tuple[tuple[int, float, float], ...]


@dataclass(frozen=True, slots=True)
class Measures:
    """Everything on the page."""

    simulation: Simulation
    answers: Answers
    recovery: Recovery | None
    weights_version: str
    snapshot_version: str
    is_sample: bool


def take_measures(data: Path | None = None, train: Path | None = None) -> Measures:
    """Raises ValueError for an empty side, TableError for an unreadable benchmark folder."""
    rules = settings.SUGGESTIONS
    snapshot, weights = freeze_snapshot(), weights_in_force()
    simulation = simulate(
        snapshot,
        weights,
        _capacities(),
        k=rules["k"],
        threshold=rules["promising"],
        places=rules["per_introduction"],
    )
    recovery = (
        measure_recovery(data, train, None, folds=5, pool="partners") if data and train else None
    )
    is_sample = Community.objects.filter(is_sample=True).exists()
    return Measures(
        simulation,
        _answers(),
        recovery,
        weights["version"],
        fingerprint(pack_snapshot(snapshot)),
        is_sample,
    )


def _capacities() -> dict[int, int]:
    capacities = Profile.objects.filter(current_version__isnull=False).values_list(
        "community_id", "current_version__data__capacity__open_introductions"
    )
    return {
        community_id: capacity or DEFAULT_OPEN_INTRODUCTIONS
        for community_id, capacity in capacities
    }


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
