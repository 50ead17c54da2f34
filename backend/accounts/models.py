"""Who signs in. What they may do on a community is a role there (cities); what staff may do is their staff role."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower


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


class User(AbstractBaseUser):
    class StaffRole(models.TextChoices):
        NONE = "", "Not staff"
        CURATOR = "curator", "Curator"
        ADMIN = "admin", "Administrator"

    email = models.EmailField(unique=True, help_text="Stored in lower case.")
    name = models.CharField(max_length=120, blank=True)
    language = models.CharField(max_length=10, default="en")
    staff_role = models.CharField(max_length=10, choices=StaffRole.choices, default=StaffRole.NONE, blank=True)
    is_active = models.BooleanField(default=True)
    is_sample = models.BooleanField(default=False, help_text="Belongs to the sample world; production refuses to start over one.")
    date_joined = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_once"),
            models.CheckConstraint(name="user_staff_role_known", condition=Q(staff_role__in=["", "curator", "admin"])),
        ]

    def __str__(self) -> str:
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
