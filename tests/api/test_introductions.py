"""Consent, contacts, the board and agreements through the API."""

from __future__ import annotations

from typing import Any

from django.test import Client

from backend.introductions.models import Introduction
from tests.actors import World, contact_of
from tests.factories import MembershipFactory

JSON = "application/json"


def address(world: World, introduction: Introduction, side: str = "a", more: str = "") -> str:
    return f"/api/v1/communities/{getattr(world, side).pk}/introductions/{introduction.pk}/{more}"


def test_contacts_open_under_both_consents_and_close_with_one(world: World) -> None:
    introduction, contact = world.introduced(), contact_of(world.b)
    official, chair = world.client("official"), world.client("chair")

    def seen() -> list[str]:
        return [row["email"] for row in official.get(address(world, introduction, more="contacts/")).json()["contacts"]]

    assert seen() == []
    assert official.post(address(world, introduction, more="consent/")).json()["own_consent"] is True
    assert seen() == []
    both = chair.post(address(world, introduction, "b", "consent/")).json()
    assert both["own_consent"] and both["other_consent"]
    assert seen() == [contact.email]
    assert chair.delete(address(world, introduction, "b", "consent/")).json()["own_consent"] is False
    assert seen() == []
    assert chair.delete(address(world, introduction, "b", "consent/")).status_code == 409


def test_staff_and_members_never_consent_for_a_side(world: World) -> None:
    introduction = world.introduced()
    for actor in ("curator", "admin", "committee_member", "other_official", "official"):
        assert world.client(actor).post(address(world, introduction, "b", "consent/")).status_code == 404, actor


def test_introduction_under_the_wrong_community_is_not_found(world: World) -> None:
    introduction = world.introduced()
    assert world.client("other_official").get(address(world, introduction, "c")).status_code == 404
    assert world.client("other_official").get(address(world, introduction, "c", "contacts/")).status_code == 404


def test_card_before_the_introduction_is_for_staff_alone(world: World) -> None:
    introduction = world.introduced(stage="to_introduce")
    assert world.client("official").get(address(world, introduction)).status_code == 404
    assert world.client("curator").get(f"/api/v1/staff/introductions/{introduction.pk}/").json()["stage"] == "to_introduce"


def agreement(world: World, **more: Any) -> dict[str, Any]:
    signatories = [
        {"community_id": side.pk, "name": "Alex", "office": "Mayor", "is_highest_official": True, "signed_on": "2026-02-01"}
        for side in (world.a, world.b)
    ]
    return {"form": "sister", "areas": ["culture"], "languages": ["en"], "signatories": signatories} | more


def test_from_the_board_to_a_recognised_partnership(world: World) -> None:
    introduction, curator = world.introduced(stage="to_introduce"), world.client("curator")
    MembershipFactory(community=world.a)
    card = f"/api/v1/staff/introductions/{introduction.pk}/"
    assert curator.post(f"{card}move/", {"stage": "introduced"}, content_type=JSON).json()["stage"] == "introduced"
    owner = {"owner_id": world.user("curator").pk, "due_on": "2027-01-31"}
    assert curator.post(f"{card}assign/", owner, content_type=JSON).json()["due_on"] == "2027-01-31"
    assert curator.post(f"{card}assign/", owner | {"owner_id": world.user("official").pk}, content_type=JSON).status_code == 422
    assert curator.post(f"{card}move/", {"stage": "closed"}, content_type=JSON).status_code == 422
    assert curator.post(f"{card}move/", {"stage": "agreement"}, content_type=JSON).status_code == 409
    made = curator.post(f"{card}agreement/", agreement(world), content_type=JSON)
    assert made.status_code == 201, made.content
    assert made.json()["recognised"] is True
    again = curator.post(f"{card}agreement/", agreement(world), content_type=JSON)
    assert again.status_code == 409
    listed = Client().get("/api/v1/partnerships/").json()["results"]
    assert [{side["name"] for side in row["communities"]} for row in listed] == [{"Alpha", "Beta"}]


def test_introduction_by_hand_needs_its_reason(world: World) -> None:
    curator = world.client("curator")
    assert curator.post("/api/v1/staff/introductions/", {"pair_id": world.pair.pk, "because": " "}, content_type=JSON).status_code == 422
    opened = curator.post("/api/v1/staff/introductions/", {"pair_id": world.pair.pk, "because": "The mayors met."}, content_type=JSON)
    assert (opened.status_code, opened.json()["opened_because"]) == (201, "The mayors met.")
    board = curator.get("/api/v1/staff/introductions/?stage=to_introduce").json()["results"]
    assert [card["id"] for card in board] == [opened.json()["id"]]
