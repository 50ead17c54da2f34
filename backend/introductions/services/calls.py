"""What a community opens to everybody: open meetings, calls for help, and how partnerships come
about there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from email.utils import parseaddr
from typing import Any, TypedDict, Unpack

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext as _

from backend.accounts.grants import Resource, Verb, may
from backend.accounts.models import User
from backend.cities.models import Community
from backend.cities.permissions import Reader, require_in
from backend.cities.vocabularies import vocabulary
from backend.common.bounds import longest
from backend.common.dates import database_now, years_after
from backend.common.errors import InvalidFields, NotVisible, TooManyRequests, WrongState
from backend.common.local_times import zone_of
from backend.introductions.meeting_times import read_moment, timezone_component, why_no_time
from backend.introductions.models import Call, PartnershipProcess
from backend.introductions.models.meetings import LONGEST_MINUTES, SHORTEST_MINUTES, USUAL_MINUTES
from backend.outbox.services import record
from backend.outbox.topics import Topic

MOST_OPEN = 20
_A_DAY = dt.timedelta(days=1)


def open_calls(community_id: int) -> QuerySet[Call]:
    """Published ones ahead, by date, then those without one; they stay to the day after."""
    return _ahead(community_id).filter(published_at__isnull=False)


def drafted_calls(reader: Reader) -> QuerySet[Call]:
    """Drafts that wait to be published, with who wrote each. Raises NotVisible."""
    community_id = reader.require(Verb.READ, Resource.CALL)
    return _ahead(community_id).filter(published_at__isnull=True).select_related("by")


def _ahead(community_id: int) -> QuerySet[Call]:
    return (
        Call.objects.filter(community_id=community_id, withdrawn_at__isnull=True)
        .filter(Q(starts_at__isnull=True) | Q(starts_at__gt=Now() - _A_DAY))
        .select_related("community")
        .order_by("starts_at", "pk")
    )


class CallWords(TypedDict, total=False):
    """What a call says. ``starts_at``: as it is typed, on the community's own clock; empty for a
    call without a date.
    """

    title: str
    text: str
    starts_at: str
    minutes: int
    place: str
    wanted: str


@transaction.atomic
def publish_call(*, by: User, community_id: int, **words: Unpack[CallWords]) -> Call:
    """Shows it on the community's public page.

    Raises:
        NotVisible: does not answer for the community. InvalidFields: no title, neither date nor
            who is wanted, a time that there is not. TooManyRequests: as many as may be open.
    """
    require_in(by, community_id, Verb.ACT, Resource.CALL)
    community = _locked(community_id)
    values = _checked(community, words)
    _require_room(open_calls(community_id))
    call = Call.objects.create(community=community, by=by, published_at=database_now(), **values)
    record(Topic.CALL_PUBLISHED, subject=call, by=by, community_id=community_id)
    return call


@transaction.atomic
def draft_call(*, by: User, community_id: int, **words: Unpack[CallWords]) -> Call:
    """Puts it before those who publish for the community; they get a notice. Raises as
    ``publish_call``.
    """
    require_in(by, community_id, Verb.CREATE, Resource.CALL)
    community = _locked(community_id)
    values = _checked(community, words)
    _require_room(_ahead(community_id).filter(published_at__isnull=True))
    call = Call.objects.create(community=community, by=by, **values)
    record(Topic.CALL_DRAFTED, subject=call, by=by, community_id=community_id)
    return call


@transaction.atomic
def publish_draft(*, by: User, community_id: int, call_id: int) -> Call:
    """Shows a draft on the community's public page as it is.

    Raises:
        NotVisible: does not answer for the community, or no such draft. WrongState: its time has
            come (code ``too_late``). TooManyRequests: as many as may be open.
    """
    require_in(by, community_id, Verb.ACT, Resource.CALL)
    _locked(community_id)
    call = _kept(community_id, call_id)
    if call.published_at is not None:
        raise NotVisible
    now = database_now()
    if call.starts_at is not None and call.starts_at <= now:
        raise WrongState(_("Its time has come already. Write it anew."), code="too_late")
    _require_room(open_calls(community_id))
    call.published_at = now
    call.save(update_fields=["published_at"])
    record(Topic.CALL_PUBLISHED, subject=call, by=by, community_id=community_id)
    return call


def _locked(community_id: int) -> Community:
    return Community.objects.select_for_update(of=("self",)).get(pk=community_id)


def _require_room(waiting: QuerySet[Call]) -> None:
    if waiting.count() >= MOST_OPEN:
        raise TooManyRequests(_("Withdraw one first: there are 20 already."), code="too_many_calls")


def _checked(community: Community, given: CallWords) -> dict[str, Any]:
    """The values of a call. Raises InvalidFields."""
    names = ("title", "text", "place", "wanted")
    words = {name: str(given.get(name, "")).strip() for name in names}
    minutes, starts_at = given.get("minutes", USUAL_MINUTES), given.get("starts_at", "")
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
    return words | {"minutes": minutes, "starts_at": moment}


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
    """Takes it off the page, or a draft back, which its author may too. Raises NotVisible: not
    theirs, or withdrawn already.
    """
    actor = require_in(by, community_id, Verb.CREATE, Resource.CALL)
    call = _kept(community_id, call_id)
    is_own_draft = call.published_at is None and call.by_id == by.pk
    if not (is_own_draft or may(actor, Verb.ACT, Resource.CALL)):
        raise NotVisible
    call.withdrawn_at = database_now()
    call.save(update_fields=["withdrawn_at"])
    record(Topic.CALL_WITHDRAWN, subject=call, by=by, community_id=community_id)
    return call


def _kept(community_id: int, call_id: int) -> Call:
    """One that is not withdrawn, locked. Raises NotVisible."""
    rows = Call.objects.select_for_update(of=("self",)).select_related("community")
    call = rows.filter(pk=call_id, community_id=community_id, withdrawn_at__isnull=True).first()
    if call is None:
        raise NotVisible
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
        event.add("dtstamp", (call.published_at or starts_at).astimezone(dt.UTC))
        event.add("dtstart", starts_at.astimezone(zone))
        event.add("duration", dt.timedelta(minutes=call.minutes))
        event.add("summary", f"{community.name}: {call.title}")
        event.add("description", "\n".join(filter(None, [call.text, call.wanted, page])))
        event.add("url", page)
        if call.place:
            event.add("location", call.place)
        calendar.add_component(event)
    return bytes(calendar.to_ical())


# How partnerships come about in the community, in its own words.


LONGEST_PROCESS = longest(PartnershipProcess, "text")


def process_of(community_id: int) -> PartnershipProcess | None:
    """What the community says of its own way to a partnership; None if it has said nothing."""
    return PartnershipProcess.objects.filter(community_id=community_id).first()


@transaction.atomic
def write_process(
    *, by: User, community_id: int, text: str, language: str
) -> PartnershipProcess | None:
    """Shows the text on the community's public page, in place of the one before. Without a text
    nothing is shown, and None returned.

    Args:
        language: of the text, a code of the vocabulary of languages.

    Raises:
        NotVisible: does not answer for the community. InvalidFields: too long, or no such language.
    """
    require_in(by, community_id, Verb.ACT, Resource.VOLUNTEERS)
    community, text = _locked(community_id), text.strip()
    errors: dict[str, list[str]] = {}
    if len(text) > LONGEST_PROCESS or "\x00" in text:
        errors["text"] = [
            _("Write at most %(most)d characters; these are %(count)d.")
            % {"most": LONGEST_PROCESS, "count": len(text)}
        ]
    if language not in vocabulary("languages"):
        errors["language"] = [_("Choose the language of the text.")]
    if text and errors:
        raise InvalidFields(errors)
    before = process_of(community_id)
    if not text:
        if before is not None:
            before.delete()
            record(Topic.PROCESS_WRITTEN, subject=community, by=by, community_id=community_id)
        return None
    values = {"text": text, "language": language, "changed_at": database_now()}
    written, _made = PartnershipProcess.objects.update_or_create(
        community=community, defaults=values
    )
    record(Topic.PROCESS_WRITTEN, subject=community, by=by, community_id=community_id)
    return written
