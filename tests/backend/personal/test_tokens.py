from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.utils import timezone

from backend.accounts.models import ApiToken, User
from backend.common.errors import Conflict, InvalidFields, NotAllowed, NotVisible
from backend.outbox.models import Event
from backend.personal.tokens import all_tokens, create_token, revoke_token, tokens_of
from tests.actors import World, make_world
from tests.factories import ApiTokenFactory, CommunityRoleFactory, UserFactory
from tests.simultaneous import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.mark.parametrize("actor", ["official", "chair", "other_official"])
def test_officials_and_chairs_make_list_and_end_tokens(world: World, actor: str) -> None:
    user = world.user(actor)
    token, words = create_token(by=user, name="  Our   website ", days=30)
    assert token.name == "Our website"
    assert words.startswith("csc_")
    assert words not in str(ApiToken.objects.values())
    assert (token.expiry - timezone.now()).days in (29, 30)
    assert list(tokens_of(user)) == [token]
    revoke_token(by=user, public_id=token.public_id)
    assert list(tokens_of(user)) == []
    assert list(Event.objects.filter(by=user).order_by("id").values_list("topic", flat=True)) == [
        "token_created",
        "token_revoked",
    ]


@pytest.mark.parametrize("actor", ["stranger", "unvetted", "committee_member", "curator", "admin"])
def test_others_make_none(world: World, actor: str) -> None:
    with pytest.raises(NotVisible):
        create_token(by=world.user(actor), name="x", days=30)
    assert not ApiToken.objects.exists()


def test_staff_who_are_officials_too_need_their_second_factor() -> None:
    user = UserFactory(curator=True, factor=False)
    CommunityRoleFactory(user=user)
    with pytest.raises(NotAllowed) as caught:
        create_token(by=user, name="x", days=30)
    assert caught.value.code == "second_factor_required"
    assert not ApiToken.objects.exists()


def test_token_whose_owner_lost_the_role_can_still_be_ended(world: World) -> None:
    token = ApiTokenFactory(user=world.user("stranger"))
    assert list(tokens_of(token.user)) == [token]
    revoke_token(by=token.user, public_id=token.public_id)
    with pytest.raises(NotVisible):
        tokens_of(token.user)


def test_staff_see_all_and_administrators_end_any(world: World) -> None:
    token = ApiTokenFactory(user=world.user("official"))
    for actor in ("curator", "admin"):
        assert list(all_tokens(world.user(actor))) == [token]
    for actor in ("official", "stranger"):
        with pytest.raises(NotVisible):
            all_tokens(world.user(actor))
    for actor in ("curator", "chair"):
        with pytest.raises(NotVisible):
            revoke_token(by=world.user(actor), public_id=token.public_id)
    revoke_token(by=world.user("admin"), public_id=token.public_id)
    assert not ApiToken.objects.exists()
    with pytest.raises(NotVisible):
        revoke_token(by=world.user("admin"), public_id=uuid.uuid4())


def test_expired_token_is_not_listed(world: World) -> None:
    user = world.user("official")
    ApiTokenFactory(user=user, expiry=dt.timedelta(seconds=-1))
    assert list(tokens_of(user)) == []
    assert list(all_tokens(world.user("admin"))) == []


@pytest.mark.parametrize(
    ("name", "days"), [("", 30), ("x" * 81, 30), ("x", 0), ("x", 366), ("a\x00", 30)]
)
def test_nonsense_is_refused(world: World, name: str, days: int) -> None:
    with pytest.raises(InvalidFields):
        create_token(by=world.user("official"), name=name, days=days)


@pytest.mark.django_db(transaction=True)
def test_no_more_than_so_many_tokens_also_at_once(world: World, settings) -> None:
    settings.API_TOKENS = {"longest_days": 365, "most": 2}
    user: User = world.user("official")
    create_token(by=user, name="first", days=1)
    refused = at_once(*[lambda: create_token(by=user, name="more", days=1)] * 3)
    assert [type(error) for error in refused if error] == [Conflict, Conflict]
    assert ApiToken.objects.count() == 2
