"""Times of meetings: as people type them, on both sides' clocks, and as calendar files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from email.utils import parseaddr
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from backend.cities.models import Community
from backend.common.dates import years_after
from backend.common.errors import InvalidFields, NotVisible
from backend.common.local_times import RepeatedTime, SkippedTime, instant, zone_of
from backend.introductions.models import Meeting

# icalendar is imported where it is used: most processes never write a calendar file.
if TYPE_CHECKING:
    from icalendar import Event, Timezone

FEWEST, MOST = 2, 5
LONGEST_TIME = 40  # characters of a time as it is typed


def read_times(times: Sequence[str], zone: ZoneInfo | None, now: dt.datetime) -> list[dt.datetime]:
    """Two to five different moments (UTC), in order. A time without an offset is local to ``zone``.

    Raises InvalidFields, by ``times`` or ``times.<index>``, each with what to write instead.
    """
    errors: dict[str, list[str]] = {}
    moments = []
    for index, text in enumerate(times):
        try:
            moment = read_moment(text, zone)
        except (ValueError, OverflowError) as wrong:
            errors[f"times.{index}"] = [why_no_time(wrong)]
            continue
        if not now < moment <= years_after(now, 1):
            errors[f"times.{index}"] = [_("Choose a time from now on, within a year.")]
        elif moment in moments:
            errors[f"times.{index}"] = [_("This time is proposed twice; choose another one.")]
        moments.append(moment)
    if not errors and not FEWEST <= len(times) <= MOST:
        errors["times"] = [_("Propose two to five times.")]
    if errors:
        raise InvalidFields(errors)
    return sorted(moments)


def read_moment(text: str, zone: ZoneInfo | None) -> dt.datetime:
    """The moment of a time as it is typed. Raises ValueError or OverflowError: ``why_no_time``."""
    parsed = dt.datetime.fromisoformat(text)
    if parsed.tzinfo is not None:
        return parsed.astimezone(dt.UTC)
    if zone is None:
        raise ValueError
    return instant(parsed.replace(second=0, microsecond=0), zone)


def why_no_time(wrong: ValueError | OverflowError) -> str:
    """What to write instead."""
    if isinstance(wrong, SkippedTime):
        words = _(
            "On this day the clocks go forward from %(before)s to %(after)s, so this time does "
            "not exist. Choose another one."
        )
        return words % {"before": f"{wrong.before:%H:%M}", "after": f"{wrong.after:%H:%M}"}
    if isinstance(wrong, RepeatedTime):
        words = _(
            "On this day the clocks go back and this time comes twice. Choose %(before)s or "
            "earlier, or %(after)s or later."
        )
        return words % {"before": f"{wrong.before:%H:%M}", "after": f"{wrong.after:%H:%M}"}
    return _("Write date and time, for example 2027-03-15T14:00.")


# A meeting as a calendar entry (RFC 5545), sent and changed by the rules of RFC 5546.
#
# An entry, once in somebody's calendar, cannot be taken back. So it names the two communities
# and the one reader whom it is for, and holds no contacts, whatever the two sides have
# consented to.


_STEP = dt.timedelta(days=7)


def has_entry(meeting: Meeting) -> bool:
    """Whether calendars hold, or held, the meeting: it has been fixed at some time."""
    return meeting.starts_at is not None


def method_of(meeting: Meeting) -> str:
    """What the entry asks of a calendar: "REQUEST" to store it, "CANCEL" to remove it."""
    return "CANCEL" if meeting.status == Meeting.Status.CANCELLED else "REQUEST"


def calendar_entry(meeting: Meeting, *, reader_email: str, own: Community) -> bytes:
    """The .ics file of a meeting as it is now, in the zone of the reader's side. Raises NotVisible
    while no time was ever fixed.

    UID stays, SEQUENCE rises with every change, DTSTAMP is when that change was made.
    """
    if meeting.starts_at is None:
        raise NotVisible
    from icalendar import Calendar

    zone = zone_of(own.timezone)
    calendar = Calendar()
    calendar.add("prodid", "-//Cities Seeking Cities//Meetings//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method_of(meeting))
    calendar.add_component(timezone_component(zone, meeting.starts_at))
    calendar.add_component(_event(meeting, meeting.starts_at.astimezone(zone), reader_email))
    return bytes(calendar.to_ical())


def _event(meeting: Meeting, starts_at: dt.datetime, reader_email: str) -> Event:
    from icalendar import Event, vCalAddress, vText

    pair = meeting.introduction.pair
    address = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    event = Event()
    event.add("uid", f"{meeting.uid}@{address.rpartition('@')[2]}")
    event.add("sequence", meeting.sequence)
    event.add("dtstamp", meeting.changed_at.astimezone(dt.UTC))
    event.add("dtstart", starts_at)
    event.add("duration", dt.timedelta(minutes=meeting.minutes))
    event.add("status", "CANCELLED" if meeting.status == Meeting.Status.CANCELLED else "CONFIRMED")
    event.add("summary", _("%(a)s meets %(b)s") % {"a": pair.a.name, "b": pair.b.name})
    event.add(
        "description", "\n".join([*local_times(meeting), settings.PUBLIC_URL + _path(meeting)])
    )
    event.add("url", settings.PUBLIC_URL + _path(meeting))
    if meeting.place:
        event.add("location", meeting.place)
    organiser, reader = vCalAddress(f"mailto:{address}"), vCalAddress(f"mailto:{reader_email}")
    organiser.params["CN"] = vText(_("Cities Seeking Cities"))
    reader.params["PARTSTAT"], reader.params["RSVP"] = vText("NEEDS-ACTION"), vText("FALSE")
    event.add("organizer", organiser)
    event.add("attendee", reader)
    return event


def _path(meeting: Meeting) -> str:
    return reverse("web:introduction", args=[meeting.introduction_id])


def local_times(meeting: Meeting) -> list[str]:
    """When the meeting begins, in words, on the clocks of both sides."""
    if meeting.starts_at is None:
        return []
    pair = meeting.introduction.pair
    return [
        _("%(name)s: %(date)s, %(time)s (%(zone)s)")
        % {
            "name": side.name,
            "date": f"{local:%Y-%m-%d}",
            "time": f"{local:%H:%M}",
            "zone": zone.key,
        }
        for side in (pair.a, pair.b)
        for zone in (zone_of(side.timezone),)
        for local in (meeting.starts_at.astimezone(zone),)
    ]


def timezone_component(zone: ZoneInfo, moment: dt.datetime) -> Timezone:
    """VTIMEZONE with every change of the clocks in the year before and the two years after
    ``moment``.

    Each onset is the local time *before* the change (RFC 5545, 3.6.5).
    """
    from icalendar import Timezone

    component = Timezone()
    component.add("tzid", zone.key)
    at = dt.datetime(moment.year - 1, 1, 1, tzinfo=dt.UTC)
    _add_observance(component, zone, at, _offset(zone, at))
    end = dt.datetime(moment.year + 3, 1, 1, tzinfo=dt.UTC)
    while at < end:
        if _offset(zone, at) != _offset(zone, at + _STEP):
            _add_observance(component, zone, _change(zone, at, at + _STEP), _offset(zone, at))
        at += _STEP
    return component


def _offset(zone: ZoneInfo, moment: dt.datetime) -> dt.timedelta:
    return moment.astimezone(zone).utcoffset() or dt.timedelta()


def _change(zone: ZoneInfo, low: dt.datetime, high: dt.datetime) -> dt.datetime:
    """The first second of the other offset."""
    while high - low > dt.timedelta(seconds=1):
        middle = low + dt.timedelta(seconds=(high - low).total_seconds() // 2)
        low, high = (middle, high) if _offset(zone, middle) == _offset(zone, low) else (low, middle)
    return high


def _add_observance(
    component: Timezone, zone: ZoneInfo, onset: dt.datetime, before: dt.timedelta
) -> None:
    from icalendar import TimezoneDaylight, TimezoneStandard

    local = onset.astimezone(zone)
    observance = TimezoneDaylight() if local.dst() else TimezoneStandard()
    observance.add("dtstart", (onset + before).replace(tzinfo=None))
    observance.add("tzoffsetfrom", before)
    observance.add("tzoffsetto", local.utcoffset() or dt.timedelta())
    observance.add("tzname", local.tzname() or zone.key)
    component.add_component(observance)
