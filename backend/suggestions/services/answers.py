"""The answers of the two sides: given, undone, taking effect, and the end of a suggestion's time.

An answer takes effect only when its window (SUGGESTIONS["undo_seconds"], by the database's clock)
is over. That is the design that leaks nothing: had the second interest made a pair mutual at once,
a side could answer, read the other's interest from the result, and undo; and had a decline closed
the pair at once, an undo would have to open it again. Until the window is over nothing but the
answering side's own row has changed, so nobody else can learn anything, and an answer that was
undone was never given.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.permissions import require_in
from backend.common.bounds import longest
from backend.common.dates import database_now
from backend.common.errors import InvalidFields, WrongState
from backend.common.transitions import change_state, check_transition
from backend.outbox.models import Event
from backend.outbox.services import add_job, record
from backend.outbox.topics import Topic
from backend.suggestions.eligibility import has_room, lock_communities, over_before, require_room
from backend.suggestions.models import Decision, Pair, Suggestion
from backend.suggestions.queries import GONE, between_seekers, require_offered
from backend.suggestions.services.reviews import require_quorum
from backend.suggestions.sides import (
    SuggestionSide,
    acts_on,
    cooling_end,
    lock_suggestion,
    require_one_side,
    sides_of,
)
from backend.suggestions.states import SIDE_TRANSITIONS, SUGGESTION_TRANSITIONS, UNDO_TRANSITIONS

_S = Suggestion.Status
_A = Suggestion.SideState
_CLOSING = {_A.DECLINED.value: _S.DECLINED, _A.WITHDRAWN.value: _S.WITHDRAWN}


@transaction.atomic
def settle_answer(decision_id: int) -> None:
    """Lets an answer take effect if it was not undone and its window is over; else does nothing."""
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
        side: state
        for side in sides_of(suggestion)
        if (state := _final_state(side, now)) is not None
    }
    closing = [side for side, state in final.items() if state in _CLOSING]
    if closing:
        first = min(closing, key=lambda side: (side.final_at or now, side.letter))
        change_state(
            suggestion, "status", _CLOSING[final[first]], SUGGESTION_TRANSITIONS, closed_at=now
        )
        # Counted from the end of the time that both were given: a pair that rested from the decline
        # on would be suggested again earlier than one whose time ran out, which would show the
        # declined side the decline.
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


def _final_state(side: SuggestionSide, now: dt.datetime) -> str | None:
    """The side's answer if it can no longer be undone, else None."""
    is_final = side.final_at is None or side.final_at <= now
    return side.state if side.state != _A.PENDING and is_final else None


def settle_due() -> int:
    """Settles every released suggestion with a final answer to act on; returns how many changed.

    What a lost or early task left undone is done here, and interests that waited for room find it.
    """
    over = (
        Q(a_final_at__isnull=True) | Q(a_final_at__lte=Now()),
        Q(b_final_at__isnull=True) | Q(b_final_at__lte=Now()),
    )
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


SETTLE = "settle_answer"
# After one side has declined, the other must not notice: its answer is taken all the same,
# and changes nothing.
_ANSWERABLE = (_S.RELEASED, _S.DECLINED, _S.WITHDRAWN)


@transaction.atomic
def answer_suggestion(
    *,
    by: User,
    suggestion_id: int,
    community_id: int,
    choice: str,
    reason: str = "",
    comment: str = "",
) -> Suggestion:
    """One side's answer: interested, declined (with a reason) or withdrawn. It takes effect when it
    can no longer be undone.

    Raises:
        NotVisible: not released, or not theirs to answer. Gone: it is taken back. InvalidFields:
            an unknown answer, or a decline without a reason.
        WrongState: this side has answered already, the time is over, a side seeks no longer, or the
            rule asks for (other) votes. ActsForOtherSide: they have answered or voted for the other
            side.
        CapacityReached: see the profile's capacity.
    """
    require_in(by, community_id, Verb.ACT, Resource.ANSWER)
    _check_answer(choice, reason, comment)
    suggestion = lock_suggestion(suggestion_id)
    side = require_offered(suggestion, community_id)
    now = database_now()
    _require_open(suggestion, now)
    check_transition(SIDE_TRANSITIONS, side.state, choice)
    require_one_side(by, suggestion.pair, community_id, acts_on(suggestion.pk, by.pk))
    require_quorum(suggestion, community_id, choice)
    if choice == _A.INTERESTED:
        communities = lock_communities(suggestion.pair.a_id, suggestion.pair.b_id)
        if any(community.profile.status in GONE for community in communities):
            raise WrongState(_("One of the two communities does not seek partners any more."))
        require_room(next(community for community in communities if community.pk == community_id))
    decision = Decision.objects.create(
        suggestion=suggestion,
        community_id=community_id,
        answer=choice,
        reason=reason,
        comment=comment.strip(),
        by=by,
    )
    window = dt.timedelta(seconds=settings.SUGGESTIONS["undo_seconds"])
    # With no window it is final at once, for a transaction too that began before this one and
    # waited for the pair's lock.
    change_state(
        suggestion,
        side.column("state"),
        choice,
        SIDE_TRANSITIONS,
        **{side.column("final_at"): now + window if window else None},
    )
    event = record(
        Topic.SUGGESTION_ANSWERED,
        subject=suggestion,
        by=by,
        community_id=community_id,
        answer=choice,
    )
    _settle_after(suggestion, decision.pk, event, window)
    return suggestion


@transaction.atomic
def undo_answer(*, by: User, suggestion_id: int, community_id: int) -> Suggestion:
    """Takes the side's last answer back while it has not taken effect.

    Raises:
        NotVisible: not released, or not theirs to answer. Gone: it is taken back. WrongState:
            there is no answer, or its time to be undone is over. ActsForOtherSide: it is a
            colleague's, and they have acted for the other side.
    """
    require_in(by, community_id, Verb.ACT, Resource.ANSWER)
    suggestion = lock_suggestion(suggestion_id)
    side = require_offered(suggestion, community_id)
    now = database_now()
    state, final_at = side.state, side.final_at
    if not UNDO_TRANSITIONS[state]:
        raise WrongState(_("There is no answer to undo."))
    if final_at is None or final_at <= now:
        raise WrongState(_("The time to undo this answer is over; it has taken effect."))
    (before,) = UNDO_TRANSITIONS[state]
    undone = Decision.objects.filter(
        suggestion=suggestion, community_id=community_id, answer=state, undone_at__isnull=True
    )
    decision_id, given_by = undone.values_list("pk", "by_id").get()
    if given_by != by.pk:
        require_one_side(by, suggestion.pair, community_id, acts_on(suggestion.pk, by.pk))
    undone.update(undone_at=now, undone_by=by)
    # An interest that was not withdrawn after all has its whole window again: nothing may happen in
    # the instant of an undo.
    window = dt.timedelta(seconds=settings.SUGGESTIONS["undo_seconds"])
    change_state(
        suggestion,
        side.column("state"),
        before,
        UNDO_TRANSITIONS,
        **{side.column("final_at"): None if before == _A.PENDING else now + window},
    )
    event = record(
        Topic.SUGGESTION_ANSWER_UNDONE,
        subject=suggestion,
        by=by,
        community_id=community_id,
        answer=state,
    )
    if before != _A.PENDING:
        add_job(SETTLE, f"{decision_id}:again", event=event, after=window)
    return suggestion


def _settle_after(
    suggestion: Suggestion, decision_id: int, event: Event, window: dt.timedelta
) -> None:
    if window:
        # The key is the answer's own: a request of the other side, due earlier, must not stand in
        # for it.
        add_job(SETTLE, str(decision_id), event=event, after=window)
    else:
        settle(suggestion)


def _require_open(suggestion: Suggestion, now: dt.datetime) -> None:
    # Both are interested still: their introduction is over
    was_mutual = (
        suggestion.status == _S.WITHDRAWN
        and suggestion.a_state == suggestion.b_state == _A.INTERESTED
    )
    is_over = suggestion.expires_at and suggestion.expires_at <= now
    if suggestion.status not in _ANSWERABLE or was_mutual or is_over:
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
    if len(comment) > longest(Decision, "comment") or "\x00" in comment:
        errors["comment"] = [_("Write at most 2,000 characters of plain text.")]
    if errors:
        raise InvalidFields(errors)


def expire_suggestions() -> int:
    """Ends released suggestions whose time is over by the database's clock; returns how many. Safe
    to run twice.

    Answers that were given in time take effect first: the end comes when none can be undone.
    """
    settle_due()
    with transaction.atomic():
        return _expire()


def _expire() -> int:
    check_transition(SUGGESTION_TRANSITIONS, _S.RELEASED, _S.EXPIRED)
    now = database_now()
    overdue = Suggestion.objects.filter(status=_S.RELEASED, expires_at__lte=over_before(now))
    pairs = (
        Pair.objects.select_for_update(skip_locked=True)
        .filter(pk__in=overdue.order_by().values("pair_id"))
        .order_by("pk")
    )
    ended = list(
        overdue.filter(pair_id__in=list(pairs.values_list("pk", flat=True))).select_related("pair")
    )
    for suggestion in ended:
        open_sides = {
            side.column("state"): _A.EXPIRED
            for side in sides_of(suggestion)
            if side.state in (_A.PENDING, _A.INTERESTED)
        }
        change_state(
            suggestion, "status", _S.EXPIRED, SUGGESTION_TRANSITIONS, closed_at=now, **open_sides
        )
        Pair.objects.filter(pk=suggestion.pair_id).update(
            closed_until=cooling_end(suggestion.expires_at or now)
        )
        record(Topic.SUGGESTION_EXPIRED, subject=suggestion, by=None)
    _end_other_sides(now)
    return len(ended)


def _end_other_sides(now: dt.datetime) -> None:
    """The side that never learned of a decline sees its time run out as if nobody had answered."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE suggestions_suggestion SET "
            "a_state = CASE WHEN a_state IN ('pending', 'interested') THEN 'expired' ELSE a_state "
            "END, "
            "b_state = CASE WHEN b_state IN ('pending', 'interested') THEN 'expired' ELSE b_state "
            "END "
            "WHERE status IN ('declined', 'withdrawn') AND expires_at <= %s "
            "AND (a_state IN ('pending', 'interested') OR b_state IN ('pending', 'interested'))",
            [over_before(now)],
        )


@transaction.atomic
def remind_of_expiry() -> int:
    """Tells each side once, SUGGESTIONS["remind_days"] before the end, which suggestions it has not
    answered; returns how many sides.

    Who is reminded depends on the side's own answer alone: a suggestion that the other side has
    declined in secret is reminded of too.
    """
    now = database_now()
    due = between_seekers(Suggestion.objects.visible_to_communities()).filter(
        reminded_at__isnull=True,
        expires_at__gt=now,
        expires_at__lte=now + dt.timedelta(days=settings.SUGGESTIONS["remind_days"]),
    )
    due = due.exclude(status__in=(_S.MUTUAL, _S.INTRODUCED))
    rows = list(
        due.select_related("pair").select_for_update(of=("self",), skip_locked=True).order_by("pk")
    )
    Suggestion.objects.filter(pk__in=[row.pk for row in rows]).update(reminded_at=now)
    waiting: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        for side in sides_of(row):
            if side.state == _A.PENDING:
                waiting[side.community_id].append(row.pk)
    for community_id, ids in sorted(waiting.items()):
        record(
            Topic.SUGGESTIONS_EXPIRING,
            subject=(Suggestion, ids[0]),
            by=None,
            community_id=community_id,
            suggestions=ids,
        )
    return len(waiting)
