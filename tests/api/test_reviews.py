"""Reviewing through the API: the same acts and rules as on the pages, each POST once for its key."""

from __future__ import annotations

from typing import Any

import pytest

from backend.outbox.models import Event
from backend.runtime import pdf_libraries
from backend.suggestions.models import Suggestion, Vote
from tests.actors import World
from tests.factories import CommunityFactory, SuggestionFactory

JSON = "application/json"


def at(world: World, path: str) -> str:
    return f"/api/v1/communities/{world.b.pk}/{path}"


def post(world: World, actor: str, path: str, body: dict[str, Any], key: str = "") -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return world.client(actor).post(at(world, path), body, content_type=JSON, headers=headers)


def test_vote_with_the_same_key_counts_once(world: World) -> None:
    suggestion = world.released()
    for _ in range(2):
        answer = post(world, "committee_member", f"suggestions/{suggestion.pk}/vote/", {"choice": "maybe", "comment": "A port?"}, "k1")
        assert answer.status_code == 200, answer.content
    assert answer["Idempotency-Replayed"] == "true"
    assert answer.json()["tally"] == {"yes": 0, "maybe": 1, "no": 0}
    assert answer.json()["own_vote"]["comment"] == "A port?"
    assert Event.objects.filter(topic="vote_cast").count() == 1
    removed = post(world, "committee_member", f"suggestions/{suggestion.pk}/vote/remove/", {"voter_id": world.user("committee_member").pk})
    assert removed.json()["own_vote"] is None and not Vote.objects.exists()


def test_answer_can_be_undone_until_the_moment_that_is_named(world: World, settings: Any) -> None:
    settings.SUGGESTIONS = {**settings.SUGGESTIONS, "undo_seconds": 60}
    suggestion = world.released()
    answered = post(world, "chair", f"suggestions/{suggestion.pk}/answer/", {"answer": "interested"}).json()
    assert (answered["state"], answered["undo_until"] is not None) == ("waiting", True)
    for _ in range(2):
        undone = post(world, "chair", f"suggestions/{suggestion.pk}/undo/", {}, "k2")
        assert (undone.status_code, undone.json()["state"], undone.json()["undo_until"]) == (200, "open", None)
    again = post(world, "chair", f"suggestions/{suggestion.pk}/undo/", {})
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")


def test_rule_binds_the_answer_and_says_why(world: World) -> None:
    suggestion = world.released()
    wrong = post(world, "chair", "answer-rule/", {"kind": "majority", "votes_needed": 9})
    assert (wrong.status_code, list(wrong.json()["errors"])) == (422, ["votes_needed"])
    assert post(world, "chair", "answer-rule/", {"kind": "majority", "votes_needed": 2}).json() == {"kind": "majority", "votes_needed": 2}
    refused = post(world, "chair", f"suggestions/{suggestion.pk}/answer/", {"answer": "interested"})
    assert (refused.status_code, refused.json()["code"]) == (409, "against_the_rule")
    review = world.client("chair").get(at(world, f"suggestions/{suggestion.pk}/review/")).json()
    assert "2 more" in review["objections"]["interested"] and review["rule"]["kind"] == "majority"


def test_queue_is_narrowed_and_counted_alike(world: World) -> None:
    suggestion = world.released()
    other = CommunityFactory(published=True)
    SuggestionFactory(pair__a=world.b, pair__b=other, a_state="interested")
    post(world, "chair", f"suggestions/{suggestion.pk}/shortlist/", {"listed": True})
    client = world.client("chair")
    counts = client.get(at(world, "suggestions/counts/")).json()
    assert counts["shown"] == {"all": 2, "awaiting_me": 1, "new": 1, "shortlist": 1, "answered": 1}
    for shown, count in counts["shown"].items():
        assert len(client.get(at(world, f"suggestions/?shown={shown}")).json()["results"]) == count, shown
    assert client.get(at(world, "suggestions/?theme=nonsense")).status_code == 422
    assert len(client.get(at(world, "suggestions/?theme=trade&country=US")).json()["results"]) == 2


def test_candidates_are_compared_with_distance_and_working_hours(world: World) -> None:
    first = world.released()
    second = SuggestionFactory(pair__a=world.b, pair__b=CommunityFactory(published=True))
    client = world.client("committee_member")
    found = client.get(at(world, f"suggestions/compare/?ids={second.pk},{first.pk}")).json()["candidates"]
    assert [row["suggestion"]["id"] for row in found] == [second.pk, first.pk]
    assert found[0]["distance_km"] == 0 and found[0]["working_hours"][0]["shared_hours"] == 8
    assert client.get(at(world, f"suggestions/compare/?ids={first.pk}")).status_code == 422
    assert client.get(at(world, f"suggestions/compare/?ids={first.pk},{SuggestionFactory().pk}")).status_code == 404


@pytest.mark.skipif(not pdf_libraries.are_there(), reason="PDF TEST SKIPPED: this machine has no Pango")
def test_dossier_is_a_pdf_for_that_side_alone(world: World) -> None:
    suggestion = world.released()
    answer = world.client("committee_member").get(at(world, f"suggestions/{suggestion.pk}/dossier/"))
    assert answer["Content-Type"] == "application/pdf" and b"".join(answer).startswith(b"%PDF")
    for actor in ("official", "stranger", "curator", "unvetted"):
        assert world.client(actor).get(at(world, f"suggestions/{suggestion.pk}/dossier/")).status_code == 404
    Suggestion.objects.filter(pk=suggestion.pk).update(status="held")
    assert world.client("chair").get(at(world, f"suggestions/{suggestion.pk}/dossier/")).status_code == 404
