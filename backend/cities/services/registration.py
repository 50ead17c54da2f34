"""Bringing a community into the service."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from backend.accounts.models import User
from backend.cities.models import Community, CommunityRole, Country, Organisation, Place, Profile
from backend.cities.names import searched_name
from backend.cities.open_data import prefilled_draft
from backend.cities.spelling import edit_distances
from backend.common.errors import Conflict, InvalidFields
from backend.outbox.services import record
from backend.outbox.topics import Topic


class AlreadyRegistered(Conflict):
    """The community has its organisation; the official is led to it. ``community`` is the one that
    is registered.
    """

    code = "community_already_registered"

    def __init__(self, community: Community) -> None:
        super().__init__(
            _(
                "This community is registered already. Ask its organisation to add you; nobody starts a second one."
            )
        )
        self.community = community
        self.details = {"community_id": community.pk, "name": community.name}


class LooksRegistered(Conflict):
    """Communities with nearly the same name are registered; ``communities`` lists them. Sent again
    with ``is_another`` it goes through.
    """

    code = "community_looks_registered"

    def __init__(self, communities: list[Community]) -> None:
        super().__init__(
            _(
                "A community with nearly this name is registered. Ask to join it, or say that yours is another one."
            )
        )
        self.communities = communities
        self.details = {
            "communities": [
                {"community_id": c.pk, "name": c.name, "admin1": c.admin1} for c in communities
            ]
        }


@transaction.atomic
def register_community(
    *,
    by: User,
    place_id: int | None = None,
    kind: str = "city",
    name: str = "",
    country: str = "",
    admin1: str = "",
    website: str = "",
    is_another: bool = False,
) -> Community:
    """A new community with its organisation, an unvetted official and a draft profile filled from
    open data.

    Args:
        place_id: the gazetteer's place; needed for a city, and gives name, country and facts.
        kind, name, country, admin1: for a county, state, district or province without a place. The
            region may be written as its code.
        is_another: the person has seen the communities with nearly the same name, and means none of
            them.

    Raises:
        InvalidFields: nothing to register under, or an unknown country or kind.
        AlreadyRegistered: the community is registered (code ``community_already_registered``), also
            by somebody at the same moment.
        LooksRegistered: one with nearly its name is (code ``community_looks_registered``).
    """
    place = (
        Place.objects.select_related("country").filter(pk=place_id).first()
        if place_id is not None
        else None
    )
    _check(place, place_id, kind, name, country)
    known: dict[str, Any]
    if place is not None:
        known = _known_of(place)
    else:
        known = {
            "name": " ".join(name.split()),
            "country_id": country,
            "admin1": region_name(country, admin1),
        }
    community = Community(place=place, kind=kind, website=website, **known)
    if place is None and not is_another:
        nearly = similar_communities(community)
        if nearly:
            raise LooksRegistered(nearly)
    _begin(community, by)
    CommunityRole.objects.create(user=by, community=community, role=CommunityRole.Role.OFFICIAL)
    return community


@transaction.atomic
def register_member_city(*, by: User, place_id: int) -> Community:
    """The city of a member that staff bring in, with nobody in it yet: its officials ask to join,
    and staff let them in.

    Whoever calls has asked whether ``by`` may.

    Raises AlreadyRegistered: somebody has registered it meanwhile.
    """
    place = Place.objects.select_related("country").get(pk=place_id)
    community = Community(place=place, kind=Community.Kind.CITY, **_known_of(place))
    _begin(community, by)
    return community


def _known_of(place: Place) -> dict[str, Any]:
    known = ("name", "country_id", "admin1", "latitude", "longitude", "timezone")
    return {field: getattr(place, field) for field in known}


def _begin(community: Community, by: User) -> None:
    """Stores the community with its organisation and a draft filled from open data. Raises
    AlreadyRegistered.
    """
    try:
        with transaction.atomic():
            community.save(force_insert=True)
    except IntegrityError:
        raise AlreadyRegistered(_registered_as(community)) from None
    Organisation.objects.create(community=community, name=f"{community.name} partner cities office")
    draft = prefilled_draft(community)
    if community.website:
        draft["identity"] = {"website": community.website}
    Profile.objects.create(community=community, draft=draft)
    record(Topic.COMMUNITY_REGISTERED, subject=community, by=by, community_id=community.pk)


def _check(place: Place | None, place_id: int | None, kind: str, name: str, country: str) -> None:
    errors: dict[str, list[str]] = {}
    if place is None and (place_id is not None or kind == Community.Kind.CITY):
        errors["place_id"] = [_("Choose your city from the list of places.")]
    if kind not in Community.Kind.values:
        errors["kind"] = [
            _("Choose one of: %(kinds)s.") % {"kinds": ", ".join(Community.Kind.values)}
        ]
    if place is None and kind != Community.Kind.CITY:
        if not searched_name(name):
            errors["name"] = [_("Write the name of the community.")]
        if not Country.objects.filter(pk=country).exists():
            errors["country"] = [_("Choose a country from the list.")]
    if errors:
        raise InvalidFields(errors)


def region_name(country: str, typed: str) -> str:
    """The gazetteer's name of a first-level division by its code or any spelling, else what was
    typed. ("CA" → California)
    """
    wanted = searched_name(typed)
    if not wanted:
        return ""
    regions = (
        Place.objects.filter(country_id=country)
        .exclude(admin1="")
        .values_list("admin1_code", "admin1")
        .distinct()
        .order_by()
    )
    named = {searched_name(name): name for _code, name in regions} | {
        searched_name(code): name for code, name in regions
    }
    return named.get(wanted, " ".join(typed.split()))


def similar_communities(community: Community) -> list[Community]:
    """Registered communities that may be this one, which has no place: same country and kind, a
    name a mistake or two away.

    One that names another region is another one; where either names none, the name alone decides.
    Exactly the same one is not among them.
    """
    community.fill_keys()
    key, region = community.name_key, community.region_key
    allowed = 0 if len(key) < 4 else 1 if len(key) < 8 else 2
    others = Community.objects.filter(
        country_id=community.country_id, kind=community.kind, place__isnull=True
    ).select_related("country")
    return [
        other
        for other in others.order_by("name", "id")
        if (not region or not other.region_key or edit_distances(region, other.region_key)[0] <= 1)
        and (other.name_key, other.region_key) != (key, region)
        and edit_distances(key, other.name_key)[0] <= allowed
    ]


def _registered_as(community: Community) -> Community:
    """The row that won: it is committed, or the constraint would not have refused this one."""
    found = Community.objects.select_related("country", "organisation")
    if community.place_id is not None:
        return found.get(place_id=community.place_id)
    keys = {"name_key": community.name_key, "region_key": community.region_key}
    return found.get(
        place__isnull=True, country_id=community.country_id, kind=community.kind, **keys
    )
