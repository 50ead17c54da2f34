"""The life of a partnership: decisions, renewal, and changes by time alone.

Each side decides for itself, with the decision of its council where one is needed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.permissions import require_staff
from backend.common.bounds import longest
from backend.common.dates import database_now, months_before, years_after
from backend.common.errors import Conflict, InvalidFields, NotVisible, WrongState
from backend.common.transitions import change_state
from backend.common.typed_text import is_line
from backend.introductions.models import Partnership, Renewal, StatusChange
from backend.introductions.queries.partnerships import DORMANT_MONTHS, with_health
from backend.introductions.services.locks import lock_partnership, lock_partnership_as_side
from backend.introductions.states import PARTNERSHIP_TRANSITIONS
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.models import Pair
from backend.suggestions.sides import pair_day, require_one_side, rest_from

_P = Partnership.Status
YEARS_TO_REVIEW = 20  # at most, between one review and the next


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """``new``: where it leads. ``by_council``: the reference of a council's decision must be
    given.
    """

    new: Partnership.Status
    by_council: bool


DECISIONS: dict[str, DecisionRule] = {
    "suspend": DecisionRule(_P.SUSPENDED, by_council=True),
    "resume": DecisionRule(_P.ACTIVE, by_council=False),
    "revitalise": DecisionRule(_P.REVITALISING, by_council=False),
    "end": DecisionRule(_P.ENDED, by_council=True),
    "emeritus": DecisionRule(_P.EMERITUS, by_council=False),
}


@transaction.atomic
def change_status(
    partnership: Partnership,
    new: Partnership.Status,
    *,
    by: User | None,
    community_id: int | None = None,
    decided_on: dt.date,
    reference: str = "",
    reason: str = "",
    **values: object,
) -> StatusChange:
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
def decide_partnership(
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
        require_staff(by, Verb.ACT, Resource.PARTNERSHIP)
        if act != "emeritus":
            raise NotVisible  # staff never decide for a side
        partnership = lock_partnership(partnership_id)
    else:
        partnership = lock_partnership_as_side(
            partnership_id, community_id, by, Verb.ACT, Resource.PARTNERSHIP_DECISION
        )
    if decision is None:
        raise InvalidFields({"act": [_("Choose one of the decisions.")]})
    today = pair_day(partnership.pair)
    _check_decision(partnership, decision, decided_on, reference, reason, today)
    if act == "resume":
        _require_own_suspension(partnership, community_id)
    values: dict[str, object] = {}
    if decision.new == _P.ENDED:
        values["ended_on"] = decided_on
        rest = rest_from(database_now())
        Pair.objects.filter(pk=partnership.pair_id, block_reason=Pair.BlockReason.PARTNERS).update(
            block_reason="", closed_until=rest
        )
    if decision.new in (_P.REVITALISING, _P.ACTIVE):
        values["awake_since"] = today
    change_status(
        partnership,
        decision.new,
        by=by,
        community_id=community_id,
        decided_on=decided_on,
        reference=reference.strip(),
        reason=reason.strip(),
        **values,
    )
    return partnership


def _check_decision(
    partnership: Partnership,
    decision: DecisionRule,
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
    elif len(reference) > longest(StatusChange, "reference") or not is_line(reference):
        errors["reference"] = [_("Write at most 200 characters.")]
    if len(reason) > longest(StatusChange, "reason") or "\x00" in reason:
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
def renew_partnership(
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
            has answered it already. ActsForOtherSide: they have said so for the other side.
    """
    partnership = lock_partnership_as_side(
        partnership_id, community_id, by, Verb.ACT, Resource.PARTNERSHIP_DECISION
    )
    if partnership.status != _P.REVIEW_DUE or partnership.review_on is None:
        raise WrongState(_("No review is due now."))
    today = pair_day(partnership.pair)
    errors = {}
    if not today < next_review_on <= years_after(today, YEARS_TO_REVIEW):
        errors["next_review_on"] = [_("Choose a day in the next 20 years.")]
    if not partnership.since <= decided_on <= today:
        errors["decided_on"] = [
            _("Choose a day between the beginning of the partnership and today.")
        ]
    if len(reference) > longest(StatusChange, "reference") or not is_line(reference):
        errors["reference"] = [_("Write at most 200 characters.")]
    if errors:
        raise InvalidFields(errors)
    answered = partnership.renewals.filter(review=partnership.review_on)
    if answered.filter(community_id=community_id).exists():
        raise WrongState(_("Your side has said already that it wants to go on."))
    require_one_side(by, partnership.pair, community_id, [answered.filter(by=by)])
    Renewal.objects.create(
        partnership=partnership,
        community_id=community_id,
        review=partnership.review_on,
        next_review_on=next_review_on,
        decided_on=decided_on,
        reference=reference.strip(),
        by=by,
    )
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
        change_status(
            partnership,
            _P.RENEWED,
            by=by,
            decided_on=decided_on,
            reference=reference.strip(),
            review_on=min(dates),
        )
    return partnership


# Changes by time, each night. Each step is conditional: a second run in the same night changes
# nothing.


_GOES_DORMANT = (_P.ACTIVE, _P.REVIEW_DUE, _P.RENEWED, _P.REVITALISING)
_IS_REVIEWED = (_P.ACTIVE, _P.RENEWED)
_REPORTS = (_P.ACTIVE, _P.REVIEW_DUE, _P.RENEWED, _P.REVITALISING)
REPORTS_FROM_MONTH = 2  # the report of a year is asked for from February of the next


def mark_reviews_due() -> int:
    """Partnerships whose review has come; both sides are notified. Returns how many."""
    today = database_now().date()
    return _each(
        lambda: Partnership.objects.filter(status__in=_IS_REVIEWED, review_on__lte=today),
        _P.REVIEW_DUE,
        today,
    )


def mark_dormant() -> int:
    """Partnerships without a recorded activity for 18 months; both sides are notified, once a
    dormancy. Returns how many.
    """
    today = database_now().date()
    before = months_before(today, DORMANT_MONTHS)
    return _each(
        lambda: with_health(Partnership.objects.filter(status__in=_GOES_DORMANT), today).filter(
            awake_on__lt=before
        ),
        _P.DORMANT,
        today,
    )


def _each(due: Callable[[], QuerySet[Partnership]], new: Partnership.Status, today: dt.date) -> int:
    """Changes each of ``due`` in a commit of its own, checked again under its lock: later changes
    are not undone.
    """
    turned = 0
    for partnership_id in list(due().order_by("id").values_list("pk", flat=True)):
        with transaction.atomic():
            try:
                partnership = lock_partnership(partnership_id)
            except NotVisible:
                continue
            if due().filter(pk=partnership_id).exists():
                change_status(partnership, new, by=None, decided_on=today)
                turned += 1
    return turned


def ask_for_reports() -> int:
    """Asks both sides for the report of last year, once a year and partnership. Returns of how many
    partnerships.
    """
    today = database_now().date()
    if today.month < REPORTS_FROM_MONTH:
        return 0
    year = today.year - 1
    not_asked = Q(report_asked_for__isnull=True) | Q(report_asked_for__lt=year)
    due = with_health(
        Partnership.objects.filter(not_asked, status__in=_REPORTS, since__year__lte=year), today
    ).filter(reports_written__lt=2)
    asked = 0
    for partnership_id in list(due.order_by("id").values_list("pk", flat=True)):
        with transaction.atomic():
            if Partnership.objects.filter(not_asked, pk=partnership_id, status__in=_REPORTS).update(
                report_asked_for=year
            ):
                record(
                    Topic.PARTNERSHIP_REPORT_DUE,
                    subject=(Partnership, partnership_id),
                    by=None,
                    year=year,
                )
                asked += 1
    return asked
