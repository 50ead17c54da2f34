"""What a community opens to everybody: open meetings, and calls for help."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from email.utils import parseaddr

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext as _

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.models import Community
from backend.cities.permissions import require_in
from backend.common.bounds import longest
from backend.common.dates import database_now, years_after
from backend.common.errors import InvalidFields, NotVisible, TooManyRequests
from backend.common.local_times import zone_of
from backend.introductions.meeting_times import read_moment, timezone_component, why_no_time
from backend.introductions.models import Call
from backend.introductions.models.meetings import LONGEST_MINUTES, SHORTEST_MINUTES, USUAL_MINUTES
from backend.outbox.services import record
from backend.outbox.topics import Topic

MOST_OPEN = 20
_A_DAY = dt.timedelta(days=1)


def open_calls(community_id: int) -> QuerySet[Call]:
    """Those that lie ahead, by date, then those without one; they stay to the day after."""
    return (
        Call.objects.filter(community_id=community_id, withdrawn_at__isnull=True)
        .filter(Q(starts_at__isnull=True) | Q(starts_at__gt=Now() - _A_DAY))
        .select_related("community")
        .order_by("starts_at", "pk")
    )


@transaction.atomic
def publish_call(
    *,
    by: User,
    community_id: int,
    title: str,
    text: str = "",
    starts_at: str = "",
    minutes: int = USUAL_MINUTES,
    place: str = "",
    wanted: str = "",
) -> Call:
    """Shows it on the community's public page.

    Args:
        starts_at: as it is typed, on the community's own clock; empty for a call without a date.

    Raises:
        NotVisible: does not answer for the community. InvalidFields: no title, neither date nor
            who is wanted, a time that there is not. TooManyRequests: as many as may be open.
    """
    require_in(by, community_id, Verb.ACT, Resource.VOLUNTEERS)
    community = Community.objects.select_for_update(of=("self",)).get(pk=community_id)
    words = {"title": title.strip(), "text": text.strip(), "place": place, "wanted": wanted.strip()}
    errors = {
        name: [_("This is too long.")]
        for name, value in words.items()
        if len(value) > longest(Call, name) or "\x00" in value
    }
    if not words["title"]:
        errors["title"] = [_("Say in a few words what it is.")]
    if not SHORTEST_MINUTES <= minutes <= LONGEST_MINUTES:
        errors["minutes"] = [_("Choose between 15 minutes and 8 hours.")]
    if not starts_at and not words["wanted"]:
        errors["wanted"] = [_("Say when it is, or who is wanted.")]
    moment = _moment(starts_at, community, errors) if starts_at else None
    if errors:
        raise InvalidFields(errors)
    if open_calls(community_id).count() >= MOST_OPEN:
        raise TooManyRequests(_("Withdraw one first: there are 20 already."), code="too_many_calls")
    call = Call.objects.create(
        community=community, starts_at=moment, minutes=minutes, by=by, **words
    )
    record(Topic.CALL_PUBLISHED, subject=call, by=by, community_id=community_id)
    return call


def _moment(typed: str, community: Community, errors: dict[str, list[str]]) -> dt.datetime | None:
    try:
        moment = read_moment(typed, zone_of(community.timezone))
    except (ValueError, OverflowError) as wrong:
        errors["starts_at"] = [why_no_time(wrong)]
        return None
    now = database_now()
    if not now < moment <= years_after(now, 1):
        errors["starts_at"] = [_("Choose a time from now on, within a year.")]
    return moment


@transaction.atomic
def withdraw_call(*, by: User, community_id: int, call_id: int) -> Call:
    """Takes it off the page. Raises NotVisible: not theirs, or withdrawn already."""
    require_in(by, community_id, Verb.ACT, Resource.VOLUNTEERS)
    rows = Call.objects.select_for_update(of=("self",)).select_related("community")
    call = rows.filter(pk=call_id, community_id=community_id, withdrawn_at__isnull=True).first()
    if call is None:
        raise NotVisible
    call.withdrawn_at = database_now()
    call.save(update_fields=["withdrawn_at"])
    record(Topic.CALL_WITHDRAWN, subject=call, by=by, community_id=community_id)
    return call


def calls_calendar(community: Community, calls: Iterable[Call]) -> bytes:
    """The .ics file of the open meetings with a date, in the community's own zone."""
    from icalendar import Calendar, Event  # most processes never write a calendar file

    dated = [(call, call.starts_at) for call in calls if call.starts_at is not None]
    zone, calendar = zone_of(community.timezone), Calendar()
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    page = settings.PUBLIC_URL + reverse("web:community", args=[community.pk])
    calendar.add("prodid", "-//Cities Seeking Cities//Open meetings//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    if dated:
        calendar.add_component(timezone_component(zone, dated[0][1]))
    for call, starts_at in dated:
        event = Event()
        event.add("uid", f"{call.uid}@{domain}")
        event.add("dtstamp", call.published_at.astimezone(dt.UTC))
        event.add("dtstart", starts_at.astimezone(zone))
        event.add("duration", dt.timedelta(minutes=call.minutes))
        event.add("summary", f"{community.name}: {call.title}")
        event.add("description", "\n".join(filter(None, [call.text, call.wanted, page])))
        event.add("url", page)
        if call.place:
            event.add("location", call.place)
        calendar.add_component(event)
    return bytes(calendar.to_ical())
