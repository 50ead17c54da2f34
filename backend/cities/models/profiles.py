"""Profiles: one living draft, immutable numbered versions, and what staff said while vetting."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from backend.cities.models.communities import Community


class Profile(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft", _("Draft")
        SUBMITTED = "submitted", _("Submitted")
        CHANGES_REQUESTED = "changes_requested", _("Changes requested")
        PUBLISHED = "published", _("Published")
        STALE = "stale", _("Stale")
        PAUSED = "paused", _("Paused")
        FULFILLED = "fulfilled", _("Fulfilled")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    community = models.OneToOneField(Community, on_delete=models.CASCADE, related_name="profile")
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.DRAFT)
    draft = models.JSONField(
        default=dict, help_text="What the owner is writing; may hold values that are not valid yet."
    )
    draft_revision = models.PositiveIntegerField(
        default=0, help_text="Two editors: the later save of an older revision is a conflict."
    )
    answer_revisions = models.JSONField(
        default=dict,
        help_text="Revision at which each answer (``group.field``) last changed: two editors "
        "collide "
        "only on the same answer.",
    )
    current_version = models.OneToOneField(
        "ProfileVersion", null=True, on_delete=models.PROTECT, related_name="+"
    )
    submitted_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(
        null=True, help_text="When the owner last said that it is true."
    )
    reminded_months = models.PositiveSmallIntegerField(
        default=0,
        help_text="The last reminder since then, by its months after confirmation; 0: none yet.",
    )
    paused_until = models.DateField(
        null=True,
        help_text="The first day on which a paused profile seeks again; "
        "empty: until it is resumed.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="profile_status_known",
                condition=Q(
                    status__in=[
                        "draft",
                        "submitted",
                        "changes_requested",
                        "published",
                        "stale",
                        "paused",
                        "fulfilled",
                        "withdrawn",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="profile_published_has_version",
                condition=~Q(status__in=["published", "stale", "paused", "fulfilled"])
                | (Q(current_version__isnull=False) & Q(confirmed_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="profile_pause_ends_a_pause",
                condition=Q(paused_until__isnull=True) | Q(status="paused"),
            ),
        ]
        indexes = [models.Index(fields=["status"], name="profile_status")]

    @property
    def is_public(self) -> bool:
        """Whether anybody may see it, as ``Community.objects.public`` says."""
        return self.current_version_id is not None and self.status != self.Status.WITHDRAWN

    @property
    def is_approved(self) -> bool:
        """Whether a version was published, and nothing was handed in for vetting since."""
        version = self.current_version
        return version is not None and (
            self.submitted_at is None or self.submitted_at <= version.published_at
        )


class ProfileVersion(models.Model):
    """What was published, for good. A trigger refuses UPDATE and DELETE."""

    profile = models.ForeignKey(Profile, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    data = models.JSONField(help_text="A valid document of backend.cities.profile_schema")
    published_at = models.DateTimeField(auto_now_add=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["profile", "number"], name="version_number_once"),
            models.CheckConstraint(name="version_number_positive", condition=Q(number__gte=1)),
        ]
        indexes = [GinIndex(fields=["data"], name="version_data", opclasses=["jsonb_path_ops"])]


class VettingNote(models.Model):
    """What staff asked of a registrant."""

    class Reason(models.TextChoices):
        ELIGIBILITY_UNCLEAR = "eligibility_unclear", _("Eligibility unclear")
        SENIOR_OFFICIAL_QUESTIONABLE = (
            "senior_official_questionable",
            _("Please confirm the senior official"),
        )
        LETTER_MISSING = "letter_missing", _("Letter missing")
        COMMUNITY_ALREADY_REGISTERED = (
            "community_already_registered",
            _("Community already registered"),
        )
        WRONG_COMMUNITY = "wrong_community", _("Wrong community")
        ANSWERS_NEED_WORK = "answers_need_work", _("Some answers need work")

    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="vetting_notes")
    reason = models.CharField(max_length=40, choices=Reason.choices)
    text = models.TextField(max_length=4000)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    answer = models.TextField(
        max_length=4000,
        blank=True,
        help_text="What the owner wrote when handing the profile in again",
    )
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="note_answer_complete", condition=Q(answer="") | Q(answered_at__isnull=False)
            ),
        ]


class VettingLetter(models.Model):
    """The letter that names the senior official. Stored under a random name, offered only as a
    download.
    """

    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="letters")
    file = models.FileField(upload_to="letters/", max_length=200)
    original_name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=40)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)


# Approvals by curators.


class VettingApproval(models.Model):
    """A curator's approval of one revision of a submitted profile. The first profile of a country
    needs two of them.
    """

    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="approvals")
    revision = models.PositiveIntegerField(
        help_text="The draft's revision that was read; a yes to an older one counts no more"
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    version = models.OneToOneField(
        ProfileVersion,
        null=True,
        on_delete=models.PROTECT,
        related_name="approval",
        help_text="What it published; empty: it needed a second",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["profile", "revision", "by"], name="approval_once_a_curator"
            )
        ]
