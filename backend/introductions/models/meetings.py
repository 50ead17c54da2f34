"""Meetings of the two sides: times proposed, accepted by each side, and the one that was fixed; and
what a community opens to everybody.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from backend.cities.models import Community
from backend.introductions.models.introductions import Introduction

SHORTEST_MINUTES, USUAL_MINUTES, LONGEST_MINUTES = 15, 60, 480


class Meeting(models.Model):
    """One meeting within an introduction. ``uid`` and ``sequence`` are those of its calendar entry
    (RFC 5545, 5546).
    """

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("Times proposed")
        FIXED = "fixed", _("Fixed")
        CANCELLED = "cancelled", _("Cancelled")

    introduction = models.ForeignKey(
        Introduction, on_delete=models.PROTECT, related_name="meetings"
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PROPOSED)
    minutes = models.PositiveSmallIntegerField(default=USUAL_MINUTES)
    place = models.CharField(
        max_length=300, blank=True, help_text="A room, or the link of a video call"
    )
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    proposed_at = models.DateTimeField(auto_now_add=True)
    starts_at = models.DateTimeField(null=True, help_text="Empty until a time is fixed")
    fixed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    sequence = models.PositiveIntegerField(
        default=0, help_text="Rises with each change that calendars must learn of"
    )
    changed_at = models.DateTimeField(auto_now_add=True, help_text="When sequence last rose")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="meeting_status_known",
                condition=Q(status__in=["proposed", "fixed", "cancelled"]),
            ),
            models.CheckConstraint(
                name="meeting_lasts_a_while",
                condition=Q(minutes__gte=SHORTEST_MINUTES, minutes__lte=LONGEST_MINUTES),
            ),
            models.CheckConstraint(
                name="meeting_fixed_complete",
                condition=~Q(status="fixed") | Q(starts_at__isnull=False, fixed_by__isnull=False),
            ),
            models.CheckConstraint(
                name="meeting_proposed_open",
                condition=~Q(status="proposed") | Q(starts_at__isnull=True),
            ),
        ]


class MeetingTime(models.Model):
    """One of the proposed times. ``round`` tells the times proposed now from those of an earlier
    proposal, which are kept.
    """

    meeting = models.ForeignKey(Meeting, on_delete=models.CASCADE, related_name="times")
    round = models.PositiveSmallIntegerField(default=1)
    starts_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["meeting", "round", "starts_at"], name="meeting_time_once"
            )
        ]


class TimeAcceptance(models.Model):
    """That a side can come at a proposed time."""

    time = models.ForeignKey(MeetingTime, on_delete=models.CASCADE, related_name="acceptances")
    community = models.ForeignKey(Community, on_delete=models.CASCADE, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["time", "community"], name="time_accepted_once_a_side")
        ]


class Call(models.Model):
    """An open meeting of a community's programme, or a call for help. Everybody may read it once it
    is published; it is withdrawn, never deleted.
    """

    community = models.ForeignKey(Community, on_delete=models.CASCADE, related_name="calls")
    title = models.CharField(max_length=120)
    text = models.TextField(max_length=2000, blank=True)
    starts_at = models.DateTimeField(null=True, help_text="Empty: a call for help without a date")
    minutes = models.PositiveSmallIntegerField(default=USUAL_MINUTES)
    place = models.CharField(
        max_length=300, blank=True, help_text="A room, or the link of a video call"
    )
    wanted = models.CharField(max_length=300, blank=True, help_text="Who is wanted, and for what")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    published_at = models.DateTimeField(null=True, help_text="Empty: a draft")
    withdrawn_at = models.DateTimeField(null=True)
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="call_says_when_or_who",
                condition=Q(starts_at__isnull=False) | ~Q(wanted=""),
            ),
            models.CheckConstraint(
                name="call_lasts_a_while",
                condition=Q(minutes__gte=SHORTEST_MINUTES, minutes__lte=LONGEST_MINUTES),
            ),
        ]


class PartnershipProcess(models.Model):
    """How a partnership comes about in a community, in its own words: for everybody who reads its
    public page.
    """

    community = models.OneToOneField(Community, on_delete=models.CASCADE, related_name="process")
    text = models.TextField(max_length=4000)
    language = models.CharField(max_length=10, help_text="A code of the vocabulary of languages")
    changed_at = models.DateTimeField()
