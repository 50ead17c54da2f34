"""Messages of anybody to staff, or to the organisation of a community, and what was answered."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from backend.cities.models.communities import Community

# No vowels and nothing that looks like something else: a number is read aloud on the telephone.
_SIGNS = "23456789BCDFGHJKMNPQRSTVWXZ"


def new_number() -> str:
    """Eight signs at random: from numbers in a row one could count what others write."""
    signs = "".join(secrets.choice(_SIGNS) for _index in range(8))
    return f"{signs[:4]}-{signs[4:]}"


class Ticket(models.Model):
    """What somebody asks, with or without an account; its messages are the thread."""

    class Kind(models.TextChoices):
        QUESTION = "question", _("A question")
        PARTNERS = "partners", _("A wrong or missing partner")
        WRONG = "wrong", _("Abuse, or something wrong on a page")
        PLACE = "place", _("A place that is missing")
        MEMBERSHIP = "membership", _("Membership")
        ORGANISATION = "organisation", _("Starting an organisation")
        VOLUNTEER = "volunteer", _("Help as a volunteer")
        PRIVACY = "privacy", _("Privacy")
        ACCESSIBILITY = "accessibility", _("Accessibility")
        OTHER = "other", _("Something else")

    class Status(models.TextChoices):
        OPEN = "open", _("Waiting for an answer")
        ANSWERED = "answered", _("Answered")
        CLOSED = "closed", _("Closed")

    number = models.CharField(max_length=9, unique=True, default=new_number)
    topic = models.CharField(max_length=20, choices=Kind.choices)
    addressee = models.ForeignKey(
        Community,
        null=True,
        on_delete=models.CASCADE,
        related_name="tickets",
        help_text="Whose organisation it is for; empty: staff.",
    )
    about = models.CharField(
        max_length=300, blank=True, help_text="The path of the page it was written on."
    )
    name = models.CharField(max_length=120, blank=True)
    email = models.EmailField(help_text="Where the answer goes; shown to staff alone.")
    language = models.CharField(max_length=10, help_text="In which the writer read the page.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="tickets",
        help_text="Who wrote it, where that was signed in.",
    )
    community = models.ForeignKey(
        Community,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="For which the writer writes.",
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The member of staff who answers it.",
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    written_at = models.DateTimeField(default=now)
    changed_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="ticket_status_known", condition=Q(status__in=["open", "answered", "closed"])
            ),
        ]


class TicketMessage(models.Model):
    """One message of a thread; never changed."""

    class Side(models.TextChoices):
        WRITER = "writer", _("Who asked")
        ADDRESSEE = "addressee", _("Who answers")

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="messages")
    side = models.CharField(max_length=10, choices=Side.choices)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Who wrote it, where that was signed in.",
    )
    text = models.TextField(max_length=5000)
    at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="ticket_message_side_known", condition=Q(side__in=["writer", "addressee"])
            ),
        ]
