"""Bringing in a list of members: checked first, asked about its days where they need it, then
applied as it was shown, whole or not at all.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.documents import safe_name
from backend.cities.member_columns import DAYS
from backend.cities.member_days import ORDERS
from backend.cities.member_sheets import SheetRow, read_sheet
from backend.cities.memberships import (
    ASKED,
    CHANGED,
    ERROR,
    NEW,
    PlannedRow,
    order_of,
    plan_members,
    standing_on,
)
from backend.cities.models import Community, MemberImport, Membership
from backend.cities.permissions import require_staff
from backend.cities.services.communities import AlreadyRegistered, register_member_city
from backend.common.dates import database_now
from backend.common.errors import Conflict, InvalidFields, NotVisible, WrongState
from backend.outbox.services import record, record_many
from backend.outbox.topics import Topic

_SUFFIXES = {"Excel": ".xlsx", "OpenDocument": ".ods"}  # by how a list was read


def check_members(*, by: User, file_name: str, content: bytes) -> MemberImport:
    """Reads a list of members and keeps what each row would do. Changes no membership and registers
    nobody.

    Raises:
        NotVisible: no curator. InvalidFields: the file is no list of members
            (``cities.member_sheets``). TooManyRequests, Unavailable: too many files are being read.
    """
    require_staff(by, Verb.CREATE, Resource.MEMBERSHIP)
    read_as, rows = read_sheet(content, person=by.pk)
    with transaction.atomic():
        require_staff(by, Verb.CREATE, Resource.MEMBERSHIP)  # the role may have ended meanwhile
        return _keep_checked(by, file_name, read_as, rows)


def _keep_checked(by: User, file_name: str, read_as: str, rows: Sequence[SheetRow]) -> MemberImport:
    planned = plan_members(rows)
    suffix = next((end for kind, end in _SUFFIXES.items() if read_as.startswith(kind)), ".csv")
    return MemberImport.objects.create(
        by=by,
        file_name=safe_name(file_name, suffix),
        read_as=_with_order(read_as, order_of(rows)),
        rows=[entry.stored() for entry in planned],
    )


def _with_order(read_as: str, day_order: str) -> str:
    return f"{read_as}; {ORDERS[day_order]}" if day_order else read_as


@transaction.atomic
def read_days(*, by: User, import_id: int, day_order: str) -> MemberImport:
    """Says for a checked list what comes first in its days like 7/1/2026, and plans its rows anew.

    Raises:
        NotVisible: no curator, or no such list. InvalidFields: no such order. WrongState: no row of
            it asks.
    """
    require_staff(by, Verb.CREATE, Resource.MEMBERSHIP)
    if day_order not in ORDERS:
        raise InvalidFields({"day_order": ["Choose what comes first: the day or the month."]})
    checked = MemberImport.objects.select_for_update(of=("self",)).filter(pk=import_id).first()
    if checked is None:
        raise NotVisible
    if not any(row["action"] == ASKED for row in checked.rows):
        raise WrongState("The days of this list are clear.")
    # Rows that cannot be taken for another reason stay as they are: their file is corrected.
    rows = [
        SheetRow(row["row"], row["values"], row["problems"] if row["action"] == ERROR else [])
        for row in checked.rows
    ]
    checked.rows = [entry.stored() for entry in plan_members(rows, day_order)]
    checked.read_as = _with_order(checked.read_as, day_order)
    checked.save(update_fields=["rows", "read_as"])
    return checked


def counts_of(checked: MemberImport) -> dict[str, int]:
    """How many rows do what."""
    return dict(Counter(row["action"] for row in checked.rows))


@transaction.atomic
def apply_members(*, by: User, import_id: int) -> MemberImport:
    """Does what the checked list said, all of it in one step; cities that nobody has registered are
    registered with it.

    Raises:
        NotVisible: no curator, or no such list. WrongState: it was applied before.
        InvalidFields: a row has an error; the file must be corrected first.
        Conflict: memberships or communities have changed, so that the list would do something else
            than was shown (``changed_since``).
    """
    require_staff(by, Verb.CREATE, Resource.MEMBERSHIP)
    checked = MemberImport.objects.select_for_update(of=("self",)).filter(pk=import_id).first()
    if checked is None:
        raise NotVisible
    if checked.applied_at is not None:
        raise WrongState("This list was applied already.")
    if any(row["action"] in (ASKED, ERROR) for row in checked.rows):
        raise InvalidFields(
            {
                "rows": [
                    "Some rows have errors. Correct them in the file and check it again; "
                    "nothing was changed."
                ]
            }
        )
    ids = {row["community_id"] for row in checked.rows} - {None}
    # Others who begin or change one of these memberships wait: what is compared here is what is
    # written over.
    list(
        Community.objects.select_for_update()
        .filter(pk__in=ids)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    list(
        Membership.objects.select_for_update()
        .filter(community__in=ids)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    planned = plan_members([SheetRow(row["row"], row["values"]) for row in checked.rows])
    if [entry.stored() for entry in planned] != checked.rows:
        raise Conflict(
            "Something has changed since the list was checked. Check it again; nothing was "
            "changed.",
            code="changed_since",
        )
    try:
        with transaction.atomic():
            _register([entry for entry in planned if entry.place_id is not None], by)
            _begin([entry for entry in planned if entry.action == NEW], by)
            _change([entry for entry in planned if entry.action == CHANGED], by)
    except AlreadyRegistered:  # between the comparison and now
        raise Conflict(
            "A city of the list was registered just now. Check it again; nothing was changed.",
            code="changed_since",
        ) from None
    except IntegrityError:
        raise Conflict(
            "The list would give a community two memberships at once. Look at its rows; "
            "nothing was changed."
        ) from None
    checked.applied_at = database_now()
    checked.save(update_fields=["applied_at"])
    record(Topic.MEMBERS_IMPORTED, subject=checked, by=by, **counts_of(checked))
    return checked


def _values(entry: PlannedRow, today: dt.date) -> dict[str, Any]:
    days = {
        name: dt.date.fromisoformat(text) if (text := entry.wanted[name]) else None for name in DAYS
    }
    return {
        **days,
        "dues_class": entry.wanted["dues_class"],
        "standing": standing_on(today, days["paid_through"]),
    }


def _register(entries: Sequence[PlannedRow], by: User) -> None:
    """Cities that nobody has registered; one with several memberships in the list is registered
    once.
    """
    made: dict[int | None, int] = {}
    for entry in entries:
        if entry.place_id is not None and entry.place_id not in made:
            made[entry.place_id] = register_member_city(by=by, place_id=entry.place_id).pk
        entry.community_id = made[entry.place_id]


def _begin(entries: Sequence[PlannedRow], by: User) -> None:
    today = database_now().date()
    made = Membership.objects.bulk_create(
        [
            Membership(**_values(entry, today) | {"community_id": entry.community_id})
            for entry in entries
        ],
        batch_size=1000,
    )
    record_many(Topic.MEMBERSHIP_BEGUN, [(row, row.community_id, {}) for row in made], by=by)


def _change(entries: Sequence[PlannedRow], by: User) -> None:
    today = database_now().date()
    rows = Membership.objects.in_bulk([entry.membership_id for entry in entries])
    changed = []
    for entry in entries:
        row = rows[entry.membership_id]
        for name, value in _values(entry, today).items():
            setattr(row, name, value)
        changed.append((row, row.community_id, {"fields": sorted(entry.changes)}))
    Membership.objects.bulk_update(
        rows.values(), [*DAYS, "dues_class", "standing"], batch_size=1000
    )
    record_many(Topic.MEMBERSHIP_CHANGED, changed, by=by)
