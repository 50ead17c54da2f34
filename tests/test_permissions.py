"""The permission table of the design, asked of services and of the API: each object × each actor ×
each act.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from backend.cities.models import Community
from backend.common.errors import NotVisible
from backend.introductions.services.introductions import contacts_for
from backend.outbox.models import Event
from backend.suggestions.models import Suggestion
from tests import factories as make
from tests.actors import (
    ACTORS,
    API,
    MEMBERS,
    OF_EACH_KIND,
    SPEAKERS,
    STAFF,
    Ask,
    World,
    admitted_actors,
    api,
    contact_of,
    is_admitted,
    make_world,
    page,
)
from tests.division import at_length, one_in
from tests.letters import pdf

EVERYBODY = set(ACTORS)
ASKING = at_length({*OF_EACH_KIND, "unvetted"}, EVERYBODY)
COMMITTEE = {"committee_member", "chair"}


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
        """A second community of chair and committee member, so that a released suggestion can
        exist beside the introduction.
        """
        second = make.CommunityFactory(name="Beta Two", country_code="DE", published=True)
        for actor, role in (("committee_member", "committee_member"), ("chair", "chair")):
            make.CommunityRoleFactory(user=self.world.user(actor), community=second, role=role)
        self.second = second
        return second

    def side_of(self, actor: str) -> Community:
        """The actor's side of the open suggestion, A for people of neither side."""
        return self.second if actor in COMMITTEE else self.world.a

    def introduced_side_of(self, actor: str) -> Community:
        return self.world.b if actor in COMMITTEE else self.world.a

    def names(self, actor: str) -> dict[str, Any]:
        """What the addresses in the tables call the objects; ``own`` is the actor's community, or A
        for people who have none.
        """
        side, introduced = self.side_of(actor).pk, self.introduced_side_of(actor).pk
        return {
            "a": self.world.a.pk,
            "own": (self.world.home_of(actor) or self.world.a).pk,
            "side": side,
            "newcomer": self.world.newcomer.pk,
            "elsewhere": self.elsewhere.pk,
            "suggestion": f"communities/{side}/suggestions/{self.open.pk}",
            "introduction": f"communities/{introduced}/introductions/{self.introduction.pk}",
            "introduced": self.introduction.pk,
            "open": self.open.pk,
            "proposed": self.proposed.pk,
            "letter": self.letter.pk,
            "member": self.member.pk,
            "invitation": self.invitation.pk,
            "asking": self.asking.pk,
            "token": self.token.public_id,
        }


SIGNED_IN = EVERYBODY - {"visitor"}
READERS_OF_A = {"official", *STAFF}
CONTACTS = {"contacts": [{"name": "Kim", "email": "kim@city.example"}]}
IN_CHARGE = {"official", "other_official", "chair"}
# The rows "members and invitations", "export", "audit trail" (own), "API tokens" and "roles".
PEOPLE_TABLE: dict[str, tuple[Ask, set[str]]] = {
    "people of A: read": (api("communities/{a}/people/"), READERS_OF_A),
    "own people: read": (
        api("communities/{own}/people/"),
        IN_CHARGE | {"committee_member"} | STAFF,
    ),
    "people of A: change a role": (
        api("communities/{a}/people/{member}/", {"role": "chair"}, "PATCH"),
        {"official", "admin"},
    ),
    "people of A: end a role": (
        api("communities/{a}/people/{member}/", None, "DELETE"),
        {"official", "admin"},
    ),
    "invitations of A: read": (api("communities/{a}/invitations/"), READERS_OF_A),
    "own invitations: read": (
        api("communities/{own}/invitations/"),
        IN_CHARGE | {"committee_member"} | STAFF,
    ),
    "own community: invite": (
        api("communities/{own}/invitations/", {"email": "new@example.org", "role": "official"}),
        IN_CHARGE | {"admin"},
    ),
    "invitation of A: take back": (
        api("communities/{a}/invitations/{invitation}/", None, "DELETE"),
        {"official", "admin"},
    ),
    "requests to join A: read": (api("communities/{a}/join-requests/"), READERS_OF_A),
    "request to join A: answer": (
        api("communities/{a}/join-requests/{asking}/answer/", {"accept": True}),
        READERS_OF_A,
    ),
    "any community: ask to join": (
        api("communities/{elsewhere}/join-requests/", {"role": "official"}),
        SIGNED_IN,
    ),
    "requests to join anywhere: read": (api("staff/join-requests/"), STAFF),
    "own data: export": (api("me/data/"), SIGNED_IN),
    "own audit log: read": (api("me/audit-log/"), SIGNED_IN),
    "API token: make": (
        api("me/tokens/", {"name": "Website"}),
        IN_CHARGE | {"unvetted", "committee_member"} | STAFF,
    ),
    "API tokens of all: read": (api("staff/tokens/"), STAFF),
    "API token of another: end": (api("staff/tokens/{token}/", None, "DELETE"), {"admin"}),
    "roles: read": (api("staff/roles/"), {"admin"}),
    "roles: change": (
        api("staff/roles/", {"email": "stranger@example.org", "staff_role": "curator"}),
        {"admin"},
    ),
}


def undo_an_answer(scene: Scene, client: Any, actor: str) -> Any:
    """Both sides have just said that they are interested; each asks for its own answer back."""
    for community in (scene.open.pair.a, scene.open.pair.b):
        make.DecisionFactory(suggestion=scene.open, community=community)
    later = "2999-01-01T00:00Z"
    Suggestion.objects.filter(pk=scene.open.pk).update(
        a_state="interested", b_state="interested", a_final_at=later, b_final_at=later
    )
    return api("{suggestion}/undo/", {})(scene, client, actor)


def colleague_who_voted(scene: Scene, actor: str) -> int:
    return make.VoteFactory(suggestion=scene.open, community=scene.side_of(actor)).by_id


def colleague_set_aside(scene: Scene, actor: str) -> int:
    voter = make.UserFactory()
    make.SetAsideVoteFactory(
        suggestion=scene.open, community=scene.side_of(actor), voter=voter, by=make.UserFactory()
    )
    return voter.pk


OFFICIALS = {"unvetted", "official", "other_official"}
# (what, how to ask, who may). "own" is the actor's own community; everybody else asks about A.
TABLE: dict[str, tuple[Ask, set[str]]] = {
    "published profile: read": (api("communities/{a}/"), EVERYBODY),
    "directory: read": (api("partnerships/"), EVERYBODY),
    "draft of A: read": (api("communities/{a}/profile/"), READERS_OF_A),
    "draft of A: update": (
        api("communities/{a}/profile/", {"revision": 0, "changes": {}}, "PATCH"),
        {"official", "curator"},
    ),
    "draft of A: pause": (api("communities/{a}/profile/pause/", {}), {"official"}),
    "own draft: read": (api("communities/{own}/profile/"), OFFICIALS | STAFF),
    "own draft: update": (
        api("communities/{own}/profile/", {"revision": 0, "changes": {}}, "PATCH"),
        OFFICIALS | {"curator"},
    ),
    "letter of A: read": (
        api("communities/{a}/profile/letters/{letter}/"),
        {"official", "curator"},
    ),
    "own letter: send": (
        api(
            "communities/{own}/profile/letters/",
            lambda s: {"letter": SimpleUploadedFile("l.pdf", pdf())},
        ),
        OFFICIALS,
    ),
    "own letter: read": (api("communities/{own}/profile/letters/"), OFFICIALS | {"curator"}),
    "contacts of A: read before consent": (
        api("communities/{a}/contacts/"),
        {"official", "curator"},
    ),
    "contacts of A: break the glass": (
        api(
            "communities/{a}/contacts/break-glass/", {"reason": "An emergency in their town hall."}
        ),
        {"admin"},
    ),
    "own contacts: read": (api("communities/{own}/contacts/"), OFFICIALS | {"curator"}),
    "own contacts: update": (api("communities/{own}/contacts/", CONTACTS, "PUT"), OFFICIALS),
    "suggestion A–B: read": (api("{suggestion}/"), MEMBERS),
    "suggestion A–B: read as staff": (api("staff/suggestions/{open}/"), STAFF),
    "suggestion A–B: answer": (api("{suggestion}/answer/", {"answer": "interested"}), SPEAKERS),
    "suggestion A–B: undo an answer": (undo_an_answer, SPEAKERS),
    "suggestion A–B: vote": (api("{suggestion}/vote/", {"choice": "yes"}), MEMBERS),
    "comments and votes: read": (api("{suggestion}/review/"), MEMBERS),
    "comments and votes: set a colleague's aside": (
        lambda scene, client, actor: api(
            "{suggestion}/vote/set-aside/",
            {"voter_id": colleague_who_voted(scene, actor), "because": "Voted for another place."},
        )(scene, client, actor),
        SPEAKERS,
    ),
    "comments and votes: put a colleague's back": (
        lambda scene, client, actor: api(
            "{suggestion}/vote/put-back/", {"voter_id": colleague_set_aside(scene, actor)}
        )(scene, client, actor),
        SPEAKERS,
    ),
    "comments and votes of both sides: read as staff": (
        api("staff/suggestions/{open}/votes/"),
        {"curator"},
    ),
    "shortlist: change": (api("{suggestion}/shortlist/", {"listed": True}), MEMBERS),
    "rule of answering: read": (api("communities/{side}/answer-rule/"), MEMBERS),
    "rule of answering: set": (api("communities/{side}/answer-rule/", {"kind": "chair"}), SPEAKERS),
    "suggestion: release": (api("staff/suggestions/{proposed}/release/", {}), {"curator"}),
    "suggestion: hold": (api("staff/suggestions/{open}/hold/", {}), {"curator"}),
    "vetting: read the queue": (api("staff/vetting/"), STAFF),
    "vetting: publish": (
        api(
            "staff/vetting/{newcomer}/publish/",
            lambda s: {"revision": s.world.newcomer.profile.draft_revision},
        ),
        {"curator"},
    ),
    "vetting: request changes": (
        api(
            "staff/vetting/{newcomer}/request-changes/",
            {"reason": "letter_missing", "text": "Please."},
        ),
        {"curator"},
    ),
    "introduction A–B: read": (api("{introduction}/"), MEMBERS),
    "introduction A–B: read as staff": (api("staff/introductions/{introduced}/"), STAFF),
    "introduction A–B: consent": (api("{introduction}/consent/", {}), SPEAKERS),
    "introduction A–B: move": (
        api("staff/introductions/{introduced}/move/", {"stage": "first_meeting"}),
        {"curator"},
    ),
    "introduction: open by hand": (
        api("staff/introductions/", lambda s: {"pair_id": s.open.pair_id, "because": "They met."}),
        {"curator"},
    ),
    "audit trail of all: read": (api("staff/events/"), STAFF),
    "audit trail of A: read": (api("communities/{a}/events/"), READERS_OF_A),
    "own audit trail: read": (
        api("communities/{own}/events/"),
        OFFICIALS | {"committee_member", "chair"} | STAFF,
    ),
    "runs: read": (api("staff/runs/"), STAFF),
    "runs: request": (api("staff/runs/", {}), STAFF),
    "dead letters: read": (api("staff/dead-letters/"), STAFF),
    **PEOPLE_TABLE,
}


# The same of pages.
PAGES: dict[str, tuple[Ask, set[str]]] = {
    "published profile": (page("communities/{a}/"), EVERYBODY),
    "directory": (page("partnerships/"), EVERYBODY),
    "draft of A": (page("communities/{a}/profile/"), {"official"}),
    "draft of A: pause": (page("communities/{a}/profile/status/", {"act": "pause"}), {"official"}),
    "own draft": (page("communities/{own}/profile/"), OFFICIALS),
    "letter of A": (page("communities/{a}/profile/letters/{letter}/"), {"official"}),
    "letter of A, for staff": (page("staff/vetting/{a}/letters/{letter}/"), {"curator"}),
    "contacts of A": (page("communities/{a}/profile/contacts/"), {"official"}),
    # An administrator is asked why
    "contacts of A, for staff": (page("staff/communities/{a}/contacts/"), STAFF),
    "contacts of A: break the glass": (
        page("staff/communities/{a}/contacts/", {"reason": "An emergency in their town hall."}),
        {"admin"},
    ),
    "own contacts": (page("communities/{own}/profile/contacts/"), OFFICIALS),
    "suggestion A–B": (page("{suggestion}/"), MEMBERS),
    "suggestion A–B, for staff": (page("staff/suggestions/{open}/"), STAFF),
    "suggestion A–B: answer": (page("{suggestion}/answer/", {"answer": "interested"}), SPEAKERS),
    "suggestion A–B: vote": (page("{suggestion}/vote/", {"choice": "yes"}), MEMBERS),
    "suggestion A–B: shortlist": (page("{suggestion}/shortlist/", {"listed": "yes"}), MEMBERS),
    "suggestion A–B: dossier": (page("{suggestion}/dossier/"), MEMBERS),
    "a colleague's vote: set aside": (
        lambda scene, client, actor: page(
            f"{{suggestion}}/votes/{colleague_who_voted(scene, actor)}/set-aside/",
            {"because": "Voted for another place."},
        )(scene, client, actor),
        SPEAKERS,
    ),
    "a colleague's vote: put back": (
        lambda scene, client, actor: page(
            f"{{suggestion}}/votes/{colleague_set_aside(scene, actor)}/put-back/", {}
        )(scene, client, actor),
        SPEAKERS,
    ),
    "votes of both sides, for staff": (page("staff/suggestions/{open}/votes/"), {"curator"}),
    # Who may not set the rule reads it beside the votes.
    "rule of answering": (page("communities/{side}/answer-rule/"), SPEAKERS),
    "rule of answering: set": (
        page("communities/{side}/answer-rule/", {"kind": "chair"}),
        SPEAKERS,
    ),
    "suggestion: release": (
        page("staff/suggestions/{proposed}/act/", {"act": "release"}),
        {"curator"},
    ),
    "suggestion: hold": (page("staff/suggestions/{open}/act/", {"act": "hold"}), {"curator"}),
    "vetting": (page("staff/vetting/"), STAFF),
    "vetting: publish": (page("staff/vetting/{newcomer}/publish/", {"revision": "0"}), {"curator"}),
    "vetting: request changes": (
        page("staff/vetting/{newcomer}/changes/", {"reason": "letter_missing", "text": "Please."}),
        {"curator"},
    ),
    "events": (page("staff/events/"), STAFF),
    "runs": (page("staff/runs/"), STAFF),
    "dead letters": (page("staff/dead-letters/"), STAFF),
    "people of A": (page("communities/{a}/people/"), READERS_OF_A),
    "own people": (page("communities/{own}/people/"), IN_CHARGE | {"committee_member"} | STAFF),
    "invite": (
        page("communities/{own}/people/invite/", {"email": "new@example.org", "role": "official"}),
        IN_CHARGE | {"admin"},
    ),
    "change a role": (
        page("communities/{a}/people/{member}/change/", {"role": "chair"}),
        {"official", "admin"},
    ),
    "end a role": (page("communities/{a}/people/{member}/end/", {}), {"official", "admin"}),
    "take back": (
        page("communities/{a}/people/invitations/{invitation}/revoke/", {}),
        {"official", "admin"},
    ),
    "answer a request": (
        page("communities/{a}/people/requests/{asking}/answer/", {"answer": "accept"}),
        READERS_OF_A,
    ),
    "ask to join": (page("communities/{elsewhere}/join/", {"role": "official"}), SIGNED_IN),
    "trail of A": (page("communities/{a}/audit-log/"), READERS_OF_A),
    "own trail": (
        page("communities/{own}/audit-log/"),
        IN_CHARGE | {"unvetted", "committee_member"} | STAFF,
    ),
    "own audit log": (page("account/audit-log/"), SIGNED_IN),
    "own data": (page("account/data/"), SIGNED_IN),
    "own tokens": (
        page("account/tokens/"),
        IN_CHARGE | {"unvetted", "committee_member"} | STAFF,
    ),
    "tokens of all": (page("staff/tokens/"), STAFF),
    "end another's token": (page("staff/tokens/{token}/end/", {}), {"admin"}),
    "requests to join anywhere": (page("staff/joining/"), STAFF),
    "roles": (page("staff/roles/"), {"admin"}),
    "change roles": (
        page("staff/roles/", {"email": "stranger@example.org", "staff_role": "curator"}),
        {"admin"},
    ),
}


@pytest.fixture(scope="class")
def scene(class_db: None) -> Scene:
    made = Scene()
    made.world.sign_in_everybody()
    return made


@pytest.mark.django_db
class TestTables:
    @pytest.mark.at_length
    @pytest.mark.parametrize("what", one_in(2, PAGES))
    def test_pages_hold_to_the_table(self, scene: Scene, what: str) -> None:
        ask, allowed = PAGES[what]
        assert admitted_actors(scene, ask, among=ASKING) == allowed & ASKING

    @pytest.mark.at_length
    @pytest.mark.parametrize("what", one_in(2, TABLE))
    def test_table_holds(self, scene: Scene, what: str) -> None:
        ask, allowed = TABLE[what]
        assert admitted_actors(scene, ask, among=ASKING) == allowed & ASKING


def readers_of_contacts(scene: Scene) -> set[str]:
    """Who reads the other side's contacts now, by the service and by the API; the two must
    agree.
    """
    readers = set()
    for actor in ACTORS:
        person, side = scene.world.people.get(actor), scene.introduced_side_of(actor)
        try:
            rows = contacts_for(person, scene.introduction.pk, side.pk) if person else []
        except NotVisible:
            rows = []
        response = api("{introduction}/contacts/")(scene, scene.world.client(actor), actor)
        by_api = [row["email"] for row in response.json().get("contacts", [])]
        assert [row.email for row in rows] == by_api, actor
        shown = [c for c in (scene.contact_a, scene.contact_b) if c.email in response.text]
        assert by_api or not shown
        if by_api:
            readers.add(actor)
    return readers


@pytest.mark.django_db
def test_contacts_follow_the_consents_of_both_sides() -> None:
    scene = Scene()
    assert readers_of_contacts(scene) == set()
    (first,) = scene.world.consent(scene.introduction, scene.world.a)
    assert readers_of_contacts(scene) == set()
    scene.world.consent(scene.introduction, scene.world.b)
    assert readers_of_contacts(scene) == MEMBERS
    scene.introduction.stage, scene.introduction.close_reason = "closed", "other"
    scene.introduction.save()
    assert readers_of_contacts(scene) == set()
    scene.introduction.stage, scene.introduction.close_reason = "exploring", ""
    scene.introduction.save()
    assert readers_of_contacts(scene) == MEMBERS
    first.withdrawn_at, first.withdrawn_by = make.MOMENT, first.by
    first.save()
    assert readers_of_contacts(scene) == set()


@pytest.mark.django_db
def test_curator_who_reads_contacts_leaves_a_trace() -> None:
    scene = Scene()
    address = f"{API}communities/{scene.world.a.pk}/contacts/"
    for reader in ("official", "curator"):
        assert not Event.objects.filter(topic="contacts_read").exists()
        (row,) = scene.world.client(reader).get(address).json()["contacts"]
        assert row["email"] == scene.contact_a.email
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
    scene.world.user("official").community_roles.update(ended_at=make.MOMENT)
    client = scene.world.client("official")
    assert [what for what in OF_A if is_admitted(TABLE[what][0](scene, client, "official"))] == []


@pytest.mark.django_db
def test_closed_account_opens_nothing() -> None:
    scene = Scene()
    for actor in ("official", "curator"):
        client, user = scene.world.client(actor), scene.world.user(actor)
        type(user).objects.filter(pk=user.pk).update(is_active=False)
        assert client.get(f"{API}me/").status_code == 401
