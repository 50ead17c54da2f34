"""Who signs in. Their rights in a community are a role there (cities); what staff may do is
their staff role.
"""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
from knox.models import AbstractAuthToken


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A new account. Raises ValueError without an address."""
        if not email:
            raise ValueError("An account needs an e-mail address.")
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractBaseUser):  # type: ignore[django-manager-missing]  # knox has no types
    class StaffRole(models.TextChoices):
        NONE = "", "Not staff"
        CURATOR = "curator", "Curator"
        ADMIN = "admin", "Administrator"

    email = models.EmailField(unique=True, help_text="Stored in lower case.")
    name = models.CharField(max_length=120, blank=True)
    language = models.CharField(
        max_length=10, default="en", help_text="Of pages and mails; a code of LANGUAGES."
    )
    staff_role = models.CharField(
        max_length=10, choices=StaffRole.choices, default=StaffRole.NONE, blank=True
    )
    is_active = models.BooleanField(default=True)
    is_sample = models.BooleanField(
        default=False,
        help_text="Belongs to the sample world; production refuses to start over one.",
    )
    date_joined = models.DateTimeField(auto_now_add=True)
    erased_at = models.DateTimeField(
        null=True, help_text="When the person left; the row stays for the trail, without them."
    )

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_once"),
            models.CheckConstraint(
                name="user_staff_role_known", condition=Q(staff_role__in=["", "curator", "admin"])
            ),
            models.CheckConstraint(
                name="user_erased_is_closed",
                condition=Q(erased_at__isnull=True) | Q(is_active=False, staff_role="", name=""),
            ),
        ]

    def __str__(self) -> str:
        if self.erased_at is not None:
            return str(_("Somebody who has left"))
        return self.name or self.email

    @property
    def is_curator(self) -> bool:
        return self.staff_role == self.StaffRole.CURATOR

    @property
    def is_admin(self) -> bool:
        return self.staff_role == self.StaffRole.ADMIN

    @property
    def is_staff_member(self) -> bool:
        return bool(self.staff_role)


class ApiToken(AbstractAuthToken):
    """A named token for the API, with its owner's rights as far as its scope goes. Only its digest
    is kept: the token itself is shown once, when it is made.
    """

    class TokenScope(models.TextChoices):
        """What requests with the token may do. One for a community's people opens nothing to staff,
        and the other way round: a staff role that is given or ended later widens no token.
        """

        READ = "read", _("Read what you may read")
        ACT = "act", _("Read, and act for your community")
        STAFF_READ = "staff_read", _("Read what staff may read")
        STAFF_ACT = "staff_act", _("Read, and act as staff")

    public_id: Any = models.UUIDField(
        default=uuid.uuid4, unique=True, editable=False, help_text="What addresses name it by."
    )
    name: Any = models.CharField(max_length=80, help_text="What it is for, in its owner's words.")
    scope: Any = models.CharField(max_length=10, choices=TokenScope.choices)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="api_token_scope_known",
                condition=Q(scope__in=["read", "act", "staff_read", "staff_act"]),
            ),
        ]

    def covers(self, scope: str) -> bool:
        """True if requests that need ``scope`` may come with this token."""
        known = self.TokenScope
        acts = {known.ACT: known.READ, known.STAFF_ACT: known.STAFF_READ}
        return scope in (self.scope, acts.get(self.scope))


class AccountMail(models.Model):
    """A mail to an address rather than to a person's messages: codes, links, invitations.

    It is written in the same commit as its cause and sent by a worker, so that no page waits for a
    mail server, and a response takes as long for an address with an account as for one without. Its
    text is deleted once it is sent: no code or link is kept.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        SENT = "sent", "Sent"
        FAILED = "failed", "Refused for good"
        DEAD = "dead", "Given up"

    to = models.EmailField()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Whose address it is.",
    )
    subject = models.CharField(max_length=200)
    text = models.TextField(blank=True)
    message_id = models.UUIDField(default=uuid.uuid4, unique=True)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="account_mail_status_known",
                condition=Q(status__in=["pending", "sent", "failed", "dead"]),
            ),
            models.CheckConstraint(
                name="account_mail_sent_complete",
                condition=~Q(status="sent") | Q(sent_at__isnull=False, text=""),
            ),
        ]
