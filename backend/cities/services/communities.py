"""Registration of communities, and the partnerships that they had before."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
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
    ExistingPartnership,
    Organisation,
    Place,
    Profile,
)
from backend.cities.models.places import region_spellings
from backend.cities.names import edit_distances, searched_name
from backend.cities.permissions import require_in
from backend.cities.profile_schema import document_value
from backend.common.bounds import valid_ids
from backend.common.dates import database_now
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


# Partnerships that a community had before: claimed in its profile, answered by staff.


_S = ExistingPartnership.State


def partnership_key(row: Mapping[str, Any]) -> tuple[str, str]:
    """What makes two rows of a profile without a place one partnership: the country and the
    partner's name, however it is typed.
    """
    name = str(row["name"])
    return str(row["country"]), (searched_name(name) or name.strip().casefold())[:200]


@transaction.atomic
def propose_partnerships(
    community: Community, data: Mapping[str, Any], *, by: User | None
) -> list[ExistingPartnership]:
    """Brings the claims in step with a valid document, inside the transaction that submits or
    publishes it; returns the new claims.

    Two rows are one partnership where they have one place or, without places, one name. A row that
    staff confirmed or refused stays so while its name, country, year, form and status
    stay as they are; a changed row is claimed again. A row that the document no longer names is
    dropped. A place that the document leaves out stays as staff have named it, and so does the
    community that they have chosen; while other details of a confirmed partnership wait for staff,
    the two stay partners.
    """
    rows = document_value(data, "partnerships", "existing") or ()
    known = list(community.existing_partnerships.select_related("partner").order_by("pk"))
    if not rows and not known:
        return []
    wanted_places = valid_ids(row.get("place_id") for row in rows)
    places = set(Place.objects.filter(pk__in=wanted_places).values_list("pk", flat=True))
    now = database_now()
    claimed: list[ExistingPartnership] = []
    met: set[int] = set()
    for row, old in _with_known(rows, known, places):
        if old is not None:
            met.add(old.pk)
        claim = _claimed(community, row, old, places, by, now)
        if claim is not None:
            met.add(claim.pk)
            claimed.append(claim)
    gone = [row.pk for row in known if row.pk not in met and row.state != _S.DROPPED]
    ExistingPartnership.objects.filter(pk__in=gone).update(state=_S.DROPPED)
    if claimed or gone:
        ids = {"claimed": [row.pk for row in claimed], "dropped": gone}
        record(
            Topic.EXISTING_PARTNERSHIPS_CLAIMED,
            subject=community,
            by=by,
            community_id=community.pk,
            **ids,
        )
    return claimed


def _with_known(
    rows: Iterable[Mapping[str, Any]], known: Iterable[ExistingPartnership], places: set[int]
) -> Iterator[tuple[Mapping[str, Any], ExistingPartnership | None]]:
    """Each partner of a document once, with the row that is stored of it: by its place, else by
    its name among those that no other partner of the document is.
    """
    named: dict[Hashable, Mapping[str, Any]] = {}
    for row in rows:
        place = row.get("place_id")
        named.setdefault(place if place in places else partnership_key(row), row)
    by_place: dict[Hashable, ExistingPartnership] = {}
    by_name: dict[tuple[str, str], list[ExistingPartnership]] = defaultdict(list)
    for old in sorted(known, key=lambda one: one.state == _S.DROPPED):
        if old.place_id in named:
            by_place.setdefault(old.place_id, old)
        else:
            by_name[str(old.country_id), old.name_key].append(old)
    # Those whose place is known first: what has only a name takes what is left
    for key in sorted(named, key=lambda key: not isinstance(key, int)):
        row = named[key]
        left = by_name[partnership_key(row)]
        if key in by_place:
            yield row, by_place[key]
        else:
            fits = [old for old in left if isinstance(key, tuple) or _may_be(old, key)]
            if fits:
                left.remove(fits[0])
            yield row, fits[0] if fits else None


def _may_be(old: ExistingPartnership, place_id: Hashable) -> bool:
    """Whether a stored partner of the name may be the place: no other one has been said."""
    if old.partner is not None:
        return old.partner.place_id == place_id
    return old.place_id is None or old.state == _S.DROPPED


def _claimed(
    community: Community,
    row: Mapping[str, Any],
    old: ExistingPartnership | None,
    places: set[int],
    by: User | None,
    now: dt.datetime,
) -> ExistingPartnership | None:
    """The claim of a row that is new or has changed, stored."""
    facts = {
        "name": row["name"],
        "name_key": partnership_key(row)[1],
        **_partner_meant(old, row.get("place_id"), places),
        "year": row.get("year"),
        "form": row.get("form", ""),
        "status": row.get("status", "unknown"),
    }
    is_same = old is not None and all(getattr(old, name) == value for name, value in facts.items())
    if old is not None and is_same and old.state != _S.DROPPED:
        return None
    values = {
        **facts,
        **_confirmation_kept(old, facts),
        "state": _S.CLAIMED,
        "claimed_by": by,
        "claimed_at": now,
        "note": "",
    }
    claim = old or ExistingPartnership(community=community, country_id=row["country"])
    for name, value in values.items():
        setattr(claim, name, value)
    claim.save()
    return claim


def _partner_meant(
    old: ExistingPartnership | None, place_id: int | None, places: set[int]
) -> dict[str, int | None]:
    """The place that the document names, else the place or community that staff have named."""
    if place_id in places:
        return {"place_id": place_id, "partner_id": None}
    if old is None:
        return {"place_id": None, "partner_id": None}
    return {"place_id": old.place_id, "partner_id": old.partner_id}


def _is_same_partner(
    old: ExistingPartnership, place_id: int | None, partner_id: int | None
) -> bool:
    """Whether these name the same partner; a community that staff have chosen may have its place
    by now, and be named by it.
    """
    if place_id is not None and old.partner is not None:
        return old.partner.place_id == place_id
    return (old.place_id, old.partner_id) == (place_id, partner_id)


def _confirmation_kept(old: ExistingPartnership | None, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Who has confirmed a partnership of which only details change, and when."""
    is_kept = (
        old is not None
        and old.state in (_S.CONFIRMED, _S.CLAIMED)
        and old.status != "ended"
        and _is_same_partner(old, facts["place_id"], facts["partner_id"])
    )
    return {
        "answered_by_id": old.answered_by_id if old is not None and is_kept else None,
        "answered_at": old.answered_at if old is not None and is_kept else None,
    }
