"""An introduction as its two sides see it, and the board on which staff move introductions."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backend.accounts.grants import Resource, Verb
from backend.cities.models import Community, Profile
from backend.cities.notices import seeking_ended_words
from backend.cities.permissions import Reader
from backend.common.errors import Conflict, InvalidFields, NotVisible, WrongState
from backend.introductions.models import Introduction
from backend.introductions.queries.introductions import (
    COLUMNS,
    BoardEntry,
    board,
    board_entries,
    board_with_notes,
    follow_ups_in,
    have_met,
    introduction_for,
    steps_taken,
)
from backend.introductions.queries.meetings import may_arrange, meetings_in, met_by_now, view_of
from backend.introductions.services.introductions import (
    assign_introduction,
    contacts_for,
    give_consent,
    leave_introduction,
    move_introduction,
    open_introduction,
    withdraw_consent,
    write_note,
)
from backend.introductions.states import INTRODUCTION_TRANSITIONS
from backend.outbox.queries import trail
from backend.suggestions.eligibility import declared_partners, listed_partners
from backend.suggestions.models import FollowUp, Pair
from backend.web.access import Level, open_to
from backend.web.html.base import Question, ask, current_reader, current_user, inside
from backend.web.html.forms import DomainForm
from backend.web.introductions.forms import (
    AssignForm,
    BoardFilters,
    MoveForm,
    NoteForm,
    OpenByHandForm,
)

STAGES: list[Introduction.Stage] = [
    stage
    for stage in Introduction.Stage
    if stage not in (Introduction.Stage.TO_INTRODUCE, Introduction.Stage.CLOSED)
]


@open_to(Level.SIGNED_IN)
@cache_control(no_store=True, private=True)
@require_safe
def introduction(request: HttpRequest, introduction_id: int) -> HttpResponse:
    user = current_user(request)
    introduction, reader = introduction_for(current_reader(request), introduction_id)
    own_id = reader.community_id
    if own_id is None:  # staff have a page of their own for it
        return redirect("web:staff_introduction", introduction_id)
    pair = introduction.pair
    own, other = (pair.a, pair.b) if pair.a_id == own_id else (pair.b, pair.a)
    active = {
        consent.community_id
        for consent in introduction.consents.all()
        if consent.withdrawn_at is None
    }
    contacts = contacts_for(user, introduction_id, own_id)
    meetings = [view_of(meeting, own_id) for meeting in meetings_in(introduction)]
    met = met_by_now(introduction, meetings)
    context = {
        "introduction": introduction,
        "own": own,
        "other": other,
        "own_consented": own_id in active,
        "contacts": contacts,
        "both_consented": len(active) == 2,
        "may_consent": reader.may(Verb.ACT, Resource.CONSENT),
        "may_edit": reader.may(Verb.UPDATE, Resource.CONTACTS_BEFORE_CONSENT),
        "closed": introduction.stage == Introduction.Stage.CLOSED,
        "stages": _marked_stages(introduction, met),
        "meetings": meetings,
        "may_arrange": may_arrange(reader, introduction),
        "may_leave": reader.may(Verb.ACT, Resource.CONSENT)
        and introduction.stage in STAGES
        and introduction.stage != Introduction.Stage.AGREEMENT,
        "next_step": _next_step(introduction, own_id in active, len(active) == 2, met),
        "ended": _ended(other),
        "follow_ups": follow_ups_in(introduction, own_id),
        "may_answer": reader.may(Verb.ACT, Resource.ANSWER),
        "shows_sample": own.is_sample or other.is_sample,
    }
    return render(request, "introductions/introduction.html", context)


def _ended(*communities: Community) -> list[str]:
    """Which of them seek no more, each in a sentence: a notice has said it once."""
    ended = Profile.objects.filter(
        community__in=communities,
        status__in=(Profile.Status.WITHDRAWN, Profile.Status.FULFILLED),
        current_version__isnull=False,
    ).order_by("community")
    names = ended.values_list("community__name", "status")
    return [seeking_ended_words(name, status) for name, status in names]


def _marked_stages(introduction: Introduction, met: bool) -> list[tuple[str, str]]:
    """Each stage in its order as (mark, label): "now", "done" for what has happened, "later" for
    what may come, and "" for what the introduction went on or ended without.
    """
    now = introduction.stage
    place = STAGES.index(Introduction.Stage(now)) if now in STAGES else len(STAGES)
    taken = steps_taken(introduction, met=met)
    marks = []
    for index, each in enumerate(STAGES):
        mark = "done" if each in taken else ""
        mark = "now" if index == place else mark if index < place else "later"
        marks.append((mark, str(each.label)))
    return marks


def _next_step(
    introduction: Introduction, own_consented: bool, both_consented: bool, met: bool
) -> str:
    """What the side can do now, in a sentence; the other side's consent shows only in what both
    have opened.
    """
    if introduction.stage == Introduction.Stage.AGREEMENT:
        return _("You have an agreement. What you do together now is the partnership.")
    if introduction.stage == Introduction.Stage.CLOSED:
        return ""
    if not own_consented and met:
        return _("Next: decide whether to share your contacts with the other side.")
    if not own_consented:
        return _(
            "Next: decide whether to share your contacts with the other side, and propose times "
            "for a first meeting."
        )
    if not both_consented:
        return _(
            "Next: the other side decides about its contacts. You can propose times for a meeting "
            "meanwhile."
        )
    before = (Introduction.Stage.INTRODUCED, Introduction.Stage.FIRST_MEETING)
    if introduction.stage in before and not met:
        return _("Next: meet for the first time. Propose times, or write to their contacts.")
    later = {
        Introduction.Stage.INTRODUCED: _("Next: find out what you want to do together."),
        Introduction.Stage.FIRST_MEETING: _("Next: find out what you want to do together."),
        Introduction.Stage.EXPLORING: _(
            "Next: write down what a partnership would hold, and for how long."
        ),
        Introduction.Stage.PROPOSAL: _("Next: bring the proposal before your council."),
        Introduction.Stage.COUNCIL_RESOLUTION: _(
            "Next: both highest officials sign the agreement."
        ),
    }
    return later[Introduction.Stage(introduction.stage)]


@open_to(Level.SIGNED_IN)
@require_POST
def consent(request: HttpRequest, introduction_id: int) -> HttpResponse:
    user = current_user(request)
    introduction, reader = introduction_for(current_reader(request), introduction_id)
    own_id = reader.community_id
    if own_id is None:
        raise NotVisible
    act = request.POST.get("act", "")
    if act == "give":
        give_consent(by=user, introduction_id=introduction_id, community_id=own_id)
        if introduction.consents.filter(withdrawn_at=None).count() == 2:
            messages.success(request, _("Both sides have consented: contacts are open."))
        else:
            messages.success(
                request,
                _(
                    "Your side has consented. Contacts open as soon as the other side has "
                    "consented too."
                ),
            )
    elif act == "withdraw":
        withdraw_consent(by=user, introduction_id=introduction_id, community_id=own_id)
        messages.success(
            request, _("Your consent is withdrawn; contacts are hidden again for both sides.")
        )
    else:
        raise InvalidFields({"act": [_("Choose whether to give or to withdraw consent.")]})
    return redirect("web:introduction", introduction_id)


@open_to(Level.SIGNED_IN)
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest, introduction_id: int) -> HttpResponse:
    """A side closes its introduction: asked for once, and done by a button."""
    user = current_user(request)
    introduction, reader = introduction_for(current_reader(request), introduction_id)
    own_id = reader.require(Verb.ACT, Resource.CONSENT)
    other = introduction.pair.b if introduction.pair.a_id == own_id else introduction.pair.a
    if request.method == "POST":
        leave_introduction(by=user, introduction_id=introduction_id, side_id=own_id)
        messages.success(
            request,
            _(
                "The introduction is closed. Contacts are hidden again and meetings to come are "
                "cancelled."
            ),
        )
        return redirect("web:introduction", introduction_id)
    question = Question(
        title=_("Close this introduction"),
        heading=_("Close the introduction to %(name)s?") % {"name": other.name},
        sentences=[
            _(
                "Contacts are hidden again for both sides, and meetings to come are cancelled. The "
                "other side sees that the introduction is closed. Staff cannot open it again; the "
                "two of you may be suggested to each other a year from now."
            ),
            _("The other side and staff are notified."),
        ],
        button=_("Close the introduction"),
        keep=_("Keep it open"),
        back=reverse("web:introduction", args=[introduction_id]),
        back_words=_("Introduction"),
    )
    return ask(request, question, shows_sample=other.is_sample)


STAGE = Introduction.Stage
SHOWN_ON_BOARD = 300
_private = cache_control(no_store=True, private=True)


def _board(request: HttpRequest, filters: QueryDict, *, status: int = 200) -> HttpResponse:
    form = BoardFilters(filters)
    rows = form.narrow(board_with_notes(current_user(request)), current_reader(request))
    found = list(rows[: SHOWN_ON_BOARD + 1])
    entries = board_entries(found[:SHOWN_ON_BOARD])
    stage = form.cleaned_data.get("stage")
    shown = [STAGE(stage)] if stage else COLUMNS
    context = {
        "form": form,
        "columns": [
            (stage, [entry for entry in entries if entry.introduction.stage == stage])
            for stage in shown
        ],
        "total": len(entries),
        "is_cut": len(found) > SHOWN_ON_BOARD,
        "here": f"{reverse('web:staff_introductions')}?{filters.urlencode()}"
        if filters
        else reverse("web:staff_introductions"),
        "shows_sample": any(
            entry.introduction.pair.a.is_sample or entry.introduction.pair.b.is_sample
            for entry in entries
        ),
    }
    return render(request, "introductions/staff_board.html", context, status=status)


@open_to(Level.STAFF)
@_private
@require_safe
def introduction_board(request: HttpRequest) -> HttpResponse:
    return _board(request, request.GET)


def _move_form(entry: BoardEntry, *args: Any, met: bool) -> MoveForm:
    """The form of an introduction's own page: the columns to which it may go, the next one chosen;
    and the day of the first meeting where that is not known and is needed next.
    """
    introduction = entry.introduction
    return MoveForm(
        *args,
        stages=[*entry.targets, STAGE.CLOSED],
        asks_when_met=introduction.stage == STAGE.FIRST_MEETING and not met,
        initial={"stage": entry.next_stage},
    )


def _detail_context(reader: Reader, introduction_id: int) -> dict[str, Any]:
    introduction, reader = introduction_for(reader, introduction_id)
    if not reader.is_staff:
        raise NotVisible
    active = {
        consent.community_id
        for consent in introduction.consents.all()
        if consent.withdrawn_at is None
    }
    marks = board_entries([introduction])[0]
    sides = (introduction.pair.a_id, introduction.pair.b_id)
    meetings = [view_of(meeting, None) for meeting in meetings_in(introduction)]
    met = met_by_now(introduction, meetings)
    return {
        "introduction": introduction,
        "pair": introduction.pair,
        "marks": marks,
        "ended": _ended(introduction.pair.a, introduction.pair.b),
        "are_declared": sides in declared_partners(),
        "are_listed": sides in listed_partners(),
        "consents": [
            (community, community.pk in active)
            for community in (introduction.pair.a, introduction.pair.b)
        ],
        "events": trail("introduction", introduction.pk),
        "notes": introduction.notes.select_related("by").order_by("-id"),
        "meetings": meetings,
        "follow_ups": _by_side(introduction, follow_ups_in(introduction, None)),
        "may_arrange": may_arrange(reader, introduction),
        "have_met": met,
        "move_form": _move_form(marks, met=met),
        "assign_form": AssignForm(
            initial={"owner": introduction.owner_id, "due_on": introduction.due_on}
        ),
        "note_form": NoteForm(),
        "open": bool(INTRODUCTION_TRANSITIONS[introduction.stage]),
        "shows_sample": introduction.pair.a.is_sample or introduction.pair.b.is_sample,
    }


def _by_side(introduction: Introduction, asked: list[FollowUp]) -> list[tuple[Community, FollowUp]]:
    sides = {side.pk: side for side in (introduction.pair.a, introduction.pair.b)}
    return [(sides[one.community_id], one) for one in asked]


def _detail(
    request: HttpRequest, introduction_id: int, form: dict[str, DomainForm] | None = None
) -> HttpResponse:
    context = _detail_context(current_reader(request), introduction_id)
    return render(
        request,
        "introductions/staff_introduction.html",
        context | (form or {}),
        status=422 if form else 200,
    )


@open_to(Level.STAFF)
@_private
@require_safe
def detail(request: HttpRequest, introduction_id: int) -> HttpResponse:
    return _detail(request, introduction_id)


@open_to(Level.CURATOR)
@require_POST
def move(request: HttpRequest, introduction_id: int) -> HttpResponse:
    """By the menu, or dropped on a column. ``expected`` is the column in which the curator saw the
    introduction.
    """
    names = ("stage", "expected", "close_reason", "after", "met_on")
    posted = {name: request.POST.get(name, "") for name in names}
    user = current_user(request)
    to_board = posted["after"].startswith(reverse("web:staff_introductions"))
    reason = posted["close_reason"] if posted["stage"] == STAGE.CLOSED else ""
    try:
        introduction = move_introduction(
            by=user,
            introduction_id=introduction_id,
            stage=posted["stage"],
            close_reason=reason,
            expected_stage=posted["expected"],
            met_on=_day(posted["met_on"]) if posted["stage"] == STAGE.EXPLORING else None,
        )
    except InvalidFields as invalid:
        found, _reader = introduction_for(current_reader(request), introduction_id)
        form = _move_form(board_entries([found])[0], request.POST, met=have_met(found))
        form.add_service_errors(invalid)
        return _detail(request, introduction_id, {"move_form": form})
    except (Conflict, WrongState) as refused:
        messages.error(request, refused.message)
        return _after_refusal(
            request,
            introduction_id,
            QueryDict(urlsplit(posted["after"]).query) if to_board else None,
        )
    messages.success(request, f"Moved to “{STAGE(introduction.stage).label}”.")
    detail_page = reverse("web:staff_introduction", args=[introduction_id])
    return redirect(inside(posted["after"], detail_page) if to_board else detail_page)


def _day(text: str) -> dt.date | None:
    """The day on which they met, None if none is given. Raises InvalidFields for what is no day."""
    try:
        return dt.date.fromisoformat(text.strip()) if text.strip() else None
    except ValueError:
        raise InvalidFields(
            {"met_on": ["Write the day as year-month-day, for example 2027-03-01."]}
        ) from None


def _after_refusal(
    request: HttpRequest, introduction_id: int, filters: QueryDict | None
) -> HttpResponse:
    """The page that the curator came from, in its present state; ``filters``: the board's, None for
    the introduction's own page.
    """
    if filters is not None:
        return _board(request, filters, status=409)
    return render(
        request,
        "introductions/staff_introduction.html",
        _detail_context(current_reader(request), introduction_id),
        status=409,
    )


@open_to(Level.CURATOR)
@require_POST
def assign(request: HttpRequest, introduction_id: int) -> HttpResponse:
    form = AssignForm(request.POST)
    user = current_user(request)
    if form.is_done(assign_introduction, by=user, introduction_id=introduction_id):
        messages.success(request, "Owner and due date are saved.")
        return redirect("web:staff_introduction", introduction_id)
    return _detail(request, introduction_id, {"assign_form": form})


@open_to(Level.CURATOR)
@require_POST
def add_note(request: HttpRequest, introduction_id: int) -> HttpResponse:
    form = NoteForm(request.POST)
    if not form.is_done(write_note, by=current_user(request), introduction_id=introduction_id):
        return _detail(request, introduction_id, {"note_form": form})
    messages.success(request, "The note is kept; only staff read it.")
    return redirect("web:staff_introduction", introduction_id)


@open_to(Level.CURATOR)
@require_http_methods(["GET", "HEAD", "POST"])
def open_by_hand(request: HttpRequest, pair_id: int) -> HttpResponse:
    """An introduction without mutual interest, for a reason that is kept."""
    user = current_user(request)
    board(user)
    pair = Pair.objects.select_related("a__country", "b__country").filter(pk=pair_id).first()
    if pair is None:
        raise NotVisible
    form = OpenByHandForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_done(open_introduction, by=user, pair_id=pair_id):
        return redirect("web:staff_introduction", form.result.pk)
    question = Question(
        title="Introduce by hand",
        heading=f"Introduce {pair.a.name} and {pair.b.name} by hand",
        sentences=[],
        button="Open an introduction",
        keep="Back to the board",
        back=reverse("web:staff_introductions"),
        back_words="Introductions",
        is_warning=False,
        form=form,
    )
    return ask(request, question, shows_sample=pair.a.is_sample or pair.b.is_sample)
