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
from backend.cities.names import plain
from backend.cities.place_search import search_places
from backend.cities.profile_validation import check_document
from backend.cities.reference import load_reference
from backend.cities.sample import holds_sample_accounts
from backend.cities.sample.documents import local_name
from backend.cities.sample.people import ACTORS, password_file, sample_password
from backend.cities.sample.places import (
    Candidate,
    PlaceFacts,
    choose_places,
    place_facts,
    share_out,
)
from backend.cities.sample.world import load_sample
from backend.common.errors import InvalidFields
from backend.introductions.models import Agreement, Partnership
from backend.outbox.models import Event
from backend.outbox.topics import Topic

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def world(module_db: None) -> None:
    load_reference()
    load_sample()


def test_the_gazetteer_is_whole_and_its_facts_are_right() -> None:
    assert Place.objects.count() == 235_069
    assert Country.objects.count() == 250
    assert ListedPartnership.objects.count() == 25_934
    valparaiso = Place.objects.get(pk=3868626)
    assert (valparaiso.country_id, valparaiso.coastal, valparaiso.seaport, valparaiso.climate) == (
        "CL",
        True,
        True,
        "Csb",
    )
    berlin = Place.objects.get(pk=2950159)
    assert (
        berlin.is_capital
        and berlin.timezone == "Europe/Berlin"
        and 3_000_000 < (berlin.population or 0) < 5_000_000
    )


@pytest.mark.parametrize(
    ("typed", "place"),
    [
        ("Goteborg", 2711537),
        ("Munchen", 2867714),
        ("Muenchen", 2867714),
        ("l'aquila", 3175121),
        ("広島", 1862415),
        ("Lodz", 3093133),
    ],
)
def test_cities_are_found_however_they_are_typed(typed: str, place: int) -> None:
    assert search_places(typed)[0].pk == place


# Well known places and what is known about them, written down before looking at any data: several
# right spellings stand apart by "|", "?" is not known for sure, and an empty local name is the
# English one.
KNOWN_PLACES = Path(__file__).with_name("known_places.csv")


_KIND_OF_REGION = re.compile(
    r" (province|region|department|oblast|county|district|municipality|city|governorate|state)$"
    r"| prefecture$|(state|city) of |[- ]capital$|maa$",
    re.IGNORECASE,
)


def _region_fits(facts: PlaceFacts, known: dict[str, str]) -> bool:
    def bare(region: str) -> str:
        return _KIND_OF_REGION.sub("", plain(region)).strip()

    return bare(facts.admin1) in map(bare, known["region"].split("|"))


def _local_name_fits(facts: PlaceFacts, known: dict[str, str]) -> bool:
    shown = local_name(facts) or facts.name
    return shown in known["local_name"].split("|") or (
        plain(shown) == plain(known["name"]) and not known["local_name"]
    )


@pytest.mark.parametrize(
    ("column", "fits", "least_percent"),
    [("region", _region_fits, 92), ("local_name", _local_name_fits, 55)],
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
    small, large = (
        abroad.filter(place__population__lt=20_000).count(),
        abroad.filter(place__population__gt=500_000).count(),
    )
    assert small > 150 and large > 150


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


def test_the_choice_is_the_same_every_time() -> None:
    home, abroad = choose_places()

    assert set(home) | set(abroad) == set(
        Community.objects.filter(place__isnull=False).values_list("place", flat=True)
    )


def test_each_area_gives_its_first_place_before_large_areas_give_their_second() -> None:
    candidates = [
        *(Candidate(n, "large", 100) for n in range(100)),
        Candidate(500, "tiny", 1),
        Candidate(501, "small", 4),
    ]

    assert share_out(candidates, 4, first=(77,)) == [77, 0, 501, 500]
    assert len(share_out(candidates, 50, first=())) == 50


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
