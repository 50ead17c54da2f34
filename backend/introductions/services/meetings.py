"""Meetings: either side or staff propose times, each side accepts what suits it, and one is fixed,
moved or cancelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.models import Community
from backend.cities.permissions import require_in, require_staff
from backend.common.bounds import longest
from backend.common.dates import database_now
from backend.common.errors import Conflict, InvalidFields, NotVisible, WrongState
from backend.common.local_times import zone_of
from backend.common.transitions import change_state
from backend.introductions.meeting_times import read_times
from backend.introductions.models import Introduction, Meeting, MeetingTime, TimeAcceptance
from backend.introductions.models.meetings import LONGEST_MINUTES, SHORTEST_MINUTES, USUAL_MINUTES
from backend.introductions.queries.meetings import times_now
from backend.introductions.services.locks import lock_introduction, require_one_side_of
from backend.introductions.states import MEETING_TRANSITIONS
from backend.outbox.services import record
from backend.outbox.topics import Topic

_STATUS = Meeting.Status
MOST_MEETINGS = 50
_CLOSED_TO_MEETINGS = (Introduction.Stage.TO_INTRODUCE, Introduction.Stage.CLOSED)


def _lock(introduction_id: int, by: User, side_id: int | None) -> Introduction:
    """The introduction, locked, for who may act in it: as ``side_id``, or as staff where it is
    None. Raises NotVisible, WrongState.
    """
    if side_id is None:
        require_staff(by, Verb.ACT, Resource.INTRODUCTION)
    else:
        # Who consents for a side also arranges its meetings; staff have their own way in
        require_in(by, side_id, Verb.ACT, Resource.CONSENT)
    introduction = lock_introduction(introduction_id)
    if side_id is not None and side_id not in (introduction.pair.a_id, introduction.pair.b_id):
        raise NotVisible
    if introduction.stage in _CLOSED_TO_MEETINGS:
        if side_id is not None and introduction.stage == Introduction.Stage.TO_INTRODUCE:
            raise NotVisible
        raise WrongState(
            _(
                "Meetings are arranged once the two are introduced, and until the introduction "
                "is closed."
            )
        )
    return introduction


def _lock_meeting(introduction_id: int, meeting_id: int, by: User, side_id: int | None) -> Meeting:
    introduction = _lock(introduction_id, by, side_id)
    meeting = introduction.meetings.filter(pk=meeting_id).first()
    if meeting is None:
        raise NotVisible
    meeting.introduction = introduction
    return meeting


def _lock_open_meeting(
    introduction_id: int, meeting_id: int, by: User, side_id: int | None
) -> Meeting:
    meeting = _lock_meeting(introduction_id, meeting_id, by, side_id)
    if meeting.status == _STATUS.CANCELLED:
        raise WrongState(_("This meeting is cancelled; propose a new one."))
    return meeting


def _record(topic: Topic, meeting: Meeting, by: User, **payload: Any) -> None:
    record(topic, subject=meeting.introduction, by=by, meeting=meeting.pk, **payload)


def _check_details(minutes: int, place: str) -> None:
    errors = {}
    if not SHORTEST_MINUTES <= minutes <= LONGEST_MINUTES:
        errors["minutes"] = [_("Choose a length from 15 minutes to 8 hours.")]
    if len(place) > longest(Meeting, "place") or any(ord(sign) < 32 for sign in place):
        errors["place"] = [_("Write the place or the link on one line of at most 300 characters.")]
    if errors:
        raise InvalidFields(errors)


def _store_times(
    meeting: Meeting, times: Sequence[str], by: User, side_id: int | None, zone_of_id: int | None
) -> int:
    """Reads and stores a round of proposed times; who proposes them as a side can come at each.
    Returns the round. Raises ActsForOtherSide.
    """
    if side_id is not None:
        require_one_side_of(meeting.introduction, by, side_id)
    writer_id = zone_of_id or side_id
    writer = Community.objects.filter(pk=writer_id).first() if writer_id is not None else None
    pair = meeting.introduction.pair
    if zone_of_id is not None and zone_of_id not in (pair.a_id, pair.b_id):
        raise InvalidFields({"zone_of": [_("Name the side in whose local time you write.")]})
    moments = read_times(times, zone_of(writer.timezone) if writer else None, database_now())
    last = meeting.times.order_by("-round").values_list("round", flat=True).first() or 0
    rows = MeetingTime.objects.bulk_create(
        MeetingTime(meeting=meeting, round=last + 1, starts_at=moment) for moment in moments
    )
    if side_id is not None:
        TimeAcceptance.objects.bulk_create(
            TimeAcceptance(time=row, community_id=side_id, by=by) for row in rows
        )
    return last + 1


@transaction.atomic
def propose_meeting(
    *,
    by: User,
    introduction_id: int,
    side_id: int | None,
    times: Sequence[str],
    minutes: int = USUAL_MINUTES,
    place: str = "",
    zone_of_id: int | None = None,
) -> Meeting:
    """Proposes two to five times for a meeting.

    Args:
        side_id: the community for which ``by`` speaks; None for staff.
        times: ISO 8601; one without an offset is a local time of ``zone_of_id`` (or else
            ``side_id``).
        minutes: 15 to 480. place: a room or a link, at most 300 characters on one line.

    Raises:
        NotVisible: neither a speaker of that side nor a curator. WrongState: not introduced,
            closed, or too many meetings.
        InvalidFields: by ``times.<index>``, ``minutes``, ``place``; a time that the clocks skip or
            repeat is refused with a correction.
        ActsForOtherSide: see ``require_one_side_of``; also of other times, accepting and fixing.
    """
    introduction = _lock(introduction_id, by, side_id)
    _check_details(minutes, place)
    if introduction.meetings.count() >= MOST_MEETINGS:
        raise WrongState(_("This introduction has had as many meetings as it can hold."))
    meeting = Meeting.objects.create(
        introduction=introduction, minutes=minutes, place=place.strip(), proposed_by=by
    )
    _store_times(meeting, times, by, side_id, zone_of_id)
    _record(Topic.MEETING_PROPOSED, meeting, by, side=side_id, times=len(times))
    return meeting


@transaction.atomic
def propose_other_times(
    *,
    by: User,
    introduction_id: int,
    meeting_id: int,
    side_id: int | None,
    times: Sequence[str],
    zone_of_id: int | None = None,
) -> Meeting:
    """Proposes other times for a meeting; one that is fixed stays so until another time is. Raises
    as ``propose_meeting``.
    """
    meeting = _lock_open_meeting(introduction_id, meeting_id, by, side_id)
    _store_times(meeting, times, by, side_id, zone_of_id)
    _record(Topic.MEETING_PROPOSED, meeting, by, side=side_id, times=len(times))
    return meeting


@transaction.atomic
def accept_times(
    *, by: User, introduction_id: int, meeting_id: int, side_id: int, time_ids: Sequence[int]
) -> Meeting:
    """Says at which of the proposed times a side can come: exactly these, instead of what it said
    before.

    Raises NotVisible, WrongState (cancelled), InvalidFields (``time_ids``: not of the last
    proposal).
    """
    meeting = _lock_open_meeting(introduction_id, meeting_id, by, side_id)
    require_one_side_of(meeting.introduction, by, side_id)
    proposed = {row.pk for row in times_now(meeting)}
    chosen = set(time_ids)
    if chosen - proposed:
        raise InvalidFields(
            {"time_ids": [_("Choose among the times that are proposed now; reload to see them.")]}
        )
    own = TimeAcceptance.objects.filter(time__in=proposed, community_id=side_id)
    own.exclude(time__in=chosen).delete()
    known = set(own.values_list("time_id", flat=True))
    TimeAcceptance.objects.bulk_create(
        TimeAcceptance(time_id=pk, community_id=side_id, by=by) for pk in sorted(chosen - known)
    )
    _record(Topic.MEETING_ANSWERED, meeting, by, side=side_id, times=len(chosen))
    return meeting


@transaction.atomic
def fix_meeting(
    *, by: User, introduction_id: int, meeting_id: int, side_id: int | None, time_id: int
) -> Meeting:
    """Fixes a meeting at one of the times proposed now, or moves a fixed one there; everybody's
    calendar follows.

    A side may fix a time that the other side has accepted; staff, who speak with both, any.

    Raises NotVisible, WrongState (cancelled, past, or not accepted by the other side),
    InvalidFields (``time_id``), Conflict (fixed there).
    """
    meeting = _lock_meeting(introduction_id, meeting_id, by, side_id)
    row = next((row for row in times_now(meeting) if row.pk == time_id), None)
    if row is None:
        raise InvalidFields(
            {"time_id": [_("Choose among the times that are proposed now; reload to see them.")]}
        )
    if row.starts_at <= database_now():
        raise WrongState(_("This time has passed; propose other ones."))
    if side_id is not None and not row.acceptances.exclude(community_id=side_id).exists():
        raise WrongState(_("The other side has not accepted this time yet."))
    if meeting.status == _STATUS.FIXED and meeting.starts_at == row.starts_at:
        raise Conflict(_("The meeting is fixed at this time already."))
    if side_id is not None:
        require_one_side_of(meeting.introduction, by, side_id)
        TimeAcceptance.objects.get_or_create(time=row, community_id=side_id, defaults={"by": by})
    old = change_state(
        meeting,
        "status",
        _STATUS.FIXED,
        MEETING_TRANSITIONS,
        starts_at=row.starts_at,
        fixed_by=by,
        **_next_sequence(meeting),
    )
    _record(Topic.MEETING_FIXED, meeting, by, old=old, sequence=meeting.sequence)
    return meeting


def _next_sequence(meeting: Meeting) -> dict[str, object]:
    """What calendars must learn of has a higher SEQUENCE than what they know; the first entry has
    0.
    """
    return {
        "sequence": meeting.sequence + (meeting.starts_at is not None),
        "changed_at": database_now(),
    }


@transaction.atomic
def change_meeting(
    *,
    by: User,
    introduction_id: int,
    meeting_id: int,
    side_id: int | None,
    minutes: int,
    place: str,
) -> Meeting:
    """Changes length and place; calendars follow where the meeting is fixed. Raises NotVisible,
    WrongState (cancelled), InvalidFields.
    """
    meeting = _lock_open_meeting(introduction_id, meeting_id, by, side_id)
    _check_details(minutes, place)
    if (minutes, place.strip()) == (meeting.minutes, meeting.place):
        return meeting
    meeting.minutes, meeting.place = minutes, place.strip()
    fields = ["minutes", "place"]
    if meeting.status == _STATUS.FIXED:
        meeting.sequence, meeting.changed_at = meeting.sequence + 1, database_now()
        fields += ["sequence", "changed_at"]
    meeting.save(update_fields=fields)
    topic = Topic.MEETING_FIXED if meeting.status == _STATUS.FIXED else Topic.MEETING_PROPOSED
    _record(topic, meeting, by, side=side_id, sequence=meeting.sequence)
    return meeting


@transaction.atomic
def cancel_meeting(
    *, by: User, introduction_id: int, meeting_id: int, side_id: int | None
) -> Meeting:
    """Cancels a meeting, proposed or fixed; calendars that hold it get the cancellation. Raises
    NotVisible, WrongState (cancelled already).
    """
    meeting = _lock_meeting(introduction_id, meeting_id, by, side_id)
    _cancel(meeting, by)
    return meeting


def _cancel(meeting: Meeting, by: User) -> None:
    old = change_state(
        meeting,
        "status",
        _STATUS.CANCELLED,
        MEETING_TRANSITIONS,
        cancelled_by=by,
        **_next_sequence(meeting),
    )
    _record(Topic.MEETING_CANCELLED, meeting, by, old=old, sequence=meeting.sequence)


def cancel_meetings_to_come(introduction: Introduction, by: User) -> None:
    """With the introduction its meetings end: those proposed, and those fixed that have not been
    held. Within the caller's transaction.
    """
    now = database_now()
    for meeting in introduction.meetings.exclude(status=_STATUS.CANCELLED).order_by("pk"):
        if meeting.starts_at is None or meeting.starts_at > now:
            meeting.introduction = introduction
            _cancel(meeting, by)
