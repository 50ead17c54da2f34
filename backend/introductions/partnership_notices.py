"""Notices about agreements and partnerships, and about what communities say of theirs."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.cities.models import ExistingPartnership
from backend.cities.notices import own_name, side_names, to_owners, to_sides, without
from backend.common.formatting import comma_list
from backend.introductions.models import Agreement, Partnership, YearlyReport
from backend.notifications.models import Notification
from backend.notifications.notices import MessageText, community_page, notice, subject_page
from backend.outbox.models import Event
from backend.outbox.topics import Topic

_agreement_page = subject_page("web:agreement", "agreement_id")
_partnership_page = subject_page("web:partnership", "partnership_id")


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
    return without(to_sides(agreement.introduction.pair, agreement.pk), {*confirmed})


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


def _agreement_taken_back_recipients(event: Event) -> list[Notification]:
    """Both sides, where staff take back what waited for their signatures; the other side, where one
    takes its confirmation back.
    """
    agreement = Agreement.objects.select_related("introduction__pair").get(pk=event.subject_id)
    pair, about = agreement.introduction.pair, {"introduction": agreement.introduction_id}
    if event.topic == Topic.AGREEMENT_CONFIRMATION_WITHDRAWN:
        if agreement.status != Agreement.Status.SIGNING:
            return []  # with the whole agreement, of which both sides are notified
        both = to_sides(pair, agreement.pk, state="confirmation", **about)
        return without(both, {event.community_id})
    if event.payload["old"] != Agreement.Status.SIGNING or event.payload["new"] not in (
        Agreement.Status.DRAFT,
        Agreement.Status.WITHDRAWN,
    ):
        return []
    return to_sides(pair, agreement.pk, state=event.payload["new"], **about)


@notice(
    "agreement_taken_back",
    gettext_lazy("Agreement taken back"),
    Topic.AGREEMENT_STATUS_CHANGED,
    Topic.AGREEMENT_CONFIRMATION_WITHDRAWN,
    recipients=_agreement_taken_back_recipients,
    path=lambda notification: reverse(
        "web:introduction", args=[notification.payload["introduction"]]
    ),
)
def _agreement_taken_back(notification: Notification) -> MessageText:
    sentences = {
        "draft": _(
            "Staff have taken the agreement of %(own)s and %(other)s back to change its text."
            " Confirmed signatures do not count any more."
        ),
        "withdrawn": _(
            "Staff have given up the agreement of %(own)s and %(other)s before it came into force."
        ),
        "confirmation": _(
            "%(other)s has taken back its confirmation of the agreement with %(own)s."
        ),
    }
    return MessageText(
        _("News of your agreement"),
        (sentences[notification.payload["state"]] % side_names(notification),),
        _("See the introduction"),
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
        return without(both, {event.community_id})
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
    return without(_partnership_recipients(event), {event.community_id})


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
    return without(
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


# What a community says of its partnerships


MOST_NAMED = 20


def _answered_recipients(event: Event) -> list[Notification]:
    """Once for all that staff have answered in one act."""
    rows, new = event.payload.get("rows"), event.payload.get("new")
    return to_owners(event, rows=rows, answer=new) if rows else []


@notice(
    "statements_checked",
    gettext_lazy("Partnerships checked by staff"),
    Topic.EXISTING_PARTNERSHIP_ANSWERED,
    recipients=_answered_recipients,
    path=community_page("web:named_partners"),
)
def _statements_checked(notification: Notification) -> MessageText:
    ids = notification.payload["rows"]
    rows = ExistingPartnership.objects.filter(pk__in=ids[:MOST_NAMED]).order_by("name", "pk")
    rows = rows.select_related("country", "place__country", "partner__country")
    names = "; ".join(_named(row) for row in rows)
    if len(ids) > MOST_NAMED:
        names += " …"
    own = own_name(notification)
    if notification.payload["answer"] == ExistingPartnership.State.CONFIRMED:
        return MessageText(
            _("Staff have confirmed partnerships"),
            (
                _("Staff have confirmed what %(own)s says of: %(names)s.")
                % {"own": own, "names": names},
            ),
            _("See what was checked"),
        )
    note = next((row.note for row in rows if row.note), "")
    said = _("Staff have not confirmed what %(own)s says of: %(names)s.")
    reason = (_("The reason: %(note)s") % {"note": note},) if note else ()
    return MessageText(
        _("Staff have not confirmed a partnership"),
        (
            said % {"own": own, "names": names},
            *reason,
            _("You can correct what you say, or write to staff."),
        ),
        _("See what was checked"),
    )


def _named(row: ExistingPartnership) -> str:
    side = row.place or row.partner
    return comma_list((row.name, side.whereabouts if side is not None else row.country.label))
