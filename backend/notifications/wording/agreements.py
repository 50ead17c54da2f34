"""Words about agreements and the life of partnerships."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _

from backend.notifications.models import Notification
from backend.notifications.wording.words import Words, side_names


def _agreement_path(notification: Notification) -> str:
    return reverse("web:agreement", kwargs={"agreement_id": notification.subject_id})


def _partnership_path(notification: Notification) -> str:
    return reverse("web:partnership", kwargs={"partnership_id": notification.subject_id})


def agreement_to_sign(notification: Notification) -> Words:
    return Words(
        _("An agreement waits for your signature"),
        (
            _("Staff have put the text of an agreement before %(own)s and %(other)s.")
            % side_names(notification),
            _(
                "When both highest officials have signed, send the signed document and confirm for your side."
            ),
        ),
        _agreement_path(notification),
        _("Read the agreement"),
    )


def agreement_confirmed(notification: Notification) -> Words:
    return Words(
        _("The other side has confirmed the agreement"),
        (
            _("%(other)s has confirmed its signature under the agreement with %(own)s.")
            % side_names(notification),
            _("The partnership begins when your side confirms too."),
        ),
        _agreement_path(notification),
        _("Read and confirm"),
    )


def partnership_begun(notification: Notification) -> Words:
    return Words(
        _("A partnership has begun"),
        (
            _("%(own)s and %(other)s have both confirmed their agreement. Congratulations!")
            % side_names(notification),
        ),
        _partnership_path(notification),
        _("See the partnership"),
    )


def partnership_state(notification: Notification) -> Words:
    named = side_names(notification)
    sentences = {
        "active": _("The partnership of %(own)s and %(other)s is active again."),
        "carried_on": _("A new agreement of %(own)s and %(other)s is in force."),
        "review_due": _(
            "It is time for %(own)s and %(other)s to look at their partnership together."
        ),
        "renewed": _("%(own)s and %(other)s have renewed their partnership."),
        "dormant": _(
            "Nothing has been recorded between %(own)s and %(other)s for 18 months. A call, a visit or a small project wakes it."
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
    return Words(
        _("News of a partnership"),
        (sentences[notification.payload["state"]] % named,),
        _partnership_path(notification),
        _("See the partnership"),
    )


def renewal_asked(notification: Notification) -> Words:
    return Words(
        _("Your partner wants to go on"),
        (
            _(
                "%(other)s wants to renew the partnership with %(own)s. It is renewed when your side says so too."
            )
            % side_names(notification),
        ),
        _partnership_path(notification),
        _("See and answer"),
    )


def report_due(notification: Notification) -> Words:
    return Words(
        _("A yearly report is due"),
        (
            _("How was %(year)d for %(own)s and %(other)s? A few sentences are enough.")
            % {**side_names(notification), "year": notification.payload["year"]},
        ),
        _partnership_path(notification),
        _("Write the report"),
    )
