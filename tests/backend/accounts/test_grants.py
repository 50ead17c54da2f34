"""The table of grants says what the design says, and nothing falls through it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction

from backend.accounts.grants import GRANTS, Actor, Resource, may, require
from backend.accounts.models import User
from backend.cities.permissions import actor_kind
from backend.common.errors import NotVisible
from tests.factories import MOMENT, CommunityRoleFactory, UserFactory


def test_every_thing_is_in_the_table_with_known_verbs() -> None:
    assert set(GRANTS) == set(Resource)
    assert {
        verb for grants in GRANTS.values() for verbs in grants.values() for verb in verbs
    } <= set("CRUDX")


def test_staff_never_answer_or_consent_for_a_side() -> None:
    for resource in (Resource.ANSWER, Resource.CONSENT):
        assert not may(Actor.CURATOR, "X", resource)
        assert not may(Actor.ADMIN, "X", resource)


def test_visitors_and_the_unvetted_see_no_suggestion_and_no_contact_of_others() -> None:
    for resource in (
        Resource.SUGGESTION,
        Resource.INTRODUCTION,
        Resource.CONTACTS_AFTER_CONSENT,
        Resource.AUDIT_ALL,
        Resource.OPERATIONS,
    ):
        for actor in (Actor.VISITOR, Actor.UNVETTED):
            assert GRANTS[resource].get(actor, "") == ""


@pytest.mark.parametrize("actor", Actor)
@pytest.mark.parametrize("resource", Resource)
def test_what_is_not_granted_is_not_visible(actor: Actor, resource: Resource) -> None:
    for verb in "CRUDX":
        if may(actor, verb, resource):
            require(actor, verb, resource)
        else:
            with pytest.raises(NotVisible):
                require(actor, verb, resource)


@pytest.mark.django_db
def test_kind_of_actor_follows_role_vetting_and_account() -> None:
    role = CommunityRoleFactory()
    other = CommunityRoleFactory()
    assert actor_kind(AnonymousUser(), role.community_id) == Actor.VISITOR
    assert actor_kind(role.user, role.community_id) == Actor.OFFICIAL
    assert actor_kind(role.user, other.community_id) == Actor.VISITOR
    assert actor_kind(role.user) == Actor.VISITOR
    assert actor_kind(UserFactory(curator=True), role.community_id) == Actor.CURATOR
    role.vetted_at = None
    role.save()
    assert actor_kind(role.user, role.community_id) == Actor.UNVETTED
    role.ended_at = MOMENT
    role.save()
    assert actor_kind(role.user, role.community_id) == Actor.VISITOR
    other.user.is_active = False
    assert actor_kind(other.user, other.community_id) == Actor.VISITOR


@pytest.mark.django_db
def test_address_belongs_to_one_account_whatever_its_letters() -> None:
    assert (
        User.objects.create_user("  Mayor@City.Example ", "correct horse battery").email
        == "mayor@city.example"
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(email="MAYOR@city.example")
    with pytest.raises(ValueError, match="needs an e-mail"):
        User.objects.create_user("")
