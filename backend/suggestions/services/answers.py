"""The answers of the two sides, and taking one's own answer back before it takes effect.

An answer takes effect only when its window (SUGGESTIONS["undo_seconds"], by the database's clock)
is over. That is the design that leaks nothing: had the second interest made a pair mutual at once,
a side could answer, read the other's interest from the result, and undo; and had a decline closed
the pair at once, an undo would have to open it again. Until the window is over nothing but the
answering side's own row has changed, so nobody else can be told of anything, and an answer that was
undone was never given.
"""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.permissions import require_in
from backend.common.clock import database_now
from backend.common.errors import InvalidFields, NotVisible, WrongState
from backend.common.transitions import change_state, check_transition
from backend.outbox.models import Event
from backend.outbox.services import open_work, record
from backend.outbox.topics import Topic
from backend.suggestions.models import Decision, Suggestion
from backend.suggestions.queries import GONE
from backend.suggestions.services.capacity import lock_communities, require_room
from backend.suggestions.services.quorum import require_quorum
from backend.suggestions.services.settling import settle
from backend.suggestions.services.sides import lock_suggestion, side_of
from backend.suggestions.states import SIDE_TRANSITIONS, UNDO_TRANSITIONS

_S = Suggestion.Status
_A = Suggestion.SideState
SETTLE = "settle_answer"
# After one side has declined, the other must not be able to tell: its answer is taken all the same,
# and changes nothing.
_ANSWERABLE = (_S.RELEASED, _S.DECLINED, _S.WITHDRAWN)


@transaction.atomic
def answer(
    *,
    by: User,
    suggestion_id: int,
    community_id: int,
    answer: str,
    reason: str = "",
    comment: str = "",
) -> Suggestion:
    """One side's answer: interested, declined (with a reason) or withdrawn. It takes effect when it
    can no longer be undone.

    Raises:
        NotVisible: not released, or not theirs to answer. InvalidFields: an unknown answer, or a
            decline without a reason.
        WrongState: this side has answered already, the time is over, a side seeks no longer, or the
            rule asks for (other) votes.
        CapacityReached: see the profile's capacity.
    """
    require_in(by, community_id, "X", Thing.ANSWER)
    _check_answer(answer, reason, comment)
    suggestion = lock_suggestion(suggestion_id)
    side = side_of(suggestion, community_id)
    now = database_now()
    _require_open(suggestion, now)
    check_transition(SIDE_TRANSITIONS, getattr(suggestion, f"{side}_state"), answer)
    require_quorum(suggestion, community_id, answer)
    if answer == _A.INTERESTED:
        communities = lock_communities(suggestion.pair.a_id, suggestion.pair.b_id)
        if any(community.profile.status in GONE for community in communities):
            raise WrongState(_("One of the two communities does not seek partners any more."))
        require_room(next(community for community in communities if community.pk == community_id))
    decision = Decision.objects.create(
        suggestion=suggestion,
        community_id=community_id,
        answer=answer,
        reason=reason,
        comment=comment.strip(),
        by=by,
    )
    window = dt.timedelta(seconds=settings.SUGGESTIONS["undo_seconds"])
    # With no window it is final at once, for a transaction too that began before this one and
    # waited for the pair's lock.
    change_state(
        suggestion,
        f"{side}_state",
        answer,
        SIDE_TRANSITIONS,
        **{f"{side}_final_at": now + window if window else None},
    )
    event = record(
        Topic.SUGGESTION_ANSWERED,
        subject=suggestion,
        by=by,
        community_id=community_id,
        answer=answer,
    )
    _settle_after(suggestion, decision.pk, event, window)
    return suggestion


@transaction.atomic
def undo_answer(*, by: User, suggestion_id: int, community_id: int) -> Suggestion:
    """Takes the side's last answer back while it has not taken effect.

    Raises:
        NotVisible: not released, or not theirs to answer. WrongState: there is no answer, or its
            time to be undone is over.
    """
    require_in(by, community_id, "X", Thing.ANSWER)
    suggestion = lock_suggestion(suggestion_id)
    side = side_of(suggestion, community_id)
    if suggestion.status not in Suggestion.VISIBLE:
        raise NotVisible
    now = database_now()
    state, final_at = getattr(suggestion, f"{side}_state"), getattr(suggestion, f"{side}_final_at")
    if not UNDO_TRANSITIONS[state]:
        raise WrongState(_("There is no answer to undo."))
    if final_at is None or final_at <= now:
        raise WrongState(_("The time to undo this answer is over; it has taken effect."))
    (before,) = UNDO_TRANSITIONS[state]
    undone = Decision.objects.filter(
        suggestion=suggestion, community_id=community_id, answer=state, undone_at__isnull=True
    )
    decision_id = undone.values_list("pk", flat=True).get()
    undone.update(undone_at=now, undone_by=by)
    # An interest that was not withdrawn after all has its whole window again: nothing may happen in
    # the instant of an undo.
    window = dt.timedelta(seconds=settings.SUGGESTIONS["undo_seconds"])
    change_state(
        suggestion,
        f"{side}_state",
        before,
        UNDO_TRANSITIONS,
        **{f"{side}_final_at": None if before == _A.PENDING else now + window},
    )
    event = record(
        Topic.SUGGESTION_ANSWER_UNDONE,
        subject=suggestion,
        by=by,
        community_id=community_id,
        answer=state,
    )
    if before != _A.PENDING:
        open_work(SETTLE, f"{decision_id}:undone", event=event, after=window)
    return suggestion


def _settle_after(
    suggestion: Suggestion, decision_id: int, event: Event, window: dt.timedelta
) -> None:
    if window:
        # The key is the answer's own: a request of the other side, due earlier, must not stand in
        # for it.
        open_work(SETTLE, str(decision_id), event=event, after=window)
    else:
        settle(suggestion)


def _require_open(suggestion: Suggestion, now: dt.datetime) -> None:
    if suggestion.status not in Suggestion.VISIBLE:
        raise NotVisible
    if suggestion.status not in _ANSWERABLE or (
        suggestion.expires_at and suggestion.expires_at <= now
    ):
        raise WrongState(_("The time to answer this suggestion is over."))


def _check_answer(answer: str, reason: str, comment: str) -> None:
    errors = {}
    if answer not in Decision.Answer.values:
        errors["answer"] = [
            _("Answer with one of: %(answers)s.") % {"answers": ", ".join(Decision.Answer.values)}
        ]
    if answer == Decision.Answer.DECLINED and reason not in Decision.Reason.values:
        errors["reason"] = [_("Choose a reason. Only staff read it.")]
    if answer != Decision.Answer.DECLINED and reason:
        errors["reason"] = [_("Only a decline has a reason.")]
    if len(comment) > 2000 or "\x00" in comment:
        errors["comment"] = [_("Write at most 2,000 characters of plain text.")]
    if errors:
        raise InvalidFields(errors)
