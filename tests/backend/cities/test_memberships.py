"""Memberships of the network, and cities that a list of members brings in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from backend.cities import services
from backend.cities.memberships import dues_class_for
from backend.cities.models import Community, MemberImport, Membership, Place
from backend.cities.place_search import search_places
from backend.cities.services.communities import AlreadyRegistered
from backend.cities.services.invitations import answer_request, ask_to_join
from backend.common.dates import database_now
from backend.common.errors import Conflict, InvalidFields, NotVisible, WrongState
from backend.notifications.models import Notification
from backend.outbox.models import Event
from tasks.schedule import open_due_tick
from tests.actors import ACTORS, at_once, make_world
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    CountryFactory,
    MembershipFactory,
    PlaceFactory,
    UserFactory,
)
from tests.web.html_forms import url

# Membership: who may keep it, which days can be, lapsing and its reminder.


DAY = dt.timedelta(days=1)


@pytest.fixture
def today(db: None) -> dt.date:
    return database_now().date()


@pytest.mark.parametrize(
    ("population", "dues"),
    [
        (0, "under_25k"),
        (24_999, "under_25k"),
        (25_000, "under_100k"),
        (99_999, "under_100k"),
        (100_000, "under_500k"),
        (499_999, "under_500k"),
        (500_000, "large"),
    ],
)
def test_class_by_population(population: int, dues: str) -> None:
    assert dues_class_for(population) == dues


@pytest.mark.django_db
def test_only_curators_keep_members() -> None:
    world, day = make_world(), database_now().date()
    row = MembershipFactory(community=world.b, started_on=dt.date(2020, 1, 1))
    acts: dict[str, Callable[[Any], Any]] = {
        "begin": lambda by: services.begin_membership(
            by=by, community_id=world.a.pk, started_on=day
        ),
        "renew": lambda by: services.renew_membership(
            by=by, membership_id=row.pk, paid_through=day + 30 * DAY
        ),
        "change": lambda by: services.change_membership(
            by=by, membership_id=row.pk, started_on=day, paid_through=None, dues_class="large"
        ),
        "end": lambda by: services.end_membership(by=by, membership_id=row.pk, ended_on=day),
        "dues": lambda by: services.set_dues(by=by, amounts={("large", True): 1}),
        "import": lambda by: services.check_members(
            by=by, file_name="a.csv", content=b"community_id,started_on\n1,2020-01-01\n"
        ),
    }
    for name, act in acts.items():
        for actor in set(ACTORS) - {"visitor", "curator"}:
            with pytest.raises(NotVisible):
                act(world.user(actor))
        before = Event.objects.count()
        act(world.user("curator"))
        assert Event.objects.count() == before + (name != "import"), name


def test_life_of_a_membership(today: dt.date, curator: Any) -> None:
    community = CommunityFactory(place__population=60_000)
    row = services.begin_membership(
        by=curator,
        community_id=community.pk,
        started_on=today - 400 * DAY,
        paid_through=today - DAY,
    )
    assert (row.dues_class, row.standing) == ("under_100k", "lapsed")
    row = services.renew_membership(
        by=curator, membership_id=row.pk, paid_through=today + 365 * DAY
    )
    assert row.standing == "good"
    with pytest.raises(Conflict):
        services.begin_membership(by=curator, community_id=community.pk, started_on=today)
    services.end_membership(by=curator, membership_id=row.pk, ended_on=today)
    with pytest.raises(WrongState):
        services.end_membership(by=curator, membership_id=row.pk, ended_on=today)
    with pytest.raises(WrongState):
        services.renew_membership(by=curator, membership_id=row.pk, paid_through=today + 700 * DAY)
    again = services.begin_membership(
        by=curator, community_id=community.pk, started_on=today, dues_class="large"
    )
    assert again.dues_class == "large"
    with pytest.raises(Conflict):
        services.change_membership(
            by=curator,
            membership_id=row.pk,
            started_on=row.started_on,
            paid_through=None,
            dues_class="large",
        )
    topics = list(
        Event.objects.filter(community_id=community.pk)
        .order_by("id")
        .values_list("topic", flat=True)
    )
    assert topics == [
        "membership_begun",
        "membership_renewed",
        "membership_ended",
        "membership_begun",
    ]


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"started_on": dt.date(1900, 1, 1)}, {"started_on"}),
        ({"started_on": dt.date(2999, 1, 1)}, {"started_on"}),
        ({"paid_through": dt.date(2019, 12, 31)}, {"paid_through"}),
        ({"paid_through": dt.date(2999, 1, 1)}, {"paid_through"}),
        ({"dues_class": "huge"}, {"dues_class"}),
        ({"community_id": 999_999_999}, {"community_id"}),
    ],
)
def test_days_that_cannot_be(
    today: dt.date, curator: Any, values: dict[str, Any], wrong: set[str]
) -> None:
    good = {"community_id": CommunityFactory().pk, "started_on": dt.date(2020, 1, 1)}
    with pytest.raises(InvalidFields) as refused:
        services.begin_membership(by=curator, **(good | values))
    assert set(refused.value.errors) == wrong
    assert not Membership.objects.exists()


def test_renewal_goes_forward(today: dt.date, curator: Any) -> None:
    row = MembershipFactory(paid_through=today + 10 * DAY)
    for day in (today - DAY, today + 10 * DAY):
        with pytest.raises(InvalidFields):
            services.renew_membership(by=curator, membership_id=row.pk, paid_through=day)


def test_lapse_is_recorded_once(today: dt.date) -> None:
    over, last_day = (
        MembershipFactory(paid_through=today - DAY),
        MembershipFactory(paid_through=today),
    )
    open_end, ended = (
        MembershipFactory(),
        MembershipFactory(paid_through=today - DAY, ended_on=today),
    )
    assert [services.lapse_memberships(), services.lapse_memberships()] == [1, 0]
    assert Membership.objects.get(pk=over.pk).standing == "lapsed"
    assert set(Membership.objects.filter(standing="good")) == {last_day, open_end, ended}
    assert [event.community_id for event in Event.objects.filter(topic="membership_lapsed")] == [
        over.community_id
    ]


def test_reminder_comes_once_a_term(today: dt.date, curator: Any) -> None:
    days = settings.MEMBERSHIP["reminder_days"]
    row = MembershipFactory(paid_through=today + days * DAY)
    MembershipFactory(paid_through=today + (days + 1) * DAY)
    MembershipFactory(paid_through=today - DAY)
    assert [services.announce_ending_memberships(), services.announce_ending_memberships()] == [
        1,
        0,
    ]
    services.renew_membership(
        by=curator, membership_id=row.pk, paid_through=today + (days + 365) * DAY
    )
    assert services.announce_ending_memberships() == 0
    Membership.objects.filter(pk=row.pk).update(paid_through=today + 3 * DAY)
    assert services.announce_ending_memberships() == 1, "another term, another reminder"


def test_nightly_task_lapses_reminds_and_notifies_the_owners(
    today: dt.date, drain: Callable[[], int]
) -> None:
    over, ending = (
        MembershipFactory(paid_through=today - DAY),
        MembershipFactory(paid_through=today + DAY),
    )
    owners = [CommunityRoleFactory(community=row.community).user for row in (over, ending)]
    assert open_due_tick("update_memberships") is not None
    assert open_due_tick("update_memberships") is None
    drain()
    kinds = {row.recipient: row.kind for row in Notification.objects.all()}
    assert kinds == {owners[0]: "membership_lapsed", owners[1]: "membership_ending"}


def test_who_renewed_meanwhile_is_not_notified(
    today: dt.date, curator: Any, drain: Callable[[], int]
) -> None:
    row = MembershipFactory(paid_through=today + DAY)
    CommunityRoleFactory(community=row.community)
    services.announce_ending_memberships()
    services.renew_membership(by=curator, membership_id=row.pk, paid_through=today + 366 * DAY)
    drain()
    assert not Notification.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_curators_at_once_make_one_membership() -> None:
    community, people = CommunityFactory(), [UserFactory(curator=True) for _ in range(3)]
    given = {"community_id": community.pk, "started_on": dt.date(2020, 1, 1)}
    outcomes = at_once(*[partial(services.begin_membership, by=by, **given) for by in people])
    refused = [error for error in outcomes if error]
    assert len(refused) == 2
    assert all(isinstance(error, Conflict) for error in refused)
    assert Membership.objects.filter(community=community).count() == 1


# Members whose city nobody has registered: the list that brings them in registers them, and
# their officials ask to join.


HEAD = "community,state,country,started_on,paid_through,dues_class,ended_on"
NEXT_YEAR = f"{dt.date.today().year + 1}-06-30"


def listed(curator: Any, *lines: str) -> MemberImport:
    content = "\r\n".join([HEAD, *lines, ""]).encode()
    return services.check_members(by=curator, file_name="members.csv", content=content)


@pytest.fixture
def eugene(db: None) -> Place:
    return PlaceFactory(
        name="Eugene",
        admin1="Oregon",
        admin1_code="OR",
        population=170_000,
        search_text="eugene|skinners mudhole",
    )


@pytest.mark.parametrize(
    "line", ["Eugene,,US", "eugene,OR,United States", "Skinner's Mudhole,Oregon,US"]
)
def test_city_is_registered_with_its_membership(curator: Any, eugene: Place, line: str) -> None:
    checked = listed(curator, f"{line},2024-01-01,{NEXT_YEAR},,")
    (row,) = checked.rows
    assert (row["action"], row["place_id"], row["community_id"], row["shown"]) == (
        "new",
        eugene.pk,
        None,
        "Eugene, Oregon, US",
    )
    assert row["changes"]["dues_class"] == [None, "under_500k"], "by its population"
    assert not Community.objects.exists(), "a dry run registers nobody"
    services.apply_members(by=curator, import_id=checked.pk)
    member = Membership.objects.get()
    assert (member.community.place, member.community.kind, member.standing) == (
        eugene,
        "city",
        "good",
    )
    assert (
        member.community.profile.status == "draft"
        and member.community.profile.draft["facts"]["population"] == 170_000
    )
    assert not member.community.roles.exists() and not Community.objects.public().exists()
    assert set(Event.objects.values_list("topic", flat=True)) == {
        "community_registered",
        "membership_begun",
        "members_imported",
    }
    assert listed(curator, f"{line},2024-01-01,{NEXT_YEAR},,").rows[0]["action"] == "unchanged", (
        "the same list again does nothing"
    )


def test_its_official_is_led_to_it_and_staff_let_them_in(curator: Any, eugene: Place) -> None:
    services.apply_members(by=curator, import_id=listed(curator, "Eugene,,US,2024-01-01,,,").pk)
    community = Community.objects.get()
    (found,) = search_places("eugene")
    assert found.community == community
    official = UserFactory()
    with pytest.raises(AlreadyRegistered) as led:
        services.register_community(by=official, place_id=eugene.pk)
    assert led.value.community == community
    asked = ask_to_join(
        by=official, community_id=community.pk, role="official", line="Clerk of the council"
    )
    answer_request(by=curator, community_id=community.pk, request_id=asked.pk, accept=True)
    assert community.roles.get().user == official


def test_which_of_several_places_is_meant_is_not_guessed(curator: Any, db: None) -> None:
    for state, code in (("Illinois", "IL"), ("Ohio", "OH"), ("Ohio", "OH")):
        PlaceFactory(name="Salem", admin1=state, admin1_code=code)
    PlaceFactory(name="Winston", search_text="winston|salem", admin1="Oregon", admin1_code="OR")
    any_state, ohio, illinois, other_name = listed(
        curator,
        "Salem,,US,2024-01-01,,,",
        "Salem,OH,US,2024-01-01,,,",
        "Salem,IL,US,2024-01-01,,,",
        "Salem,OR,US,2024-01-01,,,",
    ).rows
    assert (
        "(city in Illinois, not registered; city in Ohio, not registered)"
        in any_state["problems"][0]
    ), "no city of which it is another name"
    assert (
        "several in OH are called so" in ohio["problems"][0]
        and "registers first" in ohio["problems"][0]
    )
    assert (illinois["action"], illinois["shown"]) == ("new", "Salem, Illinois, US")
    assert other_name["shown"] == "Winston, Oregon, US"


def test_registered_city_and_another_of_its_name_are_distinguished_by_the_state(
    curator: Any, eugene: Place
) -> None:
    community = CommunityFactory(
        name="Eugene", admin1="Missouri", place__admin1="Missouri", place__admin1_code="MO"
    )
    unsure, registered, free = listed(
        curator,
        "Eugene,,US,2024-01-01,,large,",
        "Eugene,MO,US,2024-01-01,,large,",
        "Eugene,OR,US,2024-01-01,,large,",
    ).rows
    assert (
        f"(City in Missouri: {community.pk}; city in Oregon, not registered)"
        in unsure["problems"][0]
    )
    assert (registered["community_id"], registered["place_id"]) == (community.pk, None)
    assert (free["community_id"], free["place_id"]) == (None, eugene.pk)


def test_city_of_that_name_comes_before_a_registered_one_that_has_it_as_another_name(
    curator: Any, eugene: Place
) -> None:
    CommunityFactory(
        name="Harrisburg", place=PlaceFactory(name="Harrisburg", search_text="harrisburg|eugene")
    )
    (row,) = listed(curator, "Eugene,,US,2024-01-01,,large,").rows
    assert (row["community_id"], row["place_id"]) == (None, eugene.pk)


def test_the_same_city_twice_is_an_error_and_two_terms_of_it_are_not(
    curator: Any, eugene: Place
) -> None:
    twice = listed(curator, "Eugene,,US,2024-01-01,,,", "Skinners Mudhole,,US,2024-01-01,,,")
    assert [row["action"] for row in twice.rows] == ["new", "error"]
    terms = listed(curator, "Eugene,,US,2001-01-01,,large,2005-12-31", "Eugene,OR,US,2024-01-01,,,")
    services.apply_members(by=curator, import_id=terms.pk)
    assert Membership.objects.filter(community=Community.objects.get()).count() == 2


def test_city_registered_since_is_not_registered_twice(
    curator: Any, eugene: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = listed(curator, "Eugene,,US,2024-01-01,,,")
    services.register_community(by=UserFactory(), place_id=eugene.pk)
    with pytest.raises(Conflict) as refused:
        services.apply_members(by=curator, import_id=checked.pk)
    assert refused.value.code == "changed_since"
    # The same between the comparison and the writing.
    planned = checked.rows
    monkeypatch.setattr(
        "backend.cities.services.member_lists.plan_members",
        lambda rows: [_Stored(row) for row in planned],
    )
    with pytest.raises(Conflict) as refused:
        services.apply_members(by=curator, import_id=checked.pk)
    assert refused.value.code == "changed_since"
    assert Community.objects.count() == 1 and not Membership.objects.exists()


class _Stored:
    """A planned row as it was stored."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.row = row

    def __getattr__(self, name: str) -> Any:
        return self.row[name]

    def stored(self) -> dict[str, Any]:
        return self.row


def test_what_the_gazetteer_does_not_know_registers_first(curator: Any, db: None) -> None:
    CountryFactory(code="DE")
    checked = listed(curator, "Landkreis Beispiel,,DE,2024-01-01,,,")
    assert "a county, state, district or province registers first" in checked.rows[0]["problems"][0]
    with pytest.raises(InvalidFields):
        services.apply_members(by=curator, import_id=checked.pk)


def test_page_api_and_command_say_that_a_city_is_registered(
    curator: Any, eugene: Place, tmp_path: Any, capsys: pytest.CaptureFixture[str], client: Client
) -> None:
    file = tmp_path / "members.csv"
    file.write_text(f"{HEAD}\nEugene,,US,2024-01-01,,,\n")
    call_command("import_members", str(file), by=curator.email)
    assert "Eugene, Oregon, US: new member: registers the city" in capsys.readouterr().out
    client.force_login(curator)
    upload = SimpleUploadedFile("members.csv", file.read_bytes())
    page = client.post(url("staff_member_import_new"), {"file": upload}, follow=True).text
    assert "registers the city" in page and "Apply 1 row" in page
    upload = SimpleUploadedFile("members.csv", file.read_bytes())
    sent = client.post("/api/v1/staff/member-imports/", {"file": upload}).json()
    assert sent["rows"][0]["place_id"] == eugene.pk
    assert client.post(f"/api/v1/staff/member-imports/{sent['id']}/apply/").status_code == 200
    assert Membership.objects.get().community.name == "Eugene"
