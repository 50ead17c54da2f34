"""Reads of the partnerships that communities had before they came."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import QuerySet

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.models import Community, ExistingPartnership
from backend.cities.names import searched_name
from backend.cities.permissions import require_in, require_staff
from backend.cities.profile_schema import document_value
from backend.cities.queries import ListedPartner, listed_partners
from backend.common.keys import possible_keys

_S = ExistingPartnership.State
_RELATED = ("community__country", "country", "place__country")
_UNREAD = ("place__search_text", "place__alternate_names")


def _rows() -> QuerySet[ExistingPartnership]:
    return ExistingPartnership.objects.select_related(*_RELATED).defer(*_UNREAD)


def partnerships_to_confirm(user: User) -> QuerySet[ExistingPartnership]:
    """Claims that wait for staff, the longest waiting first. Raises NotVisible for others than
    staff.
    """
    require_staff(user, "R", Thing.DRAFT)
    return (
        _rows().filter(state=_S.CLAIMED).select_related("claimed_by").order_by("claimed_at", "id")
    )


def confirmed_partnerships(community_id: int | None = None) -> QuerySet[ExistingPartnership]:
    """What staff have confirmed, of one public community or of all, by the partner's name. Public:
    this is the directory.
    """
    found = _rows().filter(state=_S.CONFIRMED, community__in=Community.objects.public())
    if community_id is not None:
        found = found.filter(community_id=community_id)
    return found.order_by("name", "id")


def claims_of(user: User, community_id: int) -> QuerySet[ExistingPartnership]:
    """A community's own rows with where each stands. Raises NotVisible for others than its owners
    and staff.
    """
    require_in(user, community_id, "R", Thing.DRAFT)
    return own_claims(community_id)


def own_claims(community_id: int) -> QuerySet[ExistingPartnership]:
    """The same for a reader who was let in already."""
    return (
        _rows().filter(community_id=community_id).exclude(state=_S.DROPPED).order_by("name", "id")
    )


def partners_to_offer(community: Community, draft: Mapping[str, Any]) -> list[ListedPartner]:
    """Partners by public lists that the draft does not name yet, for its owner to take over with
    one tick.
    """
    rows = document_value(draft, "partnerships", "existing")
    named = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    places = possible_keys(
        row.get("place_id") for row in named
    )  # of a draft, which may hold anything
    names = {(row.get("country"), searched_name(str(row.get("name", "")))) for row in named}
    return [
        partner
        for partner in listed_partners(community)
        if partner.place.pk not in places
        and (partner.place.country_id, searched_name(partner.place.name)) not in names
    ]


def rows_of_listed(
    community: Community, draft: Mapping[str, Any], place_ids: Collection[str]
) -> list[dict[str, Any]]:
    """Rows of the profile for listed partners that the owner says are alive; places that no list
    names for it are left out.
    """
    offered = partners_to_offer(community, draft) if place_ids else []
    return [
        {
            "name": partner.place.name,
            "country": partner.place.country_id,
            "place_id": partner.place.pk,
            "status": "active",
        }
        for partner in offered
        if str(partner.place.pk) in place_ids
    ]


def public_document(community_id: int, data: Mapping[str, Any]) -> dict[str, Any]:
    """A published document as others may read it: of the partnerships it claims, those that staff
    have confirmed.
    """
    shown = {group: answers for group, answers in data.items() if group != "partnerships"}
    rows = document_value(data, "partnerships", "existing")
    if not rows:
        return shown
    confirmed = set(confirmed_partnerships(community_id).values_list("country_id", "name_key"))
    kept = [row for row in rows if (row["country"], searched_name(row["name"])) in confirmed]
    return {**shown, "partnerships": {"existing": kept}} if kept else shown
