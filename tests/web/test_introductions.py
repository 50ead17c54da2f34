"""Introductions, consent and contacts, in pages and through the API."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import Client

from backend.accounts.models import User
from backend.cities.models import CommunityRole, Profile
from backend.introductions.models import Introduction
from backend.introductions.services.follow_ups import ask_follow_ups
from backend.outbox.models import Event
from backend.suggestions.models import Suggestion
from tests.actors import World, contact_of
from tests.factories import (
    MOMENT,
    CommunityFactory,
    ContactFactory,
    IntroductionFactory,
    OrganisationFactory,
    PairFactory,
)
from tests.web.conftest import SignIn
from tests.web.html_forms import one_line, url

pytestmark = pytest.mark.usefixtures("shared_world")


@pytest.fixture
def introduced(suggestion: Suggestion) -> Introduction:
    Suggestion.objects.filter(pk=suggestion.pk).update(
        status="introduced", a_state="interested", b_state="interested"
    )
    for side, name in ((suggestion.pair.a, "Contact Home"), (suggestion.pair.b, "Contact Abroad")):
        ContactFactory(organisation=OrganisationFactory(community=side), name=name)
    return IntroductionFactory(suggestion=suggestion, stage=Introduction.Stage.INTRODUCED)


def consent(
    sign_in: SignIn, role: CommunityRole, introduction: Introduction, act: str = "give"
) -> int:
    address = url("introduction_consent", introduction.pk)
    return sign_in(role.user).post(address, {"act": act}).status_code


def page(sign_in: SignIn, user: User, introduction: Introduction) -> str:
    response = sign_in(user).get(url("introduction", introduction.pk))
    assert response.status_code == 200
    return response.text


def test_contacts_open_under_both_consents_alone(
    introduced: Introduction,
    official: CommunityRole,
    other_official: CommunityRole,
    sign_in: SignIn,
) -> None:
    assert "Contact Abroad" not in page(sign_in, official.user, introduced)
    assert consent(sign_in, official, introduced) == 302
    assert "Contact Abroad" not in page(sign_in, official.user, introduced)
    assert "Contact Home" not in page(sign_in, other_official.user, introduced)
    assert consent(sign_in, other_official, introduced) == 302
    assert "Contact Abroad" in page(sign_in, official.user, introduced)
    assert "Contact Home" in page(sign_in, other_official.user, introduced)
    assert consent(sign_in, official, introduced, "withdraw") == 302
    assert "Contact Abroad" not in page(sign_in, official.user, introduced)
    assert "Contact Home" not in page(sign_in, other_official.user, introduced)


@pytest.mark.parametrize(
    ("status", "words"),
    [("withdrawn", "has withdrawn its profile"), ("fulfilled", "says that it has found")],
)
def test_page_says_that_the_other_side_seeks_no_more(
    introduced: Introduction,
    official: CommunityRole,
    curator: User,
    sign_in: SignIn,
    status: str,
    words: str,
) -> None:
    pair = introduced.pair
    other = pair.b if pair.a_id == official.community_id else pair.a
    assert words not in page(sign_in, official.user, introduced)
    Profile.objects.filter(community=other).update(status=status)
    said = f"{other.name} {words}"
    assert said in page(sign_in, official.user, introduced)
    assert said in sign_in(curator).get(url("staff_introduction", introduced.pk)).text
    Introduction.objects.filter(pk=introduced.pk).update(stage="closed", close_reason="other")
    assert said not in page(sign_in, official.user, introduced)


def test_introduction_belongs_to_its_sides(
    introduced: Introduction, stranger: User, sign_in: SignIn
) -> None:
    client = sign_in(stranger)
    there = client.get(url("introduction", introduced.pk))
    nowhere = client.get(url("introduction", 999_999))
    assert there.status_code == nowhere.status_code == 404
    assert there.content == nowhere.content


def test_staff_never_consent_for_a_side(
    introduced: Introduction, curator: User, sign_in: SignIn
) -> None:
    response = sign_in(curator).post(url("introduction_consent", introduced.pk), {"act": "give"})
    assert response.status_code == 404
    assert not introduced.consents.exists()


def test_introduction_that_staff_have_not_made_is_not_shown(
    introduced: Introduction, official: CommunityRole, sign_in: SignIn
) -> None:
    Introduction.objects.filter(pk=introduced.pk).update(stage="to_introduce")
    assert sign_in(official.user).get(url("introduction", introduced.pk)).status_code == 404


# Consent, contacts, leaving, the board and its notes through the API.


STAFF = "/api/v1/staff/introductions/"


def send(client: Client, address: str, body: dict[str, object]) -> HttpResponse:
    return client.post(address, body, content_type="application/json")


def contacts(client: Client, world: World, introduction: Introduction) -> list[str]:
    """The addresses that a person of A reads."""
    response = client.get(address(world, introduction, more="contacts/"))
    return [row["email"] for row in response.json()["contacts"]]


def address(world: World, introduction: Introduction, side: str = "a", more: str = "") -> str:
    return f"/api/v1/communities/{getattr(world, side).pk}/introductions/{introduction.pk}/{more}"


def test_contacts_open_under_both_consents_and_close_with_one(world: World) -> None:
    introduction, contact = world.introduced(), contact_of(world.b)
    official, chair = world.client("official"), world.client("chair")

    own, theirs = (address(world, introduction, side, "consent/") for side in "ab")
    assert contacts(official, world, introduction) == []
    assert official.post(own).json()["own_consent"] is True
    assert contacts(official, world, introduction) == []
    both = chair.post(theirs).json()
    assert both["own_consent"] and both["contacts_open"]
    assert contacts(official, world, introduction) == [contact.email]
    assert chair.delete(theirs).json()["own_consent"] is False
    assert contacts(official, world, introduction) == []
    assert chair.delete(theirs).status_code == 409


def test_staff_and_members_never_consent_for_a_side(world: World) -> None:
    theirs = address(world, world.introduced(), "b", "consent/")
    for actor in ("curator", "admin", "committee_member", "other_official", "official"):
        assert world.client(actor).post(theirs).status_code == 404, actor


def test_introduction_under_the_wrong_community_is_not_found(world: World) -> None:
    introduction = world.introduced()
    client = world.client("other_official")
    for more in ("", "contacts/"):
        assert client.get(address(world, introduction, "c", more)).status_code == 404


def test_before_the_introduction_only_staff_read_it(world: World) -> None:
    introduction = world.introduced(stage="to_introduce")
    assert world.client("official").get(address(world, introduction)).status_code == 404
    response = world.client("curator").get(f"{STAFF}{introduction.pk}/")
    assert response.json()["stage"] == "to_introduce"


def test_introduction_is_moved_assigned_and_not_closed_without_a_reason(world: World) -> None:
    introduction, curator = world.introduced(stage="to_introduce"), world.client("curator")
    path = f"{STAFF}{introduction.pk}/"
    assert send(curator, f"{path}move/", {"stage": "introduced"}).json()["stage"] == "introduced"
    owner = {"owner_id": world.user("curator").pk, "due_on": "2027-01-31"}
    assert send(curator, f"{path}assign/", owner).json()["due_on"] == "2027-01-31"
    wrong = owner | {"owner_id": world.user("official").pk}
    assert send(curator, f"{path}assign/", wrong).status_code == 422
    assert send(curator, f"{path}move/", {"stage": "closed"}).status_code == 422
    assert send(curator, f"{path}move/", {"stage": "agreement"}).status_code == 409


def test_stale_move_is_refused_and_names_the_present_stage(world: World) -> None:
    introduction, curator = world.introduced(), world.client("curator")
    path = f"{STAFF}{introduction.pk}/"
    move = {"stage": "first_meeting", "expected_stage": "introduced"}
    assert send(curator, f"{path}move/", move).status_code == 200
    late = send(curator, f"{path}move/", move | {"stage": "proposal"})
    assert (late.status_code, late.json()["code"]) == (409, "introduction_moved")
    assert "has moved it to “First meeting”" in late.json()["detail"]
    assert Introduction.objects.get().stage == "first_meeting"


def test_move_skips_no_step_and_asks_when_they_met(world: World) -> None:
    introduction, curator = world.introduced(stage="to_introduce"), world.client("curator")
    path = f"{STAFF}{introduction.pk}/move/"
    skipped = send(curator, path, {"stage": "exploring"})
    assert (skipped.status_code, skipped.json()["code"]) == (409, "step_skipped")
    assert "both sides are notified" in skipped.json()["detail"]
    for stage in ("introduced", "first_meeting"):
        assert send(curator, path, {"stage": stage}).status_code == 200
    unmet = send(curator, path, {"stage": "exploring"})
    assert (unmet.status_code, list(unmet.json()["errors"])) == (422, ["met_on"])
    today = dt.datetime.now(dt.UTC).date().isoformat()
    met = send(curator, path, {"stage": "exploring", "met_on": today})
    assert met.json()["met_on"] == today


def test_side_leaves_once_and_its_contacts_close(world: World) -> None:
    introduction, contact = world.introduced(), contact_of(world.b)
    world.consent(introduction, world.a, world.b)
    official, chair = world.client("official"), world.client("chair")
    assert contacts(official, world, introduction) == [contact.email]
    leave = address(world, introduction, "b", "leave/")
    left = send(chair, leave, {})
    assert left.status_code == 200
    assert (left.json()["stage"], left.json()["close_reason"]) == ("closed", "side_withdrew")
    assert contacts(official, world, introduction) == []
    assert send(chair, leave, {}).status_code == 409
    introduction.pair.refresh_from_db()
    assert introduction.pair.closed_until is not None


def test_reading_contacts_is_recorded_with_those_who_are_read(world: World) -> None:
    introduction, _contact = world.introduced(), contact_of(world.b)
    official = world.client("official")
    official.get(address(world, introduction, more="contacts/"))
    assert not Event.objects.filter(topic="contacts_read").exists()
    world.consent(introduction, world.a, world.b)
    response = official.get(address(world, introduction, more="contacts/"))
    assert response["Cache-Control"] == "private, no-store"
    event = Event.objects.get(topic="contacts_read")
    assert (event.by, event.community_id, event.subject_id) == (
        world.user("official"),
        world.b.pk,
        introduction.pk,
    )


def test_consent_of_the_other_side_alone_is_not_revealed(world: World) -> None:
    introduction, official = world.introduced(), world.client("official")
    before = official.get(address(world, introduction)).content
    world.consent(introduction, world.b)
    assert official.get(address(world, introduction)).content == before


def test_board_is_narrowed_down(world: World) -> None:
    now, curator = dt.datetime.now(dt.UTC), world.user("curator")
    mine = world.introduced(
        owner=curator,
        due_on=now.date() - dt.timedelta(days=1),
        stage_since=now - dt.timedelta(days=31),
    )
    other = IntroductionFactory(
        suggestion__pair=PairFactory(a=CommunityFactory(), b=CommunityFactory(country_code="JP")),
        due_on=now.date(),
        stage="exploring",
    )
    Introduction.objects.filter(pk=other.pk).update(stage_since=now - dt.timedelta(days=29))
    IntroductionFactory(
        stage="closed",
        close_reason="other",
        due_on=dt.date(2020, 1, 1),
        stage_since=dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
    )
    for query, found in {
        "": {mine.pk, other.pk},
        "owner=me": {mine.pk},
        f"owner={curator.pk}": {mine.pk},
        "owner=nobody": {other.pk},
        "country=JP": {other.pk},
        "overdue=true": {mine.pk},
        "stuck=true": {mine.pk},
        "stage=exploring": {other.pk},
        "search=alpha": {mine.pk},
    }.items():
        rows = world.client("curator").get(f"{STAFF}?{query}").json()["results"]
        assert {row["id"] for row in rows} == found, query


def test_notes_are_for_staff_alone(world: World) -> None:
    introduction = world.introduced()
    notes = f"{STAFF}{introduction.pk}/notes/"
    curator = world.client("curator")
    assert send(curator, notes, {"text": " "}).status_code == 422
    assert send(curator, notes, {"text": "They call on Monday."}).status_code == 201
    assert [row["text"] for row in curator.get(notes).json()["results"]] == ["They call on Monday."]
    assert world.client("admin").get(notes).status_code == 200
    for actor in ("official", "chair", "stranger"):
        assert world.client(actor).get(notes).status_code == 404
    assert b"Monday" not in world.client("official").get(address(world, introduction)).content


def test_introduction_by_hand_needs_its_reason(world: World) -> None:
    curator = world.client("curator")
    by_hand = {"pair_id": world.pair.pk, "because": " "}
    assert send(curator, STAFF, by_hand).status_code == 422
    opened = send(curator, STAFF, by_hand | {"because": "The mayors met."})
    assert (opened.status_code, opened.json()["opened_because"]) == (201, "The mayors met.")
    board = curator.get(f"{STAFF}?stage=to_introduce").json()["results"]
    assert [introduction["id"] for introduction in board] == [opened.json()["id"]]


def test_side_that_was_introduced_by_hand_need_not_ask_to_meet_the_other(world: World) -> None:
    """While staff prepare it, its wish is taken like any other: it must not tell what they do."""
    curator, official = world.client("curator"), world.client("official")

    def asks() -> str:
        wish = {"named_id": world.b.pk}
        with transaction.atomic():
            answer = send(official, f"/api/v1/communities/{world.a.pk}/partner-requests/", wish)
            transaction.set_rollback(True)
        body = answer.json()
        return str(body.get("code") or body["state"])

    by_hand = {"pair_id": world.pair.pk, "because": "The mayors met."}
    move = f"{STAFF}{send(curator, STAFF, by_hand).json()['id']}/move/"
    assert asks() == "waiting"
    for stage in ("introduced", "first_meeting"):
        assert send(curator, move, {"stage": stage}).status_code == 200
        assert asks() == "introduced_already"
    assert send(curator, move, {"stage": "closed", "close_reason": "other"}).status_code == 200
    assert asks() == "waiting"


# Is it worth going on? Asked on a page and through the API.


def asked_of_both(world: World, **values: Any) -> Introduction:
    """They have met, and both sides are asked."""
    introduction = world.introduced(**({"met_on": MOMENT.date()} | values))
    assert ask_follow_ups() == 1
    return introduction


def test_page_asks_and_says_what_becomes_of_the_answer(world: World) -> None:
    introduction, official = asked_of_both(world), world.client("official")
    where = url("follow_up", introduction.pk, "after_meeting")
    assert where in official.get(url("introduction", introduction.pk)).text
    html = one_line(official.get(where).text)
    assert "Is it worth going on with Beta?" in html
    assert "Only your side and staff read the answer. Beta never sees it" in html
    assert "until" in html and "(UTC)" in html and "checked" not in html
    nothing = official.post(where, {})
    assert nothing.status_code == 422 and "There is a problem" in nothing.text
    assert official.post(where, {"answer": "no"}).url == url("introduction", introduction.pk)
    own = official.get(url("introduction", introduction.pk)).text
    assert "Your side has answered" in own
    assert "No, we do not fit well enough" in own and "Change the answer" in own
    assert "checked" in official.get(where).text


def test_members_read_what_their_side_answers_and_the_other_side_nothing(world: World) -> None:
    introduction = asked_of_both(world)
    where = url("follow_up", introduction.pk, "after_meeting")
    assert world.client("chair").post(where, {"answer": "yes"}).status_code == 302
    member = world.client("committee_member").get(url("introduction", introduction.pk)).text
    assert "Yes, it is worth going on" in member and where not in member
    other = world.client("official").get(url("introduction", introduction.pk)).text
    assert "Yes, it is worth going on" not in other and "Answer the question" in other


def test_closed_question_leads_back_and_takes_no_answer(world: World) -> None:
    introduction, official = asked_of_both(world), world.client("official")
    where = url("follow_up", introduction.pk, "after_meeting")
    Introduction.objects.filter(pk=introduction.pk).update(stage="agreement")
    assert official.get(where).url == url("introduction", introduction.pk)
    assert official.post(where, {"answer": "yes"}).status_code == 409
    assert where not in official.get(url("introduction", introduction.pk)).text
    assert official.get(url("follow_up", introduction.pk, "after_dinner")).status_code == 404


def test_open_questions_are_listed_and_answered_through_the_api(world: World) -> None:
    introduction, official = asked_of_both(world), world.client("official")
    path = f"/api/v1/communities/{world.a.pk}/follow-ups/"
    (row,) = official.get(path).json()["results"]
    assert (row["introduction_id"], row["community_id"]) == (introduction.pk, world.a.pk)
    assert (row["occasion"], row["answer"], row["is_open"]) == ("after_meeting", "", True)
    to = address(world, introduction, more="follow-ups/after_meeting/")
    for _ in range(2):
        assert send(official, to, {"answer": "yes"}).json()["answer"] == "yes"
    assert send(official, to, {"answer": "perhaps"}).status_code == 422
    assert send(official, to, {}).status_code == 422
    (row,) = official.get(path).json()["results"]
    assert row["answer"] == "yes" and row["answered_at"]
    theirs = world.client("chair").get(path.replace(f"/{world.a.pk}/", f"/{world.b.pk}/")).json()
    assert [row["answer"] for row in theirs["results"]] == [""]
    Introduction.objects.filter(pk=introduction.pk).update(stage="closed", close_reason="other")
    assert official.get(path).json()["results"] == []
    assert send(official, to, {"answer": "no"}).status_code == 409


def test_staff_read_both_answers_in_words(world: World) -> None:
    introduction = asked_of_both(world)
    to = address(world, introduction, more="follow-ups/after_meeting/")
    send(world.client("official"), to, {"answer": "too_early"})
    curator = world.client("curator")
    html = one_line(curator.get(url("staff_introduction", introduction.pk)).text)
    assert "Alpha, after a meeting" in html and "Too early to say" in html
    assert "Beta, after a meeting" in html and "no answer yet" in html
    rows = curator.get(f"{STAFF}{introduction.pk}/follow-ups/").json()["results"]
    assert {(row["community_id"], row["answer"]) for row in rows} == {
        (world.a.pk, "too_early"),
        (world.b.pk, ""),
    }
