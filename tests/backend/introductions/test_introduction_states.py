"""The board: every column × every move × every actor; consents, agreements, and what follows for
the suggestion.
"""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pytest
from django.db import transaction
from django.utils import translation

from backend.cities.models import Community, Profile
from backend.common.dates import database_now
from backend.common.errors import DomainError, InvalidFields, NotVisible, WrongState
from backend.introductions.models import Agreement, Consent, Introduction, Meeting, Partnership
from backend.introductions.rationale import rationale_for
from backend.introductions.services.agreements import confirm_signature
from backend.introductions.services.introductions import (
    assign_introduction,
    give_consent,
    leave_introduction,
    move_introduction,
    open_introduction_for_mutual,
    withdraw_consent,
)
from backend.introductions.services.meetings import (
    accept_times,
    fix_meeting,
    propose_meeting,
    propose_other_times,
)
from backend.introductions.services.partnerships import renew_partnership
from backend.introductions.states import INTRODUCTION_TRANSITIONS, PARTNERSHIP_TRANSITIONS
from backend.outbox.models import Event
from backend.privacy.data import export_data
from backend.privacy.erasure import erase_account
from backend.suggestions.models import Decision, Pair, Suggestion, Vote
from backend.suggestions.services import answer_suggestion
from backend.suggestions.sides import ActsForOtherSide
from tests.actors import DOERS, SIGNED_IN, World, agreed, refused, signing
from tests.division import at_length
from tests.factories import (
    CommunityRoleFactory,
    DecisionFactory,
    MeetingFactory,
    ProfileVersionFactory,
    SuggestionFactory,
    VoteFactory,
    document,
)

pytestmark = pytest.mark.usefixtures("shared_world")

NOW = dt.datetime.now(dt.UTC)
I = Introduction.Stage  # noqa: E741
OPEN = [
    I.TO_INTRODUCE,
    I.INTRODUCED,
    I.FIRST_MEETING,
    I.EXPLORING,
    I.PROPOSAL,
    I.COUNCIL_RESOLUTION,
]


def make_introduction(world: World, stage: str) -> Introduction:
    suggestion = SuggestionFactory(pair=world.pair, mutual=True)
    if stage != I.TO_INTRODUCE:
        Suggestion.objects.filter(pk=suggestion.pk).update(status="introduced")
    return Introduction.objects.create(
        pair=world.pair,
        suggestion=suggestion,
        stage=stage,
        close_reason="other" if stage == I.CLOSED else "",
    )


def steps_from(column: str) -> list[I]:
    """One step forward, or any back after the introduction, which both sides know of."""
    place = OPEN.index(I(column))
    return [*OPEN[1:place], *OPEN[place + 1 : place + 2]]


def marks(introduction: Introduction) -> tuple[Any, ...]:
    rows = Introduction.objects.filter(pk=introduction.pk).values().get()
    suggestion = Suggestion.objects.filter(pk=introduction.suggestion_id).values().get()
    pair = Pair.objects.filter(pk=introduction.pair_id).values().get()
    return (
        rows,
        suggestion,
        pair,
        Consent.objects.count(),
        Partnership.objects.count(),
        Event.objects.count(),
    )


@pytest.mark.at_length
@pytest.mark.parametrize("old", I.values)
def test_every_move_of_every_actor(world: World, old: str) -> None:
    introduction = make_introduction(world, old)
    before = marks(introduction)
    for new, actor in itertools.product(I.values, at_length(DOERS, SIGNED_IN)):
        reason = "other" if new == I.CLOSED else ""
        with transaction.atomic():
            refused: DomainError | None = None
            try:
                with transaction.atomic():
                    move_introduction(
                        by=world.user(actor),
                        introduction_id=introduction.pk,
                        stage=new,
                        close_reason=reason,
                    )
            except DomainError as error:
                refused = error
                assert marks(introduction) == before, (new, actor)
            if actor != "curator":
                assert isinstance(refused, NotVisible), (new, actor, refused)
            elif (old, new) == (I.FIRST_MEETING, I.EXPLORING):
                assert isinstance(refused, InvalidFields), "nobody has said that they met"
            elif old in OPEN and new in {*steps_from(old), I.CLOSED}:
                assert refused is None, (new, refused)
                assert new in INTRODUCTION_TRANSITIONS[I(old)]
                now = Introduction.objects.select_related("suggestion", "pair").get(
                    pk=introduction.pk
                )
                assert now.stage == new
                assert now.suggestion is not None
                assert (now.suggestion.status == "withdrawn") == (new == I.CLOSED)
                assert (now.pair.closed_until is not None) == (new == I.CLOSED)
                assert Event.objects.count() == before[-1] + 1
            else:
                assert isinstance(refused, WrongState), (new, refused)
            transaction.set_rollback(True)


@pytest.mark.at_length
@pytest.mark.parametrize("stage", I.values)
def test_consent_in_every_column_by_every_actor_for_every_side(world: World, stage: str) -> None:
    introduction = make_introduction(world, stage)
    before = marks(introduction)
    sides: dict[str, Community] = {"a": world.a, "b": world.b, "c": world.c}
    for actor, side in itertools.product(at_length(DOERS, SIGNED_IN), sides):
        with transaction.atomic():
            refused: DomainError | None = None
            try:
                with transaction.atomic():
                    give_consent(
                        by=world.user(actor),
                        introduction_id=introduction.pk,
                        community_id=sides[side].pk,
                    )
            except DomainError as error:
                refused = error
                assert marks(introduction) == before
            if (actor, side) not in {("official", "a"), ("chair", "b")} or stage == I.TO_INTRODUCE:
                assert isinstance(refused, NotVisible), (actor, side, refused)
                with pytest.raises(NotVisible):
                    withdraw_consent(
                        by=world.user(actor),
                        introduction_id=introduction.pk,
                        community_id=sides[side].pk,
                    )
            elif stage == I.CLOSED:
                assert isinstance(refused, WrongState), (actor, refused)
            else:
                assert refused is None, (actor, refused)
                with pytest.raises(WrongState):
                    give_consent(
                        by=world.user(actor),
                        introduction_id=introduction.pk,
                        community_id=sides[side].pk,
                    )
                withdraw_consent(
                    by=world.user(actor),
                    introduction_id=introduction.pk,
                    community_id=sides[side].pk,
                )
                give_consent(
                    by=world.user(actor),
                    introduction_id=introduction.pk,
                    community_id=sides[side].pk,
                )
                assert [
                    consent.withdrawn_at is None for consent in Consent.objects.order_by("id")
                ] == [False, True]
            transaction.set_rollback(True)


def move(world: World, introduction: Introduction, stage: str, **more: Any) -> Introduction:
    return move_introduction(
        by=world.user("curator"), introduction_id=introduction.pk, stage=stage, **more
    )


@pytest.mark.parametrize(
    ("old", "new", "next_step"),
    [
        (I.TO_INTRODUCE, I.EXPLORING, "“Introduced”: both sides are notified"),
        (I.INTRODUCED, I.EXPLORING, "“First meeting”: the two arrange"),
        (I.FIRST_MEETING, I.COUNCIL_RESOLUTION, "“Exploring”: the two have met"),
        (I.EXPLORING, I.TO_INTRODUCE, "Both sides know that they are introduced"),
    ],
)
def test_move_past_a_step_is_refused_in_words_that_name_it(
    world: World, old: str, new: str, next_step: str
) -> None:
    introduction = make_introduction(world, old)
    before = marks(introduction)
    with pytest.raises(WrongState, match=next_step):
        move(world, introduction, new)
    assert marks(introduction) == before


def test_nobody_explores_who_has_not_met(world: World) -> None:
    introduction = make_introduction(world, I.FIRST_MEETING)
    today = database_now().date()
    for met_on in (None, today + dt.timedelta(days=2), today - dt.timedelta(days=2)):
        with pytest.raises(InvalidFields):
            move(world, introduction, I.EXPLORING, met_on=met_on)
    assert move(world, introduction, I.EXPLORING, met_on=today).met_on == today
    # What was recorded in error goes with the move back, and is asked for again
    assert move(world, introduction, I.INTRODUCED).met_on is None
    with pytest.raises(InvalidFields):
        move(world, introduction, I.FIRST_MEETING, met_on=today)
    move(world, introduction, I.FIRST_MEETING)
    meeting = MeetingFactory(
        introduction=introduction, status="fixed", starts_at=NOW, fixed_by=world.user("curator")
    )
    Meeting.objects.update(status="cancelled", cancelled_by=world.user("curator"))
    with pytest.raises(InvalidFields):
        move(world, introduction, I.EXPLORING)
    Meeting.objects.filter(pk=meeting.pk).update(status="fixed", cancelled_by=None)
    assert move(world, introduction, I.EXPLORING).met_on is None


def test_tables_are_total() -> None:
    assert set(INTRODUCTION_TRANSITIONS) == set(I.values)
    assert set(PARTNERSHIP_TRANSITIONS) == set(Partnership.Status.values)


def test_mutual_interest_opens_one_introduction_however_often_it_is_delivered(world: World) -> None:
    suggestion = SuggestionFactory(pair=world.pair, mutual=True)
    first, second = (
        open_introduction_for_mutual(suggestion.pk),
        open_introduction_for_mutual(suggestion.pk),
    )
    assert first == second
    assert first is not None
    assert first.stage == I.TO_INTRODUCE
    assert Event.objects.filter(topic="introduction_opened").count() == 1


def test_withdrawn_interest_opens_no_introduction(world: World) -> None:
    suggestion = SuggestionFactory(
        pair=world.pair, status="withdrawn", a_state="withdrawn", b_state="interested"
    )
    assert open_introduction_for_mutual(suggestion.pk) is None


@pytest.mark.parametrize("actor", SIGNED_IN)
def test_who_may_assign_and_to_whom(world: World, actor: str) -> None:
    introduction = make_introduction(world, I.INTRODUCED)

    def give(owner: str) -> Introduction:
        due = dt.date(2027, 1, 31)
        return assign_introduction(
            by=world.user(actor),
            introduction_id=introduction.pk,
            owner_id=world.user(owner).pk,
            due_on=due,
        )

    if actor != "curator":
        with pytest.raises(NotVisible):
            give("curator")
        return
    assert give("curator").owner == world.user("curator")
    with pytest.raises(InvalidFields):
        give("official")


# What needs both sides is never done by one person.


def acts_of_a_side(
    world: World, introduction: Introduction, agreement: Agreement
) -> dict[str, Any]:
    """What the official of A, who is one of B as well, may do for either side."""
    by, meeting = world.user("official"), introduction.meetings.get()
    of_meeting: dict[str, Any] = {"introduction_id": introduction.pk, "meeting_id": meeting.pk}
    time = meeting.times.order_by("pk").first()
    assert time is not None
    day = (dt.datetime.now(dt.UTC) + dt.timedelta(days=9)).isoformat()
    later = (dt.datetime.now(dt.UTC) + dt.timedelta(days=10)).isoformat()
    return {
        "consent": lambda side: give_consent(
            by=by, introduction_id=introduction.pk, community_id=side
        ),
        "propose": lambda side: propose_meeting(
            by=by, introduction_id=introduction.pk, side_id=side, times=[day, later]
        ),
        "propose others": lambda side: propose_other_times(
            by=by, side_id=side, times=[day, later], **of_meeting
        ),
        "accept": lambda side: accept_times(by=by, side_id=side, time_ids=[time.pk], **of_meeting),
        "fix": lambda side: fix_meeting(by=by, side_id=side, time_id=time.pk, **of_meeting),
        "confirm": lambda side: confirm_signature(
            by=by,
            agreement_id=agreement.pk,
            community_id=side,
            document_digest=agreement.documents.get().digest,
            name="Alex Doe",
            office="Mayor",
            is_highest_official=True,
            signed_on=dt.date(2026, 2, 1),
        ),
    }


def test_one_person_acts_for_one_side_of_an_introduction(world: World) -> None:
    introduction = world.introduced()
    agreement = signing(world, introduction)
    staff_times = [(dt.datetime.now(dt.UTC) + dt.timedelta(days=day)).isoformat() for day in (7, 8)]
    propose_meeting(
        by=world.user("curator"),
        introduction_id=introduction.pk,
        side_id=None,
        times=staff_times,
    )
    world.in_both()
    acts = acts_of_a_side(world, introduction, agreement)
    chair = world.user("chair")
    for first in ("answer", "consent", "accept", "confirm"):
        with transaction.atomic():
            if first == "answer":
                DecisionFactory(
                    suggestion=introduction.suggestion,
                    community=world.a,
                    by=world.user("official"),
                )
            else:
                acts[first](world.a.pk)
            for second, act in acts.items():
                if second == "fix" and first != "accept":
                    continue  # nobody has accepted that time yet
                refused(lambda act=act: act(world.b.pk), ActsForOtherSide)
            give_consent(by=chair, introduction_id=introduction.pk, community_id=world.b.pk)
            transaction.set_rollback(True)


def test_what_was_taken_back_does_not_count(world: World) -> None:
    introduction, both = world.introduced(), world.in_both()
    a: dict[str, Any] = {"introduction_id": introduction.pk, "community_id": world.a.pk}
    give_consent(by=both, **a)
    withdraw_consent(by=both, **a)
    give_consent(by=both, introduction_id=introduction.pk, community_id=world.b.pk)
    refused(lambda: give_consent(by=both, **a), ActsForOtherSide)


def test_one_person_renews_for_one_side(world: World) -> None:
    partnership = agreed(world)
    Partnership.objects.filter(pk=partnership.pk).update(
        status="review_due", review_on=dt.date(2026, 3, 1)
    )
    asked: dict[str, Any] = {
        "by": world.in_both(),
        "partnership_id": partnership.pk,
        "next_review_on": dt.datetime.now(dt.UTC).date() + dt.timedelta(days=400),
        "decided_on": dt.date(2026, 3, 2),
    }
    renew_partnership(community_id=world.a.pk, **asked)
    refused(lambda: renew_partnership(community_id=world.b.pk, **asked), ActsForOtherSide)


def storied(world: World) -> Partnership:
    """A partnership whose suggestion has reasons, votes and decisions of both sides."""
    introduction = world.introduced()
    suggestion = introduction.suggestion
    assert suggestion is not None
    contribution = {"facet": "themes", "share": 0.5, "similarity": 0.9, "weight": 1.0}
    contribution["items"] = [["theme:culture", 1.0, 3, 60]]
    reasons = {"preference": 0.6, "coverage": 0.8, "missing": [], "caveat": "readiness"}
    reasons["contributions"] = [contribution]
    Suggestion.objects.filter(pk=suggestion.pk).update(a_reasons=reasons, b_reasons=reasons)
    answers = document(readiness={"budget": "no"})
    version = ProfileVersionFactory(profile=world.b.profile, data=answers)
    Profile.objects.filter(community=world.b).update(current_version=version)
    for side, actor in ((world.a, "official"), (world.b, "chair")):
        of_side = {"suggestion": suggestion, "community": side, "by": world.user(actor)}
        DecisionFactory(**of_side, comment=f"From {side.name}")
        VoteFactory(**of_side, comment=f"Vote of {side.name}")
    DecisionFactory(**of_side, answer="withdrawn", comment="We hesitated.")
    return agreed(world, introduction)


def test_why_outlives_suggestion_vocabulary_and_names(world: World) -> None:
    partnership = storied(world)
    suggestion = partnership.agreement.introduction.suggestion
    assert suggestion is not None
    Suggestion.objects.filter(pk=suggestion.pk).update(a_reasons={}, b_reasons={})
    Vote.objects.all().delete()
    type(world.a).objects.filter(pk=world.a.pk).update(name="Renamed")
    partnership.refresh_from_db()
    why = rationale_for(partnership, None)
    assert [side["name"] for side in why["communities"]] == ["Alpha", "Beta"]
    assert why["reasons"][0]["sentences"]["en"] == ["Both want exchange in culture."]
    sentences, caveat = why["reasons"][0]["sentences"], why["reasons"][0]["caveat"]
    assert sentences.keys() == caveat.keys() >= {"en", "es", "fr", "de", "ja", "ar"}
    assert caveat["en"] == "Not fully in place at Beta yet: first-year budget."
    assert {vote["comment"] for vote in why["votes"]} == {"Vote of Alpha", "Vote of Beta"}
    assert why["suggestion"]["id"] == suggestion.pk
    with translation.override("de"):
        assert rationale_for(partnership, None) == why


def test_history_lists_the_stages_and_neither_consents_nor_who_read_contacts(world: World) -> None:
    introduction = world.introduced()
    for side, actor in ((world.a, "official"), (world.b, "chair")):
        give_consent(by=world.user(actor), introduction_id=introduction.pk, community_id=side.pk)
    withdraw_consent(
        by=world.user("chair"), introduction_id=introduction.pk, community_id=world.b.pk
    )
    history = rationale_for(agreed(world, introduction), None)["history"]
    assert [(step["topic"], step["stage"]) for step in history] == [
        ("introduction_moved", "agreement")
    ]


def test_votes_and_comments_stay_with_their_community(world: World) -> None:
    partnership = storied(world)
    for side, other in ((world.a, world.b), (world.b, world.a)):
        why = rationale_for(partnership, side.pk)
        text = str(why)
        assert f"Vote of {side.name}" in text and f"From {side.name}" in text
        assert f"Vote of {other.name}" not in text and f"From {other.name}" not in text
        assert {(d["community_id"], d["answer"]) for d in why["decisions"]} >= {
            (world.a.pk, "interested"),
            (world.b.pk, "interested"),
        }
    seen_by_a = rationale_for(partnership, world.a.pk)
    counts = [part["figures"]["contributions"][0]["items"] for part in seen_by_a["reasons"]]
    assert counts == [[["theme:culture", 1.0, 3, 60]], [["theme:culture", 1.0]]]
    assert "We hesitated." not in str(seen_by_a)
    assert "withdrawn" not in {d["answer"] for d in seen_by_a["decisions"]}
    assert "We hesitated." in str(rationale_for(partnership, None))


def test_erasure_reaches_the_rationale_and_the_export_holds_it_before(world: World) -> None:
    partnership = storied(world)
    chair = world.user("chair")
    name, address = chair.name, chair.email
    CommunityRoleFactory(community=world.b)
    frozen = export_data(by=chair)["records"]["introductions.partnership.why"]
    assert {entry.get("comment", "") for entry in frozen} >= {"From Beta", "Vote of Beta"}
    assert {entry["by"] for entry in frozen} == {name}

    erase_account(by=chair, email=address)

    stored = [*Partnership.objects.values(), *Decision.objects.values(), *Vote.objects.values()]
    for gone in (name, "From Beta", "Vote of Beta", "We hesitated."):
        assert gone not in str(stored), gone
    assert "Vote of Alpha" in str(stored), "the words of others stay"
    partnership.refresh_from_db()
    kept = rationale_for(partnership, world.b.pk)
    assert [(vote["choice"], vote["by"]) for vote in kept["votes"]] == [("yes", "")]
    assert "by_id" not in str(rationale_for(partnership, None))


def test_undone_answer_is_not_in_the_rationale(world: World) -> None:
    introduction = world.introduced()
    chair = world.user("chair")
    DecisionFactory(
        suggestion=introduction.suggestion,
        community=world.b,
        by=chair,
        answer="withdrawn",
        comment="By mistake.",
        undone_at=database_now(),
        undone_by=chair,
    )
    assert "By mistake." not in str(agreed(world, introduction).why)


def test_interest_is_not_withdrawn_once_the_introduction_is_over(world: World) -> None:
    introduction = world.introduced()
    own: dict[str, Any] = {"by": world.user("chair")}
    leave_introduction(introduction_id=introduction.pk, side_id=world.b.pk, **own)
    asked: dict[str, Any] = {"community_id": world.b.pk}
    asked["suggestion_id"] = introduction.suggestion_id
    refused(lambda: answer_suggestion(choice="withdrawn", **asked, **own), WrongState)
