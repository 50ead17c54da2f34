"""Meetings: every act × every actor × every state, times on both clocks, and the mails with their
calendar files.
"""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.db import transaction
from icalendar import Calendar

from backend.common.errors import Conflict, DomainError, InvalidFields, NotVisible, WrongState
from backend.introductions.meeting_times import read_times
from backend.introductions.models import Introduction, Meeting, MeetingTime, TimeAcceptance
from backend.introductions.queries.meetings import (
    clocks,
    meetings_in,
    suggested_times,
    times_now,
    view_of,
)
from backend.introductions.services.introductions import leave_introduction, move_introduction
from backend.introductions.services.meetings import (
    accept_times,
    cancel_meeting,
    change_meeting,
    fix_meeting,
    propose_meeting,
    propose_other_times,
)
from backend.introductions.states import MEETING_TRANSITIONS
from backend.notifications.models import Notification
from backend.outbox.models import Event
from tests.actors import SIGNED_IN, World, contact_of, make_world
from tests.division import one_in

pytestmark = pytest.mark.usefixtures("shared_world")
S = Meeting.Status
SPEAKERS = {"official": "a", "chair": "b"}
NOW = dt.datetime(2027, 1, 4, 12, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def shared_world(module_db: None) -> World:
    world = make_world()
    for community, zone in ((world.a, "America/New_York"), (world.b, "Europe/Berlin")):
        community.timezone = zone
        community.save()
    return world


def in_days(days: int) -> str:
    return (
        (dt.datetime.now(dt.UTC) + dt.timedelta(days=days))
        .replace(hour=15, minute=0, second=0, microsecond=0)
        .isoformat()
    )


def where(
    world: World, actor: str, introduction: Introduction, meeting: Meeting | None = None
) -> dict[str, Any]:
    """Who acts, on what, and as whom: staff as staff, everybody else as the side that they
    claim.
    """
    side = {"committee_member": world.b, "chair": world.b}.get(actor, world.a)
    named = {
        "by": world.user(actor),
        "introduction_id": introduction.pk,
        "side_id": None if actor in ("curator", "admin") else side.pk,
    }
    return named | ({"meeting_id": meeting.pk} if meeting else {})


def proposed(
    world: World, by: str = "official", introduction: Introduction | None = None
) -> Meeting:
    introduction = introduction or world.introduced()
    return propose_meeting(
        **where(world, by, introduction),
        times=[in_days(7), in_days(8), in_days(9)],
        place="Town hall",
    )


def fixed(world: World) -> Meeting:
    meeting = proposed(world)
    return fix_meeting(
        **where(world, "curator", meeting.introduction, meeting), time_id=times_now(meeting)[0].pk
    )


ACTS: dict[str, Callable[[World, str, Meeting], Any]] = {
    "propose": lambda w, x, m: propose_meeting(
        **where(w, x, m.introduction), times=[in_days(3), in_days(4)]
    ),
    "times": lambda w, x, m: propose_other_times(
        **where(w, x, m.introduction, m), times=[in_days(3), in_days(4)]
    ),
    "change": lambda w, x, m: change_meeting(
        **where(w, x, m.introduction, m), minutes=30, place="Elsewhere"
    ),
    "cancel": lambda w, x, m: cancel_meeting(**where(w, x, m.introduction, m)),
}


@pytest.mark.parametrize(
    ("act", "stage"), one_in(3, itertools.product(ACTS, Introduction.Stage.values))
)
def test_who_may_do_what_in_which_column(world: World, act: str, stage: str) -> None:
    meeting = proposed(world)
    Introduction.objects.filter(pk=meeting.introduction_id).update(
        stage=stage, close_reason="other" if stage == "closed" else ""
    )
    before = Event.objects.count()
    for actor in SIGNED_IN:
        with transaction.atomic():
            refused: DomainError | None = None
            try:
                with transaction.atomic():
                    ACTS[act](world, actor, meeting)
            except DomainError as error:
                refused = error
            if actor not in (*SPEAKERS, "curator"):
                assert isinstance(refused, NotVisible), (actor, refused)
            elif stage == "to_introduce":
                assert isinstance(refused, WrongState if actor == "curator" else NotVisible), (
                    actor,
                    refused,
                )
            elif stage == "closed":
                assert isinstance(refused, WrongState), (actor, refused)
            else:
                assert refused is None, (actor, refused)
            assert Event.objects.count() == before + (refused is None)
            transaction.set_rollback(True)


@pytest.mark.parametrize("status", S.values)
def test_cancelled_meeting_takes_no_more_acts(world: World, status: str) -> None:
    meeting = proposed(world) if status == S.PROPOSED else fixed(world)
    if status == S.CANCELLED:
        cancel_meeting(**where(world, "chair", meeting.introduction, meeting))
    for act in ("times", "change", "cancel"):
        with transaction.atomic():
            if status == S.CANCELLED:
                with pytest.raises(WrongState):
                    ACTS[act](world, "official", meeting)
            else:
                ACTS[act](world, "official", meeting)
            transaction.set_rollback(True)
    assert set(MEETING_TRANSITIONS) == set(S.values)


def test_meeting_of_another_introduction_is_not_reached(world: World) -> None:
    meeting = proposed(world)
    Introduction.objects.filter(pk=meeting.introduction_id).update(
        stage="closed", close_reason="other"
    )
    other = Introduction.objects.create(
        pair=world.pair,
        opened_by=world.user("curator"),
        opened_because="Again.",
        stage="introduced",
    )
    with pytest.raises(NotVisible):
        cancel_meeting(**(where(world, "official", other) | {"meeting_id": meeting.pk}))


def test_side_that_proposes_can_come_and_the_other_chooses(world: World) -> None:
    meeting = proposed(world)
    first, second, _third = times_now(meeting)
    assert set(TimeAcceptance.objects.values_list("community_id", flat=True)) == {world.a.pk}
    with pytest.raises(WrongState):
        fix_meeting(**where(world, "official", meeting.introduction, meeting), time_id=first.pk)
    done = fix_meeting(**where(world, "chair", meeting.introduction, meeting), time_id=second.pk)
    assert (done.status, done.starts_at, done.sequence) == (S.FIXED, second.starts_at, 0)
    with pytest.raises(Conflict):
        fix_meeting(**where(world, "chair", meeting.introduction, meeting), time_id=second.pk)


def test_accepting_says_exactly_which_times(world: World) -> None:
    meeting = proposed(world, by="curator")
    first, second, third = (row.pk for row in times_now(meeting))
    chair = where(world, "chair", meeting.introduction, meeting)
    accept_times(**chair, time_ids=[first, second])
    accept_times(**chair, time_ids=[second, third])
    assert set(TimeAcceptance.objects.values_list("time_id", "community_id")) == {
        (second, world.b.pk),
        (third, world.b.pk),
    }
    propose_other_times(
        **where(world, "official", meeting.introduction, meeting), times=[in_days(3), in_days(4)]
    )
    with pytest.raises(InvalidFields):
        accept_times(**chair, time_ids=[second])
    with pytest.raises(NotVisible):
        accept_times(
            **(where(world, "committee_member", meeting.introduction, meeting)), time_ids=[]
        )


def test_time_that_has_passed_is_not_fixed(world: World) -> None:
    meeting = proposed(world)
    first = times_now(meeting)[0]
    MeetingTime.objects.filter(pk=first.pk).update(
        starts_at=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    )
    with pytest.raises(WrongState):
        fix_meeting(**where(world, "curator", meeting.introduction, meeting), time_id=first.pk)


def test_local_times_are_those_of_the_side_that_writes(world: World) -> None:
    year = dt.datetime.now(dt.UTC).year + 1
    written = [f"{year}-02-10T09:00", f"{year}-02-11T09:00"]
    introduction = world.introduced()
    of_a = propose_meeting(**where(world, "official", introduction), times=written)
    of_b = propose_meeting(**where(world, "chair", introduction), times=written)
    by_staff = propose_meeting(
        **where(world, "curator", introduction), times=written, zone_of_id=world.b.pk
    )
    starts = [
        times_now(meeting)[0].starts_at.isoformat()[:16] for meeting in (of_a, of_b, by_staff)
    ]
    assert starts == [f"{year}-02-10T14:00", f"{year}-02-10T08:00", f"{year}-02-10T08:00"]
    with pytest.raises(InvalidFields):
        propose_meeting(**where(world, "curator", introduction), times=written)
    with pytest.raises(InvalidFields):
        propose_meeting(
            **where(world, "curator", introduction), times=written, zone_of_id=world.c.pk
        )


@pytest.mark.parametrize(
    ("times", "field", "words"),
    [
        (["2027-03-14T02:30", "2027-03-15T10:00"], "times.0", "go forward from 02:00 to 03:00"),
        (
            ["2027-03-15T10:00", "2027-11-07T01:30"],
            "times.1",
            "comes twice. Choose 00:45 or earlier, or 02:00 or later",
        ),
        (["2027-03-15T10:00"], "times", "two to five"),
        ([f"2027-03-{day}T10:00" for day in range(10, 16)], "times", "two to five"),
        (["2027-03-15T10:00", "2027-03-15T14:00+00:00"], "times.1", "twice"),
        (["2027-03-15T10:00", "2026-12-01T10:00"], "times.1", "within a year"),
        (["2027-03-15T10:00", "2029-01-01T10:00"], "times.1", "within a year"),
        (["2027-03-15T10:00", "soon"], "times.1", "for example 2027-03-15T14:00"),
        (["2027-03-15T10:00", "0001-01-01T00:00+23:00"], "times.1", ""),
        (["2027-03-15T10:00", ""], "times.1", "for example"),
    ],
)
def test_wrong_times_are_named_with_a_correction(times: list[str], field: str, words: str) -> None:
    with pytest.raises(InvalidFields) as caught:
        read_times(times, ZoneInfo("America/New_York"), NOW)
    assert words in caught.value.errors[field][0]


def test_repeated_hour_can_be_said_with_its_offset() -> None:
    moments = read_times(
        ["2027-11-07T01:30-05:00", "2027-11-07T01:30-04:00"], ZoneInfo("America/New_York"), NOW
    )
    assert [moment.hour for moment in moments] == [5, 6]


@pytest.mark.parametrize(
    "values", [{"minutes": 10}, {"minutes": 481}, {"place": "x" * 301}, {"place": "two\nlines"}]
)
def test_wrong_details_are_named(world: World, values: dict[str, Any]) -> None:
    with pytest.raises(InvalidFields) as caught:
        propose_meeting(
            **where(world, "official", world.introduced()), times=[in_days(3), in_days(4)], **values
        )
    assert set(caught.value.errors) == set(values)
    assert not Meeting.objects.exists()


def test_view_shows_both_clocks_own_side_first(world: World) -> None:
    meeting = fixed(world)
    for own, first in ((world.b.pk, world.b), (world.a.pk, world.a), (None, world.a)):
        view = view_of(meetings_in(meeting.introduction).get(), own)
        assert view.clocks[0].community == first
        for clock in view.clocks:
            assert meeting.starts_at is not None
            assert clock.when == meeting.starts_at.astimezone(
                ZoneInfo(clock.community.timezone)
            ).replace(tzinfo=None)


def test_suggested_times_lie_in_both_working_days(world: World) -> None:
    found = suggested_times(
        Introduction.objects.select_related("pair__a", "pair__b").get(pk=world.introduced().pk),
        world.b.pk,
    )
    assert len(found) == 3
    for time in found:
        assert [clock.community for clock in time.clocks] == [world.b, world.a]
        assert all(9 <= clock.when.hour < 17 for clock in time.clocks)
        assert not time.is_edge


def test_clocks_of_a_place_without_a_zone_are_utc(world: World) -> None:
    world.a.timezone = ""
    assert [clock.zone for clock in clocks(NOW, (world.a, world.b))] == ["UTC", "Europe/Berlin"]


@pytest.mark.parametrize("how", ["staff", "side"])
def test_meetings_to_come_end_with_the_introduction(world: World, how: str) -> None:
    meeting = fixed(world)
    held = proposed(world, introduction=meeting.introduction)
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=3)
    Meeting.objects.filter(pk=held.pk).update(
        status=S.FIXED, starts_at=long_ago, fixed_by=world.user("curator")
    )
    if how == "staff":
        move_introduction(
            by=world.user("curator"),
            introduction_id=meeting.introduction_id,
            stage="closed",
            close_reason="other",
        )
    else:
        leave_introduction(
            by=world.user("chair"), introduction_id=meeting.introduction_id, side_id=world.b.pk
        )
    assert set(Meeting.objects.values_list("pk", "status")) == {
        (meeting.pk, S.CANCELLED),
        (held.pk, S.FIXED),
    }
    assert Event.objects.filter(topic="meeting_cancelled").count() == 1


def calendar_mails() -> list[tuple[str, Calendar]]:
    """(recipient, calendar) of each mail that carries one, in the order of sending."""
    found = []
    for sent in mail.outbox:
        parsed = email.message_from_bytes(sent.message().as_bytes(), policy=email.policy.default)
        for part in parsed.iter_attachments():
            assert part.get_content_type() == "text/calendar"
            calendar = Calendar.from_ical(part.get_content())
            assert part.get_param("method") == str(calendar["METHOD"])
            assert part.get_filename() == "meeting.ics"
            found.append((sent.to[0], calendar))
    return found


def test_both_sides_get_the_meeting_its_change_and_its_end_by_mail(
    world: World, drain: Callable[[], int]
) -> None:
    contacts = [contact_of(side).email for side in (world.a, world.b)]
    meeting = fixed(world)
    world.consent(meeting.introduction, world.a, world.b)
    drain()
    change_meeting(
        **where(world, "official", meeting.introduction, meeting), minutes=90, place="City hall"
    )
    drain()
    cancel_meeting(**where(world, "chair", meeting.introduction, meeting))
    drain()
    people = {world.user(actor).email for actor in ("official", "committee_member", "chair")}
    notified = calendar_mails()
    for address in people:
        mine = [calendar for recipient, calendar in notified if recipient == address]
        events = [calendar.walk("VEVENT")[0] for calendar in mine]
        assert [str(calendar["METHOD"]) for calendar in mine] == ["REQUEST", "REQUEST", "CANCEL"]
        assert [event["SEQUENCE"] for event in events] == [0, 1, 2]
        assert {str(event["UID"]) for event in events} == {str(events[0]["UID"])}
        assert {str(event["ATTENDEE"]) for event in events} == {f"mailto:{address}"}
        zone = "America/New_York" if address == world.user("official").email else "Europe/Berlin"
        assert {str(event["DTSTART"].params["TZID"]) for event in events} == {zone}
    assert {recipient for recipient, _calendar in notified} == people
    assert all(
        contact not in sent.message().as_string() for sent in mail.outbox for contact in contacts
    )


def test_who_asks_is_not_notified_and_the_owner_is(world: World, drain: Callable[[], int]) -> None:
    introduction = world.introduced(owner=world.user("curator"))
    meeting = proposed(world, introduction=introduction)
    accept_times(
        **where(world, "chair", introduction, meeting), time_ids=[times_now(meeting)[0].pk]
    )
    drain()
    notified = {
        kind: set(Notification.objects.filter(kind=kind).values_list("recipient__email", flat=True))
        for kind in ("meeting_proposed", "meeting_answered")
    }
    mails = {
        actor: world.user(actor).email
        for actor in ("official", "committee_member", "chair", "curator")
    }
    assert notified["meeting_proposed"] == {
        mails["committee_member"],
        mails["chair"],
        mails["curator"],
    }
    assert notified["meeting_answered"] == {mails["official"], mails["curator"]}


def test_mail_backend_writes_the_file_into_the_folder(
    world: World, drain: Callable[[], int], settings: Any, tmp_path: Path
) -> None:
    settings.EMAIL_BACKEND = "backend.notifications.mail_files.FolderBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    fixed(world)
    drain()
    assert any(b"text/calendar" in path.read_bytes() for path in tmp_path.glob("*.eml"))
