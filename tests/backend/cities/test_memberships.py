"""Membership: who may keep it, which days can be, lapsing and its reminder."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from backend.cities import services
from backend.cities.memberships import dues_class_for
from backend.cities.models import Membership
from backend.common.dates import database_now
from backend.common.errors import Conflict, DomainError, InvalidFields, NotVisible, WrongState
from backend.notifications.models import Notification
from backend.outbox.models import Event
from tasks.schedule import open_due_slot
from tests.actors import ACTORS, make_world
from tests.factories import CommunityFactory, CommunityRoleFactory, MembershipFactory, UserFactory

DAY = dt.timedelta(days=1)


@pytest.fixture
def today(db: None) -> dt.date:
    return database_now().date()


@pytest.mark.parametrize(
    ("population", "dues"),
    [(0, "under_25k"), (24_999, "under_25k"), (25_000, "under_100k"), (99_999, "under_100k"), (100_000, "under_500k"),
     (499_999, "under_500k"), (500_000, "large")],
)  # fmt: skip
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


def test_nightly_slot_lapses_and_reminds_and_tells_the_owners(
    today: dt.date, drain: Callable[[], int]
) -> None:
    over, ending = (
        MembershipFactory(paid_through=today - DAY),
        MembershipFactory(paid_through=today + DAY),
    )
    told = [CommunityRoleFactory(community=row.community).user for row in (over, ending)]
    assert open_due_slot("keep_memberships") is not None
    assert open_due_slot("keep_memberships") is None
    drain()
    kinds = {row.recipient: row.kind for row in Notification.objects.all()}
    assert kinds == {told[0]: "membership_lapsed", told[1]: "membership_ending"}


def test_who_renewed_meanwhile_is_not_told(
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
    start, refused = threading.Barrier(3), []

    def begin(index: int) -> None:
        try:
            connection.ensure_connection()
            start.wait(timeout=10)
            services.begin_membership(
                by=people[index], community_id=community.pk, started_on=dt.date(2020, 1, 1)
            )
        except DomainError as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=begin, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(refused) == 2
    assert all(isinstance(error, Conflict) for error in refused)
    assert Membership.objects.filter(community=community).count() == 1
