"""Opening introductions and moving them over the board."""

from __future__ import annotations

import datetime as dt

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.permissions import require_in, require_staff
from backend.common.clock import database_now
from backend.common.errors import Conflict, InvalidFields, NotVisible, WrongState
from backend.common.transitions import change_state
from backend.introductions.models import Introduction
from backend.introductions.services.locking import lock_introduction
from backend.introductions.services.meetings import cancel_meetings_to_come
from backend.introductions.states import INTRODUCTION_TRANSITIONS
from backend.outbox.models import Event
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.curation.bars import barred_among
from backend.suggestions.models import Pair, Suggestion
from backend.suggestions.services import cooling_end, lock_suggestion
from backend.suggestions.states import SUGGESTION_TRANSITIONS

_I = Introduction.Stage
DAYS_TO_INTRODUCE = 7


@transaction.atomic
def open_card_for_mutual(suggestion_id: int) -> Introduction | None:
    """The card that mutual interest puts before staff. Opened once, however often it is called;
    None if the interest is gone.
    """
    suggestion = lock_suggestion(suggestion_id)
    existing = (
        Introduction.objects.filter(pair_id=suggestion.pair_id).exclude(stage=_I.CLOSED).first()
    )
    if existing or suggestion.status not in (
        Suggestion.Status.MUTUAL,
        Suggestion.Status.INTRODUCED,
    ):
        return existing
    due = database_now().date() + dt.timedelta(days=DAYS_TO_INTRODUCE)
    introduction = Introduction.objects.create(
        pair_id=suggestion.pair_id, suggestion=suggestion, due_on=due
    )
    record(Topic.INTRODUCTION_OPENED, subject=introduction, by=None)
    return introduction


@transaction.atomic
def open_introduction(*, by: User, pair_id: int, because: str) -> Introduction:
    """Staff open an introduction by hand, with a recorded reason.

    Raises:
        NotVisible: no curator, or no such pair. InvalidFields: no reason. WrongState: barred.
            Conflict: the pair has an open one.
    """
    require_staff(by, "C", Thing.INTRODUCTION)
    if not because.strip() or len(because) > 2000:
        raise InvalidFields(
            {"because": ["Record in 1 to 2,000 characters why these two should meet."]}
        )
    pair = Pair.objects.select_for_update().filter(pk=pair_id).first()
    if pair is None:
        raise NotVisible
    _require_no_bar(pair_id)
    try:
        with transaction.atomic():
            introduction = Introduction.objects.create(
                pair=pair, opened_by=by, opened_because=because.strip(), owner=by
            )
    except IntegrityError:
        raise Conflict(
            "These two already have an open introduction.", code="introduction_open"
        ) from None
    Pair.objects.filter(pk=pair_id, bar="").update(bar=Pair.Bar.INTRODUCED)
    record(Topic.INTRODUCTION_OPENED, subject=introduction, by=by)
    return introduction


def _require_no_bar(pair_id: int) -> None:
    """Raises WrongState (code ``barred``) for a pair that staff have barred."""
    pair = Pair.objects.select_related("a__place", "b__place").get(pk=pair_id)
    bar = barred_among([pair], database_now().date()).get(pair_id)
    if bar is not None:
        raise WrongState(
            f"These two are barred: {bar.because} Lift the bar first, or close the introduction.",
            code="barred",
        )


@transaction.atomic
def move(
    *, by: User, introduction_id: int, stage: str, close_reason: str = "", expected_stage: str = ""
) -> Introduction:
    """Moves a card to another column. "introduced" tells both sides; "closed" needs a reason;
    "agreement" comes from a recorded agreement.

    Args:
        expected_stage: the column in which the curator saw the card; empty: wherever it is.

    Raises:
        NotVisible: no curator. InvalidFields: an unknown column or reason. WrongState: not from
            where it is now, or barred.
        Conflict: another curator has moved it since (code ``card_moved``).
    """
    require_staff(by, "X", Thing.INTRODUCTION)
    _check_move(stage, close_reason)
    introduction = lock_introduction(introduction_id)
    if expected_stage and introduction.stage != expected_stage:
        raise Conflict(_moved_words(introduction), code="card_moved")
    if introduction.stage == _I.TO_INTRODUCE and stage != _I.CLOSED:
        _require_no_bar(introduction.pair_id)
    _move(introduction, by, stage, close_reason)
    return introduction


def _check_move(stage: str, close_reason: str) -> None:
    errors = {}
    if stage not in _I.values:
        errors["stage"] = ["Choose one of the columns."]
    if stage == _I.CLOSED and close_reason not in Introduction.CloseReason.values:
        errors["close_reason"] = ["Choose why it is closed."]
    if stage != _I.CLOSED and close_reason:
        errors["close_reason"] = ["Only a closed introduction has a reason."]
    if errors:
        raise InvalidFields(errors)
    if stage == _I.AGREEMENT:
        raise WrongState("Record the agreement; the card moves by itself.")


def _moved_words(introduction: Introduction) -> str:
    last = (
        Event.objects.filter(topic=Topic.INTRODUCTION_MOVED, subject_id=introduction.pk)
        .select_related("by")
        .order_by("-id")
        .first()
    )
    who = str(last.by) if last and last.by else "The service"
    where = _I(introduction.stage).label
    return f"{who} has moved this card to “{where}” in the meantime. It was not moved again; see whether it still should be."


def _move(
    introduction: Introduction, by: User, stage: str, close_reason: str, side_id: int | None = None
) -> None:
    """The move of a locked card, and what follows for suggestion, pair and meetings."""
    now = database_now()
    old = change_state(
        introduction,
        "stage",
        stage,
        INTRODUCTION_TRANSITIONS,
        close_reason=close_reason,
        stage_since=now,
    )
    suggestion = introduction.suggestion
    if stage == _I.CLOSED:
        Pair.objects.filter(pk=introduction.pair_id, bar=Pair.Bar.INTRODUCED).update(
            bar="", closed_until=cooling_end(now)
        )
        cancel_meetings_to_come(introduction, by)
    if (
        suggestion
        and stage == _I.CLOSED
        and suggestion.status in (Suggestion.Status.MUTUAL, Suggestion.Status.INTRODUCED)
    ):
        change_state(
            suggestion, "status", Suggestion.Status.WITHDRAWN, SUGGESTION_TRANSITIONS, closed_at=now
        )
        Pair.objects.filter(pk=introduction.pair_id).update(closed_until=cooling_end(now))
    elif suggestion and stage != _I.TO_INTRODUCE and suggestion.status == Suggestion.Status.MUTUAL:
        change_state(suggestion, "status", Suggestion.Status.INTRODUCED, SUGGESTION_TRANSITIONS)
    record(
        Topic.INTRODUCTION_MOVED,
        subject=introduction,
        by=by,
        community_id=side_id,
        old=old,
        new=stage,
    )


@transaction.atomic
def leave_introduction(*, by: User, introduction_id: int, side_id: int) -> Introduction:
    """One side closes its introduction: contacts are hidden again, meetings to come are cancelled,
    both pairs rest.

    Raises NotVisible (nobody who speaks for that side, or not introduced yet), WrongState (closed
    or agreed already).
    """
    require_in(by, side_id, "X", Thing.CONSENT)
    introduction = lock_introduction(introduction_id)
    if (
        side_id not in (introduction.pair.a_id, introduction.pair.b_id)
        or introduction.stage == _I.TO_INTRODUCE
    ):
        raise NotVisible
    if introduction.stage in (_I.AGREEMENT, _I.CLOSED):
        raise WrongState(_("This introduction is over; there is nothing to withdraw from."))
    _move(introduction, by, _I.CLOSED, Introduction.CloseReason.SIDE_WITHDREW, side_id)
    return introduction


@transaction.atomic
def assign(
    *, by: User, introduction_id: int, owner_id: int | None, due_on: dt.date | None
) -> Introduction:
    """Sets who looks after a card and until when. Raises NotVisible, InvalidFields (the owner must
    be a curator).
    """
    require_staff(by, "U", Thing.INTRODUCTION)
    if (
        owner_id is not None
        and not User.objects.filter(
            pk=owner_id, staff_role=User.StaffRole.CURATOR, is_active=True
        ).exists()
    ):
        raise InvalidFields({"owner": ["Choose one of the curators."]})
    introduction = lock_introduction(introduction_id)
    introduction.owner_id = owner_id
    introduction.due_on = due_on
    introduction.save(update_fields=["owner", "due_on"])
    record(
        Topic.INTRODUCTION_ASSIGNED,
        subject=introduction,
        by=by,
        owner=owner_id,
        due=due_on.isoformat() if due_on else None,
    )
    return introduction
