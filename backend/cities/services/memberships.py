"""Membership of the network: begun, changed, renewed and ended by staff; lapsed, and announced
before, by the calendar.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.membership_rules import dues_class_for, population_of, standing_on, term_errors
from backend.cities.models import Community, Membership
from backend.cities.permissions import require_staff
from backend.common.clock import database_now
from backend.common.errors import Conflict, InvalidFields, NotVisible, WrongState
from backend.outbox.services import record
from backend.outbox.topics import Topic

_S = Membership.Standing


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
    *, by: User, community_id: int, started_on: dt.date, paid_through: dt.date | None = None, dues_class: str = "",
) -> Membership:  # fmt: skip
    """Makes a community a member.

    Args:
        dues_class: empty: by the population that the gazetteer knows.

    Raises:
        NotVisible: no curator. InvalidFields: no such community, or days that cannot be.
        Conflict: it is a member already (code ``member_already``).
    """
    require_staff(by, "C", Thing.MEMBERSHIP)
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
    require_staff(by, "U", Thing.MEMBERSHIP)
    membership = _locked(membership_id)
    today = database_now().date()
    errors = term_errors(started_on, paid_through, ended_on, dues_class, today)
    if errors:
        raise InvalidFields(errors)
    wanted = {
        "started_on": started_on, "paid_through": paid_through, "dues_class": dues_class, "ended_on": ended_on,
        "standing": standing_on(today, paid_through),
    }  # fmt: skip
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
    require_staff(by, "U", Thing.MEMBERSHIP)
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
    return membership


@transaction.atomic
def end_membership(*, by: User, membership_id: int, ended_on: dt.date) -> Membership:
    """The community leaves the network. Its partnerships are not invalid, only no longer listed.

    Raises:
        NotVisible: no curator, or no such membership. WrongState: it has ended already.
            InvalidFields: a day before it began, or to come.
    """
    require_staff(by, "U", Thing.MEMBERSHIP)
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
    """Communities whose dues end within MEMBERSHIP["reminder_days"] are told, once a term; returns
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
