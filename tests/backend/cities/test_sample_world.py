"""The real reference data and the sample world on them: loaded once for this module, rolled back
after it.
"""

from __future__ import annotations

import csv
import io
import re
import stat
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.core.management import call_command
from django.db import transaction
from django.db.models import F, Q

from backend.accounts.models import User
from backend.cities.models import (
    Community,
    CommunityRole,
    Contact,
    Country,
    ListedPartnership,
    Membership,
    Organisation,
    Place,
    Profile,
    ProfileVersion,
)
from backend.cities.names import name_language, plain, searched_name
from backend.cities.profile_validation import check_document
from backend.cities.reference import load_reference
from backend.cities.sample import holds_sample_accounts
from backend.cities.sample.people import ACTORS, password_file, sample_password
from backend.cities.sample.places import (
    PlaceFacts,
    choose_places,
    listed_places,
    place_facts,
)
from backend.cities.sample.world import load_sample
from backend.common.errors import InvalidFields
from backend.introductions.models import Agreement, Partnership
from backend.outbox.models import Event
from backend.outbox.topics import Topic
from tests.benchmarks.place_search import SEARCHES, ask_searches

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def world(module_db: None) -> None:
    load_reference()
    load_sample()


def test_the_gazetteer_is_whole_and_its_facts_are_right() -> None:
    assert Place.objects.count() == 235_069
    assert Country.objects.count() == 250
    assert ListedPartnership.objects.count() == 25_929
    assert Place.objects.filter(
        pk=3868626, country="CL", coastal=True, port_kind="sea", climate="Csb"
    ).exists(), "Valparaíso"
    # Ocean ships go no farther inland than to Albany, and no river is shipped in the mountains.
    kinds = Counter(Place.objects.exclude(coastal=None).values_list("port_kind", flat=True))
    assert 3_000 < kinds["sea"] < 4_000 < 20_000 < kinds[""] < kinds["none"]
    assert kinds["lake"] > 100 and kinds["river"] > 300
    assert not Place.objects.filter(port_kind="sea", coast_km__gt=300).exists()
    assert not Place.objects.filter(port_kind="river", elevation_m__gt=600).exists()
    berlin = Place.objects.get(pk=2950159)
    assert berlin.is_capital and berlin.timezone == "Europe/Berlin"
    assert 3_000_000 < (berlin.population or 0) < 5_000_000


def test_what_people_type_comes_first() -> None:
    wrong, _times = ask_searches()
    assert len(SEARCHES) >= 60
    assert len(wrong) <= 1, wrong


# Well known places and what is known about them, written down before looking at any data: several
# right spellings stand apart by "|", "?" is not known for sure, and an empty local name is the
# English one.
KNOWN_PLACES = Path(__file__).with_name("known_places.csv")


_KIND_OF_REGION = re.compile(
    r" (province|region|department|oblast|county|district|municipality|city|governorate|state)$"
    r"| (prefecture|division|voivodeship|pradesh)$|(state|city) of |[- ]capital$|maa$",
    re.IGNORECASE,
)


def _region_fits(facts: PlaceFacts, known: dict[str, str]) -> bool:
    def bare(region: str) -> str:
        return _KIND_OF_REGION.sub("", plain(region)).strip()

    return bare(facts.admin1) in map(bare, known["region"].split("|"))


def _local_name_fits(facts: PlaceFacts, known: dict[str, str]) -> bool:
    if not known["local_name"]:
        return plain(facts.local_name or facts.name) == plain(known["name"])
    shown = facts.local_name or facts.name
    language = name_language(shown, facts.country, facts.admin1, facts.languages).split("-")[0]
    return shown in known["local_name"].split("|") and language in known["language"].split("|")


@pytest.mark.parametrize(
    ("column", "fits", "least_percent"),
    [
        ("region", _region_fits, 99),
        ("local_name", _local_name_fits, 99),
        ("port", lambda facts, known: facts.port == known["port"], 97),
        ("on_coast", lambda facts, known: facts.coastal is (known["on_coast"] == "yes"), 97),
    ],
)
def test_the_gazetteer_agrees_with_what_is_known_of_places_of_eighty_countries(
    column: str, fits: Callable[[PlaceFacts, dict[str, str]], bool], least_percent: int
) -> None:
    with KNOWN_PLACES.open(encoding="utf-8", newline="") as file:
        known = [row for row in csv.DictReader(file) if row[column] != "?"]
    places = place_facts([int(row["id"]) for row in known])

    wrong = [
        f"{row['name']}: {row[column]}"
        for row, facts in zip(known, places, strict=True)
        if not fits(facts, row)
    ]

    assert len(wrong) <= len(known) * (100 - least_percent) / 100, wrong


def test_no_listed_partnership_lies_in_one_country() -> None:
    assert not ListedPartnership.objects.filter(place_a__country=F("place_b__country")).exists()


def test_the_world_has_its_size_and_reach() -> None:
    home, abroad = Community.objects.filter(country="US"), Community.objects.exclude(country="US")

    assert (home.count(), abroad.count()) == (400, 1200)
    assert abroad.values("country").distinct().count() >= 60
    assert home.values("admin1").distinct().count() >= 48
    assert Counter(home.values_list("kind", flat=True)) == {"city": 388, "county": 8, "state": 4}
    assert abroad.filter(place__population__lt=20_000).count() > 150
    assert abroad.filter(place__population__gt=500_000).count() > 150


def test_every_row_is_marked_as_sample() -> None:
    assert not Community.objects.filter(is_sample=False).exists()
    assert not User.objects.filter(is_sample=False).exists()
    assert holds_sample_accounts()


def test_every_document_is_valid_and_complete() -> None:
    for data in ProfileVersion.objects.values_list("data", flat=True):
        try:
            assert check_document(data, complete=True) == data
        except InvalidFields as invalid:
            pytest.fail(f"{invalid.errors}")
    for draft in Profile.objects.filter(status__in=["submitted", "changes_requested"]).values_list(
        "draft", flat=True
    ):
        assert check_document(draft, complete=True) == draft
    for draft in Profile.objects.filter(status="draft").values_list("draft", flat=True):
        check_document(draft, complete=False)


def test_profiles_stand_at_every_station_of_their_life() -> None:
    assert Counter(Profile.objects.values_list("status", flat=True)) == {
        "published": 1583,
        "submitted": 8,
        "changes_requested": 1,
        "draft": 4,
        "paused": 2,
        "stale": 2,
    }
    published = Profile.objects.filter(current_version__isnull=False)
    assert published.count() == ProfileVersion.objects.count() == 1587
    assert not published.exclude(current_version__number=1).exists()
    assert not published.exclude(draft=F("current_version__data")).exists()
    assert not published.filter(community__roles__vetted_at__isnull=True).exists()
    assert not Profile.objects.filter(
        status="submitted", community__roles__vetted_at__isnull=False
    ).exists()


def _answers(data: dict[str, Any]) -> dict[str, set[str]]:
    topics = data.get("needs_offers", {})
    return {
        "sectors": set(data.get("sectors", {}).get("strengths", ())),
        "topics": {*topics.get("offers", ()), *topics.get("needs", ())},
        "offers": set(topics.get("offers", ())),
        "challenges": set(data.get("challenges", {}).get("challenges", ())),
        "institutions": set(data.get("facts", {}).get("institutions", ())),
    }


def _is_below(size: int) -> Callable[[Place], bool]:
    return lambda place: (place.population or 0) < size


def _is_dry_land(place: Place) -> bool:
    return not place.coastal


# What no place can say of which the fact holds: a second opinion, not read from the generator's
# table.
_CONTRADICTIONS: dict[tuple[str, str], Callable[[Place], bool]] = {
    ("topics", "port_logistics"): lambda p: p.port in (None, "none"),
    ("institutions", "port_authority"): lambda p: p.port in (None, "none"),
    ("topics", "coastal_management"): _is_dry_land,
    ("topics", "fisheries_aquaculture"): _is_dry_land,
    ("sectors", "fisheries"): _is_dry_land,
    ("challenges", "sea_level_rise"): _is_dry_land,
    ("topics", "mountain_tourism"): lambda p: (p.elevation_m or 0) < 700 and p.climate[0] != "D",
    ("topics", "wine_viticulture"): lambda p: (
        p.climate in {"Af", "Am", "Aw", "BWh", "ET", "EF"} or not 27 < abs(p.latitude) < 51
    ),
    ("offers", "drought_resilience"): lambda p: p.climate[0] == "D" or p.climate in {"Af", "Cfb"},
    ("challenges", "ageing_population"): lambda p: p.country_id in {"NG", "ET", "UG", "ML", "NE"},
    ("topics", "irrigation"): lambda p: p.climate[0] in "DE",
    ("sectors", "forestry"): lambda p: p.climate[0] == "B" or (p.population or 0) > 500_000,
    ("sectors", "agriculture"): lambda p: p.country_id in {"MC", "SG", "HK", "MO"},
    ("challenges", "harsh_winters"): lambda p: p.climate[0] == "A" or abs(p.latitude) < 25,
    ("challenges", "extreme_heat"): lambda p: p.climate[0] == "E" or p.climate[2:] == "c",
    ("challenges", "traffic_congestion"): _is_below(20_000),
    ("topics", "airport_development"): lambda p: (p.population or 0) < 50_000,
    ("topics", "university_exchange"): _is_below(10_000),
    ("topics", "medical_technology"): _is_below(20_000),
    ("offers", "smart_city"): _is_below(50_000),
    ("topics", "hospital_partnership"): _is_below(20_000),
    ("sectors", "finance"): _is_below(10_000),
    ("sectors", "aerospace"): _is_below(50_000),
    ("sectors", "higher_education"): _is_below(10_000),
    ("institutions", "research_university"): lambda p: (
        not p.university_names or (p.population or 0) < 10_000
    ),
    ("institutions", "college"): _is_below(5_000),
    ("institutions", "teaching_hospital"): _is_below(100_000),
    ("institutions", "airport"): lambda p: not p.air_destinations or (p.population or 0) < 20_000,
    ("institutions", "orchestra"): _is_below(100_000),
    ("institutions", "botanical_garden"): _is_below(100_000),
    ("institutions", "convention_centre"): _is_below(20_000),
    ("institutions", "science_park"): _is_below(100_000),
    ("institutions", "stadium"): _is_below(20_000),
    ("institutions", "theatre"): _is_below(20_000),
    ("institutions", "railway_hub"): lambda p: p.country_id in {"IS", "CY", "MT", "JM", "MC", "RW"},
}
# The same by name, where a reader knows better than any fact: (place, kind of answer, code).
_BY_NAME = (
    (5419384, "topics", "port_logistics"),  # Denver
    (5308655, "topics", "port_logistics"),  # Phoenix
    (1857910, "topics", "port_logistics"),  # Kyoto
    (3173435, "topics", "port_logistics"),  # Milan
    (2993458, "sectors", "agriculture"),  # Monaco
    (2993458, "sectors", "fisheries"),
    (3622247, "topics", "wine_viticulture"),  # Limón
    (2507480, "topics", "wine_viticulture"),  # Algiers
    (2855065, "institutions", "world_heritage"),  # Pegnitz
    (2950159, "topics", "mountain_tourism"),  # Berlin
    (993800, "topics", "mountain_tourism"),  # Johannesburg
    (184745, "topics", "earthquake_engineering"),  # Nairobi
)


def test_no_answer_contradicts_the_facts_of_its_place() -> None:
    places = {
        c.pk: c.place for c in Community.objects.filter(place__isnull=False).select_related("place")
    }
    found = []
    for pk, data in Profile.objects.values_list("community", "draft"):
        place, answers = places.get(pk), _answers(data)
        found += [
            (place.name, place.country_id, question, code)
            for (question, code), contradicts in _CONTRADICTIONS.items()
            if place is not None and code in answers[question] and contradicts(place)
        ]
    assert not found


def test_what_a_reader_would_smile_at_is_not_said() -> None:
    said = {
        place: _answers(data)
        for place, data in Profile.objects.values_list("community__place", "draft")
    }
    assert not [entry for entry in _BY_NAME if entry[2] in said.get(entry[0], {}).get(entry[1], ())]
    assert sum(place in said for place, *_ in _BY_NAME) >= 10


def test_ports_and_other_truths_are_still_told() -> None:
    said = {
        place: _answers(data)
        for place, data in Profile.objects.values_list("community__place", "draft")
    }
    told = Counter(code for answers in said.values() for kind in answers for code in answers[kind])

    assert told["port_logistics"] > 120 and told["fisheries"] > 60 and told["mountain_tourism"] > 60
    assert told["research_university"] > 150 and told["teaching_hospital"] > 120


def test_partnerships_in_profiles_are_those_that_lists_name_and_none_is_invented() -> None:
    listed = {
        frozenset(pair) for pair in ListedPartnership.objects.values_list("place_a", "place_b")
    }
    told = 0
    for place, data in ProfileVersion.objects.values_list("profile__community__place", "data"):
        for entry in data.get("partnerships", {}).get("existing", ()):
            told += 1
            assert frozenset((place, entry["place_id"])) in listed
            assert entry["status"] == "unknown" and "year" not in entry
    assert told > 3000
    assert not Agreement.objects.exists() and not Partnership.objects.exists()


def test_stories_are_in_several_languages() -> None:
    languages = Counter(ProfileVersion.objects.values_list("data__story__language", flat=True))

    assert languages.keys() == {"en", "es", "fr", "de", "ja", "ar", "it", "pt"}
    assert min(languages.values()) >= 10


def test_each_side_of_any_pair_has_somebody_to_notify() -> None:
    without = Community.objects.exclude(roles__role=CommunityRole.Role.OFFICIAL)
    assert not without.exists()
    assert Organisation.objects.count() == 1600
    assert Contact.objects.filter(is_primary=True).count() == 1600
    assert not Contact.objects.exclude(email__endswith=".example").exists()
    assert not User.objects.exclude(email__endswith=".example").exists()


def test_people_are_called_as_in_their_country() -> None:
    called = {
        "GE": r"(dze|shvili|lia) \(",
        "AM": r"yan \(",
        "HU": r"^(Nagy|Kovács|Szabó|Tóth|[HKVM])",
    }
    names = [
        *CommunityRole.objects.values_list("community__country", "user__name"),
        *Contact.objects.values_list("organisation__community__country", "name"),
    ]
    assert called.keys() <= {country for country, _ in names}
    assert [
        entry for entry in names if not re.search(called.get(entry[0], "sample"), entry[1])
    ] == []


def test_committees_have_a_chair_and_two_to_five_members() -> None:
    seats: dict[int, Counter[str]] = {}
    for community, role in CommunityRole.objects.exclude(role="official").values_list(
        "community", "role"
    ):
        seats.setdefault(community, Counter())[role] += 1
    assert len(seats) == 20
    assert all(
        roles["chair"] == 1 and 2 <= roles["committee_member"] <= 5 for roles in seats.values()
    )
    assert set(Community.objects.filter(pk__in=seats).values_list("country", flat=True)) == {"US"}


def test_all_us_communities_and_some_abroad_are_members() -> None:
    members = Membership.objects.values_list("community__country", flat=True)
    assert sum(country == "US" for country in members) == 400
    assert 200 < sum(country != "US" for country in members) < 400
    wrong = Membership.objects.filter(
        Q(dues_class="large", community__place__population__lt=500_000)
        | Q(dues_class="under_25k", community__place__population__gte=25_000)
    )
    assert not wrong.exists()


@pytest.mark.parametrize("actor", ACTORS, ids=lambda actor: actor.mailbox)
def test_each_actor_has_an_account_where_the_actor_belongs(actor) -> None:  # type: ignore[no-untyped-def]
    user = User.objects.get(email=actor.email)

    assert user.staff_role == actor.staff_role
    roles = list(CommunityRole.objects.filter(user=user).select_related("community__profile"))
    assert [(role.role, role.community.place_id) for role in roles] == (
        [(actor.role, actor.place_id)] if actor.role else []
    )
    if actor.role:
        assert (roles[0].vetted_at is not None) == actor.vetted
        assert roles[0].community.profile.status == ("published" if actor.vetted else "submitted")


def test_all_accounts_share_the_one_password_of_the_data_folder() -> None:
    hashes = set(User.objects.values_list("password", flat=True))

    assert len(hashes) == 1
    assert check_password(sample_password(), hashes.pop())
    assert password_file() == Path(settings.DATA_DIR) / "sample-password"
    assert stat.S_IMODE(password_file().stat().st_mode) == 0o600


def test_one_event_asks_for_the_first_run() -> None:
    asked = Event.objects.filter(topic=Topic.RUN_REQUESTED)
    assert asked.count() == 1 and Event.objects.exclude(pk__in=asked).count() <= 1


def test_a_second_load_does_nothing() -> None:
    before = (
        Community.objects.count(),
        User.objects.count(),
        Event.objects.count(),
        ProfileVersion.objects.count(),
    )

    world = load_sample()

    assert world.already
    assert (
        Community.objects.count(),
        User.objects.count(),
        Event.objects.count(),
        ProfileVersion.objects.count(),
    ) == before


def test_the_list_of_places_is_what_the_gazetteer_says() -> None:
    listed = {int(row["id"]): row["country"] for row in listed_places()}
    home, abroad = choose_places()
    chosen = {*home, *abroad}

    assert chosen == listed.keys()
    assert chosen == set(
        Community.objects.filter(place__isnull=False).values_list("place", flat=True)
    )
    places = Place.objects.in_bulk(chosen)
    assert {pk: places[pk].country_id for pk in chosen} == listed


# Quarters, boroughs and estates; what is disputed or held by others than its country; the double of
# a name; and places that are part of another municipality by now.
_NOT_COMMUNITIES = {
    "Shibuya": 11808021, "Meidling": 2771706, "Arabkir": 13156582, "Erzsébetváros": 3053176,
    "Karlova Ves": 3059564, "Sector 5": 11048322, "Bang Rak": 1619278, "Kowloon": 1819609,
    "Queens": 5133273, "Manhattan": 5125771, "Monti": 6545159, "Nukui": 8572754, "Buda": 3054667,
    "East Jerusalem": 7303419, "Efrata": 283991, "Neve Daniel": 282536, "Teqoa": 282597,
    "Simferopol": 693805, "Dakhla": 2463447, "Meharrize": 13608369, "Skardu": 1164709,
    "Bhulwal": 1433078, "Tiraspol": 617239, "Kheivani": 613981, "Khankendi": 146970,
    "Stanley": 3426691, "Nantou in Guangdong": 1913126, "Jona": 2660221,
}  # fmt: skip


def test_no_quarter_and_no_disputed_place_is_a_community() -> None:
    chosen = set(Community.objects.values_list("place", flat=True))

    assert {name for name, place in _NOT_COMMUNITIES.items() if place in chosen} == set()
    assert Place.objects.filter(pk__in=_NOT_COMMUNITIES.values()).count() > 20
    assert not Community.objects.filter(country__in=["EH", "CU", "IR", "KP", "RU", "SY"]).exists()
    golan_and_northern_cyprus = Q(country="IL", place__longitude__gt=35.62) | Q(
        country="CY", place__latitude__gt=35.2
    )
    assert not Community.objects.filter(golan_and_northern_cyprus).exists()


def test_no_two_communities_of_a_country_have_one_name_or_one_spot() -> None:
    cities = list(Community.objects.filter(kind="city").select_related("place"))
    names = Counter((city.country_id, searched_name(city.name)) for city in cities)
    spots = sorted((city.latitude or 0, city.longitude or 0, city.name) for city in cities)

    assert [name for name, count in names.items() if count > 1] == []
    close = [
        (first[2], second[2])
        for index, first in enumerate(spots)
        for second in spots[index + 1 : index + 12]
        if abs(first[0] - second[0]) < 0.03 and abs(first[1] - second[1]) < 0.03
    ]
    assert close == []


def test_the_accounts_are_printed_with_their_password() -> None:
    out = io.StringIO()
    call_command("sample_accounts", stdout=out)

    assert sample_password() in out.getvalue()
    assert all(actor.email in out.getvalue() for actor in ACTORS)
    assert "Valparaíso" in out.getvalue()


def test_a_lost_password_is_replaced_for_everybody() -> None:
    lost = sample_password()
    with transaction.atomic():
        password_file().unlink()
        call_command("sample_accounts", stdout=io.StringIO())
        now = sample_password()
        hashes = set(User.objects.values_list("password", flat=True))
    assert now != lost
    assert len(hashes) == 1 and check_password(now, hashes.pop())
