"""The life of a suggestion: every status × both sides' answers × every act × every actor; and an
answer that is undone before it takes effect.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from backend.accounts.models import User
from backend.cities.models import Profile
from backend.cities.permissions import reader_of
from backend.common.errors import DomainError, Gone, NotVisible, WrongState
from backend.outbox.models import Event, Job
from backend.suggestions.models import Decision, Pair, PartnerRequest, Suggestion
from backend.suggestions.queries import suggestion_for
from backend.suggestions.services import (
    answer_suggestion,
    expire_suggestions,
    hold,
    release,
    remind_of_expiry,
    undo_answer,
)
from backend.suggestions.services.curation import release_many
from backend.suggestions.services.partner_requests import accept_request, ask_to_meet
from backend.suggestions.states import SIDE_TRANSITIONS, SUGGESTION_TRANSITIONS
from tests.actors import DOERS, SIGNED_IN, World, make_world
from tests.division import at_length
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


@pytest.mark.at_length
@pytest.mark.django_db
@pytest.mark.parametrize("life", LIVES, ids=lambda life: "-".join(life))
def test_every_act_of_every_actor(life: tuple[str, str, str]) -> None:
    world = make_world()
    suggestion = suggestion_in(world, *life)
    before = marks(suggestion)
    for act, actor in itertools.product(ACTS, at_length(DOERS, SIGNED_IN)):
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


# An answer takes effect when it can no longer be undone, and until then nobody else can see that
# it was given.


PEOPLE = {"a": "official", "b": "chair"}


@pytest.fixture
def window(settings: Any) -> None:
    settings.SUGGESTIONS = {**settings.SUGGESTIONS, "undo_seconds": 60}


def give(world: World, suggestion: Suggestion, side: str, given: str) -> None:
    reason = "no_fit" if given == "declined" else ""
    answer_suggestion(
        by=world.user(PEOPLE[side]),
        suggestion_id=suggestion.pk,
        community_id=getattr(world, side).pk,
        choice=given,
        reason=reason,
    )


def undo(world: World, suggestion: Suggestion, side: str) -> None:
    undo_answer(
        by=world.user(PEOPLE[side]),
        suggestion_id=suggestion.pk,
        community_id=getattr(world, side).pk,
    )


def let_time_pass(suggestion: Suggestion, drain: Callable[[], int], seconds: int = 61) -> None:
    """What was to be done within these seconds is done, as by relay and worker."""
    shift = dt.timedelta(seconds=seconds)
    Suggestion.objects.filter(pk=suggestion.pk).update(
        a_final_at=F("a_final_at") - shift, b_final_at=F("b_final_at") - shift
    )
    Job.objects.filter(task="settle_answer").update(available_at=F("available_at") - shift)
    drain()
    suggestion.refresh_from_db()


def state(suggestion: Suggestion) -> tuple[str, str, str]:
    suggestion.refresh_from_db()
    return suggestion.status, suggestion.a_state, suggestion.b_state


@pytest.mark.django_db
@pytest.mark.usefixtures("shared_world", "window")
def test_second_interest_is_mutual_only_after_the_window(
    world: World, drain: Callable[[], int]
) -> None:
    suggestion = world.released()
    give(world, suggestion, "a", "interested")
    let_time_pass(suggestion, drain)
    give(world, suggestion, "b", "interested")
    drain()
    assert state(suggestion) == ("released", "interested", "interested")
    assert (
        suggestion_for(reader_of(world.user("chair")), suggestion.pk).status_for_side == "waiting"
    ), "B cannot read A's interest and undo its own"
    assert not Event.objects.filter(topic="interest_mutual").exists()
    let_time_pass(suggestion, drain)
    assert state(suggestion)[0] == "mutual"
    assert Event.objects.filter(topic="interest_mutual").count() == 1


@pytest.mark.django_db
@pytest.mark.usefixtures("shared_world", "window")
@pytest.mark.parametrize("given", ["interested", "declined"])
def test_undone_answer_was_never_given(world: World, drain: Callable[[], int], given: str) -> None:
    suggestion = world.released()
    give(world, suggestion, "b", given)
    undo(world, suggestion, "b")
    let_time_pass(suggestion, drain)
    assert state(suggestion) == ("released", "pending", "pending")
    assert Pair.objects.get(pk=suggestion.pair_id).closed_until is None
    assert (
        Decision.objects.filter(undone_at__isnull=False, undone_by=world.user("chair")).count() == 1
    )
    topics = ["suggestion_answered", "suggestion_answer_undone"]
    assert (
        list(
            Event.objects.filter(topic__startswith="suggestion_")
            .order_by("pk")
            .values_list("topic", flat=True)
        )
        == topics
    )
    give(world, suggestion, "b", given)
    assert suggestion_for(reader_of(world.user("chair")), suggestion.pk).undo_until is not None


@pytest.mark.django_db
@pytest.mark.usefixtures("shared_world", "window")
def test_undone_withdrawal_is_the_interest_again(world: World, drain: Callable[[], int]) -> None:
    suggestion = world.released()
    give(world, suggestion, "a", "interested")
    let_time_pass(suggestion, drain)
    give(world, suggestion, "a", "withdrawn")
    give(world, suggestion, "b", "interested")
    undo(world, suggestion, "a")
    assert state(suggestion) == ("released", "interested", "interested"), (
        "not in the instant of the undo: that would tell of the other"
    )
    let_time_pass(suggestion, drain)
    assert state(suggestion)[0] == "mutual"


@pytest.mark.django_db
@pytest.mark.usefixtures("shared_world", "window")
@pytest.mark.parametrize("given", ["interested", "declined"])
def test_after_the_window_there_is_nothing_to_undo(
    world: World, drain: Callable[[], int], given: str
) -> None:
    suggestion = world.released()
    give(world, suggestion, "a", given)
    let_time_pass(suggestion, drain)
    before = state(suggestion)
    with pytest.raises(WrongState):
        undo(world, suggestion, "a")
    assert state(suggestion) == before
    assert suggestion_for(reader_of(world.user("official")), suggestion.pk).undo_until is None


@pytest.mark.django_db
@pytest.mark.usefixtures("shared_world", "window")
def test_no_answer_cannot_be_undone_and_not_by_just_anybody(world: World) -> None:
    suggestion = world.released()
    with pytest.raises(WrongState):
        undo(world, suggestion, "a")
    give(world, suggestion, "b", "interested")
    for actor in ("official", "committee_member", "stranger", "curator", "admin", "unvetted"):
        with pytest.raises(NotVisible):
            undo_answer(by=world.user(actor), suggestion_id=suggestion.pk, community_id=world.b.pk)


@pytest.mark.django_db
@pytest.mark.usefixtures("shared_world", "window")
def test_decline_given_first_closes_and_a_later_interest_changes_nothing(
    world: World, drain: Callable[[], int]
) -> None:
    suggestion = world.released()
    give(world, suggestion, "a", "declined")
    give(world, suggestion, "b", "interested")
    let_time_pass(suggestion, drain)
    assert state(suggestion) == ("declined", "declined", "interested")
    assert Event.objects.filter(topic="suggestion_closed").count() == 1
    assert drain() == 0
    closed_until = Pair.objects.get(pk=suggestion.pair_id).closed_until
    assert suggestion.expires_at and closed_until and closed_until > suggestion.expires_at


@pytest.mark.django_db
@pytest.mark.usefixtures("shared_world", "window")
def test_answer_in_the_last_minute_counts(world: World, drain: Callable[[], int]) -> None:
    past = dt.datetime.now(dt.UTC) - dt.timedelta(days=60)
    suggestion = SuggestionFactory(
        pair=world.pair,
        a_state="interested",
        released_at=past,
        expires_at=past + dt.timedelta(days=60, seconds=30),
    )
    give(world, suggestion, "b", "interested")
    Suggestion.objects.filter(pk=suggestion.pk).update(
        expires_at=past + dt.timedelta(days=60, seconds=-1)
    )
    assert expire_suggestions() == 0, "it can still be undone"
    let_time_pass(suggestion, drain)
    expire_suggestions()
    assert state(suggestion)[0] == "mutual"


@pytest.mark.django_db
@pytest.mark.usefixtures("shared_world", "window")
def test_lost_task_is_made_good_by_the_hourly_sweep(world: World, drain: Callable[[], int]) -> None:
    suggestion = world.released(b_state="interested")
    give(world, suggestion, "a", "interested")
    Job.objects.filter(task="settle_answer").delete()
    let_time_pass(suggestion, drain)
    assert state(suggestion)[0] == "released"
    expire_suggestions()
    assert state(suggestion)[0] == "mutual"


@pytest.mark.django_db
@pytest.mark.usefixtures("shared_world", "window")
def test_interests_wait_for_room_and_find_it(world: World, drain: Callable[[], int]) -> None:
    """A has room for three: four become mutual in the same minute, each answered while there was
    room.
    """
    others = [SuggestionFactory(pair__a=world.a, b_state="interested") for _ in range(3)]
    last = world.released(b_state="interested")
    for suggestion in [*others, last]:
        give(world, suggestion, "a", "interested")
    Suggestion.objects.update(a_final_at=F("a_final_at") - dt.timedelta(minutes=2))
    expire_suggestions()
    assert [state(suggestion)[0] for suggestion in others] == ["mutual"] * 3
    assert state(last) == ("released", "interested", "interested")
    assert suggestion_for(reader_of(world.user("chair")), last.pk).status_for_side == "waiting"
    Suggestion.objects.filter(pk=others[0].pk).update(status="withdrawn")
    expire_suggestions()
    assert state(last)[0] == "mutual"
