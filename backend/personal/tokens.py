"""Named tokens for the API. A token has its owner's rights, at the moment of each request, and is
shown once.
"""

from __future__ import annotations

import datetime as dt
import uuid

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from backend.accounts.grants import Actor, Resource, Verb, may
from backend.accounts.models import ApiToken, User
from backend.accounts.services import must_set_up_second_factor
from backend.cities.models import CommunityRole
from backend.cities.permissions import require_staff
from backend.common.errors import Conflict, InvalidFields, NotAllowed, NotVisible
from backend.outbox.services import record
from backend.outbox.topics import Topic


def may_make_tokens(user: User) -> bool:
    """Whether the person is, in any community, what the table of grants lets have tokens."""
    roles = CommunityRole.objects.filter(
        user=user, ended_at__isnull=True, vetted_at__isnull=False
    ).values_list("role", flat=True)
    return user.is_active and any(
        may(Actor(role), Verb.CREATE, Resource.TOKENS) for role in set(roles)
    )


def require_may_make_tokens(user: User) -> None:
    """Raises NotVisible for who may have no tokens."""
    if not may_make_tokens(user):
        raise NotVisible


def _living() -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(Q(expiry__isnull=True) | Q(expiry__gt=Now()))


def tokens_of(user: User) -> QuerySet[ApiToken]:
    """The person's own tokens that have not expired, the newest first. Raises NotVisible for who
    has none and may not have any.
    """
    mine = _living().filter(user=user).order_by("-created", "pk")
    if not may_make_tokens(user) and not mine.exists():
        raise NotVisible
    return mine


def all_tokens(user: User) -> QuerySet[ApiToken]:
    """Everybody's tokens that have not expired, for staff, the newest first. Raises NotVisible."""
    require_staff(user, Verb.READ, Resource.TOKENS)
    return _living().select_related("user").order_by("-created", "pk")


@transaction.atomic
def create_token(*, by: User, name: str, days: int) -> tuple[ApiToken, str]:
    """A token, and the words of it that are never shown again.

    Args:
        days: how long it is valid, 1 to ``API_TOKENS["longest_days"]``.

    Raises:
        NotVisible: the person may have none. NotAllowed: a member of staff without a second factor.
        InvalidFields: no name, or too long a time. Conflict: as many tokens as one may have (code
            ``too_many_tokens``).
    """
    require_may_make_tokens(by)
    if must_set_up_second_factor(by):
        raise NotAllowed(str(_("Set up a second factor first.")), code="second_factor_required")
    name = " ".join(name.split())
    errors: dict[str, list[str]] = {}
    if not 1 <= len(name) <= 80 or "\x00" in name:
        errors["name"] = [str(_("Say in at most 80 characters what the token is for."))]
    if not 1 <= days <= settings.API_TOKENS["longest_days"]:
        errors["days"] = [
            str(_("Choose between 1 and %(days)d days."))
            % {"days": settings.API_TOKENS["longest_days"]}
        ]
    if errors:
        raise InvalidFields(errors)
    User.objects.select_for_update().get(pk=by.pk)  # two at once are counted one after the other
    if _living().filter(user=by).count() >= settings.API_TOKENS["most"]:
        raise Conflict(
            str(_("You have as many tokens as one person may have. End one of them first.")),
            code="too_many_tokens",
        )
    token, words = ApiToken.objects.create(user=by, expiry=dt.timedelta(days=days), name=name)
    record(Topic.TOKEN_CREATED, subject=(User, by.pk), by=by, token=str(token.public_id), days=days)
    return token, words


@transaction.atomic
def revoke_token(*, by: User, public_id: uuid.UUID) -> None:
    """Ends a token at once: one's own, or as an administrator anybody's. Raises NotVisible."""
    found = ApiToken.objects.select_for_update().filter(public_id=public_id)
    if not (by.is_active and by.is_admin and may(Actor.ADMIN, Verb.DELETE, Resource.TOKENS)):
        found = found.filter(user=by)
    token = found.first()
    if token is None:
        raise NotVisible
    owner_id = token.user_id
    token.delete()
    record(Topic.TOKEN_REVOKED, subject=(User, owner_id), by=by, token=str(public_id))
