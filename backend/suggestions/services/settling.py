"""What answers do to the pair, once they can no longer be undone. Safe to call at any time and any
number of times.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from backend.common.clock import database_now
from backend.common.transitions import change_state
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.models import Decision, Pair, Suggestion
from backend.suggestions.queries import GONE
from backend.suggestions.services.capacity import has_room, lock_communities
from backend.suggestions.services.sides import cooling_end, lock_suggestion
from backend.suggestions.states import SUGGESTION_TRANSITIONS

_S = Suggestion.Status
_A = Suggestion.SideState
_CLOSING = {_A.DECLINED.value: _S.DECLINED, _A.WITHDRAWN.value: _S.WITHDRAWN}


@transaction.atomic
def settle_answer(decision_id: int) -> None:
    """Lets an answer take effect if it still stands and its window is over; else does nothing."""
    suggestion_id = (
        Decision.objects.filter(pk=decision_id).values_list("suggestion_id", flat=True).first()
    )
    if suggestion_id is not None:
        settle(lock_suggestion(suggestion_id))


def settle(suggestion: Suggestion) -> None:
    """Lets the final answers to a locked suggestion take effect: one decline or withdrawal closes
    it, two interests make it mutual.

    Two interests wait, unseen by either side, while one side has no room for another introduction.
    """
    if suggestion.status != _S.RELEASED:
        return
    now = database_now()
    final = {
        side: state for side in "ab" if (state := _final_state(suggestion, side, now)) is not None
    }
    closing = [side for side, state in final.items() if state in _CLOSING]
    if closing:
        first = min(
            closing, key=lambda side: (getattr(suggestion, f"{side}_final_at") or now, side)
        )
        change_state(
            suggestion, "status", _CLOSING[final[first]], SUGGESTION_TRANSITIONS, closed_at=now
        )
        # Counted from the end of the time that both were given: a pair that rested from the decline
        # on would be suggested again earlier than one whose time ran out, and so tell the side that
        # was declined.
        Pair.objects.filter(pk=suggestion.pair_id).update(
            closed_until=cooling_end(suggestion.expires_at or now)
        )
        record(Topic.SUGGESTION_CLOSED, subject=suggestion, by=None, status=suggestion.status)
    elif list(final.values()) == [_A.INTERESTED, _A.INTERESTED]:
        communities = lock_communities(suggestion.pair.a_id, suggestion.pair.b_id)
        if all(
            has_room(community) and community.profile.status not in GONE
            for community in communities
        ):
            change_state(suggestion, "status", _S.MUTUAL, SUGGESTION_TRANSITIONS)
            record(Topic.INTEREST_MUTUAL, subject=suggestion, by=None)


def _final_state(suggestion: Suggestion, side: str, now: dt.datetime) -> str | None:
    """The side's answer if it can no longer be undone, else None."""
    state: str = getattr(suggestion, f"{side}_state")
    final_at = getattr(suggestion, f"{side}_final_at")
    return state if state != _A.PENDING and (final_at is None or final_at <= now) else None


def settle_due() -> int:
    """Settles every released suggestion with a final answer to act on; returns how many changed.
    What a lost or early task left undone is done here, and interests that waited for room find it."""
    over = [
        Q(**{f"{side}_final_at__isnull": True}) | Q(**{f"{side}_final_at__lte": Now()})
        for side in "ab"
    ]
    closing = Q(a_state__in=list(_CLOSING)) & over[0] | Q(b_state__in=list(_CLOSING)) & over[1]
    both = Q(a_state=_A.INTERESTED, b_state=_A.INTERESTED) & over[0] & over[1]
    changed = 0
    for suggestion_id in list(
        Suggestion.objects.filter(closing | both, status=_S.RELEASED)
        .order_by("pk")
        .values_list("pk", flat=True)
    ):
        with transaction.atomic():
            suggestion = lock_suggestion(suggestion_id)
            settle(suggestion)
            changed += suggestion.status != _S.RELEASED
    return changed
