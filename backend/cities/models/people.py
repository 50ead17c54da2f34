"""People of communities, and the memberships of communities in the network."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from backend.accounts.grants import Role
from backend.cities.models.communities import Community


class Invitation(models.Model):
    """One seat offered to one address, once, for a time."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting")
        ACCEPTED = "accepted", _("Accepted")
        REVOKED = "revoked", _("Taken back")
        EXPIRED = "expired", _("Expired")

    community = models.ForeignKey(Community, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(
        help_text="In lower case; only an account with this address can accept."
    )
    role = models.CharField(max_length=20, choices=Role.choices)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    invited_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    settled_at = models.DateTimeField(
        null=True, help_text="When it was accepted, taken back or expired."
    )
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                "community",
                condition=Q(status="pending"),
                name="invitation_one_pending",
            ),
            models.CheckConstraint(
                name="invitation_status_known",
                condition=Q(status__in=["pending", "accepted", "revoked", "expired"]),
            ),
            models.CheckConstraint(
                name="invitation_role_known",
                condition=Q(role__in=Role.values),
            ),
            models.CheckConstraint(
                name="invitation_settled_complete",
                condition=Q(status="pending") ^ Q(settled_at__isnull=False),
            ),
            models.CheckConstraint(
                name="invitation_accepted_by_somebody",
                condition=Q(status="accepted", accepted_by__isnull=False)
                | (~Q(status="accepted") & Q(accepted_by__isnull=True)),
            ),
            models.CheckConstraint(
                name="invitation_expires_later", condition=Q(expires_at__gt=F("invited_at"))
            ),
        ]


class JoinRequest(models.Model):
    """Somebody asks to belong to a community that is registered already: there is never a second
    one.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting for an answer")
        ACCEPTED = "accepted", _("Accepted")
        REFUSED = "refused", _("Refused")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    community = models.ForeignKey(Community, on_delete=models.CASCADE, related_name="join_requests")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="join_requests"
    )
    role = models.CharField(max_length=20, choices=Role.choices)
    line = models.CharField(
        max_length=300,
        blank=True,
        help_text="Why, in the person's words; goes when the person is erased.",
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.WAITING)
    asked_at = models.DateTimeField(auto_now_add=True)
    answered_at = models.DateTimeField(null=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "community"],
                condition=Q(status="waiting"),
                name="join_request_one_waiting",
            ),
            models.CheckConstraint(
                name="join_request_status_known",
                condition=Q(status__in=["waiting", "accepted", "refused", "withdrawn"]),
            ),
            models.CheckConstraint(
                name="join_request_role_known",
                condition=Q(role__in=Role.values),
            ),
            models.CheckConstraint(
                name="join_request_answer_complete",
                condition=Q(status="waiting") ^ Q(answered_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["id"], name="join_request_waiting", condition=Q(status="waiting"))
        ]


# Membership of the network, and the lists of members that staff bring in.


class Membership(models.Model):
    """A community's membership in the network: a U.S. member, or a Global Member abroad."""

    class Standing(models.TextChoices):
        GOOD = "good", _("In good standing")
        LAPSED = "lapsed", _("Lapsed")

    class DuesClass(models.TextChoices):
        UNDER_25K = "under_25k", _("Under 25,000")
        UNDER_100K = "under_100k", _("25,000 to 99,999")
        UNDER_500K = "under_500k", _("100,000 to 499,999")
        LARGE = "large", _("500,000 and more")

    community = models.ForeignKey(Community, on_delete=models.CASCADE, related_name="memberships")
    dues_class = models.CharField(max_length=12, choices=DuesClass.choices)
    started_on = models.DateField()
    paid_through = models.DateField(
        null=True,
        help_text="The last day that dues cover; empty: no such day is recorded, nothing lapses",
    )
    ended_on = models.DateField(null=True)
    standing = models.CharField(max_length=8, choices=Standing.choices, default=Standing.GOOD)
    reminded_for = models.DateField(
        null=True, help_text="The last day of the term of which the community was reminded"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["community"],
                condition=Q(ended_on__isnull=True),
                name="membership_one_current",
            ),
            models.CheckConstraint(
                name="membership_dates_ordered",
                condition=Q(ended_on__isnull=True) | Q(ended_on__gte=F("started_on")),
            ),
            models.CheckConstraint(
                name="membership_term_ordered",
                condition=Q(paid_through__isnull=True) | Q(paid_through__gte=F("started_on")),
            ),
            models.CheckConstraint(
                name="membership_standing_known", condition=Q(standing__in=["good", "lapsed"])
            ),
        ]


class MembershipRequest(models.Model):
    """A community asks to become a member, or to stay one for another term."""

    class Kind(models.TextChoices):
        NEW = "new", _("New membership")
        RENEWAL = "renewal", _("Renewal")

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waits for staff")
        ASKED = "asked", _("Staff ask for more")
        ACCEPTED = "accepted", _("Accepted; dues to be paid")
        PAID = "paid", _("Dues paid")
        DECLINED = "declined", _("Declined")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    community = models.ForeignKey(
        Community, on_delete=models.CASCADE, related_name="membership_requests"
    )
    kind = models.CharField(max_length=8, choices=Kind.choices)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.WAITING)
    dues_class = models.CharField(max_length=12, choices=Membership.DuesClass.choices)
    population = models.PositiveIntegerField(
        null=True, help_text="As the community says, where the gazetteer does not know it"
    )
    billing_name = models.CharField(max_length=120, help_text="Who gets the bill")
    billing_email = models.EmailField(
        blank=True, help_text="Seen by staff and by those who answer for the community"
    )
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    asked_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    settled_at = models.DateTimeField(
        null=True, help_text="When it was paid, declined or withdrawn."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["community"],
                condition=Q(settled_at__isnull=True),
                name="membership_request_one_open",
            ),
            models.CheckConstraint(
                name="membership_request_settled",
                condition=Q(status__in=["waiting", "asked", "accepted"])
                ^ Q(settled_at__isnull=False),
            ),
            models.CheckConstraint(
                name="membership_request_known",
                condition=Q(
                    status__in=["waiting", "asked", "accepted", "paid", "declined", "withdrawn"],
                    kind__in=["new", "renewal"],
                    dues_class__in=["under_25k", "under_100k", "under_500k", "large"],
                ),
            ),
        ]


class MembershipNote(models.Model):
    """What staff or the community wrote about a request: its thread."""

    request = models.ForeignKey(MembershipRequest, on_delete=models.CASCADE, related_name="notes")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    by_staff = models.BooleanField()
    text = models.TextField(max_length=2000, blank=True, help_text="Goes when who wrote it leaves")
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]


class DuesAmount(models.Model):
    """What members of one class pay for a year, as staff have set it. Where there is no row, staff
    tell the amount.
    """

    dues_class = models.CharField(max_length=12, choices=Membership.DuesClass.choices)
    is_home = models.BooleanField(help_text="Of U.S. members; else of Global Members")
    dollars = models.PositiveIntegerField(help_text="Whole U.S. dollars")
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dues_class", "is_home"], name="dues_amount_once"),
            models.CheckConstraint(
                name="dues_amount_class_known",
                condition=Q(dues_class__in=["under_25k", "under_100k", "under_500k", "large"]),
            ),
        ]


class MemberImport(models.Model):
    """A list of members that staff sent, checked row by row. Applied as it was shown, once, or
    never.
    """

    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    file_name = models.CharField(max_length=200)
    read_as = models.CharField(max_length=100, help_text="Kind of file and, for text, its encoding")
    rows = models.JSONField(
        help_text="What each row of the file would do, or why it cannot be taken; see "
        "cities.memberships"
    )
    checked_at = models.DateTimeField(auto_now_add=True)
    applied_at = models.DateTimeField(null=True)
