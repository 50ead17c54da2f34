"""Bringing a community into the service."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from backend.accounts.models import User
from backend.cities.models import Community, CommunityRole, Country, Organisation, Place, Profile
from backend.common.errors import Conflict, InvalidFields
from backend.outbox.services import record
from backend.outbox.topics import Topic


def open_data_facts(place: Place) -> dict[str, Any]:
    """The facts group of a profile as far as the gazetteer can fill it; the owner confirms or corrects."""
    facts = {
        "population": place.population,
        "elevation_m": place.elevation_m,
        "coastal": place.coastal,
        "seaport": place.seaport,
        "air_destinations": place.air_destinations,
        "income_band": place.country.income_band,
    }
    return {name: value for name, value in facts.items() if value is not None}


@transaction.atomic
def register_community(
    *, by: User, place_id: int | None = None, kind: str = "city", name: str = "", country: str = "", admin1: str = "", website: str = ""
) -> Community:
    """A new community with its organisation, an unvetted official and a draft profile filled from open data.

    Args:
        place_id: the gazetteer's place; needed for a city, and gives name, country and facts.
        kind, name, country, admin1: for a county, state, district or province without a place.

    Raises:
        InvalidFields: nothing to register under, or an unknown country or kind.
        Conflict: the community is registered already (code ``community_already_registered``).
    """
    errors: dict[str, list[str]] = {}
    place = Place.objects.select_related("country").filter(pk=place_id).first() if place_id is not None else None
    if place is None and (place_id is not None or kind == Community.Kind.CITY):
        errors["place_id"] = ["Choose your city from the list of places."]
    if kind not in Community.Kind.values:
        errors["kind"] = [f"Choose one of: {', '.join(Community.Kind.values)}."]
    if place is None and kind != Community.Kind.CITY:
        if not name.strip():
            errors["name"] = ["Write the name of the community."]
        if not Country.objects.filter(pk=country).exists():
            errors["country"] = ["Choose a country from the list."]
    if errors:
        raise InvalidFields(errors)
    known = {"name": place.name, "country_id": place.country_id, "admin1": place.admin1} if place else {}
    located = {"latitude": place.latitude, "longitude": place.longitude, "timezone": place.timezone} if place else {}
    typed = {} if place else {"name": name.strip(), "country_id": country, "admin1": admin1.strip()}
    try:
        with transaction.atomic():
            community = Community.objects.create(place=place, kind=kind, website=website, **(known | located | typed))
    except IntegrityError:
        raise Conflict(
            "This community is registered already. Ask its organisation to add you, or write to staff; nobody starts a second one.",
            code="community_already_registered",
        ) from None
    Organisation.objects.create(community=community, name=f"{community.name} partner cities office")
    CommunityRole.objects.create(user=by, community=community, role=CommunityRole.Role.OFFICIAL)
    Profile.objects.create(community=community, draft={"facts": open_data_facts(place)} if place else {})
    record(Topic.COMMUNITY_REGISTERED, subject=community, by=by, community_id=community.pk)
    return community
