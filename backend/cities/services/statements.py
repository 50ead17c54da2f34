"""A community says of a partnership that a public list, the partner or its own profile names
whether it is active, dormant, ended or none, and since when: in one act, without a new version of
its profile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.facets import Words
from backend.cities.models import (
    Community,
    CommunityRole,
    ExistingPartnership,
    ListedPartnership,
    Place,
)
from backend.cities.models.communities import NOT_OURS
from backend.cities.models.places import country_name
from backend.cities.names import searched_name
from backend.cities.permissions import require_in
from backend.cities.profile_schema import PARTNERSHIP_STATUS, document_value
from backend.cities.profile_validation import year_errors
from backend.cities.queries import listed_partners, own_claims
from backend.cities.services.claims import claim_all, locked_claims, record_claims
from backend.cities.services.profiles import profile_for_update, write_draft
from backend.common.errors import InvalidFields, WrongState

STATEMENTS: Mapping[str, Words] = {
    **{code: PARTNERSHIP_STATUS[code] for code in ("active", "dormant", "ended")},
    NOT_OURS: gettext_lazy("Not ours"),
}
_S = ExistingPartnership.State


# The partners of which a community can say something: those that public lists name for it, those
# that say so themselves, and those that it has named.


@dataclass(slots=True)
class NamedPartner:
    """``lists`` are tags of public lists, ``theirs`` is what the partner says and staff have
    confirmed, ``own`` what the community says.
    """

    name: str
    country: str
    whereabouts: str
    place: Place | None = None
    community_id: int | None = None
    lists: list[str] = field(default_factory=list)
    theirs: ExistingPartnership | None = None
    own: ExistingPartnership | None = None

    @property
    def key(self) -> str:
        """What a page calls it: by its place or, without one, by the claim."""
        if self.place is not None:
            return f"place-{self.place.pk}"
        return f"claim-{self.own.pk}" if self.own is not None else ""

    @property
    def is_named_by_others(self) -> bool:
        return bool(self.lists or self.theirs)


def partners_named(community: Community) -> list[NamedPartner]:
    """Each partner once, by country and name."""
    rows: dict[int, NamedPartner] = {}
    for listed in listed_partners(community):
        row = rows[listed.place.pk] = _of_place(listed.place)
        row.lists, row.community_id = listed.sources, listed.community_id
    for theirs in _stated_by_partners(community):
        place = theirs.community.place
        if place is not None:
            row = rows.setdefault(place.pk, _of_place(place))
            row.theirs, row.community_id = theirs, theirs.community_id
    elsewhere = []
    for own in own_claims(community.pk):
        if own.place is not None:
            rows.setdefault(own.place.pk, _of_place(own.place)).own = own
        else:
            country = own.country.label
            elsewhere.append(NamedPartner(own.name, str(own.country_id), country, own=own))
    found = [*rows.values(), *elsewhere]
    return sorted(found, key=lambda row: (country_name(row.country), row.name, row.whereabouts))


def _of_place(place: Place) -> NamedPartner:
    return NamedPartner(place.name, str(place.country_id), place.whereabouts, place)


def _stated_by_partners(community: Community) -> list[ExistingPartnership]:
    if community.place_id is None:
        return []
    found = ExistingPartnership.objects.filter(
        place=community.place_id,
        state=ExistingPartnership.State.CONFIRMED,
        community__in=Community.objects.public(),
        community__place__isnull=False,
    )
    found = found.exclude(status="not_ours").select_related("community__place__country")
    return list(found.order_by("pk"))


@dataclass(slots=True)
class BesideClaim:
    """What staff read beside a claim: tags of public lists that name the pair, what the partner
    says of it, and the role in the community of who claims it (none: no more).
    """

    lists: list[str] = field(default_factory=list)
    theirs: ExistingPartnership | None = None
    role: CommunityRole | None = None


def beside_claims(claims: Sequence[ExistingPartnership]) -> dict[int, BesideClaim]:
    """By the claim's id, in three queries for all. The claims' communities are fetched."""
    ends = {row.pk: {row.community.place_id, row.place_id} - {None} for row in claims}
    places = {place for pair in ends.values() for place in pair}
    lists: dict[frozenset[int | None], list[str]] = {
        frozenset((row.place_a_id, row.place_b_id)): row.sources
        for row in ListedPartnership.objects.filter(place_a__in=places, place_b__in=places)
    }
    said = ExistingPartnership.objects.exclude(state=ExistingPartnership.State.DROPPED)
    of_partners = {
        frozenset((row.community.place_id, row.place_id)): row
        for row in said.filter(
            place__in={row.community.place_id for row in claims} - {None},
            community__place__in={row.place_id for row in claims} - {None},
        ).select_related("community")
    }
    roles = {
        (role.user_id, role.community_id): role
        for role in CommunityRole.objects.filter(
            user__in={row.claimed_by_id for row in claims} - {None},
            community__in={row.community_id for row in claims},
            ended_at__isnull=True,
        )
    }
    found = {}
    for row in claims:
        pair = frozenset(ends[row.pk])
        theirs = of_partners.get(pair) if len(pair) == 2 else None
        found[row.pk] = BesideClaim(
            lists.get(pair, []),
            theirs if theirs is not None and theirs.community_id != row.community_id else None,
            roles.get((row.claimed_by_id or 0, row.community_id)),
        )
    return found


# What it says of them.


@transaction.atomic
def state_partnerships(
    *, by: User, community_id: int, statements: Mapping[str, Mapping[str, Any]]
) -> list[ExistingPartnership]:
    """Claims what an official says of partners, all or none; returns what is new or has changed.

    What is said goes into the draft too, so that the next version of the profile says the same. Of
    what nobody else names, NOT_OURS takes the row out of the profile.

    Args:
        statements: key of a ``NamedPartner`` → its ``status`` (one of STATEMENTS) and ``year``.

    Raises:
        NotVisible: no official of the community. WrongState: its profile is not public (code
            ``profile_not_public``). InvalidFields: by key and field (``place-7.year``), an unknown
            partner, another status, a year before 800 or to come.
    """
    require_in(by, community_id, Verb.ACT, Resource.STATEMENT)
    profile = profile_for_update(community_id)
    if not Community.objects.public().filter(pk=community_id).exists():
        raise WrongState(
            _("Publish your profile first: what you say here is shown with it."),
            code="profile_not_public",
        )
    known = locked_claims(profile.community)
    named = {partner.key: partner for partner in partners_named(profile.community)}
    _check(statements, named)
    said = [(named[key], statement) for key, statement in statements.items()]
    rows = document_value(profile.draft, "partnerships", "existing")
    draft: list[Any] = list(rows) if isinstance(rows, list) else []
    claims, dropped = [], []
    for partner, statement in said:
        row = _row(partner, statement)
        draft = _in_draft(draft, partner, row)
        if row["status"] == NOT_OURS and not partner.is_named_by_others:
            dropped += [partner.own.pk] if partner.own is not None else []
        else:
            claims.append(row)
    claimed, _met = claim_all(profile.community, claims, known, by)
    ExistingPartnership.objects.filter(pk__in=dropped).update(state=_S.DROPPED)
    record_claims(profile.community, claimed, dropped, by)
    if draft != (rows or []):
        write_draft(profile, {"partnerships.existing": draft}, set(), by)
    return [*claimed, *ExistingPartnership.objects.filter(pk__in=dropped)]


@transaction.atomic
def state_partnership(
    *, by: User, community_id: int, partner: str, status: str, year: int | None = None
) -> NamedPartner | None:
    """The same of one partner, as it is afterwards; None where it was taken out of the profile."""
    statements = {partner: {"status": status, "year": year}}
    try:
        state_partnerships(by=by, community_id=community_id, statements=statements)
    except InvalidFields as invalid:
        plain = {path.rpartition(".")[2]: lines for path, lines in invalid.errors.items()}
        raise InvalidFields(plain) from None
    named = partners_named(Community.objects.get(pk=community_id))
    return next((one for one in named if one.key == partner), None)


def _check(statements: Mapping[str, Mapping[str, Any]], named: Mapping[str, NamedPartner]) -> None:
    errors: dict[str, list[str]] = {}
    for key, statement in statements.items():
        if key not in named:
            errors[f"{key}.partner"] = [
                _(
                    "Neither a public list nor a partner names it. Add it to the partnerships of "
                    "your profile."
                )
            ]
        if statement.get("status") not in STATEMENTS:
            errors[f"{key}.status"] = [_("Say whether it is active, dormant, ended or not yours.")]
        if wrong := year_errors(statement.get("year")):
            errors[f"{key}.year"] = wrong
    if errors:
        raise InvalidFields(errors)


def _row(partner: NamedPartner, statement: Mapping[str, Any]) -> dict[str, Any]:
    """As a row of a profile; the form stays as the community has said it before."""
    own = partner.own
    row: dict[str, Any] = {
        "name": own.name if own is not None else partner.name,
        "country": partner.country,
        "status": statement["status"],
    }
    if partner.place is not None:
        row["place_id"] = partner.place.pk
    if own is not None and own.form:
        row["form"] = own.form
    if statement.get("year") is not None and statement["status"] != NOT_OURS:
        row["year"] = statement["year"]
    return row


def _in_draft(rows: Sequence[Any], partner: NamedPartner, row: dict[str, Any]) -> list[Any]:
    """The draft's rows with what is said of the partner, in its old place, or last."""
    kept: list[Any] = []
    is_there = row["status"] == NOT_OURS
    for old in rows:
        if not _is_of(old, partner):
            kept.append(old)
        elif not is_there:
            # An own "no place of the gazetteer" stays, and so does what the form of a row holds
            kept.append(
                {**{part: old[part] for part in ("form", "place_id") if part in old}, **row}
            )
            is_there = True
    return kept if is_there else [*kept, row]


def _is_of(row: Any, partner: NamedPartner) -> bool:
    if not isinstance(row, dict):
        return False
    if partner.place is not None and row.get("place_id") == partner.place.pk:
        return True
    own = partner.own
    if row.get("place_id") or own is None:
        return False
    key = searched_name(str(row.get("name", ""))) or str(row.get("name", "")).strip().casefold()
    return (row.get("country"), key) == (own.country_id, own.name_key)
