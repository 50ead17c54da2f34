"""Weights learned from decisions: kept as versions, and promoted by staff only when they are better calibrated."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import transaction

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.permissions import require_staff
from backend.common.clock import database_now
from backend.common.errors import NotVisible, WrongState
from backend.suggestions.models import Decision, WeightSet
from backend.suggestions.scoring import weights_in_force
from backend.suggestions.scoring.learning import Answered, TooFewDecisionsError, learn

__all__ = ["TooFewDecisionsError", "learn_weights", "promote_weights"]


def learn_weights() -> WeightSet:
    """Learns from all decisions so far and keeps the result as a new version, not in force. Raises TooFewDecisionsError."""
    in_use = weights_in_force()
    version = f"learned-{(WeightSet.objects.order_by('-pk').values_list('pk', flat=True).first() or 0) + 1}"
    weights, metrics = learn(_answers(in_use), in_use, version)
    return WeightSet.objects.create(weights=weights, source="learned", metrics=metrics, decisions=metrics["decisions"])


def _answers(in_use: dict[str, object]) -> Iterator[Answered]:
    """Every first answer with the reasons that its side saw. An interest withdrawn later was an interest all the same."""
    decisions = Decision.objects.filter(undone_at__isnull=True).exclude(answer=Decision.Answer.WITHDRAWN)
    decisions = decisions.select_related("suggestion__pair", "suggestion__run")
    for decision in decisions.defer("suggestion__run__snapshot").order_by("pk"):
        suggestion = decision.suggestion
        own = suggestion.a_reasons if decision.community_id == suggestion.pair.a_id else suggestion.b_reasons
        if own.get("contributions"):
            weights = suggestion.run.weights if suggestion.run else in_use
            interested = decision.answer == Decision.Answer.INTERESTED
            yield Answered(decision.community_id, decision.at.timestamp(), interested, decision.reason, own, weights)


@transaction.atomic
def promote_weights(*, by: User, weight_set_id: int) -> WeightSet:
    """Puts learned weights in force for the runs that begin from now on.

    Raises NotVisible (no staff, no such version), WrongState where they are in force already, were compared with other weights than
    those in force, or are not better calibrated (Brier score and logarithmic loss, on communities and times not seen).
    """
    require_staff(by, "X", Thing.OPERATIONS)
    versions = {row.pk: row for row in WeightSet.objects.select_for_update().order_by("pk")}
    chosen = versions.get(weight_set_id)
    if chosen is None:
        raise NotVisible
    if chosen.in_force:
        raise WrongState("These weights are in force already.")
    if chosen.metrics.get("compared_with") != weights_in_force()["version"]:
        raise WrongState("These weights were compared with others than those in force now; learn again and compare.")
    if not chosen.metrics.get("is_better"):
        raise WrongState("These weights are not better calibrated than those in force; they cannot be promoted.")
    WeightSet.objects.filter(in_force=True).update(in_force=False)
    chosen.in_force, chosen.promoted_at, chosen.promoted_by = True, database_now(), by
    chosen.save(update_fields=["in_force", "promoted_at", "promoted_by"])
    return chosen
