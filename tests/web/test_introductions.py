"""Introductions, consent and contacts, in pages and through the API."""

from __future__ import annotations

import datetime as dt

import pytest

from backend.accounts.models import User
from backend.cities.models import CommunityRole
from backend.introductions.models import Introduction
from backend.outbox.models import Event
from backend.suggestions.models import Suggestion
from tests.actors import World, contact_of
from tests.factories import (
    CommunityFactory,
    ContactFactory,
    IntroductionFactory,
    OrganisationFactory,
    PairFactory,
)
from tests.web.conftest import SignIn
from tests.web.html_forms import url


@pytest.fixture
def introduced(suggestion: Suggestion) -> Introduction:
    Suggestion.objects.filter(pk=suggestion.pk).update(
        status="introduced", a_state="interested", b_state="interested"
    )
    for side, name in ((suggestion.pair.a, "Contact Home"), (suggestion.pair.b, "Contact Abroad")):
        ContactFactory(organisation=OrganisationFactory(community=side), name=name)
    return IntroductionFactory(suggestion=suggestion, stage=Introduction.Stage.INTRODUCED)


def consent(sign_in: SignIn, role: CommunityRole, card: Introduction, act: str = "give") -> int:
    return sign_in(role.user).post(url("introduction_consent", card.pk), {"act": act}).status_code


def page(sign_in: SignIn, user: User, card: Introduction) -> str:
    response = sign_in(user).get(url("introduction", card.pk))
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


def test_card_that_staff_have_not_introduced_is_not_shown(
    introduced: Introduction, official: CommunityRole, sign_in: SignIn
) -> None:
    Introduction.objects.filter(pk=introduced.pk).update(stage="to_introduce")
    assert sign_in(official.user).get(url("introduction", introduced.pk)).status_code == 404


# Consent, contacts, leaving, the board and its notes through the API.


JSON = "application/json"


def address(world: World, introduction: Introduction, side: str = "a", more: str = "") -> str:
    return f"/api/v1/communities/{getattr(world, side).pk}/introductions/{introduction.pk}/{more}"


def test_contacts_open_under_both_consents_and_close_with_one(world: World) -> None:
    introduction, contact = world.introduced(), contact_of(world.b)
    official, chair = world.client("official"), world.client("chair")

    def seen() -> list[str]:
        return [
            row["email"]
            for row in official.get(address(world, introduction, more="contacts/")).json()[
                "contacts"
            ]
        ]

    assert seen() == []
    assert (
        official.post(address(world, introduction, more="consent/")).json()["own_consent"] is True
    )
    assert seen() == []
    both = chair.post(address(world, introduction, "b", "consent/")).json()
    assert both["own_consent"] and both["contacts_open"]
    assert seen() == [contact.email]
    assert (
        chair.delete(address(world, introduction, "b", "consent/")).json()["own_consent"] is False
    )
    assert seen() == []
    assert chair.delete(address(world, introduction, "b", "consent/")).status_code == 409


def test_staff_and_members_never_consent_for_a_side(world: World) -> None:
    introduction = world.introduced()
    for actor in ("curator", "admin", "committee_member", "other_official", "official"):
        assert (
            world.client(actor).post(address(world, introduction, "b", "consent/")).status_code
            == 404
        ), actor


def test_introduction_under_the_wrong_community_is_not_found(world: World) -> None:
    introduction = world.introduced()
    assert world.client("other_official").get(address(world, introduction, "c")).status_code == 404
    assert (
        world.client("other_official")
        .get(address(world, introduction, "c", "contacts/"))
        .status_code
        == 404
    )


def test_card_before_the_introduction_is_for_staff_alone(world: World) -> None:
    introduction = world.introduced(stage="to_introduce")
    assert world.client("official").get(address(world, introduction)).status_code == 404
    assert (
        world.client("curator")
        .get(f"/api/v1/staff/introductions/{introduction.pk}/")
        .json()["stage"]
        == "to_introduce"
    )


def test_card_is_moved_assigned_and_not_closed_without_a_reason(world: World) -> None:
    introduction, curator = world.introduced(stage="to_introduce"), world.client("curator")
    card = f"/api/v1/staff/introductions/{introduction.pk}/"
    assert (
        curator.post(f"{card}move/", {"stage": "introduced"}, content_type=JSON).json()["stage"]
        == "introduced"
    )
    owner = {"owner_id": world.user("curator").pk, "due_on": "2027-01-31"}
    assert curator.post(f"{card}assign/", owner, content_type=JSON).json()["due_on"] == "2027-01-31"
    assert (
        curator.post(
            f"{card}assign/", owner | {"owner_id": world.user("official").pk}, content_type=JSON
        ).status_code
        == 422
    )
    assert curator.post(f"{card}move/", {"stage": "closed"}, content_type=JSON).status_code == 422
    assert (
        curator.post(f"{card}move/", {"stage": "agreement"}, content_type=JSON).status_code == 409
    )


def test_stale_move_is_told_who_was_faster(world: World) -> None:
    introduction, curator = world.introduced(), world.client("curator")
    card = f"/api/v1/staff/introductions/{introduction.pk}/"
    assert (
        curator.post(
            f"{card}move/",
            {"stage": "exploring", "expected_stage": "introduced"},
            content_type=JSON,
        ).status_code
        == 200
    )
    late = curator.post(
        f"{card}move/", {"stage": "proposal", "expected_stage": "introduced"}, content_type=JSON
    )
    assert (late.status_code, late.json()["code"]) == (409, "introduction_moved")
    assert "has moved it to “Exploring”" in late.json()["detail"]
    assert Introduction.objects.get().stage == "exploring"


def test_side_leaves_once_and_its_contacts_close(world: World) -> None:
    introduction, contact = world.introduced(), contact_of(world.b)
    world.consent(introduction, world.a, world.b)
    official, chair = world.client("official"), world.client("chair")
    assert (
        official.get(address(world, introduction, more="contacts/")).json()["contacts"][0]["email"]
        == contact.email
    )
    left = chair.post(address(world, introduction, "b", "leave/"), content_type=JSON)
    assert (left.status_code, left.json()["stage"], left.json()["close_reason"]) == (
        200,
        "closed",
        "side_withdrew",
    )
    assert official.get(address(world, introduction, more="contacts/")).json()["contacts"] == []
    assert (
        chair.post(address(world, introduction, "b", "leave/"), content_type=JSON).status_code
        == 409
    )
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


def test_consent_of_the_other_side_alone_is_not_told(world: World) -> None:
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
        rows = (
            world.client("curator").get(f"/api/v1/staff/introductions/?{query}").json()["results"]
        )
        assert {row["id"] for row in rows} == found, query


def test_notes_are_for_staff_alone(world: World) -> None:
    introduction = world.introduced()
    notes = f"/api/v1/staff/introductions/{introduction.pk}/notes/"
    curator = world.client("curator")
    assert curator.post(notes, {"text": " "}, content_type=JSON).status_code == 422
    assert (
        curator.post(notes, {"text": "They call on Monday."}, content_type=JSON).status_code == 201
    )
    assert [row["text"] for row in curator.get(notes).json()["results"]] == ["They call on Monday."]
    assert world.client("admin").get(notes).status_code == 200
    for actor in ("official", "chair", "stranger"):
        assert world.client(actor).get(notes).status_code == 404
    assert b"Monday" not in world.client("official").get(address(world, introduction)).content


def test_introduction_by_hand_needs_its_reason(world: World) -> None:
    curator = world.client("curator")
    assert (
        curator.post(
            "/api/v1/staff/introductions/",
            {"pair_id": world.pair.pk, "because": " "},
            content_type=JSON,
        ).status_code
        == 422
    )
    opened = curator.post(
        "/api/v1/staff/introductions/",
        {"pair_id": world.pair.pk, "because": "The mayors met."},
        content_type=JSON,
    )
    assert (opened.status_code, opened.json()["opened_because"]) == (201, "The mayors met.")
    board = curator.get("/api/v1/staff/introductions/?stage=to_introduce").json()["results"]
    assert [card["id"] for card in board] == [opened.json()["id"]]
