"""Reads about accounts."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.db.models import Exists, OuterRef, QuerySet

from backend.accounts.grants import Actor, Thing, require
from backend.accounts.models import User


def staff_members(user: User) -> QuerySet[User]:
    """Everybody with a staff role, by role and address, each with ``with_second_factor``. Raises
    NotVisible for non-administrators.
    """
    require(Actor.ADMIN if user.is_admin and user.is_active else Actor.VISITOR, "R", Thing.ROLES)
    factors = Authenticator.objects.filter(user=OuterRef("pk"), type__in=["totp", "webauthn"])
    staff = User.objects.exclude(staff_role=User.StaffRole.NONE).filter(is_active=True)
    return staff.annotate(with_second_factor=Exists(factors)).order_by("staff_role", "email", "pk")
