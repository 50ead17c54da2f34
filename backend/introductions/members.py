"""The directory of members: communities in good standing, each with its partnerships of the
directory, and which side of a partnership is the member.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet

from backend.cities.models import Community, ExistingPartnership, Membership
from backend.cities.models.communities import HOME_COUNTRY, OVER
from backend.cities.models.places import country_name
from backend.introductions.directory import DirectorySide, Entry, member_communities
from backend.introductions.models import Partnership
from backend.introductions.queries.partnerships import any_of, living_partnerships

U_S, GLOBAL = "us", "global"


def kind_of_member(community: Community) -> str:
    return U_S if community.is_home else GLOBAL


def listed_members() -> QuerySet[Membership]:
    """Memberships in good standing, by country, state and name. Public. Each row has ``is_public``:
    whether the community has a page of its own.
    """
    public = Community.objects.public().filter(pk=OuterRef("community"))
    return (
        Membership.objects.filter(ended_on__isnull=True, standing=Membership.Standing.GOOD)
        .select_related("community__country", "community__place")
        .defer("community__place__search_text", "community__place__alternate_names")
        .annotate(is_public=Exists(public))
        .order_by("community__country__name", "community__admin1", "community__name", "pk")
    )


def in_kind(kind: str) -> Q:
    """Memberships of the United States ("us"), or of everywhere else ("global")."""
    at_home = Q(community__country=HOME_COUNTRY)
    return at_home if kind == U_S else ~at_home


def about_theme(theme: str) -> Q:
    """Memberships of communities whose published profile names the theme, or an agreement of
    theirs.
    """
    named = "profile__current_version__data__themes__importances__has_key"
    profiles = Community.objects.public().filter(**{named: theme})
    agreed = _recorded().filter(agreement__areas__contains=[theme])
    return Q(community__in=profiles.values("pk")) | Q(Exists(agreed))


def with_form(form: str) -> Q:
    """Memberships of communities that have a partnership of the form, where that is known."""
    stated = ExistingPartnership.objects.filter(
        Q(community=OuterRef("community"))
        | Q(partner=OuterRef("community"))
        | Q(place=OuterRef("community__place")),
        state=ExistingPartnership.State.CONFIRMED,
        community__in=Community.objects.public(),
        form=form,
    ).exclude(status__in=OVER)
    return Q(Exists(_recorded().filter(form=form))) | Q(Exists(stated))


def _recorded() -> QuerySet[Partnership]:
    own = (Q(**{f"pair__{side}": OuterRef("community")}) for side in ("a", "b"))
    return living_partnerships().order_by().filter(any_of(own))


class MemberKinds:
    """Which communities and places are members in good standing, and of which kind. One query."""

    def __init__(self) -> None:
        members = Community.objects.filter(pk__in=member_communities()).order_by()
        rows = list(members.values_list("pk", "place", "country"))
        kinds = {pk: U_S if country == HOME_COUNTRY else GLOBAL for pk, _place, country in rows}
        self._communities: Mapping[int, str] = kinds
        self._places = {place: kinds[pk] for pk, place, _country in rows if place is not None}

    def of(self, side: DirectorySide) -> str:
        """The member's kind; empty for a side that is no member."""
        if side.place is not None and side.place in self._places:
            return self._places[side.place]
        return self._communities.get(side.community or 0, "")


@dataclass(frozen=True, slots=True)
class MemberPartner:
    """A partnership as the member sees it: with whom, and which kind of member that is, if any."""

    entry: Entry
    partner: DirectorySide
    kind: str


class PartnersOfMembers:
    """Each member's partnerships, looked up by its place or community.

    Args:
        entries: the whole directory.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self._by_place: dict[int, list[tuple[Entry, DirectorySide]]] = defaultdict(list)
        self._by_community: dict[int, list[tuple[Entry, DirectorySide]]] = defaultdict(list)
        for entry in entries:
            self._add(entry, entry.a, entry.b)
            self._add(entry, entry.b, entry.a)

    def _add(self, entry: Entry, own: DirectorySide, other: DirectorySide) -> None:
        if own.place is not None:
            self._by_place[own.place].append((entry, other))
        elif own.community is not None:
            self._by_community[own.community].append((entry, other))

    def of(self, member: Membership, kinds: MemberKinds) -> list[MemberPartner]:
        """By country, in the reader's language, and name of the partner."""
        place = member.community.place_id
        found = (
            self._by_community.get(member.community_id, [])
            if place is None
            else self._by_place.get(place, [])
        )
        rows = [MemberPartner(entry, other, kinds.of(other)) for entry, other in found]
        return sorted(rows, key=lambda row: (country_name(row.partner.country), row.partner.name))
