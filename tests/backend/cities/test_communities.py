"""Registration of communities, and the partnerships that they had before."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from backend.accounts.models import User
from backend.cities import services
from backend.cities.models import (
    Community,
    CommunityRole,
    ExistingPartnership,
    Organisation,
    Profile,
    ProfileVersion,
)
from backend.cities.permissions import reader_of
from backend.cities.queries import (
    claims_of,
    confirmed_partnerships,
    partners_to_offer,
    partnerships_to_confirm,
    rows_of_listed,
)
from backend.cities.services.communities import AlreadyRegistered, LooksRegistered
from backend.cities.states import EXISTING_TRANSITIONS
from backend.common.errors import Conflict, InvalidFields, NotVisible, WrongState
from backend.outbox.models import Event
from backend.outbox.topics import Topic
from backend.suggestions.services.partners import answer_partnership
from tests.actors import at_once
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    CountryFactory,
    ExistingPartnershipFactory,
    ListedPartnershipFactory,
    PlaceFactory,
    ProfileFactory,
    UserFactory,
    document,
)

# Bringing a community into the service, and what a failed step leaves behind: nothing.


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
@pytest.mark.parametrize("region", ["California", "CA", "california ", "Californie"])
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


def test_municipality_without_a_place_stands_where_its_administration_sits(user: User) -> None:
    town = PlaceFactory(
        name="Egilsstaðir", search_text="egilsstadir", admin1="East", timezone="Atlantic/Reykjavik"
    )
    wish = {"by": user, "kind": "district", "name": "Múlaþing", "country": town.country_id}
    with pytest.raises(InvalidFields) as refused:
        services.register_community(**wish, seat="Egilsstaðir", admin1="West")
    assert refused.value.errors.keys() == {"seat"}
    made = services.register_community(**wish, seat="egilsstadir")
    assert (made.latitude, made.longitude) == (town.latitude, town.longitude)
    assert (made.name, made.admin1, made.timezone) == ("Múlaþing", "East", "Atlantic/Reykjavik")


@pytest.mark.parametrize(
    ("values", "asked"),
    [
        ({"name": "Sonomma"}, True),
        ({"name": "Sonoma", "admin1": ""}, True),
        ({"name": "Sonoma", "admin1": "Californa"}, True),
        ({"name": "Sonoma", "admin1": "Nevada"}, False),
        ({"name": "Santa Clara"}, False),
        ({"name": "Sonomma", "kind": "district"}, False),
        ({"name": "Sonomma", "country": "DE"}, False),
    ],
)
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


# Partnerships from before: claimed in the profile, confirmed or refused by staff, shown to
# others only when confirmed.


State = ExistingPartnership.State
LYON = {"name": "Lyon", "country": "DE", "year": 1992, "form": "sister", "status": "active"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def official() -> User:
    CountryFactory(code="DE")
    return CommunityRoleFactory(community=CommunityFactory(published=True)).user


@pytest.fixture
def community(official: User) -> Community:
    return Community.objects.get(roles__user=official)


def publish(official: User, community: Community, *rows: dict[str, Any]) -> dict[str, str]:
    """Publishes a profile that claims these rows; state by name."""
    Profile.objects.filter(community=community).update(
        draft=document(partnerships={"existing": list(rows)})
    )
    services.republish_profile(by=official, community_id=community.pk)
    return dict(community.existing_partnerships.values_list("name", "state"))


def answer(curator: User, community: Community, given: str) -> None:
    row = community.existing_partnerships.get(name="Lyon")
    answer_partnership(
        by=curator,
        partnership_id=row.pk,
        answer=given,
        note="Because." if given == "refused" else "",
    )


def test_publishing_claims_and_publishing_again_changes_nothing(
    official: User, community: Community
) -> None:
    assert publish(official, community, LYON) == {"Lyon": "claimed"}
    before = list(community.existing_partnerships.values())
    events = Event.objects.filter(topic="existing_partnerships_claimed").count()
    publish(official, community, LYON)
    assert list(community.existing_partnerships.values()) == before
    assert Event.objects.filter(topic="existing_partnerships_claimed").count() == events == 1


def test_answer_is_kept_until_the_row_changes(
    official: User, community: Community, curator: User
) -> None:
    publish(official, community, LYON)
    answer(curator, community, "confirmed")
    assert publish(official, community, LYON) == {"Lyon": "confirmed"}
    assert publish(official, community, {**LYON, "year": 1993}) == {"Lyon": "claimed"}


def test_refused_row_is_not_claimed_again_by_publishing_it_again(
    official: User, community: Community, curator: User
) -> None:
    publish(official, community, LYON)
    answer(curator, community, "refused")
    assert publish(official, community, LYON) == {"Lyon": "refused"}
    assert claims_of(reader_of(official, community.pk)).get().note == "Because."


def test_row_taken_out_is_dropped_and_comes_back_as_a_claim(
    official: User, community: Community, curator: User
) -> None:
    publish(official, community, LYON)
    answer(curator, community, "confirmed")
    assert publish(official, community) == {"Lyon": "dropped"}
    assert not confirmed_partnerships(community.pk).exists()
    assert publish(official, community, LYON) == {"Lyon": "claimed"}


def test_submitting_claims_too_so_that_staff_see_it_while_they_vet(curator: User) -> None:
    CountryFactory(code="DE")
    newcomer = CommunityFactory()
    Profile.objects.create(community=newcomer, draft=document(partnerships={"existing": [LYON]}))
    registrant = CommunityRoleFactory(community=newcomer, vetted_at=None).user
    services.submit_profile(by=registrant, community_id=newcomer.pk)
    assert [row.name for row in partnerships_to_confirm(curator)] == ["Lyon"]
    assert not confirmed_partnerships().exists()


def test_confirmed_rows_of_a_community_that_is_not_public_are_not_shown(
    official: User, community: Community, curator: User
) -> None:
    publish(official, community, LYON)
    answer(curator, community, "confirmed")
    assert [row.name for row in confirmed_partnerships()] == ["Lyon"]
    services.withdraw_profile(by=official, community_id=community.pk)
    assert not confirmed_partnerships().exists()


@pytest.mark.parametrize("state", State.values)
@pytest.mark.parametrize("given", ["confirmed", "refused"])
def test_every_answer_in_every_state_by_every_actor(
    official: User, community: Community, state: str, given: str
) -> None:
    publish(official, community, LYON)
    row = community.existing_partnerships.get()
    for actor in ("official", "stranger", "admin", "curator"):
        ExistingPartnership.objects.filter(pk=row.pk).update(
            state=state, answered_at="2026-01-01T00:00Z"
        )
        user = {
            "official": official,
            "stranger": UserFactory(),
            "admin": UserFactory(admin=True),
            "curator": UserFactory(curator=True),
        }[actor]
        events = Event.objects.count()
        if actor == "curator" and given in EXISTING_TRANSITIONS[State(state)]:
            answer_partnership(by=user, partnership_id=row.pk, answer=given, note="Because.")
            assert ExistingPartnership.objects.get(pk=row.pk).state == given
            assert Event.objects.count() == events + 1
        else:
            with pytest.raises(WrongState if actor == "curator" else NotVisible):
                answer_partnership(by=user, partnership_id=row.pk, answer=given, note="Because.")
            assert Event.objects.count() == events


@pytest.mark.parametrize(
    ("given", "note", "field"),
    [
        ("maybe", "", "answer"),
        ("refused", " ", "note"),
        ("refused", "x" * 501, "note"),
        ("confirmed", "\x00", "note"),
    ],
)
def test_answers_without_sense_are_refused(
    official: User, community: Community, curator: User, given: str, note: str, field: str
) -> None:
    publish(official, community, LYON)
    with pytest.raises(InvalidFields) as caught:
        answer_partnership(
            by=curator,
            partnership_id=community.existing_partnerships.get().pk,
            answer=given,
            note=note,
        )
    assert list(caught.value.errors) == [field]


def test_community_is_its_own_partner_by_no_way(
    official: User, community: Community, curator: User
) -> None:
    itself = {"name": community.name, "country": community.country_id, "status": "active"}
    with pytest.raises(InvalidFields) as caught:
        publish(official, community, itself)
    assert list(caught.value.errors) == ["partnerships.existing"]
    made: dict[str, Any] = {"community": community, "country": community.country}
    with pytest.raises(IntegrityError, match="its own partner"), transaction.atomic():
        ExistingPartnershipFactory(**made, place=community.place)
    with pytest.raises(IntegrityError, match="partner_not_itself"), transaction.atomic():
        ExistingPartnershipFactory(**made, partner=community)
    other = CommunityFactory()
    with pytest.raises(IntegrityError, match="place_or_partner"), transaction.atomic():
        ExistingPartnershipFactory(**made, partner=other, place=other.place)
    row = ExistingPartnershipFactory(**made)
    with pytest.raises(InvalidFields):
        answer_partnership(
            by=curator, partnership_id=row.pk, answer="confirmed", place_id=community.place_id
        )


def test_listed_partners_are_offered_until_the_draft_names_them(community: Community) -> None:
    other = PlaceFactory(name="Köln", country=CountryFactory(code="DE"))
    ListedPartnershipFactory(place_a=community.place, place_b=other)
    (offered,) = partners_to_offer(community, {})
    assert offered.place == other
    rows = rows_of_listed(community, {}, [str(other.pk), "7", "x"])
    assert rows == [{"name": "Köln", "country": "DE", "place_id": other.pk, "status": "active"}]
    for existing in (rows, [{"name": "koln", "country": "DE"}]):
        assert partners_to_offer(community, {"partnerships": {"existing": existing}}) == []
    assert partners_to_offer(community, {"partnerships": {"existing": "nonsense"}}) == [offered]
