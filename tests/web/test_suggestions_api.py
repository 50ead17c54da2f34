"""Blind mutual opt-in through the API: the other side's answer shows in nothing, before both are
interested.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from backend.cities.models import Profile
from backend.common.dates import database_now
from backend.notifications.models import Notification
from backend.outbox.models import Event
from backend.suggestions.models import Decision, ShortlistEntry, Suggestion, Vote
from backend.suggestions.services import answer_suggestion, cast_vote, hold, undo_answer
from backend.suggestions.services.curation import set_exclusion_rule
from tests.actors import World
from tests.factories import (
    CommunityFactory,
    PairFactory,
    ProfileVersionFactory,
    SuggestionFactory,
    VoteFactory,
    document,
)
from tests.web.html_forms import forms_of, url

pytestmark = pytest.mark.usefixtures("shared_world")

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
        "lift": 1.2,
        "items": [["topic:water_management", 0.4, 3, 60]],
    }
    reasons = {
        "preference": 0.6,
        "coverage": 0.8,
        "contributions": [contribution],
        "missing_own": ["ties"],
        "missing_other": ["story"],
        "not_counted": ["distance"],
        "caveat": "coverage",
    }
    for side in (world.a, world.b):
        water = {"needs": ["water_management"], "offers": ["water_management"]}
        answers = document(needs_offers=water)
        side.profile.current_version = ProfileVersionFactory(profile=side.profile, data=answers)
        side.profile.save()
    suggestion = world.released(a_reasons=reasons, b_reasons=reasons)
    give(world, "official", suggestion.pk, "interested")
    seen = world.client("curator").get(f"/api/v1/staff/suggestions/{suggestion.pk}/").json()
    assert (seen["a"]["state"], seen["b"]["state"]) == ("interested", "pending")
    own = world.client("official").get(address(world, suggestion.pk)).json()["own"]
    assert own["reasons"]["gains"] == [
        {
            "code": "needs_met",
            "words": "Beta offers what you need: water management (3 of 60 candidates).",
            "items": [
                {
                    "code": "topic:water_management",
                    "words": "Water management",
                    "offered_by": 3,
                    "candidates": 60,
                }
            ],
        }
    ]
    assert own["reasons"]["caveat"]["words"].startswith("1 kind of fit could not be compared")
    gaps = {name: own["reasons"][name] for name in ("missing_own", "missing_other", "not_counted")}
    assert gaps == {"missing_own": ["ties"], "missing_other": [], "not_counted": ["distance"]}
    assert [one["code"] for one in own["reasons"]["possible"]] == ["languages", "hours"]
    assert (own["reasons"]["needs_met"], own["reasons"]["in_common"]) == (1, [])
    assert own["reasons"]["contributions"][0]["lift"] == 1.2
    theirs = world.client("chair").get(address(world, suggestion.pk, "b")).json()["other"]
    (named,) = theirs["reasons"]["gains"]
    assert named["words"] == "Beta offers what Alpha needs: water management."
    assert named["items"][0]["candidates"] is None, "it rests on the wishes of the other side"
    assert seen["a"]["reasons"]["gains"][0]["items"][0]["candidates"] == 60


def test_staff_release_and_hold(world: World) -> None:
    suggestion = world.released(proposed=True)
    staff = f"/api/v1/staff/suggestions/{suggestion.pk}/"
    assert world.client("official").get(address(world, suggestion.pk)).status_code == 404
    assert world.client("curator").post(f"{staff}release/").json()["status"] == "released"
    assert world.client("official").get(address(world, suggestion.pk)).status_code == 200
    assert world.client("curator").post(f"{staff}hold/").json()["status"] == "held"
    assert world.client("official").get(address(world, suggestion.pk)).status_code == 410


def act_for_b(world: World, suggestion_id: int, act: str, body: dict[str, str]) -> Any:
    path = f"{address(world, suggestion_id, 'b')}{act}/"
    return world.client("official").post(
        path, body, content_type="application/json", headers={"Idempotency-Key": act}
    )


@pytest.mark.parametrize("first", ["interested", "declined", "vote", "undone"])
@pytest.mark.parametrize("second", ["answer", "vote"])
def test_nobody_acts_for_both_sides_and_staff_are_notified_once(
    world: World, drain: Any, settings: Any, first: str, second: str
) -> None:
    settings.SUGGESTIONS = {**settings.SUGGESTIONS, "undo_seconds": 60}
    suggestion, both = world.released(), world.in_both()
    mine: dict[str, Any] = {"suggestion_id": suggestion.pk, "community_id": world.a.pk}
    if first == "vote":
        cast_vote(by=both, choice="yes", **mine)
    else:
        given = "declined" if first == "declined" else "interested"
        reason = "no_fit" if first == "declined" else ""
        answer_suggestion(by=both, choice=given, reason=reason, **mine)
    if first == "undone":
        undo_answer(by=both, **mine)
    body = {"answer": {"answer": "interested"}, "vote": {"choice": "no"}}[second]
    responses = [act_for_b(world, suggestion.pk, second, body) for _ in range(2)]
    drain()
    told = Notification.objects.filter(kind="second_side_refused")
    if first == "undone":
        assert responses[0].status_code in (200, 201) and not told.exists()
        return
    assert {response.status_code for response in responses} == {409}
    assert responses[0].json()["code"] == "acts_for_other_side"
    # Not what they have said there, nor whether anybody has answered besides
    assert responses[0].json()["detail"] == (
        "You have already acted for Alpha. Nobody acts for both sides of a pair: another person of "
        "Beta does this. Staff have been notified."
    )
    assert not Decision.objects.filter(community=world.b).exists()
    assert not Vote.objects.filter(community=world.b).exists()
    assert [note.recipient for note in told] == [world.user("curator")]
    trail = world.client("chair").get(f"/api/v1/communities/{world.b.pk}/events/").json()
    assert trail["results"] == []


def test_page_says_that_somebody_else_answers_for_the_second_side(world: World) -> None:
    suggestion, both = world.released(), world.in_both()
    mine: dict[str, Any] = {"suggestion_id": suggestion.pk, "community_id": world.a.pk}
    cast_vote(by=both, choice="yes", **mine)
    page = f"/communities/{world.b.pk}/suggestions/{suggestion.pk}/"
    shown = world.client("official").get(page).content.decode()
    assert shown.count("You have already acted for Alpha.") == 2  # at the vote and at the answer
    assert f"{page}answer/" not in shown
    assert f"{page}vote/" not in shown
    refused = world.client("official").post(f"{page}answer/", {"answer": "interested"})
    assert refused.status_code == 409
    assert Event.objects.filter(topic="second_side_refused", by=both).count() == 1


# What was offered and is no longer.


def without_ids(body: str) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"|"request_id":"[^"]*"', "", body)


def test_suggestion_that_is_no_longer_offered_says_so_and_keeps_what_was_written(
    world: World,
) -> None:
    suggestion = world.released()
    chair, b = world.client("chair"), world.b.pk
    for actor in ("chair", "committee_member"):
        VoteFactory(
            suggestion=suggestion, community=world.b, by=world.user(actor), comment=f"By {actor}."
        )
    ShortlistEntry.objects.create(
        suggestion=suggestion, community=world.b, added_by=world.user("chair")
    )
    VoteFactory(suggestion=suggestion, community=world.a, comment="Of the other side.")
    page = url("suggestion", b, suggestion.pk)
    api = f"/api/v1/communities/{b}/suggestions/{suggestion.pk}/"
    second = SuggestionFactory(
        pair__a=world.b, pair__b=CommunityFactory(published=True, country_code="US")
    )
    comparisons = (
        f"{url('suggestion_compare', b)}?s={second.pk}&s={suggestion.pk}",
        f"/api/v1/communities/{b}/suggestions/compare/?ids={second.pk},{suggestion.pk}",
    )

    def everything(actor: str = "chair") -> list[Any]:
        client, seen = world.client(actor), []
        dossiers = (f"{api}dossier/", f"{page}dossier/")
        for path in (page, api, f"{api}review/", *dossiers, *comparisons):
            response = client.get(path)
            seen += [response.status_code, response.get("Location"), without_ids(response.text)]
        for path, body in (
            ("answer/", {"answer": "interested"}),
            ("undo/", {}),
            ("vote/", {"choice": "yes"}),
            ("vote/remove/", {}),
            ("vote/set-aside/", {"voter_id": world.user("committee_member").pk, "because": "No."}),
            ("shortlist/", {"listed": False}),
        ):
            response = client.post(api + path, body, content_type="application/json")
            seen += [path, response.status_code, response.json()["detail"]]
        return seen

    ways: dict[str, Callable[[], object]] = {
        "held": lambda: hold(by=world.user("curator"), suggestion_id=suggestion.pk),
        "excluded": lambda: set_exclusion_rule(
            by=world.user("curator"),
            country="DE",
            because="A secret reason.",
            source="A letter.",
            from_on=database_now().date(),
        ),
        "superseded": lambda: Suggestion.objects.filter(pk=suggestion.pk).update(
            status="superseded"
        ),
        "they seek no longer": lambda: Profile.objects.filter(community=world.a).update(
            status="withdrawn"
        ),
        "excluded, declined in secret": lambda: (
            Suggestion.objects.filter(pk=suggestion.pk).update(
                status="declined", a_state="declined"
            ),
            ways["excluded"](),
        ),
    }
    seen = {}
    for way, act in ways.items():
        with transaction.atomic():
            act()
            seen[way] = everything()
            transaction.set_rollback(True)
    assert all(value == seen["held"] for value in seen.values()), "one sentence for every cause"
    with transaction.atomic():
        ways["held"]()
        html = chair.get(page).text
        assert "This suggestion is no longer offered" in html and "Shortlist" in html
        assert "By chair." in html and "By committee_member." in html
        assert "Of the other side." not in html
        assert not [form for form in forms_of(html) if form.action.startswith(page)]
        assert [chair.get(path).status_code for path in comparisons] == [410, 410]
        problem = chair.get(api)
        assert (problem.status_code, problem.json()["code"]) == (410, "gone")
        assert len(chair.get(f"{api}review/").json()["votes"]) == 2
        assert chair.get(f"{page}dossier/")["Location"] == page
        assert chair.post(f"{page}vote/", {"choice": "no"}).status_code == 410
        assert "Alpha</p>" not in chair.get(url("suggestions", b)).text
        for actor in ("stranger", "other_official", "unvetted", "visitor"):
            assert world.client(actor).get(api).status_code in (401, 404), actor
        transaction.set_rollback(True)
    assert chair.get(page).status_code == 200 and chair.get(api).json()["state"] == "open"
    # Never seen by the side, and held: there is nothing
    Suggestion.objects.filter(pk=suggestion.pk).update(status="held", released_at=None)
    assert chair.get(page).status_code == chair.get(api).status_code == 404


def test_list_mail_api_and_comparison_have_one_order_and_others_on_demand(world: World) -> None:
    """The best place first, whatever the score, the mass and the time; the other's never shown."""
    Suggestion.objects.filter(pair__a=world.a).delete()
    made = []
    for place, needs, days in ((9, 2, 3), (2, 1, 9), (5, 3, 1)):
        other = CommunityFactory(published=True, country_code="DE")
        Profile.objects.filter(community=other).update(
            confirmed_at=database_now() - dt.timedelta(days=days)
        )
        made.append(
            SuggestionFactory(
                pair=PairFactory(a=world.a, b=other),
                a_rank=place,
                a_candidates=40,
                b_rank=7,
                b_candidates=4321,
                score=place / 10,
                expected_matches=place,
                a_reasons={"needs_met": needs, "contributions": []},
            ).pk
        )
    ninth, second, fifth = made
    reader = world.client("official")
    lists = f"/api/v1/communities/{world.a.pk}/suggestions/"

    def order(query: str = "") -> list[int]:
        rows, address = [], f"{lists}?page_size=1{query}"
        while address:  # the cursor follows the order too
            page = reader.get(address).json()
            rows += [row["id"] for row in page["results"]]
            address = page["next"]
        return rows

    best_first = [second, fifth, ninth]
    assert order() == order("&order=fit") == best_first
    assert order("&order=needs") == [fifth, ninth, second]
    assert order("&order=freshness") == [fifth, ninth, second]
    assert reader.get(f"{lists}?order=score").status_code == 422
    html = reader.get(url("suggestions", world.a.pk)).text
    shown = [int(pk) for pk in re.findall(r'<h2 class="hidden-text" id="s(\d+)"', html)]
    assert shown == best_first
    compared = reader.get(f"{lists}compare/?ids={ninth},{second}").json()["candidates"]
    assert [row["suggestion"]["id"] for row in compared] == [second, ninth]
    row = reader.get(lists).json()["results"][0]
    assert row["own"]["fit"] == {"word": "strong", "rank": 2, "candidates": 40}
    assert row["other"]["fit"] == {"word": "strong", "rank": None, "candidates": None}
    assert "4321" not in html and "4,321" not in html and "preference" not in str(row)
