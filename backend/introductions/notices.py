"""Notices about introductions, meetings, agreements and partnerships."""

from __future__ import annotations

from email.mime.text import MIMEText
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.cities.notices import name_of, other_name, own_name, side_names, to_sides
from backend.introductions.meeting_times import calendar_entry, has_entry, local_times, method_of
from backend.introductions.models import (
    Agreement,
    Consent,
    Introduction,
    Meeting,
    Partnership,
    YearlyReport,
)
from backend.notifications.models import Notification
from backend.notifications.notices import MessageText, notice, subject_page
from backend.outbox.models import Event
from backend.outbox.topics import Topic

_introduction_page = subject_page("web:introduction", "introduction_id")
_agreement_page = subject_page("web:agreement", "agreement_id")
_partnership_page = subject_page("web:partnership", "partnership_id")


def _without(
    notifications: list[Notification], community_ids: set[int | None]
) -> list[Notification]:
    return [one for one in notifications if one.community_id not in community_ids]


# Introductions and contacts


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
    return _without(_without_author(event), {event.payload["side"]})


def _meeting_of(notification: Notification) -> Meeting:
    return Meeting.objects.select_related("introduction__pair__a", "introduction__pair__b").get(
        pk=notification.payload["meeting"]
    )


def _meeting_names(notification: Notification) -> dict[str, str]:
    own = own_name(notification) or name_of(notification.payload["own"])
    return {"own": own, "other": other_name(notification)}


def _meeting_page(notification: Notification) -> str:
    name = "web:introduction" if notification.community_id else "web:staff_introduction"
    return reverse(name, kwargs={"introduction_id": notification.subject_id})


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
    path=_meeting_page,
)
def _meeting_proposed(notification: Notification) -> MessageText:
    return MessageText(
        _("Times for a meeting"),
        (
            _(
                "Times are proposed for a meeting of %(own)s and %(other)s."
                " Say which of them suit you."
            )
            % _meeting_names(notification),
        ),
        _("See the introduction"),
    )


@notice(
    "meeting_answered",
    gettext_lazy("Times accepted"),
    Topic.MEETING_ANSWERED,
    recipients=_meeting_answered_recipients,
    path=_meeting_page,
)
def _meeting_answered(notification: Notification) -> MessageText:
    return MessageText(
        _("Times for a meeting are accepted"),
        (
            _("%(other)s has said when it can meet %(own)s. Choose the time.")
            % _meeting_names(notification),
        ),
        _("See the introduction"),
    )


@notice(
    "meeting_fixed",
    gettext_lazy("Meeting fixed"),
    Topic.MEETING_FIXED,
    recipients=_meeting_recipients,
    path=_meeting_page,
    attachment=_calendar_file,
)
@notice(
    "meeting_cancelled",
    gettext_lazy("Meeting cancelled"),
    Topic.MEETING_CANCELLED,
    recipients=_meeting_recipients,
    path=_meeting_page,
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
        (sentence % _meeting_names(notification), *local_times(meeting)),
        _("See the introduction"),
    )


# Agreements


def _agreement_to_sign_recipients(event: Event) -> list[Notification]:
    """Both sides, once a text waits for their signatures; of the drafts before it staff alone
    know.
    """
    if event.payload["new"] != Agreement.Status.SIGNING:
        return []
    agreement = Agreement.objects.select_related("introduction__pair").get(pk=event.subject_id)
    return to_sides(agreement.introduction.pair, agreement.pk)


@notice(
    "agreement_to_sign",
    gettext_lazy("Agreement to sign"),
    Topic.AGREEMENT_STATUS_CHANGED,
    recipients=_agreement_to_sign_recipients,
    path=_agreement_page,
)
def _agreement_to_sign(notification: Notification) -> MessageText:
    return MessageText(
        _("An agreement waits for your signature"),
        (
            _("Staff have put the text of an agreement before %(own)s and %(other)s.")
            % side_names(notification),
            _(
                "When both highest officials have signed, send the signed document and confirm for"
                " your side."
            ),
        ),
        _("Read the agreement"),
    )


def _agreement_confirmed_recipients(event: Event) -> list[Notification]:
    """The side that has not confirmed yet; when nobody is left, ``partnership_begun`` follows."""
    agreement = (
        Agreement.objects.select_related("introduction__pair")
        .prefetch_related("signatories")
        .get(pk=event.subject_id)
    )
    confirmed = {signatory.community_id for signatory in agreement.signatories.all()}
    return _without(to_sides(agreement.introduction.pair, agreement.pk), {*confirmed})


@notice(
    "agreement_confirmed",
    gettext_lazy("The other side has signed"),
    Topic.AGREEMENT_CONFIRMED,
    recipients=_agreement_confirmed_recipients,
    path=_agreement_page,
)
def _agreement_confirmed(notification: Notification) -> MessageText:
    return MessageText(
        _("The other side has confirmed the agreement"),
        (
            _("%(other)s has confirmed its signature under the agreement with %(own)s.")
            % side_names(notification),
            _("The partnership begins when your side confirms too."),
        ),
        _("Read and confirm"),
    )


# Partnerships


def _partnership_recipients(event: Event, **payload: Any) -> list[Notification]:
    partnership = Partnership.objects.select_related("pair").get(pk=event.subject_id)
    return to_sides(partnership.pair, partnership.pk, **payload)


@notice(
    "partnership_begun",
    gettext_lazy("Partnership"),
    Topic.PARTNERSHIP_BEGUN,
    recipients=_partnership_recipients,
    path=_partnership_page,
)
def _partnership_begun(notification: Notification) -> MessageText:
    return MessageText(
        _("A partnership has begun"),
        (
            _("%(own)s and %(other)s have both confirmed their agreement. Congratulations!")
            % side_names(notification),
        ),
        _("See the partnership"),
    )


def _partnership_state_recipients(event: Event) -> list[Notification]:
    """Both sides, without the one that changed the state; or both, if a further agreement carries
    the partnership on (of a first one, ``partnership_begun`` notifies them).
    """
    if event.topic == Topic.PARTNERSHIP_STATUS_CHANGED:
        both = _partnership_recipients(event, state=event.payload["new"])
        return _without(both, {event.community_id})
    if not event.payload.get("carries_on"):
        return []
    agreement = Agreement.objects.select_related("introduction__pair").get(pk=event.subject_id)
    pair = agreement.introduction.pair
    return to_sides(pair, agreement.partnership_id or 0, state="carried_on")


@notice(
    "partnership_state",
    gettext_lazy("State of a partnership"),
    Topic.PARTNERSHIP_STATUS_CHANGED,
    Topic.AGREEMENT_RECORDED,
    recipients=_partnership_state_recipients,
    path=_partnership_page,
)
def _partnership_state(notification: Notification) -> MessageText:
    sentences = {
        "active": _("The partnership of %(own)s and %(other)s is active again."),
        "carried_on": _("A new agreement of %(own)s and %(other)s is in force."),
        "review_due": _(
            "It is time for %(own)s and %(other)s to look at their partnership together."
        ),
        "renewed": _("%(own)s and %(other)s have renewed their partnership."),
        "dormant": _(
            "Nothing has been recorded between %(own)s and %(other)s for 18 months."
            " A call, a visit or a small project wakes it."
        ),
        "revitalising": _("%(other)s wants to bring the partnership with %(own)s back to life."),
        "suspended": _(
            "%(other)s has suspended the partnership with %(own)s. Suspended is not ended."
        ),
        "ended": _("%(other)s has ended the partnership with %(own)s."),
        "emeritus": _(
            "The partnership of %(own)s and %(other)s is kept in honour, without further activity."
        ),
    }
    return MessageText(
        _("News of a partnership"),
        (sentences[notification.payload["state"]] % side_names(notification),),
        _("See the partnership"),
    )


def _renewal_asked_recipients(event: Event) -> list[Notification]:
    """The side that has not said yet that it wants to go on."""
    if event.payload["complete"]:
        return []
    return _without(_partnership_recipients(event), {event.community_id})


@notice(
    "renewal_asked",
    gettext_lazy("The other side wants to go on"),
    Topic.PARTNERSHIP_RENEWAL_GIVEN,
    recipients=_renewal_asked_recipients,
    path=_partnership_page,
)
def _renewal_asked(notification: Notification) -> MessageText:
    return MessageText(
        _("Your partner wants to go on"),
        (
            _(
                "%(other)s wants to renew the partnership with %(own)s."
                " It is renewed when your side says so too."
            )
            % side_names(notification),
        ),
        _("See and answer"),
    )


def _report_due_recipients(event: Event) -> list[Notification]:
    """The sides that have not written theirs yet."""
    year = int(event.payload["year"])
    written = YearlyReport.objects.filter(partnership_id=event.subject_id, year=year)
    return _without(
        _partnership_recipients(event, year=year),
        set(written.values_list("community_id", flat=True)),
    )


@notice(
    "report_due",
    gettext_lazy("Yearly report"),
    Topic.PARTNERSHIP_REPORT_DUE,
    recipients=_report_due_recipients,
    path=_partnership_page,
)
def _report_due(notification: Notification) -> MessageText:
    return MessageText(
        _("A yearly report is due"),
        (
            _("How was %(year)d for %(own)s and %(other)s? A few sentences are enough.")
            % {**side_names(notification), "year": notification.payload["year"]},
        ),
        _("Write the report"),
    )
