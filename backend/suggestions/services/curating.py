"""What staff do with suggestions and runs."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import transaction

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.permissions import require_staff
from backend.common.clock import database_now
from backend.common.errors import Conflict, WrongState
from backend.common.transitions import change_state
from backend.outbox.models import Event
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.models import ScoringRun, Suggestion
from backend.suggestions.services.sides import lock_suggestion
from backend.suggestions.states import SUGGESTION_TRANSITIONS

_S = Suggestion.Status
_A = Suggestion.SideState


@transaction.atomic
def release(*, by: User, suggestion_id: int, announce: bool = True) -> Suggestion:
    """Shows a proposed or held suggestion to both sides; the caller tells them of it where
    ``announce`` is off.

    Raises NotVisible (no curator), WrongState.
    """
    require_staff(by, "X", Thing.CURATION)
    suggestion = lock_suggestion(suggestion_id)
    now = database_now()
    expires = now + dt.timedelta(days=settings.SUGGESTIONS["answer_days"])
    change_state(
        suggestion,
        "status",
        _S.RELEASED,
        SUGGESTION_TRANSITIONS,
        released_at=now,
        expires_at=expires,
    )
    record(Topic.SUGGESTION_RELEASED, subject=suggestion, by=by)
    if not announce:
        return suggestion
    pair = suggestion.pair
    sides = {str(pair.a_id): [suggestion.pk], str(pair.b_id): [suggestion.pk]}
    record(Topic.SUGGESTIONS_CHANGED, subject=suggestion, by=by, communities=sides)
    return suggestion


@transaction.atomic
def hold(*, by: User, suggestion_id: int) -> Suggestion:
    """Takes a suggestion out of both sides' sight, as long as neither has answered. Raises
    NotVisible, WrongState.
    """
    require_staff(by, "X", Thing.CURATION)
    suggestion = lock_suggestion(suggestion_id)
    if not suggestion.a_state == suggestion.b_state == _A.PENDING:
        raise WrongState("A side has answered already; this suggestion can no longer be held.")
    change_state(suggestion, "status", _S.HELD, SUGGESTION_TRANSITIONS)
    record(Topic.SUGGESTION_HELD, subject=suggestion, by=by)
    return suggestion


@transaction.atomic
def request_run(*, by: User | None, reason: str = "requested") -> Event:
    """Asks for a full scoring now. Raises NotVisible for a person who may not, Conflict while one
    is running.
    """
    if by is not None:
        require_staff(by, "X", Thing.OPERATIONS)
    if ScoringRun.objects.filter(status=ScoringRun.Status.RUNNING).exists():
        raise Conflict("A scoring run is under way; follow it on its page.", code="run_under_way")
    return record(Topic.RUN_REQUESTED, subject=(ScoringRun, 0), by=by, reason=reason)
