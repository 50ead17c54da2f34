"""Who somebody is to a community, and whether that lets them do a thing there."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser

from backend.accounts.grants import Actor, Thing, may
from backend.accounts.models import User
from backend.cities.models import CommunityRole
from backend.common.errors import NotVisible

_ROLE_ACTORS = {
    CommunityRole.Role.OFFICIAL.value: Actor.OFFICIAL,
    CommunityRole.Role.COMMITTEE_MEMBER.value: Actor.COMMITTEE_MEMBER,
    CommunityRole.Role.CHAIR.value: Actor.CHAIR,
}


def role_in(user: User | AnonymousUser, community_id: int) -> CommunityRole | None:
    """The person's active role in the community, or None."""
    if not isinstance(user, User):
        return None
    return CommunityRole.objects.filter(
        user=user, community_id=community_id, ended_at__isnull=True
    ).first()


def actor_kind(user: User | AnonymousUser, community_id: int | None = None) -> Actor:
    """What the person is: staff everywhere, else by the role in that community; a visitor where
    there is none.
    """
    if not isinstance(user, User) or not user.is_active:
        return Actor.VISITOR
    if user.is_admin:
        return Actor.ADMIN
    if user.is_curator:
        return Actor.CURATOR
    role = role_in(user, community_id) if community_id is not None else None
    if role is None:
        return Actor.VISITOR
    return Actor.UNVETTED if role.vetted_at is None else _ROLE_ACTORS[role.role]


def require_in(user: User | AnonymousUser, community_id: int, verb: str, thing: Thing) -> Actor:
    """The actor kind, if it may do ``verb`` with ``thing`` of that community. Raises NotVisible
    otherwise.
    """
    actor = actor_kind(user, community_id)
    if not may(actor, verb, thing):
        raise NotVisible
    return actor


def require_staff(user: User | AnonymousUser, verb: str, thing: Thing) -> Actor:
    """The same for objects that belong to no community."""
    actor = actor_kind(user)
    if not may(actor, verb, thing):
        raise NotVisible
    return actor


def communities_with_role(user: User | AnonymousUser) -> set[int]:
    """Ids of the communities in which the person holds an active role."""
    if not isinstance(user, User):
        return set()
    return set(
        CommunityRole.objects.filter(user=user, ended_at__isnull=True).values_list(
            "community_id", flat=True
        )
    )
