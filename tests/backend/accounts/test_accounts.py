"""The table of grants, and who is staff."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction

from backend.accounts.grants import GRANTS, RESPONSIBLE, Actor, Resource, Role, may, require
from backend.accounts.models import User
from backend.accounts.services import (
    change_staff_role,
    has_second_factor,
    must_set_up_second_factor,
    update_account,
)
from backend.cities.permissions import actor_kind
from backend.common.errors import Conflict, InvalidFields, NotVisible
from backend.environment import REPOSITORY
from backend.outbox.models import Event
from tests.actors import at_once
from tests.factories import MOMENT, CommunityRoleFactory, UserFactory

# The table of grants says what the design says, and nothing falls through it.


def test_every_resource_is_in_the_table_with_known_verbs() -> None:
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


def test_each_role_is_an_actor_and_some_are_responsible() -> None:
    assert {role.name: role.value for role in Role}.items() <= Actor.__members__.items()
    assert 0 < len(RESPONSIBLE) < len(Role)


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


# Staff roles and the second factor that they need.


pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", ["curator", "admin"])
def test_staff_without_a_factor_must_set_one_up(role: str) -> None:
    assert must_set_up_second_factor(UserFactory(staff_role=role, factor=False))
    assert not must_set_up_second_factor(UserFactory(staff_role=role))
    assert not must_set_up_second_factor(UserFactory(factor=False))


def test_recovery_codes_alone_are_no_second_factor() -> None:
    user = UserFactory(curator=True, factor=False)
    Authenticator.objects.create(user=user, type=Authenticator.Type.RECOVERY_CODES, data={})
    assert not has_second_factor(user)
    assert must_set_up_second_factor(user)


@pytest.mark.parametrize(("spares", "needed"), [(True, False), (False, True)])
def test_sample_staff_are_spared_where_the_setting_says_so(
    settings, spares: bool, needed: bool
) -> None:
    settings.STAFF_SECOND_FACTOR = {"required": True, "spares_samples": spares}
    assert (
        must_set_up_second_factor(UserFactory(curator=True, is_sample=True, factor=False)) is needed
    )
    assert must_set_up_second_factor(UserFactory(curator=True, factor=False))


def test_production_spares_nobody_and_trusts_one_proxy() -> None:
    """The settings of production, read in a process of its own."""
    production = {
        "CSC_MODE": "production",
        "SECRET_KEY": "0123456789abcdef" * 4,
        "DATABASE_URL": "postgresql://csc@127.0.0.1/csc",
        "PUBLIC_URL": "https://c.example",
        "REDIS_URL": "redis://127.0.0.1/0",
        "ALLOWED_HOSTS": "c.example",
        "EMAIL_URL": "smtp://mail.example",
    }
    code = (
        "from backend import settings as s; print(s.STAFF_SECOND_FACTOR, "
        "s.ALLAUTH_TRUSTED_PROXY_COUNT)"
    )
    argv = [sys.executable, "-c", code]
    said = subprocess.run(
        argv,
        env=os.environ | production,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == "{'required': True, 'spares_samples': False} 1"


def test_administrator_makes_changes_and_ends_staff() -> None:
    admin, person = UserFactory(admin=True), UserFactory()
    for role in ("curator", "admin", ""):
        assert change_staff_role(by=admin, email=person.email.upper(), role=role).staff_role == role
    payloads = (
        Event.objects.filter(topic="staff_role_changed")
        .order_by("id")
        .values_list("payload", flat=True)
    )
    assert [(p["old"], p["new"]) for p in payloads] == [
        ("", "curator"),
        ("curator", "admin"),
        ("admin", ""),
    ]
    assert not Event.objects.filter(topic="staff_role_changed").exclude(by=admin).exists()


@pytest.mark.parametrize("by", ["curator", "nobody"])
def test_others_make_nobody_staff(by: str) -> None:
    user = UserFactory(curator=by == "curator")
    with pytest.raises(NotVisible):
        change_staff_role(by=user, email=user.email, role="admin")
    user.refresh_from_db()
    assert user.staff_role != "admin"


def test_last_administrator_stays() -> None:
    admin = UserFactory(admin=True)
    UserFactory(admin=True, is_active=False)
    for role in ("", "curator"):
        with pytest.raises(Conflict) as caught:
            change_staff_role(by=admin, email=admin.email, role=role)
        assert caught.value.code == "last_admin"
    change_staff_role(by=admin, email=UserFactory().email, role="admin")
    assert change_staff_role(by=admin, email=admin.email, role="").staff_role == ""


def test_only_confirmed_accounts_become_staff() -> None:
    admin = UserFactory(admin=True)
    for email in (
        "nobody@example.org",
        UserFactory(address=False).email,
        UserFactory(is_active=False).email,
    ):
        with pytest.raises(InvalidFields):
            change_staff_role(by=admin, email=email, role="curator")
    with pytest.raises(InvalidFields):
        change_staff_role(by=admin, email=UserFactory().email, role="emperor")


@pytest.mark.django_db(transaction=True)
def test_two_administrators_who_end_each_other_at_once_leave_one() -> None:
    for _round in range(5):
        User.objects.update(staff_role="")
        one, two = UserFactory(admin=True), UserFactory(admin=True)
        refused = at_once(
            lambda o=one, t=two: change_staff_role(by=o, email=t.email, role=""),
            lambda o=one, t=two: change_staff_role(by=t, email=o.email, role=""),
        )
        assert sum(error is not None for error in refused) == 1
        assert User.objects.filter(staff_role="admin").count() == 1


def test_name_and_language_are_checked() -> None:
    user = UserFactory()
    assert update_account(by=user, name="  Ana   Silva ", language="es").name == "Ana Silva"
    for values, field in (
        ({"name": "", "language": "en"}, "name"),
        ({"name": "A", "language": "xx"}, "language"),
    ):
        with pytest.raises(InvalidFields) as caught:
            update_account(by=user, **values)
        assert set(caught.value.errors) == {field}
    with pytest.raises(InvalidFields):
        update_account(by=user, name="x" * 121, language="en")
