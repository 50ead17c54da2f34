"""Notices about introductions and meetings."""

from __future__ import annotations

from email.mime.text import MIMEText

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.cities.notices import (
    curators,
    ends_seeking,
    name_of,
    other_name,
    own_name,
    people_of,
    seeking_ended_words,
    side_names,
    to_sides,
    to_who_answers,
    without,
)
from backend.introductions.meeting_times import calendar_entry, has_entry, local_times, method_of
from backend.introductions.models import (
    Call,
    Consent,
    Introduction,
    Meeting,
)
from backend.introductions.queries.introductions import OVER
from backend.notifications.models import Notification
from backend.notifications.notices import MessageText, community_page, notice, subject_page
from backend.outbox.models import Event
from backend.outbox.topics import Topic
from backend.suggestions.models import FollowUp

_introduction_page = subject_page("web:introduction", "introduction_id")


# Introductions and contacts


def _names(notification: Notification) -> dict[str, str]:
    own = own_name(notification) or name_of(notification.payload["own"])
    return {"own": own, "other": other_name(notification)}


def _page_for_reader(notification: Notification) -> str:
    name = "web:introduction" if notification.community_id else "web:staff_introduction"
    return reverse(name, kwargs={"introduction_id": notification.subject_id})


def _to_staff(introduction: Introduction, own: int, other: int) -> list[Notification]:
    """To who looks after the introduction, or to all curators; seen from the side ``own``."""
    owner = introduction.owner
    staff = [owner.pk] if owner is not None and owner.is_active else curators()
    return [
        Notification(
            recipient_id=user_id,
            subject_id=introduction.pk,
            payload={"own": own, "other": other},
        )
        for user_id in staff
    ]


def _sides_of_introduction(event: Event) -> list[Notification]:
    introduction = Introduction.objects.select_related("pair").get(pk=event.subject_id)
    return to_sides(introduction.pair, introduction.pk)


def _introduced_recipients(event: Event) -> list[Notification]:
    introduced = (event.payload.get("old"), event.payload.get("new")) == (
        Introduction.Stage.TO_INTRODUCE,
        Introduction.Stage.INTRODUCED,
    )  # not where a card is moved back
    return _sides_of_introduction(event) if introduced else []


@notice(
    "introduced",
    gettext_lazy("Introduction"),
    Topic.INTRODUCTION_MOVED,
    recipients=_introduced_recipients,
    path=_introduction_page,
)
def _introduced(notification: Notification) -> MessageText:
    return MessageText(
        _("You are introduced"),
        (
            _("Staff have introduced %(own)s and %(other)s.") % side_names(notification),
            _("Contacts are shown as soon as both sides have consented."),
        ),
        _("See the introduction"),
    )


def _contacts_open_recipients(event: Event) -> list[Notification]:
    """Only for the consent that completes the two: a notice of the first would reveal one side's
    answer to the other.
    """
    active = list(
        Consent.objects.filter(
            introduction_id=event.subject_id, withdrawn_at__isnull=True
        ).order_by("id")
    )
    if len(active) < 2 or active[-1].community_id != event.community_id:
        return []
    return _sides_of_introduction(event)


@notice(
    "contacts_open",
    gettext_lazy("Contacts are open"),
    Topic.CONSENT_GIVEN,
    recipients=_contacts_open_recipients,
    path=_introduction_page,
)
def _contacts_open(notification: Notification) -> MessageText:
    return MessageText(
        _("Contacts are open"),
        (
            _("%(own)s and %(other)s have both consented: you can write to each other now.")
            % side_names(notification),
        ),
        _("See the contacts"),
    )


def _consent_withdrawn_recipients(event: Event) -> list[Notification]:
    """Staff; and the other side if contacts were open: one consent alone is not shown to it."""
    introduction = Introduction.objects.select_related("pair", "owner").get(pk=event.subject_id)
    both = to_sides(introduction.pair, introduction.pk)
    others = without(both, {event.community_id}) if event.payload["contacts_were_open"] else []
    return others + _to_staff(introduction, *_sides_seen_by_the_other(introduction, event))


def _sides_seen_by_the_other(introduction: Introduction, event: Event) -> tuple[int, int]:
    """(the side that did not act, the side that did)."""
    pair = introduction.pair
    return (pair.b_id, pair.a_id) if event.community_id == pair.a_id else (pair.a_id, pair.b_id)


@notice(
    "consent_withdrawn",
    gettext_lazy("Contacts are hidden again"),
    Topic.CONSENT_WITHDRAWN,
    recipients=_consent_withdrawn_recipients,
    path=_page_for_reader,
)
def _consent_withdrawn(notification: Notification) -> MessageText:
    return MessageText(
        _("Contacts are hidden again"),
        (
            _(
                "%(other)s has withdrawn its consent to show contacts in its introduction to"
                " %(own)s: contacts are hidden for both sides."
            )
            % _names(notification),
            _("No reason is asked for. The introduction stays open."),
        ),
        _("See the introduction"),
    )


def _introduction_closed_recipients(event: Event) -> list[Notification]:
    """The sides, without the one that closed it; staff, if a side did. Nobody where the sides did
    not know of it yet.
    """
    if event.payload.get("new") != Introduction.Stage.CLOSED:
        return []
    if event.payload.get("old") == Introduction.Stage.TO_INTRODUCE:
        return []
    others = without(_sides_of_introduction(event), {event.community_id})
    if event.community_id is None:
        return others
    introduction = Introduction.objects.select_related("pair", "owner").get(pk=event.subject_id)
    return others + _to_staff(introduction, *_sides_seen_by_the_other(introduction, event))


@notice(
    "introduction_closed",
    gettext_lazy("Introduction closed"),
    Topic.INTRODUCTION_MOVED,
    recipients=_introduction_closed_recipients,
    path=_page_for_reader,
)
def _introduction_closed(notification: Notification) -> MessageText:
    return MessageText(
        _("An introduction is closed"),
        (
            _("The introduction of %(own)s and %(other)s is closed.") % _names(notification),
            _("Contacts are hidden for both sides, and meetings to come are cancelled."),
        ),
        _("See the introduction"),
    )


def _partner_seeks_no_more_recipients(event: Event) -> list[Notification]:
    """The other sides of the community's open introductions that both sides know of."""
    if not ends_seeking(event):
        return []
    side = event.community_id
    hidden = (Introduction.Stage.TO_INTRODUCE, *OVER)
    found = Introduction.objects.filter(Q(pair__a_id=side) | Q(pair__b_id=side))
    return [
        notification
        for introduction in found.exclude(stage__in=hidden).select_related("pair").order_by("id")
        for notification in without(
            to_sides(introduction.pair, introduction.pk, state=event.payload["new"]), {side}
        )
    ]


@notice(
    "partner_ends_seeking",
    gettext_lazy("The other side seeks no more"),
    Topic.PROFILE_STATUS_CHANGED,
    recipients=_partner_seeks_no_more_recipients,
    path=_introduction_page,
)
def _partner_seeks_no_more(notification: Notification) -> MessageText:
    return MessageText(
        _("News of your introduction"),
        (
            seeking_ended_words(other_name(notification), notification.payload["state"]),
            _("The introduction of %(own)s and %(other)s stays open until somebody closes it.")
            % side_names(notification),
        ),
        _("See the introduction"),
    )


# The questions that follow


def _follow_up_recipients(event: Event) -> list[Notification]:
    """Who may answer for either side."""
    introduction = Introduction.objects.select_related("pair").get(pk=event.subject_id)
    occasion = event.payload["occasion"]
    return to_who_answers(introduction.pair, introduction.pk, occasion=occasion)


def _follow_up_page(notification: Notification) -> str:
    where = {"introduction_id": notification.subject_id}
    return reverse("web:follow_up", kwargs=where | {"occasion": notification.payload["occasion"]})


@notice(
    "follow_up",
    gettext_lazy("Is it worth going on?"),
    Topic.FOLLOW_UP_ASKED,
    recipients=_follow_up_recipients,
    path=_follow_up_page,
)
def _follow_up(notification: Notification) -> MessageText:
    if notification.payload["occasion"] == FollowUp.Occasion.AFTER_MEETING:
        asked = _("%(own)s and %(other)s have met. Is it worth going on?")
    else:
        asked = _(
            "It is three months and more since %(own)s and %(other)s were introduced. Is it worth "
            "going on?"
        )
    return MessageText(
        _("One question: is it worth going on?"),
        (
            asked % side_names(notification),
            _("Only your side and staff read the answer; the other side never does."),
        ),
        _("Answer the question"),
    )


# Meetings


def _meeting_recipients(event: Event) -> list[Notification]:
    """Both sides and the introduction's owner."""
    introduction = Introduction.objects.select_related("pair", "owner").get(pk=event.subject_id)
    pair, meeting = introduction.pair, event.payload["meeting"]
    found = to_sides(pair, introduction.pk, meeting=meeting)
    if introduction.owner is not None and introduction.owner.is_active:
        # An answer is shown to the owner as seen from the side that received it.
        own, other = pair.a_id, pair.b_id
        if event.payload.get("side") == pair.a_id:
            own, other = other, own
        found.append(
            Notification(
                recipient=introduction.owner,
                subject_id=introduction.pk,
                payload={"own": own, "other": other, "meeting": meeting},
            )
        )
    return found


def _without_author(event: Event) -> list[Notification]:
    """Nobody is notified of the times that they proposed or accepted themselves."""
    return [one for one in _meeting_recipients(event) if one.recipient_id != event.by_id]


def _meeting_answered_recipients(event: Event) -> list[Notification]:
    return without(_without_author(event), {event.payload["side"]})


def _meeting_of(notification: Notification) -> Meeting:
    return Meeting.objects.select_related("introduction__pair__a", "introduction__pair__b").get(
        pk=notification.payload["meeting"]
    )


def _calendar_file(notification: Notification) -> MIMEText | None:
    """The calendar entry of the meeting as it is now, for this one reader."""
    meeting = _meeting_of(notification)
    if not has_entry(meeting):
        return None
    pair = meeting.introduction.pair
    own = notification.community or (pair.a if pair.a.is_home else pair.b)
    entry = calendar_entry(meeting, reader_email=notification.recipient.email, own=own)
    part = MIMEText(entry.decode(), "calendar", "utf-8")
    part.set_param("method", method_of(meeting))
    part.add_header("Content-Disposition", "attachment", filename="meeting.ics")
    return part


@notice(
    "meeting_proposed",
    gettext_lazy("Times for a meeting"),
    Topic.MEETING_PROPOSED,
    recipients=_without_author,
    path=_page_for_reader,
)
def _meeting_proposed(notification: Notification) -> MessageText:
    return MessageText(
        _("Times for a meeting"),
        (
            _(
                "Times are proposed for a meeting of %(own)s and %(other)s."
                " Say which of them suit you."
            )
            % _names(notification),
        ),
        _("See the introduction"),
    )


@notice(
    "meeting_answered",
    gettext_lazy("Times accepted"),
    Topic.MEETING_ANSWERED,
    recipients=_meeting_answered_recipients,
    path=_page_for_reader,
)
def _meeting_answered(notification: Notification) -> MessageText:
    return MessageText(
        _("Times for a meeting are accepted"),
        (
            _("%(other)s has said when it can meet %(own)s. Choose the time.")
            % _names(notification),
        ),
        _("See the introduction"),
    )


@notice(
    "meeting_fixed",
    gettext_lazy("Meeting fixed"),
    Topic.MEETING_FIXED,
    recipients=_meeting_recipients,
    path=_page_for_reader,
    attachment=_calendar_file,
)
@notice(
    "meeting_cancelled",
    gettext_lazy("Meeting cancelled"),
    Topic.MEETING_CANCELLED,
    recipients=_meeting_recipients,
    path=_page_for_reader,
    attachment=_calendar_file,
)
def _meeting_settled(notification: Notification) -> MessageText:
    """Fixed or cancelled, as the meeting is now, on the clocks of both sides; a later change has a
    notice of its own.
    """
    meeting = _meeting_of(notification)
    if meeting.status == Meeting.Status.CANCELLED:
        title, sentence = (
            _("A meeting is cancelled"),
            _("The meeting of %(own)s and %(other)s is cancelled."),
        )
    else:
        title, sentence = (
            _("A meeting is fixed"),
            _("The meeting of %(own)s and %(other)s is fixed. The calendar file is attached."),
        )
    return MessageText(
        title,
        (sentence % _names(notification), *local_times(meeting)),
        _("See the introduction"),
    )


# Open meetings and calls for help


def _drafted_recipients(event: Event) -> list[Notification]:
    """Who may publish it there, but its author; nobody once it is published or taken back."""
    call = Call.objects.filter(
        pk=event.subject_id, published_at__isnull=True, withdrawn_at__isnull=True
    ).first()
    if call is None:
        return []
    return [
        Notification(recipient_id=user_id, community_id=own, subject_id=call.pk)
        for user_id, own in people_of([call.community_id], answering=True)
        if user_id != call.by_id
    ]


@notice(
    "call_drafted",
    gettext_lazy("Draft of a meeting or call"),
    Topic.CALL_DRAFTED,
    recipients=_drafted_recipients,
    path=community_page("web:volunteers"),
)
def _call_drafted(notification: Notification) -> MessageText:
    return MessageText(
        _("A draft waits to be published"),
        (
            _("Somebody has drafted an open meeting or a call for help of %(own)s.")
            % {"own": own_name(notification)},
            _("Nobody else sees it before an official or the chair publishes it."),
        ),
        _("Read the draft"),
    )
