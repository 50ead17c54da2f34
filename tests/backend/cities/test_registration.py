"""Bringing a community into the service, and what a failed step leaves behind: nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from backend.accounts.models import User
from backend.cities import services
from backend.cities.models import Community, CommunityRole, Organisation, Profile, ProfileVersion
from backend.cities.services.communities import AlreadyRegistered, LooksRegistered
from backend.common.errors import Conflict, InvalidFields
from backend.outbox.models import Event
from backend.outbox.topics import Topic
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    CountryFactory,
    PlaceFactory,
    ProfileFactory,
    UserFactory,
    document,
)
from tests.simultaneous import at_once


@pytest.fixture
def user(db: None) -> User:
    return UserFactory()


def test_registration_brings_its_organisation_role_and_facts(user: User) -> None:
    community = services.register_community(
        by=user, place_id=PlaceFactory(elevation_m=12.5, coastal=True).pk
    )
    assert community.organisation.name
    role = CommunityRole.objects.get(community=community)
    assert (role.user, role.role, role.vetted_at) == (user, "official", None)
    assert community.profile.status == "draft"
    assert community.profile.draft["facts"]["elevation_m"] == 12.5
    assert not Community.objects.public().filter(pk=community.pk).exists()


def test_second_registrant_is_sent_to_the_existing_organisation(user: User) -> None:
    place = PlaceFactory()
    services.register_community(by=UserFactory(), place_id=place.pk)
    with pytest.raises(Conflict) as caught:
        services.register_community(by=user, place_id=place.pk)
    assert caught.value.code == "community_already_registered"
    assert not CommunityRole.objects.filter(user=user).exists()


def test_county_is_registered_once_whatever_its_letters(user: User) -> None:
    CountryFactory(code="US")
    services.register_community(
        by=user, kind="county", name="Sonoma County", country="US", admin1="California"
    )
    with pytest.raises(Conflict):
        services.register_community(
            by=user, kind="county", name="SONOMA county ", country="US", admin1="California"
        )


@pytest.mark.parametrize(
    "name",
    [
        "Sonoma",
        "County of Sonoma",
        "SONOMA  COUNTY",
        "Sónoma County,",
        "sonoma-county",
        "Condado de Sonoma",
    ],
)
@pytest.mark.parametrize("region", ["California", "CA", "california "])
def test_county_is_the_same_in_any_spelling_of_it_and_of_its_region(
    user: User, name: str, region: str
) -> None:
    PlaceFactory(admin1="California", admin1_code="CA")
    first = services.register_community(
        by=user, kind="county", name="Sonoma County", country="US", admin1="California"
    )
    with pytest.raises(AlreadyRegistered) as caught:
        services.register_community(
            by=UserFactory(), kind="county", name=name, country="US", admin1=region, is_another=True
        )
    assert caught.value.community == first
    assert caught.value.details == {"community_id": first.pk, "name": "Sonoma County"}


@pytest.mark.parametrize(
    ("values", "asked"),
    [
        ({"name": "Sonomma"}, True), ({"name": "Sonoma", "admin1": ""}, True), ({"name": "Sonoma", "admin1": "Californa"}, True),
        ({"name": "Sonoma", "admin1": "Nevada"}, False), ({"name": "Santa Clara"}, False), ({"name": "Sonomma", "kind": "district"}, False),
        ({"name": "Sonomma", "country": "DE"}, False),
    ],
)  # fmt: skip
def test_nearly_the_same_community_is_asked_about_once(
    user: User, values: dict[str, Any], asked: bool
) -> None:
    for code in ("US", "DE"):
        CountryFactory(code=code)
    wish = {"kind": "county", "country": "US", "admin1": "California"}
    first = services.register_community(by=user, name="Sonoma County", **wish)
    if asked:
        with pytest.raises(LooksRegistered) as caught:
            services.register_community(by=user, **(wish | values))
        assert caught.value.communities == [first]
        assert Community.objects.count() == 1
    second = services.register_community(by=user, **(wish | values), is_another=asked)
    assert second != first


def test_province_is_one_wherever_somebody_says_it_lies(user: User) -> None:
    CountryFactory(code="DE")
    services.register_community(by=user, kind="state", name="Freistaat Bayern", country="DE")
    with pytest.raises(AlreadyRegistered):
        services.register_community(
            by=user, kind="state", name="Bayern", country="DE", admin1="Bavaria"
        )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("by_hand", [False, True])
def test_two_registrants_race_and_the_later_is_led_to_the_first(by_hand: bool) -> None:
    CountryFactory(code="US")
    for round_ in range(4):
        wish: dict[str, Any] = {"place_id": PlaceFactory().pk}
        if by_hand:
            wish = {
                "kind": "county",
                "name": f"{['Kent', 'Lake', 'Wayne', 'Essex'][round_]} County",
                "country": "US",
                "admin1": "Michigan",
            }
        people = [UserFactory(), UserFactory()]
        before = Community.objects.count()
        outcomes = at_once(
            *[
                lambda by=person, wish=wish: services.register_community(by=by, **wish)
                for person in people
            ]
        )
        assert Community.objects.count() == before + 1
        community = Community.objects.latest("id")
        (refused,) = [error for error in outcomes if error is not None]
        assert isinstance(refused, AlreadyRegistered)
        assert refused.community == community
        winner, loser = sorted(
            people,
            key=lambda person: CommunityRole.objects.filter(user=person).count(),
            reverse=True,
        )
        assert CommunityRole.objects.get(community=community).user == winner
        assert not CommunityRole.objects.filter(user=loser).exists()
        assert (
            Event.objects.filter(
                topic=Topic.COMMUNITY_REGISTERED, community_id=community.pk
            ).count()
            == 1
        )


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({}, {"place_id"}),
        ({"place_id": 1}, {"place_id"}),
        ({"kind": "planet", "name": "Mars", "country": "US"}, {"kind"}),
        ({"kind": "county"}, {"name", "country"}),
        ({"kind": "county", "name": " ", "country": "ZZ"}, {"name", "country"}),
    ],
)
def test_nothing_to_register_under(user: User, values: dict[str, Any], fields: set[str]) -> None:
    CountryFactory(code="US")
    with pytest.raises(InvalidFields) as caught:
        services.register_community(by=user, **values)
    assert set(caught.value.errors) == fields
    assert not Community.objects.exists()


class Broken(Exception):
    """The step that fails."""


ROLLBACKS: dict[str, str] = {
    "register": "backend.cities.services.communities.record",
    "save": "backend.cities.services.profiles.record",
    "submit": "backend.cities.services.profiles.record",
    "publish": "backend.cities.services.profiles.record",
    "request_changes": "backend.cities.services.vetting.record",
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ROLLBACKS)
def test_act_that_fails_at_its_last_step_leaves_no_row_no_event_no_message(
    act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    curator, place = UserFactory(curator=True), PlaceFactory()
    community = CommunityFactory()
    CommunityFactory(published=True)  # not the first of its country
    profile = ProfileFactory(
        community=community,
        status="submitted" if act in {"publish", "request_changes"} else "draft",
        draft=document(),
    )
    official = CommunityRoleFactory(community=community, vetted_at=None).user
    acts: dict[str, Any] = {
        "register": lambda: services.register_community(by=official, place_id=place.pk),
        "save": lambda: services.save_draft(
            by=official, community_id=community.pk, changes={"story": {"text": "New"}}, revision=0
        ),
        "submit": lambda: services.submit_profile(by=official, community_id=community.pk),
        "publish": lambda: services.approve_profile(
            by=curator, community_id=community.pk, revision=profile.draft_revision
        ),
        "request_changes": lambda: services.request_changes(
            by=curator, community_id=community.pk, reason="letter_missing", text="Please."
        ),
    }

    def state() -> tuple[Any, ...]:
        tables = (Community, CommunityRole, Organisation, Profile, ProfileVersion, Event)
        return tuple(list(table.objects.order_by("pk").values()) for table in tables)

    def break_off(*args: Any, **kwargs: Any) -> None:
        raise Broken

    before, heard = state(), []
    with connection.cursor() as cursor:
        cursor.execute("LISTEN outbox")
    with monkeypatch.context() as patch:
        patch.setattr(ROLLBACKS[act], break_off)
        with pytest.raises(Broken):
            acts[act]()
    assert state() == before
    heard = list(connection.connection.notifies(timeout=0.05))
    assert heard == []
    acts[act]()
    assert state() != before, "the same act does something when nothing breaks"
    assert Event.objects.exists()
    assert list(connection.connection.notifies(timeout=5, stop_after=1)), "and wakes the relay"
    with connection.cursor() as cursor:
        cursor.execute("UNLISTEN outbox")


@pytest.mark.django_db
def test_published_versions_never_change() -> None:
    from django.db import DatabaseError, transaction

    version = CommunityFactory(published=True).profile.current_version
    for change in (
        lambda: ProfileVersion.objects.filter(pk=version.pk).update(data={}),
        version.delete,
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


@pytest.mark.django_db
def test_every_topic_of_a_profile_names_its_community() -> None:
    community = CommunityFactory(published=True)
    official = CommunityRoleFactory(community=community).user
    services.pause_profile(by=official, community_id=community.pk)
    event = Event.objects.get(topic=Topic.PROFILE_STATUS_CHANGED)
    assert (event.community_id, event.payload) == (
        community.pk,
        {"old": "published", "new": "paused"},
    )
