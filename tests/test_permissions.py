"""The permission table of the design, asked of services and of the API: each object × each actor ×
each act.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction

from backend.cities.models import Community
from backend.common.errors import NotVisible
from backend.introductions.services.introductions import contacts_for
from backend.outbox.models import Event
from backend.suggestions.models import Suggestion
from tests import factories as make
from tests.actors import ACTORS, World, contact_of, make_world
from tests.letters import pdf

JSON = "application/json"
EVERYBODY = set(ACTORS)
STAFF = {"curator", "admin"}


class Scene:
    """A world with one of each object. A is the official's community, B the committee's,
    ``newcomer`` the unvetted registrant's.
    """

    def __init__(self) -> None:
        self.world: World = make_world()
        self.introduction = self.world.introduced()
        self.contact_a, self.contact_b = contact_of(self.world.a), contact_of(self.world.b)
        self.open = make.SuggestionFactory(
            pair=make.PairFactory(a=self.world.a, b=self.german_of_the_committee())
        )
        self.letter = make.VettingLetterFactory(profile=self.world.a.profile)
        make.VettingLetterFactory(profile=self.world.newcomer.profile)
        self.proposed = make.SuggestionFactory(proposed=True)
        make.EventFactory(community_id=self.world.a.pk)
        self.member = make.CommunityRoleFactory(community=self.world.a, role="committee_member")
        self.invitation = make.InvitationFactory(community=self.world.a)
        self.asking = make.JoinRequestFactory(community=self.world.a)
        self.token = make.ApiTokenFactory(user=self.world.user("chair"))
        self.elsewhere = make.CommunityFactory(name="Elsewhere")

    def german_of_the_committee(self) -> Community:
        """A second community of chair and committee member, so that a released suggestion can stand
        beside the introduction.
        """
        second = make.CommunityFactory(name="Beta Two", country_code="DE", published=True)
        for actor, role in (("committee_member", "committee_member"), ("chair", "chair")):
            make.CommunityRoleFactory(user=self.world.user(actor), community=second, role=role)
        self.second = second
        return second

    def side_of(self, actor: str) -> Community:
        """The side on which the actor stands in the open suggestion, A for people who stand on
        none.
        """
        return self.second if actor in {"committee_member", "chair"} else self.world.a

    def home(self, actor: str) -> Community:
        return self.world.home_of(actor) or self.world.a


Ask = Callable[[Scene, Any, str], Any]
API = "/api/v1/"


def get(path: Callable[[Scene, str], str]) -> Ask:
    return lambda scene, client, actor: client.get(API + path(scene, actor))


def post(
    path: Callable[[Scene, str], str], body: Callable[[Scene, str], dict[str, Any]] | None = None
) -> Ask:
    return lambda scene, client, actor: client.post(
        API + path(scene, actor), body(scene, actor) if body else {}, content_type=JSON
    )


def patch_draft(community: Callable[[Scene, str], Community]) -> Ask:
    return lambda scene, client, actor: client.patch(
        f"{API}communities/{community(scene, actor).pk}/profile/",
        {"revision": 0, "changes": {}},
        content_type=JSON,
    )


def put_contacts(community: Callable[[Scene, str], Community]) -> Ask:
    body = {"contacts": [{"name": "Kim", "email": "kim@city.example"}]}
    return lambda scene, client, actor: client.put(
        f"{API}communities/{community(scene, actor).pk}/contacts/", body, content_type=JSON
    )


def send_letter(community: Callable[[Scene, str], Community]) -> Ask:
    return lambda scene, client, actor: client.post(
        f"{API}communities/{community(scene, actor).pk}/profile/letters/",
        {"letter": SimpleUploadedFile("l.pdf", pdf())},
    )


def a(scene: Scene, actor: str) -> Community:
    return scene.world.a


def own(scene: Scene, actor: str) -> Community:
    return scene.home(actor)


def suggestion(scene: Scene, actor: str) -> str:
    return f"communities/{scene.side_of(actor).pk}/suggestions/{scene.open.pk}/"


def introduction(scene: Scene, actor: str) -> str:
    side = scene.world.b if actor in {"committee_member", "chair"} else scene.world.a
    return f"communities/{side.pk}/introductions/{scene.introduction.pk}/"


def send(method: str, path: Callable[[Scene, str], str], body: dict[str, Any] | None = None) -> Ask:
    return lambda scene, client, actor: client.generic(
        method, API + path(scene, actor), json.dumps(body or {}), content_type=JSON
    )


SIGNED_IN = EVERYBODY - {"visitor"}
IN_CHARGE = {"official", "other_official", "chair"}
# The rows "members and invitations", "export", "audit trail" (own acts), "API tokens" and "roles".
PEOPLE_TABLE: dict[str, tuple[Ask, set[str]]] = {
    "people of A: read": (
        get(lambda s, x: f"communities/{s.world.a.pk}/people/"),
        {"official", *STAFF},
    ),
    "own people: read": (
        get(lambda s, x: f"communities/{own(s, x).pk}/people/"),
        IN_CHARGE | {"committee_member"} | STAFF,
    ),
    "people of A: change a role": (
        send(
            "PATCH",
            lambda s, x: f"communities/{s.world.a.pk}/people/{s.member.pk}/",
            {"role": "chair"},
        ),
        {"official", "admin"},
    ),
    "people of A: end a role": (
        send("DELETE", lambda s, x: f"communities/{s.world.a.pk}/people/{s.member.pk}/"),
        {"official", "admin"},
    ),
    "invitations of A: read": (
        get(lambda s, x: f"communities/{s.world.a.pk}/invitations/"),
        {"official", *STAFF},
    ),
    "own invitations: read": (
        get(lambda s, x: f"communities/{own(s, x).pk}/invitations/"),
        IN_CHARGE | {"committee_member"} | STAFF,
    ),
    "own community: invite": (
        post(
            lambda s, x: f"communities/{own(s, x).pk}/invitations/",
            lambda s, x: {"email": "new@example.org", "role": "official"},
        ),
        IN_CHARGE | {"admin"},
    ),
    "invitation of A: take back": (
        send("DELETE", lambda s, x: f"communities/{s.world.a.pk}/invitations/{s.invitation.pk}/"),
        {"official", "admin"},
    ),
    "requests to join A: read": (
        get(lambda s, x: f"communities/{s.world.a.pk}/join-requests/"),
        {"official", *STAFF},
    ),
    "request to join A: answer": (
        post(
            lambda s, x: f"communities/{s.world.a.pk}/join-requests/{s.asking.pk}/answer/",
            lambda s, x: {"accept": True},
        ),
        {"official", *STAFF},
    ),
    "any community: ask to join": (
        post(
            lambda s, x: f"communities/{s.elsewhere.pk}/join-requests/",
            lambda s, x: {"role": "official"},
        ),
        SIGNED_IN,
    ),
    "requests to join anywhere: read": (get(lambda s, x: "staff/join-requests/"), STAFF),
    "own data: export": (get(lambda s, x: "me/data/"), SIGNED_IN),
    "own acts: read": (get(lambda s, x: "me/acts/"), SIGNED_IN),
    "API token: make": (
        post(lambda s, x: "me/tokens/", lambda s, x: {"name": "Website"}),
        IN_CHARGE,
    ),
    "API tokens of all: read": (get(lambda s, x: "staff/tokens/"), STAFF),
    "API token of another: end": (
        send("DELETE", lambda s, x: f"staff/tokens/{s.token.public_id}/"),
        {"admin"},
    ),
    "roles: read": (get(lambda s, x: "staff/roles/"), {"admin"}),
    "roles: change": (
        post(
            lambda s, x: "staff/roles/",
            lambda s, x: {"email": "stranger@example.org", "staff_role": "curator"},
        ),
        {"admin"},
    ),
}


def undo_an_answer(scene: Scene, client: Any, actor: str) -> Any:
    """Both sides have just said that they are interested; each asks for its own answer back."""
    for community in (scene.open.pair.a, scene.open.pair.b):
        make.DecisionFactory(suggestion=scene.open, community=community)
    fresh = {
        name: value
        for side in "ab"
        for name, value in (
            (f"{side}_state", "interested"),
            (f"{side}_final_at", "2999-01-01T00:00Z"),
        )
    }
    Suggestion.objects.filter(pk=scene.open.pk).update(**fresh)
    return client.post(f"{API}{suggestion(scene, actor)}undo/", {}, content_type=JSON)


OFFICIALS = {"unvetted", "official", "other_official"}
# (what, how to ask, who may). "own" is the actor's own community; everybody else asks about A.
TABLE: dict[str, tuple[Ask, set[str]]] = {
    "published profile: read": (get(lambda s, x: f"communities/{s.world.a.pk}/"), EVERYBODY),
    "directory: read": (get(lambda s, x: "partnerships/"), EVERYBODY),
    "draft of A: read": (
        get(lambda s, x: f"communities/{s.world.a.pk}/profile/"),
        {"official", *STAFF},
    ),
    "draft of A: update": (patch_draft(a), {"official", "curator"}),
    "draft of A: pause": (
        post(lambda s, x: f"communities/{s.world.a.pk}/profile/pause/"),
        {"official"},
    ),
    "own draft: read": (
        get(lambda s, x: f"communities/{own(s, x).pk}/profile/"),
        OFFICIALS | STAFF,
    ),
    "own draft: update": (patch_draft(own), OFFICIALS | {"curator"}),
    "letter of A: read": (
        get(lambda s, x: f"communities/{s.world.a.pk}/profile/letters/{s.letter.pk}/"),
        {"official", "curator"},
    ),
    "own letter: send": (send_letter(own), OFFICIALS),
    "own letter: read": (
        get(lambda s, x: f"communities/{own(s, x).pk}/profile/letters/"),
        OFFICIALS | {"curator"},
    ),
    "contacts of A: read before consent": (
        get(lambda s, x: f"communities/{s.world.a.pk}/contacts/"),
        {"official", "curator"},
    ),
    "contacts of A: break the glass": (
        post(
            lambda s, x: f"communities/{s.world.a.pk}/contacts/break-glass/",
            lambda s, x: {"reason": "An emergency in their town hall."},
        ),
        {"admin"},
    ),
    "own contacts: read": (
        get(lambda s, x: f"communities/{own(s, x).pk}/contacts/"),
        OFFICIALS | {"curator"},
    ),
    "own contacts: update": (put_contacts(own), OFFICIALS),
    "suggestion A–B: read": (get(suggestion), {"official", "committee_member", "chair"}),
    "suggestion A–B: read as staff": (get(lambda s, x: f"staff/suggestions/{s.open.pk}/"), STAFF),
    "suggestion A–B: answer": (
        post(lambda s, x: f"{suggestion(s, x)}answer/", lambda s, x: {"answer": "interested"}),
        {"official", "chair"},
    ),
    "suggestion A–B: undo an answer": (undo_an_answer, {"official", "chair"}),
    "suggestion A–B: vote": (
        post(lambda s, x: f"{suggestion(s, x)}vote/", lambda s, x: {"choice": "yes"}),
        {"official", "committee_member", "chair"},
    ),
    "comments and votes: read": (
        get(lambda s, x: f"{suggestion(s, x)}review/"),
        {"official", "committee_member", "chair"},
    ),
    "comments and votes: remove a colleague's": (
        lambda scene, client, actor: client.post(
            f"{API}{suggestion(scene, actor)}vote/remove/",
            {
                "voter_id": make.VoteFactory(
                    suggestion=scene.open, community=scene.side_of(actor)
                ).by_id
            },
            content_type=JSON,
        ),
        {"official", "chair"},
    ),
    "comments and votes of both sides: read as staff": (
        get(lambda s, x: f"staff/suggestions/{s.open.pk}/votes/"),
        {"curator"},
    ),
    "shortlist: change": (
        post(lambda s, x: f"{suggestion(s, x)}shortlist/", lambda s, x: {"listed": True}),
        {"official", "committee_member", "chair"},
    ),
    "rule of answering: read": (
        get(lambda s, x: f"communities/{s.side_of(x).pk}/answer-rule/"),
        {"official", "committee_member", "chair"},
    ),
    "rule of answering: set": (
        post(
            lambda s, x: f"communities/{s.side_of(x).pk}/answer-rule/",
            lambda s, x: {"kind": "chair"},
        ),
        {"official", "chair"},
    ),
    "suggestion: release": (
        post(lambda s, x: f"staff/suggestions/{s.proposed.pk}/release/"),
        {"curator"},
    ),
    "suggestion: hold": (post(lambda s, x: f"staff/suggestions/{s.open.pk}/hold/"), {"curator"}),
    "vetting: read the queue": (get(lambda s, x: "staff/vetting/"), STAFF),
    "vetting: publish": (
        post(
            lambda s, x: f"staff/vetting/{s.world.newcomer.pk}/publish/",
            lambda s, x: {"revision": s.world.newcomer.profile.draft_revision},
        ),
        {"curator"},
    ),
    "vetting: request changes": (
        post(
            lambda s, x: f"staff/vetting/{s.world.newcomer.pk}/request-changes/",
            lambda s, x: {"reason": "letter_missing", "text": "Please."},
        ),
        {"curator"},
    ),
    "introduction A–B: read": (get(introduction), {"official", "committee_member", "chair"}),
    "introduction A–B: read as staff": (
        get(lambda s, x: f"staff/introductions/{s.introduction.pk}/"),
        STAFF,
    ),
    "introduction A–B: consent": (
        post(lambda s, x: f"{introduction(s, x)}consent/"),
        {"official", "chair"},
    ),
    "introduction A–B: move": (
        post(
            lambda s, x: f"staff/introductions/{s.introduction.pk}/move/",
            lambda s, x: {"stage": "exploring"},
        ),
        {"curator"},
    ),
    "introduction: open by hand": (
        post(
            lambda s, x: "staff/introductions/",
            lambda s, x: {"pair_id": s.open.pair_id, "because": "They met."},
        ),
        {"curator"},
    ),
    "audit trail of all: read": (get(lambda s, x: "staff/events/"), STAFF),
    "audit trail of A: read": (
        get(lambda s, x: f"communities/{s.world.a.pk}/events/"),
        {"official", *STAFF},
    ),
    "own audit trail: read": (
        get(lambda s, x: f"communities/{own(s, x).pk}/events/"),
        OFFICIALS | {"committee_member", "chair"} | STAFF,
    ),
    "runs: read": (get(lambda s, x: "staff/runs/"), STAFF),
    "runs: request": (post(lambda s, x: "staff/runs/"), STAFF),
    "dead letters: read": (get(lambda s, x: "staff/dead-letters/"), STAFF),
    **PEOPLE_TABLE,
}


def page(path: Callable[[Scene, str], str], body: dict[str, str] | None = None) -> Ask:
    """A page opened, or with ``body`` a form sent."""
    return lambda scene, client, actor: (
        client.get(path(scene, actor))
        if body is None
        else client.post(path(scene, actor), {k: v for k, v in body.items() if k})
    )


def remove_a_vote_on_the_page(scene: Scene, client: Any, actor: str) -> Any:
    voter = make.VoteFactory(suggestion=scene.open, community=scene.side_of(actor)).by_id
    return client.post(f"/{suggestion(scene, actor)}votes/{voter}/remove/")


# The same of pages.
PAGES: dict[str, tuple[Ask, set[str]]] = {
    "published profile": (page(lambda s, x: f"/communities/{s.world.a.pk}/"), EVERYBODY),
    "directory": (page(lambda s, x: "/partnerships/"), EVERYBODY),
    "draft of A": (page(lambda s, x: f"/communities/{s.world.a.pk}/profile/"), {"official"}),
    "draft of A: pause": (
        page(lambda s, x: f"/communities/{s.world.a.pk}/profile/status/", {"act": "pause"}),
        {"official"},
    ),
    "own draft": (page(lambda s, x: f"/communities/{own(s, x).pk}/profile/"), OFFICIALS),
    "letter of A": (
        page(lambda s, x: f"/communities/{s.world.a.pk}/profile/letters/{s.letter.pk}/"),
        {"official"},
    ),
    "letter of A, for staff": (
        page(lambda s, x: f"/staff/vetting/{s.world.a.pk}/letters/{s.letter.pk}/"),
        {"curator"},
    ),
    "contacts of A": (
        page(lambda s, x: f"/communities/{s.world.a.pk}/profile/contacts/"),
        {"official"},
    ),
    "contacts of A, for staff": (
        page(lambda s, x: f"/staff/communities/{s.world.a.pk}/contacts/"),
        STAFF,
    ),  # an administrator is asked why
    "contacts of A: break the glass": (
        page(
            lambda s, x: f"/staff/communities/{s.world.a.pk}/contacts/",
            {"reason": "An emergency in their town hall."},
        ),
        {"admin"},
    ),
    "own contacts": (
        page(lambda s, x: f"/communities/{own(s, x).pk}/profile/contacts/"),
        OFFICIALS,
    ),
    "suggestion A–B": (
        page(lambda s, x: f"/{suggestion(s, x)}"),
        {"official", "committee_member", "chair"},
    ),
    "suggestion A–B, for staff": (page(lambda s, x: f"/staff/suggestions/{s.open.pk}/"), STAFF),
    "suggestion A–B: answer": (
        page(lambda s, x: f"/{suggestion(s, x)}answer/", {"answer": "interested"}),
        {"official", "chair"},
    ),
    "suggestion A–B: vote": (
        page(lambda s, x: f"/{suggestion(s, x)}vote/", {"choice": "yes"}),
        {"official", "committee_member", "chair"},
    ),
    "suggestion A–B: shortlist": (
        page(lambda s, x: f"/{suggestion(s, x)}shortlist/", {"listed": "yes"}),
        {"official", "committee_member", "chair"},
    ),
    "suggestion A–B: dossier": (
        page(lambda s, x: f"/{suggestion(s, x)}dossier/"),
        {"official", "committee_member", "chair"},
    ),
    "a colleague's vote: remove": (remove_a_vote_on_the_page, {"official", "chair"}),
    "votes of both sides, for staff": (
        page(lambda s, x: f"/staff/suggestions/{s.open.pk}/votes/"),
        {"curator"},
    ),
    # Who may not set the rule reads it beside the votes.
    "rule of answering": (
        page(lambda s, x: f"/communities/{s.side_of(x).pk}/answer-rule/"),
        {"official", "chair"},
    ),
    "rule of answering: set": (
        page(lambda s, x: f"/communities/{s.side_of(x).pk}/answer-rule/", {"kind": "chair"}),
        {"official", "chair"},
    ),
    "suggestion: release": (
        page(lambda s, x: f"/staff/suggestions/{s.proposed.pk}/act/", {"act": "release"}),
        {"curator"},
    ),
    "suggestion: hold": (
        page(lambda s, x: f"/staff/suggestions/{s.open.pk}/act/", {"act": "hold"}),
        {"curator"},
    ),
    "vetting": (page(lambda s, x: "/staff/vetting/"), STAFF),
    "vetting: publish": (
        page(lambda s, x: f"/staff/vetting/{s.world.newcomer.pk}/publish/", {"revision": "0"}),
        {"curator"},
    ),
    "vetting: request changes": (
        page(
            lambda s, x: f"/staff/vetting/{s.world.newcomer.pk}/changes/",
            {"reason": "letter_missing", "text": "Please."},
        ),
        {"curator"},
    ),
    "events": (page(lambda s, x: "/staff/events/"), STAFF),
    "runs": (page(lambda s, x: "/staff/runs/"), STAFF),
    "dead letters": (page(lambda s, x: "/staff/dead-letters/"), STAFF),
    "people of A": (
        page(lambda s, x: f"/communities/{s.world.a.pk}/people/"),
        {"official", *STAFF},
    ),
    "own people": (
        page(lambda s, x: f"/communities/{own(s, x).pk}/people/"),
        IN_CHARGE | {"committee_member"} | STAFF,
    ),
    "invite": (
        page(
            lambda s, x: f"/communities/{own(s, x).pk}/people/invite/",
            {"email": "new@example.org", "role": "official"},
        ),
        IN_CHARGE | {"admin"},
    ),
    "change a role": (
        page(
            lambda s, x: f"/communities/{s.world.a.pk}/people/{s.member.pk}/change/",
            {"role": "chair"},
        ),
        {"official", "admin"},
    ),
    "end a role": (
        page(lambda s, x: f"/communities/{s.world.a.pk}/people/{s.member.pk}/end/", {}),
        {"official", "admin"},
    ),
    "take back": (
        page(
            lambda s, x: (
                f"/communities/{s.world.a.pk}/people/invitations/{s.invitation.pk}/revoke/"
            ),
            {},
        ),
        {"official", "admin"},
    ),
    "answer a request": (
        page(
            lambda s, x: f"/communities/{s.world.a.pk}/people/requests/{s.asking.pk}/answer/",
            {"answer": "accept"},
        ),
        {"official", *STAFF},
    ),
    "ask to join": (
        page(lambda s, x: f"/communities/{s.elsewhere.pk}/join/", {"role": "official"}),
        SIGNED_IN,
    ),
    "trail of A": (page(lambda s, x: f"/communities/{s.world.a.pk}/acts/"), {"official", *STAFF}),
    "own trail": (
        page(lambda s, x: f"/communities/{own(s, x).pk}/acts/"),
        IN_CHARGE | {"unvetted", "committee_member"} | STAFF,
    ),
    "own acts": (page(lambda s, x: "/account/acts/"), SIGNED_IN),
    "own data": (page(lambda s, x: "/account/data/"), SIGNED_IN),
    "own tokens": (page(lambda s, x: "/account/tokens/"), IN_CHARGE),
    "tokens of all": (page(lambda s, x: "/staff/tokens/"), STAFF),
    "end another's token": (
        page(lambda s, x: f"/staff/tokens/{s.token.public_id}/end/", {}),
        {"admin"},
    ),
    "requests to join anywhere": (page(lambda s, x: "/staff/joining/"), STAFF),
    "roles": (page(lambda s, x: "/staff/roles/"), {"admin"}),
    "change roles": (
        page(
            lambda s, x: "/staff/roles/", {"email": "stranger@example.org", "staff_role": "curator"}
        ),
        {"admin"},
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("what", PAGES)
def test_pages_hold_to_the_table_for_every_actor(what: str) -> None:
    ask, allowed = PAGES[what]
    scene = Scene()
    found = set()
    for actor in ACTORS:
        with transaction.atomic():
            response = ask(scene, scene.world.client(actor), actor)
            assert response.status_code in {200, 302, 404}, (actor, response.status_code)
            if response.status_code == 200 or (
                response.status_code == 302 and not response.url.startswith("/account/login/")
            ):
                found.add(actor)
            if response.streaming:
                b"".join(response.streaming_content)
            transaction.set_rollback(True)
    assert found == allowed


def admitted(response: Any) -> bool:
    """Whether the actor got through. Who does not is told to sign in, or sees nothing there: never
    a 403 that confesses it.
    """
    assert response.status_code in {200, 201, 202, 204, 401, 404}, (
        response.status_code,
        response.content,
    )
    if response.streaming:
        b"".join(response.streaming_content)
    return response.status_code < 400


@pytest.mark.django_db
@pytest.mark.parametrize("what", TABLE)
def test_table_holds_for_every_actor(what: str) -> None:
    ask, allowed = TABLE[what]
    scene = Scene()
    found = set()
    for actor in ACTORS:
        with transaction.atomic():
            if admitted(ask(scene, scene.world.client(actor), actor)):
                found.add(actor)
            transaction.set_rollback(True)
    assert found == allowed


def readers_of_contacts(scene: Scene) -> set[str]:
    """Who reads the other side's contacts now, by the service and by the API; the two must
    agree.
    """
    readers = set()
    for actor in ACTORS:
        side = scene.world.b if actor in {"committee_member", "chair"} else scene.world.a
        try:
            by_service = (
                [
                    c.email
                    for c in contacts_for(scene.world.people[actor], scene.introduction.pk, side.pk)
                ]
                if actor != "visitor"
                else []
            )
        except NotVisible:
            by_service = []
        response = scene.world.client(actor).get(f"{API}{introduction(scene, actor)}contacts/")
        by_api = [row["email"] for row in response.json().get("contacts", [])]
        assert by_service == by_api, actor
        assert (
            all(
                address.encode() not in response.content
                for address in (scene.contact_a.email, scene.contact_b.email)
            )
            or by_api
        )
        if by_api:
            readers.add(actor)
    return readers


@pytest.mark.django_db
def test_contacts_follow_the_consents_of_both_sides() -> None:
    scene = Scene()
    sides = {"official", "committee_member", "chair"}
    assert readers_of_contacts(scene) == set()
    (first,) = scene.world.consent(scene.introduction, scene.world.a)
    assert readers_of_contacts(scene) == set()
    scene.world.consent(scene.introduction, scene.world.b)
    assert readers_of_contacts(scene) == sides
    scene.introduction.stage, scene.introduction.close_reason = "closed", "other"
    scene.introduction.save()
    assert readers_of_contacts(scene) == set()
    scene.introduction.stage, scene.introduction.close_reason = "exploring", ""
    scene.introduction.save()
    assert readers_of_contacts(scene) == sides
    first.withdrawn_at, first.withdrawn_by = make.MOMENT, first.by
    first.save()
    assert readers_of_contacts(scene) == set()


@pytest.mark.django_db
def test_curator_who_reads_contacts_leaves_a_trace() -> None:
    scene = Scene()
    address = f"{API}communities/{scene.world.a.pk}/contacts/"
    assert (
        scene.world.client("official").get(address).json()["contacts"][0]["email"]
        == scene.contact_a.email
    )
    assert not Event.objects.filter(topic="contacts_read").exists()
    assert (
        scene.world.client("curator").get(address).json()["contacts"][0]["email"]
        == scene.contact_a.email
    )
    event = Event.objects.get(topic="contacts_read")
    assert (event.by, event.community_id) == (scene.world.user("curator"), scene.world.a.pk)


@pytest.mark.django_db
def test_consents_of_another_introduction_do_not_count() -> None:
    scene = Scene()
    world = scene.world
    scene.introduction.stage, scene.introduction.close_reason = "closed", "other"
    scene.introduction.save()
    scene.introduction.suggestion.status = "withdrawn"
    scene.introduction.suggestion.save()
    world.consent(scene.introduction, world.a, world.b)
    scene.introduction = world.introduced()
    assert readers_of_contacts(scene) == set()


OF_A = [
    what
    for what, (_ask, allowed) in TABLE.items()
    if "official" in allowed and "stranger" not in allowed
]


@pytest.mark.django_db
def test_role_that_has_ended_opens_nothing() -> None:
    scene = Scene()
    role = scene.world.user("official").community_roles.get()
    role.ended_at = make.MOMENT
    role.save()
    client = scene.world.client("official")
    assert [what for what in OF_A if admitted(TABLE[what][0](scene, client, "official"))] == []


@pytest.mark.django_db
def test_closed_account_opens_nothing() -> None:
    scene = Scene()
    for actor in ("official", "curator"):
        client = scene.world.client(actor)
        user = scene.world.user(actor)
        user.is_active = False
        user.save()
        assert client.get(f"{API}me/").status_code == 401
