"""The search for places by name: what it forgives, in which order it answers, and that its table of
names follows the gazetteer. What countries and regions are called in the reader's language, and
which language a local name is in.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from backend.cities.models import Country, Place, PlaceName
from backend.cities.models.places import region_label, regions_named, whereabouts
from backend.cities.names import (
    LONGEST_NAME,
    NAME_SEPARATOR,
    edit_distances,
    fold,
    fold_letters,
    name_language,
    one_mistake_away,
    searched_name,
)
from backend.cities.place_search import search, search_places
from tests.factories import CommunityFactory, CountryFactory, MembershipFactory, PlaceFactory

pytestmark = pytest.mark.django_db

MOST_QUERIES = 6


def place(name: str, *others: str, country: str = "US", population: int | None = 100_000) -> Place:
    names = NAME_SEPARATOR.join(fold_letters(each) for each in (name, *others))
    return PlaceFactory(
        name=name, search_text=names, country=CountryFactory(code=country), population=population
    )


def found(text: str, **options: Any) -> list[str]:
    return [place.name for place in search_places(text, **options)]


@pytest.fixture
def world() -> None:
    place("Göteborg", "Gothenburg", "Gotemburgo", "ヨーテボリ", country="SE", population=608_462)
    place("München", "Munich", "Muenchen", "Monaco di Baviera", country="DE", population=1_505_005)
    place("Mumbai", "Bombay", "मुंबई", country="IN", population=12_691_836)
    place("Copenhagen", "København", "Kopenhagen", "Копенгаген", country="DK", population=1_153_615)
    place("Beijing", "Peking", "北京", country="CN", population=18_960_744)
    place("Tokyo", "東京", "도쿄", country="JP", population=9_733_276)
    place("Cairo", "القاهرة", country="EG", population=9_606_916)
    place("Moscow", "Москва", "Moskau", country="RU", population=10_381_222)
    place("Saint-Étienne", country="FR", population=176_280)
    place("St. Louis", country="US", population=315_685)
    place("L’Aquila", country="IT", population=69_000)


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Goteborg", "Göteborg"),
        ("GÖTEBORG", "Göteborg"),
        ("Munchen", "München"),
        ("Muenchen", "München"),
        ("laquila", "L’Aquila"),
        ("saint etienne", "Saint-Étienne"),
        ("Saint-Etienne", "Saint-Étienne"),
        ("st louis", "St. Louis"),
        (" st.  louis", "St. Louis"),
        ("Bombay", "Mumbai"),
        ("Peking", "Beijing"),
        ("Kopenhagen", "Copenhagen"),
        ("kobenhavn", "Copenhagen"),
        ("baviera", "München"),
        ("東京", "Tokyo"),
        ("도쿄", "Tokyo"),
        ("القاهرة", "Cairo"),
        ("Москва", "Moscow"),
        ("москв", "Moscow"),
        ("मुंबई", "Mumbai"),
    ],
)
def test_accents_other_names_and_scripts_are_forgiven(typed: str, name: str) -> None:
    assert found(typed)[0] == name


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Kopenahgen", "Copenhagen"),
        ("Copenhgen", "Copenhagen"),
        ("Coppenhagen", "Copenhagen"),
        ("Copemhagen", "Copenhagen"),
        ("opcenhagen", "Copenhagen"),
        ("Goteobrg", "Göteborg"),
        ("Mosocw", "Moscow"),
        ("Beijng", "Beijing"),
        ("saintetienne", "Saint-Étienne"),
        ("Мсоква", "Moscow"),
        ("Копенгаген", "Copenhagen"),
        ("Копингаген", "Copenhagen"),
        ("القاهره", "Cairo"),
        ("Ciaro", "Cairo"),
        ("Gotthenbrg", "Göteborg"),
        ("Coppenhagn", "Copenhagen"),
        ("kopenhgn", "Copenhagen"),
        ("Sait Etiene", "Saint-Étienne"),
    ],
)
def test_typing_mistakes_are_forgiven(typed: str, name: str) -> None:
    assert found(typed) == [name]


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("typed", ["Xyzzyville", "qqq", "Amsterdam", "北海道", "go-go-go-go-go"])
def test_what_is_no_place_finds_none(typed: str) -> None:
    assert found(typed) == []


def test_better_fits_come_before_larger_places() -> None:
    place("North York", population=800_000)
    place("Yorkton", population=900_000)
    place("Cork", population=999_000)
    place("York", population=10)

    assert found("york") == ["York", "Yorkton", "North York", "Cork"]
    assert found("york", limit=2) == ["York", "Yorkton"]


def twin(name: str, region: str, country: str = "US", **facts: Any) -> Place:
    made = place(name, country=country, **facts)
    Place.objects.filter(pk=made.pk).update(admin1=region)
    return Place.objects.get(pk=made.pk)


@pytest.mark.parametrize(
    "typed",
    [
        "Toledo, Ohio", "toledo ohio", "Toledo OH", "Toledo (Ohio)", "Toledo, OH, USA",
        "Toledo OH, United States", "Ohio Toledo", "City of Toledo, Ohio", "Tolido, Ohio",
        "Toledo, Ohoi", "Toledo, Oh", "オハイオ州 Toledo",
    ],
)  # fmt: skip
def test_where_a_place_is_is_read_behind_its_name(typed: str) -> None:
    ohio = twin("Toledo", "Ohio", population=10)
    twin("Toledo", "Oregon", population=20)
    twin("Toledo", "Castille-La Mancha", "ES", population=99_000)

    assert search_places(typed)[0] == ohio
    assert [hit.place for hit in search(typed)][:1] == [ohio]


def test_a_name_that_ends_like_a_region_is_first_read_as_one_name() -> None:
    city, mexico = place("New Mexico", population=5), place("New", country="MX", population=900)

    assert search_places("New Mexico")[0] == city
    assert search_places("New, Mexico")[0] == mexico


def test_own_names_and_members_come_first_and_the_others_stay_visible() -> None:
    called_so = place("Toronto", "York", population=2_000_000)
    own, member = place("York", population=150_000), twin("York", "Maine", population=100_000)
    MembershipFactory(community=CommunityFactory(place=member, name="York", published=True))

    assert search_places("york") == [member, own, called_so]
    assert [hit.matched for hit in search("york")] == ["", "", ""]


def test_a_hit_says_the_other_name_by_which_it_was_found() -> None:
    mumbai = place("Mumbai", "Bombay", country="IN", population=12_000_000)
    Country.objects.filter(code="IN").update(name="India")
    Place.objects.filter(pk=mumbai.pk).update(
        alternate_names=["Mumbaī", "Bombay"], admin1="Maharashtra"
    )

    (hit,) = search("bombay")

    assert (hit.why, hit.matched, hit.label) == ("other", "Bombay", "Mumbai, Maharashtra, India")


def test_regions_and_communities_that_the_gazetteer_lacks_are_found() -> None:
    monterrey = twin("Monterrey", "Nuevo León", "MX", population=1_000_000)
    twin("Nuevo León", "Chiapas", "MX", population=2_000)
    county = CommunityFactory(
        kind="county", place=None, name="Montgomery County", admin1="Maryland", published=True
    )
    CommunityFactory(kind="county", place=None, name="Montgomery County", admin1="Ohio")
    city = twin("Montgomery", "Alabama", population=200_000)

    state = search("nuevo leon")
    assert (state[0].region, state[0].label) == (("MX", "Nuevo León"), "Nuevo León, Mexico")
    assert monterrey in [hit.place for hit in state if hit.why == "in"]
    for typed in ("Montgomery County", "Montgomery County, MD", "County of Montgomery"):
        assert [hit.community for hit in search(typed)][:1] == [county], typed
    assert [hit.place or hit.community for hit in search("montgomery")][:2] == [city, county]


@pytest.mark.parametrize(
    ("name", "country", "region"),
    [
        ("usa", "US", ""),
        ("uk", "GB", ""),
        ("deu", "DE", ""),
        ("turkey", "TR", ""),
        ("republic of korea", "KR", ""),
        ("czech republic", "CZ", ""),
        ("cote divoire", "CI", ""),
        (searched_name("ドイツ"), "DE", ""),
        ("oh", "US", "Ohio"),
        ("nsw", "AU", "New South Wales"),
        ("state of ohio", "US", "Ohio"),
        (searched_name("경기도"), "KR", "Gyeonggi-do"),
    ],
)
def test_countries_and_regions_are_known_as_people_call_them(
    name: str, country: str, region: str
) -> None:
    assert (country, region) in whereabouts(name)


def test_among_equals_the_preferred_country_comes_first_then_the_larger() -> None:
    for name, country, population in [
        ("Parisa", "US", 20),
        ("Parisb", "US", None),
        ("Parisc", "FR", 5),
        ("Parisd", "FR", 9_000),
    ]:
        place(name, "Paris", country=country, population=population)
    place("Parish", country="US", population=1_000_000)

    assert found("paris") == ["Parisd", "Parisa", "Parisc", "Parisb", "Parish"]
    assert found("paris", country="US") == ["Parisa", "Parisb", "Parisd", "Parisc", "Parish"]
    assert found("praisb") == ["Parisb"]


def test_preference_holds_among_corrected_names_too() -> None:
    place("Springfield", country="US", population=160_000)
    place("Springfields", "Springfield", country="CA", population=10)

    for typed in ("Sprngfield", "Springgfeld"):
        assert found(typed) == ["Springfield", "Springfields"]
        assert found(typed, country="CA") == ["Springfields", "Springfield"]


def test_a_place_with_many_fitting_names_is_there_once() -> None:
    place("Paris", "Parisi", "Pariso", "Parisiacum", "Ville Paris")

    assert found("paris") == found("pari") == found("pairs") == ["Paris"]


def test_who_has_registered_a_place_is_said() -> None:
    taken, free = CommunityFactory(name="Springfield"), place("Springfield")

    communities = {
        each.pk: getattr(each, "community", None) for each in search_places("Sprinfield")
    }

    assert communities == {taken.place_id: taken, free.pk: None}


def test_one_letter_finds_only_what_is_called_so() -> None:
    place("Y")
    place("Ypsilanti")
    place("津")

    assert found("y") == ["Y"]
    assert found("津") == ["津"]
    assert found("z") == []


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("typed", ["", " ", "\x00", "-.,", "'", "’`", "\u0301", "\ud800", "\t\n"])
def test_nothing_typed_finds_nothing_without_asking(
    typed: str, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        assert search_places(typed) == []


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("typed", ["Mos\x00cow", "\ud800Moscow", "Moscow\x00"])
def test_what_no_name_can_hold_is_left_out(typed: str) -> None:
    assert found(typed)[0] == "Moscow"


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    "typed",
    [
        "%",
        "%%%",
        "___",
        "mosc_w%",
        "'; DROP TABLE cities_place; --",
        "\\",
        "\\%\\",
        "a|b",
        "moscow|",
        "$$",
        "{}",
        "(mos",
        "\U0010ffff",
    ],
)
def test_wildcards_of_the_database_are_plain_text_here(typed: str) -> None:
    assert set(found(typed)) <= {"Moscow"}
    assert Place.objects.count() == 11


@pytest.mark.usefixtures("world")
def test_what_is_longer_than_any_name_is_not_looked_for(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert search_places("moscow" * 100_000) == []
    assert found("m" * LONGEST_NAME) == []


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("typed", ["m", "mo", "moscow", "mosocw", "xyzzyville", "Moskvvaa", "東京"])
def test_queries_are_bounded(typed: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        for each in search_places(typed):
            assert each.country.name and getattr(each, "community", None) is None
    assert len(queries) <= MOST_QUERIES


def test_names_follow_their_place() -> None:
    kept, changed = (
        place("Kept", "Behalten"),
        place("St.-Pierre", "Saint Pierre, FR", "St Pierre", population=None),
    )
    rows = PlaceName.objects.filter(place=changed).order_by("name")
    assert list(rows.values_list("name", "country_code", "population")) == [
        ("saint pierre fr", "US", 0),
        ("st pierre", "US", 0),
    ]

    Place.objects.filter(pk=changed.pk).update(
        search_text="sankt peter", population=7, country=CountryFactory(code="DE")
    )
    assert list(rows.values_list("name", "country_code", "population")) == [
        ("sankt peter", "DE", 7)
    ]
    Place.objects.filter(pk=changed.pk).update(search_text="")
    assert not rows.exists()

    changed.delete()
    assert list(PlaceName.objects.order_by("name").values_list("name", "place_id")) == [
        ("behalten", kept.pk),
        ("kept", kept.pk),
    ]


def test_the_longest_name_is_cut_alike_on_both_sides() -> None:
    PlaceFactory(search_text="u" * LONGEST_NAME + "x")

    assert PlaceName.objects.get().name == "u" * LONGEST_NAME
    assert len(found("u" * LONGEST_NAME)) == 1


@pytest.mark.django_db(transaction=True)
def test_triggers_can_be_removed_and_made_again() -> None:
    loader = MigrationLoader(connection)
    triggers = loader.get_migration("cities", "0002_triggers")
    state = loader.project_state(("cities", "0001_initial"))
    with connection.schema_editor() as editor:
        triggers.unapply(state, editor)
    try:
        place = PlaceFactory(search_text="malmo|malmo-stad")
        assert not PlaceName.objects.exists()
    finally:
        with connection.schema_editor() as editor:
            triggers.apply(state, editor)

    Place.objects.filter(pk=place.pk).update(search_text="malmo|malmoe-stad")
    assert (
        [each.pk for each in search_places("Malmoe Stad")]
        == [each.pk for each in search_places("Mlamö")]
        == [place.pk]
    )


def test_search_finds_names_one_mistake_away() -> None:
    spellings = one_mistake_away("lima")

    assert {"lma", "ilma", "limma", "lina", "alima", "li ma", "limas"} <= set(spellings)
    assert "lima" not in spellings
    assert all(edit_distances("lima", spelled)[0] == 1 for spelled in spellings)


@pytest.mark.parametrize(
    ("typed", "name", "whole", "beginning"),
    [
        ("", "", 0, 0),
        ("ab", "", 2, 2),
        ("", "ab", 2, 0),
        ("ab", "ba", 1, 1),
        ("kitten", "sitting", 3, 2),
        ("kopenhg", "kopenhagen", 3, 1),
    ],
)
def test_distances_by_hand(typed: str, name: str, whole: int, beginning: int) -> None:
    assert edit_distances(typed, name) == (whole, beginning)


class AnyText(TestCase):
    def setUp(self) -> None:
        place("Göteborg", "Gothenburg")

    @settings(max_examples=60, deadline=None)
    @given(st.text(max_size=40))
    def test_any_text_is_answered(self, text: str) -> None:
        assert len(search_places(text)) <= 1


@pytest.mark.parametrize(
    ("language", "country", "bavaria", "hyogo"),
    [
        ("en", "Germany", "Bavaria", "Hyōgo"),
        ("es", "Alemania", "Baviera", "Prefectura de Hyōgo"),
        ("ja", "ドイツ", "バイエルン自由州", "兵庫県"),
        ("ar", "ألمانيا", "بافاريا", "هيوغو"),
        ("tlh", "Germany", "Bavaria", "Hyōgo"),
    ],
)
def test_countries_and_regions_are_named_in_the_readers_language(
    language: str, country: str, bavaria: str, hyogo: str
) -> None:
    with translation.override(language):
        assert Country(code="DE", name="Germany").label == country
        assert region_label("DE", "Bavaria") == bavaria
        assert region_label("JP", "Hyōgo") == hyogo
        assert region_label("JP", "Nowhere") == "Nowhere"


@pytest.mark.parametrize("word", ["bayern", "baviera", "バイエルン"])
def test_a_region_is_found_by_its_name_in_other_languages(word: str) -> None:
    assert "Bavaria" in regions_named(fold(word))
    assert not regions_named("qqqq")


@pytest.mark.parametrize(
    ("name", "country", "region", "languages", "language"),
    [
        ("لاہور", "PK", "Punjab", "en ur", "ur"),
        ("Ville de Montréal", "CA", "Quebec", "en fr", "fr"),
        ("Toronto", "CA", "Ontario", "en fr", "en"),
        ("Antwerpen", "BE", "Flanders", "de fr nl", "nl"),
        ("Liège", "BE", "Wallonia", "de fr nl", "fr"),
        ("Zürich", "CH", "Zurich", "fr de it rm", "de"),
        ("Bellinzona", "CH", "Ticino", "fr de it rm", "it"),
        ("मुंबई", "IN", "Maharashtra", "en hi ta", "mr"),
        ("जयपुर", "IN", "Rajasthan", "en hi ta", "hi"),
        ("ಬೆಂಗಳೂರು", "IN", "Karnataka", "en hi ta", "kn"),
        ("কলকাতা", "IN", "West Bengal", "en hi ta", "bn"),
        ("N'Djamena", "TD", "", "ar fr", "fr"),
        ("Muqdisho", "SO", "", "ar so", "so"),
        ("חיפה", "IL", "Haifa", "ar he", "he"),
        ("神戸市", "JP", "Hyōgo", "ja", "ja"),
        ("臺北市", "TW", "Taipei", "zh", "zh-Hant"),
        ("Київ", "UA", "", "uk", "uk"),
        ("東京", "DE", "", "de", ""),
        ("1234", "DE", "", "de", "de"),
        ("", "AQ", "", "", ""),
    ],
)
def test_the_language_of_a_local_name_follows_its_letters_and_its_region(
    name: str, country: str, region: str, languages: str, language: str
) -> None:
    assert name_language(name, country, region, languages.split()) == language
