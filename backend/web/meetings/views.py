"""Meetings of an introduction: propose times, accept, fix, change, cancel, and the calendar file.
For both sides and for staff.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_safe

from backend.common.errors import InvalidFields, NotVisible
from backend.introductions.meeting_times import calendar_entry, has_entry, method_of
from backend.introductions.models import Introduction, Meeting
from backend.introductions.queries.introductions import introduction_for
from backend.introductions.queries.meetings import (
    may_arrange,
    meeting_for,
    suggested_times,
)
from backend.introductions.services.meetings import (
    accept_times,
    cancel_meeting,
    change_meeting,
    fix_meeting,
    propose_meeting,
    propose_other_times,
)
from backend.web.access import Level, open_to
from backend.web.html.base import Question, ask, current_reader, current_user
from backend.web.html.forms import DomainForm
from backend.web.meetings.forms import DetailsForm, ProposeForm, TimesForm

_private = cache_control(no_store=True, private=True)


def _sides(introduction: Introduction, own_id: int | None) -> tuple[Any, Any]:
    """One's own side first, the home side for staff."""
    own_first = (
        introduction.pair.a_id == own_id if own_id is not None else introduction.pair.a.is_home
    )
    return (
        (introduction.pair.a, introduction.pair.b)
        if own_first
        else (introduction.pair.b, introduction.pair.a)
    )


def _frame(introduction: Introduction, own_id: int | None) -> dict[str, Any]:
    first, second = _sides(introduction, own_id)
    return {
        "introduction": introduction,
        "first": first,
        "second": second,
        "for_staff": own_id is None,
        "back": "web:staff_introduction" if own_id is None else "web:introduction",
        "shows_sample": first.is_sample or second.is_sample,
    }


@open_to(Level.SIGNED_IN)
@_private
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, introduction_id: int) -> HttpResponse:
    """Propose a meeting, with times that suit both sides' working hours beside the form."""
    user = current_user(request)
    introduction, reader = introduction_for(current_reader(request), introduction_id)
    if not may_arrange(reader, introduction):
        raise NotVisible
    own_id = reader.community_id
    suggested = suggested_times(introduction, own_id)
    filled = {
        f"times.{index}": f"{time.clocks[0].when:%Y-%m-%dT%H:%M}"
        for index, time in enumerate(suggested)
    }
    form = ProposeForm(
        request.POST or None,
        initial=filled,
        sides=_sides(introduction, own_id) if own_id is None else (),
    )
    asked: dict[str, Any] = {"introduction_id": introduction_id, "side_id": own_id}
    if request.method == "POST" and form.is_done(propose_meeting, by=user, **asked):
        messages.success(request, _("The times are proposed; both sides are notified."))
        return redirect("web:meeting", introduction_id, form.result.pk)
    context = _frame(introduction, own_id) | {"form": form, "suggested": suggested}
    return render(request, "meetings/new.html", context, status=422 if form.errors else 200)


def _page(
    request: HttpRequest,
    introduction_id: int,
    meeting_id: int,
    forms: dict[str, DomainForm] | None = None,
) -> HttpResponse:
    view, introduction, reader = meeting_for(current_reader(request), introduction_id, meeting_id)
    own_id = reader.community_id
    wrong = next((form for form in (forms or {}).values() if form.errors), None)
    context = _frame(introduction, own_id) | {
        "view": view,
        "own_id": own_id,
        "may_arrange": may_arrange(reader, introduction) and not view.is_over,
        "has_file": has_entry(view.meeting),
        "times_form": TimesForm(sides=_sides(introduction, own_id) if own_id is None else ()),
        "details_form": DetailsForm(
            initial={"minutes": view.meeting.minutes, "place": view.meeting.place}
        ),
        "wrong": wrong,
    }
    return render(
        request, "meetings/meeting.html", context | (forms or {}), status=422 if wrong else 200
    )


@open_to(Level.SIGNED_IN)
@_private
@require_safe
def meeting(request: HttpRequest, introduction_id: int, meeting_id: int) -> HttpResponse:
    return _page(request, introduction_id, meeting_id)


@open_to(Level.SIGNED_IN)
@_private
@require_http_methods(["GET", "HEAD", "POST"])
def act(request: HttpRequest, introduction_id: int, meeting_id: int) -> HttpResponse:
    """One act on a meeting; ``act`` names it. A GET asks before it is cancelled."""
    user = current_user(request)
    view, introduction, reader = meeting_for(current_reader(request), introduction_id, meeting_id)
    if request.method != "POST":
        may_cancel = may_arrange(reader, introduction) and not view.is_over
        if request.GET.get("act") != "cancel" or not may_cancel:
            return redirect("web:meeting", introduction_id, meeting_id)
        return _ask_to_cancel(request, introduction, meeting_id)
    own_id = reader.community_id
    where: dict[str, Any] = {
        "by": user,
        "introduction_id": introduction_id,
        "meeting_id": meeting_id,
        "side_id": own_id,
    }
    acts: dict[str, Callable[[], HttpResponse | None]] = {
        "accept": lambda: _accept(request, where),
        "fix": lambda: _fix(request, where),
        "times": lambda: _other_times(request, introduction, where),
        "change": lambda: _change(request, where),
        "cancel": lambda: _cancel(request, where),
    }
    chosen = acts.get(request.POST.get("act", ""))
    if chosen is None:
        raise InvalidFields({"act": [_("Choose what to do with the meeting.")]})
    return chosen() or redirect("web:meeting", introduction_id, meeting_id)


def _numbers(request: HttpRequest, name: str) -> list[int]:
    try:
        return [int(value) for value in request.POST.getlist(name)]
    except ValueError:
        raise InvalidFields(
            {name: [_("Choose among the times that are proposed now; reload to see them.")]}
        ) from None


def _accept(request: HttpRequest, where: dict[str, Any]) -> None:
    if where["side_id"] is None:
        raise NotVisible
    accept_times(**where, time_ids=_numbers(request, "time_ids"))
    messages.success(request, _("Saved: the other side sees at which times you can come."))


def _fix(request: HttpRequest, where: dict[str, Any]) -> None:
    fix_meeting(**where, time_id=next(iter(_numbers(request, "time_id")), 0))
    messages.success(
        request, _("The meeting is fixed. Both sides get it by mail with a calendar file.")
    )


def _other_times(
    request: HttpRequest, introduction: Introduction, where: dict[str, Any]
) -> HttpResponse | None:
    form = TimesForm(
        request.POST, sides=_sides(introduction, None) if where["side_id"] is None else ()
    )
    if form.is_done(propose_other_times, **where):
        messages.success(request, _("The other times are proposed."))
        return None
    return _page(request, where["introduction_id"], where["meeting_id"], {"times_form": form})


def _change(request: HttpRequest, where: dict[str, Any]) -> HttpResponse | None:
    form = DetailsForm(request.POST)
    if form.is_done(change_meeting, **where):
        messages.success(request, _("Length and place are saved."))
        return None
    return _page(request, where["introduction_id"], where["meeting_id"], {"details_form": form})


def _ask_to_cancel(
    request: HttpRequest, introduction: Introduction, meeting_id: int
) -> HttpResponse:
    names = {"a": introduction.pair.a.name, "b": introduction.pair.b.name}
    question = Question(
        title=_("Cancel this meeting"),
        heading=_("Cancel the meeting of %(a)s and %(b)s?") % names,
        sentences=[
            _("Both sides are notified, and calendars that hold the meeting get the cancellation."),
            _("It cannot be taken back; you can propose another meeting."),
        ],
        button=_("Cancel this meeting"),
        keep=_("Keep the meeting"),
        back=reverse("web:meeting", args=[introduction.pk, meeting_id]),
        back_words=_("Meeting"),
        values={"act": "cancel"},
    )
    shows_sample = introduction.pair.a.is_sample or introduction.pair.b.is_sample
    return ask(request, question, shows_sample=shows_sample)


def _cancel(request: HttpRequest, where: dict[str, Any]) -> None:
    cancel_meeting(**where)
    messages.success(request, _("The meeting is cancelled; both sides are notified."))


@open_to(Level.SIGNED_IN)
@_private
@require_safe
def calendar_file(request: HttpRequest, introduction_id: int, meeting_id: int) -> HttpResponse:
    """The .ics file of the meeting as it is now, in the zone of the reader's side."""
    user = current_user(request)
    view, introduction, reader = meeting_for(current_reader(request), introduction_id, meeting_id)
    own = _sides(introduction, reader.community_id)[0]
    return calendar_response(view.meeting, user.email, own)


def calendar_response(meeting: Meeting, reader_email: str, own: Any) -> HttpResponse:
    """Raises NotVisible while no time was ever fixed."""
    content = calendar_entry(meeting, reader_email=reader_email, own=own)
    response = HttpResponse(
        content, content_type=f"text/calendar; charset=utf-8; method={method_of(meeting)}"
    )
    response["Content-Disposition"] = 'attachment; filename="meeting.ics"'
    response["Cache-Control"] = "no-store, private"
    response["X-Content-Type-Options"] = "nosniff"
    return response
