"""Communities, their organisations, and the partnerships that they had before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from backend.accounts.grants import Role
from backend.cities.models.places import Country, Place, region_label, whereabouts_words
from backend.cities.names import community_key, searched_name
from backend.common.bounds import valid_ids
from backend.common.formatting import comma_list

HOME_COUNTRY = "US"


class CommunityQuerySet(models.QuerySet["Community"]):
    def seeking(self) -> CommunityQuerySet:
        """Communities with a published profile that look for partners now."""
        return self.filter(profile__status="published", profile__current_version__isnull=False)

    def public(self) -> CommunityQuerySet:
        """Communities that anybody may see: a version of their profile is, or was, published and is
        not withdrawn.
        """
        return self.filter(profile__current_version__isnull=False).exclude(
            profile__status="withdrawn"
        )

    def public_names(self, numbers: Iterable[object]) -> dict[int, str]:
        """Number → name of those that anybody may see, in one query at most; what is no possible
        number is passed over.
        """
        possible = valid_ids(numbers)
        return (
            dict(self.public().filter(pk__in=possible).values_list("pk", "name"))
            if possible
            else {}
        )

    def of_user(self, user_id: int) -> CommunityQuerySet:
        """Communities in which the user holds an active role."""
        return self.filter(roles__user_id=user_id, roles__ended_at__isnull=True).distinct()


class Community(models.Model):
    class Kind(models.TextChoices):
        CITY = "city", _("City")
        COUNTY = "county", _("County")
        STATE = "state", pgettext_lazy("kind of community", "State")
        DISTRICT = "district", _("District")
        PROVINCE = "province", _("Province")

    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.CITY)
    place = models.OneToOneField(
        Place, null=True, blank=True, on_delete=models.PROTECT, related_name="community"
    )
    name = models.CharField(max_length=200)
    local_name = models.CharField(max_length=200, blank=True)
    country = models.ForeignKey(Country, on_delete=models.PROTECT, related_name="communities")
    admin1 = models.CharField(max_length=120, blank=True)
    latitude = models.FloatField(null=True)
    longitude = models.FloatField(null=True)
    timezone = models.CharField(max_length=40, blank=True)
    name_key = models.CharField(
        max_length=200,
        blank=True,
        help_text="Without a place: the name by which duplicates are found, see "
        "backend.cities.names.community_key",
    )
    region_key = models.CharField(
        max_length=200, blank=True, help_text="Without a place: the region it lies in, likewise"
    )
    website = models.URLField(blank=True)
    is_sample = models.BooleanField(default=False)
    registered_at = models.DateTimeField(default=now)

    objects = CommunityQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "communities"
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(
                name="community_kind_known",
                condition=Q(kind__in=["city", "county", "state", "district", "province"]),
            ),
            models.CheckConstraint(
                name="community_city_has_place", condition=~Q(kind="city") | Q(place__isnull=False)
            ),
            models.UniqueConstraint(
                fields=["country", "kind", "region_key", "name_key"],
                condition=Q(place__isnull=True),
                name="community_by_hand_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.fill_keys()
        super().save(*args, **kwargs)

    def fill_keys(self) -> None:
        """Without a place a community is identified by its spelling, else by its place."""
        if self.place_id is None:
            is_region = self.kind in (self.Kind.STATE, self.Kind.PROVINCE)
            self.name_key, self.region_key = (
                community_key(self.name, self.kind),
                "" if is_region else searched_name(self.admin1),
            )

    @property
    def region(self) -> str:
        """The region it lies in, in the reader's language."""
        return region_label(self.country_id, self.admin1)

    @property
    def whereabouts(self) -> str:
        """Its region, unless that has its own name, and its country, in the reader's language."""
        return whereabouts_words(
            self.region if self.admin1 != self.name else "", self.country.label
        )

    @property
    def label(self) -> str:
        """What tells it apart from others of its name: "Springfield, Illinois, United States"."""
        return comma_list((self.name, self.whereabouts))

    @property
    def is_home(self) -> bool:
        """Whether it is on the U.S. side of the service."""
        return self.country_id == HOME_COUNTRY


class CommunityPicture(models.Model):
    """A picture or coat of arms on a community's public page; at most one. The file was drawn anew
    and made small by us (``backend.cities.documents.check_picture``).
    """

    community = models.OneToOneField(Community, on_delete=models.CASCADE, related_name="picture")
    file = models.FileField(upload_to="pictures/", max_length=200)
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()
    alternative = models.CharField(
        max_length=200, help_text="What it shows, for readers who do not see it"
    )
    at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="picture_has_alternative", condition=~Q(alternative="") & ~Q(file="")
            )
        ]

    @property
    def version(self) -> str:
        """The random part of its file's name: a new picture has a new address."""
        return str(self.file.name).rpartition("/")[2].partition(".")[0]


class CommunityRole(models.Model):
    """What a person does for a community. Several people, several roles; ended, never deleted."""

    Role = Role

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="community_roles"
    )
    community = models.ForeignKey(Community, on_delete=models.CASCADE, related_name="roles")
    role = models.CharField(max_length=20, choices=Role.choices)
    vetted_at = models.DateTimeField(
        null=True, help_text="When staff confirmed the person; empty: an unvetted registrant."
    )
    started_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "community"],
                condition=Q(ended_at__isnull=True),
                name="role_one_active_per_person",
            ),
            models.CheckConstraint(name="role_known", condition=Q(role__in=Role.values)),
        ]


class Organisation(models.Model):
    """The independent body that runs a community's programme. One per community: there is never a
    second one.
    """

    class Structure(models.TextChoices):
        NONPROFIT = "nonprofit", _("501(c)(3) or similar nonprofit")
        MUNICIPAL = "municipal", _("Municipal office")
        INSTITUTION = "institution", _("Local institution")
        MIXED = "mixed", _("A mix")

    community = models.OneToOneField(
        Community, on_delete=models.CASCADE, related_name="organisation"
    )
    name = models.CharField(max_length=200)
    structure = models.CharField(max_length=12, choices=Structure.choices, blank=True)
    office = models.CharField(
        max_length=30,
        blank=True,
        help_text="Where the municipal contact sits; a code of the vocabulary",
    )
    year_founded = models.PositiveSmallIntegerField(null=True)
    volunteers = models.PositiveIntegerField(null=True)


class Contact(models.Model):
    """A person to write to. Never part of the profile: shown only under both consents of one
    introduction.
    """

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="contacts"
    )
    name = models.CharField(max_length=120)
    office = models.CharField(max_length=120, blank=True)
    email = models.EmailField()
    phone = models.CharField(max_length=40, blank=True)
    is_primary = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation"], condition=Q(is_primary=True), name="contact_one_primary"
            )
        ]


# Partnerships that a community had before it came: what its profile says of them, and whether
# staff have confirmed it.


# A further status: that there is no such partnership, of one that somebody else names
NOT_OURS = "not_ours"
OVER = ("ended", NOT_OURS)


class ExistingPartnershipQuerySet(models.QuerySet["ExistingPartnership"]):
    def in_force(self) -> ExistingPartnershipQuerySet:
        """Partnerships that staff have confirmed and that are not said to have ended: dormant ones
        too, and those whose details changed after staff had confirmed them.
        """
        return self.once_confirmed().exclude(status__in=OVER)

    def once_confirmed(self) -> ExistingPartnershipQuerySet:
        """What staff have confirmed, also where its details wait for them again."""
        states = ExistingPartnership.State
        return self.filter(state__in=(states.CONFIRMED, states.CLAIMED), answered_at__isnull=False)

    def over(self) -> ExistingPartnershipQuerySet:
        """Of which staff have confirmed that they ended, or are none."""
        return self.filter(state=ExistingPartnership.State.CONFIRMED, status__in=OVER)

    def waiting(self) -> ExistingPartnershipQuerySet:
        """Living ones by what a public community says, of which staff have said nothing yet."""
        return self.filter(
            state=ExistingPartnership.State.CLAIMED,
            answered_at__isnull=True,
            community__in=Community.objects.public(),
        ).exclude(status__in=OVER)


class ExistingPartnership(models.Model):
    """What a community says of one partnership: in its profile's group "partnerships", or of one
    that somebody else names.

    ``services.claims`` keeps the rows: a new or changed row is CLAIMED, one taken out of the
    profile is DROPPED. Staff answer a claim (CONFIRMED or REFUSED) by
    ``suggestions.services.partners.answer_partnership``. A partnership that only the community
    names is shown to others once it is confirmed; of one that a public list or the partner names,
    the claim is shown at once, as not checked (``introductions.directory``).

    Two registered communities with a row ``in_force()`` are partners: no suggestion is made of them
    (``suggestions.eligibility.declared_partners``). The other one is the community of ``place`` or,
    where the gazetteer does not have it, ``partner``.
    """

    class State(models.TextChoices):
        CLAIMED = "claimed", _("Waits for staff")
        CONFIRMED = "confirmed", _("Confirmed")
        REFUSED = "refused", _("Not confirmed")
        DROPPED = "dropped", _("Taken out of the profile")

    community = models.ForeignKey(
        Community, on_delete=models.CASCADE, related_name="existing_partnerships"
    )
    name = models.CharField(max_length=200, help_text="The partner, as the owner calls it")
    name_key = models.CharField(
        max_length=200,
        help_text="The name as it is compared: see backend.cities.names.searched_name",
    )
    country = models.ForeignKey(Country, on_delete=models.PROTECT, related_name="+")
    place = models.ForeignKey(Place, null=True, on_delete=models.PROTECT, related_name="+")
    partner = models.ForeignKey(
        Community,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Chosen by staff: a community that was registered without a place",
    )
    year = models.PositiveSmallIntegerField(null=True)
    form = models.CharField(
        max_length=12, blank=True, help_text="A code of backend.cities.profile_schema.FORMS"
    )
    status = models.CharField(
        max_length=10,
        default="unknown",
        help_text="By the owner: a code of profile_schema.PARTNERSHIP_STATUS",
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.CLAIMED)
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    claimed_at = models.DateTimeField()
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    answered_at = models.DateTimeField(
        null=True,
        help_text="When staff answered it; a claim has it where they had confirmed the partnership "
        "before its details changed",
    )
    note = models.CharField(
        max_length=500, blank=True, help_text="Why staff refused it: its owners read this"
    )

    objects = ExistingPartnershipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["community", "place"],
                condition=Q(place__isnull=False) & ~Q(state="dropped"),
                name="existing_place_once",
            ),
            models.UniqueConstraint(
                fields=["community", "country", "name_key"],
                condition=Q(place__isnull=True) & ~Q(state="dropped"),
                name="existing_name_once",
            ),
            models.CheckConstraint(
                name="existing_state_known",
                condition=Q(state__in=["claimed", "confirmed", "refused", "dropped"]),
            ),
            models.CheckConstraint(
                name="existing_answer_complete",
                condition=~Q(state__in=["confirmed", "refused"]) | Q(answered_at__isnull=False),
            ),
            models.CheckConstraint(
                name="existing_place_or_partner",
                condition=Q(place__isnull=True) | Q(partner__isnull=True),
            ),
            models.CheckConstraint(
                name="existing_partner_not_itself",
                condition=Q(partner__isnull=True) | ~Q(partner=models.F("community")),
            ),
        ]
        indexes = [models.Index(fields=["state", "claimed_at"], name="existing_to_confirm")]

    def __str__(self) -> str:
        return f"{self.name}, {self.country_id}"

    @property
    def was_confirmed(self) -> bool:
        """Whether staff have confirmed it, and at most its details wait for them again."""
        waits = self.state == self.State.CLAIMED and self.answered_at is not None
        return waits or self.state == self.State.CONFIRMED
