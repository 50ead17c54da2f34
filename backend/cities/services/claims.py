"""What a community says of its partnerships, as staff and others read it: claims, each with its
state.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

from django.db import transaction

from backend.accounts.models import User
from backend.cities.models import Community, ExistingPartnership, Place
from backend.cities.models.communities import NOT_OURS, OVER
from backend.cities.names import searched_name
from backend.cities.profile_schema import document_value
from backend.common.bounds import valid_ids
from backend.common.dates import database_now
from backend.outbox.services import record
from backend.outbox.topics import Topic

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

    What the community has said to be no partnership of its own stays, unless the document names it.
    Two rows are one partnership where they have one place or, without places, one name. A row that
    staff confirmed or refused stays so while its name, country, year, form and status
    stay as they are; a changed row is claimed again. A row that the document no longer names is
    dropped. A place that the document leaves out stays as staff have named it, and so does the
    community that they have chosen; while other details of a confirmed partnership wait for staff,
    the two stay partners.
    """
    rows = document_value(data, "partnerships", "existing") or ()
    known = locked_claims(community)
    if not rows and not known:
        return []
    claimed, met = claim_all(community, rows, known, by)
    denied = {row.pk for row in known if row.status == NOT_OURS}
    gone = [row.pk for row in known if row.pk not in {*met, *denied} and row.state != _S.DROPPED]
    ExistingPartnership.objects.filter(pk__in=gone).update(state=_S.DROPPED)
    record_claims(community, claimed, gone, by)
    return claimed


def locked_claims(community: Community) -> list[ExistingPartnership]:
    rows = community.existing_partnerships.select_for_update(of=("self",))
    return list(rows.select_related("partner").order_by("pk"))


def claim_all(
    community: Community,
    rows: Iterable[Mapping[str, Any]],
    known: Iterable[ExistingPartnership],
    by: User | None,
) -> tuple[list[ExistingPartnership], set[int]]:
    """The claims of what is new or has changed, and the ids of all rows that were named."""
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
    return claimed, met


def record_claims(
    community: Community,
    claimed: Iterable[ExistingPartnership],
    dropped: list[int],
    by: User | None,
) -> None:
    """One event of all that a community has changed at once."""
    ids = {"claimed": [row.pk for row in claimed], "dropped": dropped}
    if any(ids.values()):
        record(
            Topic.EXISTING_PARTNERSHIPS_CLAIMED,
            subject=community,
            by=by,
            community_id=community.pk,
            **ids,
        )


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
        elif old.status != NOT_OURS:
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
        and old.status not in OVER
        and _is_same_partner(old, facts["place_id"], facts["partner_id"])
    )
    return {
        "answered_by_id": old.answered_by_id if old is not None and is_kept else None,
        "answered_at": old.answered_at if old is not None and is_kept else None,
    }
