"""The questions that follow an introduction: when they are asked, who is notified and who answers,
until when, and that nobody of the other side learns of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from backend.cities.models import Profile
from backend.cities.services.people import end_role
from backend.common.dates import database_now, months_before
from backend.common.errors import InvalidFields, NotVisible, WrongState
from backend.introductions.models import Introduction, Meeting
from backend.introductions.queries.introductions import follow_ups, follow_ups_in
from backend.introductions.services import follow_ups as service
from backend.introductions.services.follow_ups import answer_follow_up, ask_follow_ups
from backend.introductions.services.introductions import (
    give_consent,
    leave_introduction,
    move_introduction,
)
from backend.introductions.services.meetings import cancel_meeting
from backend.notifications.models import Notification
from backend.outbox.models import Event, Job
from backend.outbox.topics import Topic
from backend.privacy.data import export_data
from backend.privacy.erasure import erase_account
from backend.suggestions.models import FollowUp, Suggestion
from backend.suggestions.sides import ActsForOtherSide
from tasks.inline import drain
from tasks.schedule import PERIODIC_TASKS, open_due_tick
from tests import factories as make
from tests.actors import SIGNED_IN, World, make_world, outcomes_of, refused, without_its_id
from tests.division import at_length
from tests.test_blind_surfaces import (
    JSON,
    Scene,
    assert_same,
    everything,
    look,
    nothing_stays,
    without_moments,
)

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)
MEETING, MONTHS = FollowUp.Occasion.AFTER_MEETING, FollowUp.Occasion.AFTER_THREE_MONTHS


@pytest.fixture
def world(db: None) -> World:
    return make_world()


def held(introduction: Introduction, *, ago: dt.timedelta = 2 * DAY, **values: Any) -> Meeting:
    """A meeting of an hour that was fixed here, and began that long ago."""
    starts_at = database_now() - ago
    return make.MeetingFactory(
        introduction=introduction, fixed=True, starts_at=starts_at, minutes=60, **values
    )


def introduced_at(introduction: Introduction, moment: dt.datetime) -> None:
    """The event of the move; no act of the service records one of another time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO outbox_event (topic, subject_type, subject_id, payload, recorded_at) "
            "VALUES ('introduction_moved', 'introduction', %s, %s, %s)",
            [introduction.pk, '{"old": "to_introduce", "new": "introduced"}', moment],
        )


def met(world: World) -> Introduction:
    """Introduced, met, and both sides asked."""
    introduction = world.introduced()
    held(introduction)
    assert ask_follow_ups() == 1
    return introduction


def asked() -> set[tuple[int, str]]:
    return set(FollowUp.objects.values_list("community_id", "occasion"))


def answer(world: World, actor: str, introduction: Introduction, **values: Any) -> FollowUp:
    side = {"committee_member": world.b, "chair": world.b}.get(actor, world.a)
    given = {"community_id": side.pk, "occasion": MEETING, "answer": "yes"} | values
    return answer_follow_up(by=world.user(actor), introduction_id=introduction.pk, **given)


def close_question(introduction: Introduction) -> None:
    """Its thirty days are over."""
    passed = 31 * DAY
    FollowUp.objects.filter(introduction_id=introduction.pk).update(
        asked_at=F("asked_at") - passed,
        closes_at=F("closes_at") - passed,
        answered_at=F("answered_at") - passed,
    )


# Asked


def test_both_sides_are_asked_once_after_a_meeting_that_was_held(world: World) -> None:
    introduction = world.introduced()
    meeting = held(introduction, ago=dt.timedelta(minutes=59))
    assert ask_follow_ups() == 0, "they still meet"
    Meeting.objects.filter(pk=meeting.pk).update(starts_at=database_now() - dt.timedelta(hours=2))
    assert ask_follow_ups() == 1
    assert asked() == {(world.a.pk, MEETING), (world.b.pk, MEETING)}
    held(introduction, ago=DAY)
    assert ask_follow_ups() == 0, "one question, however often they meet"
    (event,) = Event.objects.filter(topic=Topic.FOLLOW_UP_ASKED)
    assert (event.by_id, event.community_id, event.payload) == (None, None, {"occasion": MEETING})


def test_meeting_that_staff_have_recorded_counts_from_the_next_day(world: World) -> None:
    today = database_now().date()
    introduction = world.introduced(met_on=today)
    assert ask_follow_ups() == 0
    Introduction.objects.filter(pk=introduction.pk).update(met_on=today - DAY)
    assert ask_follow_ups() == 1


@pytest.mark.parametrize("status", ["proposed", "cancelled"])
def test_no_question_without_a_meeting(world: World, status: str) -> None:
    starts_at = None if status == "proposed" else database_now() - DAY
    make.MeetingFactory(introduction=world.introduced(), status=status, starts_at=starts_at)
    assert ask_follow_ups() == 0


def test_three_calendar_months_after_the_introduction(world: World) -> None:
    introduction = world.introduced()
    three_months_ago = months_before(database_now(), 3)
    introduced_at(introduction, three_months_ago + dt.timedelta(days=4))
    assert ask_follow_ups() == 0
    other = make.IntroductionFactory(stage="introduced")
    introduced_at(other, three_months_ago - dt.timedelta(days=4))
    assert ask_follow_ups() == 1
    assert asked() == {(other.pair.a_id, MONTHS), (other.pair.b_id, MONTHS)}


def test_introduction_that_staff_have_made_counts_from_that_act(world: World) -> None:
    """By the real act: the day on which it came onto the board is another."""
    introduction = world.introduced(stage="to_introduce")
    move_introduction(by=world.user("curator"), introduction_id=introduction.pk, stage="introduced")
    (event,) = Event.objects.filter(topic=Topic.INTRODUCTION_MOVED)
    assert event.payload["old"] == "to_introduce"
    assert ask_follow_ups() == 0


def test_one_question_at_a_time(world: World) -> None:
    introduction = world.introduced()
    introduced_at(introduction, months_before(database_now(), 4))
    held(introduction)
    assert ask_follow_ups() == 1
    assert {occasion for _side, occasion in asked()} == {MEETING}
    close_question(introduction)
    assert ask_follow_ups() == 1
    assert len(asked()) == 4


def test_pair_that_is_introduced_again_is_asked_again(world: World) -> None:
    introduction = met(world)
    leave_introduction(
        by=world.user("official"), introduction_id=introduction.pk, side_id=world.a.pk
    )
    again = Introduction.objects.create(
        pair=world.pair, opened_by=world.user("curator"), opened_because="Again.", stage="exploring"
    )
    held(again)
    assert ask_follow_ups() == 1
    assert FollowUp.objects.filter(introduction_id=again.pk, suggestion=None).count() == 2


def withdraw_profile(world: World, introduction: Introduction) -> None:
    Profile.objects.filter(community=world.b).update(status="withdrawn")


def close(world: World, introduction: Introduction) -> None:
    leave_introduction(by=world.user("chair"), introduction_id=introduction.pk, side_id=world.b.pk)


def agree(world: World, introduction: Introduction) -> None:
    Introduction.objects.filter(pk=introduction.pk).update(stage="agreement")


def cancel(world: World, introduction: Introduction) -> None:
    for meeting in introduction.meetings.all():
        cancel_meeting(
            by=world.user("curator"),
            introduction_id=introduction.pk,
            meeting_id=meeting.pk,
            side_id=None,
        )


ENDS = (withdraw_profile, close, agree, cancel)


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_question_that_makes_no_sense_is_neither_asked_nor_open(
    world: World, end: Callable[[World, Introduction], None]
) -> None:
    introduction = world.introduced()
    held(introduction)
    with transaction.atomic():
        end(world, introduction)
        assert ask_follow_ups() == 0
        transaction.set_rollback(True)
    assert ask_follow_ups() == 1
    assert all(one.is_open for one in follow_ups())
    end(world, introduction)
    assert not any(one.is_open for one in follow_ups())
    with pytest.raises(WrongState):
        answer(world, "official", introduction)


def test_before_the_introduction_nobody_is_asked(world: World) -> None:
    world.introduced(stage="to_introduce", met_on=database_now().date() - 2 * DAY)
    assert ask_follow_ups() == 0


def test_daily_task_asks_once_and_in_batches(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(service, "_BATCH", 2)
    held(world.introduced())
    for _ in range(4):
        held(make.IntroductionFactory(stage="introduced"))
    (name,) = (name for name, one in PERIODIC_TASKS.items() if one.task == "ask_follow_ups")
    assert open_due_tick(name) is not None
    drain()
    assert open_due_tick(name) is None
    assert FollowUp.objects.count() == 10
    assert Event.objects.filter(topic=Topic.FOLLOW_UP_ASKED).count() == 5
    assert not Job.objects.filter(status=Job.Status.DEAD).exists()


@pytest.mark.django_db(transaction=True)
def test_two_tasks_at_once_ask_once() -> None:
    for _ in range(3):
        held(make.IntroductionFactory(stage="introduced"))
    assert sum(outcomes_of(*[ask_follow_ups] * 4)) == 3
    assert FollowUp.objects.count() == 6
    assert Event.objects.filter(topic=Topic.FOLLOW_UP_ASKED).count() == 3


def test_who_may_answer_is_notified_in_words_without_names(world: World) -> None:
    chair_of_a = make.CommunityRoleFactory(community=world.a, role="chair").user
    met(world)
    drain()
    notified = Notification.objects.filter(kind="follow_up")
    assert {(one.recipient_id, one.community_id) for one in notified} == {
        (world.user("official").pk, world.a.pk),
        (chair_of_a.pk, world.a.pk),
        (world.user("chair").pk, world.b.pk),
    }
    drain()
    assert notified.count() == 3


# Answered


@pytest.mark.parametrize("actor", SIGNED_IN)
def test_official_and_chair_answer_for_their_own_side(world: World, actor: str) -> None:
    introduction = met(world)
    for side in (world.a, world.b):
        own = {"official": world.a, "chair": world.b}.get(actor)
        if side == own:
            answered = answer(world, actor, introduction, community_id=side.pk)
            assert (answered.answer, answered.answered_by) == ("yes", world.user(actor))
        else:
            with pytest.raises(NotVisible):
                answer(world, actor, introduction, community_id=side.pk)


def test_what_was_not_asked_is_not_answered(world: World) -> None:
    introduction = met(world)
    for values in ({"occasion": MONTHS}, {"occasion": "after_dinner"}, {"occasion": "\x00"}):
        with pytest.raises(NotVisible):
            answer(world, "official", introduction, **values)
    with pytest.raises(NotVisible):
        answer_follow_up(
            by=world.user("official"),
            introduction_id=introduction.pk + 1,
            community_id=world.a.pk,
            occasion=MEETING,
            answer="yes",
        )
    with pytest.raises(InvalidFields) as wrong:
        answer(world, "official", introduction, answer="perhaps")
    assert set(wrong.value.errors) == {"answer"}


def test_answer_is_changed_until_the_question_closes(world: World) -> None:
    introduction = met(world)
    answer(world, "official", introduction)
    before = Event.objects.count()
    answer(world, "official", introduction)
    assert Event.objects.count() == before, "the same answer again is no act"
    answer(world, "official", introduction, answer="too_early")
    own = FollowUp.objects.get(community=world.a)
    assert own.answer == "too_early"
    events = Event.objects.filter(topic=Topic.FOLLOW_UP_ANSWERED).order_by("id")
    assert [(event.community_id, event.payload["answer"]) for event in events] == [
        (world.a.pk, "yes"),
        (world.a.pk, "too_early"),
    ]
    close_question(introduction)
    with pytest.raises(WrongState):
        answer(world, "official", introduction, answer="no")
    assert [one.answer for one in follow_ups_in(introduction, world.a.pk)] == ["too_early"]
    assert [one.answer for one in follow_ups_in(introduction, world.b.pk)] == [""]


def test_who_has_left_their_side_neither_reads_nor_changes_its_answer(world: World) -> None:
    """Who answers for it now does both."""
    colleague = make.CommunityRoleFactory(community=world.a).user
    introduction = met(world)
    answer(world, "official", introduction)
    client = world.client("official")
    role = world.user("official").community_roles.get()
    end_role(by=colleague, community_id=world.a.pk, role_id=role.pk)
    with pytest.raises(NotVisible):
        answer(world, "official", introduction, answer="no")
    page = f"/introductions/{introduction.pk}/follow-ups/{MEETING}/"
    assert (client.get(page).status_code, client.post(page, {"answer": "no"}).status_code) == (
        404,
        404,
    )
    (kept,) = follow_ups_in(introduction, world.a.pk)
    assert (kept.answer, kept.answered_by, kept.is_open) == ("yes", world.user("official"), True)
    client.force_login(colleague)
    assert client.post(page, {"answer": "no"}).status_code == 302
    assert [one.answer for one in follow_ups_in(introduction, world.a.pk)] == ["no"]


def test_nobody_answers_for_both_sides(world: World) -> None:
    """Nor does anything else for the other one, also after a colleague has changed the answer."""
    introduction = met(world)
    colleague = make.CommunityRoleFactory(community=world.a).user
    person = world.in_both()
    answer(world, "official", introduction)
    answer_follow_up(
        by=colleague,
        introduction_id=introduction.pk,
        community_id=world.a.pk,
        occasion=MEETING,
        answer="no",
    )
    both = {"introduction_id": introduction.pk, "community_id": world.b.pk, "by": person}
    refused(lambda: answer_follow_up(occasion=MEETING, answer="yes", **both), ActsForOtherSide)
    refused(lambda: give_consent(**both), ActsForOtherSide)
    give_consent(introduction_id=introduction.pk, community_id=world.a.pk, by=person)


def test_who_has_consented_for_one_side_does_not_answer_for_the_other(world: World) -> None:
    introduction = met(world)
    person = world.in_both()
    give_consent(introduction_id=introduction.pk, community_id=world.b.pk, by=person)
    refused(lambda: answer(world, "official", introduction), ActsForOtherSide)


# One's own data


def test_answer_is_in_the_export_and_stays_when_its_author_leaves(world: World) -> None:
    make.CommunityRoleFactory(community=world.a)
    introduction = met(world)
    answer(world, "official", introduction, answer="no")
    answer(world, "chair", introduction, answer="too_early")
    (row,) = export_data(by=world.user("official"))["records"]["suggestions.followup.answered_by"]
    assert (row["answer"], row["introduction_id"], row["community_id"]) == (
        "no",
        introduction.pk,
        world.a.pk,
    )
    assert "id" not in row
    erase_account(by=world.user("official"), email="official@example.org")
    kept = FollowUp.objects.get(community=world.a)
    assert kept.answer == "no" and kept.answered_by is not None
    assert "official@example.org" not in str(kept.answered_by)


@pytest.mark.parametrize(
    "values",
    [
        {"answer": "yes"},
        {"answered_at": database_now},
        {"answer": "perhaps"},
        {"occasion": "after_dinner"},
        {"closes_at": database_now},
    ],
    ids=lambda values: next(iter(values)),
)
def test_database_refuses_half_an_answer(db: None, values: dict[str, Any]) -> None:
    row = make.FollowUpFactory()
    given = {name: value() if callable(value) else value for name, value in values.items()}
    if "closes_at" in given:
        given["closes_at"] = row.asked_at
    with pytest.raises(IntegrityError), transaction.atomic():
        FollowUp.objects.filter(pk=row.pk).update(**given)


# Blind: every surface of the other side, whatever this one answers, by the means of the test of all
# blind surfaces.


WORTH = {"no answer": [], "yes": ["yes"], "no": ["no"], "changed": ["no", "too_early", "yes"]}


@pytest.fixture
def scene(db: None, settings: Any) -> Scene:
    settings.SUGGESTIONS = {**settings.SUGGESTIONS, "undo_seconds": 60}
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    return Scene()


def scene_that_met(scene: Scene) -> int:
    """They have met, and both sides are asked; the introduction's number."""
    both = {"a_state": "interested", "b_state": "interested"}
    Suggestion.objects.filter(pk=scene.suggestion.pk).update(status="introduced", **both)
    met_on = database_now().date() - dt.timedelta(days=2)
    made = make.IntroductionFactory(suggestion=scene.suggestion, stage="exploring", met_on=met_on)
    ask_follow_ups()
    drain()
    return int(made.pk)


def say(scene: Scene, number: int, side: str, answers: list[str]) -> None:
    for answer in answers:
        answer_follow_up(
            by=scene.world.user({"a": "official", "b": "chair"}[side]),
            introduction_id=number,
            community_id=getattr(scene.world, side).pk,
            occasion="after_meeting",
            answer=answer,
        )
    ask_follow_ups()
    drain()


def seen_in_introduction(scene: Scene, number: int) -> dict[str, Any]:
    """All that B reads anywhere, and what each of its own acts in the introduction comes to."""
    api, page = f"/api/v1/communities/{scene.world.b.pk}/", f"/introductions/{number}/"
    own, asked = f"{api}introductions/{number}/", "follow-ups/after_meeting/"
    seen = everything(scene, acts=False, telling_alone=at_length(True, False))
    for path in (page, f"{page}{asked}", own, f"{own}meetings/", f"{api}follow-ups/"):
        seen[path] = look(scene.b, path)
    theirs = f"/api/v1/communities/{scene.world.a.pk}/introductions/{number}/{asked}"
    posts: dict[str, tuple[str, dict[str, str]]] = {
        "answered": (f"{own}{asked}", {"answer": "no"}),
        "answered wrongly": (f"{own}{asked}", {"answer": "perhaps"}),
        "left": (f"{own}leave/", {}),
        "A's own": (theirs, {"answer": "no"}),
    }
    for name, (path, body) in posts.items():
        with nothing_stays():
            answer = scene.b.post(path, body, content_type=JSON)
            seen[f"act: {name}"] = answer.status_code, without_moments(without_its_id(answer))
            seen[f"act: {name}, then look"] = look(scene.b, page)
    return seen


@pytest.mark.system
@pytest.mark.at_length
@pytest.mark.parametrize("own", at_length(["no answer"], ["no answer", "yes"]))
def test_nothing_reveals_whether_the_other_side_would_go_on(scene: Scene, own: str) -> None:
    number = scene_that_met(scene)
    say(scene, number, "b", WORTH[own])
    seen: dict[str, dict[str, Any]] = {}
    for life in at_length(("no answer", "yes"), tuple(WORTH)):
        with nothing_stays():
            say(scene, number, "a", WORTH[life])
            seen[life] = {"now": seen_in_introduction(scene, number)}
        assert_same(seen[life], seen["no answer"], life)
    assert seen["yes"]["now"]["notifications"][-1][0] == "follow_up"
    say(scene, number, "b", ["too_early"])
    assert seen_in_introduction(scene, number) != seen["yes"]["now"], "the comparison can see"
