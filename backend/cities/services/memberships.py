"""Memberships of the network: begun, changed, renewed and ended by staff, one by one or by a list;
lapsed, and announced before, by the calendar.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.memberships import (
    dues_amounts,
    dues_class_for,
    population_of,
    standing_on,
    term_errors,
)
from backend.cities.models import Community, DuesAmount, Membership, MembershipRequest
from backend.cities.permissions import require_staff
from backend.cities.states import MEMBERSHIP_REQUEST_TRANSITIONS
from backend.common.dates import database_now
from backend.common.errors import Conflict, InvalidFields, NotVisible, WrongState
from backend.common.transitions import change_state
from backend.outbox.services import record
from backend.outbox.topics import Topic

_S = Membership.Standing
_R = MembershipRequest.Status
OPEN_REQUEST = (_R.WAITING, _R.ASKED, _R.ACCEPTED)
HIGHEST_DUES = 1_000_000  # dollars: more is a typing error


def _locked(membership_id: int) -> Membership:
    found = (
        Membership.objects.select_for_update(of=("self",))
        .select_related("community")
        .filter(pk=membership_id)
        .first()
    )
    if found is None:
        raise NotVisible
    return found


@transaction.atomic
def begin_membership(
    *,
    by: User,
    community_id: int,
    started_on: dt.date,
    paid_through: dt.date | None = None,
    dues_class: str = "",
) -> Membership:
    """Makes a community a member.

    Args:
        dues_class: empty: by the population that the gazetteer knows.

    Raises:
        NotVisible: no curator. InvalidFields: no such community, or days that cannot be.
        Conflict: it is a member already (code ``member_already``).
    """
    require_staff(by, Verb.CREATE, Resource.MEMBERSHIP)
    community = Community.objects.select_related("place").filter(pk=community_id).first()
    if community is None:
        raise InvalidFields({"community_id": ["No community is registered under this number."]})
    population = population_of(community)
    if not dues_class and population is None:
        raise InvalidFields({"dues_class": ["The population is not known: choose the class."]})
    dues_class = dues_class or dues_class_for(population or 0)
    today = database_now().date()
    errors = term_errors(started_on, paid_through, None, dues_class, today)
    if errors:
        raise InvalidFields(errors)
    values: dict[str, Any] = {
        "started_on": started_on,
        "paid_through": paid_through,
        "dues_class": dues_class,
    }
    try:
        with transaction.atomic():
            made = Membership.objects.create(
                community=community, standing=standing_on(today, paid_through), **values
            )
    except IntegrityError:
        raise Conflict(
            "This community is a member already. Renew or end that membership.",
            code="member_already",
        ) from None
    record(Topic.MEMBERSHIP_BEGUN, subject=made, by=by, community_id=community_id)
    _settle_requests(MembershipRequest.Kind.NEW, community_id, by)
    return made


@transaction.atomic
def change_membership(
    *,
    by: User,
    membership_id: int,
    started_on: dt.date,
    paid_through: dt.date | None,
    dues_class: str,
    ended_on: dt.date | None = None,
) -> Membership:
    """Corrects what is recorded of a membership. Standing follows from the days.

    Raises:
        NotVisible: no curator, or no such membership. InvalidFields. Conflict: there is a later one
            (taking the end away would make two).
    """
    require_staff(by, Verb.UPDATE, Resource.MEMBERSHIP)
    membership = _locked(membership_id)
    today = database_now().date()
    errors = term_errors(started_on, paid_through, ended_on, dues_class, today)
    if errors:
        raise InvalidFields(errors)
    wanted = {
        "started_on": started_on,
        "paid_through": paid_through,
        "dues_class": dues_class,
        "ended_on": ended_on,
        "standing": standing_on(today, paid_through),
    }
    changed = sorted(name for name, value in wanted.items() if getattr(membership, name) != value)
    if not changed:
        return membership
    try:
        with transaction.atomic():
            Membership.objects.filter(pk=membership.pk).update(**wanted)
    except IntegrityError:
        raise Conflict(
            "This community has another membership that runs. End that one first.",
            code="member_already",
        ) from None
    record(
        Topic.MEMBERSHIP_CHANGED,
        subject=membership,
        by=by,
        community_id=membership.community_id,
        fields=changed,
    )
    membership.refresh_from_db()
    return membership


@transaction.atomic
def renew_membership(*, by: User, membership_id: int, paid_through: dt.date) -> Membership:
    """Dues came: the membership is in good standing to that day.

    Raises:
        NotVisible: no curator, or no such membership. WrongState: it has ended; a new one begins.
        InvalidFields: the day has passed, lies before the one that is paid already, or more than
        three years away.
    """
    require_staff(by, Verb.UPDATE, Resource.MEMBERSHIP)
    membership = _locked(membership_id)
    if membership.ended_on is not None:
        raise WrongState("This membership has ended. Add a new one.")
    today = database_now().date()
    errors = term_errors(membership.started_on, paid_through, None, membership.dues_class, today)
    if paid_through < today or (
        membership.paid_through is not None and paid_through <= membership.paid_through
    ):
        errors["paid_through"] = [
            "Give a day after the one that is paid already, and not before today."
        ]
    if errors:
        raise InvalidFields(errors)
    membership.paid_through, membership.standing = paid_through, _S.GOOD.value
    membership.save(update_fields=["paid_through", "standing"])
    record(
        Topic.MEMBERSHIP_RENEWED,
        subject=membership,
        by=by,
        community_id=membership.community_id,
        paid_through=paid_through.isoformat(),
    )
    _settle_requests(MembershipRequest.Kind.RENEWAL, membership.community_id, by)
    return membership


def _settle_requests(kind: str, community_id: int, by: User) -> None:
    """What the community has asked for has come: an open request of the kind is paid."""
    for row in MembershipRequest.objects.filter(
        kind=kind, community=community_id, status__in=OPEN_REQUEST
    ):
        old = change_state(
            row,
            "status",
            _R.PAID,
            MEMBERSHIP_REQUEST_TRANSITIONS,
            changed_at=database_now(),
            settled_at=database_now(),
        )
        record(
            Topic.MEMBERSHIP_REQUEST_CHANGED,
            subject=row,
            by=by,
            community_id=community_id,
            old=old,
            new=_R.PAID.value,
        )


@transaction.atomic
def end_membership(*, by: User, membership_id: int, ended_on: dt.date) -> Membership:
    """The community leaves the network. Its partnerships are not invalid, only no longer listed.

    Raises:
        NotVisible: no curator, or no such membership. WrongState: it has ended already.
            InvalidFields: a day before it began, or to come.
    """
    require_staff(by, Verb.UPDATE, Resource.MEMBERSHIP)
    membership = _locked(membership_id)
    if membership.ended_on is not None:
        raise WrongState("This membership has ended already.")
    errors = term_errors(
        membership.started_on, None, ended_on, membership.dues_class, database_now().date()
    )
    if errors:
        raise InvalidFields(errors)
    membership.ended_on = ended_on
    membership.save(update_fields=["ended_on"])
    record(
        Topic.MEMBERSHIP_ENDED,
        subject=membership,
        by=by,
        community_id=membership.community_id,
        ended_on=ended_on.isoformat(),
    )
    return membership


@transaction.atomic
def set_dues(*, by: User, amounts: Mapping[tuple[str, bool], int | None]) -> None:
    """What members pay for a year, by class and kind (True: of U.S. members), in whole dollars; an
    amount of None is taken away, and what is not named stays.

    Raises:
        NotVisible: no curator. InvalidFields: no such class, or no amount that can be.
    """
    require_staff(by, Verb.UPDATE, Resource.MEMBERSHIP)
    known = {(code, is_home) for code in Membership.DuesClass.values for is_home in (True, False)}
    wrong = {
        f"{'us' if is_home else 'global'}_{code}": ["Give whole dollars, from 0 to 1,000,000."]
        for (code, is_home), dollars in amounts.items()
        if (code, is_home) not in known
        or (dollars is not None and not 0 <= dollars <= HIGHEST_DUES)
    }
    if wrong:
        raise InvalidFields(wrong)
    before, changed, now = dues_amounts(), [], database_now()
    for (code, is_home), dollars in amounts.items():
        if before.get((code, is_home)) == dollars:
            continue
        changed.append(f"{'us' if is_home else 'global'}_{code}")
        if dollars is None:
            DuesAmount.objects.filter(dues_class=code, is_home=is_home).delete()
        else:
            DuesAmount.objects.update_or_create(
                dues_class=code,
                is_home=is_home,
                defaults={"dollars": dollars, "set_by": by, "set_at": now},
            )
    if changed:
        record(Topic.DUES_SET, subject=(DuesAmount, 0), by=by, changed=sorted(changed))


def _record_each(topic: Topic, memberships: list[Membership]) -> int:
    for row in memberships:
        day = row.paid_through.isoformat() if row.paid_through else ""
        record(topic, subject=row, by=None, community_id=row.community_id, paid_through=day)
    return len(memberships)


@transaction.atomic
def lapse_memberships() -> int:
    """Memberships whose dues cover today no more lapse, by the database's clock; returns how many.
    A second run finds none.
    """
    today = database_now().date()
    over = list(
        Membership.objects.select_for_update(skip_locked=True).filter(
            standing=_S.GOOD, ended_on__isnull=True, paid_through__lt=today
        )
    )
    Membership.objects.filter(pk__in=[row.pk for row in over]).update(standing=_S.LAPSED)
    return _record_each(Topic.MEMBERSHIP_LAPSED, over)


@transaction.atomic
def announce_ending_memberships() -> int:
    """Notifies communities whose dues end within MEMBERSHIP["reminder_days"], once a term; returns
    how many.
    """
    today = database_now().date()
    last = today + dt.timedelta(days=settings.MEMBERSHIP["reminder_days"])
    due = Membership.objects.select_for_update(skip_locked=True).filter(
        standing=_S.GOOD, ended_on__isnull=True, paid_through__gte=today, paid_through__lte=last
    )
    ending = [row for row in due if row.reminded_for != row.paid_through]
    for row in ending:
        row.reminded_for = row.paid_through
    Membership.objects.bulk_update(ending, ["reminded_for"], batch_size=500)
    return _record_each(Topic.MEMBERSHIP_ENDING, ending)
