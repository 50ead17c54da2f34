"""Partnerships from before: claimed in the profile, confirmed or refused by staff, shown to others
only when confirmed.
"""

from __future__ import annotations

from typing import Any

import pytest

from backend.accounts.models import User
from backend.cities import services
from backend.cities.models import Community, ExistingPartnership, Profile
from backend.cities.queries import (
    claims_of,
    confirmed_partnerships,
    partners_to_offer,
    partnerships_to_confirm,
    rows_of_listed,
)
from backend.cities.states import EXISTING_TRANSITIONS
from backend.common.errors import InvalidFields, NotVisible, WrongState
from backend.outbox.models import Event
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    CountryFactory,
    ListedPartnershipFactory,
    PlaceFactory,
    UserFactory,
    document,
)

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
    services.answer_partnership(
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


def test_answer_stands_until_the_row_changes(
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
    assert claims_of(official, community.pk).get().note == "Because."


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
            services.answer_partnership(
                by=user, partnership_id=row.pk, answer=given, note="Because."
            )
            assert ExistingPartnership.objects.get(pk=row.pk).state == given
            assert Event.objects.count() == events + 1
        else:
            with pytest.raises(WrongState if actor == "curator" else NotVisible):
                services.answer_partnership(
                    by=user, partnership_id=row.pk, answer=given, note="Because."
                )
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
        services.answer_partnership(
            by=curator,
            partnership_id=community.existing_partnerships.get().pk,
            answer=given,
            note=note,
        )
    assert list(caught.value.errors) == [field]


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
