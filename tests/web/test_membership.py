"""The directory of members, the page about membership, and asking to become or to stay a member."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from backend.accounts.models import User
from backend.cities.models import Community, DuesAmount, Membership
from backend.cities.services import set_dues
from backend.common.errors import InvalidFields
from backend.outbox.models import Event
from backend.web.members import directory
from tests.factories import (
    CommunityFactory,
    ExistingPartnershipFactory,
    ListedPartnershipFactory,
    MembershipFactory,
    PairFactory,
    PartnershipFactory,
    PlaceFactory,
    ProfileFactory,
    SignatoryFactory,
)
from tests.web.conftest import SignIn
from tests.web.html_forms import one_line, url

API = "/api/v1/members/"


def page(client: Client, name: str = "members", **query: object) -> str:
    response = client.get(url(name), query)
    assert response.status_code == 200
    return one_line(response.text)


def names(html: str) -> list[str]:
    """The members that a page shows, in its order."""
    return re.findall(r"<h3>\s*(?:<a [^>]*>)?([^<]+?)(?:</a>)?\s*(?:<span|</h3>)", html)


@pytest.fixture
def ames(db: None) -> Community:
    """A U.S. member with a recognised partnership with a Global Member, and a listed one."""
    ames = CommunityFactory(name="Ames", admin1="Iowa", published=True)
    bonn = CommunityFactory(name="Bonn", country_code="DE", published=True)
    MembershipFactory(community=ames, started_on=dt.date(1987, 5, 1))
    MembershipFactory(community=bonn, started_on=dt.date(2014, 5, 1))
    made = PartnershipFactory(
        agreement__introduction__suggestion__pair=PairFactory(a=ames, b=bonn), form="sister"
    )
    for side in (ames, bonn):
        SignatoryFactory(agreement=made.agreement, community=side)
    ListedPartnershipFactory(
        place_a=ames.place, place_b=PlaceFactory(name="=Kiel"), sources=["wikidata2016"]
    )
    return ames


def test_each_kind_has_its_list_and_each_member_its_partnerships(
    client: Client, ames: Community
) -> None:
    html = page(client, "members_us")
    assert names(html) == ["Ames"] and "Iowa, United States</h2>" in html
    assert ">Bonn</a>" in html and ">=Kiel</a>" in html and "since 1987" in html
    assert html.count(">Recognised</span>") == 1
    assert html.count(">Global Member</span>") == 1, "the partner that is a member too"
    abroad = page(client, "members_global")
    assert names(abroad) == ["Bonn"] and ">Ames</a>" in abroad and "=Kiel" not in abroad
    assert set(names(page(client))) == {"Ames", "Bonn"}


def test_who_is_no_member_in_good_standing_is_not_listed(client: Client, ames: Community) -> None:
    for change in ({"standing": "lapsed"}, {"standing": "good", "ended_on": dt.date(2020, 1, 1)}):
        Membership.objects.filter(community__name="Bonn").update(started_on="2010-01-01", **change)
        html = page(client)
        assert names(html) == ["Ames"] and ">Global Member</span>" not in html
    assert [row["name"] for row in client.get(API).json()["results"]] == ["Ames"]


def test_a_member_without_a_public_page_is_named_and_led_to_its_place(
    client: Client, db: None
) -> None:
    hidden = CommunityFactory(name="Hidden")
    ProfileFactory(community=hidden)
    MembershipFactory(community=hidden)
    html = page(client)
    assert f'href="{url("place", hidden.place_id)}">Hidden</a>' in html
    assert url("community", hidden.pk) not in html
    assert client.get(API).json()["results"][0]["community_id"] is None


FILTERS: list[tuple[dict[str, str], set[str]]] = [
    ({}, {"Ames", "Bonn"}),
    ({"kind": "us"}, {"Ames"}),
    ({"kind": "global"}, {"Bonn"}),
    ({"country": "DE"}, {"Bonn"}),
    ({"state": "Iowa"}, {"Ames"}),
    ({"state": "Ohio"}, set()),
    ({"form": "sister"}, {"Ames", "Bonn"}),
    ({"form": "friendship"}, set()),
    ({"decade": "1980"}, {"Ames"}),
    ({"decade": "1990"}, set()),
    ({"theme": "culture"}, {"Ames", "Bonn"}),
    ({"theme": "business"}, set()),
    ({"search": "Ames, Iowa"}, {"Ames"}),
    ({"search": "ames iowa united states"}, {"Ames"}),
]


def test_page_api_and_files_narrow_alike(client: Client, ames: Community) -> None:
    for asked, expected in FILTERS:
        found = client.get(API, asked).json()["results"]
        assert {row["name"] for row in found} == expected, asked
        if "state" in asked and not expected:
            continue  # a page offers no state that leads to nothing, and passes over others
        read = client.get(url("members_json"), asked).getvalue()
        assert {row["name"] for row in json.loads(read)["members"]} == expected, asked
        assert {row[0] for row in lines(client, **asked)[1:]} == expected, asked
        assert set(names(page(client, **asked))) == expected, asked


def test_a_partnership_that_staff_confirmed_has_a_form_too(client: Client, ames: Community) -> None:
    ExistingPartnershipFactory(
        community=ames, place=PlaceFactory(name="Lyon"), form="friendship", state="confirmed"
    )
    assert names(page(client, form="friendship")) == ["Ames"]


def lines(client: Client, **query: str) -> list[list[str]]:
    response = client.get(url("members_csv"), query)
    assert response["Content-Type"].startswith("text/csv")
    return list(csv.reader(io.StringIO(response.getvalue().decode("utf-8-sig"))))


def test_files_and_api_say_which_side_is_the_member(client: Client, ames: Community) -> None:
    head, *rows = lines(client, kind="us")
    partner, kind, since = (head.index(name) for name in ("partner", "partner_kind", "since"))
    assert [(row[partner], row[kind]) for row in rows] == [("Bonn", "global"), ("'=Kiel", "")]
    assert rows[0][since] and not rows[1][since]
    (shown,) = client.get(API, {"kind": "us"}).json()["results"]
    assert [row["partner_kind"] for row in shown["partnerships"]] == ["global", ""]
    assert shown["partnerships"][0]["is_recognised"] and shown["member_since"] == "1987-05-01"


def test_the_directory_of_partnerships_marks_the_side_that_is_the_member(
    client: Client, ames: Community
) -> None:
    html = page(client, "directory")
    assert html.count('<span class="tag tag-b">Member</span>') == 2
    assert html.count('<span class="tag tag-b">Global Member</span>') == 1


def test_pages_follow_each_other_forwards_and_back(
    client: Client, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "PAGE", 2)
    for number in range(5):
        MembershipFactory(community=CommunityFactory(name=f"Town {number}", published=True))
    html, seen = page(client), []
    while True:
        seen += names(html)
        found = re.search(r'rel="next" href="([^"]+)"', html)
        if not found:
            break
        html = one_line(client.get(url("members") + found[1].replace("&amp;", "&")).text)
    assert seen == [f"Town {number}" for number in range(5)]
    back = re.search(r'rel="prev" href="([^"]+)"', html)
    assert back
    assert names(one_line(client.get(url("members") + back[1]).text)) == ["Town 2", "Town 3"]
    assert len(names(page(client, print=1))) == 5, "on paper, more at once"


def test_strange_numbers_of_pages_lead_to_the_first(client: Client, ames: Community) -> None:
    for query in ("after=0", "after=%00", "before=99999999999999999999", "after=²", "country=%00"):
        response = client.get(f"{url('members')}?{query}")
        assert response.status_code == 200 and len(names(one_line(response.text))) == 2, query


def test_a_long_list_asks_no_more_than_a_short_one(client: Client, ames: Community) -> None:
    def queries() -> list[int]:
        counted = []
        for path in (url("members"), API, url("members_json")):
            with CaptureQueriesContext(connection) as captured:
                client.get(path).getvalue()
            counted.append(len(captured))
        return counted

    page(client)
    few = queries()
    assert max(few) <= 11  # six read the whole directory, once until it changes
    for _index in range(6):
        member = CommunityFactory(published=True)
        MembershipFactory(community=member)
        ListedPartnershipFactory(place_a=member.place, place_b=PlaceFactory())
    page(client)
    assert queries() == few


# What membership is, and its dues


def test_the_page_says_who_tells_the_amounts_until_staff_set_them(
    client: Client, ames: Community, curator: User, sign_in: SignIn
) -> None:
    html = page(client, "membership")
    assert html.count("Staff tell you") == 8 and "US$" not in html
    assert re.search(r"U.S. members</a>\s*\(1\)", html)
    staff = sign_in(curator)
    sent = {"us_large": "2500", "global_large": "", "us_under_25k": "0"}
    assert staff.post(url("staff_dues"), sent).status_code == 302
    html = page(client, "membership")
    assert html.count("Staff tell you") == 6 and "US$ 2,500" in html and "US$ 0" in html
    rows = client.get("/api/v1/dues/").json()["amounts"]
    amounts = {(row["dues_class"], row["kind"]): row["dollars"] for row in rows}
    assert len(rows) == 8
    assert (amounts["large", "us"], amounts["large", "global"]) == (2500, None)
    assert 'value="2500"' in staff.get(url("staff_dues")).text
    events = Event.objects.filter(topic="dues_set")
    assert events.get().payload == {"changed": ["us_large", "us_under_25k"]}
    staff.post(url("staff_dues"), sent)
    assert events.count() == 1, "what stays is no change"


def test_amounts_that_cannot_be(curator: User, sign_in: SignIn) -> None:
    staff = sign_in(curator)
    for typed in ("-1", "1000001", "12.50", "much"):
        assert staff.post(url("staff_dues"), {"us_large": typed}).status_code == 422
    wrong = staff.put(
        "/api/v1/staff/dues/", {"us_large": 10_000_000}, content_type="application/json"
    )
    assert wrong.status_code == 422
    assert not DuesAmount.objects.exists()
    with pytest.raises(InvalidFields):
        set_dues(by=curator, amounts={("huge", True): 1})


def test_kept_page_forgets_when_dues_change(
    client: Client, db: None, curator: User, settings: Any
) -> None:
    settings.PAGE_CACHE_BYTES = 2**20
    assert "US$" not in page(client, "membership")
    set_dues(by=curator, amounts={("large", True): 77})
    assert "US$ 77" in page(client, "membership")
