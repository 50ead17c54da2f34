"""Partnerships that communities had before they came: what staff confirm, and what a public list
names, keeps the two from being suggested to each other, and closes the suggestion that they have.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

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
from backend.common.errors import Conflict, DomainError, InvalidFields, NotVisible
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
    claimed_at: dt.datetime | None = None,
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
        claimed_at: when it was claimed as it was read; None: as it is now.

    Raises:
        NotVisible: no curator, or no such row. Conflict: it was claimed anew since (code
            ``claim_changed``). InvalidFields: another answer, a refusal without
            words, a place or community that it cannot be, both, the community itself, or a
            confirmation that does not say which of those with that name it is. WrongState: not in
            that state.
    """
    require_staff(by, Verb.ACT, Resource.CURATION)
    row = _locked([partnership_id]).get(partnership_id)
    if row is None:
        raise NotVisible
    lock_names(row.country_id)
    _require_unchanged(row, claimed_at)
    old = _answer(row, by, answer, note, _chosen(row, place_id, partner_id))
    _record_answers([(row, old)], by)
    if answer == _S.CONFIRMED:
        _close_and_ask(declared_partners(row.pk), by)
    return row


@transaction.atomic
def confirm_partnerships(
    *, by: User, claims: Mapping[int, dt.datetime | None]
) -> tuple[list[ExistingPartnership], dict[int, list[str]]]:
    """Confirms several claims as they are; returns those that are confirmed, and what is wrong with
    each of the others, by its id. Each community is told once of all of its own.

    Args:
        claims: id → when it was claimed as it was read; None: as it is now.

    Raises NotVisible: no curator.
    """
    require_staff(by, Verb.ACT, Resource.CURATION)
    rows = _locked(claims)  # all of them before any country: no ring with who answers one
    for country in sorted({str(row.country_id) for row in rows.values()}):
        lock_names(country)
    answered: list[tuple[ExistingPartnership, str]] = []
    wrong: dict[int, list[str]] = {}
    for pk, claimed_at in claims.items():
        try:
            if pk not in rows:
                raise NotVisible
            row = rows[pk]
            _require_unchanged(row, claimed_at)
            old = _answer(row, by, _S.CONFIRMED, "", _chosen(row, None, None))
            answered.append((row, old))
        except InvalidFields as invalid:
            wrong[pk] = [line for lines in invalid.errors.values() for line in lines]
        except DomainError as refusal:
            wrong[pk] = [refusal.message]
    _record_answers(answered, by)
    confirmed = [row for row, _old in answered]
    _close_and_ask({pair for row in confirmed for pair in declared_partners(row.pk)}, by)
    return confirmed, wrong


def _locked(ids: Iterable[int]) -> dict[int, ExistingPartnership]:
    rows = ExistingPartnership.objects.select_for_update(of=("self",)).select_related(
        "country", "community"
    )
    return {row.pk: row for row in rows.filter(pk__in=valid_ids(ids)).order_by("pk")}


def _require_unchanged(row: ExistingPartnership, claimed_at: dt.datetime | None) -> None:
    if claimed_at is not None and row.claimed_at != claimed_at:
        raise Conflict(
            "The community has changed what it says since you read it. Read it again.",
            code="claim_changed",
        )


def _answer(
    row: ExistingPartnership,
    by: User,
    answer: str,
    note: str,
    said: tuple[_Partner, dict[str, list[str]]],
) -> str:
    """Writes the answer to a locked row; returns the state that it was in."""
    chosen, errors = said
    if answer == _S.CONFIRMED and not errors:
        errors = _check_itself(row, chosen) or _check_is_said(row, chosen)
    if not errors:
        errors = _check_once(row, chosen)
    if errors := _check_words(answer, note) | errors:
        raise InvalidFields(errors)
    return change_state(
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


def _record_answers(answered: Iterable[tuple[ExistingPartnership, str]], by: User) -> None:
    """One event a row; the first of each community names all of them, for one notice."""
    by_community: dict[int, list[tuple[ExistingPartnership, str]]] = defaultdict(list)
    for row, old in answered:
        by_community[row.community_id].append((row, old))
    for community_id, rows in by_community.items():
        told: dict[str, Any] = {"rows": [row.pk for row, _old in rows]}
        for row, old in rows:
            record(
                Topic.EXISTING_PARTNERSHIP_ANSWERED,
                subject=row,
                by=by,
                community_id=community_id,
                old=old,
                new=row.state,
                **told,
            )
            told = {}


def _close_and_ask(partners: Collection[tuple[int, int]], by: User) -> None:
    _close(partners, by)
    _ask_staff(partners, by)


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
