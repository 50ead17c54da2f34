"""What opens an account, its tokens and its data: fresh sign-ins, tokens and leaving, on the pages
and through the API.
"""

from __future__ import annotations

import io
import json
import re
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from backend.accounts.models import ApiToken, User
from backend.introductions.models import Agreement
from backend.introductions.services.drafts import offer_agreement
from backend.outbox.models import Event
from backend.privacy.data import create_token
from tests.actors import (
    API,
    STAFF,
    World,
    drafted,
    make_world,
    sign_in_again,
    signed_document,
)
from tests.factories import PASSWORD, ApiTokenFactory, PlaceFactory
from tests.letters import picture
from tests.web.html_forms import url

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    cache.clear()
    return make_world()


def ask(client: Client, method: str, path: str, body: Any = None, **headers: str) -> Any:
    return client.generic(
        method,
        API + path,
        json.dumps(body or {}),
        content_type="application/json",
        headers=headers,
    )


def signed_in_just_now(user: User) -> Client:
    client = Client()
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    return client


@pytest.mark.parametrize("name", ["account_export", "account_erase", "account_tokens"])
def test_what_a_stolen_session_must_not_do_asks_for_the_password_again(
    world: World, name: str
) -> None:
    client = signed_in_long_ago(world, "official")
    response = client.post(url(name), {"email": "official@example.org", "name": "x", "days": "30"})
    assert response.status_code == 302
    assert response.url.startswith(reverse("account_reauthenticate"))
    assert User.objects.get(pk=world.user("official").pk).is_active
    assert not ApiToken.objects.exists()


def test_session_of_staff_ends_after_hours_and_when_idle(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = time.time()

    def opens(client: Client, minutes: float) -> bool:
        moment = begun + 60 * minutes
        monkeypatch.setattr("backend.web.html.sessions.time.time", lambda: moment)
        return client.get(f"{API}me/").status_code == 200

    idle, busy, official = (world.client(actor) for actor in ("curator", "admin", "official"))
    assert opens(idle, 0)
    assert opens(idle, 29)
    assert not opens(idle, 60)
    assert not opens(idle, 61)
    assert all(opens(busy, minutes) for minutes in range(0, 721, 20))
    assert not opens(busy, 725)
    assert opens(official, 0)
    assert opens(official, 24 * 60)


ON_A_PAGE = "picture_changed"  # no address of the API changes a picture


def acts_with_quota(world: World) -> dict[str, Callable[[int], Any]]:
    """Each act that has a quota, by its topic, as one person does it again and again."""

    def invite(number: int) -> Any:
        body = {"email": f"{number}@example.org", "role": "committee_member"}
        return ask(world.client("official"), "POST", f"communities/{home}/invitations/", body)

    def join(number: int) -> Any:
        path = f"communities/{[world.a, world.b, world.c][number].pk}/join-requests/"
        return ask(world.client("stranger"), "POST", path, {"role": "official"})

    def register(number: int) -> Any:
        body = {"place_id": PlaceFactory().pk}
        return ask(world.client("stranger"), "POST", "communities/", body)

    def send_letter(number: int) -> Any:
        path = f"{API}communities/{world.newcomer.pk}/profile/letters/"
        return world.client("unvetted").post(path, {"letter": signed_document()})

    def send_document(number: int) -> Any:
        agreement = Agreement.objects.first() or offer_agreement(
            by=world.user("curator"), agreement_id=drafted(world).pk
        )
        path = f"{API}communities/{home}/agreements/{agreement.pk}/documents/"
        return world.client("official").post(path, {"document": signed_document()})

    home = world.a.pk
    return {
        "community_registered": register,
        "join_requested": join,
        "invitation_sent": invite,
        "letter_attached": send_letter,
        "agreement_document_added": send_document,
    }


@pytest.mark.parametrize(
    ("whose", "topic"),
    [
        *(("person", topic) for topic in settings.DAILY_QUOTAS if topic != ON_A_PAGE),
        *(
            ("community", topic)
            for topic in settings.DAILY_QUOTAS_OF_COMMUNITY
            if topic != ON_A_PAGE
        ),
    ],
)
def test_act_has_a_quota_of_a_day(world: World, settings: Any, whose: str, topic: str) -> None:
    name = {"person": "DAILY_QUOTAS", "community": "DAILY_QUOTAS_OF_COMMUNITY"}[whose]
    setattr(settings, name, getattr(settings, name) | {topic: 2})
    act = acts_with_quota(world)[topic]
    answers = [act(number) for number in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    problem = answers[2].json()
    assert problem["code"] == "quota_reached"
    assert problem["detail"].startswith(f"One {whose} may do this 2 times within a day. Try again")
    assert 86_000 < int(answers[2]["Retry-After"]) < 86_500
    assert Event.objects.filter(topic=topic).count() == 2


@pytest.mark.parametrize("quotas", ["DAILY_QUOTAS", "DAILY_QUOTAS_OF_COMMUNITY"])
def test_picture_has_a_quota_of_a_day(world: World, settings: Any, quotas: str) -> None:
    setattr(settings, quotas, getattr(settings, quotas) | {ON_A_PAGE: 2})
    client, path = world.client("official"), url("profile_picture", world.a.pk)
    for _number in range(3):
        sent = SimpleUploadedFile("arms.jpg", picture(size=(120, 120)), content_type="image/jpeg")
        response = client.post(path, {"picture": sent, "alternative": "The coat of arms"})
    assert response.status_code == 429
    assert Event.objects.filter(topic=ON_A_PAGE).count() == 2


def signed_in_long_ago(world: World, actor: str) -> Client:
    client = world.client(actor)
    sign_in_again(client, world.user(actor), at=time.time() - 330)
    return client


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "me/tokens/", {"name": "x", "days": 365}),
        ("GET", "me/data/", None),
        ("POST", "me/erase/", {"email": "chair@example.org"}),
    ],
)
def test_api_asks_an_old_session_to_sign_in_again_as_the_pages_do(
    world: World, method: str, path: str, body: dict[str, Any] | None
) -> None:
    chair = signed_in_long_ago(world, "chair")
    response = ask(chair, method, path, body)
    assert (response.status_code, response.json()["code"]) == (403, "reauthentication_required")
    assert response.json()["sign_in_at"].endswith(reverse("account_reauthenticate"))
    assert "`sign_in_at`" in response.json()["detail"]
    assert User.objects.get(pk=world.user("chair").pk).is_active
    assert not ApiToken.objects.exists()
    assert not Event.objects.filter(topic="data_exported").exists()
    assert chair.post(reverse("account_reauthenticate"), {"password": PASSWORD}).status_code == 302
    assert ask(chair, method, path, body).status_code != 403


@pytest.mark.parametrize("began", [None, 330, 10])
def test_account_without_a_password_acts_only_just_after_it_signed_in(
    world: World, began: int | None
) -> None:
    """django-allauth takes who has nothing to confirm with for confirmed."""
    chair = world.user("chair")
    chair.set_unusable_password()
    chair.save()
    client = Client()
    client.force_login(chair)
    if began is not None:
        sign_in_again(client, chair, at=time.time() - began, by="code")
    passwords = {"password1": "a long new phrase", "password2": "a long new phrase"}
    token = {"name": "x", "days": 30, "scope": "read"}
    pages = {
        url("account_tokens"): token,
        reverse("account_email"): {"action_add": "", "email": "new@example.org"},
        reverse("account_set_password"): passwords,
    }
    answer = ask(client, "POST", "me/tokens/", token)
    if began == 10:
        assert answer.status_code == 201
        assert {client.post(page, body).status_code for page, body in pages.items()} <= {200, 302}
        assert User.objects.get(pk=chair.pk).has_usable_password()
        return
    assert (answer.status_code, answer.json()["code"]) == (403, "reauthentication_required")
    assert answer.json()["sign_in_at"].endswith(reverse("account_request_login_code"))
    for page, body in pages.items():
        refused = client.post(page, body)
        assert refused.status_code == 403, page
        assert "sign in again with a code, and do this within 5 minutes" in refused.text
    assert not ApiToken.objects.exists()
    assert not User.objects.get(pk=chair.pk).has_usable_password()


def test_old_session_of_an_administrator_makes_nobody_staff(world: World) -> None:
    admin = signed_in_long_ago(world, "admin")
    body = {"email": "stranger@example.org", "staff_role": "curator"}
    assert ask(admin, "POST", "staff/roles/", body).json()["code"] == "reauthentication_required"
    assert "reauthenticate" in admin.post(url("staff_roles"), body).url
    assert not User.objects.get(email="stranger@example.org").is_staff_member


def test_token_is_shown_once_and_opens_the_api(world: World) -> None:
    official = world.user("official")
    client = signed_in_just_now(official)
    html = client.post(url("account_tokens"), {"name": "Website", "days": "30"}).text
    words = re.search(r'class="token">(csc_\w+)<', html)
    assert words
    assert words[1] not in client.get(url("account_tokens")).text
    api = Client(headers={"authorization": f"Token {words[1]}"})
    assert api.get("/api/v1/me/").json()["email"] == official.email
    end = url("account_token_revoke", ApiToken.objects.get().public_id)
    assert f'href="{end}"' in client.get(url("account_tokens")).text
    assert "End the token “Website”?" in client.get(end).text
    assert api.get("/api/v1/me/").status_code == 200
    assert client.post(end).status_code == 302
    assert client.get(end).status_code == 404
    assert api.get("/api/v1/me/").status_code == 401


def test_data_are_downloaded_and_the_account_is_erased(world: World) -> None:
    stranger = world.user("stranger")
    client = signed_in_just_now(stranger)
    response = client.post(url("account_export"))
    assert response["Content-Disposition"] == 'attachment; filename="my-data.zip"'
    archive = io.BytesIO(b"".join(response.streaming_content))  # type: ignore[attr-defined]
    assert stranger.email in zipfile.ZipFile(archive).read("data.json").decode()
    assert client.post(url("account_erase"), {"email": "wrong@example.org"}).status_code == 422
    assert client.post(url("account_erase"), {"email": stranger.email}).url == url("home")
    assert client.get(url("account")).status_code == 302
    assert User.objects.get(pk=stranger.pk).erased_at is not None


def test_last_official_reads_what_to_do_before_leaving(world: World) -> None:
    client = signed_in_just_now(world.user("official"))
    html = client.get(url("account_data")).text
    assert url("people", world.a.pk) in html
    response = client.post(url("account_erase"), {"email": "official@example.org"})
    assert response.status_code == 422
    assert "Alpha" in response.text


def test_administrator_makes_somebody_staff_on_the_page(world: World) -> None:
    admin = world.client("admin")
    assert (
        admin.post(
            url("staff_roles"), {"email": "stranger@example.org", "staff_role": "curator"}
        ).status_code
        == 302
    )
    assert User.objects.get(email="stranger@example.org").is_curator
    response = admin.post(url("staff_roles"), {"email": "admin@example.org", "staff_role": ""})
    assert response.status_code == 422
    assert "last administrator" in response.text


def token_client(world: World, actor: str = "official") -> Client:
    body = {"name": "Website", "days": 30, "scope": "staff_act" if actor in STAFF else "act"}
    made = ask(world.client(actor), "POST", "me/tokens/", body)
    assert made.status_code == 201
    assert made["Cache-Control"] == "private, no-store"
    return Client(headers={"authorization": f"Token {made.json()['token']}"})


def test_token_has_its_owners_rights_and_no_others(world: World) -> None:
    api = token_client(world)
    assert api.get(f"{API}communities/{world.a.pk}/profile/").status_code == 200
    assert api.get(f"{API}communities/{world.b.pk}/profile/").status_code == 404
    assert api.get(f"{API}staff/vetting/").status_code == 404
    (listed,) = api.get(f"{API}me/tokens/").json()["results"]
    assert set(listed) == {"id", "name", "scope", "created_at", "expires_at"}
    world.user("official").community_roles.update(ended_at=world.a.registered_at)
    assert api.get(f"{API}communities/{world.a.pk}/profile/").status_code == 404


def test_token_makes_no_token_takes_no_data_and_erases_nobody(world: World) -> None:
    api = token_client(world)
    for method, path, body in (
        ("POST", "me/tokens/", {"name": "x"}),
        ("GET", "me/data/", None),
        ("POST", "me/erase/", {"email": "official@example.org"}),
    ):
        response = ask(api, method, path, body)
        assert (response.status_code, response.json()["code"]) == (403, "session_needed")
    assert ApiToken.objects.count() == 1
    assert User.objects.get(pk=world.user("official").pk).is_active


def with_scope(world: World, actor: str, scope: str) -> Client:
    token, words = create_token(by=world.user(actor), name="x", days=30, scope=scope)
    assert token.scope == scope
    return Client(headers={"authorization": f"Token {words}"})


def test_token_that_reads_does_nothing_else(world: World) -> None:
    api = with_scope(world, "official", "read")
    draft = f"communities/{world.a.pk}/profile/"
    assert api.get(API + draft).status_code == 200
    for method, path in (("PATCH", draft), ("POST", f"{draft}publish/"), ("PATCH", "me/")):
        response = ask(api, method, path, {})
        assert (response.status_code, response.json()["code"]) == (403, "scope_needed")
    acts = with_scope(world, "official", "act")
    assert ask(acts, "PATCH", draft, {"revision": 0, "changes": {}}).status_code == 200


def test_tokens_do_the_work_of_members_newcomers_and_staff(world: World) -> None:
    suggestion = world.released()
    vote = f"communities/{world.b.pk}/suggestions/{suggestion.pk}/vote/"
    member = token_client(world, "committee_member")
    assert ask(member, "POST", vote, {"choice": "yes"}).status_code == 200
    draft = f"communities/{world.newcomer.pk}/profile/"
    newcomer = token_client(world, "unvetted")
    assert ask(newcomer, "PATCH", draft, {"revision": 0, "changes": {}}).status_code == 200
    curator = token_client(world, "curator")
    assert curator.get(f"{API}staff/vetting/").status_code == 200
    reads = with_scope(world, "curator", "staff_read")
    assert reads.get(f"{API}staff/vetting/").status_code == 200
    assert ask(reads, "POST", "staff/runs/", {}).json()["code"] == "scope_needed"


def test_token_made_before_a_staff_role_opens_nothing_of_staff(world: World) -> None:
    api = token_client(world)
    User.objects.filter(pk=world.user("official").pk).update(staff_role="curator")
    assert api.get(f"{API}staff/vetting/").status_code == 403
    former = with_scope(world, "curator", "staff_act")
    User.objects.filter(pk=world.user("curator").pk).update(staff_role="")
    assert former.get(f"{API}me/").json()["code"] == "scope_needed"


def test_tokens_end_with_a_change_of_the_password(world: World) -> None:
    api = token_client(world)
    assert api.get(f"{API}me/").status_code == 200
    new = "another long secret"
    client = world.client("official")
    response = client.post(
        reverse("account_change_password"),
        {"oldpassword": PASSWORD, "password1": new, "password2": new},
    )
    assert response.status_code == 302
    assert api.get(f"{API}me/").status_code == 401
    assert Event.objects.filter(topic="token_revoked").count() == 1


def test_ended_expired_and_wrong_tokens_open_nothing(world: World) -> None:
    api = token_client(world)
    (listed,) = api.get(f"{API}me/tokens/").json()["results"]
    assert ask(api, "DELETE", f"me/tokens/{listed['id']}/").status_code == 204
    assert api.get(f"{API}me/").status_code == 401
    api = token_client(world)
    ApiToken.objects.update(expiry=world.a.registered_at)
    assert api.get(f"{API}me/").status_code == 401
    for words in ("csc_" + "0" * 64, "x", ""):
        assert (
            Client(headers={"authorization": f"Token {words}"}).get(f"{API}me/").status_code == 401
        )


def test_somebody_elses_token_is_ended_by_administrators_alone(world: World) -> None:
    token = ApiTokenFactory(user=world.user("official"))
    for actor in ("chair", "curator"):
        assert (
            ask(world.client(actor), "DELETE", f"me/tokens/{token.public_id}/").status_code == 404
        )
    assert (
        ask(world.client("curator"), "DELETE", f"staff/tokens/{token.public_id}/").status_code
        == 404
    )
    admin, end = world.client("admin"), url("staff_token_end", token.public_id)
    assert f'href="{end}"' in admin.get(url("staff_tokens")).text
    assert f"of {token.user}?" in admin.get(end).text
    assert ask(admin, "DELETE", f"staff/tokens/{token.public_id}/").status_code == 204


def test_data_are_read_and_the_account_is_erased(world: World) -> None:
    client = world.client("stranger")
    assert client.get(f"{API}me/data/").json()["account"]["email"] == "stranger@example.org"
    assert [row["topic"] for row in client.get(f"{API}me/audit-log/").json()["results"]] == [
        "data_exported"
    ]
    assert ask(client, "POST", "me/erase/", {"email": "else@example.org"}).status_code == 422
    assert ask(client, "POST", "me/erase/", {"email": "stranger@example.org"}).status_code == 204
    assert client.get(f"{API}me/").status_code == 401


def test_last_official_cannot_erase_the_account(world: World) -> None:
    response = ask(world.client("official"), "POST", "me/erase/", {"email": "official@example.org"})
    assert (response.status_code, response.json()["code"]) == (409, "last_responsible")


def test_staff_roles_are_given_and_the_last_administrator_stays(world: World) -> None:
    admin = world.client("admin")
    assert (
        ask(
            admin,
            "POST",
            "staff/roles/",
            {"email": "stranger@example.org", "staff_role": "curator"},
        ).json()["staff_role"]
        == "curator"
    )
    listed = {
        row["email"]: row["with_second_factor"]
        for row in admin.get(f"{API}staff/roles/").json()["results"]
    }
    assert listed == {
        "admin@example.org": True,
        "curator@example.org": True,
        "stranger@example.org": False,
    }
    response = ask(admin, "POST", "staff/roles/", {"email": "admin@example.org", "staff_role": ""})
    assert (response.status_code, response.json()["code"]) == (409, "last_admin")
