"""Curation through the API, with the same rules as the pages."""

from __future__ import annotations

from typing import Any

from django.test import Client

from backend.suggestions.models import Suggestion
from tests.actors import World
from tests.factories import SuggestionFactory

JSON = "application/json"
API = "/api/v1/staff/"
BAR = {"because": "The ministry says so.", "source": "https://example.org", "from_on": "2026-01-01"}


def post(client: Client, path: str, body: dict[str, Any]) -> Any:
    return client.post(API + path, body, content_type=JSON)


def test_policy_is_set_and_its_history_kept(world: World) -> None:
    curator = world.client("curator")
    assert post(curator, "release-policies/", {"mode": "above", "because": "Try."}).status_code == 422
    assert post(curator, "release-policies/", {"mode": "above", "threshold": 0.6, "because": "Try."}).status_code == 201
    assert post(curator, "release-policies/", {"mode": "by_hand", "because": "Too many."}).status_code == 201
    rows = world.client("admin").get(f"{API}release-policies/").json()["results"]
    assert [(row["mode"], row["threshold"]) for row in rows] == [("by_hand", None), ("above", 0.6)]
    assert post(world.client("admin"), "release-policies/", {"mode": "all", "because": "No."}).status_code == 404


def test_bar_is_set_and_lifted(world: World) -> None:
    curator, suggestion = world.client("curator"), SuggestionFactory(pair=world.pair)
    assert post(curator, "bars/", BAR).status_code == 422
    made = post(curator, "bars/", BAR | {"home_id": world.a.pk, "abroad_id": world.b.pk})
    assert made.status_code == 201, made.content
    assert [side["name"] for side in made.json()["communities"]] == ["Alpha", "Beta"]
    suggestion.refresh_from_db()
    assert suggestion.status == "superseded"
    number = made.json()["id"]
    assert post(curator, f"bars/{number}/lift/", {"because": "It has ended."}).json()["lifted_because"] == "It has ended."
    assert post(curator, f"bars/{number}/lift/", {"because": "Again."}).status_code == 409
    assert [row["id"] for row in curator.get(f"{API}bars/").json()["results"]] == [number]
    for actor in ("official", "chair", "stranger"):
        assert world.client(actor).get(f"{API}bars/").status_code == 404


def test_several_are_released_and_held(world: World) -> None:
    waiting, gone = SuggestionFactory(pair=world.pair, proposed=True), SuggestionFactory(status="expired")
    curator, ids = world.client("curator"), {"suggestion_ids": [waiting.pk, gone.pk]}
    released = post(curator, "suggestions/release/", ids).json()
    assert released["done"] == [waiting.pk]
    assert [row["suggestion_id"] for row in released["refused"]] == [gone.pk]
    assert post(curator, "suggestions/hold/", ids).json()["done"] == [waiting.pk]
    assert post(curator, "suggestions/hold/", {"suggestion_ids": []}).status_code == 422


def test_pair_is_assessed_and_proposed_by_hand(world: World) -> None:
    curator = world.client("curator")
    sides = {"home_id": world.a.pk, "abroad_id": world.c.pk}
    found = curator.get(f"{API}proposals/assessment/", sides).json()
    assert found["is_possible"] is True
    assert found["home"]["community"]["name"] == "Alpha"
    made = post(curator, "proposals/", sides | {"because": "The mayors met.", "release_now": True})
    assert (made.status_code, made.json()["status"]) == (201, "released")
    assert made.json()["score"] == found["score"]
    again = post(curator, "proposals/", sides | {"because": "Once more."})
    assert (again.status_code, again.json()["code"]) == (409, "not_eligible")
    assert world.client("admin").get(f"{API}proposals/assessment/", sides).status_code == 404
    assert Suggestion.objects.count() == 1
