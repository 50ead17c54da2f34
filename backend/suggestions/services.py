"""Answers of the two sides, and what staff do with a suggestion."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.models import Community
from backend.cities.permissions import require_in, require_staff
from backend.cities.profile_schema import document_value
from backend.common.clock import database_now
from backend.common.errors import CapacityReached, Conflict, InvalidFields, NotVisible, WrongState
from backend.common.transitions import change_state, check_transition
from backend.outbox.models import Event
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.models import Decision, Pair, ScoringRun, Suggestion
from backend.suggestions.states import SIDE_TRANSITIONS, SUGGESTION_TRANSITIONS

_S = Suggestion.Status
_A = Suggestion.SideState
DEFAULT_OPEN_INTRODUCTIONS = 3
# After one side has declined, the other must not be able to tell: its answer is taken all the same, and changes nothing.
_ANSWERABLE = (_S.RELEASED, _S.DECLINED, _S.WITHDRAWN)


def cooling_end(now: dt.datetime) -> dt.datetime:
    """Until when a pair rests after a decline or an unanswered suggestion: both alike, or a re-suggestion would tell them apart."""
    return now + dt.timedelta(days=round(settings.SUGGESTIONS["cooling_months"] * 30.44))


def side_of(suggestion: Suggestion, community_id: int) -> str:
    """ "a" or "b". Raises NotVisible for a community that is no side of it."""
    if community_id == suggestion.pair.a_id:
        return "a"
    if community_id == suggestion.pair.b_id:
        return "b"
    raise NotVisible


def lock_suggestion(suggestion_id: int) -> Suggestion:
    """The suggestion with its pair's row locked: all acts on a pair queue up behind this one lock. Raises NotVisible."""
    pair_id = Suggestion.objects.filter(pk=suggestion_id).values_list("pair_id", flat=True).first()
    if pair_id is None:
        raise NotVisible
    Pair.objects.select_for_update().get(pk=pair_id)
    return Suggestion.objects.select_related("pair").get(pk=suggestion_id)


def open_introductions(community_id: int) -> int:
    """How many of the community's pairs are past mutual interest and not closed."""
    return Suggestion.objects.of_community(community_id).filter(status__in=(_S.MUTUAL, _S.INTRODUCED)).count()


def introduction_capacity(community: Community) -> int:
    """How many open introductions the community allows itself."""
    version = community.profile.current_version
    value = document_value(version.data if version else {}, "capacity", "open_introductions")
    return int(value or DEFAULT_OPEN_INTRODUCTIONS)


def _require_capacity(community_id: int) -> None:
    # The community's row is the lock: two pairs of one community cannot both take its last place.
    community = Community.objects.select_for_update(of=("self",)).select_related("profile__current_version").get(pk=community_id)
    capacity = introduction_capacity(community)
    if open_introductions(community_id) >= capacity:
        raise CapacityReached(f"You have {capacity} open introductions, as many as your profile allows. Close one or raise the number.")


@transaction.atomic
def answer(*, by: User, suggestion_id: int, community_id: int, answer: str, reason: str = "", comment: str = "") -> Suggestion:
    """One side's answer: interested, declined (with a reason) or withdrawn. The second interest makes it mutual, exactly once.

    Raises:
        NotVisible: not released, or not theirs to answer. InvalidFields: an unknown answer, or a decline without a reason.
        WrongState: this side has answered already, or the time is over. CapacityReached: see the profile's capacity.
    """
    _check_answer(answer, reason, comment)
    require_in(by, community_id, "X", Thing.ANSWER)
    suggestion = lock_suggestion(suggestion_id)
    side = side_of(suggestion, community_id)
    if suggestion.status not in Suggestion.VISIBLE:
        raise NotVisible
    now = database_now()
    own_state = getattr(suggestion, f"{side}_state")
    if suggestion.status not in _ANSWERABLE or (suggestion.expires_at and suggestion.expires_at <= now):
        raise WrongState("The time to answer this suggestion is over.")
    check_transition(SIDE_TRANSITIONS, own_state, answer)
    if answer == _A.INTERESTED:
        _require_capacity(community_id)
    Decision.objects.create(suggestion=suggestion, community_id=community_id, answer=answer, reason=reason, comment=comment.strip(), by=by)
    change_state(suggestion, f"{side}_state", answer, SIDE_TRANSITIONS)
    record(Topic.SUGGESTION_ANSWERED, subject=suggestion, by=by, community_id=community_id, answer=answer)
    if suggestion.status == _S.RELEASED:
        _settle(suggestion, answer, by, now)
    return suggestion


def _check_answer(answer: str, reason: str, comment: str) -> None:
    errors = {}
    if answer not in Decision.Answer.values:
        errors["answer"] = [f"Answer with one of: {', '.join(Decision.Answer.values)}."]
    if answer == Decision.Answer.DECLINED and reason not in Decision.Reason.values:
        errors["reason"] = ["Choose a reason. Only staff read it."]
    if answer != Decision.Answer.DECLINED and reason:
        errors["reason"] = ["Only a decline has a reason."]
    if len(comment) > 2000 or "\x00" in comment:
        errors["comment"] = ["Write at most 2,000 characters of plain text."]
    if errors:
        raise InvalidFields(errors)


def _settle(suggestion: Suggestion, answer: str, by: User, now: dt.datetime) -> None:
    """What an answer to a still open suggestion does to the pair."""
    if answer in (_A.DECLINED, _A.WITHDRAWN):
        change_state(suggestion, "status", answer, SUGGESTION_TRANSITIONS, closed_at=now)
        Pair.objects.filter(pk=suggestion.pair_id).update(closed_until=cooling_end(now))
    elif suggestion.a_state == suggestion.b_state == _A.INTERESTED:
        change_state(suggestion, "status", _S.MUTUAL, SUGGESTION_TRANSITIONS)
        record(Topic.INTEREST_MUTUAL, subject=suggestion, by=None)


@transaction.atomic
def release(*, by: User, suggestion_id: int) -> Suggestion:
    """Shows a proposed or held suggestion to both sides. Raises NotVisible (no curator), WrongState."""
    require_staff(by, "X", Thing.CURATION)
    suggestion = lock_suggestion(suggestion_id)
    now = database_now()
    expires = now + dt.timedelta(days=settings.SUGGESTIONS["answer_days"])
    change_state(
        suggestion, "status", _S.RELEASED, SUGGESTION_TRANSITIONS, released_at=now, expires_at=expires, announced_score=suggestion.score
    )
    record(Topic.SUGGESTION_RELEASED, subject=suggestion, by=by)
    pair = suggestion.pair
    sides = {str(pair.a_id): [suggestion.pk], str(pair.b_id): [suggestion.pk]}
    record(Topic.SUGGESTIONS_CHANGED, subject=suggestion, by=by, communities=sides)
    return suggestion


@transaction.atomic
def hold(*, by: User, suggestion_id: int) -> Suggestion:
    """Takes a suggestion out of both sides' sight, as long as neither has answered. Raises NotVisible, WrongState."""
    require_staff(by, "X", Thing.CURATION)
    suggestion = lock_suggestion(suggestion_id)
    if not suggestion.a_state == suggestion.b_state == _A.PENDING:
        raise WrongState("A side has answered already; this suggestion can no longer be held.")
    change_state(suggestion, "status", _S.HELD, SUGGESTION_TRANSITIONS)
    record(Topic.SUGGESTION_HELD, subject=suggestion, by=by)
    return suggestion


@transaction.atomic
def request_run(*, by: User | None, reason: str = "requested") -> Event:
    """Asks for a full scoring now. Raises NotVisible for a person who may not, Conflict while one is running."""
    if by is not None:
        require_staff(by, "X", Thing.OPERATIONS)
    if ScoringRun.objects.filter(status=ScoringRun.Status.RUNNING).exists():
        raise Conflict("A scoring run is under way; follow it on its page.", code="run_under_way")
    return record(Topic.RUN_REQUESTED, subject=(ScoringRun, 0), by=by, reason=reason)


@transaction.atomic
def expire_suggestions() -> int:
    """Ends released suggestions whose time is over by the database's clock; returns how many. Safe to run twice."""
    check_transition(SUGGESTION_TRANSITIONS, _S.RELEASED, _S.EXPIRED)
    now = database_now()
    overdue = Suggestion.objects.filter(status=_S.RELEASED, expires_at__lte=now)
    pair_ids = list(
        Pair.objects.select_for_update(skip_locked=True)
        .filter(pk__in=overdue.order_by().values("pair_id"))
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    ended = list(Suggestion.objects.filter(status=_S.RELEASED, expires_at__lte=now, pair_id__in=pair_ids))
    for suggestion in ended:
        open_sides = {f"{side}_state": _A.EXPIRED for side in "ab" if getattr(suggestion, f"{side}_state") in (_A.PENDING, _A.INTERESTED)}
        change_state(suggestion, "status", _S.EXPIRED, SUGGESTION_TRANSITIONS, closed_at=now, **open_sides)
        record(Topic.SUGGESTION_EXPIRED, subject=suggestion, by=None)
    Pair.objects.filter(pk__in=[s.pair_id for s in ended]).update(closed_until=cooling_end(now))
    _end_other_sides(now)
    return len(ended)


def _end_other_sides(now: dt.datetime) -> None:
    """The side that never learned of a decline sees its time run out as if nobody had answered."""
    closed = Suggestion.objects.filter(status__in=(_S.DECLINED, _S.WITHDRAWN), expires_at__lte=now)
    waiting = Q(a_state__in=(_A.PENDING, _A.INTERESTED)) | Q(b_state__in=(_A.PENDING, _A.INTERESTED))
    if not closed.filter(waiting).exists():
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE suggestions_suggestion SET "
            "a_state = CASE WHEN a_state IN ('pending', 'interested') THEN 'expired' ELSE a_state END, "
            "b_state = CASE WHEN b_state IN ('pending', 'interested') THEN 'expired' ELSE b_state END "
            "WHERE status IN ('declined', 'withdrawn') AND expires_at <= %s",
            [now],
        )
