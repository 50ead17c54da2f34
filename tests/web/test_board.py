"""The board: filters, marks in words, moving by menu, two curators at once, notes, and the walk
from sign-in to an introduction.
"""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.test import Client

from backend.accounts.models import User
from backend.introductions.models import Introduction
from backend.outbox.models import Event
from backend.outbox.topics import Topic
from backend.suggestions.services.curation import set_exclusion_rule
from tests.actors import World, contact_of
from tests.factories import EventFactory, UserFactory
from tests.web.conftest import SignIn
from tests.web.html_forms import form_to, forms_of, one_line, url

pytestmark = pytest.mark.usefixtures("shared_world")

NOW = dt.datetime.now(dt.UTC)


def page(client: Client, address: str, **query: str) -> str:
    response = client.get(address, query)
    assert response.status_code == 200
    return response.text


def test_marks_are_words_beside_their_signs(world: World) -> None:
    introduction = world.introduced(
        due_on=NOW.date() - dt.timedelta(days=2), stage_since=NOW - dt.timedelta(days=40)
    )
    set_exclusion_rule(
        by=world.user("curator"),
        country="DE",
        because="A rule.",
        source="Law 1",
        from_on=NOW.date(),
    )
    curator = world.client("curator")
    for address in (url("staff_introductions"), url("staff_introduction", introduction.pk)):
        html = one_line(page(curator, address))
        assert f"overdue since {introduction.due_on:%-d %b}" in html.replace(
            f"{introduction.due_on:%B}", f"{introduction.due_on:%b}"
        )
        assert "stuck for 40 days" in html
        assert "excluded" in html
    for address in (url("introduction", introduction.pk), url("dashboard")):
        assert "excluded" not in page(world.client("official"), address)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"owner": "me"}, True),
        ({"owner": "nobody"}, False),
        ({"country": "DE"}, True),
        ({"country": "MX"}, False),
        ({"overdue": "on"}, True),
        ({"stuck": "on"}, False),
        ({"stage": "introduced"}, True),
        ({"stage": "closed"}, False),
        ({"owner": "someone"}, True),
    ],
)
def test_filters(world: World, query: dict[str, str], shown: bool) -> None:
    world.introduced(owner=world.user("curator"), due_on=NOW.date() - dt.timedelta(days=2))
    assert (
        "Alpha – Beta" in page(world.client("curator"), url("staff_introductions"), **query)
    ) == shown


def test_two_curators_at_once_the_second_sees_the_conflict(world: World, sign_in: SignIn) -> None:
    introduction = world.introduced()
    first, second = world.client("curator"), sign_in(UserFactory(curator=True, name="Second"))
    address = url("staff_introduction_move", introduction.pk)
    seen = form_to(page(second, url("staff_introductions"), owner="nobody"), address).values
    moved = {"stage": "first_meeting", "expected": "introduced"}
    assert first.post(address, moved).status_code == 302
    late = second.post(address, seen | {"stage": ["closed"], "close_reason": ["other"]})
    assert late.status_code == 409
    html = late.text
    assert f"{world.user('curator')} has moved it to “First meeting”" in html
    assert form_to(html, address).values["expected"] == ["first_meeting"]
    assert form_to(html, address).values["after"] == [url("staff_introductions") + "?owner=nobody"]
    assert Introduction.objects.get().stage == "first_meeting"
    on_its_page = second.post(address, {"stage": "first_meeting", "expected": "introduced"})
    assert on_its_page.status_code == 409
    assert "has moved it" in on_its_page.text


def test_from_sign_in_to_an_introduction_in_two_clicks(world: World) -> None:
    introduction = world.introduced(stage="to_introduce")
    curator = world.client("curator")
    overview = page(curator, url("staff"))
    assert f'href="{url("staff_introductions")}' in overview  # the first click
    (form,) = [
        form
        for form in forms_of(page(curator, url("staff_introductions")))
        if form.action == url("staff_introduction_move", introduction.pk)
    ]
    assert form.values["stage"] == ["introduced"], "the menu already says what comes next"
    assert curator.post(form.action, form.values).status_code == 302  # the second
    assert Introduction.objects.get().stage == "introduced"


def test_menu_of_the_last_column_chooses_nothing_beforehand(world: World) -> None:
    introduction = world.introduced(stage="council_resolution")
    curator, address = world.client("curator"), url("staff_introduction_move", introduction.pk)
    for shown in (url("staff_introductions"), url("staff_introduction", introduction.pk)):
        values = form_to(page(curator, shown), address).values
        assert values["stage"] == [""]
        assert curator.post(address, values).status_code == 422
    assert Introduction.objects.get().stage == "council_resolution", (
        "a hasty click moves nothing back"
    )
    Introduction.objects.update(stage="introduced")
    html = page(curator, url("staff_introduction", introduction.pk))
    assert form_to(html, address).values["stage"] == ["first_meeting"]


def test_board_says_which_step_comes_before_a_column_and_asks_for_its_act(world: World) -> None:
    introduction = world.introduced(stage="to_introduce", due_on=NOW.date())
    curator, address = world.client("curator"), url("staff_introduction_move", introduction.pk)
    shown = page(curator, url("staff_introductions"))
    form, menu = form_to(shown, address), shown.split('name="expected"')[1]
    assert re.findall(r'<option value="(\w*)"', menu) == ["introduced"], "none that skips a step"
    dropped = curator.post(address, form.values | {"stage": ["exploring"]})
    assert dropped.status_code == 409
    assert "After “To introduce” comes “Introduced”" in dropped.text
    assert form_to(dropped.text, address).values["expected"] == ["to_introduce"]
    assert Introduction.objects.get().stage == "to_introduce"

    for stage in ("introduced", "first_meeting"):
        assert curator.post(address, {"stage": stage}).status_code == 302
    asked = curator.post(address, form.values | {"stage": "exploring", "expected": "first_meeting"})
    assert asked.status_code == 422
    assert "Enter the day they met." in asked.text
    values = form_to(asked.text, address).values
    assert curator.post(address, values | {"met_on": "someday"}).status_code == 422
    assert curator.post(address, values | {"met_on": f"{NOW:%Y-%m-%d}"}).status_code == 302
    assert Introduction.objects.get().met_on == NOW.date()
    assert "recorded by staff" in one_line(
        page(curator, url("staff_introduction", introduction.pk))
    )


def test_sides_read_as_done_what_has_happened(world: World) -> None:
    introduction = world.introduced(stage="agreement")
    address, official = url("introduction", introduction.pk), world.client("official")

    def marks() -> list[str]:
        html = one_line(page(official, address))
        found = re.findall(r'<li><span class="tag[^>]*>([\w ]+)</span>(?:<[^>]*>)?([\w ]+)', html)
        return [f"{mark}: {words}" for mark, words in found]

    assert marks() == [
        "done: Introduced",
        "not recorded: First meeting",
        "not recorded: Exploring",
        "not recorded: Proposal",
        "not recorded: Council resolution",
        "now: Agreement",
    ]
    for column in ("first_meeting", "exploring"):  # the card was there, and they have not met
        EventFactory(
            topic=Topic.INTRODUCTION_MOVED,
            subject_type="introduction",
            subject_id=introduction.pk,
            payload={"new": column},
        )
    assert marks()[1:3] == ["not recorded: First meeting", "done: Exploring"]
    Introduction.objects.update(stage="exploring")
    assert marks()[1] == "not recorded: First meeting"
    assert "propose times for a first meeting" in page(official, address)
    Introduction.objects.update(met_on=NOW.date())
    assert marks()[1:3] == ["done: First meeting", "now: Exploring"]
    assert "for a first meeting" not in page(official, address)


def test_barred_pair_is_not_introduced(world: World) -> None:
    introduction = world.introduced(stage="to_introduce")
    set_exclusion_rule(
        by=world.user("curator"),
        country="DE",
        because="A rule.",
        source="Law 1",
        from_on=NOW.date(),
    )
    curator, move = world.client("curator"), url("staff_introduction_move", introduction.pk)
    assert curator.post(move, {"stage": "introduced"}).status_code == 409
    assert curator.post(move, {"stage": "closed", "close_reason": "other"}).status_code == 302


def test_notes_are_kept_and_neither_side_reads_them(world: World) -> None:
    introduction, curator = world.introduced(), world.client("curator")
    address = url("staff_introduction_note", introduction.pk)
    assert "Write 1 to 4,000 characters." in curator.post(address, {"text": " "}).text
    assert curator.post(address, {"text": "Call <b>Monday</b>"}).status_code == 302
    html = page(curator, url("staff_introduction", introduction.pk))
    assert "Call &lt;b&gt;Monday&lt;/b&gt;" in html
    assert "Monday" not in page(world.client("official"), url("introduction", introduction.pk))


def test_administrator_reads_and_moves_nothing(world: World) -> None:
    introduction, admin = world.introduced(), world.client("admin")
    for address in (url("staff_introductions"), url("staff_introduction", introduction.pk)):
        assert not [
            form
            for form in forms_of(page(admin, address))
            if form.action.startswith("/staff/") and form.method == "post"
        ]
    move = url("staff_introduction_move", introduction.pk)
    assert admin.post(move, {"stage": "exploring"}).status_code == 404


@pytest.mark.parametrize("name", ["staff_introductions", "staff_introduction"])
def test_pages_of_introductions_are_stored_by_no_cache(
    world: World, curator: User, name: str
) -> None:
    introduction = world.introduced()
    address = url(name, introduction.pk) if name == "staff_introduction" else url(name)
    assert "no-store" in world.client("curator").get(address)["Cache-Control"]
    assert (
        "no-store"
        in world.client("official").get(url("introduction", introduction.pk))["Cache-Control"]
    )


def test_curator_reads_contacts_and_leaves_a_trace(world: World) -> None:
    contact = contact_of(world.b)
    address = url("staff_contacts", world.b.pk)
    assert contact.email in page(world.client("curator"), address)
    event = Event.objects.get(topic="contacts_read")
    assert (event.by, event.community_id) == (world.user("curator"), world.b.pk)
    assert contact.email not in page(world.client("admin"), address), (
        "an administrator gives a reason first"
    )
    for actor in ("official", "chair"):
        assert world.client(actor).get(address).status_code == 404
