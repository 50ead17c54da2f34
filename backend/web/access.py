"""Who may ask for what: each view says it with ``open_to``, and a view that says nothing is closed.

The middleware of the pages (``html.access``) and the permission of the API (``rest.access``) read
it. What a person may do with the object itself is decided by the services and queries behind the
view.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from django.contrib.auth.models import AnonymousUser

from backend.accounts.models import ApiToken, User
from backend.cities.permissions import Reader, reader_of
from backend.common.errors import NotAllowed

View = TypeVar("View", bound=Callable[..., Any])


# The part of an address that names the community of ``Level.COMMUNITY``.
COMMUNITY = "communities/<id:community_id>/"


class Level(StrEnum):
    """Who may ask. ``COMMUNITY``: an active role in the community that the address names.
    ``STAFF``: curators and administrators.
    """

    PUBLIC = "public"
    SIGNED_IN = "signed_in"
    COMMUNITY = "community"
    COMMUNITY_OR_STAFF = "community_or_staff"
    STAFF = "staff"
    CURATOR = "curator"
    ADMIN = "admin"


OF_STAFF = (Level.STAFF, Level.CURATOR, Level.ADMIN)


@dataclass(frozen=True, slots=True)
class Access:
    """The levels of a view, and the decorator that puts them on it.

    Args:
        level: of every method that ``by_method`` does not name; None refuses those methods.
        by_method: level of each method; HEAD is asked like GET.
        without_second_factor: True if staff may open the page before they have enrolled a second
            factor.
    """

    level: Level | None = None
    by_method: Mapping[str, Level] = field(default_factory=dict)
    without_second_factor: bool = False

    def __call__(self, view: View) -> View:
        view.access = self  # type: ignore[attr-defined]
        return view

    def level_of(self, method: str) -> Level | None:
        """The level that a method asks for; None for a method that is not open at all."""
        return self.by_method.get("GET" if method == "HEAD" else method, self.level)


def open_to(
    level: Level | None = None, /, *, without_second_factor: bool = False, **by_method: Level
) -> Access:
    """Says on a view, or at the route of an API view that has several, who may ask.

    ``@open_to(Level.STAFF)`` on a page; ``@open_to(GET=Level.STAFF, POST=Level.CURATOR)`` on a
    class of the API; ``as_view(access=open_to(GET=Level.STAFF))`` at a route.
    """
    return Access(level, by_method, without_second_factor)


def access_of(callback: Any) -> Access | None:
    """What the callback of a URL pattern says; None if it says nothing."""
    said = getattr(callback, "initkwargs", {}).get("access") or getattr(callback, "access", None)
    access: Access | None = said or getattr(getattr(callback, "cls", None), "access", None)
    return access


def require_scope(token: ApiToken, user: User, method: str) -> None:
    """Raises NotAllowed (code ``scope_needed``) unless the token's scope covers such a request of
    its owner: a reading or an acting one, for their community or as staff.
    """
    scope = ApiToken.TokenScope
    reads = method in ("GET", "HEAD")
    if user.is_staff_member:
        needed = scope.STAFF_READ if reads else scope.STAFF_ACT
    else:
        needed = scope.READ if reads else scope.ACT
    if not token.covers(needed):
        raise NotAllowed(
            f"This token may not do that. Make one whose scope is {needed.value}.",
            code="scope_needed",
        )


def reader_admitted(
    level: Level, user: User | AnonymousUser, community_id: int | None
) -> Reader | None:
    """The person as the reader of this request; None if the level does not admit them.

    The role in the community is looked up here, by one query, and nowhere else in a request that
    reads: the reader is handed to the queries.
    """
    if not isinstance(user, User):
        return None
    if level in (Level.COMMUNITY, Level.COMMUNITY_OR_STAFF):
        if community_id is None:
            return None
        reader = reader_of(user, community_id)
        by_office = level is Level.COMMUNITY_OR_STAFF and user.is_staff_member
        return reader if reader.role is not None or by_office else None
    passes = {
        Level.PUBLIC: True,
        Level.SIGNED_IN: True,
        Level.STAFF: user.is_staff_member,
        Level.CURATOR: user.is_curator,
        Level.ADMIN: user.is_admin,
    }
    return reader_of(user) if passes[level] else None
