"""Which language a page is shown in, whether the catalogues are complete, and how numbers are read
and written in each language.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po
from django.conf import settings
from django.test import Client
from django.utils import translation

from backend.accounts.models import User
from backend.cities.models.places import country_called
from backend.cities.profile_validation import check_document
from backend.web.html import catalogues
from backend.web.html.forms import country_names, read_number, written_number
from backend.web.profiles.presentation import describe
from backend.web.public import face
from tests.factories import CommunityFactory, CountryFactory, UserFactory, document
from tests.web.conftest import SignIn
from tests.web.html_forms import url

pytestmark = pytest.mark.django_db
HOME = "/"


def shown(client: Client, path: str = HOME, **headers: str) -> str:
    html = client.get(path, headers=headers).text
    return html[html.index("<html") : html.index(">", html.index("<html"))]


@pytest.mark.parametrize(
    ("code", "direction"),
    [("en", "ltr"), ("es", "ltr"), ("fr", "ltr"), ("de", "ltr"), ("ja", "ltr"), ("ar", "rtl")],
)
def test_visitor_reads_in_the_language_of_the_browser(
    client: Client, code: str, direction: str
) -> None:
    assert f'lang="{code}" dir="{direction}"' in shown(client, accept_language=f"{code},en;q=0.1")


def test_visitor_with_a_language_we_do_not_have_reads_english(client: Client) -> None:
    assert 'lang="en"' in shown(client, accept_language="tlh")


def test_chosen_language_stays_and_leads_back(client: Client) -> None:
    response = client.post(url("language"), {"language": "ja", "next": "/communities/?search=port"})
    assert (response.status_code, response["Location"]) == (302, "/communities/?search=port")
    assert 'lang="ja"' in shown(client, accept_language="de")


@pytest.mark.parametrize(
    "target", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)", ""]
)
def test_choosing_a_language_never_leads_elsewhere(client: Client, target: str) -> None:
    assert client.post(url("language"), {"language": "fr", "next": target})["Location"] == HOME


def test_unknown_language_is_not_kept(client: Client) -> None:
    response = client.post(url("language"), {"language": "../../etc", "next": HOME})
    assert settings.LANGUAGE_COOKIE_NAME not in response.cookies


def test_signed_in_person_reads_in_the_language_of_the_account(sign_in: SignIn) -> None:
    person = UserFactory(language="ar")
    client = sign_in(person)
    assert 'lang="ar" dir="rtl"' in shown(client, url("dashboard"), accept_language="de")
    client.post(url("language"), {"language": "es", "next": HOME})
    person.refresh_from_db()
    assert person.language == "es"
    assert 'lang="es"' in shown(client, url("dashboard"))


def test_rooms_of_the_staff_are_in_english(curator: User, sign_in: SignIn) -> None:
    User.objects.filter(pk=curator.pk).update(language="fr")
    curator.refresh_from_db()
    assert 'lang="en"' in shown(sign_in(curator), url("staff"))


def test_getting_the_address_of_the_choice_changes_nothing(client: Client) -> None:
    assert client.get(url("language"), {"language": "fr"}).status_code == 405


@pytest.fixture
def asked(tmp_path: Path, settings) -> Catalog:
    settings.LOCALE_PATHS = [tmp_path]
    asked = Catalog(fuzzy=False)
    asked.add("Hello %(name)s")
    asked.add(("%(count)s city", "%(count)s cities"))
    return asked


def keep(words: dict[object, object], fuzzy: bool = False, language: str = "es") -> None:
    catalog = Catalog(locale=language, fuzzy=False)
    for source, text in words.items():
        catalog.add(source, text, flags=["fuzzy"] if fuzzy else [])  # type: ignore[arg-type]
    path = catalogues.catalogue_path(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalog)


CITIES = ("%(count)s city", "%(count)s cities")
WHOLE = {"Hello %(name)s": "Hola, %(name)s", CITIES: ("Una ciudad", "%(count)s ciudades")}


def reasons(asked: Catalog) -> list[str]:
    return [fault.reason for fault in catalogues.faults("es", asked)]


def test_complete_catalogue_has_no_faults(asked: Catalog) -> None:
    keep(WHOLE)
    assert reasons(asked) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Hello %(name)s": ""}, "not translated"),
        ({"Hello %(name)s": "Hola"}, "placeholder missing: name"),
        ({"Hello %(name)s": "Hola %(nombre)s %(name)s"}, "unknown placeholder nombre"),
        ({CITIES: ("Una ciudad", "")}, "not translated"),
        ({"Gone": "Ido"}, "asked for nowhere any more"),
        ({"Hello %(name)s": "Hola, %(name)s "}, "space at an end differs"),
    ],
)
def test_each_fault_of_a_catalogue_is_named(
    asked: Catalog, change: dict[object, object], reason: str
) -> None:
    keep(WHOLE | change)
    assert reasons(asked) == [reason]


@pytest.mark.parametrize(
    ("language", "text", "found"),
    [
        ("ar", "Hola, buenos días, %(name)s", ["written in the letters of another language"]),
        ("ja", "Hola, buenos días, %(name)s", ["written in the letters of another language"]),
        ("ar", "مرحبًا %(name)s", []),
        ("ja", "%(name)s さん（United States of America）", []),
        ("ja", "%(name)s (PDF)", []),
    ],
)
def test_words_of_another_language_are_a_fault(
    tmp_path: Path, settings: Any, language: str, text: str, found: list[str]
) -> None:
    settings.LOCALE_PATHS = [tmp_path]
    asked = Catalog(fuzzy=False)
    asked.add("Hello %(name)s")
    keep({"Hello %(name)s": text}, language=language)
    assert [fault.reason for fault in catalogues.faults(language, asked)] == found


def test_words_in_doubt_are_a_fault(asked: Catalog) -> None:
    keep(WHOLE, fuzzy=True)
    assert set(reasons(asked)) == {"marked as in doubt (fuzzy)"}


def test_update_keeps_words_adds_what_is_new_and_drops_what_is_gone(asked: Catalog) -> None:
    keep({"Hello %(name)s": "Hola, %(name)s", "Gone": "Ido"})
    catalogues.update("es", asked)
    words = {message.id: message.string for message in catalogues.read("es") if message.id}
    assert words == {"Hello %(name)s": "Hola, %(name)s", CITIES: ("", "")}


@pytest.fixture(scope="module")
def all_words() -> Catalog:
    return catalogues.extract()


def test_words_of_templates_python_and_plurals_are_found(all_words: Catalog) -> None:
    assert all_words.get("Find your partner city") is not None
    assert any(isinstance(message.id, tuple) for message in all_words)
    assert not any("staff" in place for message in all_words for place, _ in message.locations)


@pytest.mark.parametrize("language", ["es", "fr", "de", "ja", "ar"])
def test_every_language_is_complete(all_words: Catalog, language: str) -> None:
    assert [str(fault) for fault in catalogues.faults(language, all_words)] == []


@pytest.mark.parametrize(
    ("text", "whole", "value"),
    [
        ("12,500", True, 12500),
        ("12 500", True, 12500),
        ("1,234.5", False, 1234.5),
        ("1,2", True, "1,2"),
        ("1.5", False, 1.5),
        ("1.5", True, "1.5"),
        ("1,234 567", True, "1,234 567"),
        ("1234,567", True, "1234,567"),
        ("-5", True, -5),
        ("nan", False, "nan"),
        ("1e9", False, "1e9"),
        ("٣", True, 3),
        ("１２３", True, 123),
        ("٣٫٥", False, 3.5),
        ("", True, ""),
        ("9" * 30, True, "9" * 30),
        ("12,50,000", True, 1_250_000),
        ("1,00,00,000", True, 10_000_000),
        ("12,50,00", True, "12,50,00"),
        ("12,50.000", True, "12,50.000"),
        ("２５，０００", True, 25_000),
        ("25\u2009000", True, 25_000),
        ("25万", True, 250_000),
        ("1億2,500万", True, 125_000_000),
        ("37万4千", True, "37万4千"),
        ("2万5", True, 20_005),
        ("万", True, "万"),
        ("2万3億", True, "2万3億"),
        ("3.5 lakh", True, 350_000),
        ("1 crore", True, 10_000_000),
        ("0.00001万", True, "0.00001万"),
        ("", False, ""),
    ],
)
def test_number_is_read_or_kept_as_typed(text: str, whole: bool, value: object) -> None:
    assert read_number(text, whole=whole) == value


@pytest.mark.parametrize(
    ("language", "text", "whole", "value"),
    [
        ("de", "249.500", True, 249500),
        ("de", "249.500", False, 249500),
        ("de", "1.234,5", False, 1234.5),
        ("de", "3.5", False, "3.5"),
        ("de", "3,5", True, "3,5"),
        ("es", "249.500", True, "249.500"),
        ("fr", "249\u202f500", True, 249500),
        ("fr", "249 500,25", False, 249500.25),
        ("fr", "249.500", True, "249.500"),
        ("ja", "249,500", True, 249500),
        ("ar", "249,500.5", False, 249500.5),
    ],
)
def test_number_is_read_with_the_separators_of_the_language(
    language: str, text: str, whole: bool, value: object
) -> None:
    with translation.override(language):
        assert read_number(text, whole=whole) == value


@pytest.mark.parametrize("language", ["en", "es", "fr", "de", "ja", "ar"])
@pytest.mark.parametrize("value", [0, -3, 249_500, 2.0, 0.000001, 1234.5, -0.25])
def test_number_that_a_page_shows_is_read_as_the_same(language: str, value: float) -> None:
    with translation.override(language):
        assert read_number(written_number(value), whole=False) == value


@pytest.mark.parametrize(
    ("language", "people", "area"),
    [
        ("en", "12,500", "1,249.5"),
        ("de", "12.500", "1.249,5"),
        ("fr", "12\u00a0500", "1\u00a0249,5"),
        ("ar", "12,500", "1,249.5"),
    ],
)
def test_numbers_are_written_as_the_reader_writes_them(
    language: str, people: str, area: str
) -> None:
    answers = {
        "organisation": {"volunteers": 12_500},
        "facts": {"area_km2": 1249.54, "elevation_m": 12.0},
    }
    with translation.override(language):
        shown = [
            answer.value
            for group in describe(answers, CommunityFactory())
            for answer in group.answers
        ]
    assert shown == [people, area, "12"]


def test_address_with_a_language_is_in_it_and_so_are_its_links(client: Client) -> None:
    html = client.get("/ar/communities/", headers={"accept-language": "de"}).text
    assert 'lang="ar" dir="rtl"' in html
    assert 'href="/ar/partnerships/"' in html
    links = re.sub(r"\s+", " ", html)
    assert f'rel="canonical" href="{settings.PUBLIC_URL}/ar/communities/"' in links
    assert f'hreflang="ja" href="{settings.PUBLIC_URL}/ja/communities/"' in links
    assert f'hreflang="en" href="{settings.PUBLIC_URL}/communities/"' in links


def test_address_without_a_language_goes_on_answering_in_english(client: Client) -> None:
    for path in ("/communities/?search=port", "/partnerships/?search=port"):
        response = client.get(path)
        assert response.status_code == 200
        assert 'lang="en"' in response.text
        links = re.sub(r"\s+", " ", response.text)
        assert f'rel="canonical" href="{settings.PUBLIC_URL}{path}"' in links


@pytest.mark.parametrize("path", ["/account/login/?next=/x/", "/no/such/page/", "/api/v1/places/"])
def test_language_goes_along_to_what_has_one_address(client: Client, path: str) -> None:
    response = client.get(f"/es{path}")
    assert (response.status_code, response["Location"]) == (302, path)
    assert 'lang="es"' in shown(client, accept_language="de")


def test_language_of_an_address_never_leads_elsewhere(client: Client) -> None:
    assert client.get("/es//elsewhere.example/")["Location"] == "/elsewhere.example/"
    assert client.get("/es/%5Celsewhere.example/")["Location"] == "/%5Celsewhere.example/"


def test_page_of_the_account_is_in_the_language_of_an_address(sign_in: SignIn) -> None:
    client = sign_in(UserFactory(language="fr"))
    assert 'lang="ja"' in shown(client, "/ja/communities/")
    assert 'lang="fr"' in shown(client, "/communities/")


def test_no_words_of_one_language_stand_in_the_catalogue_of_another() -> None:
    """A catalogue can be complete and still hold another language's words, for example after a
    merge. Short ones may be alike.
    """
    seen: dict[tuple[object, str], str] = {}
    alike = [
        (seen.get((message.id, form)), language, form)
        for language in catalogues.languages()
        for message in catalogues.read(language)
        for form in ([message.string] if isinstance(message.string, str) else [])
        if len(form) > 32
        and form != message.id
        and seen.setdefault((message.id, form), language) != language
    ]
    assert alike == []


def test_sitemap_lists_public_pages_alone_in_each_language_with_the_others(client: Client) -> None:
    shown, draft = CommunityFactory(published=True), CommunityFactory()
    files = re.findall(r"<loc>(.*?)</loc>", client.get("/sitemap.xml").text)
    assert len(files) == len(settings.LANGUAGES)
    for (language, _name), file in zip(settings.LANGUAGES, files, strict=True):
        xml = client.get(file.removeprefix(settings.PUBLIC_URL)).text
        prefix = settings.PUBLIC_URL + ("" if language == "en" else f"/{language}")
        assert f"<loc>{prefix}/communities/{shown.pk}/</loc>" in xml
        assert f'hreflang="ar" href="{settings.PUBLIC_URL}/ar/communities/{shown.pk}/"' in xml
        assert f"/communities/{draft.pk}/" not in xml
        for address in re.findall(r"<loc>(.*?)</loc>", xml):
            assert client.get(address.removeprefix(settings.PUBLIC_URL)).status_code == 200
    assert client.get("/sitemap-en-2.xml").status_code == 404
    assert client.get("/sitemap-xx-1.xml").status_code == 404
    assert f"Sitemap: {settings.PUBLIC_URL}/sitemap.xml" in client.get("/robots.txt").text


def test_long_sitemap_is_divided(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face, "PAGES_A_FILE", 3)
    shown = {f"/communities/{CommunityFactory(published=True).pk}/" for _ in range(4)}
    listed: list[str] = []
    number = 1
    while (file := client.get(f"/sitemap-en-{number}.xml")).status_code == 200:
        listed += re.findall(r"<loc>[^<]*?//[^/]*(/.*?)</loc>", file.text)
        number += 1
    assert shown < set(listed)
    assert len(listed) == len(set(listed))
    assert number - 1 == -(-len(listed) // 3)


def test_card_of_a_page_tells_its_title_and_a_community_its_data(client: Client) -> None:
    story = {"text": "</script> & <b>Meer</b>", "language": "de", "english": "A town by the sea."}
    shown = CommunityFactory(
        name="Lübeck", country_code="DE", published=True, published__document=document(story=story)
    )
    html = client.get(f"/communities/{shown.pk}/").text
    assert '<meta property="og:title" content="Lübeck' in html
    assert '<meta property="og:description" content="A town by the sea.">' in html
    (data,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', html)
    assert json.loads(data)["name"] == "Lübeck"
    german = client.get(f"/de/communities/{shown.pk}/").text
    assert "&lt;/script&gt; &amp; &lt;b&gt;Meer" in german.split("<title>")[1].split("</head>")[0]
    assert json.loads(re.findall(r'ld\+json">(.*?)</script>', german)[0])["url"] == (
        f"{settings.PUBLIC_URL}/de/communities/{shown.pk}/"
    )


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("USA", "US"),
        ("U.S.", "US"),
        ("UK", "GB"),
        ("Turkey", "TR"),
        ("Türkiye", "TR"),
        ("Republic of Korea", "KR"),
        ("Czech Republic", "CZ"),
        ("Côte d'Ivoire", "CI"),
        ("cote d’ivoire", "CI"),
        ("DEU", "DE"),
        ("Allemagne", "DE"),
        ("ドイツ", "DE"),
        ("Georgia", "GE"),
        ("Bavaria", ""),
        ("", ""),
    ],
)
def test_country_is_known_by_the_names_that_people_use(typed: str, code: str) -> None:
    assert country_called(typed) == code


def test_form_and_document_take_a_country_by_its_name() -> None:
    for code, name in (("US", "United States"), ("DE", "Germany"), ("TR", "Türkiye")):
        CountryFactory(code=code, name=name)
    with translation.override("fr"):
        assert list(country_names().labels.values()) == ["Allemagne", "États-Unis", "Turquie"]
        assert country_names().code("Turkey") == "TR"
    sought = {"countries": ["USA", "DEU"]}
    read = check_document(document(sought=sought), complete=False)
    assert read["sought"] == {"countries": ["US", "DE"]}
