"""The controlled vocabularies: complete translations, stable codes, groups and ISIC sections that
exist.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.utils import translation

from backend.cities.profile_schema import GROUP_BY_CODE
from backend.cities.vocabularies import NAMES, label, vocabulary

LANGUAGES = {"en", "es", "fr", "de", "ja", "ar"}
ISIC_SECTIONS = set("ABCDEFGHIJKLMNOPQRSTU")


@pytest.mark.parametrize("name", NAMES)
def test_every_term_has_words_in_all_six_languages(name: str) -> None:
    for code, term in vocabulary(name).items():
        assert set(term.labels) == LANGUAGES, code
        for language, words in term.labels.items():
            assert words == words.strip() != "", (code, language)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_two_terms_of_a_vocabulary_never_share_their_words(name: str, language: str) -> None:
    words = [term.labels[language].casefold() for term in vocabulary(name).values()]
    assert len(set(words)) == len(words)


@pytest.mark.parametrize("name", NAMES)
def test_labels_use_the_script_of_their_language(name: str) -> None:
    for code, term in vocabulary(name).items():
        assert any("\u0600" <= letter <= "\u06ff" for letter in term.labels["ar"]), code
        assert any(
            "\u3040" <= letter <= "\u30ff" or "\u4e00" <= letter <= "\u9fff"
            for letter in term.labels["ja"]
        ), code


def test_every_sector_maps_to_isic_sections() -> None:
    for code, term in vocabulary("sectors").items():
        assert term.isic and set(term.isic) <= ISIC_SECTIONS, code


def test_sub_themes_hang_under_a_main_theme() -> None:
    themes = vocabulary("themes")
    mains = {code for code, term in themes.items() if term.group == "main"}
    assert mains == {"municipal", "business", "trade", "education", "culture"}
    assert {term.group for term in themes.values()} - {"main"} <= mains


def test_readiness_names_the_fields_of_the_profile_group() -> None:
    assert list(vocabulary("readiness")) == [
        field.name for field in GROUP_BY_CODE["readiness"].fields
    ]


def test_a_code_that_is_no_longer_in_use_is_shown_as_itself() -> None:
    assert label("topics", "gone_since_long") == "gone_since_long"
    assert label("topics", "port_logistics", "de") == "Hafenlogistik"


def test_an_unknown_vocabulary_is_refused() -> None:
    with pytest.raises(KeyError):
        vocabulary("colours")


def test_sectors_cover_every_isic_section_of_an_economy() -> None:
    """All but the two that no community stands on: households as employers (T) and extraterritorial
    bodies (U).
    """
    mapped = {section for term in vocabulary("sectors").values() for section in term.isic}
    assert ISIC_SECTIONS - mapped == {"T", "U"}


def test_words_follow_the_language_of_the_reader() -> None:
    with translation.override("fr"):
        assert (
            label("topics", "port_logistics") == vocabulary("topics")["port_logistics"].labels["fr"]
        )
    with translation.override("pt-br"):
        assert (
            label("topics", "port_logistics") == vocabulary("topics")["port_logistics"].labels["en"]
        )


@pytest.mark.parametrize("name", NAMES)
def test_codes_once_given_out_stay(name: str) -> None:
    """Published profiles and other people's programs hold them: words may change, codes may be
    added, none is renamed or removed.
    """
    published = json.loads((Path(__file__).parent / "published_codes.json").read_text())[
        name
    ].split()
    assert set(published) <= set(vocabulary(name))
