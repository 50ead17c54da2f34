"""Sample profiles, and that production never runs over them."""

from __future__ import annotations

import dataclasses
import importlib
import json
import random
import re
import unicodedata
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

import backend.wsgi
from backend.cities.models import Community
from backend.cities.profile_schema import MOST_TOPICS
from backend.cities.profile_validation import check_document
from backend.cities.reference import read_csv
from backend.cities.sample import holds_sample_accounts, refuse_sample_in_production
from backend.cities.sample.documents import (
    draw,
    generate_documents,
)
from backend.cities.sample.people import highest_office, people_of_countries, sample_person
from backend.cities.sample.places import Partner, PlaceFacts, listed_places
from backend.cities.sample.stories import grammar
from backend.cities.sample.traits import (
    REGIONS,
    VOCABULARY,
    affinities,
    holds,
    traits_of,
    weights_for,
)
from backend.cities.vocabularies import vocabulary
from tests.factories import CommunityFactory, CountryFactory, UserFactory

# The generator of sample documents: valid, the same for the same seed, and true to the facts of
# the place.


PORT = PlaceFacts(
    key="1",
    place_id=1,
    name="Kobe",
    country="JP",
    subregion="Eastern Asia",
    admin1="Hyogo",
    population=1_500_000,
    elevation_m=5,
    coastal=True,
    port="sea",
    climate="Cfa",
    air_destinations=80,
    university_names=4,
    seat_level=1,
    income_band=4,
    languages=("ja",),
    local_name="神戸市",
    partners=(Partner(9, "Seattle", "US"),),
)
VILLAGE = PlaceFacts(
    key="2",
    place_id=2,
    name="Oberdorf",
    country="AT",
    subregion="Western Europe",
    admin1="Tyrol",
    population=2_100,
    elevation_m=1_200,
    coastal=False,
    port="none",
    climate="Dfc",
    air_destinations=0,
    university_names=0,
    income_band=4,
    languages=("de",),
)
DESERT = PlaceFacts(
    key="3",
    place_id=3,
    name="Biskra",
    country="DZ",
    subregion="Northern Africa",
    population=200_000,
    elevation_m=90,
    coastal=False,
    port="none",
    climate="BWh",
    income_band=2,
    languages=("ar",),
    local_name="بسكرة",
)
AMERICAN = PlaceFacts(
    key="4",
    place_id=4,
    name="Duluth",
    country="US",
    subregion="North America",
    admin1_code="MN",
    admin1="Minnesota",
    population=86_000,
    port="sea",
    coastal=False,
    climate="Dfb",
    income_band=4,
    languages=("en",),
)
UNKNOWN = PlaceFacts(key="5", name="Nowhere", country="FM")
EVERY = (PORT, VILLAGE, DESERT, AMERICAN, UNKNOWN)


def many(facts: PlaceFacts, count: int = 60) -> list[dict[str, Any]]:
    """Documents of places with the same facts and other draws."""
    return list(
        generate_documents(
            [dataclasses.replace(facts, key=f"{facts.key}-{n}") for n in range(count)], seed=7
        )
    )


def share(documents: list[dict[str, Any]], group: str, field: str, code: str) -> float:
    return sum(code in document.get(group, {}).get(field, ()) for document in documents) / len(
        documents
    )


@pytest.mark.django_db
@pytest.mark.parametrize("facts", EVERY, ids=lambda facts: facts.name)
def test_every_document_is_complete_and_clean(facts: PlaceFacts) -> None:
    for code, subregion in {
        "US": "North America",
        "JP": "Eastern Asia",
        "DE": "Western Europe",
    }.items():
        CountryFactory(code=code, subregion=subregion)
    regions = (
        "Northern Europe",
        "Southern Europe",
        "Central Europe",
        "South America",
        "Central America",
        "Southern Asia",
        "Western Africa",
        "Eastern Africa",
        "South-Eastern Asia",
        "Caribbean",
        "Northern Africa",
        "Western Asia",
    )
    for number, subregion in enumerate(regions):
        CountryFactory(code=f"{'ABCDEFGHIJKL'[number]}9", subregion=subregion)
    for code in re.findall("..", "MXCAKRGBCNINTWNLBRVNNOSEIEPLITFRDKCZCHPH"):
        CountryFactory(code=code)
    for document in many(facts, 12):
        assert check_document(document, complete=True) == document


def test_a_document_depends_on_its_place_and_the_seed_alone() -> None:
    together = list(generate_documents(EVERY, seed=3))
    alone = [next(generate_documents([facts], seed=3)) for facts in reversed(EVERY)]

    assert together == alone[::-1]
    assert together != list(generate_documents(EVERY, seed=4))


def test_a_port_offers_port_logistics_and_an_inland_place_never_does() -> None:
    assert share(many(PORT), "needs_offers", "offers", "port_logistics") > 0.5
    assert share(many(VILLAGE), "needs_offers", "offers", "port_logistics") == 0
    assert share(many(VILLAGE), "facts", "institutions", "port_authority") == 0
    assert share(many(PORT), "facts", "institutions", "port_authority") > 0.4


def test_what_places_face_follows_climate_ground_and_size() -> None:
    assert share(many(DESERT, 200), "challenges", "challenges", "drought") > 0.6
    assert share(many(PORT), "challenges", "challenges", "earthquakes") > 0.4
    assert share(many(VILLAGE), "needs_offers", "offers", "mountain_tourism") > 0.3
    assert share(many(VILLAGE), "sectors", "strengths", "agriculture") > share(
        many(PORT), "sectors", "strengths", "agriculture"
    )
    assert share(many(PORT), "needs_offers", "offers", "university_exchange") > 0.4


def test_needs_and_offers_never_share_a_topic() -> None:
    for document in many(PORT) + many(UNKNOWN):
        assert not set(document["needs_offers"]["needs"]) & set(document["needs_offers"]["offers"])


def test_needs_that_follow_from_challenges_mostly_come_first() -> None:
    first = last = 0
    for document in [found for facts in EVERY[:4] for found in many(facts, 200)]:
        faced = document.get("challenges", {}).get("challenges", ())
        needs = document["needs_offers"]["needs"]
        following = {t for c in faced for t in affinities()["needs_of_challenge"].get(c, ())}
        first, last = first + (needs[0] in following), last + (needs[-1] in following)
        assert len(needs) <= MOST_TOPICS >= len(document["needs_offers"]["offers"])
    assert first > 1.15 * last


def test_facts_are_the_real_ones_and_unknown_stays_empty() -> None:
    port, unknown = (
        next(generate_documents([PORT], 1))["facts"],
        next(generate_documents([UNKNOWN], 1)).get("facts", {}),
    )

    assert {
        name: port[name]
        for name in (
            "population",
            "coastal",
            "port",
            "air_destinations",
            "elevation_m",
            "income_band",
        )
    } == {
        "population": 1_500_000,
        "coastal": True,
        "port": "sea",
        "air_destinations": 80,
        "elevation_m": 5,
        "income_band": 4,
    }
    assert set(unknown) <= {"institutions"}


def test_listed_partnerships_have_no_year_and_no_status() -> None:
    document = next(generate_documents([PORT], 1))

    assert document["partnerships"]["existing"] == [
        {"name": "Seattle", "country": "US", "status": "unknown", "place_id": 9}
    ]


def test_documents_are_as_incomplete_as_real_ones() -> None:
    documents = many(AMERICAN, 200)
    filled = {
        group: sum(group in document for document in documents) / len(documents)
        for group in ("challenges", "sought", "importances")
    }

    assert all(0.4 < share_filled < 1 for share_filled in filled.values()), filled


def test_ties_may_name_a_community_of_the_other_side_only() -> None:
    places = [
        dataclasses.replace(facts, key=f"{facts.key}-{n}")
        for n in range(40)
        for facts in (PORT, AMERICAN)
    ]
    documents = generate_documents(places, 1, {1: 501, 4: 504})
    named = {
        (f.country, t["community_id"])
        for f, d in zip(places, documents, strict=True)
        for t in d.get("ties", {}).get("ties", ())
        if "community_id" in t
    }

    assert named == {("JP", 504), ("US", 501)}


@pytest.mark.parametrize(
    ("facts", "language"), [(PORT, "ja"), (VILLAGE, "de"), (DESERT, "ar"), (UNKNOWN, "en")]
)
def test_a_story_is_in_the_language_of_the_place_and_marked_as_sample(
    facts: PlaceFacts, language: str
) -> None:
    for document in many(facts, 20):
        story = document["story"]
        assert story["language"] == language
        assert story["text"].endswith(grammar()[language]["mark"])
        assert "{" not in story["text"]
        assert "english" not in story or story["english"].endswith("(Sample text.)")


def test_stories_name_the_place_in_its_own_script() -> None:
    assert all("神戸市" in document["story"]["text"] for document in many(PORT, 10))


def test_every_code_of_the_affinities_is_in_its_vocabulary() -> None:
    data = affinities()
    for trait, questions in data["traits"].items():
        for question, weights in questions.items():
            assert weights.keys() <= vocabulary(VOCABULARY[question]).keys(), (trait, question)
    for kind, keys, values in (
        ("needs_of_challenge", "challenges", "topics"),
        ("offers_of_sector", "sectors", "topics"),
    ):
        assert data[kind].keys() == vocabulary(keys).keys()
        for code, weights in data[kind].items():
            assert weights.keys() <= vocabulary(values).keys(), (kind, code)
    known = data["traits"].keys() | traits_of(PORT) | traits_of(VILLAGE) | traits_of(DESERT)
    for question, conditions in data["only_with"].items():
        of = VOCABULARY.get(question, question)  # "topics" bounds both offers and needs
        assert conditions.keys() <= vocabulary(of).keys(), question
        terms = {term.strip("!|") for text in conditions.values() for term in text.split()} - {""}
        assert terms <= known | UNSEEN, terms - known


# Traits of which none of the places above is an example, and that change no weight by themselves.
UNSEEN = {"city_state", "rich", "no_railway", "division", "world_heritage", "rainforest"} | {
    "cold_nights",
    "far_from_equator",
}


def test_wine_grows_in_divisions_that_there_are() -> None:
    there = {(country, name) for country, _, name, *_ in read_csv("admin1.csv.gz")}

    for country, divisions in affinities()["wine"].items():
        assert {(country, name) for name in divisions} <= there


def test_a_code_is_possible_where_one_of_its_alternatives_holds() -> None:
    condition = "coast !city_state | lake from_10k"

    assert holds(condition, frozenset({"coast"}))
    assert holds(condition, frozenset({"coast", "city_state", "lake", "from_10k"}))
    assert not holds(condition, frozenset({"coast", "city_state"}))
    assert not holds(condition, frozenset({"lake"}))


def test_every_region_is_a_trait_that_the_affinities_use() -> None:
    assert REGIONS.keys() <= affinities()["traits"].keys()
    assert traits_of(UNKNOWN) == {"any", "city"}


# How names of the country end or begin, written down by hand.
CALLED = {
    "GE": r"(dze|shvili|lia) \(", "AM": r"yan \(", "IS": r"(dóttir|son) \(",
    "JP": r"^(Sato|Suzuki|Takahashi|Tanaka|Watanabe|Yamamoto|Nakamura|Kobayashi) ",
    "HU": r"^(Nagy|Kovács|Szabó|Tóth|Horváth|Kiss|Varga|Molnár) ", "BG": r"(ov|ova) \(",
    "LT": r"(as|ius|ienė|aitė) \(", "VN": r"^(Nguyễn|Trần|Lê|Phạm|Hoàng|Võ) ",
}  # fmt: skip


@pytest.mark.parametrize("country", sorted({*CALLED, "DZ", "US", "MK", "IN", "KR", "CH", "EG"}))
def test_people_are_called_as_in_their_country_in_latin_letters(country: str) -> None:
    rng = random.Random(4)
    names = {sample_person(PlaceFacts("x", "x", country), rng) for _ in range(60)}

    assert all(name.endswith(" (sample)") for name in names) and len(names) > 6
    assert all(re.search(CALLED.get(country, ""), name) for name in names)
    letters = {letter for name in names for letter in name if letter.isalpha()}
    assert all("LATIN" in unicodedata.name(letter) for letter in letters)


def test_every_country_of_the_sample_has_names_and_offices_of_its_own() -> None:
    of, names = people_of_countries()["of"], people_of_countries()["names"]

    assert set(of.values()) == names.keys()
    assert {row["country"] for row in listed_places()} <= of.keys()
    assert highest_office(PlaceFacts("x", "x", "MX")) == "Municipal President"
    assert highest_office(PlaceFacts("x", "x", "US", kind="state")) == "Governor"
    assert highest_office(PlaceFacts("x", "x", "BE", admin1_code="WAL")) == "Mayor (Bourgmestre)"


def test_draws_follow_the_weights_without_repeating() -> None:
    rng = random.Random(5)
    firsts = [draw(rng, {"heavy": 9.0, "light": 1.0, "other": 1.0}, 2) for _ in range(2000)]

    assert all(len(set(codes)) == 2 for codes in firsts)
    assert 0.78 < sum(codes[0] == "heavy" for codes in firsts) / 2000 < 0.86  # 9/11
    assert weights_for("offers", frozenset({"any"})).keys() < vocabulary("topics").keys()


def test_documents_are_plain_json() -> None:
    for document in generate_documents(EVERY, 1):
        assert json.loads(json.dumps(document)) == document


# Production refuses to start over a database that holds sample accounts.


pytestmark = pytest.mark.django_db


def test_an_empty_service_holds_no_sample(settings: object) -> None:
    UserFactory()
    assert not holds_sample_accounts()


@pytest.mark.parametrize("what", ["account", "community"])
def test_production_refuses_a_database_with_sample_rows(settings, what: str) -> None:  # type: ignore[no-untyped-def]
    if what == "account":
        UserFactory(is_sample=True)
    else:
        CommunityFactory(is_sample=True)
    settings.PRODUCTION = True

    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        refuse_sample_in_production()


def test_production_starts_over_a_real_database(settings) -> None:  # type: ignore[no-untyped-def]
    CommunityFactory()
    settings.PRODUCTION = True

    refuse_sample_in_production()


def test_other_modes_never_ask(settings, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    UserFactory(is_sample=True)
    settings.PRODUCTION = False

    with django_assert_num_queries(0):
        refuse_sample_in_production()


def test_the_web_does_not_start_in_production_over_sample_accounts(settings) -> None:  # type: ignore[no-untyped-def]
    UserFactory(is_sample=True)
    settings.PRODUCTION = True

    with pytest.raises(ImproperlyConfigured):
        importlib.reload(backend.wsgi)


def test_the_sample_is_not_loaded_in_production(settings) -> None:  # type: ignore[no-untyped-def]
    settings.PRODUCTION = True

    with pytest.raises(CommandError, match="production"):
        call_command("load_sample")


def test_the_sample_is_not_mixed_with_real_communities() -> None:
    CommunityFactory()

    with pytest.raises(CommandError, match="Real communities"):
        call_command("load_sample")
    assert Community.objects.count() == 1


def test_the_sample_wants_the_gazetteer_first() -> None:
    with pytest.raises(CommandError, match="load_reference"):
        call_command("load_sample")


def test_there_is_no_way_to_sign_in_without_a_sample() -> None:
    with pytest.raises(CommandError, match="load_sample"):
        call_command("sample_accounts")
