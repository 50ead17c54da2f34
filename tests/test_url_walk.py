"""Every address of the service, opened by every kind of actor: a view that does not say who may
ask fails here.

What each answer must be is read from the views; for addresses that any signed-in person may
ask (and whose object decides), and for objects that more depends on than the level, the expectation
is written here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.urls.converters import get_converters

from backend.cities.models import Community, CommunityPicture, MembershipRequest
from backend.cities.services.invitations import invitation_path
from backend.cities.services.membership_requests import ask_for_membership
from backend.cities.services.tickets import answer_path, token_of
from backend.introductions.services.activities import log_activity
from backend.web.access import access_of
from backend.web.html.access import ALLAUTH
from tests import factories as make
from tests.actors import ACTORS, World, agreed, contact_of, make_world
from tests.division import at_length

GOLDEN = Path(__file__).parent / "web" / "access.txt"
ALLOWED, SIGN_IN, HIDDEN = "allowed", "sign in", "hidden"
COMMUNITY_ACTORS = {"official"}  # whose community the addresses name
OF_VOLUNTEERS = {"web:volunteers", "api:call-drafts"}  # all that a volunteer of it opens there


def routes(
    resolver: URLResolver | None = None, namespace: str = "", prefix: str = ""
) -> Iterator[tuple[str, str, URLPattern]]:
    """(name with its namespace, path with its parameters, pattern) of every address there is."""
    for entry in (resolver or get_resolver()).url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from routes(entry, inner, path)
        else:
            yield f"{namespace}{entry.name}", path, entry


ROUTES = {name: (path, pattern) for name, path, pattern in routes()}


def levels(name: str) -> dict[str, str]:
    """Method → level, as the view says it, "*" for any other method; empty for a view that does
    not say it.
    """
    access = access_of(ROUTES[name][1].callback) or ALLAUTH.get(name)
    if access is None:
        return {}
    every = {"*": access.level.value} if access.level else {}
    return every | {method: level.value for method, level in access.by_method.items()}


def level_of_reading(name: str) -> str | None:
    said = levels(name)
    return said.get("GET", said.get("*"))


def test_every_address_has_a_permission() -> None:
    assert [
        f"{name} ({path})" for name, (path, _pattern) in ROUTES.items() if not levels(name)
    ] == []


def test_every_name_of_allauth_has_an_address() -> None:
    assert set(ALLAUTH) - set(ROUTES) == set()


def test_access_is_what_the_list_says() -> None:
    """One line for each address and method. A changed access changes its line too."""
    said = [f"{name} {method} {level}" for name in ROUTES for method, level in levels(name).items()]
    assert sorted(said) == sorted(GOLDEN.read_text(encoding="utf-8").splitlines())


def test_every_address_has_a_name_of_its_own() -> None:
    names = [name for name, _path, _pattern in routes()]
    assert (
        sorted(
            name
            for name in set(names)
            if names.count(name) > 1 or name.endswith(":None") or name == "None"
        )
        == []
    )


pytestmark = pytest.mark.django_db
Stage = tuple[World, dict[str, Any]]


@pytest.fixture(scope="module")
def stage(module_db: None) -> Stage:
    """A world, and a real value for each parameter of an address; the community is that of the
    official.
    """
    world = make_world()
    introduction = world.introduced()
    contact_of(world.b)
    event = make.EventFactory(community_id=world.a.pk)
    make.NotificationFactory(
        recipient=world.user("official"),
        community=world.a,
        event=event,
        kind="profile_published",
    )
    partnership = agreed(world, introduction)
    activity = log_activity(
        by=world.user("official"),
        partnership_id=partnership.pk,
        community_id=world.a.pk,
        kind="visit",
        happened_on=partnership.since,
        text="A visit.",
    )
    ticket = make.TicketFactory(user=world.user("official"))
    things = {
        "community_id": world.a.pk,
        "place_id": make.PlaceFactory().pk,
        "agreement_id": partnership.agreement_id,
        "document_id": partnership.agreement.documents.get().pk,
        "partnership_id": partnership.pk,
        "activity_id": activity.pk,
        "number": 1,
        "form": "sister",
        "form_code": "sister",
        "what": "activity",
        "asked_id": make.PartnerRequestFactory(community=world.a, named=world.c).pk,
        "suggestion_id": introduction.suggestion_id,
        "introduction_id": introduction.pk,
        "pair_id": world.pair.pk,
        "meeting_id": make.MeetingFactory(introduction=introduction, fixed=True).pk,
        "occasion": make.FollowUpFactory(introduction=introduction).occasion,
        "abroad_id": world.b.pk,
        "rule_id": make.ExclusionRuleFactory().pk,
        "letter_id": make.VettingLetterFactory(profile=world.a.profile).pk,
        "run_id": make.ScoringRunFactory().pk,
        "job_id": make.JobFactory(status="dead", finished_at=make.MOMENT, event=event).pk,
        "membership_id": make.MembershipFactory(community=world.b).pk,
        "request_id": membership_asked_by(world).pk,
        "import_id": make.MemberImportFactory().pk,
        "claim_id": make.ExistingPartnershipFactory(community=world.a).pk,
        "search_id": make.SavedSearchFactory(user=world.user("official")).public_id,
        "group": "story",
        "kind": "csv",
        "role_id": world.user("official").community_roles.get().pk,
        "invitation_id": make.InvitationFactory(community=world.a).pk,
        "public_id": make.ApiTokenFactory(user=world.user("official")).public_id,
        "ticket_id": ticket.pk,
        "ticket_number": ticket.number,
        "thread": token_of(ticket),
        "letter": answer_path(make.TicketFactory(addressee=world.a)).split("/")[3],
        "question": "find",
        "picture": picture_of(world.a),
        "language": "en",
        "call_id": make.CallFactory(community=world.a).pk,
        "token": invitation_path(make.InvitationFactory(community=world.a).pk).split("/")[2],
    }
    return world, things


def membership_asked_by(world: World) -> MembershipRequest:
    return ask_for_membership(
        by=world.user("official"),
        community_id=world.a.pk,
        billing_name="City treasury",
        billing_email="treasury@city.example",
        dues_class="under_25k",
    )


def picture_of(community: Community) -> str:
    kept = CommunityPicture(community=community, width=1, height=1, alternative="The harbour")
    kept.file.save("harbour.jpg", ContentFile(b"a picture"))
    return kept.version


def address_of(name: str, things: dict[str, Any]) -> str:
    """The address with real things in it; names of vocabularies and mails by route."""
    if name == "api:unknown":
        return "/api/v1/no/such/address/"
    if name.startswith("admin:"):
        parts = re.findall(r"<(?:path:)?(\w+)>", ROUTES[name][0])
        return reverse(
            name, kwargs={part: {"app_label": "cities"}.get(part, "1") for part in parts}
        )
    path, pattern = ROUTES[name]
    values = things | {"name": "themes", "uidb36": "1", "key": "no-such-key"}
    converters = getattr(pattern.pattern, "converters", {})
    address = path
    for parameter in (*get_converters(), ""):
        for variable, value in values.items():
            address = address.replace(
                f"<{parameter}:{variable}>" if parameter else f"<{variable}>", str(value)
            )
    # What else is numbered need not exist: who may not ask is refused before anything is looked up.
    address = re.sub(r"<(?:int|id):\w+>", "1", address)
    if "(?P" in address:  # the one address of allauth that is a regular expression
        address = {"account_reset_password_from_key": "account/password/reset/key/1-no-such-key/"}[
            name
        ]
    assert "<" not in address, (address, sorted(converters))
    if name == "api:places":
        address += "?q=al"
    if name in {"api:agreement-changes", "api:staff-agreement-changes"}:
        address += "?old=1&new=2"
    if name == "api:staff-assessment":
        address += f"?home_id={things['community_id']}&abroad_id={things['abroad_id']}"
    return "/" + address.replace("^", "").replace("$", "").replace("\\Z", "")


def expected(name: str, level: str, actor: str) -> str:
    """What a GET must come to, by the level alone."""
    staff = actor in {"curator", "admin"}
    passes = {
        "public": True,
        "signed_in": actor != "visitor",
        "community": actor in COMMUNITY_ACTORS or (actor == "volunteer" and name in OF_VOLUNTEERS),
        "community_or_staff": actor in COMMUNITY_ACTORS or staff,
        "staff": staff,
        "curator": actor == "curator",
        "admin": actor == "admin",
    }[level]
    if passes:
        return OBJECT_DECIDES.get((name, actor), ALLOWED)
    return SIGN_IN if actor == "visitor" else HIDDEN


_SIDES = {"official", "committee_member", "chair", "curator", "admin"}
_OF_THE_PAIR = (
    "web:agreement",
    "web:agreement_version",
    "web:agreement_changes",
    "web:agreement_document_file",
    "web:partnership",
    "web:partnership_why",
    "web:partnership_certificate",
)
# Where the level lets a person ask and the object says no, by the table of domain.md.
OBJECT_DECIDES: dict[tuple[str, str], str] = {
    **{
        (f"web:{name}", actor): HIDDEN
        for name in ("introduction", "meeting", "meeting_act", "meeting_file")
        for actor in ACTORS
        if actor not in _SIDES
    },
    # Who may only read proposes no meeting; staff leave, and answer, for no side. B was not asked.
    **{("web:follow_up", actor): HIDDEN for actor in ACTORS if actor != "official"},
    **{
        ("web:meeting_new", actor): HIDDEN
        for actor in ACTORS
        if actor not in {"official", "chair", "curator"}
    },
    **{
        ("web:introduction_leave", actor): HIDDEN
        for actor in ACTORS
        if actor not in {"official", "chair"}
    },
    **{(name, actor): HIDDEN for name in _OF_THE_PAIR for actor in ACTORS if actor not in _SIDES},
    # No table of figures has the name of a vocabulary.
    **{
        (name, actor): HIDDEN
        for name in ("web:staff_statistics_csv", "api:staff-statistics")
        for actor in ("curator", "admin")
    },
    ("api:letters", "admin"): HIDDEN,  # letters are for owners and curators
    ("api:letter", "admin"): HIDDEN,
    ("api:own-contacts", "admin"): HIDDEN,  # contacts before consent likewise
    **{("api:unknown", actor): HIDDEN for actor in ACTORS},
    # The next step of a sign-in that nobody has begun.
    ("account_confirm_login_code", "visitor"): SIGN_IN,
    ("account_email_verification_sent", "visitor"): SIGN_IN,
    ("mfa_authenticate", "visitor"): SIGN_IN,
    # There is no app to remove for who has none, and there are no recovery codes to show.
    **{
        ("mfa_deactivate_totp", actor): HIDDEN
        for actor in ACTORS
        if actor not in {"visitor", "curator", "admin"}
    },
    **{
        (f"mfa_{act}_recovery_codes", actor): HIDDEN
        for act in ("view", "download")
        for actor in ACTORS
        if actor != "visitor"
    },
    # There is no key of that number to rename or remove.
    **{
        (f"mfa_{act}_webauthn", actor): HIDDEN
        for act in ("edit", "remove")
        for actor in ACTORS
        if actor != "visitor"
    },
    # One's own token alone; who belongs to a community is ended by its owners and administrators.
    **{
        ("web:account_token_revoke", actor): HIDDEN
        for actor in ACTORS
        if actor not in {"visitor", "official"}
    },
    **{(f"web:{name}", "curator"): HIDDEN for name in ("people_end", "invitation_revoke")},
    # One's own messages to staff alone.
    **{("api:ticket", actor): HIDDEN for actor in ACTORS if actor not in {"visitor", "official"}},
    # Tokens are for people of a community, but volunteers, and staff.
    **{
        (name, actor): HIDDEN
        for name in ("web:account_tokens", "api:my-tokens")
        for actor in ("stranger", "volunteer")
    },
    # No mail of that name was sent.
    **{("web:staff_mail", actor): HIDDEN for actor in ("curator", "admin")},
}


# Who is refused first of all, where several are: an official of elsewhere, staff of the other kind.
_NEAREST = ("other_official", "admin", "curator", "committee_member", "official", "stranger")


def readers_by_default(name: str, level: str) -> set[str]:
    """A visitor, the first who is let in, and the nearest whom the level and whom the object
    refuses. The long form opens the address as all others.
    """
    outcomes = {actor: expected(name, level, actor) for actor in _NEAREST}
    admitted = [actor for actor in reversed(_NEAREST) if outcomes[actor] == ALLOWED]
    refused = [actor for actor in _NEAREST if outcomes[actor] == HIDDEN]
    by_object = [actor for actor in refused if (name, actor) in OBJECT_DECIDES]
    by_level = [actor for actor in refused if actor not in by_object]
    let_in = admitted[:1] if level != "public" else []
    return {"visitor", *let_in, *by_level[:1], *by_object[:1]}


def outcome(response: Any, name: str) -> str:
    # What a passkey's script asks for; a page that is opened leads to signing in
    if name == "mfa_login_webauthn":
        return ALLOWED
    if name == "readyz":  # 503 says here that no worker runs beside this test
        return ALLOWED
    assert response.status_code < 500, (name, response.status_code)
    if response.status_code == 401:
        return SIGN_IN
    if response.status_code == 302 and response["Location"].startswith("/account/login/"):
        return SIGN_IN
    if response.status_code == 404:
        return HIDDEN
    # 422: open, and asks for words that this walk does not send.
    assert response.status_code in {200, 302, 405, 422}, (
        name,
        response.status_code,
        response.content[:300],
    )
    return ALLOWED


def looks(client: Client, address: str) -> Any:
    response = client.get(address)
    if response.streaming:
        b"".join(response.streaming_content)
    return response


@pytest.mark.system
@pytest.mark.at_length
@pytest.mark.parametrize("actor", ACTORS)
def test_each_actor_reads_what_the_tables_allow(stage: Stage, actor: str) -> None:
    world, things = stage
    wrong = []
    client = world.client(actor)
    for name in ROUTES:
        level = level_of_reading(name)
        if level is None or (actor in readers_by_default(name, level)) is at_length(False, True):
            continue
        response = looks(client, address_of(name, things))
        if actor != "visitor" or level != "public":
            assert "no-store" in response["Cache-Control"], name
        assert {"cookie", "authorization"} <= {
            header.strip().lower() for header in response["Vary"].split(",")
        }, name
        if actor == "volunteer" and response.status_code in {405, 422}:
            continue  # the level admits them; what they may do is in the tables of permissions
        got, want = outcome(response, name), expected(name, level, actor)
        if got != want:
            wrong.append(f"{name}: {actor} should be {want}, is {got} ({response.status_code})")
    assert wrong == []


@pytest.mark.system
@pytest.mark.at_length
@pytest.mark.parametrize(
    "actor", at_length(("visitor", "other_official", "committee_member", "admin"), ACTORS)
)
def test_each_actor_is_refused_writing_where_the_table_says(stage: Stage, actor: str) -> None:
    """Empty POST, PATCH and DELETE on every address of the API: who may not gets 401 or 404
    before anything is looked at.
    """
    world, things = stage
    wrong = []
    client = world.client(actor)
    for name in (name for name in ROUTES if name.startswith("api:") and name != "api:unknown"):
        for method, level in levels(name).items():
            if method == "GET" or expected(name, level, actor) == ALLOWED:
                continue
            if actor == "volunteer" and level.startswith("community"):
                continue  # as above
            with transaction.atomic():
                response = client.generic(
                    method, address_of(name, things), "{}", content_type="application/json"
                )
                transaction.set_rollback(True)
            if outcome(response, name) != expected(name, level, actor):
                wrong.append(f"{method} {name}: {actor} got {response.status_code}")
    assert wrong == []


@pytest.mark.system
@pytest.mark.at_length
@pytest.mark.parametrize("actor", at_length(["curator"], ["visitor", "stranger", "other_official"]))
def test_methods_that_no_table_names_are_refused(stage: Stage, actor: str) -> None:
    world, things = stage
    client = world.client(actor)
    for name in (name for name in ROUTES if name.startswith("api:")):
        for method in {"POST", "PUT", "PATCH", "DELETE"} - set(levels(name)):
            status = client.generic(method, address_of(name, things)).status_code
            assert status == (404 if name == "api:unknown" else 405), (method, name, status)
