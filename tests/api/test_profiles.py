"""The draft, its conflicts and its life, through the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from backend.cities.models import Community, VettingLetter
from tests.actors import World
from tests.factories import PlaceFactory, VettingLetterFactory
from tests.letters import pdf

JSON = "application/json"
PDF = pdf()


def address(community: Community, more: str = "") -> str:
    return f"/api/v1/communities/{community.pk}/profile/{more}"


def save(client: Client, community: Community, changes: dict[str, Any], revision: int) -> Any:
    return client.patch(address(community), {"changes": changes, "revision": revision}, content_type=JSON)


def test_wrong_answers_are_kept_and_named(world: World) -> None:
    answer = save(world.client("official"), world.a, {"facts": {"population": "many"}, "story": {"english": "Hello"}}, 0)
    assert answer.status_code == 200
    body = answer.json()
    assert body["errors"] == {"facts.population": ["Write a whole number."]}
    assert body["draft"]["facts"]["population"] == "many"
    assert body["draft"]["story"]["english"] == "Hello"
    assert body["draft"]["story"]["text"], "what was there before is still there"
    assert body["revision"] == 1


@pytest.mark.parametrize("value", [10**400, -(10**30), True, [], {}, 1.5])
def test_numbers_out_of_this_world_are_errors_of_the_field(world: World, value: Any) -> None:
    answer = save(world.client("official"), world.a, {"facts": {"population": value}}, 0)
    assert answer.status_code == 200
    assert set(answer.json()["errors"]) == ({"facts.population"} if value not in ([], {}) else set())


def test_missing_answers_are_told_apart_from_wrong_ones(world: World) -> None:
    body = save(world.client("official"), world.a, {"languages": {"working": None}}, 0).json()
    assert body["errors"] == {}
    assert list(body["missing"]) == ["languages.working"]


def test_older_revision_is_a_conflict_and_changes_nothing(world: World) -> None:
    client = world.client("official")
    assert save(client, world.a, {"story": {"text": "One"}}, 0).status_code == 200
    late = save(client, world.a, {"story": {"text": "Two"}}, 0)
    assert (late.status_code, late.json()["code"]) == (409, "newer_draft")
    assert client.get(address(world.a)).json()["draft"]["story"]["text"] == "One"


def test_from_registration_to_a_published_profile(world: World) -> None:
    stranger, curator = world.client("stranger"), world.client("curator")
    registered = stranger.post("/api/v1/communities/", {"place_id": PlaceFactory(name="Delta").pk}, content_type=JSON)
    assert registered.status_code == 201
    community = Community.objects.get(pk=registered.json()["id"])
    too_early = stranger.post(address(community, "submit/"))
    assert too_early.status_code == 422
    assert "story.text" in too_early.json()["errors"]
    revision = registered.json()["revision"]
    assert save(stranger, community, world.a.profile.draft, revision).status_code == 200
    assert stranger.post(address(community, "submit/")).json()["status"] == "submitted"
    assert stranger.post(address(community, "publish/")).json()["code"] == "not_allowed"
    staff = f"/api/v1/staff/vetting/{community.pk}/"
    waiting = curator.get("/api/v1/staff/vetting/").json()["results"]
    assert {row["community"]["id"] for row in waiting} == {world.newcomer.pk, community.pk}
    sent_back = curator.post(f"{staff}request-changes/", {"reason": "letter_missing", "text": "Please send it."}, content_type=JSON)
    assert sent_back.status_code == 201
    assert stranger.get(address(community)).json()["notes"][0]["reason"] == "letter_missing"
    assert stranger.post(address(community, "submit/")).status_code == 200
    read = curator.get(staff).json()
    assert read["registrants"][0]["email"] == "stranger@example.org"
    stale = curator.post(f"{staff}publish/", {"revision": read["revision"] - 1}, content_type=JSON)
    assert (stale.status_code, stale.json()["code"]) == (409, "newer_draft")
    assert curator.post(f"{staff}publish/", {"revision": read["revision"]}, content_type=JSON).json()["version"] == 1
    shown = Client().get(f"/api/v1/communities/{community.pk}/").json()
    assert shown["profile"]["story"]["text"] == world.a.profile.draft["story"]["text"]
    assert "authority" in shown["profile"]
    assert stranger.post(address(community, "publish/")).json()["number"] == 2


@pytest.mark.parametrize(
    ("act", "then"), [("pause", "paused"), ("fulfil", "fulfilled"), ("confirm", "published"), ("withdraw", "withdrawn")]
)
def test_acts_of_the_owner(world: World, act: str, then: str) -> None:
    client = world.client("official")
    assert client.post(address(world.a, f"{act}/")).json()["status"] == then
    assert client.post(address(world.a, "resume/")).status_code == (200 if then in {"paused", "fulfilled"} else 409)


def test_letter_is_stored_and_only_ever_downloaded(world: World) -> None:
    client = world.client("unvetted")
    upload = SimpleUploadedFile("../../evil.html", PDF, content_type="text/html")
    sent = client.post(address(world.newcomer, "letters/"), {"letter": upload})
    assert sent.status_code == 201
    assert sent.json()["content_type"] == "application/pdf"
    got = client.get(address(world.newcomer, f"letters/{sent.json()['id']}/"))
    assert b"".join(got.streaming_content) == PDF
    assert got["Content-Disposition"].startswith("attachment")
    assert VettingLetter.objects.get().file.name.endswith(".pdf")
    assert "evil" not in VettingLetter.objects.get().file.name


def test_letter_of_another_kind_is_refused(world: World) -> None:
    page = SimpleUploadedFile("letter.pdf", b"<html>", content_type="application/pdf")
    answer = world.client("unvetted").post(address(world.newcomer, "letters/"), {"letter": page})
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["letter"]


def test_letter_of_one_community_is_not_found_under_another(world: World) -> None:
    letter = VettingLetterFactory(profile=world.newcomer.profile)
    assert world.client("official").get(address(world.a, f"letters/{letter.pk}/")).status_code == 404
    assert world.client("official").get(address(world.newcomer, f"letters/{letter.pk}/")).status_code == 404
