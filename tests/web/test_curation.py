"""Staff's rules on suggestions, in pages and through the API."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from backend.introductions.statistics import TABLES, Scope, statistics_table
from backend.suggestions.models import Decision, ExclusionRule, ReleasePolicy, Suggestion
from backend.suggestions.services import answer_suggestion, undo_answer
from tests.actors import World
from tests.division import one_in
from tests.factories import CommunityFactory, PlaceFactory, SuggestionFactory, document
from tests.web.html_forms import forms_of, one_line, url

pytestmark = pytest.mark.usefixtures("shared_world")

# Policy, exclusion rules, several at once and pairs by hand, on staff's pages.


def test_policy_is_set_by_score_and_shown_with_its_history(world: World) -> None:
    curator = world.client("curator")
    wrong = curator.post(url("staff_policy"), {"mode": "above", "because": "Try."})
    assert wrong.status_code == 422
    assert "lowest score" in wrong.text
    assert (
        curator.post(
            url("staff_policy"), {"mode": "above", "threshold": "0.625", "because": "Try."}
        ).status_code
        == 302
    )
    assert ReleasePolicy.objects.get().threshold == 0.625
    html = curator.get(url("staff_policy")).text
    assert "Try." in html
    assert "score 0.625 and above" in curator.get(url("staff_suggestions")).text
    assert world.client("admin").get(url("staff_policy")).status_code == 200
    assert (
        world.client("admin")
        .post(url("staff_policy"), {"mode": "all", "because": "No."})
        .status_code
        == 404
    )


def test_several_are_released_with_a_word_on_each_that_was_not(world: World) -> None:
    waiting, gone = (
        SuggestionFactory(pair=world.pair, proposed=True),
        SuggestionFactory(status="expired"),
    )
    posted = {
        "act": "release",
        "suggestion_ids": [waiting.pk, gone.pk],
        "after": url("staff_suggestions") + "?status=proposed",
    }
    response = world.client("curator").post(url("staff_suggestions_act"), posted, follow=True)
    html = response.text
    assert response.redirect_chain == [(posted["after"], 302)]
    assert "1 suggestion is released." in html
    assert f"Suggestion {gone.pk}:" in html
    waiting.refresh_from_db()
    assert waiting.status == "released"
    assert (
        world.client("curator").post(url("staff_suggestions_act"), {"act": "release"}).status_code
        == 400
    )


RULE_FORM = {
    "because": "A rule <of> law.",
    "source": "https://example.org/law",
    "from_on": "2026-01-01",
}


def test_jurisdiction_is_barred_by_the_name_of_its_region(world: World) -> None:
    PlaceFactory(country=world.b.country, admin1_code="02", admin1="Bavaria")
    curator = world.client("curator")
    wrong = curator.post(
        url("staff_exclusion_rules"), RULE_FORM | {"country": "DE", "admin1": "Atlantis"}
    )
    assert wrong.status_code == 422
    assert "Regions there are: Bavaria" in wrong.text
    assert (
        curator.post(
            url("staff_exclusion_rules"),
            RULE_FORM | {"country": "DE", "admin1": "bavaria", "home_admin1_code": "CA"},
        ).status_code
        == 302
    )
    rule = ExclusionRule.objects.get()
    assert (rule.country_id, rule.admin1_code, rule.home_admin1_code) == ("DE", "02", "CA")
    html = one_line(curator.get(url("staff_exclusion_rules")).text)
    assert "California – Bavaria, Germany" in html
    assert "A rule &lt;of&gt; law." in html
    assert (
        curator.post(url("staff_exclusion_rule_lift", rule.pk), {"because": "Ended."}).status_code
        == 302
    )
    assert "Ended." in curator.get(url("staff_exclusion_rules")).text


def test_pair_is_barred_from_its_suggestion(world: World) -> None:
    suggestion = SuggestionFactory(pair=world.pair)
    curator = world.client("curator")
    address = f"{url('staff_exclusion_rules')}?home_id={world.a.pk}&abroad_id={world.b.pk}"
    assert address.replace("&", "&amp;") in curator.get(url("staff_suggestion", suggestion.pk)).text
    assert "Alpha – Beta" in curator.get(address).text
    assert curator.post(address, RULE_FORM).status_code == 302
    assert ExclusionRule.objects.get().pair == world.pair
    page = world.client("official").get(url("suggestion", world.a.pk, suggestion.pk)).text
    assert "no longer offered" in page and "of law" not in page
    assert (
        curator.get(
            f"{url('staff_exclusion_rules')}?home_id={world.b.pk}&abroad_id={world.a.pk}"
        ).status_code
        == 404
    )


def test_pair_is_found_looked_at_and_proposed(world: World) -> None:
    curator = world.client("curator")
    assert (
        "No published community abroad"
        in curator.get(url("staff_propose"), {"home": "Alp", "abroad": "Nowhere"}).text
    )
    html = curator.get(url("staff_propose"), {"home": "Alp", "abroad": "Gam"}).text
    assert f'value="{world.a.pk}"' in html and f'value="{world.c.pk}"' in html
    address = f"{url('staff_propose')}?home_id={world.a.pk}&abroad_id={world.c.pk}"
    assert "What Alpha gains" in curator.get(address).text
    assert curator.post(address, {"because": ""}).status_code == 422
    made = curator.post(address, {"because": "The mayors are cousins.", "release_now": "on"})
    suggestion = Suggestion.objects.get()
    assert made.url == url("staff_suggestion", suggestion.pk)
    assert "The mayors are cousins." in curator.get(made.url).text
    assert (
        "cousins"
        not in world.client("official").get(url("suggestion", world.a.pk, suggestion.pk)).text
    )
    assert "have an open suggestion already" in curator.get(address).text


def test_wish_is_shown_and_set_aside(world: World) -> None:
    picky = CommunityFactory(
        name="Picky",
        published=True,
        published__document=document(sought={"excluded_countries": ["DE"]}),
    )
    address = f"{url('staff_propose')}?home_id={picky.pk}&abroad_id={world.b.pk}"
    curator = world.client("curator")
    assert "Picky excludes Germany." in curator.get(address).text
    assert "why the wishes named above" in curator.post(address, {"because": "They met."}).text
    assert (
        curator.post(
            address, {"because": "They met.", "overridden_because": "The mayor asks."}
        ).status_code
        == 302
    )


def test_bar_is_shown_and_leaves_no_form(world: World) -> None:
    curator = world.client("curator")
    curator.post(url("staff_exclusion_rules"), RULE_FORM | {"country": "DE"})
    address = f"{url('staff_propose')}?home_id={world.a.pk}&abroad_id={world.b.pk}"
    html = curator.get(address).text
    assert "Excluded by staff" in html
    assert not [form for form in forms_of(html) if "because" in form.values]
    assert curator.post(address, {"because": "Still."}).status_code == 409


# Curation through the API, with the same rules as the pages.


JSON = "application/json"
API = "/api/v1/staff/"
RULE = {
    "because": "The ministry says so.",
    "source": "https://example.org",
    "from_on": "2026-01-01",
}


def post(client: Client, path: str, body: dict[str, Any]) -> Any:
    return client.post(API + path, body, content_type=JSON)


def test_policy_is_set_and_its_history_kept(world: World) -> None:
    curator = world.client("curator")
    assert (
        post(curator, "release-policies/", {"mode": "above", "because": "Try."}).status_code == 422
    )
    assert (
        post(
            curator, "release-policies/", {"mode": "above", "threshold": 0.6, "because": "Try."}
        ).status_code
        == 201
    )
    assert (
        post(curator, "release-policies/", {"mode": "by_hand", "because": "Too many."}).status_code
        == 201
    )
    rows = world.client("admin").get(f"{API}release-policies/").json()["results"]
    assert [(row["mode"], row["threshold"]) for row in rows] == [("by_hand", None), ("above", 0.6)]
    assert (
        post(
            world.client("admin"), "release-policies/", {"mode": "all", "because": "No."}
        ).status_code
        == 404
    )


def test_bar_is_set_and_lifted(world: World) -> None:
    curator, suggestion = world.client("curator"), SuggestionFactory(pair=world.pair)
    assert post(curator, "exclusion-rules/", RULE).status_code == 422
    made = post(
        curator, "exclusion-rules/", RULE | {"home_id": world.a.pk, "abroad_id": world.b.pk}
    )
    assert made.status_code == 201, made.content
    assert [side["name"] for side in made.json()["communities"]] == ["Alpha", "Beta"]
    suggestion.refresh_from_db()
    assert suggestion.status == "superseded"
    number = made.json()["id"]
    assert (
        post(curator, f"exclusion-rules/{number}/lift/", {"because": "It has ended."}).json()[
            "lifted_because"
        ]
        == "It has ended."
    )
    assert (
        post(curator, f"exclusion-rules/{number}/lift/", {"because": "Again."}).status_code == 409
    )
    assert [row["id"] for row in curator.get(f"{API}exclusion-rules/").json()["results"]] == [
        number
    ]
    for actor in ("official", "chair", "stranger"):
        assert world.client(actor).get(f"{API}exclusion-rules/").status_code == 404


def test_several_are_released_and_held(world: World) -> None:
    waiting, gone = (
        SuggestionFactory(pair=world.pair, proposed=True),
        SuggestionFactory(status="expired"),
    )
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


# An answer in its window, and one that was undone, are nowhere.


def read_by_staff(world: World, suggestion: Suggestion) -> dict[str, Any]:
    """Every page, answer and figure of staff that an answer of A could change."""
    client = world.client("admin")
    paths = [
        url("staff_suggestions"),
        url("staff_suggestion", suggestion.pk),
        url("staff_events"),
        f"/communities/{world.a.pk}/",
        "/staff/records/outbox/event/",
        f"/api/v1/staff/suggestions/{suggestion.pk}/",
        "/api/v1/staff/suggestions/",
        "/api/v1/staff/events/",
        f"/api/v1/communities/{world.a.pk}/events/",
    ]
    seen: dict[str, Any] = {}
    for path in paths:
        response = client.get(path)
        assert response.status_code == 200, path
        seen[path] = re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", response.text)
    for table in TABLES:
        seen[table] = statistics_table(world.user("admin"), table, Scope())
    return seen


@pytest.mark.parametrize("given", one_in(2, ["declined", "interested"]))
def test_staff_read_nothing_of_an_answer_before_it_takes_effect(
    world: World, settings: Any, given: str
) -> None:
    settings.SUGGESTIONS = {**settings.SUGGESTIONS, "undo_seconds": 60}
    suggestion = world.released()
    official = world.user("official")
    before = read_by_staff(world, suggestion)
    trail = world.client("official").get(f"/api/v1/communities/{world.a.pk}/events/").json()
    of_a: dict[str, Any] = {"by": official, "suggestion_id": suggestion.pk}
    of_a["community_id"] = world.a.pk
    reason = "no_fit" if given == "declined" else ""
    answer_suggestion(**of_a, choice=given, reason=reason, comment="By mistake.")
    assert read_by_staff(world, suggestion) == before
    held = world.client("curator").post(f"/api/v1/staff/suggestions/{suggestion.pk}/hold/")
    assert (held.status_code, "two minutes" in held.json()["detail"]) == (409, True)
    undo_answer(**of_a)
    assert read_by_staff(world, suggestion) == before
    assert world.client("official").get(f"/api/v1/communities/{world.a.pk}/events/").json() == trail
    assert not Decision.objects.in_effect().exists()
    own = world.client("official").get("/api/v1/me/audit-log/").json()["results"]
    assert [event["topic"] for event in own] == [
        "suggestion_answer_undone",
        "suggestion_answered",
    ], "whose act it was reads it"


def test_answer_given_again_after_an_undo_is_read_when_it_takes_effect(
    world: World, settings: Any
) -> None:
    settings.SUGGESTIONS = {**settings.SUGGESTIONS, "undo_seconds": 60}
    suggestion = world.released()
    of_a: dict[str, Any] = {"by": world.user("official"), "suggestion_id": suggestion.pk}
    of_a["community_id"] = world.a.pk
    for _again in range(2):
        answer_suggestion(**of_a, choice="interested")
        undo_answer(**of_a)
    answer_suggestion(**of_a, choice="interested")
    settings.SUGGESTIONS = {**settings.SUGGESTIONS, "undo_seconds": 0}
    Suggestion.objects.update(a_final_at=None)
    read = world.client("admin").get(f"/api/v1/staff/suggestions/{suggestion.pk}/").json()
    assert read["a"]["state"] == "interested"
    page = world.client("admin").get(url("staff_suggestion", suggestion.pk)).text
    assert page.count("<strong>Interested</strong>") == 1
    topics = [
        event["topic"]
        for event in world.client("admin").get("/api/v1/staff/events/").json()["results"]
    ]
    assert topics == ["suggestion_answered"]
    assert statistics_table(world.user("admin"), "responses", Scope())[1][0][1] == 1
    # A withdrawal that is undone leaves the interest where it was
    settings.SUGGESTIONS = {**settings.SUGGESTIONS, "undo_seconds": 60}
    Decision.objects.update(at=suggestion.released_at)
    before = read_by_staff(world, suggestion)
    answer_suggestion(**of_a, choice="withdrawn")
    assert read_by_staff(world, suggestion) == before
    undo_answer(**of_a)
    assert read_by_staff(world, suggestion) == before
