"""Notices about messages to staff."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.accounts.grants import Resource, Verb, may
from backend.cities.models import Ticket
from backend.cities.notices import name_of, to_curators
from backend.cities.permissions import actor_kind
from backend.notifications.models import Notification
from backend.notifications.notices import MessageText, notice
from backend.outbox.models import Event
from backend.outbox.topics import Topic


def _written_recipients(event: Event) -> list[Notification]:
    """Who has taken the ticket, else all curators; nobody once it is answered, and nobody of a
    letter to a community's organisation.
    """
    rows = Ticket.objects.filter(pk=event.subject_id, addressee=None, status=Ticket.Status.OPEN)
    ticket = rows.select_related("owner").first()
    if ticket is None:
        return []
    payload = {"topic": ticket.topic, "community": ticket.community_id}
    owner = ticket.owner
    if owner is None or not may(actor_kind(owner), Verb.ACT, Resource.TICKET):
        return to_curators(event, **payload)
    return [Notification(recipient_id=owner.pk, subject_id=ticket.pk, payload=payload)]


@notice(
    "ticket_written",
    gettext_lazy("Message to staff"),
    Topic.TICKET_WRITTEN,
    recipients=_written_recipients,
    path=lambda notification: reverse("web:staff_ticket", args=[notification.subject_id]),
)
def _ticket_written(notification: Notification) -> MessageText:
    community_id = notification.payload["community"]
    own = [_("They write for %(own)s.") % {"own": name_of(community_id)}] if community_id else []
    topic = dict(Ticket.Kind.choices).get(notification.payload["topic"], "")
    return MessageText(
        _("A message to staff waits for an answer"),
        (
            _("Somebody has written to staff. It is about: %(topic)s.") % {"topic": topic},
            *own,
            _("Who answers it first has taken it."),
        ),
        _("Read the message"),
    )
