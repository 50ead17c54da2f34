"""A person's role in a community, and what it permits there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from django.contrib.auth.models import AnonymousUser

from backend.accounts.grants import Actor, Resource, Verb, may
from backend.accounts.models import User
from backend.cities.models import CommunityRole
from backend.common.errors import NotVisible


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
    looks_up = community_id is not None and isinstance(user, User) and not user.is_staff_member
    return _actor(user, role_in(user, community_id or 0) if looks_up else None)


def _actor(user: User | AnonymousUser, role: CommunityRole | None) -> Actor:
    if not isinstance(user, User) or not user.is_active:
        return Actor.VISITOR
    if user.is_admin:
        return Actor.ADMIN
    if user.is_curator:
        return Actor.CURATOR
    if role is None:
        return Actor.VISITOR
    return Actor.UNVETTED if role.vetted_at is None else Actor(role.role)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads, and what they are to one community, looked up once a request.

    Reads take a reader. Writes take ``by: User`` and look the role up again in their transaction,
    since a role that has just ended must not act.

    Attributes:
        community_id: the community of the role; None for staff, and where none was named.
        role: the active role in that community; None for staff who hold none, and visitors.
    """

    user: User | AnonymousUser
    community_id: int | None
    role: CommunityRole | None
    actor: Actor

    @property
    def is_staff(self) -> bool:
        return self.actor in (Actor.CURATOR, Actor.ADMIN)

    def may(self, verb: Verb, resource: Resource) -> bool:
        """True if the table of grants lets this reader do ``verb`` with ``resource``."""
        return may(self.actor, verb, resource)

    def require(self, verb: Verb, resource: Resource) -> int:
        """The reader's community. Raises NotVisible: not granted, or no community."""
        if self.community_id is None or not self.may(verb, resource):
            raise NotVisible
        return self.community_id

    def on_side(self, community_ids: Iterable[int], verb: Verb, resource: Resource) -> Reader:
        """This reader as staff, or as the side of one of two communities where ``verb`` is granted.
        One query, none if the reader's community is known. Raises NotVisible.
        """
        if self.is_staff and self.may(verb, resource):
            return Reader(self.user, None, None, self.actor)
        return self.in_one_of(community_ids, verb, resource)

    def in_one_of(self, community_ids: Iterable[int], verb: Verb, resource: Resource) -> Reader:
        """This reader in the first of the communities where a role grants ``verb``. Raises
        NotVisible.
        """
        sides = self._sides(community_ids)
        return next((side for side in sides if side.may(verb, resource)), None) or _refuse()

    def _sides(self, community_ids: Iterable[int]) -> list[Reader]:
        if self.community_id is not None:
            return [self] if self.community_id in community_ids else []
        if not isinstance(self.user, User):
            return []
        roles = CommunityRole.objects.filter(
            user=self.user, community_id__in=community_ids, ended_at__isnull=True
        ).order_by("community_id", "pk")
        return [reader_with(self.user, role) for role in roles]


def _refuse() -> NoReturn:
    raise NotVisible


def reader_with(user: User, role: CommunityRole) -> Reader:
    """The person as a reader of the community where they hold this role, as it was read before."""
    return Reader(user, role.community_id, role, _actor(user, role))


def reader_of(user: User | AnonymousUser, community_id: int | None = None) -> Reader:
    """The person as a reader of that community, or of none. One query if a community is named."""
    role = role_in(user, community_id) if community_id is not None else None
    return Reader(user, community_id, role, _actor(user, role))


def require_in(
    user: User | AnonymousUser, community_id: int, verb: Verb, resource: Resource
) -> Actor:
    """The actor kind, if it may do ``verb`` with ``resource`` of that community. Raises NotVisible
    otherwise.
    """
    actor = actor_kind(user, community_id)
    if not may(actor, verb, resource):
        raise NotVisible
    return actor


def require_staff(user: User | AnonymousUser, verb: Verb, resource: Resource) -> Actor:
    """The same for objects that belong to no community."""
    actor = actor_kind(user)
    if not may(actor, verb, resource):
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
