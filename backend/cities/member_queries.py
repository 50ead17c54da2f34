"""Reads of memberships, for staff."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.models import MemberImport, Membership
from backend.cities.models.communities import HOME_COUNTRY
from backend.cities.names import fold
from backend.cities.permissions import require_staff
from backend.common.errors import NotVisible


def members(
    user: User,
    *,
    search: str = "",
    country: str = "",
    kind: str = "",
    standing: str = "",
    dues_class: str = "",
) -> QuerySet[Membership]:
    """Memberships by the community's name, for staff. Raises NotVisible for others.

    Args:
        kind: "us" or "global". standing: "good", "lapsed", or "ended" for those that have ended,
            which are left out otherwise.
    """
    require_staff(user, "R", Thing.MEMBERSHIP)
    found = Membership.objects.select_related("community__country", "community__place").defer(
        "community__place__search_text", "community__place__alternate_names"
    )
    found = found.filter(ended_on__isnull=standing != "ended")
    if standing in Membership.Standing.values:
        found = found.filter(standing=standing)
    if dues_class:
        found = found.filter(dues_class=dues_class)
    if country:
        found = found.filter(community__country=country)
    if kind:
        found = found.filter(
            Q(community__country=HOME_COUNTRY)
            if kind == "us"
            else ~Q(community__country=HOME_COUNTRY)
        )
    for word in fold(search.replace("\x00", "")).split():
        found = found.filter(
            Q(community__place__search_text__contains=word) | Q(community__name__icontains=word)
        )
    return found.order_by("community__name", "id")


def member(user: User, membership_id: int) -> Membership:
    """One membership. Raises NotVisible."""
    require_staff(user, "R", Thing.MEMBERSHIP)
    found = (
        Membership.objects.select_related("community__country", "community__place")
        .filter(pk=membership_id)
        .first()
    )
    if found is None:
        raise NotVisible
    return found


def member_import(user: User, import_id: int) -> MemberImport:
    """One checked list of members. Raises NotVisible for others than curators."""
    require_staff(user, "C", Thing.MEMBERSHIP)
    found = MemberImport.objects.select_related("by").filter(pk=import_id).first()
    if found is None:
        raise NotVisible
    return found
