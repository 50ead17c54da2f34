"""Meetings, in pages and through the API."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from icalendar import Calendar

from backend.introductions.models import Introduction, Meeting
from tests.actors import World, make_world
from tests.web.html_forms import forms_of, url

# Meetings on the pages of both sides and of staff: by forms alone, as a browser without
# JavaScript sends them.


@pytest.fixture
def zoned_world(db: None) -> World:
    zoned_world = make_world()
    for community, zone in ((zoned_world.a, "America/New_York"), (zoned_world.b, "Europe/Berlin")):
        community.timezone = zone
        community.save()
    return zoned_world


def local(days: int) -> str:
    return (dt.datetime.now() + dt.timedelta(days=days)).strftime("%Y-%m-%dT15:00")


def page(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.text


def propose(client: Client, introduction: Introduction, **more: str) -> Meeting:
    form = {"times.0": local(10), "times.1": local(11), "minutes": "60", "place": "Town hall"}
    response = client.post(url("meeting_new", introduction.pk), form | more)
    assert response.status_code == 302, response.text
    return Meeting.objects.order_by("-pk")[0]


def meeting_page(client: Client, meeting: Meeting) -> str:
    return page(client, url("meeting", meeting.introduction_id, meeting.pk))


def send(client: Client, meeting: Meeting, posted: dict[str, Any]) -> int:
    """The status code of an act on the meeting's page."""
    address = url("meeting_act", meeting.introduction_id, meeting.pk)
    return client.post(address, posted).status_code


def acts(html: str) -> dict[str, dict[str, list[str]]]:
    """The page's forms by the act that they post."""
    return {
        form.values["act"][0]: form.values
        for form in forms_of(html)
        if form.action.endswith("/act/") and "act" in form.values
    }


def test_from_times_to_a_calendar_file(zoned_world: World) -> None:
    introduction = zoned_world.introduced()
    official, chair = zoned_world.client("official"), zoned_world.client("chair")
    assert "Times that suit both" in page(official, url("meeting_new", introduction.pk))
    meeting = propose(official, introduction)
    assert "fix" not in acts(meeting_page(official, meeting)), (
        "the other side has not said when it can come"
    )
    html = meeting_page(chair, meeting)
    assert "15:00" in html
    assert "21:00" in html or "20:00" in html
    assert send(chair, meeting, acts(html)["fix"]) == 302
    meeting.refresh_from_db()
    assert meeting.status == "fixed"
    introduction_page = page(official, url("introduction", introduction.pk))
    assert url("meeting", introduction.pk, meeting.pk) in introduction_page
    response = chair.get(url("meeting_file", introduction.pk, meeting.pk))
    assert set(response["Cache-Control"].split(", ")) == {"no-store", "private"}
    (event,) = Calendar.from_ical(response.text).walk("VEVENT")
    assert event["DTSTART"].dt.tzinfo.key == "Europe/Berlin"
    asked = page(official, f"{url('meeting_act', introduction.pk, meeting.pk)}?act=cancel")
    assert "Both sides are notified" in asked
    (form,) = [form for form in forms_of(asked) if form.values.get("act") == ["cancel"]]
    assert "cancel" not in acts(meeting_page(official, meeting)), "a question comes first"
    assert Meeting.objects.get().status == "fixed"
    assert send(official, meeting, form.values) == 302
    assert "Cancelled" in meeting_page(chair, meeting)
    assert "/act/" not in meeting_page(chair, meeting)
    for asks in (official, chair):  # nothing is left to ask about
        answer = asks.get(f"{url('meeting_act', introduction.pk, meeting.pk)}?act=cancel")
        assert answer.status_code == 302


def test_times_that_suit_both_are_filled_in_and_times_come_first(zoned_world: World) -> None:
    introduction, official = zoned_world.introduced(), zoned_world.client("official")
    html = page(official, url("meeting_new", introduction.pk))
    (form,) = [form for form in forms_of(html) if "times.0" in form.values]
    assert list(form.values).index("times.0") < list(form.values).index("minutes")
    assert all(
        value.endswith(("T09:00", "T10:00", "T11:00")) for value in form.values["times.0"]
    ), "both are at work then"
    assert official.post(url("meeting_new", introduction.pk), form.values).status_code == 302
    assert Meeting.objects.get().times.count() == 3


def test_ticked_times_are_accepted(zoned_world: World) -> None:
    official, chair = zoned_world.client("official"), zoned_world.client("chair")
    meeting = propose(official, zoned_world.introduced())
    times = list(meeting.times.values_list("pk", flat=True))
    assert send(chair, meeting, {"act": "accept", "time_ids": times[:1]}) == 302
    assert "fix" in acts(meeting_page(official, meeting))
    assert send(chair, meeting, {"act": "accept", "time_ids": "x"}) == 400
    assert send(chair, meeting, {"act": "nonsense"}) == 400


def test_wrong_times_are_explained_and_nothing_is_lost(zoned_world: World) -> None:
    introduction, official = zoned_world.introduced(), zoned_world.client("official")
    response = official.post(
        url("meeting_new", introduction.pk),
        {"times.0": local(10), "times.1": "soon", "minutes": "60", "place": "Kept"},
    )
    html = response.text
    assert response.status_code == 422
    assert "Write date and time, for example" in html
    assert local(10) in html and "soon" in html and "Kept" in html
    assert not Meeting.objects.exists()


def test_staff_choose_whose_clocks_they_write_on(zoned_world: World) -> None:
    curator = zoned_world.client("curator")
    meeting = propose(curator, zoned_world.introduced(), zone_of=str(zoned_world.b.pk))
    html = meeting_page(curator, meeting)
    assert "accept" not in acts(html), "staff accept for no side"
    assert send(curator, meeting, {"act": "accept"}) == 404
    assert send(curator, meeting, acts(html)["fix"]) == 302
    details = {"act": "change", "minutes": "5", "place": ""}
    assert send(curator, meeting, details) == 422
    assert send(curator, meeting, details | {"minutes": "30"}) == 302
    times = {"times.0": local(20), "times.1": local(21), "zone_of": str(zoned_world.a.pk)}
    assert send(curator, meeting, {"act": "times"} | times) == 302
    assert "remains until another one is fixed" in meeting_page(
        zoned_world.client("chair"), meeting
    )


def test_committee_members_and_administrators_read_and_do_not_act(zoned_world: World) -> None:
    introduction = zoned_world.introduced()
    meeting = propose(zoned_world.client("official"), introduction)
    for actor in ("committee_member", "admin"):
        client = zoned_world.client(actor)
        assert acts(meeting_page(client, meeting)) == {}
        assert client.get(url("meeting_new", introduction.pk)).status_code == 404
        assert send(client, meeting, {"act": "cancel"}) == 404


def test_side_closes_its_introduction_by_a_button_of_its_own(zoned_world: World) -> None:
    introduction, chair = zoned_world.introduced(), zoned_world.client("chair")
    assert url("introduction_leave", introduction.pk) in page(
        chair, url("introduction", introduction.pk)
    )
    assert "hidden again for both sides" in page(chair, url("introduction_leave", introduction.pk))
    assert Introduction.objects.get().stage == "introduced", "looking closes nothing"
    assert chair.post(url("introduction_leave", introduction.pk)).status_code == 302
    assert "This introduction is closed." in page(
        zoned_world.client("official"), url("introduction", introduction.pk)
    )
    for actor in ("committee_member", "curator", "other_official"):
        assert (
            zoned_world.client(actor).get(url("introduction_leave", introduction.pk)).status_code
            == 404
        )


# Meetings through the API: both sides and staff, one act a key, and the calendar file.


JSON = "application/json"


def base(world: World, introduction: Introduction, side: str) -> str:
    if side == "staff":
        return f"/api/v1/staff/introductions/{introduction.pk}/meetings/"
    return (
        f"/api/v1/communities/{getattr(world, side).pk}/introductions/{introduction.pk}/meetings/"
    )


def in_days(days: int) -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(days=days)).replace(microsecond=0).isoformat()


def post(client: Client, address: str, body: dict[str, Any] | None = None, **more: Any) -> Any:
    return client.post(address, body or {}, content_type=JSON, **more)


def test_meeting_from_proposal_to_calendar(world: World) -> None:
    introduction = world.introduced()
    official, chair = world.client("official"), world.client("chair")
    of_a, of_b = (base(world, introduction, side) for side in ("a", "b"))
    made = post(official, of_a, {"times": [in_days(5), in_days(6)], "place": "Town hall"})
    assert made.status_code == 201, made.content
    number = made.json()["id"]
    first, second = (time["id"] for time in made.json()["times"])
    seen = chair.get(f"{of_b}{number}/").json()
    assert [clock["community_id"] for clock in seen["times"][0]["clocks"]] == [
        world.b.pk,
        world.a.pk,
    ]
    assert chair.get(f"{of_b}{number}/calendar/").status_code == 404
    assert post(chair, f"{of_b}{number}/accept/", {"time_ids": [second]}).json()["times"][1][
        "accepted_by"
    ] == [world.b.pk, world.a.pk]
    assert post(official, f"{of_a}{number}/fix/", {"time_id": first}).status_code == 409
    assert post(official, f"{of_a}{number}/fix/", {"time_id": second}).json()["status"] == "fixed"
    response = chair.get(f"{of_b}{number}/calendar/")
    assert (response["Content-Type"], response["Cache-Control"]) == (
        "text/calendar; charset=utf-8; method=REQUEST",
        "private, no-store",
    )
    assert Calendar.from_ical(response.text).walk("VEVENT")[0]["SEQUENCE"] == 0
    assert (
        post(chair, f"{of_b}{number}/details/", {"minutes": 45, "place": ""}).json()["sequence"]
        == 1
    )
    assert post(official, f"{of_a}{number}/cancel/").json()["status"] == "cancelled"
    assert "method=CANCEL" in chair.get(f"{of_b}{number}/calendar/")["Content-Type"]
    assert [row["id"] for row in chair.get(of_b).json()["results"]] == [number]


def test_staff_propose_in_a_sides_time_and_fix(world: World) -> None:
    introduction, curator = world.introduced(), world.client("curator")
    address, year = base(world, introduction, "staff"), dt.datetime.now(dt.UTC).year + 1
    body = {"times": [f"{year}-02-10T09:00", f"{year}-02-11T09:00"]}
    assert post(curator, address, body).status_code == 422
    made = post(curator, address, body | {"zone_of_id": world.a.pk}).json()
    assert made["times"][0]["clocks"][0]["local"] == f"{year}-02-10T09:00"
    assert (
        post(curator, f"{address}{made['id']}/fix/", {"time_id": made["times"][0]["id"]}).json()[
            "status"
        ]
        == "fixed"
    )
    assert post(curator, f"{address}{made['id']}/accept/", {"time_ids": []}).status_code == 404


def test_time_in_a_gap_is_refused_with_a_correction(world: World) -> None:
    world.a.timezone = "America/New_York"
    world.a.save()
    year = dt.datetime.now(dt.UTC).year + 1
    second_sunday = next(day for day in range(8, 15) if dt.date(year, 3, day).weekday() == 6)
    if dt.datetime(year, 3, second_sunday, tzinfo=dt.UTC) > dt.datetime.now(dt.UTC) + dt.timedelta(
        days=366
    ):
        pytest.skip("the next change of the clocks lies more than a year ahead")
    times = [f"{year}-03-{second_sunday:02}T02:30", f"{year}-02-01T10:00"]
    response = post(
        world.client("official"), base(world, world.introduced(), "a"), {"times": times}
    )
    assert response.status_code == 422
    assert "go forward from 02:00 to 03:00" in response.json()["errors"]["times.0"][0]


def test_same_key_proposes_once(world: World) -> None:
    introduction, official = world.introduced(), world.client("official")
    body, key = {"times": [in_days(5), in_days(6)]}, {"headers": {"Idempotency-Key": "meet-1"}}
    first, again = (post(official, base(world, introduction, "a"), body, **key) for _ in range(2))
    assert first.content == again.content
    assert Meeting.objects.count() == 1


@pytest.mark.parametrize(
    "actor", ["committee_member", "other_official", "stranger", "admin", "curator", "visitor"]
)
def test_others_cannot_act_for_a_side(world: World, actor: str) -> None:
    introduction = world.introduced()
    made = post(
        world.client("official"),
        base(world, introduction, "a"),
        {"times": [in_days(5), in_days(6)]},
    ).json()
    side = "b" if actor == "committee_member" else "a"
    address = f"{base(world, introduction, side)}{made['id']}/"
    for act, body in (
        ("cancel", {}),
        ("fix", {"time_id": made["times"][0]["id"]}),
        ("accept", {"time_ids": []}),
    ):
        response = post(world.client(actor), f"{address}{act}/", body)
        assert response.status_code == (401 if actor == "visitor" else 404), act
    assert Meeting.objects.get().status == "proposed"
