"""The directory of members, the page about membership, and asking to become or to stay a member."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from backend.accounts.models import User
from backend.cities.models import Community, DuesAmount, Membership, MembershipRequest, Place
from backend.cities.services import begin_membership, renew_membership, set_dues
from backend.cities.services.membership_requests import (
    answer_membership_request,
    ask_for_membership,
)
from backend.common.dates import database_now, years_after
from backend.common.errors import Conflict, InvalidFields, TooManyRequests, WrongState
from backend.notifications.models import Notification
from backend.outbox.models import Event
from backend.privacy.erasure import erase_account
from backend.web.members import directory
from tasks.inline import drain
from tests.actors import Ask, World, admitted_actors, api, at_once, make_world, refused
from tests.actors import page as page_of
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
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
    ({"form": "sister"}, {"Ames", "Bonn"}),
    ({"form": "friendship"}, set()),
    ({"decade": "1980"}, {"Ames"}),
    ({"decade": "1990"}, set()),
    ({"theme": "culture"}, {"Ames", "Bonn"}),
    ({"theme": "business"}, set()),
    ({"search": "Ames, Iowa"}, {"Ames"}),
]


def test_page_api_and_files_narrow_alike(client: Client, ames: Community) -> None:
    for asked, expected in FILTERS:
        found = client.get(API, asked).json()["results"]
        assert {row["name"] for row in found} == expected, asked
        read = client.get(url("members_json"), asked).getvalue()
        assert {row["name"] for row in json.loads(read)["members"]} == expected, asked
        assert {row[0] for row in lines(client, **asked)[1:]} == expected, asked
        assert set(names(page(client, **asked))) == expected, asked
    ExistingPartnershipFactory(
        community=ames, place=PlaceFactory(name="Lyon"), form="friendship", state="confirmed"
    )
    assert names(page(client, form="friendship")) == ["Ames"], "staff have confirmed it"


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
    refused(lambda: set_dues(by=curator, amounts={("huge", True): 1}), InvalidFields)
    assert not DuesAmount.objects.exists()


def test_kept_page_forgets_when_dues_change(
    client: Client, db: None, curator: User, settings: Any
) -> None:
    settings.PAGE_CACHE_BYTES = 2**20
    assert "US$" not in page(client, "membership")
    set_dues(by=curator, amounts={("large", True): 77})
    assert "US$ 77" in page(client, "membership")


# Asking to become a member, and to stay one


BILL = {"billing_name": "Office of the mayor", "billing_email": "bills@city.example"}


@pytest.fixture
def world(db: None) -> World:
    made = make_world()
    Place.objects.filter(pk=made.a.place_id).update(population=60_000)
    return made


def told(kind: str) -> list[tuple[int, Any]]:
    found = Notification.objects.filter(kind=kind).order_by("id")
    return [(row.recipient_id, row.payload.get("status")) for row in found]


def answer(world: World, request: MembershipRequest, **given: Any) -> Any:
    path = url("staff_membership_request", request.pk)
    return world.client("curator").post(path, given)


def asked(world: World, actor: str = "official", **given: Any) -> MembershipRequest:
    community = world.home_of(actor)
    assert community is not None
    return ask_for_membership(by=world.user(actor), community_id=community.pk, **(BILL | given))


def test_from_asking_to_a_member_with_a_message_at_each_step(world: World) -> None:
    official, own = world.client("official"), url("community_membership", world.a.pk)
    html = one_line(official.get(own).text)
    assert 'value="under_100k" selected' in html and "Proposed by 60,000 inhabitants" in html
    assert official.post(own, BILL | {"dues_class": "under_100k"}).status_code == 302
    row = MembershipRequest.objects.get()
    assert (row.kind, row.status, row.dues_class) == ("new", "waiting", "under_100k")
    html = world.client("curator").get(url("staff_members")).text
    assert url("staff_membership_request", row.pk) in html
    assert answer(world, row, answer="ask", text="").status_code == 422, "ask what?"
    assert answer(world, row, answer="ask", text="Who pays?").status_code == 302
    html = official.get(own).text
    assert "Who pays?" in html and "Staff ask for more" in html
    reply = url("membership_reply", world.a.pk, row.pk)
    assert official.post(reply, {"text": "The city."}).status_code == 302
    assert "The city." in world.client("curator").get(url("staff_membership_request", row.pk)).text
    assert answer(world, row, answer="accept", text="By transfer.").status_code == 302
    assert not Membership.objects.exists(), "nobody is a member before the dues have come"
    assert answer(world, row, answer="paid").status_code == 302
    member = Membership.objects.get()
    today = database_now().date()
    assert (member.community_id, member.started_on) == (world.a.pk, today)
    assert (member.dues_class, member.standing) == ("under_100k", "good")
    assert member.paid_through and 363 <= (member.paid_through - today).days <= 365
    row.refresh_from_db()
    assert row.status == "paid"
    assert answer(world, row, answer="decline", text="No.").status_code == 409, "it is settled"
    drain()
    people = [world.user("official").pk]
    assert [who for who, _status in told("membership_received")] == people
    steps = ["asked", "accepted", "paid"]
    assert told("membership_answer") == [(who, step) for step in steps for who in people]
    assert {who for who, _status in told("membership_request")} == {world.user("curator").pk}
    assert names(page(world.client("visitor"))) == ["Alpha"]
    assert "Ask for the renewal" in official.get(own).text


def test_decline_says_why_and_one_may_ask_again(world: World) -> None:
    row = asked(world)
    assert answer(world, row, answer="decline", text="Ask your council.").status_code == 302
    official, own = world.client("official"), url("community_membership", world.a.pk)
    html = official.get(own).text
    assert "Ask your council." in html and "Send the request" in html
    assert asked(world).pk != row.pk


def test_renewal_is_asked_for_by_members_and_by_those_that_lapsed(world: World) -> None:
    today = database_now().date()
    for days in (20, -20):
        paid = today + dt.timedelta(days=days)
        member = MembershipFactory(
            community=world.a, paid_through=paid, standing="good" if days > 0 else "lapsed"
        )
        row = asked(world, dues_class="large")
        assert row.kind == "renewal"
        answer_membership_request(by=world.user("curator"), request_id=row.pk, answer="paid")
        member.refresh_from_db()
        assert member.paid_through == years_after(max(paid, today), 1)
        assert (member.standing, member.dues_class) == ("good", "large")
        member.delete()
        MembershipRequest.objects.all().delete()


def test_more_than_a_year_in_advance_is_too_early(world: World) -> None:
    paid = database_now().date() + dt.timedelta(days=400)
    MembershipFactory(community=world.a, paid_through=paid)
    refused(lambda: asked(world), Conflict)
    html = world.client("official").get(url("community_membership", world.a.pk)).text
    assert "paid for more than a year" in html and "Send the request" not in html


def test_renewal_of_a_membership_that_ended_meanwhile_begins_nothing(world: World) -> None:
    member = MembershipFactory(community=world.a)
    row = asked(world)
    Membership.objects.filter(pk=member.pk).update(ended_on=dt.date(2024, 1, 1))
    assert answer(world, row, answer="paid").status_code == 422
    assert answer(world, row, answer="decline", text="It has ended.").status_code == 302
    assert asked(world).kind == "new", "what has ended begins anew"


def test_what_staff_enter_by_themselves_settles_the_request(world: World) -> None:
    row, curator = asked(world), world.user("curator")
    today = database_now().date()
    member = begin_membership(by=curator, community_id=world.a.pk, started_on=today)
    row.refresh_from_db()
    assert row.status == "paid"
    row = asked(world)
    renew_membership(by=curator, membership_id=member.pk, paid_through=years_after(today, 1))
    row.refresh_from_db()
    assert (row.kind, row.status) == ("renewal", "paid")


def test_community_whose_population_nobody_knows_says_it_or_chooses(world: World) -> None:
    Place.objects.filter(pk=world.a.place_id).update(population=None)
    official, own = world.client("official"), url("community_membership", world.a.pk)
    assert "How many people live there?" in official.get(own).text
    wrong = official.post(own, BILL)
    assert wrong.status_code == 422 and "Give the number of inhabitants" in wrong.text
    assert official.post(own, BILL | {"population": "0"}).status_code == 422
    assert official.post(own, BILL | {"population": "500000"}).status_code == 302
    row = MembershipRequest.objects.get()
    assert (row.dues_class, row.population) == ("large", 500_000)
    html = world.client("curator").get(url("staff_membership_request", row.pk)).text
    assert "500,000 inhabitants, as the community says" in html


def test_second_click_finds_the_first_and_many_a_day_are_refused(
    world: World, settings: Any
) -> None:
    settings.MEMBERSHIP = settings.MEMBERSHIP | {"requests_a_day": 1}
    official, own = world.client("official"), url("community_membership", world.a.pk)
    assert official.post(own, BILL | {"dues_class": "large"}).status_code == 302
    settings.MEMBERSHIP = settings.MEMBERSHIP | {"requests_a_day": 2}
    again = official.post(own, BILL | {"dues_class": "large"})
    assert again.status_code == 422 and "has asked already" in again.text
    settings.MEMBERSHIP = settings.MEMBERSHIP | {"requests_a_day": 1}
    row = MembershipRequest.objects.get()
    gone = url("membership_withdraw", world.a.pk, row.pk)
    assert official.post(gone).status_code == 302
    assert official.post(gone).status_code == 409, "withdrawn once"
    refused(lambda: asked(world), TooManyRequests)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_request_and_one_membership() -> None:
    world = make_world()
    both = [partial(asked, world, dues_class="large") for _index in range(2)]
    errors = [error for error in at_once(*both) if error]
    assert len(errors) == 1 and isinstance(errors[0], Conflict)
    row = MembershipRequest.objects.get()
    pay = partial(
        answer_membership_request, by=world.user("curator"), request_id=row.pk, answer="paid"
    )
    errors = [error for error in at_once(pay, pay) if error]
    assert len(errors) == 1 and isinstance(errors[0], Conflict | WrongState)
    assert Membership.objects.count() == 1
    assert Event.objects.filter(topic="membership_begun").count() == 1


class Scene:
    """A request of A that waits for its answer, and one more community of the committee."""

    def __init__(self) -> None:
        self.world = make_world()
        self.row = asked(self.world, dues_class="large")
        answer_membership_request(
            by=self.world.user("curator"), request_id=self.row.pk, answer="ask", text="Who?"
        )

    def names(self, actor: str) -> dict[str, Any]:
        own = self.world.home_of(actor) or self.world.a
        return {"a": self.world.a.pk, "own": own.pk, "row": self.row.pk}


OWN, STAFF_ONE = "communities/{a}/membership", "staff/members/requests/{row}/"
API_OWN, API_STAFF = "communities/{a}/membership-requests/", "staff/membership-requests/"
ASKED = BILL | {"dues_class": "large"}
OF_A, IN_CHARGE = {"official"}, {"official", "other_official", "chair"}
PERMISSIONS: list[tuple[Ask, set[str]]] = [
    (page_of(f"{OWN}/"), OF_A),
    (api(API_OWN), OF_A),
    (page_of("communities/{own}/membership/"), IN_CHARGE),
    (page_of("communities/{own}/membership/", ASKED), IN_CHARGE),
    (api("communities/{own}/membership-requests/", ASKED), IN_CHARGE),
    (page_of(f"{OWN}/{{row}}/reply/", {"text": "We."}), OF_A),
    (api(f"{API_OWN}{{row}}/reply/", {"text": "We."}), OF_A),
    (page_of(f"{OWN}/{{row}}/withdraw/", {}), OF_A),
    (api(f"{API_OWN}{{row}}/withdraw/", {}), OF_A),
    (page_of(STAFF_ONE), {"curator", "admin"}),
    (api(API_STAFF), {"curator", "admin"}),
    (page_of(STAFF_ONE, {"answer": "accept"}), {"curator"}),
    (api(f"{API_STAFF}{{row}}/answer/", {"answer": "accept"}), {"curator"}),
    (page_of("staff/members/dues/", {"us_large": "1"}), {"curator"}),
]


def test_who_asks_reads_and_answers(db: None) -> None:
    scene = Scene()
    for number, (ask, expected) in enumerate(PERMISSIONS):
        # The official of A has asked already: refused by the state, of what they may see
        found = admitted_actors(scene, ask, also=(409, 422))
        assert found == expected, number
    for name in ("membership_reply", "membership_withdraw"):
        path = url(name, scene.world.b.pk, scene.row.pk)
        assert scene.world.client("chair").post(path, {"text": "x"}).status_code == 404


def test_who_leaves_takes_words_and_address_along(world: World) -> None:
    user = world.user("official")
    row = asked(world, billing_email=user.email, note="My own number is 5")
    CommunityRoleFactory(community=world.a)
    erase_account(by=user, email=user.email)
    row.refresh_from_db()
    assert (row.billing_name, row.billing_email) == ("", "")
    assert [note.text for note in row.notes.all()] == [""]


def test_the_api_tells_codes(world: World) -> None:
    official = world.client("official")
    path = f"/api/v1/communities/{world.a.pk}/membership-requests/"

    def send(body: dict[str, Any]) -> Any:
        return official.post(path, body, content_type="application/json")

    assert send(BILL | {"dues_class": "huge"}).status_code == 422
    made = send(BILL)
    assert made.status_code == 201 and made.json()["dues_class"] == "under_100k"
    assert send(BILL).json()["code"] == "request_open"
    (listed,) = official.get(path).json()["results"]
    assert listed["id"] == made.json()["id"] and listed["billing_email"] == BILL["billing_email"]
    waiting = world.client("admin").get("/api/v1/staff/membership-requests/?status=waiting")
    assert [row["id"] for row in waiting.json()["results"]] == [listed["id"]]
