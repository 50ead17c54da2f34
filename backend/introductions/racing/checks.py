"""What must be true after every round, whatever came first."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator

from backend.common.dates import database_now
from backend.introductions.models import Consent, Introduction
from backend.introductions.racing.scenes import Scene
from backend.introductions.services.introductions import contacts_for
from backend.outbox.models import Event
from backend.outbox.topics import Topic
from backend.suggestions.eligibility import introduction_capacity, open_introductions
from backend.suggestions.models import Decision, Suggestion
from backend.suggestions.queries import status_for_side

_S = Suggestion.Status
_A = Suggestion.SideState
_I = Introduction.Stage
_OVER = {
    _S.DECLINED.value,
    _S.WITHDRAWN.value,
    _S.EXPIRED.value,
    _S.SUPERSEDED.value,
    _S.HELD.value,
}


def violations(scene: Scene, done: Counter[str]) -> Iterator[str]:
    """Every promise that the round broke.

    Args:
        done: how often each act succeeded in the round, by name.
    """
    for suggestion in (
        Suggestion.objects.select_related("pair").get(pk=s.pk) for s in scene.suggestions
    ):
        yield from _outcome(suggestion)
        yield from _told_early(suggestion)
        yield from _audit_of_answers(suggestion)
    if open_introductions(scene.a.pk) > introduction_capacity(scene.a):
        yield "A has more open introductions than it has room for"
    cards = list(Introduction.objects.filter(pair_id=scene.first.pair_id).order_by("pk"))
    yield from _cards(cards, done)
    for card in cards:
        yield from _consents(scene, card)


def _events(topic: Topic, subject_type: str, pk: int) -> int:
    return Event.objects.filter(topic=topic, subject_type=subject_type, subject_id=pk).count()


def _outcome(suggestion: Suggestion) -> Iterator[str]:
    states = {suggestion.a_state, suggestion.b_state}
    if suggestion.status in (_S.MUTUAL, _S.INTRODUCED) and states != {_A.INTERESTED.value}:
        yield f"{suggestion.status} without two interests: {sorted(states)}"
    if suggestion.status == _S.DECLINED and _A.DECLINED not in states:
        yield "declined, and no side has declined"
    if suggestion.status == _S.HELD and states != {_A.PENDING.value}:
        yield "held after an answer"
    if (suggestion.closed_at is not None) != (suggestion.status in _OVER - {_S.HELD.value}):
        yield f"{suggestion.status} with closed_at {suggestion.closed_at}"
    if (
        suggestion.status in (_S.DECLINED, _S.WITHDRAWN, _S.EXPIRED)
        and suggestion.pair.closed_until is None
    ):
        yield f"{suggestion.status}, and the pair does not rest"
    mutual = _events(Topic.INTEREST_MUTUAL, "suggestion", suggestion.pk)
    was_mutual = suggestion.status in (_S.MUTUAL, _S.INTRODUCED) or bool(
        mutual and suggestion.status == _S.WITHDRAWN
    )
    if mutual != int(was_mutual):
        yield f"{mutual} events of mutual interest while {suggestion.status}"


def _told_early(suggestion: Suggestion) -> Iterator[str]:
    """What a side reads must be the same as if the other had not answered, until both are
    interested.
    """
    if suggestion.status in (_S.MUTUAL, _S.INTRODUCED, _S.HELD) or _events(
        Topic.INTEREST_MUTUAL, "suggestion", suggestion.pk
    ):
        return
    now = database_now()
    for side, other in (("a", "b"), ("b", "a")):
        if getattr(suggestion, f"{side}_state") == _A.EXPIRED:
            continue
        silent = copy.copy(suggestion)
        silent.status = _S.RELEASED
        setattr(silent, f"{other}_state", _A.PENDING)
        setattr(silent, f"{other}_final_at", None)
        if status_for_side(suggestion, side, now) != status_for_side(silent, side, now):
            yield f"side {side} can tell that {other} has answered"


def _audit_of_answers(suggestion: Suggestion) -> Iterator[str]:
    decisions = Decision.objects.filter(suggestion=suggestion)
    answered, undone = (
        _events(t, "suggestion", suggestion.pk)
        for t in (Topic.SUGGESTION_ANSWERED, Topic.SUGGESTION_ANSWER_UNDONE)
    )
    if answered != decisions.count() or undone != decisions.filter(undone_at__isnull=False).count():
        yield f"{decisions.count()} answers, {answered} events of answers, {undone} of undoing"
    for side, community_id in (("a", suggestion.pair.a_id), ("b", suggestion.pair.b_id)):
        standing = set(
            decisions.filter(community_id=community_id, undone_at__isnull=True).values_list(
                "answer", flat=True
            )
        )
        state = getattr(suggestion, f"{side}_state")
        expected = {
            _A.WITHDRAWN.value: {_A.INTERESTED.value, _A.WITHDRAWN.value},
            _A.PENDING.value: set(),
        }.get(state, {state})
        if state == _A.EXPIRED:
            continue
        if standing != expected:
            yield f"side {side} is {state}, and its answers are {sorted(standing)}"


def _cards(cards: list[Introduction], done: Counter[str]) -> Iterator[str]:
    if sum(card.stage != _I.CLOSED for card in cards) > 1:
        yield "two open introductions of one pair"
    for card in cards:
        opened, moved = (
            _events(t, "introduction", card.pk)
            for t in (Topic.INTRODUCTION_OPENED, Topic.INTRODUCTION_MOVED)
        )
        if opened != 1:
            yield f"{opened} events of the opening of one introduction"
        if card.stage == _I.TO_INTRODUCE and moved:
            yield "moved, and stands where it began"
        if (
            card.suggestion_id
            and card.stage == _I.CLOSED
            and Suggestion.objects.get(pk=card.suggestion_id).status in (_S.MUTUAL, _S.INTRODUCED)
        ):
            yield "closed, and its suggestion still open"
    moves = sum(
        done[name]
        for name in (
            "staff introduce",
            "staff note a meeting",
            "staff close",
            "A leaves",
            "B leaves",
        )
    )
    if sum(_events(Topic.INTRODUCTION_MOVED, "introduction", card.pk) for card in cards) != moves:
        yield f"{moves} moves, and another number of events of moves"


def _consents(scene: Scene, card: Introduction) -> Iterator[str]:
    rows = Consent.objects.filter(introduction=card)
    given, taken = (
        _events(t, "introduction", card.pk) for t in (Topic.CONSENT_GIVEN, Topic.CONSENT_WITHDRAWN)
    )
    if given != rows.count() or taken != rows.filter(withdrawn_at__isnull=False).count():
        yield f"{rows.count()} consents, {given} events of giving, {taken} of taking back"
    active = set(rows.filter(withdrawn_at__isnull=True).values_list("community_id", flat=True))
    due = active == {scene.a.pk, scene.b.pk} and card.stage not in (_I.TO_INTRODUCE, _I.CLOSED)
    for letter in "ab":
        if bool(contacts_for(scene.people[letter], card.pk, scene.community(letter).pk)) != due:
            yield f"contacts {'hidden from' if due else 'shown to'} {letter.upper()} under consents of {len(active)} sides"
