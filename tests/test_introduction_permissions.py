"""The rows "introduction", "contacts" and "consents" of the permission table: each act, by page and
by API, for every actor, before and after the introduction, under no, one and both consents,
withdrawn and closed, and for somebody else's introduction.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Collection
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from backend.introductions.models import Introduction, Meeting, TimeAcceptance
from tests import factories as make
from tests.actors import ACTORS, World, contact_of, make_world

SIDES = {"official", "committee_member", "chair"}
SPEAKERS = {"official", "chair"}
STAFF = {"curator", "admin"}
JSON = "application/json"


class Scene:
    """An introduction of A and B with contacts and a meeting that both sides can come to."""

    def __init__(self, stage: str = "introduced") -> None:
        self.world: World = make_world()
        self.card: Introduction = self.world.introduced(
            stage=stage, close_reason="other" if stage == "closed" else ""
        )
        self.contacts = {side.pk: contact_of(side) for side in (self.world.a, self.world.b)}
        self.meeting: Meeting = make.MeetingFactory(introduction=self.card)
        for time in self.meeting.times.all():
            for side in (self.world.a, self.world.b):
                TimeAcceptance.objects.create(
                    time=time, community=side, by=self.world.user("curator")
                )
        make.MeetingFactory(introduction=self.card, fixed=True)

    def side_id(self, actor: str) -> int:
        return self.world.b.pk if actor in {"committee_member", "chair"} else self.world.a.pk

    def other_id(self, actor: str) -> int:
        return self.world.a.pk if actor in {"committee_member", "chair"} else self.world.b.pk

    def own(self, actor: str) -> str:
        """The introduction's address in the API for the actor's side, for staff the board's."""
        if actor in STAFF:
            return f"/api/v1/staff/introductions/{self.card.pk}/"
        return f"/api/v1/communities/{self.side_id(actor)}/introductions/{self.card.pk}/"

    def page(self) -> str:
        return f"/introductions/{self.card.pk}/"

    def staff_page(self) -> str:
        return f"/staff/introductions/{self.card.pk}/"


Ask = Callable[[Scene, Client, str], Any]


def api(
    method: str, more: str = "", body: Callable[[Scene], dict[str, Any]] = lambda scene: {}
) -> Ask:
    def ask(scene: Scene, client: Client, actor: str) -> Any:
        address = scene.own(actor) + more.format(meeting=scene.meeting.pk)
        return (
            client.get(address)
            if method == "GET"
            else client.generic(method, address, json.dumps(body(scene)), content_type=JSON)
        )

    return ask


def page(
    more: str = "", body: Callable[[Scene], dict[str, Any]] | None = None, *, staff: bool = False
) -> Ask:
    def ask(scene: Scene, client: Client, actor: str) -> Any:
        address = (scene.staff_page() if staff else scene.page()) + more.format(
            meeting=scene.meeting.pk
        )
        return client.get(address) if body is None else client.post(address, body(scene))

    return ask


def soon(days: int) -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(days=days)).replace(microsecond=0).isoformat()


def first_time(scene: Scene) -> int:
    return int(scene.meeting.times.order_by("starts_at").values_list("pk", flat=True)[0])


def times(scene: Scene) -> dict[str, Any]:
    return {"times": [soon(3), soon(4)]}


def form(scene: Scene) -> dict[str, Any]:
    return {
        "times.0": soon(3),
        "times.1": soon(4),
        "minutes": "60",
        "zone_of": str(scene.world.a.pk),
    }


MEETING = "meetings/{meeting}/"


def act(name: str, **values: str) -> Callable[[Scene], dict[str, Any]]:
    return lambda scene: (
        {"act": name}
        | {
            key: str(first_time(scene)) if value == "time" else value
            for key, value in values.items()
        }
    )


# (what, how to ask, who may in an introduction that has been made)
TABLE: dict[str, tuple[Ask, set[str]]] = {
    "introduction: read by API": (api("GET"), SIDES | STAFF),
    "introduction: read on its page": (page(), SIDES | STAFF),
    "introduction: read on staff's page": (page(staff=True), STAFF),
    "introduction: move by API": (
        api("POST", "move/", lambda scene: {"stage": "exploring"}),
        {"curator"},
    ),
    "introduction: move on the board": (
        page("move/", lambda scene: {"stage": "exploring"}, staff=True),
        {"curator"},
    ),
    "introduction: assign by API": (
        api("POST", "assign/", lambda scene: {"owner_id": None, "due_on": None}),
        {"curator"},
    ),
    "introduction: assign on the card": (
        page("assign/", lambda scene: {"owner": "", "due_on": ""}, staff=True),
        {"curator"},
    ),
    "introduction: note by API": (
        api("POST", "notes/", lambda scene: {"text": "A note."}),
        {"curator"},
    ),
    "introduction: note on the card": (
        page("notes/", lambda scene: {"text": "A note."}, staff=True),
        {"curator"},
    ),
    "introduction: read notes": (api("GET", "notes/"), STAFF),
    "introduction: leave by API": (api("POST", "leave/"), SPEAKERS),
    "introduction: leave on its page": (page("leave/", lambda scene: {}), SPEAKERS),
    "consent: give by API": (api("POST", "consent/"), SPEAKERS),
    "consent: give on its page": (page("consent/", lambda scene: {"act": "give"}), SPEAKERS),
    "meetings: read by API": (api("GET", "meetings/"), SIDES | STAFF),
    "meeting: read by API": (api("GET", MEETING), SIDES | STAFF),
    "meeting: read on its page": (page(MEETING), SIDES | STAFF),
    "meeting: propose by API": (api("POST", "meetings/", times), SPEAKERS | {"curator"}),
    "meeting: propose on its page": (page("meetings/new/", form), SPEAKERS | {"curator"}),
    "meeting: other times by API": (api("POST", f"{MEETING}times/", times), SPEAKERS | {"curator"}),
    "meeting: accept by API": (
        api("POST", f"{MEETING}accept/", lambda scene: {"time_ids": []}),
        SPEAKERS,
    ),
    "meeting: accept on its page": (page(f"{MEETING}act/", act("accept")), SPEAKERS),
    "meeting: fix by API": (
        api("POST", f"{MEETING}fix/", lambda scene: {"time_id": first_time(scene)}),
        SPEAKERS | {"curator"},
    ),
    "meeting: fix on its page": (
        page(f"{MEETING}act/", act("fix", time_id="time")),
        SPEAKERS | {"curator"},
    ),
    "meeting: change by API": (
        api("POST", f"{MEETING}details/", lambda scene: {"minutes": 30, "place": ""}),
        SPEAKERS | {"curator"},
    ),
    "meeting: change on its page": (
        page(f"{MEETING}act/", act("change", minutes="30", place="")),
        SPEAKERS | {"curator"},
    ),
    "meeting: cancel by API": (api("POST", f"{MEETING}cancel/"), SPEAKERS | {"curator"}),
    "meeting: cancel on its page": (page(f"{MEETING}act/", act("cancel")), SPEAKERS | {"curator"}),
}


def admitted(response: Any) -> bool:
    """Whether the actor got through; who does not is told to sign in, or sees nothing there."""
    assert response.status_code in {200, 201, 302, 401, 404}, (
        response.status_code,
        response.content[:500],
    )
    to_sign_in = response.status_code == 302 and response["Location"].startswith("/account/login/")
    return response.status_code < 400 and not to_sign_in


def who(what: str, scene: Scene, *, also: Collection[int] = ()) -> set[str]:
    """Who gets through; ``also`` are status codes that an actor who may know the object meets where
    its state refuses.
    """
    found = set()
    for actor in ACTORS:
        with transaction.atomic():
            response = TABLE[what][0](scene, scene.world.client(actor), actor)
            if response.status_code in also or admitted(response):
                found.add(actor)
            transaction.set_rollback(True)
    return found


@pytest.mark.django_db
@pytest.mark.parametrize("what", TABLE)
def test_introduced(what: str) -> None:
    assert who(what, Scene()) == TABLE[what][1]


NO_FORM = {
    "meeting: propose on its page"
}  # where no meeting can be arranged, there is no page to propose one


@pytest.mark.django_db
@pytest.mark.parametrize("what", TABLE)
def test_before_the_introduction_staff_alone_know_of_it(what: str) -> None:
    allowed = set() if what in NO_FORM else TABLE[what][1] & STAFF
    assert who(what, Scene("to_introduce"), also={409}) == allowed


@pytest.mark.django_db
@pytest.mark.parametrize("what", TABLE)
def test_closed_introduction_is_read_and_not_acted_in(what: str) -> None:
    scene, allowed = Scene("closed"), set() if what in NO_FORM else TABLE[what][1]
    assert who(what, scene, also={409}) == allowed
    is_open_still = any(word in what for word in ("read", "note", "assign"))
    for actor in allowed:
        with transaction.atomic():
            status = TABLE[what][0](scene, scene.world.client(actor), actor).status_code
            assert (status < 400) == is_open_still, (actor, status)
            transaction.set_rollback(True)


def seen_contacts(scene: Scene, actor: str, client: Client) -> tuple[bool, bool]:
    """Whether the actor reads the other side's contacts: (by API, on the page). No other answer may
    hold an address.
    """
    other = scene.contacts[scene.other_id(actor)].email.encode()
    both = [contact.email.encode() for contact in scene.contacts.values()]
    side = f"/api/v1/communities/{scene.side_id(actor)}/introductions/{scene.card.pk}/"
    by_api = client.get(f"{side}contacts/")
    on_page = client.get(scene.page(), follow=True)
    for address in (
        side,
        f"{side}meetings/",
        f"{scene.page()}meetings/{scene.meeting.pk}/",
        scene.staff_page(),
        "/desk/",
        "/inbox/",
    ):
        response = client.get(address)
        assert not any(email in response.content for email in both), (actor, address)
    for meeting in scene.card.meetings.filter(starts_at__isnull=False):
        entry = client.get(f"{scene.page()}meetings/{meeting.pk}/meeting.ics")
        assert not any(email in entry.content.replace(b"\r\n ", b"") for email in both), actor
    for response in (by_api, on_page):
        if response.status_code == 200:
            assert "no-store" in response["Cache-Control"]
    return other in by_api.content, other in on_page.content


def readers(scene: Scene) -> set[str]:
    found = set()
    for actor in ACTORS:
        by_api, on_page = seen_contacts(scene, actor, scene.world.client(actor))
        assert by_api == on_page, actor
        if by_api:
            found.add(actor)
    return found


@pytest.mark.django_db
def test_contacts_are_read_under_both_consents_and_hidden_on_the_next_read() -> None:
    scene = Scene()
    world = scene.world
    assert readers(scene) == set()
    world.consent(scene.card, world.a)
    assert readers(scene) == set()
    (second,) = world.consent(scene.card, world.b)
    assert readers(scene) == SIDES
    second.withdrawn_at, second.withdrawn_by = make.MOMENT, second.by
    second.save()
    assert readers(scene) == set()
    world.consent(scene.card, world.b)
    assert readers(scene) == SIDES
    Introduction.objects.filter(pk=scene.card.pk).update(stage="closed", close_reason="other")
    assert readers(scene) == set()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "what", [what for what, (_ask, allowed) in TABLE.items() if "official" in allowed]
)
def test_role_that_has_ended_opens_nothing(what: str) -> None:
    scene = Scene()
    scene.world.user("official").community_roles.update(ended_at=make.MOMENT)
    assert not admitted(TABLE[what][0](scene, scene.world.client("official"), "official"))
