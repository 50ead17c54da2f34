from __future__ import annotations

import re

import pytest

from backend.cities.models import CommunityRole, Profile
from backend.common.dates import database_now
from backend.suggestions.models import Decision, Suggestion
from tests.factories import CommunityRoleFactory, ProfileVersionFactory, document
from tests.web.conftest import SignIn
from tests.web.html_forms import form_to, forms_of, one_line, url

REASONS = {
    "preference": 0.7,
    "coverage": 0.8,
    "contributions": [
        {
            "facet": "needs_offers",
            "share": 0.4,
            "similarity": 0.8,
            "weight": 5.0,
            "items": [["topic:water_management", 0.8, 3, 60]],
        },
        {
            "facet": "languages",
            "share": 0.2,
            "similarity": 1.0,
            "weight": 1.0,
            "items": [["language:en", 1.0, None, None]],
        },
        {"facet": "ties", "share": 0.0, "similarity": None, "weight": 1.0, "items": []},
    ],
    "missing_own": ["ties"],
    "missing_other": [],
    "not_counted": ["distance"],
    "caveat": "readiness",
    "gain": 0.3,
}
WATER = {"needs": ["water_management"], "offers": ["water_management"]}


@pytest.fixture(autouse=True)
def reasons(suggestion: Suggestion) -> None:
    answers = document(needs_offers=WATER, readiness={"budget": "no"})
    for side in (suggestion.pair.a, suggestion.pair.b):
        side.profile.current_version = ProfileVersionFactory(profile=side.profile, data=answers)
        side.profile.save()
    suggestion.a_reasons = suggestion.b_reasons = REASONS
    suggestion.save()


def list_url(role: CommunityRole) -> str:
    return url("suggestions", role.community_id)


def detail_url(role: CommunityRole, suggestion: Suggestion) -> str:
    return url("suggestion", role.community_id, suggestion.pk)


def answer_url(role: CommunityRole, suggestion: Suggestion) -> str:
    return url("suggestion_answer", role.community_id, suggestion.pk)


def without_tokens(html: str) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", html)


def test_suggestion_shows_reasons_of_each_side_and_the_caveat(
    suggestion: Suggestion, official: CommunityRole, sign_in: SignIn
) -> None:
    html = sign_in(official.user).get(list_url(official)).text
    assert "Fernstadt offers what you need: water management (3 of 60 candidates)." in html
    assert "Homeport offers what Fernstadt needs: water management." in html
    assert "Before you decide: Not fully in place at Fernstadt yet: first-year budget." in html
    assert "You can work together in English." in html
    assert "You have not said: ties." in html and "Could not be compared" not in html
    assert "Strong fit" in html and "number 1 of 60 candidates" in html
    # Neither a percentage nor how many candidates the other's wishes allow
    assert "%" not in re.sub(r"<[^>]*>", "", html) and "of 70" not in html
    assert "5 in 100" in html
    assert "1 suggestion waits for your answer." in html


def test_a_list_shows_the_first_reasons_and_the_others_behind_one_line(
    suggestion: Suggestion, official: CommunityRole, sign_in: SignIn
) -> None:
    facts = {"facet": "institutions", "share": 0.1, "similarity": 1.0, "weight": 1.0, "items": []}
    answers = document(
        facts={"seaport": True, "universities": 4, "median_age": 40.0}, needs_offers=WATER
    )
    for side in (suggestion.pair.a, suggestion.pair.b):
        side.profile.current_version = ProfileVersionFactory(profile=side.profile, data=answers)
        side.profile.save()
    suggestion.a_reasons = suggestion.b_reasons = REASONS | {
        "contributions": [*REASONS["contributions"], facts]
    }
    suggestion.save()
    reader = sign_in(official.user)
    listed, page = (
        one_line(reader.get(path).text)
        for path in (list_url(official), detail_url(official, suggestion))
    )
    first, _opens, behind = listed.partition("More reasons")
    assert "Fernstadt offers what you need" in first and "Both have a port." in first
    assert "Universities: 4 and 4." in behind and "Universities: 4 and 4." not in first
    assert "Similar median age" in behind and "Similar median age" not in first
    assert "Similar median age" in page and "More reasons" not in page


def test_bars_have_their_table_and_gaps_are_gaps(
    suggestion: Suggestion, official: CommunityRole, sign_in: SignIn
) -> None:
    html = one_line(sign_in(official.user).get(detail_url(official, suggestion)).text)
    assert 'aria-label="Existing ties: Homeport not known, Fernstadt not known"' in html
    assert "Does not count for you: nearness." in html and "Nearness:" not in html
    assert re.search(r"Shared working language</th><td class=\"num\">100%</td>", html)


def test_reasons_stored_before_lifts_are_still_a_page_without_counts(
    suggestion: Suggestion, official: CommunityRole, sign_in: SignIn
) -> None:
    old = {key: REASONS[key] for key in ("preference", "coverage")}
    old["contributions"] = [
        {"facet": "needs_offers", "share": 0.4, "similarity": 0.8, "weight": 5.0}
        | {"items": [["topic:water_management", 0.8]]},
        {"facet": "prior", "share": 0.1, "similarity": 0.3, "weight": 1.0, "items": []},
    ]
    Suggestion.objects.update(a_reasons=old | {"missing": ["ties"], "caveat": "ties"}, b_reasons={})
    reader = sign_in(official.user)
    compared = f"{url('suggestion_compare', official.community_id)}?s={suggestion.pk}"
    dossier = url("dossier", official.community_id, suggestion.pk)
    for page in (list_url(official), detail_url(official, suggestion), dossier, compared):
        response = reader.get(page, follow=True)
        assert response.status_code == 200
        assert "Fernstadt offers what you need: water management." in response.text


@pytest.mark.parametrize("answers", [["interested"], ["declined"], ["interested", "withdrawn"]])
def test_other_side_sees_the_same_bytes_whatever_was_answered(
    suggestion: Suggestion,
    official: CommunityRole,
    other_official: CommunityRole,
    sign_in: SignIn,
    answers: list[str],
) -> None:
    mine, theirs = sign_in(official.user), sign_in(other_official.user)
    pages = [
        list_url(other_official),
        detail_url(other_official, suggestion),
        url("dashboard"),
    ]
    before = [without_tokens(theirs.get(page).text) for page in pages]
    for given in answers:
        reason = "no_capacity" if given == "declined" else ""
        assert (
            mine.post(
                answer_url(official, suggestion),
                {"answer": given, "reason": reason, "comment": "secret"},
            ).status_code
            == 302
        )
    assert [without_tokens(theirs.get(page).text) for page in pages] == before


def test_mutual_interest_is_shown_to_both(
    suggestion: Suggestion, official: CommunityRole, other_official: CommunityRole, sign_in: SignIn
) -> None:
    for role in (official, other_official):
        client = sign_in(role.user)
        form = form_to(client.get(list_url(role)).text, answer_url(role, suggestion))
        assert client.post(form.action, form.values).status_code == 302
    suggestion.refresh_from_db()
    assert suggestion.status == Suggestion.Status.MUTUAL
    for role in (official, other_official):
        assert "Mutual interest" in sign_in(role.user).get(list_url(role)).text


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("fulfil", ["Not open: you seek no partner", "Resume the profile"]),
        ("close", ["Introduction closed", "Both sides were interested"]),
    ],
)
def test_what_ended_otherwise_is_not_said_to_be_out_of_time(
    suggestion: Suggestion, official: CommunityRole, sign_in: SignIn, how: str, said: list[str]
) -> None:
    if how == "fulfil":
        Profile.objects.filter(community=official.community).update(status="fulfilled")
    else:
        suggestion.status, suggestion.closed_at = Suggestion.Status.WITHDRAWN, database_now()
        suggestion.a_state = suggestion.b_state = Suggestion.SideState.INTERESTED
        suggestion.save()
    reader = sign_in(official.user)
    page = reader.get(detail_url(official, suggestion)).text
    assert all(words in page for words in said)
    for text in (page, reader.get(list_url(official)).text):
        assert said[0] in text
        assert "time ran out" not in text
        assert "time of this suggestion is over" not in text


def test_decline_without_a_reason_is_asked_again(
    suggestion: Suggestion, official: CommunityRole, sign_in: SignIn
) -> None:
    response = sign_in(official.user).post(
        answer_url(official, suggestion), {"answer": "declined", "comment": "We <b>tried</b>"}
    )
    html = response.text
    assert response.status_code == 422
    assert "Choose a reason. Only staff read it." in html
    assert "We &lt;b&gt;tried&lt;/b&gt;" in html, "what was typed stays"
    assert not Decision.objects.exists()


def test_answer_is_given_once(
    suggestion: Suggestion, official: CommunityRole, sign_in: SignIn
) -> None:
    client = sign_in(official.user)
    assert (
        client.post(answer_url(official, suggestion), {"answer": "interested"}).status_code == 302
    )
    assert (
        client.post(answer_url(official, suggestion), {"answer": "interested"}).status_code == 409
    )


@pytest.mark.parametrize("given", ["", "maybe", "INTERESTED"])
def test_unknown_answer_is_refused(
    suggestion: Suggestion, official: CommunityRole, sign_in: SignIn, given: str
) -> None:
    assert (
        sign_in(official.user).post(answer_url(official, suggestion), {"answer": given}).status_code
        == 422
    )


def test_committee_member_reads_and_does_not_answer(
    suggestion: Suggestion, sign_in: SignIn
) -> None:
    member = CommunityRoleFactory(community=suggestion.pair.a, role="committee_member")
    client = sign_in(member.user)
    for page in (list_url(member), detail_url(member, suggestion)):
        response = client.get(page)
        assert response.status_code == 200
        assert answer_url(member, suggestion) not in [
            form.action for form in forms_of(response.text)
        ]
    assert client.post(answer_url(member, suggestion), {"answer": "interested"}).status_code == 404


def test_unvetted_registrant_sees_no_suggestions(suggestion: Suggestion, sign_in: SignIn) -> None:
    role = CommunityRoleFactory(community=suggestion.pair.a, vetted_at=None)
    assert sign_in(role.user).get(list_url(role)).status_code == 404


@pytest.mark.parametrize("status", ["proposed", "held", "superseded"])
def test_suggestion_that_was_never_released_is_not_there(
    suggestion: Suggestion, official: CommunityRole, sign_in: SignIn, status: str
) -> None:
    Suggestion.objects.filter(pk=suggestion.pk).update(status=status, released_at=None)
    client = sign_in(official.user)
    assert client.get(detail_url(official, suggestion)).status_code == 404
    assert "Fernstadt" not in client.get(list_url(official)).text


def test_sample_is_marked(suggestion: Suggestion, official: CommunityRole, sign_in: SignIn) -> None:
    client = sign_in(official.user)
    assert 'class="sample"' not in client.get(list_url(official)).text
    suggestion.pair.b.is_sample = True
    suggestion.pair.b.save()
    for page in (list_url(official), detail_url(official, suggestion)):
        assert 'class="sample"' in client.get(page).text
