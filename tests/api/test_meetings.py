"""Meetings through the API: both sides and staff, one act a key, and the calendar file."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from icalendar import Calendar

from backend.introductions.models import Introduction, Meeting
from tests.actors import World

JSON = "application/json"


def base(world: World, introduction: Introduction, side: str) -> str:
    if side == "staff":
        return f"/api/v1/staff/introductions/{introduction.pk}/meetings/"
    return f"/api/v1/communities/{getattr(world, side).pk}/introductions/{introduction.pk}/meetings/"


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
    assert [clock["community_id"] for clock in seen["times"][0]["clocks"]] == [world.b.pk, world.a.pk]
    assert chair.get(f"{of_b}{number}/calendar/").status_code == 404
    assert post(chair, f"{of_b}{number}/accept/", {"time_ids": [second]}).json()["times"][1]["accepted_by"] == [world.b.pk, world.a.pk]
    assert post(official, f"{of_a}{number}/fix/", {"time_id": first}).status_code == 409
    assert post(official, f"{of_a}{number}/fix/", {"time_id": second}).json()["status"] == "fixed"
    answer = chair.get(f"{of_b}{number}/calendar/")
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("text/calendar; charset=utf-8; method=REQUEST", "private, no-store")
    assert Calendar.from_ical(answer.content.decode()).walk("VEVENT")[0]["SEQUENCE"] == 0
    assert post(chair, f"{of_b}{number}/details/", {"minutes": 45, "place": ""}).json()["sequence"] == 1
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
    assert post(curator, f"{address}{made['id']}/fix/", {"time_id": made["times"][0]["id"]}).json()["status"] == "fixed"
    assert post(curator, f"{address}{made['id']}/accept/", {"time_ids": []}).status_code == 404


def test_time_in_a_gap_is_refused_with_its_mend(world: World) -> None:
    world.a.timezone = "America/New_York"
    world.a.save()
    year = dt.datetime.now(dt.UTC).year + 1
    second_sunday = next(day for day in range(8, 15) if dt.date(year, 3, day).weekday() == 6)
    if dt.datetime(year, 3, second_sunday, tzinfo=dt.UTC) > dt.datetime.now(dt.UTC) + dt.timedelta(days=366):
        pytest.skip("the next change of the clocks lies more than a year ahead")
    times = [f"{year}-03-{second_sunday:02}T02:30", f"{year}-02-01T10:00"]
    answer = post(world.client("official"), base(world, world.introduced(), "a"), {"times": times})
    assert answer.status_code == 422
    assert "go forward from 02:00 to 03:00" in answer.json()["errors"]["times.0"][0]


def test_same_key_proposes_once(world: World) -> None:
    introduction, official = world.introduced(), world.client("official")
    body, key = {"times": [in_days(5), in_days(6)]}, {"headers": {"Idempotency-Key": "meet-1"}}
    first, again = (post(official, base(world, introduction, "a"), body, **key) for _ in range(2))
    assert first.content == again.content
    assert Meeting.objects.count() == 1


@pytest.mark.parametrize("actor", ["committee_member", "other_official", "stranger", "admin", "curator", "visitor"])
def test_others_cannot_act_for_a_side(world: World, actor: str) -> None:
    introduction = world.introduced()
    made = post(world.client("official"), base(world, introduction, "a"), {"times": [in_days(5), in_days(6)]}).json()
    side = "b" if actor == "committee_member" else "a"
    address = f"{base(world, introduction, side)}{made['id']}/"
    for act, body in (("cancel", {}), ("fix", {"time_id": made["times"][0]["id"]}), ("accept", {"time_ids": []})):
        answer = post(world.client(actor), f"{address}{act}/", body)
        assert answer.status_code == (401 if actor == "visitor" else 404), act
    assert Meeting.objects.get().status == "proposed"
