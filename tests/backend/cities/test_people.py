"""People of a community, their requests to join, and its contacts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from backend.cities.models import CommunityRole, Contact, JoinRequest
from backend.cities.permissions import reader_of
from backend.cities.services import read_contacts, replace_contacts
from backend.cities.services.invitations import (
    LONGEST_LINE,
    all_waiting_requests,
    answer_request,
    ask_to_join,
    requests_of,
    waiting_requests,
    withdraw_request,
)
from backend.cities.services.people import change_role, end_role, people_of_community
from backend.common.errors import Conflict, InvalidFields, NotVisible, WrongState
from backend.notifications.models import Notification
from backend.outbox.models import Event
from tests.actors import World, at_once
from tests.factories import CommunityFactory, CommunityRoleFactory, JoinRequestFactory

# Roles of a community's people, and requests to join it.


pytestmark = pytest.mark.django_db
_S = JoinRequest.Status


def role_of(world: World, actor: str) -> CommunityRole:
    return world.user(actor).community_roles.get()


def test_people_are_listed_for_whom_the_table_says(world: World) -> None:
    assert [
        role.user
        for role in people_of_community(reader_of(world.user("committee_member"), world.b.pk))
    ] == [
        world.user("committee_member"),
        world.user("chair"),
    ]
    for actor in ("curator", "admin", "chair"):
        assert people_of_community(reader_of(world.user(actor), world.b.pk)).count() == 2
    for actor in ("official", "unvetted", "stranger"):
        with pytest.raises(NotVisible):
            people_of_community(reader_of(world.user(actor), world.b.pk))
    with pytest.raises(NotVisible):
        people_of_community(reader_of(world.user("admin"), 10**9))


def test_role_is_changed_and_ended_with_its_events(world: World) -> None:
    member = role_of(world, "committee_member")
    changed = change_role(
        by=world.user("chair"), community_id=world.b.pk, role_id=member.pk, role="official"
    )
    assert changed.role == "official"
    ended = end_role(by=world.user("admin"), community_id=world.b.pk, role_id=member.pk)
    assert ended.ended_at is not None
    payloads = list(
        Event.objects.filter(topic="community_role_changed")
        .order_by("id")
        .values_list("payload", flat=True)
    )
    assert [(p["old"], p["new"]) for p in payloads] == [
        ("committee_member", "official"),
        ("official", ""),
    ]
    with pytest.raises(NotVisible):
        end_role(by=world.user("chair"), community_id=world.b.pk, role_id=member.pk)


def test_change_to_the_same_role_leaves_no_event(world: World) -> None:
    change_role(
        by=world.user("chair"),
        community_id=world.b.pk,
        role_id=role_of(world, "committee_member").pk,
        role="committee_member",
    )
    assert not Event.objects.filter(topic="community_role_changed").exists()


@pytest.mark.parametrize("act", ["end", "change"])
def test_last_official_or_chair_stays(world: World, act: str) -> None:
    role = role_of(world, "chair")
    values = {"community_id": world.b.pk, "role_id": role.pk}
    for by in (world.user("chair"), world.user("admin")):
        with pytest.raises(Conflict) as caught:
            end_role(by=by, **values) if act == "end" else change_role(
                by=by, **values, role="committee_member"
            )
        assert caught.value.code == "last_responsible"
    role.refresh_from_db()
    assert (role.role, role.ended_at) == ("chair", None)


def test_unvetted_colleague_does_not_count_as_one_who_stays(world: World) -> None:
    CommunityRoleFactory(community=world.a, vetted_at=None)
    with pytest.raises(Conflict):
        end_role(
            by=world.user("official"),
            community_id=world.a.pk,
            role_id=role_of(world, "official").pk,
        )


def test_person_leaves_but_ends_nobody_else(world: World) -> None:
    member = world.user("committee_member")
    with pytest.raises(NotVisible):
        end_role(by=member, community_id=world.b.pk, role_id=role_of(world, "chair").pk)
    assert end_role(
        by=member, community_id=world.b.pk, role_id=role_of(world, "committee_member").pk
    ).ended_at


def test_role_of_another_community_cannot_be_reached_through_ones_own(world: World) -> None:
    CommunityRoleFactory(community=world.b)
    with pytest.raises(NotVisible):
        end_role(
            by=world.user("official"), community_id=world.a.pk, role_id=role_of(world, "chair").pk
        )


@pytest.mark.django_db(transaction=True)
def test_two_officials_who_end_each_other_at_once_leave_one(world: World) -> None:
    for _round in range(5):
        community = CommunityFactory()
        one, two = (
            CommunityRoleFactory(community=community),
            CommunityRoleFactory(community=community),
        )
        refused = at_once(
            lambda o=one, t=two, c=community: end_role(by=o.user, community_id=c.pk, role_id=t.pk),
            lambda o=one, t=two, c=community: end_role(by=t.user, community_id=c.pk, role_id=o.pk),
        )
        assert sum(error is not None for error in refused) == 1
        assert CommunityRole.objects.filter(community=community, ended_at__isnull=True).count() == 1


def test_request_reaches_the_community_and_its_answer_the_person(
    world: World, drain: Callable[[], int]
) -> None:
    stranger = world.user("stranger")
    asked = ask_to_join(
        by=stranger, community_id=world.b.pk, role="official", line="  Mayor's  office "
    )
    assert asked.line == "Mayor's office"
    drain()
    assert [n.recipient for n in Notification.objects.filter(kind="join_requested")] == [
        world.user("chair")
    ]
    answer_request(
        by=world.user("chair"), community_id=world.b.pk, request_id=asked.pk, accept=True
    )
    drain()
    role = stranger.community_roles.get()
    assert (role.community, role.role, role.vetted_at is not None) == (world.b, "official", True)
    assert Notification.objects.get(recipient=stranger).payload == {"answer": "accepted"}


def test_request_to_a_community_without_anybody_goes_to_staff(
    world: World, drain: Callable[[], int]
) -> None:
    ask_to_join(by=world.user("stranger"), community_id=world.newcomer.pk, role="official")
    drain()
    assert [n.recipient for n in Notification.objects.filter(kind="join_requested")] == [
        world.user("curator")
    ]


def test_refused_person_may_ask_again(world: World) -> None:
    stranger = world.user("stranger")
    for _time in range(2):
        asked = ask_to_join(by=stranger, community_id=world.a.pk, role="official")
        answer_request(
            by=world.user("curator"), community_id=world.a.pk, request_id=asked.pk, accept=False
        )
    assert not stranger.community_roles.exists()
    assert [asked.status for asked in requests_of(stranger)] == [_S.REFUSED, _S.REFUSED]


def test_one_request_waits_at_a_time_and_members_need_none(world: World) -> None:
    ask_to_join(by=world.user("stranger"), community_id=world.a.pk, role="official")
    with pytest.raises(Conflict) as again:
        ask_to_join(by=world.user("stranger"), community_id=world.a.pk, role="chair")
    with pytest.raises(Conflict) as member:
        ask_to_join(by=world.user("official"), community_id=world.a.pk, role="official")
    assert (again.value.code, member.value.code) == ("already_asked", "already_member")


def test_request_with_nonsense_is_refused(world: World) -> None:
    for values in (
        {"role": "king"},
        {"role": "official", "line": "x" * (LONGEST_LINE + 1)},
        {"role": "official", "line": "a\x00b"},
    ):
        with pytest.raises(InvalidFields):
            ask_to_join(by=world.user("stranger"), community_id=world.a.pk, **values)
    with pytest.raises(NotVisible):
        ask_to_join(by=world.user("stranger"), community_id=10**9, role="official")


@pytest.mark.parametrize(
    "actor", ["stranger", "unvetted", "other_official", "committee_member", "chair"]
)
def test_others_neither_read_nor_answer(world: World, actor: str) -> None:
    asked = JoinRequestFactory(community=world.a)
    with pytest.raises(NotVisible):
        waiting_requests(reader_of(world.user(actor), world.a.pk))
    with pytest.raises(NotVisible):
        answer_request(
            by=world.user(actor), community_id=world.a.pk, request_id=asked.pk, accept=True
        )
    with pytest.raises(NotVisible):
        all_waiting_requests(world.user(actor))


def test_committee_member_does_not_answer_for_the_committee(world: World) -> None:
    asked = JoinRequestFactory(community=world.b)
    with pytest.raises(NotVisible):
        answer_request(
            by=world.user("committee_member"),
            community_id=world.b.pk,
            request_id=asked.pk,
            accept=True,
        )


def test_withdrawn_request_cannot_be_answered(world: World) -> None:
    asked = JoinRequestFactory(community=world.a)
    with pytest.raises(NotVisible):
        withdraw_request(by=world.user("official"), request_id=asked.pk)
    withdraw_request(by=asked.user, request_id=asked.pk)
    with pytest.raises(WrongState):
        answer_request(
            by=world.user("official"), community_id=world.a.pk, request_id=asked.pk, accept=True
        )


def test_database_refuses_a_request_that_does_not_add_up(world: World) -> None:
    for values in ({"status": "accepted"}, {"role": "king"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            JoinRequestFactory(community=world.a, **values)


@pytest.mark.django_db(transaction=True)
def test_two_answers_at_once_have_one_winner(world: World) -> None:
    for _round in range(5):
        asked = JoinRequestFactory(community=world.b)
        refused = at_once(
            lambda a=asked: answer_request(
                by=world.user("chair"), community_id=world.b.pk, request_id=a.pk, accept=True
            ),
            lambda a=asked: answer_request(
                by=world.user("curator"), community_id=world.b.pk, request_id=a.pk, accept=False
            ),
        )
        assert [type(error) for error in refused if error] == [WrongState]
        asked.refresh_from_db()
        assert asked.user.community_roles.exists() == (asked.status == _S.ACCEPTED)


# A community's own contacts.


KIM: Any = {"name": " Kim ", "office": "Protocol", "email": "kim@city.example", "phone": ""}
LEE: Any = {"name": "Lee", "office": "", "email": "lee@city.example", "phone": "+1 555 0100"}


@pytest.mark.django_db
def test_contacts_are_replaced_and_the_first_is_the_one_to_write_to() -> None:
    role = CommunityRoleFactory()
    replace_contacts(by=role.user, community_id=role.community_id, contacts=[KIM, LEE])
    replace_contacts(by=role.user, community_id=role.community_id, contacts=[LEE, KIM])
    found = read_contacts(by=role.user, community_id=role.community_id)
    assert [(contact.name, contact.is_primary) for contact in found] == [
        ("Lee", True),
        ("Kim", False),
    ]
    replace_contacts(by=role.user, community_id=role.community_id, contacts=[])
    assert not Contact.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("contacts", "field"),
    [
        ([KIM | {"name": " "}], "contacts.0.name"),
        ([KIM, LEE | {"email": "lee"}], "contacts.1.email"),
        ([KIM | {"phone": "1" * 41}], "contacts.0.phone"),
        ([KIM | {"office": "a\x00b"}], "contacts.0.office"),
        ([KIM] * 11, "contacts"),
    ],
)
def test_wrong_contacts_are_named_and_the_old_ones_stay(contacts: list[Any], field: str) -> None:
    role = CommunityRoleFactory()
    replace_contacts(by=role.user, community_id=role.community_id, contacts=[KIM])
    with pytest.raises(InvalidFields) as caught:
        replace_contacts(by=role.user, community_id=role.community_id, contacts=contacts)
    assert list(caught.value.errors) == [field]
    assert Contact.objects.get().name == "Kim"
