"""Rounds of acts on one pair at the same moment, on real connections, and what must be true after
each, whatever came first.

``python3 manage.py race_workflow`` runs them in a scratch database beside the service's own.
"""

from __future__ import annotations

import copy
import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.conf import settings
from django.db import connection

from backend.accounts.models import User
from backend.common.dates import database_now
from backend.common.errors import DomainError
from backend.introductions.models import Consent, Introduction
from backend.introductions.services.introductions import contacts_for
from backend.lab.workflow_acts import ACTS, Leak, Scene, draw, make_people, make_scene
from backend.outbox.models import Event
from backend.outbox.topics import Topic
from backend.suggestions.eligibility import introduction_capacity, open_introductions
from backend.suggestions.models import Decision, Suggestion
from backend.suggestions.queries import status_for_side
from backend.suggestions.sides import SuggestionSide, sides_of

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
        yield from _revealed_early(suggestion)
        yield from _audit_of_answers(suggestion)
    if open_introductions(scene.a.pk) > introduction_capacity(scene.a):
        yield "A has more open introductions than it has room for"
    introductions = list(Introduction.objects.filter(pair_id=scene.first.pair_id).order_by("pk"))
    yield from _introductions(introductions, done)
    for introduction in introductions:
        yield from _consents(scene, introduction)


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


def _revealed_early(suggestion: Suggestion) -> Iterator[str]:
    """Before mutual interest a side reads the same as if the other had not answered."""
    if suggestion.status in (_S.MUTUAL, _S.INTRODUCED, _S.HELD) or _events(
        Topic.INTEREST_MUTUAL, "suggestion", suggestion.pk
    ):
        return
    now = database_now()
    for side in sides_of(suggestion):
        if side.state == _A.EXPIRED:
            continue
        silent = copy.copy(suggestion)
        silent.status = _S.RELEASED
        setattr(silent, side.other.column("state"), _A.PENDING)
        setattr(silent, side.other.column("final_at"), None)
        unanswered = SuggestionSide(silent, side.letter)
        if status_for_side(side, now) != status_for_side(unanswered, now):
            yield f"side {side.letter} can see that {side.other.letter} has answered"


def _audit_of_answers(suggestion: Suggestion) -> Iterator[str]:
    decisions = Decision.objects.filter(suggestion=suggestion)
    answered, undone = (
        _events(t, "suggestion", suggestion.pk)
        for t in (Topic.SUGGESTION_ANSWERED, Topic.SUGGESTION_ANSWER_UNDONE)
    )
    if answered != decisions.count() or undone != decisions.filter(undone_at__isnull=False).count():
        yield f"{decisions.count()} answers, {answered} events of answers, {undone} of undoing"
    for side in sides_of(suggestion):
        valid = decisions.filter(community_id=side.community_id, undone_at__isnull=True)
        answers = set(valid.values_list("answer", flat=True))
        expected = {
            _A.WITHDRAWN.value: {_A.INTERESTED.value, _A.WITHDRAWN.value},
            _A.PENDING.value: set(),
        }.get(side.state, {side.state})
        if side.state != _A.EXPIRED and answers != expected:
            yield f"side {side.letter} is {side.state}, and its answers are {sorted(answers)}"


def _introductions(introductions: list[Introduction], done: Counter[str]) -> Iterator[str]:
    if sum(introduction.stage != _I.CLOSED for introduction in introductions) > 1:
        yield "two open introductions of one pair"
    for introduction in introductions:
        opened, moved = (
            _events(t, "introduction", introduction.pk)
            for t in (Topic.INTRODUCTION_OPENED, Topic.INTRODUCTION_MOVED)
        )
        if opened != 1:
            yield f"{opened} events of the opening of one introduction"
        if introduction.stage == _I.TO_INTRODUCE and moved:
            yield "moved, and is where it began"
        if (
            introduction.suggestion_id
            and introduction.stage == _I.CLOSED
            and Suggestion.objects.get(pk=introduction.suggestion_id).status
            in (_S.MUTUAL, _S.INTRODUCED)
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
    if (
        sum(
            _events(Topic.INTRODUCTION_MOVED, "introduction", introduction.pk)
            for introduction in introductions
        )
        != moves
    ):
        yield f"{moves} moves, and another number of events of moves"


def _consents(scene: Scene, introduction: Introduction) -> Iterator[str]:
    rows = Consent.objects.filter(introduction=introduction)
    given, taken = (
        _events(t, "introduction", introduction.pk)
        for t in (Topic.CONSENT_GIVEN, Topic.CONSENT_WITHDRAWN)
    )
    if given != rows.count() or taken != rows.filter(withdrawn_at__isnull=False).count():
        yield f"{rows.count()} consents, {given} events of giving, {taken} of taking back"
    active = set(rows.filter(withdrawn_at__isnull=True).values_list("community_id", flat=True))
    due = active == {scene.a.pk, scene.b.pk} and introduction.stage not in (
        _I.TO_INTRODUCE,
        _I.CLOSED,
    )
    for letter in "ab":
        if (
            bool(contacts_for(scene.people[letter], introduction.pk, scene.community(letter).pk))
            != due
        ):
            shown = "hidden from" if due else "shown to"
            yield f"contacts {shown} {letter.upper()} under consents of {len(active)} sides"


_WAIT_SECONDS = 30
MOST_AT_ONCE = 4


@dataclass(frozen=True)
class Round:
    """``ways``: the outcome of each act, "done" or the code of its refusal."""

    number: int
    beginning: tuple[str, ...]
    acts: tuple[str, ...]
    ways: tuple[str, ...]
    broken: tuple[str, ...]

    def __str__(self) -> str:
        acts = ", ".join(f"{act} ({way})" for act, way in zip(self.acts, self.ways, strict=True))
        return (
            f"round {self.number}: after [{', '.join(self.beginning)}] at once {acts}: "
            f"{'; '.join(self.broken) or 'nothing broken'}"
        )


def run_rounds(count: int, seed: int) -> Iterator[Round]:
    """Runs the rounds on the default database, which they fill: give them a scratch one."""
    randomness = random.Random(seed)  # noqa: S311 - it draws scenarios
    people, curator = make_people()
    before = settings.SUGGESTIONS["undo_seconds"]
    try:
        with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
            try:
                for number in range(1, count + 1):
                    yield _round(number, randomness, people, curator, pool)
            finally:
                _close_connections(pool)
    finally:
        settings.SUGGESTIONS["undo_seconds"] = before


def _round(
    number: int,
    randomness: random.Random,
    people: dict[str, User],
    curator: User,
    pool: ThreadPoolExecutor,
) -> Round:
    beginning, acts, settings.SUGGESTIONS["undo_seconds"] = draw(randomness)
    scene = make_scene(people, curator)
    first = [_attempt(scene, name) for name in beginning]
    start = threading.Barrier(len(acts))

    def run(name: str) -> str:
        connection.ensure_connection()
        start.wait(timeout=_WAIT_SECONDS)
        return _attempt(scene, name)

    ways = tuple(pool.map(run, acts))
    done = Counter(
        name
        for name, way in zip((*beginning, *acts), (*first, *ways), strict=True)
        if way == "done"
    )
    unforeseen = [
        f"{name}: {way}"
        for name, way in zip((*beginning, *acts), (*first, *ways), strict=True)
        if way.startswith("!")
    ]
    broken = (*unforeseen, *violations(scene, done))
    return Round(number=number, beginning=beginning, acts=acts, ways=ways, broken=broken)


def _close_connections(pool: ThreadPoolExecutor) -> None:
    """Each thread closes its own; the barrier gives every thread exactly one turn."""
    everybody = threading.Barrier(MOST_AT_ONCE)

    def close(_: int) -> None:
        everybody.wait(timeout=_WAIT_SECONDS)
        connection.close()

    list(pool.map(close, range(MOST_AT_ONCE)))


def _attempt(scene: Scene, name: str) -> str:
    """ "done", the code of the refusal, or "!" and what should never happen."""
    try:
        ACTS[name](scene)
    except DomainError as refused:
        return refused.code
    except Leak as leak:
        return f"! leaked {leak.what}"
    except Exception as error:
        return f"! {type(error).__name__}: {error}"
    return "done"
