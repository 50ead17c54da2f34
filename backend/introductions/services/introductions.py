"""Introductions: opened, moved over the board, assigned, left; consent, contacts and notes."""

from __future__ import annotations

import datetime as dt

from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, Q
from django.utils.translation import gettext as _

from backend.accounts.grants import Actor, Resource, Verb, may
from backend.accounts.models import User
from backend.cities.models import Contact
from backend.cities.permissions import actor_kind, require_in, require_staff
from backend.common.bounds import longest
from backend.common.dates import database_now
from backend.common.errors import Conflict, InvalidFields, NotVisible, WrongState
from backend.common.transitions import change_state
from backend.introductions.models import Consent, Introduction, IntroductionNote
from backend.introductions.queries.introductions import OVER, have_met, next_column
from backend.introductions.services.locks import lock_introduction, require_one_side_of
from backend.introductions.services.meetings import cancel_meetings_to_come
from backend.introductions.states import INTRODUCTION_TRANSITIONS
from backend.outbox.models import Event
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.eligibility import BY_HAND, barred_among
from backend.suggestions.models import Pair, Suggestion
from backend.suggestions.sides import lock_suggestion, rest_from
from backend.suggestions.states import SUGGESTION_TRANSITIONS

_I = Introduction.Stage
DAYS_TO_INTRODUCE = 7


@transaction.atomic
def open_introduction_for_mutual(suggestion_id: int) -> Introduction | None:
    """The introduction that mutual interest puts before staff. Opened once, however often it is
    called; None if the interest is gone.
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


LONGEST_BECAUSE = 2000


@transaction.atomic
def open_introduction(*, by: User, pair_id: int, because: str) -> Introduction:
    """Staff open an introduction by hand, with a recorded reason.

    Raises:
        NotVisible: no curator, or no such pair. InvalidFields: no reason. WrongState: excluded.
            Conflict: the pair has an open one.
    """
    require_staff(by, Verb.CREATE, Resource.INTRODUCTION)
    if not because.strip() or len(because) > LONGEST_BECAUSE:
        raise InvalidFields(
            {"because": ["Record in 1 to 2,000 characters why these two should meet."]}
        )
    pair = Pair.objects.select_for_update().filter(pk=pair_id).first()
    if pair is None:
        raise NotVisible
    _require_not_excluded(pair_id)
    try:
        with transaction.atomic():
            introduction = Introduction.objects.create(
                pair=pair, opened_by=by, opened_because=because.strip(), owner=by
            )
    except IntegrityError:
        raise Conflict(
            "These two already have an open introduction.", code="introduction_open"
        ) from None
    Pair.objects.filter(pk=pair_id, block_reason="").update(
        block_reason=Pair.BlockReason.TO_INTRODUCE
    )
    record(Topic.INTRODUCTION_OPENED, subject=introduction, by=by)
    return introduction


def _require_not_excluded(pair_id: int) -> None:
    """Raises WrongState (code ``excluded``) for a pair that staff have excluded."""
    pair = Pair.objects.select_related("a__place", "b__place").get(pk=pair_id)
    rule = barred_among([pair], database_now().date()).get(pair_id)
    if rule is not None:
        raise WrongState(
            f"This pair is excluded: {rule.because} Lift the rule or close the introduction.",
            code="excluded",
        )


@transaction.atomic
def move_introduction(
    *,
    by: User,
    introduction_id: int,
    stage: str,
    close_reason: str = "",
    expected_stage: str = "",
    met_on: dt.date | None = None,
) -> Introduction:
    """Moves an introduction to another column: forward one step at a time, back to any after
    "to_introduce". "introduced" tells both sides; "exploring" needs a first meeting; "closed" needs
    a reason; "agreement" comes from a recorded agreement.

    Args:
        expected_stage: the column in which the curator saw it; empty: wherever it is.
        met_on: the day of a first meeting that was not arranged here, with the move from
            "first_meeting" to "exploring".

    Raises:
        NotVisible: no curator. InvalidFields: an unknown column or reason, or when they met.
            WrongState: not from where it is now (code ``step_skipped``), or excluded.
        Conflict: another curator has moved it since (code ``introduction_moved``).
    """
    require_staff(by, Verb.ACT, Resource.INTRODUCTION)
    _check_move(stage, close_reason)
    introduction = lock_introduction(introduction_id)
    if expected_stage and introduction.stage != expected_stage:
        raise Conflict(_moved_message(introduction), code="introduction_moved")
    if introduction.stage == _I.TO_INTRODUCE and stage != _I.CLOSED:
        _require_not_excluded(introduction.pair_id)
    _check_step(introduction, stage)
    introduction.met_on = _first_meeting(introduction, stage, met_on)
    introduction.save(update_fields=["met_on"])
    _move_locked(introduction, by, stage, close_reason)
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
        raise WrongState("Record the agreement; the introduction moves by itself.")


# What a move into each column says; the first one is told to both sides at once.
_SAYS = {
    _I.INTRODUCED: "both sides are notified that they are introduced",
    _I.FIRST_MEETING: "the two arrange their first meeting",
    _I.EXPLORING: "the two have met",
    _I.PROPOSAL: "the two write down what a partnership would hold",
    _I.COUNCIL_RESOLUTION: "the proposal is before a council",
}


def _check_step(introduction: Introduction, stage: str) -> None:
    """Raises WrongState, in words that name the next act, for a move that skips one or that takes
    back what both sides know.
    """
    now = introduction.stage
    if stage in INTRODUCTION_TRANSITIONS[now] or now in OVER:
        return  # what is over is refused with the change of state
    if stage == now:
        raise WrongState(f"It is in “{_I(now).label}” already.")
    if stage == _I.TO_INTRODUCE:
        raise WrongState(
            "Both sides know that they are introduced, which cannot be taken back. Close the "
            "introduction if nothing comes of it."
        )
    following = _I(next_column(now))
    raise WrongState(
        f"No step is skipped. After “{_I(now).label}” comes “{following.label}”: "
        f"{_SAYS[following]}.",
        code="step_skipped",
    )


_FURTHEST_AHEAD = dt.timedelta(hours=14)  # of UTC, where a day begins first


def _first_meeting(
    introduction: Introduction, stage: str, met_on: dt.date | None
) -> dt.date | None:
    """The recorded day of the first meeting after a move; a move back before "exploring" takes the
    record back. Raises InvalidFields.
    """
    if (introduction.stage, stage) != (_I.FIRST_MEETING, _I.EXPLORING):
        if met_on is not None:
            raise InvalidFields(
                {"met_on": ["Only the move from “First meeting” to “Exploring” takes this day."]}
            )
        before = (_I.INTRODUCED, _I.FIRST_MEETING)
        return None if stage in before else introduction.met_on
    if met_on is None:
        if not have_met(introduction):
            raise InvalidFields(
                {"met_on": ["No meeting arranged here has been held. Enter the day they met."]}
            )
        return introduction.met_on
    opened, today = introduction.opened_at.date(), (database_now() + _FURTHEST_AHEAD).date()
    if not opened - dt.timedelta(days=1) <= met_on <= today:
        raise InvalidFields(
            {"met_on": [f"Enter a day from {opened:%Y-%m-%d}, when it was opened, until today."]}
        )
    return met_on


def _moved_message(introduction: Introduction) -> str:
    last = (
        Event.objects.filter(topic=Topic.INTRODUCTION_MOVED, subject_id=introduction.pk)
        .select_related("by")
        .order_by("-id")
        .first()
    )
    who = str(last.by) if last and last.by else "The service"
    where = _I(introduction.stage).label
    return (
        f"{who} has moved it to “{where}” in the meantime. It was not moved again; see "
        "whether it still should be."
    )


def _move_locked(
    introduction: Introduction, by: User, stage: str, close_reason: str, side_id: int | None = None
) -> None:
    """The move of a locked introduction, and what follows for suggestion, pair and meetings."""
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
    by_hand = Pair.objects.filter(pk=introduction.pair_id, block_reason__in=BY_HAND)
    if stage == _I.INTRODUCED:
        by_hand.update(block_reason=Pair.BlockReason.INTRODUCED)
    if stage == _I.CLOSED:
        by_hand.update(block_reason="", closed_until=rest_from(now))
        cancel_meetings_to_come(introduction, by)
    if (
        suggestion
        and stage == _I.CLOSED
        and suggestion.status in (Suggestion.Status.MUTUAL, Suggestion.Status.INTRODUCED)
    ):
        change_state(
            suggestion, "status", Suggestion.Status.WITHDRAWN, SUGGESTION_TRANSITIONS, closed_at=now
        )
        Pair.objects.filter(pk=introduction.pair_id).update(closed_until=rest_from(now))
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
    require_in(by, side_id, Verb.ACT, Resource.CONSENT)
    introduction = lock_introduction(introduction_id)
    if (
        side_id not in (introduction.pair.a_id, introduction.pair.b_id)
        or introduction.stage == _I.TO_INTRODUCE
    ):
        raise NotVisible
    if introduction.stage in (_I.AGREEMENT, _I.CLOSED):
        raise WrongState(_("This introduction is over; there is nothing to withdraw from."))
    _move_locked(introduction, by, _I.CLOSED, Introduction.CloseReason.SIDE_WITHDREW, side_id)
    return introduction


@transaction.atomic
def assign_introduction(
    *, by: User, introduction_id: int, owner_id: int | None, due_on: dt.date | None
) -> Introduction:
    """Sets who looks after an introduction and until when. Raises NotVisible, InvalidFields (the
    owner must be a curator).
    """
    require_staff(by, Verb.UPDATE, Resource.INTRODUCTION)
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


# Consent of each side, and the contacts that open only under both.


def _lock_as_side(introduction_id: int, community_id: int, by: User) -> Introduction:
    require_in(by, community_id, Verb.ACT, Resource.CONSENT)
    introduction = lock_introduction(introduction_id)
    if community_id not in (introduction.pair.a_id, introduction.pair.b_id):
        raise NotVisible
    if introduction.stage == _I.TO_INTRODUCE:
        raise NotVisible  # before the two are introduced only staff know of it
    return introduction


@transaction.atomic
def give_consent(*, by: User, introduction_id: int, community_id: int) -> Consent:
    """One side agrees that the other may read its contacts, in this introduction.

    Raises:
        NotVisible: not introduced yet, or not theirs to give; staff never consent for a side.
        WrongState: closed, or given already. ActsForOtherSide: see ``require_one_side_of``.
    """
    introduction = _lock_as_side(introduction_id, community_id, by)
    if introduction.stage == _I.CLOSED:
        raise WrongState(
            _(
                "Consent is asked for once staff have introduced you, and until the introduction "
                "is closed."
            )
        )
    if introduction.consents.filter(community_id=community_id, withdrawn_at__isnull=True).exists():
        raise WrongState(_("Your side has consented already."))
    require_one_side_of(introduction, by, community_id)
    consent = Consent.objects.create(introduction=introduction, community_id=community_id, by=by)
    record(Topic.CONSENT_GIVEN, subject=introduction, by=by, community_id=community_id)
    return consent


@transaction.atomic
def withdraw_consent(*, by: User, introduction_id: int, community_id: int) -> None:
    """Takes the consent back: from the next read on, both sides' contacts are hidden. Staff are
    notified, and the other side if contacts were open. Raises NotVisible, WrongState.
    """
    introduction = _lock_as_side(introduction_id, community_id, by)
    given = Consent.objects.filter(introduction=introduction, withdrawn_at__isnull=True)
    were_open = given.count() == 2 and introduction.stage != _I.CLOSED
    active = given.filter(community_id=community_id)
    if active.update(withdrawn_at=database_now(), withdrawn_by=by) != 1:
        raise WrongState(_("There is no consent of your side to withdraw."))
    record(
        Topic.CONSENT_WITHDRAWN,
        subject=introduction,
        by=by,
        community_id=community_id,
        contacts_were_open=were_open,
    )


@transaction.atomic
def contacts_for(
    user: User | AnonymousUser, introduction_id: int, community_id: int
) -> list[Contact]:
    """The other side's contacts, read together with both consents in one statement; empty while
    they are not open.

    Who reads contacts leaves a trace in the trail of those who are read.

    Args:
        community_id: the reader's own side.

    Raises:
        NotVisible: no such introduction, or no role in that side.
    """
    actor = actor_kind(user, community_id)
    if actor in (Actor.CURATOR, Actor.ADMIN) or not may(
        actor, Verb.READ, Resource.CONTACTS_AFTER_CONSENT
    ):
        raise NotVisible
    pair = (
        Introduction.objects.filter(pk=introduction_id)
        .values_list("pair__a_id", "pair__b_id")
        .first()
    )
    if pair is None or community_id not in pair:
        raise NotVisible
    other = pair[1] if pair[0] == community_id else pair[0]
    consented = (
        Introduction.objects.filter(pk=introduction_id)
        .exclude(stage__in=(_I.TO_INTRODUCE, _I.CLOSED))
        .annotate(sides=Count("consents", filter=Q(consents__withdrawn_at__isnull=True)))
        .filter(sides=2)
        .values("pk")
    )
    found = list(
        Contact.objects.filter(Exists(consented), organisation__community_id=other).order_by(
            "-is_primary", "name"
        )
    )
    if found and isinstance(user, User):
        record(
            Topic.CONTACTS_READ,
            subject=(Introduction, introduction_id),
            by=user,
            community_id=other,
            contacts=len(found),
        )
    return found


# Notes of staff, which neither side reads.


@transaction.atomic
def write_note(*, by: User, introduction_id: int, text: str) -> IntroductionNote:
    """Adds a note that neither side reads. Raises NotVisible (no curator, no such introduction),
    InvalidFields (no text, or too much).
    """
    require_staff(by, Verb.UPDATE, Resource.INTRODUCTION)
    introduction = lock_introduction(introduction_id)
    if not text.strip() or len(text) > longest(IntroductionNote, "text") or "\x00" in text:
        raise InvalidFields({"text": ["Write 1 to 4,000 characters."]})
    note = IntroductionNote.objects.create(introduction=introduction, by=by, text=text.strip())
    record(Topic.NOTE_WRITTEN, subject=introduction, by=by, note=note.pk)
    return note
