"""Profiles: one living draft, immutable numbered versions, what staff said while vetting, and by
what the published ones are found and searched for.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from backend.cities.models.communities import Community
from backend.cities.models.places import Country


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


# By what seeking communities are found.


def _codes() -> ArrayField:
    return ArrayField(models.TextField())


class SeekingEntry(models.Model):
    """A community that seeks partners, by the public answers that lists ask for. The database keeps
    these rows itself, from the published version and what else they hold: nothing writes them.

    A list over them reads one narrow table with indexes, never 20,000 documents.
    """

    community = models.OneToOneField(
        Community, primary_key=True, on_delete=models.CASCADE, related_name="seeking_entry"
    )
    published_at = models.DateTimeField(help_text="Of the current version")
    country = models.ForeignKey(Country, on_delete=models.PROTECT, related_name="+")
    admin1 = models.CharField(max_length=120)
    population = models.IntegerField(help_text="As published, else by the gazetteer; 0: not known")
    is_member = models.BooleanField(help_text="In good standing")
    needs = _codes()
    offers = _codes()
    themes = _codes()
    sectors = _codes()
    languages = _codes()
    forms = ArrayField(models.TextField(), help_text="Sought; empty: any")
    words = models.TextField(
        help_text="Folded: its names, each between two bars, then the words of its region and "
        "country, each after a slash"
    )
    latitude = models.FloatField(null=True)
    longitude = models.FloatField(null=True)
    # Of the place on a sphere of radius 1: a distance is then a sum of three squares
    x = models.FloatField(null=True)
    y = models.FloatField(null=True)
    z = models.FloatField(null=True)

    class Meta:
        verbose_name_plural = "seeking entries"
        indexes = [
            models.Index(fields=["-published_at", "-community"], name="seeking_fresh"),
            models.Index(fields=["-population", "-community"], name="seeking_size"),
            models.Index(fields=["admin1"], name="seeking_region"),
            GinIndex(
                fields=["needs", "offers", "themes", "sectors", "languages", "forms"],
                name="seeking_codes",
            ),
            GinIndex(fields=["words"], name="seeking_words", opclasses=["gin_trgm_ops"]),
        ]

    def __str__(self) -> str:
        return f"entry of {self.community_id}"


class SavedSearch(models.Model):
    """A search that a person has saved: each day they are told of the communities that are new and
    fit it. Removing it ends that.
    """

    MOST = 20  # of one person

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_searches"
    )
    query = models.JSONField(help_text="The fields of backend.cities.seeking.Asked that are set")
    saved_at = models.DateTimeField(help_text="What was published before is not new")

    class Meta:
        verbose_name_plural = "saved searches"
        constraints = [
            models.UniqueConstraint(fields=["user", "query"], name="saved_search_once_a_person")
        ]

    def __str__(self) -> str:
        return f"search of {self.user_id}"


class SavedSearchHit(models.Model):
    """A community that the person of a search was told of, so that nobody is told twice."""

    search = models.ForeignKey(SavedSearch, on_delete=models.CASCADE, related_name="hits")
    community = models.ForeignKey(Community, on_delete=models.CASCADE, related_name="+")
    told_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["search", "community"], name="saved_search_told_once")
        ]
