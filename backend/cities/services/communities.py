"""Registration of communities."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.documents import LETTER_LIMIT, check_picture
from backend.cities.drafts import prefilled_draft
from backend.cities.models import (
    Community,
    CommunityPicture,
    CommunityRole,
    Country,
    Organisation,
    Place,
    Profile,
)
from backend.cities.models.places import region_spellings
from backend.cities.names import edit_distances, searched_name
from backend.cities.permissions import require_in
from backend.common.errors import Conflict, InvalidFields
from backend.common.files import DELETE_FILE, stored
from backend.outbox.services import add_jobs, record, require_quota
from backend.outbox.topics import Topic


class AlreadyRegistered(Conflict):
    """The community has its organisation; the official is led to it. ``community`` is the one that
    is registered.
    """

    code = "community_already_registered"

    def __init__(self, community: Community) -> None:
        super().__init__(
            _(
                "This community is registered already. Ask its organisation to add you; "
                "nobody starts a second one."
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
                "A community with nearly this name is registered. Ask to join it, or say "
                "that yours is another one."
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
    seat: str = "",
    website: str = "",
    is_another: bool = False,
) -> Community:
    """A new community with its organisation, an unvetted official and a draft profile filled from
    open data.

    Args:
        place_id: the gazetteer's place; needed for a city, and gives name, country and facts.
        kind, name, country, admin1: for a county, state, district or province without a place. The
            region may be written as its code.
        seat: likewise, the town that its administration sits in, in any spelling; gives
            coordinates and time zone, and the region where none is written.
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
        region = region_name(country, admin1)
        known = _known_of(seat_of(country, region, seat)) if searched_name(seat) else {}
        known["name"], known["country_id"] = " ".join(name.split()), country
        known["admin1"] = region or known.get("admin1", "")
    community = Community(place=place, kind=kind, website=website, **known)
    if place is None:
        community.registered_at = lock_names(country)
    if place is None and not is_another:
        nearly = similar_communities(community)
        if nearly:
            raise LooksRegistered(nearly)
    require_quota(Topic.COMMUNITY_REGISTERED, by=by)
    _begin(community, by)
    CommunityRole.objects.create(user=by, community=community, role=CommunityRole.Role.OFFICIAL)
    return community


def lock_names(country: str) -> dt.datetime:
    """Until the transaction ends, nobody else registers a community of the country by its name, and
    staff confirm no partner there; the moment of it, by the database's clock.

    A partner that staff have confirmed by its name is one that registers afterwards. Without the
    lock neither of two at the same moment would know of the other.
    """
    list(Country.objects.select_for_update(no_key=True).filter(pk=country).values_list("pk"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: dt.datetime = cursor.fetchone()[0]
    return moment


@transaction.atomic
def register_member_city(*, by: User, place_id: int) -> Community:
    """The city of a member that staff bring in, with nobody in it yet: its officials ask to join,
    and staff let them in.

    The caller has checked the permission of ``by``.

    Raises AlreadyRegistered: somebody has registered it meanwhile.
    """
    place = Place.objects.select_related("country").get(pk=place_id)
    community = Community(place=place, kind=Community.Kind.CITY, **_known_of(place))
    _begin(community, by)
    return community


MOST_ALTERNATIVE = 200  # letters


def change_picture(
    *, by: User, community_id: int, upload: UploadedFile, alternative: str
) -> CommunityPicture:
    """Shows a picture or coat of arms on the community's page, instead of the one before.

    Raises:
        NotVisible: not theirs, or staff have not confirmed them. InvalidFields: the picture is too
            large or cannot be taken (``documents.check_picture``), or nobody says what it shows.
        TooManyRequests, Unavailable: as for letters.
    """
    require_in(by, community_id, Verb.UPDATE, Resource.PICTURE)
    words = " ".join(alternative.split())
    if not words or len(words) > MOST_ALTERNATIVE:
        raise InvalidFields(
            {"alternative": [_("Say in at most 200 letters what the picture shows.")]}
        )
    if (upload.size or 0) > LETTER_LIMIT:
        raise InvalidFields({"picture": [_("The picture is larger than 10 MB. Make it smaller.")]})
    with transaction.atomic():
        require_quota(Topic.PICTURE_CHANGED, by=by, community_id=community_id)
    content, width, height = check_picture(upload.read(), person=by.pk)
    kept = CommunityPicture(
        community_id=community_id, width=width, height=height, alternative=words
    )
    with stored(kept.file, content, suffix=".jpg"), transaction.atomic():
        require_quota(Topic.PICTURE_CHANGED, by=by, community_id=community_id)
        # Again: they may have left while the file was read.
        require_in(by, community_id, Verb.UPDATE, Resource.PICTURE)
        Community.objects.select_for_update().get(pk=community_id)
        _drop_picture(community_id)
        kept.save()
        record(Topic.PICTURE_CHANGED, subject=kept.community, by=by, community_id=community_id)
    return kept


@transaction.atomic
def remove_picture(*, by: User, community_id: int) -> None:
    """Takes the picture off the page; its file is deleted. Raises NotVisible."""
    require_in(by, community_id, Verb.DELETE, Resource.PICTURE)
    community = Community.objects.select_for_update().get(pk=community_id)
    if _drop_picture(community_id):
        record(Topic.PICTURE_REMOVED, subject=community, by=by, community_id=community_id)


def _drop_picture(community_id: int) -> bool:
    before = CommunityPicture.objects.filter(community_id=community_id).first()
    if before is None:
        return False
    before.delete()
    add_jobs([(DELETE_FILE, str(before.file.name), None)])
    return True


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


def seat_of(country: str, region: str, typed: str) -> Place:
    """The largest place of that name in the country, in the region if one is said.

    Raises:
        InvalidFields: there is none.
    """
    called = Place.objects.filter(names__name=searched_name(typed), country_id=country)
    if region:
        called = called.filter(admin1=region)
    found = called.order_by(F("population").desc(nulls_last=True), "pk").first()
    if found is None:
        raise InvalidFields(
            {"seat": [_("The gazetteer has no place of that name there. Write a larger town.")]}
        )
    return found


def region_name(country: str, typed: str) -> str:
    """The gazetteer's name of a first-level division by its code or any spelling in a language of
    the service, else what was typed. ("CA" → California, "Bayern" → Bavaria)
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
    named = {
        searched_name(spelled): name
        for code, name in regions
        for spelled in (*region_spellings(country, name), name, code)
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
