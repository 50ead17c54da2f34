"""The rows "introduction", "contacts" and "consents" of the permission table: each act, by page and
by API, for every actor, before and after the introduction, under no, one and both consents,
withdrawn and closed, and for somebody else's introduction.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from backend.introductions.models import Introduction, Meeting, TimeAcceptance
from tests import factories as make
from tests.actors import (
    ACTORS,
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


class Scene:
    """An introduction of A and B, who have met and are asked whether to go on, with contacts and a
    meeting that both sides can come to.
    """

    def __init__(self, stage: str = "introduced") -> None:
        self.world: World = make_world()
        self.introduction: Introduction = self.world.introduced(
            stage=stage,
            close_reason="other" if stage == "closed" else "",
            met_on=dt.date(2026, 1, 4),
        )
        for side in (self.world.a, self.world.b):
            make.FollowUpFactory(introduction=self.introduction, community=side)
        self.contacts = {side.pk: contact_of(side) for side in (self.world.a, self.world.b)}
        self.meeting: Meeting = make.MeetingFactory(introduction=self.introduction)
        for time in self.meeting.times.all():
            for side in (self.world.a, self.world.b):
                TimeAcceptance.objects.create(
                    time=time, community=side, by=self.world.user("curator")
                )
        make.MeetingFactory(introduction=self.introduction, fixed=True)

    def side_id(self, actor: str) -> int:
        return self.world.b.pk if actor in {"committee_member", "chair"} else self.world.a.pk

    def other_id(self, actor: str) -> int:
        return self.world.a.pk if actor in {"committee_member", "chair"} else self.world.b.pk

    def names(self, actor: str) -> dict[str, Any]:
        """``own``: the introduction's address in the API for the actor's side, for staff theirs."""
        own = "staff" if actor in STAFF else f"communities/{self.side_id(actor)}"
        return {
            "own": f"{own}/introductions/{self.introduction.pk}",
            "introduction": self.introduction.pk,
            "meeting": self.meeting.pk,
        }

    def side_of(self, actor: str) -> str:
        return f"/api/v1/communities/{self.side_id(actor)}/introductions/{self.introduction.pk}/"

    def page(self) -> str:
        return f"/introductions/{self.introduction.pk}/"


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


PAGE, MEETING = "introductions/{introduction}", "introductions/{introduction}/meetings/{meeting}"
ARRANGERS = SPEAKERS | {"curator"}
# (what, how to ask, who may in an introduction that has been made)
TABLE: dict[str, tuple[Ask, set[str]]] = {
    "introduction: read by API": (api("{own}/"), MEMBERS | STAFF),
    "introduction: read on its page": (page(f"{PAGE}/"), MEMBERS | STAFF),
    "introduction: read on staff's page": (page(f"staff/{PAGE}/"), STAFF),
    "introduction: move by API": (api("{own}/move/", {"stage": "first_meeting"}), {"curator"}),
    "introduction: move on the board": (
        page(f"staff/{PAGE}/move/", {"stage": "first_meeting"}),
        {"curator"},
    ),
    "introduction: assign by API": (
        api("{own}/assign/", {"owner_id": None, "due_on": None}),
        {"curator"},
    ),
    "introduction: assign on its page": (
        page(f"staff/{PAGE}/assign/", {"owner": "", "due_on": ""}),
        {"curator"},
    ),
    "introduction: note by API": (api("{own}/notes/", {"text": "A note."}), {"curator"}),
    "introduction: note on its page": (
        page(f"staff/{PAGE}/notes/", {"text": "A note."}),
        {"curator"},
    ),
    "introduction: read notes": (api("{own}/notes/"), STAFF),
    "introduction: leave by API": (api("{own}/leave/", {}), SPEAKERS),
    "introduction: leave on its page": (page(f"{PAGE}/leave/", {}), SPEAKERS),
    "consent: give by API": (api("{own}/consent/", {}), SPEAKERS),
    "consent: give on its page": (page(f"{PAGE}/consent/", {"act": "give"}), SPEAKERS),
    "follow-up: read on its page": (page(f"{PAGE}/follow-ups/after_meeting/"), SPEAKERS),
    "follow-up: answer on its page": (
        page(f"{PAGE}/follow-ups/after_meeting/", {"answer": "no"}),
        SPEAKERS,
    ),
    "follow-up: answer by API": (
        api("{own}/follow-ups/after_meeting/", {"answer": "no"}),
        SPEAKERS,
    ),
    "follow-ups: read both sides' answers": (api("{own}/follow-ups/"), STAFF),
    "meetings: read by API": (api("{own}/meetings/"), MEMBERS | STAFF),
    "meeting: read by API": (api("{own}/meetings/{meeting}/"), MEMBERS | STAFF),
    "meeting: read on its page": (page(f"{MEETING}/"), MEMBERS | STAFF),
    "meeting: propose by API": (api("{own}/meetings/", times), ARRANGERS),
    "meeting: propose on its page": (page(f"{PAGE}/meetings/new/", form), ARRANGERS),
    "meeting: other times by API": (api("{own}/meetings/{meeting}/times/", times), ARRANGERS),
    "meeting: accept by API": (
        api("{own}/meetings/{meeting}/accept/", {"time_ids": []}),
        SPEAKERS,
    ),
    "meeting: accept on its page": (page(f"{MEETING}/act/", {"act": "accept"}), SPEAKERS),
    "meeting: fix by API": (
        api("{own}/meetings/{meeting}/fix/", lambda scene: {"time_id": first_time(scene)}),
        ARRANGERS,
    ),
    "meeting: fix on its page": (
        page(f"{MEETING}/act/", lambda scene: {"act": "fix", "time_id": first_time(scene)}),
        ARRANGERS,
    ),
    "meeting: change by API": (
        api("{own}/meetings/{meeting}/details/", {"minutes": 30, "place": ""}),
        ARRANGERS,
    ),
    "meeting: change on its page": (
        page(f"{MEETING}/act/", {"act": "change", "minutes": "30", "place": ""}),
        ARRANGERS,
    ),
    "meeting: cancel by API": (api("{own}/meetings/{meeting}/cancel/", {}), ARRANGERS),
    "meeting: cancel on its page": (page(f"{MEETING}/act/", {"act": "cancel"}), ARRANGERS),
}


ASKING = at_length(OF_EACH_KIND, ACTORS)


@pytest.fixture(scope="class")
def scene(request: pytest.FixtureRequest, class_db: None) -> Scene:
    made = Scene(request.cls.STAGE)
    made.world.sign_in_everybody()
    return made


@pytest.mark.django_db
class TestIntroduced:
    STAGE = "introduced"

    @pytest.mark.at_length
    @pytest.mark.parametrize("what", one_in(2, TABLE))
    def test_table_holds(self, scene: Scene, what: str) -> None:
        ask, allowed = TABLE[what]
        assert admitted_actors(scene, ask, among=ASKING) == allowed & set(ASKING)


# Where no meeting can be arranged, there is no page to propose one
NO_FORM = {"meeting: propose on its page"}


@pytest.mark.django_db
class TestBeforeTheIntroduction:
    STAGE = "to_introduce"

    @pytest.mark.at_length
    @pytest.mark.parametrize("what", one_in(3, TABLE))
    def test_staff_alone_know_of_it(self, scene: Scene, what: str) -> None:
        allowed = set() if what in NO_FORM else TABLE[what][1] & STAFF
        assert admitted_actors(scene, TABLE[what][0], also={409}, among=ASKING) == allowed


@pytest.mark.django_db
class TestClosed:
    STAGE = "closed"

    @pytest.mark.at_length
    @pytest.mark.parametrize("what", one_in(3, TABLE))
    def test_it_is_read_and_not_acted_in(self, scene: Scene, what: str) -> None:
        allowed = set() if what in NO_FORM else TABLE[what][1] & set(ASKING)
        assert admitted_actors(scene, TABLE[what][0], also={409}, among=ASKING) == allowed
        is_open_still = any(word in what for word in ("read", "note", "assign"))
        for actor in allowed:
            with transaction.atomic():
                status = TABLE[what][0](scene, scene.world.client(actor), actor).status_code
                assert (status < 400) == is_open_still, (actor, status)
                transaction.set_rollback(True)


def seen_contacts(scene: Scene, actor: str, client: Client) -> tuple[bool, bool]:
    """Whether the actor reads the other side's contacts: (by API, on the page)."""
    other = scene.contacts[scene.other_id(actor)].email.encode()
    by_api = client.get(f"{scene.side_of(actor)}contacts/")
    on_page = client.get(scene.page(), follow=True)
    for response in (by_api, on_page):
        if response.status_code == 200:
            assert "no-store" in response["Cache-Control"]
    return other in by_api.content, other in on_page.content


def assert_none_elsewhere(scene: Scene, actor: str, client: Client) -> None:
    """No other answer holds an address."""
    both = [contact.email.encode() for contact in scene.contacts.values()]
    side = scene.side_of(actor)
    for address in (
        side,
        f"{side}meetings/",
        f"{scene.page()}meetings/{scene.meeting.pk}/",
        f"/staff/introductions/{scene.introduction.pk}/",
        "/dashboard/",
        "/inbox/",
    ):
        response = client.get(address)
        assert not any(email in response.content for email in both), (actor, address)
    for meeting in scene.introduction.meetings.filter(starts_at__isnull=False):
        entry = client.get(f"{scene.page()}meetings/{meeting.pk}/meeting.ics")
        assert not any(email in entry.content.replace(b"\r\n ", b"") for email in both), actor


def readers(scene: Scene, *, elsewhere: bool = False) -> set[str]:
    """Who reads contacts; at length, or if asked for, all other places are looked at too."""
    found = set()
    for actor in ASKING:
        client = scene.world.client(actor)
        by_api, on_page = seen_contacts(scene, actor, client)
        assert by_api == on_page, actor
        if elsewhere or at_length(False, True):
            assert_none_elsewhere(scene, actor, client)
        if by_api:
            found.add(actor)
    return found


@pytest.mark.system
@pytest.mark.at_length
@pytest.mark.django_db
def test_contacts_are_read_under_both_consents_and_hidden_on_the_next_read() -> None:
    scene = Scene()
    world = scene.world
    world.sign_in_everybody()
    assert readers(scene) == set()
    world.consent(scene.introduction, world.a)
    assert readers(scene) == set()
    (second,) = world.consent(scene.introduction, world.b)
    assert readers(scene, elsewhere=True) == MEMBERS & set(ASKING)
    second.withdrawn_at, second.withdrawn_by = make.MOMENT, second.by
    second.save()
    assert readers(scene, elsewhere=True) == set()
    world.consent(scene.introduction, world.b)
    assert readers(scene) == MEMBERS & set(ASKING)
    Introduction.objects.filter(pk=scene.introduction.pk).update(
        stage="closed", close_reason="other"
    )
    assert readers(scene) == set()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "what", [what for what, (_ask, allowed) in TABLE.items() if "official" in allowed]
)
def test_role_that_has_ended_opens_nothing(what: str) -> None:
    scene = Scene()
    scene.world.user("official").community_roles.update(ended_at=make.MOMENT)
    assert not is_admitted(TABLE[what][0](scene, scene.world.client("official"), "official"))
