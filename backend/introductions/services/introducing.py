"""Opening introductions and moving them over the board."""

from __future__ import annotations

import datetime as dt

from django.db import IntegrityError, transaction

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.permissions import require_staff
from backend.common.clock import database_now
from backend.common.errors import Conflict, InvalidFields, NotVisible, WrongState
from backend.common.transitions import change_state
from backend.introductions.models import Introduction
from backend.introductions.states import INTRODUCTION_TRANSITIONS
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.models import Pair, Suggestion
from backend.suggestions.services import cooling_end, lock_suggestion
from backend.suggestions.states import SUGGESTION_TRANSITIONS

_I = Introduction.Stage
DAYS_TO_INTRODUCE = 7


def lock_introduction(introduction_id: int) -> Introduction:
    """The introduction with its row locked until the transaction ends. Raises NotVisible."""
    found = Introduction.objects.select_for_update(of=("self",)).select_related("pair", "suggestion").filter(pk=introduction_id).first()
    if found is None:
        raise NotVisible
    return found


@transaction.atomic
def open_card_for_mutual(suggestion_id: int) -> Introduction | None:
    """The card that mutual interest puts before staff. Opened once, however often it is called; None if the interest is gone."""
    suggestion = lock_suggestion(suggestion_id)
    existing = Introduction.objects.filter(pair_id=suggestion.pair_id).exclude(stage=_I.CLOSED).first()
    if existing or suggestion.status not in (Suggestion.Status.MUTUAL, Suggestion.Status.INTRODUCED):
        return existing
    due = database_now().date() + dt.timedelta(days=DAYS_TO_INTRODUCE)
    introduction = Introduction.objects.create(pair_id=suggestion.pair_id, suggestion=suggestion, due_on=due)
    record(Topic.INTRODUCTION_OPENED, subject=introduction, by=None)
    return introduction


@transaction.atomic
def open_introduction(*, by: User, pair_id: int, because: str) -> Introduction:
    """Staff open an introduction by hand, with a recorded reason.

    Raises:
        NotVisible: no curator, or no such pair. InvalidFields: no reason. Conflict: the pair has an open one.
    """
    require_staff(by, "C", Thing.INTRODUCTION)
    if not because.strip() or len(because) > 2000:
        raise InvalidFields({"because": ["Record in 1 to 2,000 characters why these two should meet."]})
    pair = Pair.objects.select_for_update().filter(pk=pair_id).first()
    if pair is None:
        raise NotVisible
    try:
        with transaction.atomic():
            introduction = Introduction.objects.create(pair=pair, opened_by=by, opened_because=because.strip(), owner=by)
    except IntegrityError:
        raise Conflict("These two already have an open introduction.", code="introduction_open") from None
    Pair.objects.filter(pk=pair_id, bar="").update(bar=Pair.Bar.INTRODUCED)
    record(Topic.INTRODUCTION_OPENED, subject=introduction, by=by)
    return introduction


@transaction.atomic
def move(*, by: User, introduction_id: int, stage: str, close_reason: str = "") -> Introduction:
    """Moves a card to another column. "introduced" tells both sides; "closed" needs a reason; "agreement" comes from a recorded agreement.

    Raises:
        NotVisible: no curator. InvalidFields: an unknown column or reason. WrongState: not from where it is now.
    """
    require_staff(by, "X", Thing.INTRODUCTION)
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
    introduction = lock_introduction(introduction_id)
    old = change_state(introduction, "stage", stage, INTRODUCTION_TRANSITIONS, close_reason=close_reason)
    suggestion = introduction.suggestion
    if stage == _I.CLOSED:
        Pair.objects.filter(pk=introduction.pair_id, bar=Pair.Bar.INTRODUCED).update(bar="", closed_until=cooling_end(database_now()))
    if suggestion and stage == _I.CLOSED and suggestion.status in (Suggestion.Status.MUTUAL, Suggestion.Status.INTRODUCED):
        now = database_now()
        change_state(suggestion, "status", Suggestion.Status.WITHDRAWN, SUGGESTION_TRANSITIONS, closed_at=now)
        Pair.objects.filter(pk=introduction.pair_id).update(closed_until=cooling_end(now))
    elif suggestion and stage != _I.TO_INTRODUCE and suggestion.status == Suggestion.Status.MUTUAL:
        change_state(suggestion, "status", Suggestion.Status.INTRODUCED, SUGGESTION_TRANSITIONS)
    record(Topic.INTRODUCTION_MOVED, subject=introduction, by=by, old=old, new=stage)
    return introduction


@transaction.atomic
def assign(*, by: User, introduction_id: int, owner_id: int | None, due_on: dt.date | None) -> Introduction:
    """Sets who looks after a card and until when. Raises NotVisible, InvalidFields (the owner must be a curator)."""
    require_staff(by, "U", Thing.INTRODUCTION)
    if owner_id is not None and not User.objects.filter(pk=owner_id, staff_role=User.StaffRole.CURATOR, is_active=True).exists():
        raise InvalidFields({"owner": ["Choose one of the curators."]})
    introduction = lock_introduction(introduction_id)
    introduction.owner_id = owner_id
    introduction.due_on = due_on
    introduction.save(update_fields=["owner", "due_on"])
    record(Topic.INTRODUCTION_MOVED, subject=introduction, by=by, owner=owner_id, due=due_on.isoformat() if due_on else None)
    return introduction
