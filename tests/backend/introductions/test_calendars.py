"""Calendar files: read back, their VTIMEZONE worked out by the rules of RFC 5545 and held against
zoneinfo.
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from backend.common.errors import NotVisible
from backend.introductions.meeting_times import calendar_entry, timezone_component
from backend.introductions.models import Meeting
from backend.introductions.queries.meetings import times_now
from backend.introductions.services.meetings import (
    cancel_meeting,
    change_meeting,
    fix_meeting,
    propose_meeting,
    propose_other_times,
)
from tests.actors import World, contact_of, make_world

ZONES = [
    "America/New_York",
    "Europe/Berlin",
    "Europe/Dublin",
    "Asia/Tokyo",
    "Asia/Tehran",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
    "UTC",
]


def onsets_of(component: Any) -> list[tuple[dt.datetime, dt.timedelta]]:
    """From when on which offset holds, as a calendar program reads it from VTIMEZONE, in order of
    time; an onset is local time by TZOFFSETFROM.
    """
    onsets = []
    for observance in component.subcomponents:
        start, before, after = (
            observance[name] for name in ("DTSTART", "TZOFFSETFROM", "TZOFFSETTO")
        )
        onsets.append(((start.dt - before.td).replace(tzinfo=dt.UTC), after.td))
    return sorted(onsets)


@pytest.mark.parametrize("name", ZONES)
def test_vtimezone_says_what_zoneinfo_says(name: str) -> None:
    zone = ZoneInfo(name)
    for year in (2026, 2027):
        component = Calendar.from_ical(
            _wrapped(timezone_component(zone, dt.datetime(year, 6, 1, tzinfo=dt.UTC)).to_ical())
        ).walk("VTIMEZONE")[0]
        onsets = onsets_of(component)
        moment = dt.datetime(year, 1, 1, tzinfo=dt.UTC)
        while moment.year < year + 2:
            offset = [after for onset, after in onsets if onset <= moment][-1]
            assert offset == moment.astimezone(zone).utcoffset(), moment
            moment += dt.timedelta(minutes=30)


def _wrapped(component: bytes) -> bytes:
    return b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n" + component + b"END:VCALENDAR\r\n"


@pytest.fixture
def world(db: None) -> World:
    world = make_world()
    for community, zone in ((world.a, "America/New_York"), (world.b, "Europe/Berlin")):
        community.timezone = zone
        community.save()
    return world


def in_days(days: int, hour: int = 15) -> str:
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    return moment.replace(hour=hour, minute=0, second=0, microsecond=0).isoformat()


def proposed(world: World, **values: Any) -> tuple[int, Meeting]:
    introduction = world.introduced()
    given: dict[str, Any] = {
        "times": [in_days(10), in_days(11)],
        "place": "https://meet.example/alpha; room, 1",
    }
    meeting = propose_meeting(
        by=world.user("curator"), introduction_id=introduction.pk, side_id=None, **(given | values)
    )
    return introduction.pk, meeting


def fix(world: World, introduction_id: int, meeting: Meeting, index: int = 0) -> Meeting:
    time_id = times_now(Meeting.objects.get(pk=meeting.pk))[index].pk
    return fix_meeting(
        by=world.user("curator"),
        introduction_id=introduction_id,
        meeting_id=meeting.pk,
        side_id=None,
        time_id=time_id,
    )


def entry(world: World, meeting: Meeting, side: str = "b") -> tuple[Calendar, Any, str]:
    fresh = Meeting.objects.select_related("introduction__pair__a", "introduction__pair__b").get(
        pk=meeting.pk
    )
    text = calendar_entry(
        fresh, reader_email="chair@example.org", own=getattr(world, side)
    ).decode()
    calendar = Calendar.from_ical(text)
    (event,) = calendar.walk("VEVENT")
    return calendar, event, text


def test_no_file_before_a_time_is_fixed(world: World) -> None:
    _introduction_id, meeting = proposed(world)
    with pytest.raises(NotVisible):
        entry(world, meeting)


@pytest.mark.parametrize(("side", "zone"), [("a", "America/New_York"), ("b", "Europe/Berlin")])
def test_file_is_in_the_zone_of_its_reader(world: World, side: str, zone: str) -> None:
    introduction_id, meeting = proposed(world)
    meeting = fix(world, introduction_id, meeting)
    calendar, event, text = entry(world, meeting, side)
    assert calendar["METHOD"] == "REQUEST"
    assert event["DTSTART"].params["TZID"] == calendar.walk("VTIMEZONE")[0]["TZID"] == zone
    assert event["DTSTART"].dt.astimezone(dt.UTC) == meeting.starts_at
    assert event["DURATION"].dt == dt.timedelta(minutes=60)
    assert event["LOCATION"] == "https://meet.example/alpha; room, 1"
    assert "2027" in text or "2026" in text
    assert str(event["ATTENDEE"]) == "mailto:chair@example.org"


def test_same_entry_rises_in_sequence_with_each_change_and_is_cancelled(world: World) -> None:
    introduction_id, meeting = proposed(world)
    curator = world.user("curator")
    where: dict[str, Any] = {
        "by": curator,
        "introduction_id": introduction_id,
        "meeting_id": meeting.pk,
        "side_id": None,
    }
    fix(world, introduction_id, meeting)
    seen = [entry(world, meeting)]
    change_meeting(minutes=90, place="City hall", **where)
    seen.append(entry(world, meeting))
    change_meeting(minutes=90, place="City hall", **where)  # the same again is no change
    propose_other_times(times=[in_days(20), in_days(21)], **where)
    assert entry(world, meeting)[1]["SEQUENCE"] == 1
    fix(world, introduction_id, meeting, index=1)
    seen.append(entry(world, meeting))
    cancel_meeting(**where)
    seen.append(entry(world, meeting))
    assert [event["SEQUENCE"] for _calendar, event, _text in seen] == [0, 1, 2, 3]
    assert len({event["UID"] for _calendar, event, _text in seen}) == 1
    assert [calendar["METHOD"] for calendar, _event, _text in seen] == [
        "REQUEST",
        "REQUEST",
        "REQUEST",
        "CANCEL",
    ]
    assert [event["STATUS"] for _calendar, event, _text in seen] == ["CONFIRMED"] * 3 + [
        "CANCELLED"
    ]
    assert seen[2][1]["DTSTART"].dt.astimezone(dt.UTC).isoformat() == in_days(21)


@pytest.mark.parametrize("consented", [False, True])
def test_file_holds_no_contacts_whatever_was_consented(world: World, consented: bool) -> None:
    introduction_id, meeting = proposed(world)
    contacts = [contact_of(side) for side in (world.a, world.b)]
    if consented:
        world.consent(meeting.introduction, world.a, world.b)
    text = entry(world, fix(world, introduction_id, meeting))[2]
    unfolded = text.replace("\r\n ", "")
    assert all(
        contact.email not in unfolded and contact.name not in unfolded for contact in contacts
    )
    others = [person.email for name, person in world.people.items() if name != "chair"]
    assert all(address not in unfolded for address in others)
