"""The directory: whose partnerships it lists, each once, and its filters."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backend.cities.models import Community, ExistingPartnership, Membership
from backend.introductions.directory import Directory, RowFilters
from backend.introductions.models import Partnership
from tests.factories import (
    MOMENT,
    CommunityFactory,
    ListedPartnershipFactory,
    MembershipFactory,
    PairFactory,
    PartnershipFactory,
    PlaceFactory,
    SignatoryFactory,
)

pytestmark = pytest.mark.django_db


def partnership(
    a: Community,
    b: Community,
    *,
    signed: bool = False,
    areas: tuple[str, ...] = ("culture",),
    **values: Any,
) -> Partnership:
    made = PartnershipFactory(
        agreement__introduction__suggestion__pair=PairFactory(a=a, b=b),
        agreement__areas=list(areas),
        **values,
    )
    for side in (a, b) if signed else ():
        SignatoryFactory(agreement=made.agreement, community=side)
    return made


def confirmed(
    community: Community, other: Any, state: str = "confirmed", **values: Any
) -> ExistingPartnership:
    place = other if not isinstance(other, str) else None
    name = place.name if place is not None else other
    country = place.country if place is not None else CommunityFactory(country_code="JP").country
    return ExistingPartnership.objects.create(
        community=community,
        name=name,
        name_key=name.lower(),
        country=country,
        place=place,
        state=state,
        claimed_at=MOMENT,
        answered_at=MOMENT,
        **values,
    )


def listed(one: Any, other: Any) -> None:
    a, b = sorted((one, other), key=lambda place: place.pk)
    ListedPartnershipFactory(place_a=a, place_b=b)


def shown(**asked: Any) -> list[tuple[str, str, str]]:
    return [(entry.source, entry.a.name, entry.b.name) for entry in Directory(RowFilters(**asked))]


@pytest.fixture
def cities() -> dict[str, Community]:
    made = {
        "ames": CommunityFactory(name="Ames", published=True),
        "bonn": CommunityFactory(name="Bonn", country_code="DE", published=True),
        "celle": CommunityFactory(name="Celle", country_code="DE", published=True),
        "osaka": CommunityFactory(name="Osaka", country_code="JP", published=True),
    }
    MembershipFactory(community=made["ames"])
    return made


def test_only_partnerships_of_members_in_good_standing(cities: dict[str, Community]) -> None:
    partnership(cities["ames"], cities["bonn"])
    partnership(cities["celle"], cities["osaka"])
    listed(cities["ames"].place, PlaceFactory(name="Kiel"))
    listed(cities["celle"].place, PlaceFactory(name="Lima"))
    confirmed(cities["ames"], "Nara")
    confirmed(cities["celle"], "Oslo")
    found = [
        ("recorded", "Ames", "Bonn"),
        ("confirmed", "Ames", "Nara"),
        ("listed", "Ames", "Kiel"),
    ]
    assert shown() == found
    Membership.objects.update(standing="lapsed")
    assert shown() == []
    Membership.objects.update(standing="good", ended_on=dt.date(2025, 1, 1))
    assert shown() == []


def test_global_member_is_listed_with_all_its_partnerships_worldwide(
    cities: dict[str, Community],
) -> None:
    MembershipFactory(community=cities["celle"])
    partnership(cities["celle"], cities["osaka"])
    listed(PlaceFactory(name="Lima"), cities["celle"].place)
    assert {entry[0] for entry in shown()} == {"recorded", "listed"}
    assert shown(kind="us") == []
    assert len(shown(kind="global")) == 2


def test_each_partnership_is_listed_once(cities: dict[str, Community]) -> None:
    partnership(cities["ames"], cities["bonn"])
    listed(cities["ames"].place, cities["bonn"].place)
    confirmed(cities["ames"], cities["bonn"].place)
    confirmed(cities["ames"], cities["osaka"].place)
    confirmed(cities["osaka"], cities["ames"].place)
    listed(cities["osaka"].place, cities["ames"].place)
    assert shown() == [("recorded", "Ames", "Bonn"), ("confirmed", "Ames", "Osaka")]
    Partnership.objects.update(status="ended", ended_on=dt.date(2026, 3, 3))
    assert ("recorded", "Ames", "Bonn") not in shown()


def test_partner_without_a_place_is_listed_once_and_by_its_page(
    cities: dict[str, Community],
) -> None:
    county = CommunityFactory(
        name="Alba", kind="county", place=None, country_code="DE", published=True
    )
    confirmed(county, cities["ames"].place)
    assert shown() == [("confirmed", "Alba", "Ames")]
    confirmed(cities["ames"], "Alba", partner=county)
    assert shown() == [("confirmed", "Alba", "Ames")]
    ExistingPartnership.objects.filter(community=county).delete()
    (entry,) = Directory(RowFilters(search="alba"))
    assert (entry.a.name, entry.b.community) == ("Ames", county.pk)
    Membership.objects.update(community=county)
    assert shown() == [("confirmed", "Ames", "Alba")]
    recorded = partnership(cities["ames"], county)
    assert shown() == [("recorded", recorded.pair.a.name, recorded.pair.b.name)]


@pytest.mark.parametrize("state", ["claimed", "refused", "dropped"])
def test_what_staff_have_not_confirmed_is_not_there(
    cities: dict[str, Community], state: str
) -> None:
    confirmed(cities["ames"], "Nara", state=state)
    assert shown() == []


def test_ended_claim_is_not_there(cities: dict[str, Community]) -> None:
    confirmed(cities["ames"], "Nara", status="ended")
    assert shown() == []


def test_recognised_is_derived(cities: dict[str, Community]) -> None:
    partnership(cities["ames"], cities["bonn"], signed=True)
    partnership(cities["ames"], cities["osaka"])
    assert [(entry.b.name, entry.is_recognised) for entry in Directory(RowFilters())] == [
        ("Bonn", True),
        ("Osaka", False),
    ]
    assert shown(recognised=True) == [("recorded", "Ames", "Bonn")]


def test_filters(cities: dict[str, Community]) -> None:
    partnership(
        cities["ames"], cities["bonn"], since=dt.date(1984, 5, 1), areas=("sport", "culture")
    )
    partnership(cities["ames"], cities["osaka"], since=dt.date(2026, 5, 1))
    confirmed(cities["ames"], "Nara", year=1989, status="dormant")
    listed(cities["ames"].place, PlaceFactory(name="Kiel", search_text="kiel|kielo"))
    names = lambda **asked: [b for _source, _a, b in shown(**asked)]  # noqa: E731
    assert names() == ["Bonn", "Osaka", "Nara", "Kiel"]
    assert names(country="DE") == ["Bonn"]
    assert names(country="JP") == ["Osaka", "Nara"]
    assert names(theme="sport") == ["Bonn"]
    assert names(decade=1980) == ["Bonn", "Nara"]
    assert names(status="active") == ["Bonn", "Osaka"]
    assert names(status="dormant") == ["Nara"]
    assert names(status="unknown") == ["Kiel"]
    assert names(search="kielo") == ["Kiel"]
    assert names(search="nar") == ["Nara"]
    assert names(search="ames bon") == ["Bonn"]
    assert names(search="\x00") == names()
    assert names(place=cities["osaka"].place_id) == ["Osaka"]
    assert names(search="nowhere at all") == []


def test_facets_and_arcs(cities: dict[str, Community]) -> None:
    partnership(
        cities["ames"],
        cities["bonn"],
        since=dt.date(1984, 5, 1),
        areas=("sport", "culture"),
        signed=True,
    )
    confirmed(cities["ames"], "Nara", year=1989, status="dormant")
    listed(cities["ames"].place, PlaceFactory(name="Kiel"))
    directory = Directory(RowFilters())
    assert len(directory) == 3
    assert dict(directory.facets()) == {
        "status": {"active": 1, "dormant": 1, "unknown": 1},
        "decade": {"1980": 2},
        "recognised": {"yes": 1},
        "theme": {"sport": 1, "culture": 1},
        "country": {"US": 3, "DE": 1, "JP": 1},
    }
    assert len(directory.arcs()) == 2, "nobody knows where Nara lies"
    assert Directory(RowFilters(theme="sport", kind="global")).facets() == {}


def test_slices_follow_each_other(cities: dict[str, Community]) -> None:
    for number in range(7):
        listed(cities["ames"].place, PlaceFactory(name=f"Place {number}"))
    directory = Directory(RowFilters())
    assert [
        entry.row for part in (directory[0:3], directory[3:6], directory[6:9]) for entry in part
    ] == [e.row for e in directory[:]]


def test_queries_do_not_grow(cities: dict[str, Community]) -> None:
    for number in range(12):
        partnership(
            cities["ames"], CommunityFactory(published=True, country_code="DE"), signed=True
        )
        listed(cities["ames"].place, PlaceFactory(name=f"Place {number}"))
    with CaptureQueriesContext(connection) as queries:
        directory = Directory(RowFilters())
        assert len(directory[0:20]) == 20
    assert len(queries) == 2, "the members' places, then the page"
