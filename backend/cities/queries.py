"""Reads over more than one table, for pages and the API. Each returns what its reader may see, in a
bounded number of queries.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.models import Community, CommunityRole, ListedPartnership, Place, Profile
from backend.cities.names import fold
from backend.cities.permissions import require_staff


def seeking_communities(
    *,
    search: str = "",
    country: str = "",
    theme: str = "",
    sector: str = "",
    topic: str = "",
    region: str = "",
) -> QuerySet[Community]:
    """Published communities that look for partners, by name; each filter narrows.

    Args:
        country: ISO alpha-2. region: UN subregion. theme, sector, topic: vocabulary codes (a topic
            counts as need or offer).
    """
    found = (
        Community.objects.seeking()
        .select_related("country", "place", "profile__current_version")
        .order_by("name", "id")
    )
    if country:
        found = found.filter(country_id=country)
    if region:
        found = found.filter(country__subregion=region)
    data = "profile__current_version__data"
    if theme:
        found = found.filter(**{f"{data}__themes__importances__has_key": theme})
    if sector:
        found = found.filter(**{f"{data}__sectors__strengths__has_key": sector})
    if topic:
        found = found.filter(
            Q(**{f"{data}__contains": {"needs_offers": {"needs": [topic]}}})
            | Q(**{f"{data}__contains": {"needs_offers": {"offers": [topic]}}})
        )
    for word in fold(search.replace("\x00", "")).split():
        found = found.filter(
            Q(place__search_text__contains=word)
            | Q(name__icontains=word)
            | Q(local_name__icontains=word)
            | Q(admin1__icontains=word)
            | Q(country__name__icontains=word)
        )
    return found


@dataclass(frozen=True, slots=True)
class ListedPartner:
    """A partner that a public list names: status unknown."""

    place: Place
    community_id: int | None
    sources: list[str]


def listed_partners(community: Community) -> list[ListedPartner]:
    """Partners of the community's place by public lists, by country and name."""
    if community.place_id is None:
        return []
    rows = ListedPartnership.objects.filter(
        Q(place_a=community.place_id) | Q(place_b=community.place_id)
    ).select_related(
        "place_a__country", "place_b__country", "place_a__community", "place_b__community"
    )
    partners = []
    for row in rows:
        place = row.place_b if row.place_a_id == community.place_id else row.place_a
        other = getattr(place, "community", None)
        partners.append(
            ListedPartner(
                place=place, community_id=other.pk if other else None, sources=row.sources
            )
        )
    return sorted(partners, key=lambda p: (p.place.country.name, p.place.name))


def communities_of(user: User | AnonymousUser) -> list[CommunityRole]:
    """The person's active roles with their communities, oldest first."""
    if not isinstance(user, User):
        return []
    return list(
        CommunityRole.objects.filter(user=user, ended_at__isnull=True)
        .select_related(
            "community__country", "community__place", "community__profile__current_version"
        )
        .order_by("id")
    )


def vetting_queue(user: User) -> QuerySet[Profile]:
    """Submitted profiles, longest waiting first. Raises NotVisible for others than staff."""
    require_staff(user, "R", Thing.DRAFT)
    return (
        Profile.objects.filter(status=Profile.Status.SUBMITTED)
        .select_related("community__country", "community__place")
        .prefetch_related("letters", "vetting_notes", "approvals__by", "community__roles__user")
        .order_by("submitted_at", "id")
    )
