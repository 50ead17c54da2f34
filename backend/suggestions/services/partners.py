"""Partnerships that communities had before they came: what staff confirm, and what a public list
names, keeps the two from being suggested to each other, and closes the suggestion that they have.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.models import Community, ExistingPartnership, Place
from backend.cities.partner_places import NO_PLACE, places_named
from backend.cities.permissions import require_staff
from backend.cities.queries import communities_named
from backend.cities.services.communities import lock_names
from backend.cities.states import EXISTING_TRANSITIONS
from backend.common.bounds import longest, valid_ids
from backend.common.dates import database_now
from backend.common.errors import InvalidFields, NotVisible
from backend.common.transitions import change_state
from backend.outbox.models import Event
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.eligibility import (
    declared_partners,
    listed_partners,
    pairs_being_introduced,
)
from backend.suggestions.models import Pair, Suggestion
from backend.suggestions.services.curation import take_back
from backend.suggestions.services.runs import lock_ranking

_S = ExistingPartnership.State
_MOST_NAMED = 5


@transaction.atomic
def answer_partnership(
    *,
    by: User,
    partnership_id: int,
    answer: str,
    note: str = "",
    place_id: int | None = None,
    partner_id: int | None = None,
) -> ExistingPartnership:
    """A curator confirms or refuses a claimed partnership; a refusal says why, for its owners to
    read.

    Where the partner is registered here, a confirmed one bars the pair and closes its suggestion;
    where the two are being introduced, staff are notified and decide.

    Args:
        place_id: which place of the gazetteer the partner is, where the owner has not said it;
            NO_PLACE: none of those that have its name.
        partner_id: which registered community it is, instead of a place. One that has a place is
            stored as that place.

    Raises:
        NotVisible: no curator, or no such row. InvalidFields: another answer, a refusal without
            words, a place or community that it cannot be, both, the community itself, or a
            confirmation that does not say which of those with that name it is. WrongState: not in
            that state.
    """
    require_staff(by, Verb.ACT, Resource.CURATION)
    row = (
        ExistingPartnership.objects.select_for_update(of=("self",))
        .select_related("country", "community")
        .filter(pk=partnership_id)
        .first()
    )
    if row is None:
        raise NotVisible
    lock_names(row.country_id)
    chosen, errors = _chosen(row, place_id, partner_id)
    if answer == _S.CONFIRMED and not errors:
        errors = _check_itself(row, chosen) or _check_is_said(row, chosen)
    if not errors:
        errors = _check_once(row, chosen)
    if errors := _check_words(answer, note) | errors:
        raise InvalidFields(errors)
    old = change_state(
        row,
        "state",
        answer,
        EXISTING_TRANSITIONS,
        answered_by=by,
        answered_at=database_now(),
        note=note.strip(),
        place_id=chosen.place_id,
        partner_id=chosen.partner_id,
    )
    record(
        Topic.EXISTING_PARTNERSHIP_ANSWERED,
        subject=row,
        by=by,
        community_id=row.community_id,
        old=old,
        new=answer,
    )
    if answer == _S.CONFIRMED:
        partners = declared_partners(row.pk)
        _close(partners, by)
        _ask_staff(partners, by)
    return row


def _check_words(answer: str, note: str) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    if answer not in (_S.CONFIRMED, _S.REFUSED):
        errors["answer"] = [_("Confirm or refuse it.")]
    most = longest(ExistingPartnership, "note")
    if len(note) > most or "\x00" in note or (answer == _S.REFUSED and not note.strip()):
        errors["note"] = [
            _("Say in 1 to 500 characters why it is not confirmed; its owners read this.")
        ]
    return errors


@dataclass(frozen=True, slots=True)
class _Partner:
    """Who the partner is: a place, a community without one, or neither; ``field`` says it, and
    ``is_said`` whether somebody has.
    """

    place_id: int | None
    partner_id: int | None
    field: str = "place_id"
    is_said: bool = True


def _chosen(
    row: ExistingPartnership, place_id: int | None, partner_id: int | None
) -> tuple[_Partner, dict[str, list[str]]]:
    """What staff have chosen, or what is stored where they choose nothing; and what is wrong."""
    stored = _Partner(row.place_id, row.partner_id, is_said=bool(row.place_id or row.partner_id))
    if partner_id is not None:
        return _chosen_community(row, place_id, partner_id)
    if place_id is None:
        return stored, {}
    if place_id == NO_PLACE and row.place_id is None:
        return _Partner(None, None), {}
    known = Place.objects.filter(pk__in=valid_ids([place_id]), country=row.country_id)
    if not known.exists():
        return stored, {"place_id": [f"Choose a place of {row.country.name}, or none."]}
    return _Partner(place_id, None), _check_owner_says(row, place_id, "place_id")


def _chosen_community(
    row: ExistingPartnership, place_id: int | None, partner_id: int
) -> tuple[_Partner, dict[str, list[str]]]:
    community = Community.objects.filter(
        pk__in=valid_ids([partner_id]), country=row.country_id
    ).first()
    if community is None:
        words = f"No community of {row.country.name} is registered under this number."
        return _Partner(None, None), {"partner_id": [words]}
    if place_id and place_id != community.place_id:
        words = "Choose one of the two: a place of the gazetteer, or a registered community."
        return _Partner(None, None), {"partner_id": [words]}
    errors = _check_owner_says(row, community.place_id, "partner_id")
    if community.place_id is not None:
        return _Partner(community.place_id, None, "partner_id"), errors
    return _Partner(None, community.pk, "partner_id"), errors


def _check_owner_says(
    row: ExistingPartnership, place_id: int | None, field: str
) -> dict[str, list[str]]:
    if row.place_id in (None, place_id):
        return {}
    return {field: ["The profile names another place; its owner changes it there."]}


def _check_itself(row: ExistingPartnership, chosen: _Partner) -> dict[str, list[str]]:
    own = row.community
    if chosen.partner_id == own.pk:
        words = "This is the community itself, which cannot be its own partner."
    elif chosen.place_id is not None and chosen.place_id == own.place_id:
        words = "This place is the community itself, which cannot be its own partner."
    else:
        return {}
    return {chosen.field: [words]}


def _check_once(row: ExistingPartnership, chosen: _Partner) -> dict[str, list[str]]:
    """An error where another row of the profile is that place: no pair stands twice."""
    if (
        chosen.place_id is None
        or not _rows_with_place([row]).exclude(pk=row.pk).filter(place=chosen.place_id).exists()
    ):
        return {}
    words = "Another row of the same profile is this place; refuse one of the two."
    return {chosen.field: [words]}


def _check_is_said(row: ExistingPartnership, chosen: _Partner) -> dict[str, list[str]]:
    """An error where the gazetteer or a community registered without a place has the name: while
    nobody says which it is, the confirmed partnership would not keep the two from being suggested
    to each other.
    """
    if chosen.is_said:
        return {}
    places, communities = places_of_rows([row])[row.pk], communities_named([row])[row.pk]
    errors = {}
    if places:
        names = "; ".join(
            f"{place.name}, {place.admin1 or 'no region'} ({place.pk})"
            for place in places[:_MOST_NAMED]
        )
        words = "Choose which place of the gazetteer the partner is, or that it is none of them"
        errors["place_id"] = [f"{words} ({NO_PLACE}): {names}."]
    if communities:
        names = "; ".join(map(described, communities[:_MOST_NAMED]))
        words = "Write the number of the registered community that the partner is, or choose that"
        errors["partner_id"] = [f"{words} it is none (place {NO_PLACE}): {names}."]
    return errors


def described(community: Community) -> str:
    """A community as staff distinguish it: name, kind, region and number."""
    region = community.admin1 or community.country.name
    return f"{community.name}, {community.get_kind_display()}, {region} ({community.pk})"


def places_of_rows(rows: Iterable[ExistingPartnership]) -> dict[int, list[Place]]:
    """Id of a row without a place → the places of its country that have its name, the largest
    first, in one query for all rows; without those that the same profile names beside it.
    """
    open_rows = [row for row in rows if row.place_id is None]
    found = places_named((row.name, str(row.country_id)) for row in open_rows)
    taken: dict[int, set[int | None]] = defaultdict(set)
    for owner, place in _rows_with_place(open_rows).values_list("community_id", "place_id"):
        taken[owner].add(place)
    return {
        row.pk: [
            place
            for place in found[row.name, str(row.country_id)]
            if place.pk != row.community.place_id and place.pk not in taken[row.community_id]
        ]
        for row in open_rows
    }


def _rows_with_place(rows: Iterable[ExistingPartnership]) -> QuerySet[ExistingPartnership]:
    """What the same profiles name, with its place."""
    beside = ExistingPartnership.objects.filter(community__in={row.community_id for row in rows})
    return beside.filter(place__isnull=False).exclude(state=_S.DROPPED)


@transaction.atomic
def close_suggestions_of_partners() -> int:
    """Closes the suggestions of declared partners that were made while staff confirmed the
    partnership, and those of pairs that a public list has named since; returns how many. Staff are
    notified, once for each, of listed partners that are being introduced. May run twice.

    Raises RetryLater while a run or a rescoring makes suggestions.
    """
    lock_ranking()
    declared = declared_partners()
    listed = listed_partners() - declared
    _ask_staff(listed, None, is_listed=True)
    return _close(declared, None) + _close(listed, None, is_listed=True)


def _ask_staff(
    partners: Collection[tuple[int, int]], by: User | None, *, is_listed: bool = False
) -> None:
    """Nothing closes mutual interest or an introduction: staff decide."""
    pairs = pairs_being_introduced().filter(pk__in=_pairs_of(partners))
    if is_listed:
        asked = Event.objects.filter(
            topic=Topic.PARTNERS_CONFIRMED, subject_type="pair", subject_id=OuterRef("pk")
        )
        pairs = pairs.exclude(Exists(asked))
    for pair in pairs:
        record(
            Topic.PARTNERS_CONFIRMED,
            subject=pair,
            by=by,
            being_introduced=True,
            is_listed=is_listed,
        )


def _close(
    partners: Collection[tuple[int, int]], by: User | None, *, is_listed: bool = False
) -> int:
    pairs = _pairs_of(partners)
    closed = take_back(pairs, by, lambda _suggestion: {"partners": True})
    for suggestion in closed:
        if suggestion.status in Suggestion.VISIBLE:
            record(
                Topic.PARTNERS_CONFIRMED,
                subject=suggestion,
                by=by,
                being_introduced=False,
                is_listed=is_listed,
            )
    return len(closed)


def _pairs_of(partners: Collection[tuple[int, int]]) -> list[int]:
    named = Q(a__in={a for a, _b in partners}, b__in={b for _a, b in partners})
    found = Pair.objects.filter(named).order_by("pk").values_list("pk", "a_id", "b_id")
    return [pk for pk, a, b in found if (a, b) in partners]
