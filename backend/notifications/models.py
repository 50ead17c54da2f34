"""Messages to people, and their deliveries by mail: each recipient gets each notification once a
channel.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from backend.cities.models import Community
from backend.outbox.models import Event


def kind_choices() -> Sequence[tuple[str, str | Promise]]:
    """For the field: as a function they stay out of migrations, which a new kind then needs none
    of.
    """
    return Notification.Kind.choices


class Notification(models.Model):
    class Kind(models.TextChoices):
        NEW_SUGGESTIONS = "new_suggestions", _("New suggested partners")
        SUGGESTIONS_EXPIRING = "suggestions_expiring", _("Time to answer ends soon")
        INTEREST_MUTUAL = "interest_mutual", _("Mutual interest")
        INTRODUCED = "introduced", _("Introduction")
        CONTACTS_OPEN = "contacts_open", _("Contacts are open")
        MEETING_PROPOSED = "meeting_proposed", _("Times for a meeting")
        MEETING_ANSWERED = "meeting_answered", _("Times accepted")
        MEETING_FIXED = "meeting_fixed", _("Meeting fixed")
        MEETING_CANCELLED = "meeting_cancelled", _("Meeting cancelled")
        CHANGES_REQUESTED = "changes_requested", _("Changes requested")
        PROFILE_PUBLISHED = "profile_published", _("Profile published")
        CONFIRMATION_DUE = "confirmation_due", _("Is the profile still true?")
        PROFILE_SUBMITTED = "profile_submitted", _("Profile to vet")
        SECOND_APPROVAL = "second_approval", _("Profile to approve too")
        MEMBERSHIP_ENDING = "membership_ending", _("Membership ends soon")
        MEMBERSHIP_LAPSED = "membership_lapsed", _("Membership has lapsed")
        AGREEMENT_TO_SIGN = "agreement_to_sign", _("Agreement to sign")
        AGREEMENT_CONFIRMED = "agreement_confirmed", _("The other side has signed")
        PARTNERSHIP_BEGUN = "partnership_begun", _("Partnership")
        PARTNERSHIP_STATE = "partnership_state", _("State of a partnership")
        RENEWAL_ASKED = "renewal_asked", _("The other side wants to go on")
        REPORT_DUE = "report_due", _("Yearly report")
        JOIN_REQUESTED = "join_requested", _("Somebody asks to join")
        JOIN_ANSWERED = "join_answered", _("Answer to a request to join")

    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications"
    )
    kind = models.CharField(max_length=20, choices=kind_choices)
    community = models.ForeignKey(
        Community,
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
