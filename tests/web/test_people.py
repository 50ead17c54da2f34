"""People of a community, in pages and through the API; and the page that registers one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from backend.accounts.models import AccountMail, User
from backend.cities.models import Community, CommunityRole, JoinRequest, Profile
from backend.cities.services.invitations import invitation_path, invite_colleague
from tests.actors import World, is_admitted, make_world
from tests.factories import (
    ApiTokenFactory,
    CommunityFactory,
    CommunityRoleFactory,
    CountryFactory,
    InvitationFactory,
    JoinRequestFactory,
    PlaceFactory,
    UserFactory,
)
from tests.test_permissions import PAGES, TABLE, Scene
from tests.web.conftest import SignIn
from tests.web.html_forms import form_to, forms_of, url

# The people page, invitations from link to role, requests to join, and one's own account.


pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    cache.clear()
    return make_world()


def test_official_invites_and_a_newcomer_comes_through_sign_up(world: World) -> None:
    official = world.client("official")
    people = url("people", world.a.pk)
    form = form_to(official.get(people).text, url("people_invite", world.a.pk))
    assert (
        official.post(form.action, {**form.values, "email": "new@example.org", "role": "chair"}).url
        == people
    )
    assert "new@example.org" in official.get(people).text
    link = invitation_path(world.a.invitations.get().pk)
    newcomer = Client()
    page = newcomer.get(link).text
    assert "You are invited to Alpha" in page
    sign_up = re.search(rf'href="({reverse("account_signup")}\?next=[^"]+)"', page)
    assert sign_up
    form = form_to(newcomer.get(sign_up[1]).text, reverse("account_signup"))
    response = newcomer.post(
        form.action, {**form.values, "name": "New Person", "email": "new@example.org"}
    )
    code = re.search(
        r"^([A-Z0-9]{3,}-?[A-Z0-9]{3,})$", AccountMail.objects.latest("pk").text, re.MULTILINE
    )
    assert code
    assert newcomer.post(response.url, {"code": code[1]}).url == link, (
        "sign-up leads back to the invitation"
    )
    form = next(
        form for form in forms_of(newcomer.get(link).text) if form.action.endswith("/accept/")
    )
    assert newcomer.post(form.action, form.values).url == url("dashboard")
    assert CommunityRole.objects.get(user__email="new@example.org").role == "chair"
    assert "This invitation has been accepted" in newcomer.get(link).text


def test_invitation_is_shown_on_the_start_page_of_who_has_an_account(world: World) -> None:
    invite_colleague(
        by=world.user("official"),
        community_id=world.a.pk,
        email="stranger@example.org",
        role="official",
    )
    html = world.client("stranger").get(url("dashboard")).text
    assert invitation_path(world.a.invitations.get().pk) in html


def test_link_of_an_invitation_is_useless_to_somebody_else(world: World) -> None:
    invitation = InvitationFactory(community=world.a)
    link = invitation_path(invitation.pk)
    client = world.client("stranger")
    html = client.get(link).text
    assert "another address" in html
    assert invitation.email not in html
    assert client.post(f"{link}accept/").status_code == 404


def test_wrong_invitation_says_what_is_wrong_and_keeps_what_was_typed(world: World) -> None:
    response = world.client("official").post(
        url("people_invite", world.a.pk),
        {"email": "official@example.org", "role": "chair"},
    )
    html = response.text
    assert response.status_code == 422
    assert "belongs to the community already" in html
    assert 'value="official@example.org"' in html


def test_role_is_changed_and_ended_on_the_page(world: World) -> None:
    member = CommunityRoleFactory(community=world.a, role="committee_member")
    client = world.client("official")
    people = url("people", world.a.pk)
    form = form_to(client.get(people).text, url("people_change", world.a.pk, member.pk))
    assert form.values["role"] == ["committee_member"]
    client.post(form.action, {**form.values, "role": "official"})
    member.refresh_from_db()
    assert member.role == "official"
    done_when_asked(client, people, url("people_end", world.a.pk, member.pk))
    member.refresh_from_db()
    assert member.ended_at is not None


def done_when_asked(client: Client, page: str, act: str) -> None:
    """Follows the link of an act that cannot be undone, and its button; opening it does nothing."""
    assert f'href="{act}"' in client.get(page).text
    question = client.get(act)
    assert (question.status_code, client.get(act).text != "") == (200, True)
    form = next(form for form in forms_of(question.text) if form.action == "")
    assert f'href="{page}"' in question.text
    assert client.post(act, form.values).status_code == 302
    assert client.get(act).status_code == 404


def test_invitation_is_taken_back_and_one_leaves_only_when_asked(world: World) -> None:
    client, people = world.client("official"), url("people", world.a.pk)
    invited = InvitationFactory(community=world.a)
    done_when_asked(client, people, url("invitation_revoke", world.a.pk, invited.pk))
    invited.refresh_from_db()
    assert invited.status == "revoked"
    CommunityRoleFactory(community=world.a)
    own = world.user("official").community_roles.get()
    done_when_asked(client, people, url("people_end", world.a.pk, own.pk))
    own.refresh_from_db()
    assert own.ended_at is not None


def test_question_before_the_end_of_a_role_is_for_those_who_may_end_it(world: World) -> None:
    role = world.user("official").community_roles.get()
    member = CommunityRoleFactory(community=world.a, role="committee_member")
    client = Client()
    client.force_login(member.user)
    assert client.get(url("people_end", world.a.pk, role.pk)).status_code == 404
    assert client.get(url("people_end", world.a.pk, member.pk)).status_code == 200
    invited = InvitationFactory(community=world.a)
    assert client.get(url("invitation_revoke", world.a.pk, invited.pk)).status_code == 404


def test_last_official_cannot_leave_and_learns_why(world: World) -> None:
    role = world.user("official").community_roles.get()
    response = world.client("official").post(url("people_end", world.a.pk, role.pk))
    assert response.status_code == 409
    assert "last official or chair" in response.text


def test_second_registrant_asks_to_join_and_is_let_in(world: World) -> None:
    stranger, chair = world.client("stranger"), world.client("chair")
    join = url("join", world.b.pk)
    html = stranger.get(join).text
    assert "Beta is registered already" in html
    stranger.post(join, {"role": "committee_member", "line": "Sister cities office, ask Kim"})
    assert "You asked on" in stranger.get(join).text
    people = chair.get(url("people", world.b.pk)).text
    assert "Sister cities office, ask Kim" in people
    form = form_to(people, url("join_answer", world.b.pk, JoinRequest.objects.get().pk))
    chair.post(form.action, {**form.values, "answer": "accept"})
    assert world.user("stranger").community_roles.get().role == "committee_member"
    assert "You belong to this community" in stranger.get(join).text


def test_request_is_taken_back(world: World) -> None:
    asked = JoinRequestFactory(community=world.a, user=world.user("stranger"))
    assert world.client("official").post(url("join_withdraw", asked.pk)).status_code == 404
    world.client("stranger").post(url("join_withdraw", asked.pk))
    asked.refresh_from_db()
    assert asked.status == "withdrawn"


def test_name_and_language_are_changed(world: World) -> None:
    client = world.client("stranger")
    assert client.post(url("account"), {"name": "New Name", "language": "fr"}).status_code == 302
    user = User.objects.get(pk=world.user("stranger").pk)
    assert (user.name, user.language) == ("New Name", "fr")
    assert '<html lang="fr"' in client.get(url("account")).text
    assert client.post(url("account"), {"name": "", "language": "xx"}).status_code == 422


LISTS: dict[str, tuple[str, Callable[[World], object], int]] = {
    "people": ("official", lambda world: CommunityRoleFactory(community=world.a), 15),
    "invitations": ("official", lambda world: InvitationFactory(community=world.a), 15),
    "requests": ("official", lambda world: JoinRequestFactory(community=world.a), 15),
    "joining": ("curator", lambda world: JoinRequestFactory(community=world.a), 8),
    "tokens": ("curator", lambda world: ApiTokenFactory(), 8),
    "roles": ("admin", lambda world: UserFactory(curator=True), 8),
}


@pytest.mark.parametrize("name", LISTS)
def test_number_of_queries_does_not_grow_with_the_list(world: World, name: str) -> None:
    actor, add, at_most = LISTS[name]
    own = name in {"people", "invitations", "requests"}
    path = url("people", world.a.pk) if own else url(f"staff_{name}")
    client = world.client(actor)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path).status_code == 200
        return len(captured)

    add(world)
    client.get(path)
    few = queries()
    for _number in range(5):
        add(world)
    assert queries() == few
    assert few <= at_most


# People, invitations, requests to join, tokens and personal data through the API: the same
# rules as the pages.


API, JSON = "/api/v1/", "application/json"


def ask(client: Client, method: str, path: str, body: Any = None, **headers: str) -> Any:
    return client.generic(
        method, API + path, json.dumps(body or {}), content_type=JSON, headers=headers
    )


def test_invitation_from_sending_to_accepting(world: World) -> None:
    official, person = world.client("official"), UserFactory(email="new@example.org")
    path = f"communities/{world.a.pk}/invitations/"
    sent = ask(
        official,
        "POST",
        path,
        {"email": "new@example.org", "role": "chair"},
        **{"idempotency-key": "one"},
    )
    again = ask(
        official,
        "POST",
        path,
        {"email": "new@example.org", "role": "chair"},
        **{"idempotency-key": "one"},
    )
    assert (sent.status_code, again.content) == (201, sent.content)
    assert [row["email"] for row in official.get(API + path).json()["results"]] == [
        "new@example.org"
    ]
    client = Client()
    client.force_login(person)
    (mine,) = client.get(f"{API}me/invitations/").json()["results"]
    assert (mine["community"]["name"], mine["role"]) == ("Alpha", "chair")
    assert ask(client, "POST", f"me/invitations/{mine['id']}/accept/").json()["role"] == "chair"
    assert ask(client, "POST", f"me/invitations/{mine['id']}/accept/").status_code == 409
    assert CommunityRole.objects.filter(user=person, community=world.a).exists()


def test_wrong_values_are_named_by_field(world: World) -> None:
    response = ask(
        world.client("official"),
        "POST",
        f"communities/{world.a.pk}/invitations/",
        {"email": "no", "role": "king", "x": 1},
    )
    assert response.status_code == 422
    assert set(response.json()["errors"]) >= {"x"}
    response = ask(
        world.client("official"),
        "POST",
        f"communities/{world.a.pk}/invitations/",
        {"email": "no", "role": "king"},
    )
    assert set(response.json()["errors"]) == {"email", "role"}


def test_roles_are_changed_and_the_last_stays(world: World) -> None:
    member = CommunityRoleFactory(community=world.a, role="committee_member")
    official = world.client("official")
    people = f"communities/{world.a.pk}/people/"
    assert (
        ask(official, "PATCH", f"{people}{member.pk}/", {"role": "official"}).json()["role"]
        == "official"
    )
    assert ask(official, "DELETE", f"{people}{member.pk}/").json()["ended_at"]
    own = world.user("official").community_roles.get()
    response = ask(official, "DELETE", f"{people}{own.pk}/")
    assert (response.status_code, response.json()["code"]) == (409, "last_responsible")


def test_request_to_join_is_asked_answered_and_taken_back(world: World) -> None:
    stranger, official = world.client("stranger"), world.client("official")
    path = f"communities/{world.a.pk}/join-requests/"
    asked = ask(stranger, "POST", path, {"role": "official", "line": "Mayor's office"}).json()
    assert official.get(API + path).json()["results"][0]["line"] == "Mayor's office"
    assert (
        ask(stranger, "DELETE", f"me/join-requests/{asked['id']}/").json()["status"] == "withdrawn"
    )
    asked = ask(stranger, "POST", path, {"role": "official"}).json()
    answered = ask(official, "POST", f"{path}{asked['id']}/answer/", {"accept": False}).json()
    assert answered["status"] == "refused"
    assert [row["status"] for row in stranger.get(f"{API}me/join-requests/").json()["results"]] == [
        "refused",
        "withdrawn",
    ]


def test_name_and_language_are_changed_one_at_a_time(world: World) -> None:
    client = world.client("stranger")
    assert ask(client, "PATCH", "me/", {"language": "ja"}).json()["language"] == "ja"
    assert ask(client, "PATCH", "me/", {"name": "New"}).json()["name"] == "New"
    response = ask(client, "PATCH", "me/", {"language": "xx"})
    assert (response.status_code, set(response.json()["errors"])) == (422, {"language"})
    assert client.patch(f"{API}me/", "[1]", content_type=JSON).status_code == 422


def test_invitation_of_another_community_is_not_reached_through_ones_own(world: World) -> None:
    other = InvitationFactory(community=world.b)
    assert (
        ask(
            world.client("official"), "DELETE", f"communities/{world.a.pk}/invitations/{other.pk}/"
        ).status_code
        == 404
    )
    other.refresh_from_db()
    assert other.status == "pending"


# The page on which a place is found and registered.


REGISTER = url("register")


def test_city_is_found_and_registered_without_javascript(stranger: User, sign_in: SignIn) -> None:
    place = PlaceFactory(
        name="Göteborg",
        search_text="goteborg",
        country=CountryFactory(code="DE"),
        population=500_000,
    )
    client = sign_in(stranger)
    html = client.get(REGISTER, {"q": "GÖTE"}).text
    assert "Göteborg" in html
    form = next(form for form in forms_of(html) if form.values.get("kind") == ["city"])
    response = client.post(form.action, {**form.values, "place_id": place.pk})
    community = Community.objects.get(place=place)
    assert response.url == url("profile", community.pk)
    assert CommunityRole.objects.get(community=community).user == stranger
    assert Profile.objects.get(community=community).draft["facts"]["population"] == 500_000


def test_type_ahead_answers_with_places_alone(stranger: User, sign_in: SignIn) -> None:
    PlaceFactory(name="München", search_text="munchen")
    html = sign_in(stranger).get(url("places"), {"q": "munc"}).text
    assert "München" in html
    assert "<html" not in html


def test_registered_city_cannot_be_chosen_again(stranger: User, sign_in: SignIn) -> None:
    taken = CommunityFactory(name="Taken")
    client = sign_in(stranger)
    html = client.get(REGISTER, {"q": "taken"}).text
    assert "registered already" in html
    join = url("join", taken.pk)
    assert f'href="{join}"' in html
    response = client.post(REGISTER, {"kind": "city", "place_id": taken.place_id})
    assert response.url == join
    assert "Somebody has registered this community already" in client.get(join).text


def test_county_with_nearly_the_same_name_is_asked_about(stranger: User, sign_in: SignIn) -> None:
    CountryFactory(code="US")
    client = sign_in(stranger)
    posted = {"kind": "county", "name": "Sonoma County", "country": "US", "admin1": "California"}
    client.post(REGISTER, posted)
    (first,) = Community.objects.all()
    response = client.post(REGISTER, posted | {"name": "Sonomma"})
    html = response.text
    assert response.status_code == 422
    assert url("join", first.pk) in html
    assert 'name="is_another"' in html
    assert (
        client.post(REGISTER, posted | {"name": "Sonomma", "is_another": "on"}).status_code == 302
    )
    assert client.post(
        REGISTER, posted | {"name": "County of SONOMA", "is_another": "on"}
    ).url == url("join", first.pk)
    assert Community.objects.count() == 2


def test_county_is_registered_by_hand(stranger: User, sign_in: SignIn) -> None:
    CountryFactory(code="US")
    posted = {
        "kind": "county",
        "name": "Kent County",
        "country": "US",
        "admin1": "Michigan",
        "website": "https://kent.example",
    }
    assert sign_in(stranger).post(REGISTER, posted).status_code == 302
    assert Community.objects.get(name="Kent County").place is None


def test_community_without_a_place_is_found_afterwards(stranger: User, sign_in: SignIn) -> None:
    made = CommunityFactory(
        name="Múlaþing", kind="district", place=None, country_code="IS", published=True
    )
    client, join = sign_in(stranger), url("join", made.pk)
    for typed in ("Múlaþing", "mulathi"):
        assert f'href="{join}"' in client.get(url("places"), {"q": typed}).text
        assert f'href="{join}"' in client.get(REGISTER, {"q": typed}).text
        assert "Múlaþing" in client.get(url("seeking"), {"search": typed}).text
    assert "Múlaþing" not in client.get(url("places"), {"q": "ulathing"}).text


def test_regions_are_offered_in_the_readers_language(stranger: User, sign_in: SignIn) -> None:
    stranger.language = "de"
    stranger.save()
    html = sign_in(stranger).get(url("regions"), {"country": "DE"}).text
    assert '<option value="Bayern"></option>' in html and "Bavaria" not in html
    assert sign_in(stranger).get(url("regions"), {"country": "X"}).text == ""


def test_missing_answers_are_named_beside_their_fields(stranger: User, sign_in: SignIn) -> None:
    response = sign_in(stranger).post(REGISTER, {"kind": "county", "name": " "})
    html = response.text
    assert response.status_code == 422
    assert "Write the name of the community." in html
    assert "Choose a country from the list." in html
    assert not Community.objects.exists()


def test_city_without_a_choice_says_what_to_do(stranger: User, sign_in: SignIn) -> None:
    response = sign_in(stranger).post(REGISTER, {"kind": "city"})
    assert response.status_code == 422
    assert "Choose your city from the list of places." in response.text


@pytest.mark.django_db
def test_volunteer_gets_no_further_than_a_stranger() -> None:
    scene = Scene()
    client = scene.world.client("volunteer")
    opened = [
        what
        for what, (ask, allowed) in {**TABLE, **PAGES}.items()
        if "stranger" not in allowed and is_admitted(ask(scene, client, "volunteer"))
    ]
    assert opened == []
