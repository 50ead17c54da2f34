"""Which partnerships of members the directory lists, from each of its three sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import (
    Exists,
    OuterRef,
    Q,
    QuerySet,
    TextField,
)
from django.db.models.functions import Cast

from backend.cities.existing_queries import confirmed_partnerships
from backend.cities.models import Community, ExistingPartnership, ListedPartnership, Membership
from backend.cities.models.communities import HOME_COUNTRY
from backend.cities.names import fold
from backend.introductions.models import Partnership
from backend.introductions.queries import living_partnerships, recognised

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Filters:
    """What narrows the directory. ``kind`` is "us" or "global"; ``decade`` the first year of one;
    ``place`` a GeoNames id.
    """

    search: str = ""
    country: str = ""
    kind: str = ""
    theme: str = ""
    status: str = ""
    decade: int | None = None
    recognised: bool = False
    place: int | None = None


def member_communities(kind: str = "") -> QuerySet[Membership, Any]:
    """Ids of the communities that are members in good standing now, as a subquery."""
    current = Membership.objects.filter(ended_on__isnull=True, standing=Membership.Standing.GOOD)
    if kind:
        home = Q(community__country=HOME_COUNTRY)
        current = current.filter(home if kind == "us" else ~home)
    return current.values("community")


def member_places(kind: str) -> list[int]:
    """Fetched rather than joined: with the numbers in hand the planner looks the few pairs up
    instead of reading the whole gazetteer.
    """
    of_members = Community.objects.filter(pk__in=member_communities(kind), place__isnull=False)
    return [pk for pk in of_members.values_list("place", flat=True) if pk is not None]


def recorded_partnerships(asked: Filters = Filters()) -> QuerySet[Partnership]:
    """Living partnerships recorded here of which a side is a member in good standing, oldest first;
    each with ``recognised``.
    """
    members = member_communities(asked.kind)
    found = living_partnerships().filter(Q(pair__a__in=members) | Q(pair__b__in=members))
    if asked.country:
        found = found.filter(Q(pair__a_country=asked.country) | Q(pair__b_country=asked.country))
    if asked.place:
        found = found.filter(Q(pair__a__place=asked.place) | Q(pair__b__place=asked.place))
    for word in searched_words(asked):
        sides = (
            Q(**{f"pair__{side}__{name}": word})
            for side in "ab"
            for name in ("name__icontains", "place__search_text__contains")
        )
        found = found.filter(any_of(sides))
    if asked.theme:
        found = found.filter(agreement__areas__contains=[asked.theme])
    if asked.status:
        found = found.filter(status=asked.status)
    if asked.decade is not None:
        found = found.filter(since__year__gte=asked.decade, since__year__lt=asked.decade + 10)
    return found.filter(recognised()) if asked.recognised else found


def confirmed_of_members(asked: Filters = Filters()) -> QuerySet[ExistingPartnership]:
    """What staff have confirmed of officials' partnerships from before, where one of the two is a
    member in good standing.

    Where both have claimed one, the older row stands for it.
    """
    members = member_communities(asked.kind)
    found = (
        confirmed_partnerships()
        .exclude(status="ended")
        .filter(Q(community__in=members) | Q(place__community__in=members))
    )
    same = ExistingPartnership.objects.filter(
        state=ExistingPartnership.State.CONFIRMED,
        community__place=OuterRef("place"),
        place=OuterRef("community__place"),
        pk__lt=OuterRef("pk"),
    )
    found = found.exclude(Exists(same)).exclude(
        Exists(recorded_between("community__place", "place"))
    )
    if asked.country:
        found = found.filter(Q(community__country=asked.country) | Q(country=asked.country))
    if asked.place:
        found = found.filter(Q(community__place=asked.place) | Q(place=asked.place))
    for word in searched_words(asked):
        names = (
            "name__icontains",
            "place__search_text__contains",
            "community__name__icontains",
            "community__place__search_text__contains",
        )
        found = found.filter(any_of(Q(**{name: word}) for name in names))
    if asked.status:
        found = found.filter(status=asked.status)
    if asked.decade is not None:
        found = found.filter(year__gte=asked.decade, year__lt=asked.decade + 10)
    return found.none() if asked.theme or asked.recognised else found


def listed_of_members(asked: Filters = Filters()) -> QuerySet[ListedPartnership]:
    """Pairs that public lists name, where one of the two is a member in good standing: by the names
    of their places.
    """
    members = member_places(asked.kind)
    found = ListedPartnership.objects.filter(Q(place_a__in=members) | Q(place_b__in=members))
    found = found.exclude(Exists(recorded_between("place_a", "place_b")))
    claimed = ExistingPartnership.objects.filter(
        state=ExistingPartnership.State.CONFIRMED, community__profile__current_version__isnull=False
    )
    found = found.exclude(
        Exists(claimed.filter(community__place=OuterRef("place_a"), place=OuterRef("place_b")))
    )
    found = found.exclude(
        Exists(claimed.filter(community__place=OuterRef("place_b"), place=OuterRef("place_a")))
    )
    if asked.country:
        found = found.filter(Q(place_a__country=asked.country) | Q(place_b__country=asked.country))
    if asked.place:
        found = found.filter(Q(place_a=asked.place) | Q(place_b=asked.place))
    for word in searched_words(asked):
        found = found.filter(
            Q(place_a__search_text__contains=word) | Q(place_b__search_text__contains=word)
        )
    if (
        asked.theme
        or asked.recognised
        or asked.decade is not None
        or asked.status not in ("", UNKNOWN)
    ):
        return found.none()
    return found.select_related("place_a__country", "place_b__country").order_by(
        "place_a__name", "place_b__name", "id"
    )


def recorded_between(one: str, other: str) -> QuerySet[Partnership]:
    living = Partnership.objects.exclude(
        status__in=(Partnership.Status.ENDED, Partnership.Status.EMERITUS)
    )
    ways = ((one, other), (other, one))
    return living.filter(
        any_of(Q(pair__a__place=OuterRef(a), pair__b__place=OuterRef(b)) for a, b in ways)
    )


def searched_words(asked: Filters) -> list[str]:
    return fold(asked.search.replace("\x00", "")).split()


def any_of(conditions: Any) -> Q:
    joined = Q()
    for condition in conditions:
        joined |= condition
    return joined


def as_text(value: Any) -> Cast:
    return Cast(value, TextField())


def is_public(path: str) -> Any:
    """The community's id where it has a page that anybody may read."""
    return Community.objects.public().filter(pk=OuterRef(path)).values("pk")[:1]
