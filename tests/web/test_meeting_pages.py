"""Meetings on the pages of both sides and of staff: by forms alone, as a browser without JavaScript sends them."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse
from icalendar import Calendar

from backend.introductions.models import Introduction, Meeting
from tests.actors import World, make_world
from tests.web.html_forms import forms_of


@pytest.fixture
def world(db: None) -> World:
    world = make_world()
    for community, zone in ((world.a, "America/New_York"), (world.b, "Europe/Berlin")):
        community.timezone = zone
        community.save()
    return world


def local(days: int) -> str:
    return (dt.datetime.now() + dt.timedelta(days=days)).strftime("%Y-%m-%dT15:00")


def url(name: str, *args: object) -> str:
    return reverse(f"web:{name}", args=args)


def page(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def propose(client: Client, card: Introduction, **more: str) -> Meeting:
    form = {"times.0": local(10), "times.1": local(11), "minutes": "60", "place": "Town hall"} | more
    response = client.post(url("meeting_new", card.pk), form)
    assert response.status_code == 302, response.content.decode()
    return Meeting.objects.order_by("-pk")[0]


def acts(html: str) -> dict[str, dict[str, list[str]]]:
    """The page's forms by the act that they post."""
    return {form.values["act"][0]: form.values for form in forms_of(html) if form.action.endswith("/act/") and "act" in form.values}


def test_from_times_to_a_calendar_file(world: World) -> None:
    card = world.introduced()
    official, chair = world.client("official"), world.client("chair")
    assert "Times that suit both" in page(official, url("meeting_new", card.pk))
    meeting = propose(official, card)
    address, act = url("meeting", card.pk, meeting.pk), url("meeting_act", card.pk, meeting.pk)
    assert "fix" not in acts(page(official, address)), "the other side has not said when it can come"
    html = page(chair, address)
    assert "15:00" in html
    assert "21:00" in html or "20:00" in html
    assert chair.post(act, acts(html)["fix"]).status_code == 302
    meeting.refresh_from_db()
    assert meeting.status == "fixed"
    assert url("meeting", card.pk, meeting.pk) in page(official, url("introduction", card.pk))
    answer = chair.get(url("meeting_file", card.pk, meeting.pk))
    assert answer["Cache-Control"] == "no-store, private"
    assert Calendar.from_ical(answer.content.decode()).walk("VEVENT")[0]["DTSTART"].dt.tzinfo.key == "Europe/Berlin"
    assert official.post(act, acts(page(official, address))["cancel"]).status_code == 302
    assert "Cancelled" in page(chair, address)
    assert "act/" not in page(chair, address)


def test_times_that_suit_both_are_filled_in_and_times_come_first(world: World) -> None:
    card, official = world.introduced(), world.client("official")
    html = page(official, url("meeting_new", card.pk))
    (form,) = [form for form in forms_of(html) if "times.0" in form.values]
    assert list(form.values).index("times.0") < list(form.values).index("minutes")
    assert all(value.endswith(("T09:00", "T10:00", "T11:00")) for value in form.values["times.0"]), "both are at work then"
    assert official.post(url("meeting_new", card.pk), form.values).status_code == 302
    assert Meeting.objects.get().times.count() == 3


def test_ticked_times_are_accepted(world: World) -> None:
    card = world.introduced()
    meeting = propose(world.client("official"), card)
    chair, times = world.client("chair"), list(meeting.times.values_list("pk", flat=True))
    assert chair.post(url("meeting_act", card.pk, meeting.pk), {"act": "accept", "time_ids": times[:1]}).status_code == 302
    assert "fix" in acts(page(world.client("official"), url("meeting", card.pk, meeting.pk)))
    assert chair.post(url("meeting_act", card.pk, meeting.pk), {"act": "accept", "time_ids": "x"}).status_code == 400
    assert chair.post(url("meeting_act", card.pk, meeting.pk), {"act": "nonsense"}).status_code == 400


def test_wrong_times_are_explained_and_nothing_is_lost(world: World) -> None:
    card, official = world.introduced(), world.client("official")
    answer = official.post(url("meeting_new", card.pk), {"times.0": local(10), "times.1": "soon", "minutes": "60", "place": "Kept"})
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "Write date and time, for example" in html
    assert local(10) in html and "soon" in html and "Kept" in html
    assert not Meeting.objects.exists()


def test_staff_choose_whose_clocks_they_write_on(world: World) -> None:
    card = world.introduced()
    meeting = propose(world.client("curator"), card, zone_of=str(world.b.pk))
    html = page(world.client("curator"), url("meeting", card.pk, meeting.pk))
    assert "accept" not in acts(html), "staff accept for no side"
    assert world.client("curator").post(url("meeting_act", card.pk, meeting.pk), {"act": "accept"}).status_code == 404
    assert world.client("curator").post(url("meeting_act", card.pk, meeting.pk), acts(html)["fix"]).status_code == 302
    details = {"act": "change", "minutes": "5", "place": ""}
    assert world.client("curator").post(url("meeting_act", card.pk, meeting.pk), details).status_code == 422
    assert world.client("curator").post(url("meeting_act", card.pk, meeting.pk), details | {"minutes": "30"}).status_code == 302
    other = {"act": "times", "times.0": local(20), "times.1": local(21), "zone_of": str(world.a.pk)}
    assert world.client("curator").post(url("meeting_act", card.pk, meeting.pk), other).status_code == 302
    assert "stands until another one is fixed" in page(world.client("chair"), url("meeting", card.pk, meeting.pk))


def test_committee_members_and_administrators_read_and_do_not_act(world: World) -> None:
    card = world.introduced()
    meeting = propose(world.client("official"), card)
    for actor in ("committee_member", "admin"):
        client = world.client(actor)
        assert acts(page(client, url("meeting", card.pk, meeting.pk))) == {}
        assert client.get(url("meeting_new", card.pk)).status_code == 404
        assert client.post(url("meeting_act", card.pk, meeting.pk), {"act": "cancel"}).status_code == 404


def test_side_closes_its_introduction_by_a_button_of_its_own(world: World) -> None:
    card, chair = world.introduced(), world.client("chair")
    assert url("introduction_leave", card.pk) in page(chair, url("introduction", card.pk))
    assert "hidden again for both sides" in page(chair, url("introduction_leave", card.pk))
    assert Introduction.objects.get().stage == "introduced", "looking closes nothing"
    assert chair.post(url("introduction_leave", card.pk)).status_code == 302
    assert "This introduction is closed." in page(world.client("official"), url("introduction", card.pk))
    for actor in ("committee_member", "curator", "other_official"):
        assert world.client(actor).get(url("introduction_leave", card.pk)).status_code == 404
