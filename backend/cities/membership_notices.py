"""Notices about memberships, and about requests for them."""

from __future__ import annotations

import datetime as dt

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.accounts.grants import RESPONSIBLE
from backend.cities.models import CommunityRole, Membership, MembershipRequest
from backend.cities.notices import name_of, own_name, people_of, to_curators, to_owners
from backend.notifications.models import Notification
from backend.notifications.notices import MessageText, community_page, notice
from backend.outbox.models import Event
from backend.outbox.topics import Topic

_S = MembershipRequest.Status
_own_membership = community_page("web:community_membership")


def _renewal_page(notification: Notification) -> str:
    """Where one asks for it; the public page for who may not."""
    answers = CommunityRole.objects.filter(
        user=notification.recipient_id,
        community=notification.community_id,
        role__in=RESPONSIBLE,
        vetted_at__isnull=False,
        ended_at__isnull=True,
    )
    if answers.exists():
        return _own_membership(notification)
    return reverse("web:community", kwargs={"community_id": notification.community_id})


def _membership_ending_recipients(event: Event) -> list[Notification]:
    """Only while it still ends: nobody is notified who renewed in the meantime."""
    day = event.payload["paid_through"]
    ends = Membership.objects.filter(
        pk=event.subject_id, paid_through=day, ended_on__isnull=True
    ).exists()
    return to_owners(event, paid_through=day) if ends else []


@notice(
    "membership_ending",
    gettext_lazy("Membership ends soon"),
    Topic.MEMBERSHIP_ENDING,
    recipients=_membership_ending_recipients,
    path=_renewal_page,
)
def _membership_ending(notification: Notification) -> MessageText:
    day = date_format(dt.date.fromisoformat(notification.payload["paid_through"]))
    return MessageText(
        _("Your membership ends soon"),
        (
            _("The dues of %(own)s are paid through %(day)s.")
            % {"own": own_name(notification), "day": day},
            _(
                "When they are renewed, its partnerships stay listed in the directory."
                " Ask for the renewal on its page about membership."
            ),
        ),
        _("Ask for the renewal"),
    )


def _membership_lapsed_recipients(event: Event) -> list[Notification]:
    lapsed = Membership.objects.filter(
        pk=event.subject_id, standing=Membership.Standing.LAPSED, ended_on__isnull=True
    ).exists()
    return to_owners(event) if lapsed else []


@notice(
    "membership_lapsed",
    gettext_lazy("Membership has lapsed"),
    Topic.MEMBERSHIP_LAPSED,
    recipients=_membership_lapsed_recipients,
    path=_renewal_page,
)
def _membership_lapsed(notification: Notification) -> MessageText:
    return MessageText(
        _("Your membership has lapsed"),
        (
            _("The dues of %(own)s are not paid any more.") % {"own": own_name(notification)},
            _(
                "Its partnerships stay what they are, but the directory does not list them until"
                " the membership is renewed."
            ),
        ),
        _("Ask for the renewal"),
    )


# Requests for membership


def _to_who_answers(event: Event, **payload: str) -> list[Notification]:
    """To the community's officials and chairs."""
    people = people_of([event.community_id] if event.community_id else [], answering=True)
    return [
        Notification(
            recipient_id=user_id, community_id=own, subject_id=event.subject_id, payload=payload
        )
        for user_id, own in people
    ]


def _is_renewal(notification: Notification) -> bool:
    return bool(notification.payload.get("kind") == MembershipRequest.Kind.RENEWAL)


@notice(
    "membership_request",
    gettext_lazy("Request for membership"),
    Topic.MEMBERSHIP_REQUESTED,
    recipients=lambda event: to_curators(
        event, community=event.community_id, kind=event.payload["request_kind"]
    ),
    path=lambda notification: reverse(
        "web:staff_membership_request", kwargs={"request_id": notification.subject_id}
    ),
)
def _membership_request(notification: Notification) -> MessageText:
    named = {"name": name_of(notification.payload["community"])}
    return MessageText(
        _("A request for membership waits"),
        (
            _("%(name)s asks to renew its membership.") % named
            if _is_renewal(notification)
            else _("%(name)s asks to become a member.") % named,
        ),
        _("Read the request"),
    )


def _received_recipients(event: Event) -> list[Notification]:
    """Not after each further word: who wrote it knows."""
    if event.payload["replied"]:
        return []
    return _to_who_answers(event, kind=event.payload["request_kind"])


@notice(
    "membership_received",
    gettext_lazy("Your request for membership is received"),
    Topic.MEMBERSHIP_REQUESTED,
    recipients=_received_recipients,
    path=_own_membership,
)
def _membership_received(notification: Notification) -> MessageText:
    own = {"own": own_name(notification)}
    return MessageText(
        _("We have your request for membership"),
        (
            _("%(own)s has asked to renew its membership.") % own
            if _is_renewal(notification)
            else _("%(own)s has asked to become a member.") % own,
            _("Staff read it and answer. You get a message at each step."),
        ),
        _("See the request"),
    )


def _answer_recipients(event: Event) -> list[Notification]:
    """The community, of what staff did; what it did itself it knows."""
    if event.payload["new"] == _S.WITHDRAWN:
        return []
    return _to_who_answers(event, status=event.payload["new"])


@notice(
    "membership_answer",
    gettext_lazy("Answer to a request for membership"),
    Topic.MEMBERSHIP_REQUEST_CHANGED,
    recipients=_answer_recipients,
    path=_own_membership,
)
def _membership_answer(notification: Notification) -> MessageText:
    own = {"own": own_name(notification)}
    title, said = {
        _S.ASKED: (
            _("Staff ask for more"),
            _("Staff have read what %(own)s asks for, and need more before they can answer."),
        ),
        _S.ACCEPTED: (
            _("Your request for membership is accepted"),
            _(
                "The request of %(own)s is accepted. The membership counts from the day on which "
                "staff have its dues."
            ),
        ),
        _S.PAID: (
            _("Your dues are paid"),
            _("The dues of %(own)s have come: it is a member in good standing."),
        ),
        _S.DECLINED: (
            _("Your request for membership is declined"),
            _("Staff have declined the request of %(own)s. They say why."),
        ),
    }[_S(notification.payload["status"])]
    return MessageText(title, (said % own,), _("See the request"))
