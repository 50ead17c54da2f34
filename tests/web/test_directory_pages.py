"""The directory as people see it, and as a file."""

from __future__ import annotations

import csv
import io
import re

import pytest
from django.test import Client
from django.urls import reverse

from backend.cities.models import Community
from tests.factories import (
    CommunityFactory,
    ListedPartnershipFactory,
    MembershipFactory,
    PairFactory,
    PartnershipFactory,
    PlaceFactory,
    SignatoryFactory,
)
from tests.web.html_forms import one_line


@pytest.fixture
def member(db: None) -> Community:
    """A member with a recognised partnership and one that a public list names."""
    community = CommunityFactory(name="Ames", published=True)
    other = CommunityFactory(name="Bonn", country_code="DE", published=True)
    MembershipFactory(community=community)
    made = PartnershipFactory(
        agreement__introduction__suggestion__pair=PairFactory(a=community, b=other)
    )
    for side in (community, other):
        SignatoryFactory(agreement=made.agreement, community=side)
    ListedPartnershipFactory(
        place_a=community.place,
        place_b=PlaceFactory(name="=Kiel", latitude=54.3, longitude=10.1),
        sources=["wikidata2016"],
    )
    return community


def directory(client: Client, **query: object) -> str:
    response = client.get(reverse("web:directory"), query)
    assert response.status_code == 200
    return response.content.decode()


def test_table_and_map_tell_the_same(client: Client, member: Community) -> None:
    html = one_line(directory(client))
    assert "2 partnerships" in html
    assert len(re.findall(r'<g class="arcs">(.*?)</g>', html)[0].split("<path")) == 3
    assert len(re.findall(r"<tr><th scope=\"row\">", html)) == 2
    assert html.count(">Recognised</span>") == 1
    assert "Wikidata 2016" in html
    assert f'href="{reverse("web:community", args=[member.pk])}"' in html


def test_facets_name_how_many_and_leave_out_what_leads_to_nothing(
    client: Client, member: Community
) -> None:
    html = directory(client)
    assert "Germany (1)" in html
    assert "Japan" not in html
    narrowed = one_line(directory(client, country="DE"))
    assert "1 partnership<" in narrowed
    assert 'value="DE" selected' in narrowed
    assert "Select a valid choice" in directory(client, country="XX")
    assert "No partnership fits all of these" in directory(client, status="suspended")


def test_recognised_alone(client: Client, member: Community) -> None:
    html = directory(client, recognised="on")
    assert "Bonn" in html
    assert "=Kiel" not in html


def test_page_of_one_city(client: Client, member: Community) -> None:
    html = directory(client, place=member.place_id)
    assert "Partnerships of Ames" in html
    assert "2 partnerships" in html
    lonely = PlaceFactory(name="Lonely")
    assert "No partnership of this city is listed" in directory(client, place=lonely.pk)
    assert "2 partnerships" in directory(client, place="x")


def test_city_is_found_however_it_is_spelled(client: Client, member: Community) -> None:
    place = PlaceFactory(name="Göteborg", search_text="goteborg|gothenburg")
    listed = client.get(reverse("web:directory_cities"), {"search": "Gotheborg"}).content.decode()
    assert f'href="{reverse("web:directory")}?place={place.pk}"' in listed
    assert "<html" not in listed
    assert "Did you mean" in directory(client, search="Gotheborg"), "also without JavaScript"
    assert (
        "No city is called so"
        in client.get(reverse("web:directory_cities"), {"search": "qqqqqqqq"}).content.decode()
    )
    assert client.get(reverse("web:directory_cities"), {"search": "\x00"}).status_code == 200


def test_file_holds_what_the_page_holds_and_no_formula(client: Client, member: Community) -> None:
    def rows(**query: str) -> list[list[str]]:
        response = client.get(reverse("web:directory_export"), query)
        assert response["Content-Type"].startswith("text/csv")
        text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
        return list(csv.reader(io.StringIO(text)))

    assert [row[2] for row in rows()] == ["partner", "Bonn", "'=Kiel"]
    assert [row[7] for row in rows()] == ["recognised", "yes", "no"]
    assert [row[2] for row in rows(country="DE")] == ["partner", "Bonn"]


def test_page_stays_light_with_a_large_directory(client: Client, member: Community) -> None:
    for number in range(230):
        ListedPartnershipFactory(place_a=member.place, place_b=PlaceFactory(name=f"Place {number}"))
    html = directory(client)
    assert "The map shows the first 200" in html
    assert "Page 1 of 5" in html
    assert len(html) < 100_000


def test_api_lists_members_partnerships_alone(client: Client, member: Community) -> None:
    stranger = PartnershipFactory()
    found = client.get("/api/v1/partnerships/").json()["results"]
    assert [row["recognised"] for row in found] == [True]
    assert stranger.pk not in {row["id"] for row in found}
    assert len(client.get("/api/v1/listed-partnerships/").json()["results"]) == 1
    assert client.get("/api/v1/partnerships/?country=JP").json()["results"] == []
    assert client.get("/api/v1/partnerships/?recognised=true&kind=us").json()["results"] == found
    assert client.get("/api/v1/confirmed-partnerships/").json()["results"] == []
    assert client.get("/api/v1/partnerships/?status=ended").status_code == 422
