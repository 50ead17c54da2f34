"""All partnerships of one place or community, whoever says so: one row for each partner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db.models import Q

from backend.cities.models import Community, ExistingPartnership, ListedPartnership, Place
from backend.cities.models.communities import NOT_OURS, OVER
from backend.cities.models.places import country_name
from backend.introductions.directory import CONFIRMED, RECORDED, STATED, UNKNOWN
from backend.introductions.queries.partnerships import living_partnerships

THEIRS = "theirs"  # said by the partner and confirmed by staff
STATED_BY_THEM = "stated_by_partner"  # said by the partner, not checked yet

Key = tuple[str, object]
Side = Place | Community


@dataclass(slots=True)
class PartnerShown:
    """``community`` is set where the partner has a public page, ``sources`` are RECORDED,
    CONFIRMED, THEIRS, STATED, STATED_BY_THEM or tags of public lists, in the order of what counts.
    """

    name: str
    country: str
    whereabouts: str
    place: int | None = None
    community: int | None = None
    latitude: float | None = None
    longitude: float | None = None
    status: str = UNKNOWN
    form: str = ""
    year: int | None = None
    is_recognised: bool = False
    sources: list[str] = field(default_factory=list)

    @property
    def rank(self) -> tuple[object, ...]:
        order = (self.status in OVER, not self.is_recognised, RECORDED not in self.sources)
        return (*order, self.status == UNKNOWN, country_name(self.country), self.name)


@dataclass(frozen=True, slots=True)
class _Said:
    """What one source says of one partner."""

    partner: Side | ExistingPartnership
    source: str
    status: str = UNKNOWN
    form: str = ""
    year: int | None = None
    is_recognised: bool = False
    is_claim: bool = False  # staff have never confirmed it

    @property
    def is_denied(self) -> bool:
        return self.status == NOT_OURS and self.source in (CONFIRMED, THEIRS)

    @property
    def counts_against_denial(self) -> bool:
        return self.source in (RECORDED, CONFIRMED, THEIRS) and self.status not in OVER


def partners_of(place: Place | None, community: Community | None) -> list[PartnerShown]:
    """The partners of a place and of the community registered for it, each once: those with an
    agreement here first, then by country and name. Public. Four queries.

    What a side says is shown at once where somebody else names the pair too; what it alone says,
    once staff have confirmed it. Staff's confirmation that it is no partnership takes the pair out,
    unless it is recorded here or confirmed by the other side.
    """
    said_of_all = list(_all_said(place, community))
    named = {_key(said.partner) for said in said_of_all if not said.is_claim}
    denied = {_key(said.partner) for said in said_of_all if said.is_denied} - {
        _key(said.partner) for said in said_of_all if said.counts_against_denial
    }
    rows: dict[Key, PartnerShown] = {}
    for said in said_of_all:
        if _key(said.partner) in denied or _key(said.partner) not in named:
            continue
        row = rows.setdefault(_key(said.partner), _partner(said.partner))
        row.sources += [said.source] if said.source not in row.sources else []
        if row.status == UNKNOWN:
            row.status = said.status
        row.form = row.form or said.form
        row.year = row.year or said.year
        row.is_recognised = row.is_recognised or said.is_recognised
    _add_pages(list(rows.values()))
    return sorted(rows.values(), key=lambda row: row.rank)


def _all_said(place: Place | None, community: Community | None) -> Iterator[_Said]:
    if community is not None:
        yield from _recorded(community)
    yield from _stated(place, community)
    if place is not None:
        yield from _listed(place)


def _recorded(community: Community) -> Iterator[_Said]:
    for row in living_partnerships(community.pk).prefetch_related(None):
        other = row.pair.b if row.pair.a_id == community.pk else row.pair.a
        yield _Said(other, RECORDED, row.status, row.form, row.since.year, row.recognised)  # type: ignore[attr-defined]


def _stated(place: Place | None, community: Community | None) -> Iterator[_Said]:
    """What either side says; the community's own words first."""
    own = community.pk if community is not None else None
    about = Q(community=own) | Q(partner=own) if own is not None else Q(pk=None)
    if place is not None:
        about |= Q(place=place)
    found = ExistingPartnership.objects.filter(
        about,
        state__in=(ExistingPartnership.State.CONFIRMED, ExistingPartnership.State.CLAIMED),
        community__in=Community.objects.public(),
    ).select_related("country", "place__country", "partner__country", "community__country")
    found = found.defer("place__search_text", "place__alternate_names")
    for row in sorted(found, key=lambda row: (row.community_id != own, row.pk)):
        is_own = row.community_id == own
        partner: Side | ExistingPartnership = row.community
        if is_own:
            partner = row.place or row.partner or row
        is_checked = row.state == ExistingPartnership.State.CONFIRMED
        source = {
            (True, True): CONFIRMED,
            (True, False): STATED,
            (False, True): THEIRS,
            (False, False): STATED_BY_THEM,
        }[is_own, is_checked]
        yield _Said(partner, source, row.status, row.form, row.year, is_claim=not row.was_confirmed)


def _listed(place: Place) -> Iterator[_Said]:
    rows = ListedPartnership.objects.filter(Q(place_a=place) | Q(place_b=place))
    rows = rows.select_related("place_a__country", "place_b__country").defer(
        *(f"{side}__{name}" for side in ("place_a", "place_b") for name in _UNREAD)
    )
    for row in rows:
        other = row.place_b if row.place_a_id == place.pk else row.place_a
        for tag in row.sources:
            yield _Said(other, tag)


_UNREAD = ("search_text", "alternate_names")


def _key(side: Side | ExistingPartnership) -> Key:
    if isinstance(side, Place):
        return ("place", side.pk)
    if isinstance(side, Community):
        return ("place", side.place_id) if side.place_id else ("community", side.pk)
    return (str(side.country_id), side.name_key)


def _partner(side: Side | ExistingPartnership) -> PartnerShown:
    if isinstance(side, ExistingPartnership):
        return PartnerShown(side.name, str(side.country_id), side.country.label)
    return PartnerShown(
        side.name,
        str(side.country_id),
        side.whereabouts,
        side.pk if isinstance(side, Place) else side.place_id,
        side.pk if isinstance(side, Community) else None,
        side.latitude,
        side.longitude,
    )


def _add_pages(rows: list[PartnerShown]) -> None:
    """Which partners have a page that anybody may read, in one query."""
    places = {row.place for row in rows if row.place is not None}
    communities = {row.community for row in rows if row.community is not None}
    if not places and not communities:
        return
    public = Community.objects.public().filter(Q(place__in=places) | Q(pk__in=communities))
    pages = dict(public.values_list("pk", "place"))
    by_place = {place: pk for pk, place in pages.items() if place is not None}
    for row in rows:
        own = row.community if row.community in pages else None
        row.community = by_place.get(row.place) if row.place is not None else own
