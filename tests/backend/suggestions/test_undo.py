"""An answer takes effect when it can no longer be undone, and until then nobody else can see that
it was given.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import F

from backend.cities.permissions import reader_of
from backend.common.errors import NotVisible, WrongState
from backend.outbox.models import Event, Job
from backend.suggestions.models import Decision, Pair, Suggestion
from backend.suggestions.queries import suggestion_for
from backend.suggestions.services import answer_suggestion, expire_suggestions, undo_answer
from tests.actors import World
from tests.factories import SuggestionFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shared_world")]
PEOPLE = {"a": "official", "b": "chair"}


@pytest.fixture(autouse=True)
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


def test_no_answer_cannot_be_undone_and_not_by_just_anybody(world: World) -> None:
    suggestion = world.released()
    with pytest.raises(WrongState):
        undo(world, suggestion, "a")
    give(world, suggestion, "b", "interested")
    for actor in ("official", "committee_member", "stranger", "curator", "admin", "unvetted"):
        with pytest.raises(NotVisible):
            undo_answer(by=world.user(actor), suggestion_id=suggestion.pk, community_id=world.b.pk)


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


def test_lost_task_is_made_good_by_the_hourly_sweep(world: World, drain: Callable[[], int]) -> None:
    suggestion = world.released(b_state="interested")
    give(world, suggestion, "a", "interested")
    Job.objects.filter(task="settle_answer").delete()
    let_time_pass(suggestion, drain)
    assert state(suggestion)[0] == "released"
    expire_suggestions()
    assert state(suggestion)[0] == "mutual"


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
