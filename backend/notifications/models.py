"""Messages to people, and their deliveries by mail: each recipient gets each notification once a
channel.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from backend.outbox.models import Event, public_name

LONGEST_KIND = 20


class Notification(models.Model):
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications"
    )
    kind = models.CharField(
        max_length=LONGEST_KIND,
        help_text="A kind that a module ``notices`` declares; the database knows no list of them",
    )
    community = models.ForeignKey(
        "cities.Community",
        null=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="The recipient's side",
    )
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="+")
    subject_id = models.BigIntegerField(
        null=True, help_text="What it is about: an introduction, a profile, …; by kind"
    )
    payload = models.JSONField(
        default=dict, help_text="Ids and counts only; words are made when it is shown"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["recipient", "event", "kind", "community"],
                nulls_distinct=False,
                name="notification_once",
            )
        ]
        indexes = [models.Index(fields=["recipient", "-id"], name="notification_inbox")]

    @property
    def public_id(self) -> str:
        """Its name for the recipient: from the gaps between numbers one could count what others
        are notified of, such as who is reminded of a suggestion because it has not answered.
        """
        return public_name(self)


class Delivery(models.Model):
    """One notification by one channel. The Message-ID is made once, so that a mail sent twice is
    one mail to the reader.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Refused for good")
        DEAD = "dead", _("Given up")

    notification = models.ForeignKey(
        Notification, on_delete=models.CASCADE, related_name="deliveries"
    )
    channel = models.CharField(max_length=8, default="mail")
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.PENDING)
    message_id = models.UUIDField(default=uuid.uuid4, unique=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["notification", "channel"], name="delivery_once"),
            models.CheckConstraint(
                name="delivery_sent_complete",
                condition=~Q(status="sent") | Q(sent_at__isnull=False),
            ),
            models.CheckConstraint(name="delivery_channel_known", condition=Q(channel="mail")),
        ]
