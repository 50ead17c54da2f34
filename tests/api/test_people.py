"""People, invitations, requests to join, tokens and personal data through the API: the same rules as the pages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from backend.accounts.models import ApiToken, User
from backend.cities.models import CommunityRole
from tests.actors import World, make_world
from tests.factories import ApiTokenFactory, CommunityRoleFactory, InvitationFactory, UserFactory

pytestmark = pytest.mark.django_db
API, JSON = "/api/v1/", "application/json"


@pytest.fixture
def world() -> World:
    return make_world()


def ask(client: Client, method: str, path: str, body: Any = None, **headers: str) -> Any:
    return client.generic(method, API + path, json.dumps(body or {}), content_type=JSON, headers=headers)


def test_invitation_from_sending_to_accepting(world: World) -> None:
    official, person = world.client("official"), UserFactory(email="new@example.org")
    path = f"communities/{world.a.pk}/invitations/"
    sent = ask(official, "POST", path, {"email": "new@example.org", "role": "chair"}, **{"idempotency-key": "one"})
    again = ask(official, "POST", path, {"email": "new@example.org", "role": "chair"}, **{"idempotency-key": "one"})
    assert (sent.status_code, again.content) == (201, sent.content)
    assert [row["email"] for row in official.get(API + path).json()["results"]] == ["new@example.org"]
    client = Client()
    client.force_login(person)
    (mine,) = client.get(f"{API}me/invitations/").json()["results"]
    assert (mine["community"]["name"], mine["role"]) == ("Alpha", "chair")
    assert ask(client, "POST", f"me/invitations/{mine['id']}/accept/").json()["role"] == "chair"
    assert ask(client, "POST", f"me/invitations/{mine['id']}/accept/").status_code == 409
    assert CommunityRole.objects.filter(user=person, community=world.a).exists()


def test_wrong_values_are_named_by_field(world: World) -> None:
    answer = ask(world.client("official"), "POST", f"communities/{world.a.pk}/invitations/", {"email": "no", "role": "king", "x": 1})
    assert answer.status_code == 422
    assert set(answer.json()["errors"]) >= {"x"}
    answer = ask(world.client("official"), "POST", f"communities/{world.a.pk}/invitations/", {"email": "no", "role": "king"})
    assert set(answer.json()["errors"]) == {"email", "role"}


def test_roles_are_changed_and_the_last_stays(world: World) -> None:
    member = CommunityRoleFactory(community=world.a, role="committee_member")
    official = world.client("official")
    people = f"communities/{world.a.pk}/people/"
    assert ask(official, "PATCH", f"{people}{member.pk}/", {"role": "official"}).json()["role"] == "official"
    assert ask(official, "DELETE", f"{people}{member.pk}/").json()["ended_at"]
    own = world.user("official").community_roles.get()
    answer = ask(official, "DELETE", f"{people}{own.pk}/")
    assert (answer.status_code, answer.json()["code"]) == (409, "last_responsible")


def test_request_to_join_is_asked_answered_and_taken_back(world: World) -> None:
    stranger, official = world.client("stranger"), world.client("official")
    path = f"communities/{world.a.pk}/join-requests/"
    asked = ask(stranger, "POST", path, {"role": "official", "line": "Mayor's office"}).json()
    assert official.get(API + path).json()["results"][0]["line"] == "Mayor's office"
    assert ask(stranger, "DELETE", f"me/join-requests/{asked['id']}/").json()["status"] == "withdrawn"
    asked = ask(stranger, "POST", path, {"role": "official"}).json()
    answered = ask(official, "POST", f"{path}{asked['id']}/answer/", {"accept": False}).json()
    assert answered["status"] == "refused"
    assert [row["status"] for row in stranger.get(f"{API}me/join-requests/").json()["results"]] == ["refused", "withdrawn"]


def token_client(world: World, actor: str = "official") -> Client:
    made = ask(world.client(actor), "POST", "me/tokens/", {"name": "Website", "days": 30})
    assert made.status_code == 201
    assert made["Cache-Control"] == "no-store"
    return Client(headers={"authorization": f"Token {made.json()['token']}"})


def test_token_has_its_owners_rights_and_no_others(world: World) -> None:
    api = token_client(world)
    assert api.get(f"{API}communities/{world.a.pk}/profile/").status_code == 200
    assert api.get(f"{API}communities/{world.b.pk}/profile/").status_code == 404
    assert api.get(f"{API}staff/vetting/").status_code == 404
    (listed,) = api.get(f"{API}me/tokens/").json()["results"]
    assert set(listed) == {"id", "name", "created_at", "expires_at"}
    world.user("official").community_roles.update(ended_at=world.a.registered_at)
    assert api.get(f"{API}communities/{world.a.pk}/profile/").status_code == 404


def test_token_makes_no_token_takes_no_data_and_erases_nobody(world: World) -> None:
    api = token_client(world)
    for method, path, body in (
        ("POST", "me/tokens/", {"name": "x"}),
        ("GET", "me/data/", None),
        ("POST", "me/erase/", {"email": "official@example.org"}),
    ):
        answer = ask(api, method, path, body)
        assert (answer.status_code, answer.json()["code"]) == (403, "session_needed")
    assert ApiToken.objects.count() == 1
    assert User.objects.get(pk=world.user("official").pk).is_active


def test_ended_expired_and_wrong_tokens_open_nothing(world: World) -> None:
    api = token_client(world)
    (listed,) = api.get(f"{API}me/tokens/").json()["results"]
    assert ask(api, "DELETE", f"me/tokens/{listed['id']}/").status_code == 204
    assert api.get(f"{API}me/").status_code == 401
    api = token_client(world)
    ApiToken.objects.update(expiry=world.a.registered_at)
    assert api.get(f"{API}me/").status_code == 401
    for words in ("csc_" + "0" * 64, "x", ""):
        assert Client(headers={"authorization": f"Token {words}"}).get(f"{API}me/").status_code == 401


def test_somebody_elses_token_is_ended_by_administrators_alone(world: World) -> None:
    token = ApiTokenFactory(user=world.user("official"))
    for actor in ("chair", "curator"):
        assert ask(world.client(actor), "DELETE", f"me/tokens/{token.public_id}/").status_code == 404
    assert ask(world.client("curator"), "DELETE", f"staff/tokens/{token.public_id}/").status_code == 404
    assert ask(world.client("admin"), "DELETE", f"staff/tokens/{token.public_id}/").status_code == 204


def test_name_and_language_are_changed_one_at_a_time(world: World) -> None:
    client = world.client("stranger")
    assert ask(client, "PATCH", "me/", {"language": "ja"}).json()["language"] == "ja"
    assert ask(client, "PATCH", "me/", {"name": "New"}).json()["name"] == "New"
    answer = ask(client, "PATCH", "me/", {"language": "xx"})
    assert (answer.status_code, set(answer.json()["errors"])) == (422, {"language"})
    assert client.patch(f"{API}me/", "[1]", content_type=JSON).status_code == 422


def test_data_are_read_and_the_account_is_erased(world: World) -> None:
    client = world.client("stranger")
    assert client.get(f"{API}me/data/").json()["account"]["email"] == "stranger@example.org"
    assert [row["topic"] for row in client.get(f"{API}me/acts/").json()["results"]] == ["data_exported"]
    assert ask(client, "POST", "me/erase/", {"email": "else@example.org"}).status_code == 422
    assert ask(client, "POST", "me/erase/", {"email": "stranger@example.org"}).status_code == 204
    assert client.get(f"{API}me/").status_code == 401


def test_last_official_cannot_erase_the_account(world: World) -> None:
    answer = ask(world.client("official"), "POST", "me/erase/", {"email": "official@example.org"})
    assert (answer.status_code, answer.json()["code"]) == (409, "last_responsible")


def test_staff_roles_are_given_and_the_last_administrator_stays(world: World) -> None:
    admin = world.client("admin")
    assert ask(admin, "POST", "staff/roles/", {"email": "stranger@example.org", "staff_role": "curator"}).json()["staff_role"] == "curator"
    listed = {row["email"]: row["with_second_factor"] for row in admin.get(f"{API}staff/roles/").json()["results"]}
    assert listed == {"admin@example.org": True, "curator@example.org": True, "stranger@example.org": False}
    answer = ask(admin, "POST", "staff/roles/", {"email": "admin@example.org", "staff_role": ""})
    assert (answer.status_code, answer.json()["code"]) == (409, "last_admin")


def test_invitation_of_another_community_is_not_reached_through_ones_own(world: World) -> None:
    other = InvitationFactory(community=world.b)
    assert ask(world.client("official"), "DELETE", f"communities/{world.a.pk}/invitations/{other.pk}/").status_code == 404
    other.refresh_from_db()
    assert other.status == "pending"
