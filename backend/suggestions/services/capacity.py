"""How many open introductions a community has, and how many it allows itself."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import ngettext

from backend.cities.models import Community
from backend.cities.profile_schema import document_value
from backend.common.errors import CapacityReached
from backend.suggestions.models import Pair, Suggestion

DEFAULT_OPEN_INTRODUCTIONS = 3


def pairs_being_introduced() -> QuerySet[Pair]:
    """Pairs past mutual interest, or introduced by hand, that are neither closed nor partners yet:
    each takes a place on both sides.
    """
    past = (Suggestion.Status.MUTUAL, Suggestion.Status.INTRODUCED)
    interested = Exists(Suggestion.objects.filter(pair=OuterRef("pk"), status__in=past))
    return Pair.objects.exclude(bar=Pair.Bar.PARTNERS).filter(
        Q(bar=Pair.Bar.INTRODUCED) | Q(interested)
    )


def open_introductions(community_id: int) -> int:
    """How many introductions of the community are open."""
    return pairs_being_introduced().filter(Q(a_id=community_id) | Q(b_id=community_id)).count()


def introduction_capacity(community: Community) -> int:
    """How many open introductions the community allows itself."""
    version = community.profile.current_version
    value = document_value(version.data if version else {}, "capacity", "open_introductions")
    return int(value or DEFAULT_OPEN_INTRODUCTIONS)


def lock_communities(*community_ids: int) -> list[Community]:
    """The rows, locked in the order of their ids: two pairs of one community cannot both take its
    last place, and none waits in a ring.
    """
    locked = Community.objects.select_for_update(of=("self",)).select_related(
        "profile__current_version"
    )
    return list(locked.filter(pk__in=community_ids).order_by("pk"))


def has_room(community: Community) -> bool:
    """Whether a locked community may have one more open introduction."""
    return open_introductions(community.pk) < introduction_capacity(community)


def require_room(community: Community) -> None:
    """Raises CapacityReached where a locked community has as many open introductions as it allows
    itself.
    """
    if not has_room(community):
        capacity = introduction_capacity(community)
        words = ngettext(
            "You have %(count)d open introduction, as many as your profile allows. Close one or raise the number.",
            "You have %(count)d open introductions, as many as your profile allows. Close one or raise the number.",
            capacity,
        )
        raise CapacityReached(words % {"count": capacity})
