"""Weights learned from decisions: versions that staff promote when better calibrated."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import QuerySet

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.permissions import require_staff
from backend.common.dates import database_now
from backend.common.errors import NotVisible, WrongState
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.models import Decision, WeightSet
from backend.suggestions.scoring import weights_in_force
from backend.suggestions.scoring.engine import Answered, TooFewDecisionsError, learn

__all__ = [
    "TooFewDecisionsError",
    "all_weights",
    "learn_weights",
    "promote_weights",
    "why_not_promoted",
]


def learn_weights() -> WeightSet:
    """Keeps what all decisions teach as a new version. Raises TooFewDecisionsError."""
    in_use = weights_in_force()
    last = WeightSet.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    version = f"learned-{last + 1}"
    weights, metrics = learn(_answers(in_use), in_use, version)
    return WeightSet.objects.create(
        weights=weights, source="learned", metrics=metrics, decisions=metrics["decisions"]
    )


def _answers(in_use: dict[str, object]) -> Iterator[Answered]:
    """Every first answer with its side's reasons; an interest withdrawn later counts too."""
    decisions = Decision.objects.in_effect().exclude(answer=Decision.Answer.WITHDRAWN)
    decisions = decisions.select_related("suggestion__pair", "suggestion__run")
    for decision in decisions.defer("suggestion__run__snapshot").order_by("pk"):
        suggestion = decision.suggestion
        own = (
            suggestion.a_reasons
            if decision.community_id == suggestion.pair.a_id
            else suggestion.b_reasons
        )
        if own.get("contributions"):
            weights = suggestion.run.weights if suggestion.run else in_use
            interested = decision.answer == Decision.Answer.INTERESTED
            yield Answered(
                decision.community_id,
                decision.at.timestamp(),
                interested,
                decision.reason,
                own,
                weights,
            )


def all_weights(user: User | AnonymousUser) -> QuerySet[WeightSet]:
    """Every version of the weights, the newest first. Raises NotVisible for others than staff."""
    require_staff(user, Verb.READ, Resource.OPERATIONS)
    return WeightSet.objects.select_related("promoted_by").order_by("-pk")


def why_not_promoted(version: WeightSet, in_force: str) -> str:
    """What keeps a version from promotion over the weights ``in_force``; empty if nothing."""
    if version.in_force:
        return "These weights are in force already."
    if version.metrics.get("compared_with") != in_force:
        return (
            "These weights were compared with others than those in force now; learn again and "
            "compare."
        )
    if not version.metrics.get("is_better"):
        return (
            "These weights are not better calibrated than those in force; they cannot be promoted."
        )
    return ""


@transaction.atomic
def promote_weights(*, by: User, weight_set_id: int) -> WeightSet:
    """Puts learned weights in force for the runs that begin from now on.

    Raises NotVisible (no staff, no such version), WrongState where they are in force already, were
    compared with other weights than those in force, or are not better calibrated (Brier score and
    logarithmic loss, on communities and times not seen).
    """
    require_staff(by, Verb.ACT, Resource.OPERATIONS)
    before = weights_in_force()["version"]
    versions = {row.pk: row for row in WeightSet.objects.select_for_update().order_by("pk")}
    chosen = versions.get(weight_set_id)
    if chosen is None:
        raise NotVisible
    obstacle = why_not_promoted(chosen, before)
    if obstacle:
        raise WrongState(obstacle)
    WeightSet.objects.filter(in_force=True).update(in_force=False)
    chosen.in_force, chosen.promoted_at, chosen.promoted_by = True, database_now(), by
    chosen.save(update_fields=["in_force", "promoted_at", "promoted_by"])
    record(
        Topic.WEIGHTS_PROMOTED,
        subject=chosen,
        by=by,
        version=chosen.weights["version"],
        before=before,
        decisions=chosen.decisions,
    )
    return chosen
