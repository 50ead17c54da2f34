"""Stories of the sample world: varied, true to the profile, and written as each country writes."""

from __future__ import annotations

import dataclasses
import itertools
import random
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from backend.cities.sample.documents import generate_documents
from backend.cities.sample.places import PlaceFacts
from backend.cities.sample.stories import ANSWERS, grammar, story_language
from backend.cities.vocabularies import vocabulary
from backend.suggestions.public_facts import mentions
from tests.division import one_in

LANGUAGES = ("en", "es", "fr", "de", "ja", "ar", "it", "pt")
# One country of each language: what stories of the others differ in has tests of its own.
COUNTRY = {"en": "US", "es": "CO", "fr": "FR", "de": "DE", "ja": "JP", "ar": "EG", "it": "IT"}
COUNTRY["pt"] = "BR"
KINDS = {"sectors": "sector", "topics": "topic", "challenges": "challenge", "themes": "theme"}
# Of these places little is known, so a story may say little of where they lie.
PLAIN = PlaceFacts(key="plain", name="Dort", country="", population=64_000)
HIGH = dataclasses.replace(PLAIN, key="high", elevation_m=2_600, coastal=False, climate="Dfb")
PORT = dataclasses.replace(
    PLAIN,
    key="port",
    population=640_000,
    coastal=True,
    port="sea",
    elevation_m=4,
    university_names=2,
    is_capital=True,
    air_destinations=90,
    climate="Csa",
)
VILLAGE = dataclasses.replace(PLAIN, key="village", population=1_900, coastal=False, climate="BSk")


def documents(facts: PlaceFacts, count: int, **changes: Any) -> Iterator[dict[str, Any]]:
    places = (
        dataclasses.replace(facts, key=f"{facts.key}{number}", **changes) for number in range(count)
    )
    return generate_documents(places, seed=1)


@cache
def stories(language: str, count: int = 50) -> tuple[str, ...]:
    """As many of each of the four places."""
    own = {"country": COUNTRY[language], "languages": (language,)}
    told = [
        d["story"] for place in (PLAIN, HIGH, PORT, VILLAGE) for d in documents(place, count, **own)
    ]
    assert {story["language"] for story in told} == {language}
    return tuple(story["text"] for story in told)


def sentences(text: str) -> set[str]:
    pieces = re.split(r"(?<=[.!?؟])\s+|(?<=[。？])|\n+", text)
    return {piece for piece in pieces if len(piece) > 1 and not piece.startswith(("(", "（"))}


def texts(language: str) -> Iterator[str]:
    """Every text of the grammar of a language."""
    words = grammar()[language]
    for lines in (
        *words["pools"].values(),
        *(shape["lines"] for shape in words["shapes"].values()),
    ):
        for line in lines:
            yield from [line] if isinstance(line, str) else line


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_twenty_courses_that_any_place_can_take(language: str) -> None:
    shapes = grammar()[language]["shapes"]
    for_all = [name for name, shape in shapes.items() if shape["if"] in ("", "city", "!no_mayor")]
    assert len(for_all) >= 20 and len(shapes) >= 24
    assert shapes.keys() <= grammar()["en"]["shapes"].keys()  # the English version takes the same


@pytest.mark.parametrize("language", one_in(3, LANGUAGES))
def test_stories_of_a_language_rarely_share_a_sentence(language: str) -> None:
    """Of all pairs among 200 stories: two of eight languages lie at 3 %, Japanese, with the fewest
    words in a sentence, at 7 %.
    """
    told = [sentences(text) for text in stories(language)]
    pairs = list(itertools.combinations(told, 2))
    assert len(pairs) == 19_900
    assert sum(not one.isdisjoint(other) for one, other in pairs) / len(pairs) < 0.08
    assert len(set(stories(language))) == 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_a_phrase_by_which_a_reader_recognises_it(language: str) -> None:
    for name, _most in ANSWERS.values():
        phrases = grammar()[language]["phrases"][name]
        assert phrases.keys() == vocabulary(name).keys()
        for code, phrase in phrases.items():
            for form in [phrase] if isinstance(phrase, str) else phrase.values():
                assert f"{KINDS[name]}:{code}" in mentions(form), form


@pytest.mark.parametrize("language", one_in(3, LANGUAGES))
def test_what_a_story_says_besides_the_answers_mentions_no_code(language: str) -> None:
    """Else two profiles would be told that both speak of what neither has chosen."""
    for text in texts(language):
        for piece in re.split(r"[][|]", re.sub(r"\?[^:\s]+: *|\{[^}]*\}", "|", text)):
            assert not mentions(piece), text


def test_a_story_speaks_of_what_the_profile_says_and_of_nothing_else() -> None:
    for document in documents(PORT, 150, country="IE", languages=("en",)):
        chosen = {
            f"{kind}:{code}"
            for kind, group, field in (
                ("topic", "needs_offers", "needs"),
                ("topic", "needs_offers", "offers"),
                ("sector", "sectors", "strengths"),
                ("theme", "themes", "importances"),
                ("challenge", "challenges", "challenges"),
            )
            for code in document.get(group, {}).get(field, ())
        }
        # One word for the sector and for the theme, or for the sector and for the topic
        alike = {"theme:agriculture", "sector:agriculture", "sector:fisheries"}
        alike.add("topic:fisheries_aquaculture")
        assert mentions(document["story"]["text"]) <= chosen | alike


# Sea, ships, lectures, slopes
_PLACES = {
    "en": "ships?|quays?|sea|lectures?|slopes?",
    "es": "barcos?|muelles?|mar|estudiantes|montaña",
    "fr": "navires?|grues|mer|étudiants|pente",
    "de": "Schiffe?|Kai|Meer|Semester|Vorlesungen|steil",
    "ja": "船|岸壁|海は|学生|標高|坂",
    "ar": "السفن|الأرصفة|البحر|الطلاب|الجبال",
    "it": "navi|banchin[ae]|mare|studenti|salita",
    "pt": "navios?|cais|mar|estudantes|ladeira",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_only_a_place_by_the_sea_speaks_of_the_sea(language: str) -> None:
    words = _PLACES[language] if language == "ja" else rf"\b({_PLACES[language]})\b"
    told = stories(language)
    assert not [text for text in told[:50] if re.search(words, text)]
    assert sum(bool(re.search(words, text)) for text in told[50:150]) > 10


_WRONG = {
    "en": r"\ba [aeio]\w+|\bthe the\b",
    "es": r"\b(de|a) el\b| y h?i[^ae]|\bde de\b",
    "fr": r"\b(de|à) les?\b|\b(de|la|le|que) [aeiouéèê]\w+|\bde de\b",
    "de": r"\b(in|bei|zu|von|an) dem\b|\b(mit|bei|von) \w+e [A-Z]",
    "ja": r"[,.;:!?()]|、、|。、|をを|のの|はは",
    "ar": r"[,;?]| و |\bال ",
    "it": r"\b(di|a|in|su|da) (il|lo|la|i|gli|le)\b|\b\w*(la|lo|il) [aeiou]\w+tà\b",
    "pt": r"\b(de|em|por) (o|a|os|as)\b|\ba (o|a|os|as)\b",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_clean_and_joined_as_the_language_joins(language: str) -> None:
    mark = grammar()[language]["mark"]
    for text in stories(language):
        told = text.removesuffix(mark)
        assert told != text and PLAIN.name in told
        assert not re.search(r"[][{}|<>@]|  | [,.;:!?)]|\.\.|,\.|None", told), told
        wrong = re.search(_WRONG[language], told)
        assert not wrong, told[max(wrong.start() - 40, 0) : wrong.end() + 40]


@pytest.mark.parametrize(
    ("country", "language", "number", "written"),
    [
        ("GB", "en", 312_400, "310,000 people"),
        ("GB", "en", 1_234_000, "about 1.2 million people"),
        ("GB", "en", 840, "840 people"),
        ("DE", "de", 312_400, "310.000 Menschen"),
        ("CH", "de", 312_400, "310’000 Menschen"),
        ("FR", "fr", 312_400, "310\u202f000 habitants"),
        ("FR", "fr", 1_240_000, "1,2 million d’habitants"),
        ("CO", "es", 312_400, "310.000 habitantes"),
        ("MX", "es", 312_400, "310,000 habitantes"),
        ("IT", "it", 1_000_000, "circa un milione di abitanti"),
        ("BR", "pt", 1_240_000, "1,2 milhão de habitantes"),
        ("PT", "pt", 312_400, "310 mil habitantes"),
        ("JP", "ja", 312_400, "約31万人"),
        ("JP", "ja", 12_300, "約1万2000人"),
        ("JP", "ja", 3_140, "約3100人"),
        ("MA", "ar", 312_400, "310 ألف نسمة"),
        ("MA", "ar", 4_000, "4 آلاف نسمة"),
        ("EG", "ar", 312_400, "٣١٠ ألف نسمة"),
        ("MA", "ar", 1_000_000, "مليون نسمة"),
        ("MA", "ar", 2_000_000, "مليوني نسمة"),
        ("MA", "ar", 3_000_000, "3 ملايين نسمة"),
        ("MA", "ar", 2_500_000, "2,5 مليون نسمة"),
    ],
)
def test_numbers_are_written_as_people_write_them(
    country: str, language: str, number: int, written: str
) -> None:
    of_the_place = {"country": country, "languages": (language,), "population": number}
    told = [document["story"]["text"] for document in documents(PLAIN, 40, **of_the_place)]
    assert sum(written in text for text in told) >= 5


@pytest.mark.parametrize(
    ("country", "language", "never", "sometimes"),
    [
        ("US", "en", "neighbour|favour|centre|ageing|programme|revitalisation", "aging|neighbor"),
        ("GB", "en", "neighbor|favor|center|aging|revitalization", "ageing|neighbour"),
        ("CH", "de", "ß", "Strasse|gross"),
        ("DE", "de", "Strasse|grosse", "ß"),
        (
            "BR",
            "pt",
            "autocarro|toda a gente|convosco|ecrã|desporto|vossa?|equipa\\b",
            "ônibus|tela",
        ),
        ("PT", "pt", "ônibus|esporte|todo mundo|prefeitura|vocês", "autocarro|ecrã"),
        ("ES", "es", "alcaldía|municipalidad|hotelería", "ayuntamiento"),
        ("CO", "es", "ayuntamiento|hostelería", "alcaldía"),
    ],
)
def test_a_country_has_its_own_words(
    country: str, language: str, never: str, sometimes: str
) -> None:
    own = {"country": country, "languages": (language,), "admin1_code": "ZH"}
    told = [document["story"]["text"] for document in documents(PLAIN, 150, **own)]
    assert not [text for text in told if re.search(never, text)]
    assert [text for text in told if re.search(sometimes, text)]


@pytest.mark.parametrize(
    ("country", "language", "name", "admin1", "expected"),
    [
        ("DE", "de", "Munich", "Bavaria", "München|in Bayern"),
        ("FR", "fr", "Le Havre", "Normandy", "du Havre|au Havre|en Normandie"),
        ("FR", "fr", "Amiens", "", "d’Amiens"),
        ("IT", "it", "Florence", "Tuscany", "Firenze|in Toscana"),
        ("PT", "pt", "Porto", "Porto", "o Porto|O Porto|do Porto|no Porto"),
    ],
)
def test_names_have_the_form_of_the_language(
    country: str, language: str, name: str, admin1: str, expected: str
) -> None:
    own = {"country": country, "languages": (language,), "name": name, "admin1": admin1}
    told = " ".join(document["story"]["text"] for document in documents(PLAIN, 80, **own))
    assert all(form in told for form in expected.split("|"))
    assert not re.search(r"\b(de|à) Le Havre|de Amiens|Munich|Florence|\b(de|em|a) Porto\b", told)


def test_an_english_version_tells_the_same_things() -> None:
    told = [d["story"] for d in documents(PORT, 100, country="DE", languages=("de",))]
    both = [(mentions(s["text"]), mentions(s["english"])) for s in told if "english" in s]
    assert 40 < len(both) < 80
    assert all(len(german & english) >= 0.6 * len(german | english) for german, english in both)


def test_no_mayor_signs_a_letter_of_a_place_whose_mayor_does_not_support_it() -> None:
    letters = [
        document
        for document in documents(PLAIN, 400, country="IE", languages=("en",))
        if re.match("(Dear|To a)", document["story"]["text"])
    ]
    assert letters
    assert not [d for d in letters if d.get("readiness", {}).get("mayor_support") == "no"]


def test_arabic_items_are_recognised_behind_the_word_for_and() -> None:
    assert mentions("نعمل في التجارة والرياضة") == mentions("التجارة") | mentions("الرياضة")


def test_stories_follow_the_official_language_of_the_division() -> None:
    rng = random.Random(1)
    places = [
        PlaceFacts(
            key="x", name="x", country=country, admin1_code=code, languages=("ar", "fr", "de", "it")
        )
        for country, code in (
            *(("CH", canton) for canton in ("GE", "ZH", "TI")),
            *(("CA", province) for province in ("10", "08")),
            *(("CM", region) for region in ("09", "05")),
            ("IL", "05"),
        )
    ]
    told = [story_language(place, rng) for place in places]
    assert told == ["fr", "de", "it", "fr", "en", "en", "fr", "en"]
