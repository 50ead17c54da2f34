"""Decisions about a partnership: each side's own, with the council's decision behind it where one
is needed.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.permissions import require_in, require_staff
from backend.common.clock import database_now
from backend.common.dates import years_after
from backend.common.errors import Conflict, InvalidFields, NotVisible, WrongState
from backend.common.transitions import change_state
from backend.introductions.models import Partnership, Renewal, StatusChange
from backend.introductions.states import PARTNERSHIP_TRANSITIONS
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.models import Pair
from backend.suggestions.services import cooling_end

_P = Partnership.Status
LONGEST_REFERENCE = 200
LONGEST_REASON = 2000
YEARS_TO_REVIEW = 20  # at most, between one review and the next


@dataclass(frozen=True, slots=True)
class Decision:
    """``new``: where it leads. ``by_council``: the reference of a council's decision must be given."""

    new: Partnership.Status
    by_council: bool


DECISIONS: dict[str, Decision] = {
    "suspend": Decision(_P.SUSPENDED, by_council=True),
    "resume": Decision(_P.ACTIVE, by_council=False),
    "revitalise": Decision(_P.REVITALISING, by_council=False),
    "end": Decision(_P.ENDED, by_council=True),
    "emeritus": Decision(_P.EMERITUS, by_council=False),
}


def lock_partnership(partnership_id: int) -> Partnership:
    """The partnership with its row locked until the transaction ends. Raises NotVisible."""
    found = (
        Partnership.objects.select_for_update(of=("self",))
        .select_related("pair")
        .filter(pk=partnership_id)
        .first()
    )
    if found is None:
        raise NotVisible
    return found


def lock_as_side(
    partnership_id: int, community_id: int, by: User, verb: str, thing: Thing
) -> Partnership:
    """The same for an act of one side. Raises NotVisible: not theirs to do, or no side of it."""
    require_in(by, community_id, verb, thing)
    partnership = lock_partnership(partnership_id)
    if community_id not in (partnership.pair.a_id, partnership.pair.b_id):
        raise NotVisible
    return partnership


@transaction.atomic
def turn(
    partnership: Partnership, new: Partnership.Status, *, by: User | None, community_id: int | None = None, decided_on: dt.date,
    reference: str = "", reason: str = "", **values: object,
) -> StatusChange:  # fmt: skip
    """One step of a partnership's life, with its row of history and its event. The caller holds the
    row's lock.

    Raises:
        WrongState: the table does not allow it. Conflict: the two have begun another partnership
            meanwhile.
    """
    try:
        with transaction.atomic():
            old = change_state(partnership, "status", new, PARTNERSHIP_TRANSITIONS, **values)
    except IntegrityError:
        raise Conflict(
            _("These two have begun another partnership meanwhile."), code="partners_already"
        ) from None
    change = StatusChange.objects.create(
        partnership=partnership,
        old=old,
        new=new,
        community_id=community_id,
        decided_on=decided_on,
        reference=reference,
        reason=reason,
        by=by,
    )
    record(
        Topic.PARTNERSHIP_STATUS_CHANGED,
        subject=partnership,
        by=by,
        community_id=community_id,
        old=old,
        new=new.value,
    )
    return change


@transaction.atomic
def decide(
    *,
    by: User,
    partnership_id: int,
    community_id: int | None,
    act: str,
    decided_on: dt.date,
    reference: str = "",
    reason: str = "",
) -> Partnership:
    """One side's decision: suspend, resume, revitalise, end or emeritus. One side's council is
    enough to end or to suspend.

    Args:
        community_id: the side; None for staff, who may do one thing only: honour a dormant
            partnership where nobody answers any more.
        reference: of the council's decision, as its minutes have it.

    Raises:
        NotVisible: not theirs to decide. InvalidFields. WrongState: not from where it is now, or it
            is the other side that suspended.
        Conflict: the two have begun another partnership meanwhile.
    """
    decision = DECISIONS.get(act)
    if community_id is None:
        require_staff(by, "X", Thing.PARTNERSHIP)
        if act != "emeritus":
            raise NotVisible  # staff never decide for a side
        partnership = lock_partnership(partnership_id)
    else:
        partnership = lock_as_side(
            partnership_id, community_id, by, "X", Thing.PARTNERSHIP_DECISION
        )
    if decision is None:
        raise InvalidFields({"act": [_("Choose one of the decisions.")]})
    today = database_now().date()
    _check(partnership, decision, decided_on, reference, reason, today)
    if act == "resume":
        _require_own_suspension(partnership, community_id)
    values: dict[str, object] = {}
    if decision.new == _P.ENDED:
        values["ended_on"] = decided_on
        rest = cooling_end(database_now())
        Pair.objects.filter(pk=partnership.pair_id, bar=Pair.Bar.PARTNERS).update(
            bar="", closed_until=rest
        )
    if decision.new in (_P.REVITALISING, _P.ACTIVE):
        values["awake_since"] = today
    turn(
        partnership, decision.new, by=by, community_id=community_id, decided_on=decided_on,
        reference=reference.strip(), reason=reason.strip(), **values,
    )  # fmt: skip
    return partnership


def _check(
    partnership: Partnership,
    decision: Decision,
    decided_on: dt.date,
    reference: str,
    reason: str,
    today: dt.date,
) -> None:
    errors = {}
    if decided_on > today:
        errors["decided_on"] = [
            _("A decision cannot lie in the future. Record it when it is taken.")
        ]
    elif decided_on < partnership.since:
        errors["decided_on"] = [_("The partnership had not begun then.")]
    if decision.by_council and not reference.strip():
        errors["reference"] = [
            _("Name the council's decision, for example its number in the minutes.")
        ]
    elif len(reference) > LONGEST_REFERENCE or "\x00" in reference:
        errors["reference"] = [_("Write at most 200 characters.")]
    if len(reason) > LONGEST_REASON or "\x00" in reason:
        errors["reason"] = [_("Write at most 2,000 characters.")]
    if errors:
        raise InvalidFields(errors)


def _require_own_suspension(partnership: Partnership, community_id: int | None) -> None:
    last = partnership.changes.filter(new=_P.SUSPENDED).order_by("-id").first()
    if (
        partnership.status == _P.SUSPENDED
        and last is not None
        and last.community_id != community_id
    ):
        raise WrongState(
            _("The other side has suspended the partnership; it lifts the suspension.")
        )


@transaction.atomic
def renew(
    *,
    by: User,
    partnership_id: int,
    community_id: int,
    next_review_on: dt.date,
    decided_on: dt.date,
    reference: str = "",
) -> Partnership:
    """One side wants to go on. When both have said so for the same review, the partnership is
    renewed until the earlier of their dates.

    Raises:
        NotVisible: not theirs to decide. InvalidFields. WrongState: no review is due, or the side
            has answered it already.
    """
    partnership = lock_as_side(partnership_id, community_id, by, "X", Thing.PARTNERSHIP_DECISION)
    if partnership.status != _P.REVIEW_DUE or partnership.review_on is None:
        raise WrongState(_("No review is due now."))
    today = database_now().date()
    errors = {}
    if not today < next_review_on <= years_after(today, YEARS_TO_REVIEW):
        errors["next_review_on"] = [_("Choose a day in the next 20 years.")]
    if not partnership.since <= decided_on <= today:
        errors["decided_on"] = [
            _("Choose a day between the beginning of the partnership and today.")
        ]
    if len(reference) > LONGEST_REFERENCE or "\x00" in reference:
        errors["reference"] = [_("Write at most 200 characters.")]
    if errors:
        raise InvalidFields(errors)
    answered = partnership.renewals.filter(review=partnership.review_on)
    if answered.filter(community_id=community_id).exists():
        raise WrongState(_("Your side has said already that it wants to go on."))
    Renewal.objects.create(
        partnership=partnership, community_id=community_id, review=partnership.review_on, next_review_on=next_review_on,
        decided_on=decided_on, reference=reference.strip(), by=by,
    )  # fmt: skip
    dates = list(answered.values_list("next_review_on", flat=True))
    complete = len(dates) == 2
    record(
        Topic.PARTNERSHIP_RENEWAL_GIVEN,
        subject=partnership,
        by=by,
        community_id=community_id,
        complete=complete,
    )
    if complete:
        turn(
            partnership,
            _P.RENEWED,
            by=by,
            decided_on=decided_on,
            reference=reference.strip(),
            review_on=min(dates),
        )
    return partnership
