"""Votes, shortlist, rule and comparison, in pages and through the API."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backend.cities.models import CommunityRole
from backend.outbox.models import Event
from backend.runtime import pdf_libraries
from backend.suggestions.models import AnswerRule, ShortlistEntry, Suggestion, Vote
from tests.actors import World
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    SuggestionFactory,
    VoteFactory,
    document,
)
from tests.web.conftest import SignIn
from tests.web.html_forms import form_to, one_line, url
from tests.web.test_suggestion_pages import REASONS, WATER, answer_url, detail_url, list_url

# The pages of a committee: queue with filters, votes, shortlist, comparison, rule, undo.


@pytest.fixture
def member(suggestion: Suggestion) -> CommunityRole:
    return CommunityRoleFactory(community=suggestion.pair.a, role="committee_member")


def at(name: str, role: CommunityRole, *ids: int) -> str:
    return url(name, role.community_id, *ids)


def candidates(role: CommunityRole, count: int) -> list[Suggestion]:
    made = []
    for index in range(count):
        languages = {"working": ["de"]} if index else {}
        answers = document(languages=languages, needs_offers=WATER)
        other = CommunityFactory(
            name=f"Candidate {index}",
            published=True,
            country_code="DE",
            published__document=answers,
        )
        made.append(
            SuggestionFactory(
                pair__a=role.community, pair__b=other, a_reasons=REASONS, b_reasons=REASONS
            )
        )
    return made


def test_member_votes_by_the_form_and_sees_it_again(
    suggestion: Suggestion, member: CommunityRole, sign_in: SignIn
) -> None:
    client = sign_in(member.user)
    form = form_to(
        client.get(detail_url(member, suggestion)).text,
        at("suggestion_vote", member, suggestion.pk),
    )
    assert (
        client.post(
            form.action, form.values | {"choice": "maybe", "comment": "A <b>port</b>?"}
        ).status_code
        == 302
    )
    html = client.get(detail_url(member, suggestion)).text
    assert "A &lt;b&gt;port&lt;/b&gt;?" in html
    assert "Change my vote" in html
    assert "0 yes, 1 maybe, 0 no" in client.get(list_url(member)).text
    form = form_to(html, at("suggestion_unvote", member, suggestion.pk))
    assert client.post(form.action, form.values).status_code == 302
    assert not Vote.objects.exists()


def test_vote_without_a_choice_keeps_the_comment(
    suggestion: Suggestion, member: CommunityRole, sign_in: SignIn
) -> None:
    response = sign_in(member.user).post(
        at("suggestion_vote", member, suggestion.pk), {"comment": "Long thought"}
    )
    assert response.status_code == 422
    assert "Choose yes, maybe or no." in response.text and "Long thought" in response.text


def test_comments_stay_in_the_community_and_members_vote_before_they_read(
    suggestion: Suggestion,
    official: CommunityRole,
    member: CommunityRole,
    other_official: CommunityRole,
    sign_in: SignIn,
) -> None:
    VoteFactory(
        suggestion=suggestion, community=official.community, by=official.user, comment="Between us."
    )
    html = sign_in(member.user).get(detail_url(member, suggestion)).text
    assert "Between us." not in html and "Once you have voted you read" in html
    assert "Between us." in sign_in(official.user).get(detail_url(official, suggestion)).text
    assert (
        "Between us."
        not in sign_in(other_official.user).get(detail_url(other_official, suggestion)).text
    )
    VoteFactory(suggestion=suggestion, community=member.community, by=member.user)
    html = sign_in(member.user).get(detail_url(member, suggestion)).text
    assert "Between us." in html and "Once you have voted you read" not in html


def test_vote_is_set_aside_by_the_form_and_put_back(
    suggestion: Suggestion,
    official: CommunityRole,
    member: CommunityRole,
    curator: Any,
    sign_in: SignIn,
) -> None:
    VoteFactory(suggestion=suggestion, community=member.community, by=member.user, choice="no")
    client = sign_in(official.user)
    where = ("suggestion_set_aside", official, suggestion.pk, member.user_id)
    form = form_to(client.get(detail_url(official, suggestion)).text, at(*where))
    empty = client.post(form.action, form.values)
    assert empty.status_code == 422 and "Say why in 1 to 1,000 characters" in empty.text
    assert client.post(form.action, form.values | {"because": "His <b>own</b>."}).status_code == 302
    for reader, path in (
        (official.user, detail_url(official, suggestion)),
        (member.user, detail_url(member, suggestion)),
        (curator, url("staff_votes", suggestion.pk)),
    ):
        html = sign_in(reader).get(path).text
        assert "His &lt;b&gt;own&lt;/b&gt;." in html and str(official.user) in html, path
    assert (
        f"voter: {member.user}" in sign_in(curator).get(url("staff_suggestion", suggestion.pk)).text
    ), "the trail says whose"
    client = sign_in(official.user)
    html = client.get(detail_url(official, suggestion)).text
    assert "Nobody has voted yet." in html
    form = form_to(html, at("suggestion_put_back", official, suggestion.pk, member.user_id))
    assert client.post(form.action, form.values).status_code == 302
    assert "Set aside: does not count" not in client.get(detail_url(official, suggestion)).text


def test_curator_reads_votes_of_both_sides_and_an_administrator_none(
    suggestion: Suggestion, official: CommunityRole, curator: Any, admin: Any, sign_in: SignIn
) -> None:
    VoteFactory(
        suggestion=suggestion, community=official.community, by=official.user, comment="Between us."
    )
    path = url("staff_votes", suggestion.pk)
    assert "Between us." in sign_in(curator).get(path).text
    assert sign_in(admin).get(path).status_code == 404
    assert sign_in(official.user).get(path).status_code == 404


def test_answer_is_undone_by_the_button_and_only_in_its_minute(
    suggestion: Suggestion, official: CommunityRole, sign_in: SignIn, settings: Any
) -> None:
    settings.SUGGESTIONS = {**settings.SUGGESTIONS, "undo_seconds": 60}
    client = sign_in(official.user)
    client.post(answer_url(official, suggestion), {"answer": "declined", "reason": "no_fit"})
    undo = at("suggestion_undo", official, suggestion.pk)
    form = form_to(client.get(detail_url(official, suggestion)).text, undo)
    assert client.post(form.action, form.values).status_code == 302
    suggestion.refresh_from_db()
    assert suggestion.a_state == "pending"
    client.post(answer_url(official, suggestion), {"answer": "interested"})
    Suggestion.objects.filter(pk=suggestion.pk).update(a_final_at="2026-01-01T00:00Z")
    assert undo not in client.get(detail_url(official, suggestion)).text
    refused = client.post(undo)
    assert refused.status_code == 409 and "it has taken effect" in refused.text


def test_decline_shows_the_courteous_words_that_everybody_reads_at_the_end(
    suggestion: Suggestion, official: CommunityRole, other_official: CommunityRole, sign_in: SignIn
) -> None:
    words = "That says nothing about your community"
    assert words in sign_in(official.user).get(detail_url(official, suggestion)).text
    Suggestion.objects.filter(pk=suggestion.pk).update(
        expires_at="2026-01-01T00:00Z", released_at="2025-11-01T00:00Z"
    )
    for status, state in (
        ("released", "pending"),
        ("declined", "declined"),
        ("expired", "expired"),
    ):
        Suggestion.objects.filter(pk=suggestion.pk).update(status=status, a_state=state)
        assert (
            words in sign_in(other_official.user).get(detail_url(other_official, suggestion)).text
        )


def test_shortlist_and_filters(
    suggestion: Suggestion, official: CommunityRole, sign_in: SignIn
) -> None:
    client = sign_in(official.user)
    form = form_to(
        client.get(list_url(official)).text, at("suggestion_shortlist", official, suggestion.pk)
    )
    assert client.post(form.action, form.values)["Location"] == list_url(official), (
        "back to the queue"
    )
    assert ShortlistEntry.objects.count() == 1
    page = list_url(official)
    assert "Shortlist (1)" in client.get(page).text
    for query, shown in (
        ("shown=shortlist", True),
        ("shown=answered", False),
        ("country=DE", True),
        ("theme=youth", False),
        ("country=XX", True),
        ("shown=nonsense", True),
        ("shown=awaiting_me&theme=trade", True),
    ):
        html = client.get(f"{page}?{query}").text
        assert ("Fernstadt</p>" in html) is shown, query
    assert "Show all" in client.get(f"{page}?shown=answered").text
    outside = client.post(
        at("suggestion_shortlist", official, suggestion.pk),
        {"listed": "no", "after": "//evil.example/"},
    )
    assert outside["Location"] == detail_url(official, suggestion)


def test_comparison_shows_gaps_as_gaps_in_one_table(
    official: CommunityRole, sign_in: SignIn
) -> None:
    made = candidates(official, 3)
    path = at("suggestion_compare", official)
    html = one_line(sign_in(official.user).get(path, {"s": [s.pk for s in made]}).text)
    for index in range(3):
        assert f"Candidate {index}" in html
    assert html.count("<table") >= 3 and "not answered" in html and "not known" in html
    assert "Candidate 1 offers what you need: water management (3 of 60 candidates)." in html
    row = re.search(r"Shared working language</th>(.*?)</tr>", html, re.DOTALL)
    assert row and row.group(1).count("100% / 100%") == 3


@pytest.mark.parametrize("count", [0, 1, 5])
def test_too_few_or_too_many_to_compare_is_said(
    official: CommunityRole, sign_in: SignIn, count: int
) -> None:
    ids = [s.pk for s in candidates(official, count)]
    response = sign_in(official.user).get(
        at("suggestion_compare", official), {"s": ids}, follow=True
    )
    assert f"Mark two to four suggestions to compare; you marked {count}." in response.text


@pytest.mark.parametrize("strange", ["x", "0", "99999999999999999999", "-1"])
def test_comparing_what_is_not_there_is_not_found(
    official: CommunityRole, sign_in: SignIn, strange: str
) -> None:
    (own,) = candidates(official, 1)
    assert (
        sign_in(official.user)
        .get(at("suggestion_compare", official), {"s": [own.pk, strange]})
        .status_code
        == 404
    )


def test_rule_is_set_by_the_form_and_binds(
    suggestion: Suggestion, official: CommunityRole, member: CommunityRole, sign_in: SignIn
) -> None:
    client, path = sign_in(official.user), at("answer_rule", official)
    assert sign_in(member.user).get(path).status_code == 404
    assert 'value="chair"' in client.get(path).text
    wrong = client.post(path, {"kind": "majority", "votes_needed": "7"})
    assert wrong.status_code == 422 and "Give a number from 1 to 2" in wrong.text
    assert client.post(path, {"kind": "majority", "votes_needed": "many"}).status_code == 422
    assert client.post(path, {"kind": "majority", "votes_needed": "2"}).status_code == 302
    assert AnswerRule.objects.get().votes_needed == 2
    html = client.get(detail_url(official, suggestion)).text
    assert "2 more are needed" in html
    assert (
        client.post(answer_url(official, suggestion), {"answer": "interested"}).status_code == 409
    )


def queries(client: Any, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


def test_queries_of_queue_and_comparison_do_not_grow(
    official: CommunityRole, sign_in: SignIn
) -> None:
    client = sign_in(official.user)
    made = candidates(official, 2)
    compare = at("suggestion_compare", official)
    client.get(list_url(official))
    few, pair = (
        queries(client, list_url(official)),
        queries(client, f"{compare}?s={made[0].pk}&s={made[1].pk}"),
    )
    made += candidates(official, 6)
    for suggestion in made:
        VoteFactory(suggestion=suggestion, community=official.community)
    # Where there are few, the page also says why
    assert queries(client, list_url(official)) <= few <= 21
    four = queries(client, f"{compare}?" + "&".join(f"s={s.pk}" for s in made[:4]))
    assert four <= pair + 4 and four <= 30, (pair, four)


# Reviewing through the API: the same acts and rules as on the pages, each POST once for its
# key.


JSON = "application/json"


def api_path(world: World, path: str) -> str:
    return f"/api/v1/communities/{world.b.pk}/{path}"


def post(world: World, actor: str, path: str, body: dict[str, Any], key: str = "") -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return world.client(actor).post(api_path(world, path), body, content_type=JSON, headers=headers)


def test_vote_with_the_same_key_counts_once(world: World) -> None:
    suggestion = world.released()
    for _ in range(2):
        response = post(
            world,
            "committee_member",
            f"suggestions/{suggestion.pk}/vote/",
            {"choice": "maybe", "comment": "A port?"},
            "k1",
        )
        assert response.status_code == 200, response.content
    assert response["Idempotency-Replayed"] == "true"
    assert response.json()["tally"] == {"yes": 0, "maybe": 1, "no": 0}
    assert response.json()["own_vote"]["comment"] == "A port?"
    assert Event.objects.filter(topic="vote_cast").count() == 1
    removed = post(
        world,
        "committee_member",
        f"suggestions/{suggestion.pk}/vote/remove/",
        {},
    )
    assert removed.json()["own_vote"] is None and not Vote.objects.exists()


def test_vote_is_set_aside_and_put_back_through_the_api(world: World) -> None:
    suggestion = world.released()
    voter = world.user("committee_member").pk
    vote = f"suggestions/{suggestion.pk}/vote/"
    post(world, "committee_member", vote, {"choice": "no"})
    wrong = post(world, "chair", f"{vote}set-aside/", {"voter_id": voter})
    assert (wrong.status_code, list(wrong.json()["errors"])) == (422, ["because"])
    body = {"voter_id": voter, "because": "Voted for another place."}
    done = post(world, "chair", f"{vote}set-aside/", body).json()
    assert done["tally"] == {"yes": 0, "maybe": 0, "no": 0}
    assert done["votes"][0]["set_aside"]["because"] == "Voted for another place."
    read = world.client("curator").get(f"/api/v1/staff/suggestions/{suggestion.pk}/votes/").json()
    assert read["votes"][0]["set_aside"]["by"] == str(world.user("chair"))
    back = post(world, "chair", f"{vote}put-back/", {"voter_id": voter}).json()
    assert (back["tally"]["no"], back["votes"][0]["set_aside"]) == (1, None)


def test_answer_can_be_undone_until_the_moment_that_is_named(world: World, settings: Any) -> None:
    settings.SUGGESTIONS = {**settings.SUGGESTIONS, "undo_seconds": 60}
    suggestion = world.released()
    answered = post(
        world, "chair", f"suggestions/{suggestion.pk}/answer/", {"answer": "interested"}
    ).json()
    assert (answered["state"], answered["undo_until"] is not None) == ("waiting", True)
    for _ in range(2):
        undone = post(world, "chair", f"suggestions/{suggestion.pk}/undo/", {}, "k2")
        assert (undone.status_code, undone.json()["state"], undone.json()["undo_until"]) == (
            200,
            "open",
            None,
        )
    again = post(world, "chair", f"suggestions/{suggestion.pk}/undo/", {})
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")


def test_rule_binds_the_answer_and_says_why(world: World) -> None:
    suggestion = world.released()
    wrong = post(world, "chair", "answer-rule/", {"kind": "majority", "votes_needed": 9})
    assert (wrong.status_code, list(wrong.json()["errors"])) == (422, ["votes_needed"])
    assert post(world, "chair", "answer-rule/", {"kind": "majority", "votes_needed": 2}).json() == {
        "kind": "majority",
        "votes_needed": 2,
    }
    refused = post(world, "chair", f"suggestions/{suggestion.pk}/answer/", {"answer": "interested"})
    assert (refused.status_code, refused.json()["code"]) == (409, "against_the_rule")
    review = (
        world.client("chair").get(api_path(world, f"suggestions/{suggestion.pk}/review/")).json()
    )
    assert "2 more" in review["objections"]["interested"] and review["rule"]["kind"] == "majority"


def test_queue_is_narrowed_and_counted_alike(world: World) -> None:
    suggestion = world.released()
    other = CommunityFactory(published=True)
    SuggestionFactory(pair__a=world.b, pair__b=other, a_state="interested")
    post(world, "chair", f"suggestions/{suggestion.pk}/shortlist/", {"listed": True})
    client = world.client("chair")
    counts = client.get(api_path(world, "suggestions/counts/")).json()
    assert counts["shown"] == {"all": 2, "awaiting_me": 1, "new": 1, "shortlist": 1, "answered": 1}
    for shown, count in counts["shown"].items():
        assert (
            len(client.get(api_path(world, f"suggestions/?shown={shown}")).json()["results"])
            == count
        ), shown
    for query in ("theme=nonsense", "shown=nonsense", "country=xx", "country=", "search=x"):
        assert client.get(api_path(world, f"suggestions/?{query}")).status_code == 422, query
    assert (
        len(client.get(api_path(world, "suggestions/?theme=trade&country=US")).json()["results"])
        == 2
    )


def test_candidates_are_compared_with_distance_and_working_hours(world: World) -> None:
    first = world.released()
    second = SuggestionFactory(pair__a=world.b, pair__b=CommunityFactory(published=True))
    client = world.client("committee_member")
    found = client.get(api_path(world, f"suggestions/compare/?ids={second.pk},{first.pk}")).json()[
        "candidates"
    ]
    assert [row["suggestion"]["id"] for row in found] == [first.pk, second.pk]
    assert found[1]["distance_km"] == 0 and found[1]["working_hours"][0]["shared_hours"] == 8
    assert client.get(api_path(world, f"suggestions/compare/?ids={first.pk}")).status_code == 422
    assert (
        client.get(
            api_path(world, f"suggestions/compare/?ids={first.pk},{SuggestionFactory().pk}")
        ).status_code
        == 404
    )


@pytest.mark.skipif(
    not pdf_libraries.are_there(), reason="PDF TEST SKIPPED: this machine has no Pango"
)
def test_dossier_is_a_pdf_for_that_side_alone(world: World) -> None:
    suggestion = world.released()
    response = world.client("committee_member").get(
        api_path(world, f"suggestions/{suggestion.pk}/dossier/")
    )
    assert response["Content-Type"] == "application/pdf" and b"".join(response).startswith(b"%PDF")
    for actor in ("official", "stranger", "curator", "unvetted"):
        assert (
            world.client(actor)
            .get(api_path(world, f"suggestions/{suggestion.pk}/dossier/"))
            .status_code
            == 404
        )
    Suggestion.objects.filter(pk=suggestion.pk).update(status="held")
    assert (
        world.client("chair")
        .get(api_path(world, f"suggestions/{suggestion.pk}/dossier/"))
        .status_code
        == 410
    )
