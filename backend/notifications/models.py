"""Messages to people, and their deliveries by mail: each recipient gets each notification once a channel."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from backend.cities.models import Community
from backend.outbox.models import Event


class Notification(models.Model):
    class Kind(models.TextChoices):
        NEW_SUGGESTIONS = "new_suggestions", "New suggested partners"
        SUGGESTIONS_EXPIRING = "suggestions_expiring", "Time to answer ends soon"
        INTEREST_MUTUAL = "interest_mutual", "Mutual interest"
        INTRODUCED = "introduced", "Introduction"
        CONTACTS_OPEN = "contacts_open", "Contacts are open"
        MEETING_PROPOSED = "meeting_proposed", "Times for a meeting"
        MEETING_ANSWERED = "meeting_answered", "Times accepted"
        MEETING_FIXED = "meeting_fixed", "Meeting fixed"
        MEETING_CANCELLED = "meeting_cancelled", "Meeting cancelled"
        CHANGES_REQUESTED = "changes_requested", "Changes requested"
        PROFILE_PUBLISHED = "profile_published", "Profile published"
        CONFIRMATION_DUE = "confirmation_due", "Is the profile still true?"
        PROFILE_SUBMITTED = "profile_submitted", "Profile to vet"
        SECOND_APPROVAL = "second_approval", "Profile to approve too"
        MEMBERSHIP_ENDING = "membership_ending", "Membership ends soon"
        MEMBERSHIP_LAPSED = "membership_lapsed", "Membership has lapsed"
        AGREEMENT_TO_SIGN = "agreement_to_sign", "Agreement to sign"
        AGREEMENT_CONFIRMED = "agreement_confirmed", "The other side has signed"
        PARTNERSHIP_BEGUN = "partnership_begun", "Partnership"
        PARTNERSHIP_STATE = "partnership_state", "State of a partnership"
        RENEWAL_ASKED = "renewal_asked", "The other side wants to go on"
        REPORT_DUE = "report_due", "Yearly report"
        JOIN_REQUESTED = "join_requested", "Somebody asks to join"
        JOIN_ANSWERED = "join_answered", "Answer to a request to join"

    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    community = models.ForeignKey(Community, null=True, on_delete=models.CASCADE, related_name="+", help_text="The recipient's side")
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="+")
    subject_id = models.BigIntegerField(null=True, help_text="What it is about: an introduction, a profile, …; by kind")
    payload = models.JSONField(default=dict, help_text="Ids and counts only; words are made when it is shown")
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["recipient", "event", "kind", "community"], nulls_distinct=False, name="notification_once")
        ]
        indexes = [models.Index(fields=["recipient", "-id"], name="notification_inbox")]


class Delivery(models.Model):
    """One notification by one channel. The Message-ID is made once, so that a mail sent twice is one mail to the reader."""

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        SENT = "sent", "Sent"
        FAILED = "failed", "Refused for good"
        DEAD = "dead", "Given up"

    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=8, default="mail")
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.PENDING)
    message_id = models.UUIDField(default=uuid.uuid4, unique=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["notification", "channel"], name="delivery_once"),
            models.CheckConstraint(name="delivery_sent_complete", condition=~Q(status="sent") | Q(sent_at__isnull=False)),
            models.CheckConstraint(name="delivery_channel_known", condition=Q(channel="mail")),
        ]
