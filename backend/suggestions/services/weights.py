"""Weights learned from decisions: versions that staff promote when better calibrated."""

from __future__ import annotations

import datetime as dt
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
from backend.suggestions.models import Decision, FollowUp, WeightSet
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
    """One answer for each side of a suggestion, with the reasons that it was shown: the first (an
    interest withdrawn later counts too), or what the side said later of going on.
    """
    later = _later_answers()
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
            first = (decision.at, decision.answer == Decision.Answer.INTERESTED, decision.reason)
            at, interested, reason = later.get((suggestion.pk, decision.community_id), first)
            yield Answered(decision.community_id, at.timestamp(), interested, reason, own, weights)


def _later_answers() -> dict[tuple[int, int], tuple[dt.datetime, bool, str]]:
    """(suggestion, community) → when its newest yes or no was given, which it is, and its reason.

    It replaces the first answer and does not stand beside it: both rest on the same lifts, and two
    answers of one side about one partner are no two independent decisions, as the standard error
    that decides on a promotion takes them to be. It has its own time, because it was not known
    before. Its "no" speaks of the fit by its words.
    """
    given = FollowUp.objects.filter(
        answer__in=(FollowUp.Verdict.YES, FollowUp.Verdict.NO), suggestion__isnull=False
    )
    return {
        (one.suggestion_id, one.community_id): (
            (one.answered_at, True, "")
            if one.answer == FollowUp.Verdict.YES
            else (one.answered_at, False, Decision.Reason.NO_FIT.value)
        )
        for one in given.order_by("answered_at", "pk")
        if one.suggestion_id is not None and one.answered_at is not None
    }


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
