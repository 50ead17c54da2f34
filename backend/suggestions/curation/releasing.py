"""Releasing and holding several suggestions at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.permissions import require_staff
from backend.common.errors import DomainError, InvalidFields
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.models import Suggestion
from backend.suggestions.services import hold, release

MOST_AT_ONCE = 200


@dataclass(slots=True)
class Done:
    """What one act on many came to: ids that it was done to, and why it was not done to the others."""

    done: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


@transaction.atomic
def release_many(*, by: User, suggestion_ids: Sequence[int]) -> Done:
    """Releases what can be released, and tells each side once of all of it.

    Raises NotVisible (no curator), InvalidFields (none chosen, or too many).
    """

    def release_one(suggestion_id: int) -> None:
        release(by=by, suggestion_id=suggestion_id, announce=False)

    result = _each(by, suggestion_ids, release_one)
    told: dict[str, list[int]] = {}
    for suggestion in (
        Suggestion.objects.filter(pk__in=result.done)
        .select_related("pair")
        .order_by("-score", "id")
    ):
        for side in (suggestion.pair.a_id, suggestion.pair.b_id):
            told.setdefault(str(side), []).append(suggestion.pk)
    if told:
        record(
            Topic.SUGGESTIONS_CHANGED, subject=(Suggestion, result.done[0]), by=by, communities=told
        )
    return result


@transaction.atomic
def hold_many(*, by: User, suggestion_ids: Sequence[int]) -> Done:
    """Holds what can be held: what no side has answered. Raises as ``release_many``."""
    return _each(by, suggestion_ids, lambda suggestion_id: hold(by=by, suggestion_id=suggestion_id))


def _each(by: User, suggestion_ids: Sequence[int], act: Callable[[int], object]) -> Done:
    require_staff(by, "X", Thing.CURATION)
    wanted = set(suggestion_ids)
    if not 1 <= len(wanted) <= MOST_AT_ONCE:
        raise InvalidFields({"suggestion_ids": [f"Choose 1 to {MOST_AT_ONCE} suggestions."]})
    result = Done()
    # In the order of the pairs, whose rows are the locks: two curators at work on the same list
    # wait in line, never in a ring.
    in_order = (
        Suggestion.objects.filter(pk__in=wanted)
        .order_by("pair_id", "pk")
        .values_list("pk", flat=True)
    )
    for suggestion_id in in_order:
        try:
            with transaction.atomic():
                act(suggestion_id)
        except DomainError as refused:
            result.refused[suggestion_id] = refused.message
        else:
            result.done.append(suggestion_id)
    result.refused |= dict.fromkeys(sorted(wanted - set(in_order)), "There is no such suggestion.")
    return result
