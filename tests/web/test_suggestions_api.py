"""Blind mutual opt-in through the API: the other side's answer shows in nothing, before both are
interested.
"""

from __future__ import annotations

from typing import Any

import pytest

from backend.suggestions.models import Decision
from tests.actors import World
from tests.factories import PairFactory, SuggestionFactory

JSON = "application/json"


def address(world: World, suggestion_id: int, side: str = "a") -> str:
    return f"/api/v1/communities/{getattr(world, side).pk}/suggestions/{suggestion_id}/"


def give(world: World, actor: str, suggestion_id: int, answer: str, **more: str) -> Any:
    side = "a" if actor == "official" else "b"
    return world.client(actor).post(
        f"{address(world, suggestion_id, side)}answer/",
        {"answer": answer, **more},
        content_type=JSON,
    )


def test_second_interest_makes_it_mutual_for_both(world: World) -> None:
    suggestion = world.released()
    assert give(world, "official", suggestion.pk, "interested").json()["state"] == "waiting"
    assert give(world, "chair", suggestion.pk, "interested").json()["state"] == "mutual"
    assert world.client("official").get(address(world, suggestion.pk)).json()["state"] == "mutual"


@pytest.mark.parametrize(
    ("act", "own"),
    [
        ("interested", ""),
        ("declined", ""),
        ("withdrawn", ""),
        ("declined", "interested"),
        ("interested", "declined"),
        ("withdrawn", "declined"),
        ("declined", "declined"),
    ],
)
def test_answer_of_the_other_side_changes_no_byte(world: World, act: str, own: str) -> None:
    suggestion = world.released()
    if own:
        give(
            world,
            "official",
            suggestion.pk,
            own,
            **({"reason": "no_fit"} if own == "declined" else {}),
        )
    reader = world.client("official")
    lists = f"/api/v1/communities/{world.a.pk}/suggestions/"
    trail = f"/api/v1/communities/{world.a.pk}/events/"
    before = [reader.get(url).content for url in (address(world, suggestion.pk), lists, trail)]
    first = "declined" if act == "declined" else "interested"
    assert (
        give(
            world,
            "chair",
            suggestion.pk,
            first,
            **({"reason": "country", "comment": "Secret"} if first == "declined" else {}),
        ).status_code
        == 200
    )
    if act == "withdrawn":
        assert give(world, "chair", suggestion.pk, "withdrawn").status_code == 200
    assert [
        reader.get(url).content for url in (address(world, suggestion.pk), lists, trail)
    ] == before


def test_answering_after_a_hidden_decline_looks_like_answering_before(world: World) -> None:
    suggestion = world.released()
    give(world, "chair", suggestion.pk, "declined", reason="no_fit")
    response = give(world, "official", suggestion.pk, "interested")
    assert response.status_code == 200
    assert response.json()["state"] == "waiting"


def test_decline_needs_a_reason_and_interest_takes_none(world: World) -> None:
    suggestion = world.released()
    assert list(give(world, "official", suggestion.pk, "declined").json()["errors"]) == ["reason"]
    assert list(
        give(world, "official", suggestion.pk, "interested", reason="no_fit").json()["errors"]
    ) == ["reason"]
    assert not Decision.objects.exists()


def test_second_answer_of_one_side_is_a_conflict(world: World) -> None:
    suggestion = world.released()
    give(world, "official", suggestion.pk, "interested")
    again = give(world, "official", suggestion.pk, "interested")
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")


def test_capacity_is_named(world: World) -> None:
    suggestion = world.released()
    full = [PairFactory(a=world.a) for _ in range(3)]
    for pair in full:
        SuggestionFactory(pair=pair, mutual=True)
    response = give(world, "official", suggestion.pk, "interested")
    assert (response.status_code, response.json()["code"]) == (409, "capacity_reached")
    assert not Decision.objects.exists()


def test_staff_see_both_answers_and_reasons_in_words(world: World) -> None:
    contribution = {
        "facet": "needs_offers",
        "share": 0.4,
        "similarity": 0.9,
        "weight": 0.3,
        "items": [["topic:water_management", 0.4]],
    }
    reasons = {
        "preference": 0.6,
        "coverage": 0.8,
        "contributions": [contribution],
        "missing": ["ties"],
        "caveat": "coverage",
    }
    suggestion = world.released(a_reasons=reasons)
    give(world, "official", suggestion.pk, "interested")
    seen = world.client("curator").get(f"/api/v1/staff/suggestions/{suggestion.pk}/").json()
    assert (seen["a"]["state"], seen["b"]["state"]) == ("interested", "pending")
    own = world.client("official").get(address(world, suggestion.pk)).json()["own"]
    assert [sentence.casefold() for sentence in own["reasons"]["sentences"]] == [
        "you need water management; beta offers it."
    ]
    assert own["reasons"]["caveat"]
    assert own["reasons"]["contributions"][0]["share"] == 0.4
    theirs = world.client("chair").get(address(world, suggestion.pk, "b")).json()["other"]
    assert theirs["reasons"] == own["reasons"]


def test_staff_release_and_hold(world: World) -> None:
    suggestion = world.released(proposed=True)
    staff = f"/api/v1/staff/suggestions/{suggestion.pk}/"
    assert world.client("official").get(address(world, suggestion.pk)).status_code == 404
    assert world.client("curator").post(f"{staff}release/").json()["status"] == "released"
    assert world.client("official").get(address(world, suggestion.pk)).status_code == 200
    assert world.client("curator").post(f"{staff}hold/").json()["status"] == "held"
    assert world.client("official").get(address(world, suggestion.pk)).status_code == 404
