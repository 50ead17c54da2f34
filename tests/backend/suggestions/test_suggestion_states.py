"""The life of a suggestion: every status × both sides' answers × every act × every actor."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.cities.models import Profile
from backend.common.errors import DomainError, Gone, NotVisible, WrongState
from backend.outbox.models import Event
from backend.suggestions.models import Decision, Pair, PartnerRequest, Suggestion
from backend.suggestions.services import (
    answer_suggestion,
    expire_suggestions,
    hold,
    release,
    remind_of_expiry,
)
from backend.suggestions.services.curation import release_many
from backend.suggestions.services.partner_requests import accept_request, ask_to_meet
from backend.suggestions.states import SIDE_TRANSITIONS, SUGGESTION_TRANSITIONS
from tests.actors import SIGNED_IN, World, make_world
from tests.factories import SuggestionFactory

S, A = Suggestion.Status, Suggestion.SideState
Act = Callable[[World, User, Suggestion], Any]


def _answer(side: str, given: str) -> Act:
    return lambda world, by, suggestion: answer_suggestion(
        by=by,
        suggestion_id=suggestion.pk,
        community_id=getattr(world, side).pk,
        choice=given,
        reason="no_fit" if given == "declined" else "",
    )


ACTS: dict[str, Act] = {
    "release": lambda world, by, suggestion: release(by=by, suggestion_id=suggestion.pk),
    "hold": lambda world, by, suggestion: hold(by=by, suggestion_id=suggestion.pk),
    **{
        f"{side}: {given}": _answer(side, given)
        for side in "ab"
        for given in Decision.Answer.values
    },
}
# What can be: (status, a's answer, b's answer).
LIVES: list[tuple[str, str, str]] = [
    *((status, A.PENDING, A.PENDING) for status in (S.PROPOSED, S.HELD, S.RELEASED, S.SUPERSEDED)),
    (S.RELEASED, A.INTERESTED, A.PENDING),
    (S.RELEASED, A.PENDING, A.INTERESTED),
    (S.MUTUAL, A.INTERESTED, A.INTERESTED),
    (S.INTRODUCED, A.INTERESTED, A.INTERESTED),
    *((S.DECLINED, A.DECLINED, other) for other in (A.PENDING, A.INTERESTED, A.DECLINED)),
    (S.DECLINED, A.INTERESTED, A.DECLINED),
    (S.WITHDRAWN, A.WITHDRAWN, A.PENDING),
    (S.WITHDRAWN, A.INTERESTED, A.INTERESTED),
    (S.EXPIRED, A.EXPIRED, A.EXPIRED),
]


def expected(status: str, a: str, b: str, act: str) -> tuple[str, str, str] | None:
    """Where the act leads, from the words of the design; None where it is refused for the state
    that it is in.
    """
    if act == "release":
        return (S.RELEASED, a, b) if status in (S.PROPOSED, S.HELD) else None
    if act == "hold":
        return (
            (S.HELD, a, b) if status in (S.PROPOSED, S.RELEASED) and a == b == A.PENDING else None
        )
    side, given = act.split(": ")
    own, other = (a, b) if side == "a" else (b, a)
    if status not in (S.RELEASED, S.DECLINED, S.WITHDRAWN):
        return None
    if status == S.WITHDRAWN and a == b == A.INTERESTED:
        return None  # their introduction is over, and both know it
    if (own, given) not in {
        (A.PENDING, A.INTERESTED),
        (A.PENDING, A.DECLINED),
        (A.INTERESTED, A.WITHDRAWN),
    }:
        return None
    sides = (given, other) if side == "a" else (other, given)
    if status != S.RELEASED:
        # Closed by the other side in secret: the answer is taken and moves nothing
        return (status, *sides)
    if given == A.INTERESTED:
        return (S.MUTUAL if other == A.INTERESTED else S.RELEASED, *sides)
    return (S.DECLINED if given == A.DECLINED else S.WITHDRAWN, *sides)


def may(actor: str, act: str) -> bool:
    return {"release": "curator", "hold": "curator", "a": "official", "b": "chair"}[
        act.split(": ")[0]
    ] == actor


def suggestion_in(world: World, status: str, a: str, b: str) -> Suggestion:
    unreleased = {"released_at": None} if status in (S.PROPOSED, S.HELD) else {}
    return SuggestionFactory(pair=world.pair, status=status, a_state=a, b_state=b, **unreleased)


def marks(suggestion: Suggestion) -> tuple[Any, ...]:
    row = Suggestion.objects.filter(pk=suggestion.pk).values().get()
    pair = Pair.objects.filter(pk=suggestion.pair_id).values().get()
    return (row, pair, Decision.objects.count(), Event.objects.count())


@pytest.mark.django_db
@pytest.mark.parametrize("life", LIVES, ids=lambda life: "-".join(life))
def test_every_act_of_every_actor(life: tuple[str, str, str]) -> None:
    world = make_world()
    suggestion = suggestion_in(world, *life)
    before = marks(suggestion)
    for act, actor in itertools.product(ACTS, SIGNED_IN):
        with transaction.atomic():
            refused: DomainError | None = None
            try:
                with transaction.atomic():
                    ACTS[act](world, world.user(actor), suggestion)
            except DomainError as error:
                refused = error
                assert marks(suggestion) == before, (
                    act,
                    actor,
                    "refused, and yet something changed",
                )
            want = expected(*life, act)
            if not may(actor, act):
                assert isinstance(refused, NotVisible), (act, actor, refused)
            elif want is None:
                assert isinstance(refused, WrongState | NotVisible | Gone), (act, actor, refused)
            else:
                assert refused is None, (act, actor, refused)
                now = Suggestion.objects.get(pk=suggestion.pk)
                assert (now.status, now.a_state, now.b_state) == want, (act, actor)
                assert want[0] == life[0] or want[0] in SUGGESTION_TRANSITIONS[S(life[0])]
                for old, new in zip(life[1:], want[1:], strict=True):
                    assert old == new or new in SIDE_TRANSITIONS[A(old)]
                mutual = Event.objects.filter(topic="interest_mutual").count()
                assert mutual == (1 if want[0] == S.MUTUAL else 0)
            transaction.set_rollback(True)


def test_tables_are_total() -> None:
    assert set(SUGGESTION_TRANSITIONS) == set(S.values)
    assert set(SIDE_TRANSITIONS) == set(A.values)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("a", "b"), [(A.PENDING, A.PENDING), (A.INTERESTED, A.PENDING), (A.PENDING, A.INTERESTED)]
)
def test_time_runs_out_once_by_the_clock_of_the_database(a: str, b: str) -> None:
    world = make_world()
    past = timezone.now() - dt.timedelta(days=61)
    suggestion = SuggestionFactory(
        pair=world.pair,
        a_state=a,
        b_state=b,
        released_at=past,
        expires_at=past + dt.timedelta(days=60),
    )
    assert expire_suggestions() == 1
    suggestion.refresh_from_db()
    assert (suggestion.status, suggestion.a_state, suggestion.b_state) == (
        S.EXPIRED,
        A.EXPIRED,
        A.EXPIRED,
    )
    assert expire_suggestions() == 0
    assert Event.objects.filter(topic="suggestion_expired").count() == 1


@pytest.mark.django_db
def test_answer_after_the_time_is_refused_before_anybody_swept() -> None:
    world = make_world()
    past = timezone.now() - dt.timedelta(days=61)
    suggestion = SuggestionFactory(
        pair=world.pair, released_at=past, expires_at=past + dt.timedelta(days=60)
    )
    with pytest.raises(WrongState):
        answer_suggestion(
            by=world.user("official"),
            suggestion_id=suggestion.pk,
            community_id=world.a.pk,
            choice="interested",
        )


@pytest.mark.django_db
@pytest.mark.parametrize("gone", ["a", "b"])
def test_nobody_is_reminded_of_what_nobody_can_answer(world: World, gone: str) -> None:
    world.released(expires_at=timezone.now() + dt.timedelta(days=1))
    Profile.objects.filter(community=getattr(world, gone)).update(status="fulfilled")
    assert remind_of_expiry() == 0
    Profile.objects.filter(community=getattr(world, gone)).update(status="published")
    assert remind_of_expiry() == 2


@pytest.mark.parametrize("status", ["withdrawn", "fulfilled"])
@pytest.mark.parametrize("waits", ["proposed", "held"])
def test_nothing_is_released_of_a_community_that_seeks_no_more(
    world: World, waits: str, status: str
) -> None:
    """Both sides would be notified of a suggestion that neither can open."""
    curator = world.user("curator")
    suggestion = SuggestionFactory(pair=world.pair, status=waits, expires_at=None)
    ask_to_meet(by=world.user("official"), community_id=world.a.pk, named_id=world.b.pk)
    Profile.objects.filter(community=world.b).update(status=status)
    words = f"{world.b.name} seeks no partner any more"
    with pytest.raises(WrongState, match=words):
        release(by=curator, suggestion_id=suggestion.pk)
    with pytest.raises(WrongState, match=words):
        accept_request(by=curator, request_id=PartnerRequest.objects.get().pk, because="Two ports.")
    result = release_many(by=curator, suggestion_ids=[suggestion.pk])
    assert result.done == [] and words in result.refused[suggestion.pk]
    page = world.client("curator").get(f"/staff/suggestions/{suggestion.pk}/").content.decode()
    assert words in page and 'value="release"' not in page
    suggestion.refresh_from_db()
    assert suggestion.status == waits
