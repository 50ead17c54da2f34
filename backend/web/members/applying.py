"""What membership is and gives, how dues work, and where one asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backend.accounts.grants import Resource, Verb
from backend.cities.memberships import Amounts, dues_amounts, dues_class_for, population_of
from backend.cities.models import Community, Membership, MembershipRequest
from backend.cities.permissions import reader_with
from backend.cities.queries import communities_of
from backend.cities.services import set_dues
from backend.cities.services.membership_requests import (
    ANSWERS,
    answer_membership_request,
    ask_for_membership,
    membership_request_for_staff,
    membership_requests_of,
    renewal_is_early,
    reply_to_staff,
    running_membership,
    withdraw_membership_request,
)
from backend.cities.services.memberships import OPEN_REQUEST
from backend.cities.states import MEMBERSHIP_REQUEST_TRANSITIONS
from backend.common.dates import database_now
from backend.common.errors import Conflict, TooManyRequests, WrongState
from backend.introductions.members import in_kind, listed_members
from backend.web.access import Level, open_to
from backend.web.html.base import Question, ask, current_reader, current_user
from backend.web.html.forms import DomainForm
from backend.web.members.request_forms import (
    DuesForm,
    MembershipAnswerForm,
    MembershipReplyForm,
    OwnRequestForm,
)


@dataclass(frozen=True, slots=True)
class DuesRow:
    """A class of dues with its amounts in dollars; None where staff tell it."""

    label: Any
    at_home: int | None
    abroad: int | None


def dues_rows(amounts: Amounts) -> list[DuesRow]:
    return [
        DuesRow(label, amounts.get((code, True)), amounts.get((code, False)))
        for code, label in Membership.DuesClass.choices
    ]


@open_to(Level.PUBLIC)
@require_safe
def membership(request: HttpRequest) -> HttpResponse:
    return render(
        request, "members/membership.html", _about() | {"applying": _acting(request.user)}
    )


def _about() -> dict[str, Any]:
    amounts = dues_amounts()
    listed = listed_members()
    return {
        "dues": dues_rows(amounts),
        "knows_all": len(amounts) == 2 * len(Membership.DuesClass),
        "knows_any": bool(amounts),
        "at_home": listed.filter(in_kind("us")).count(),
        "abroad": listed.filter(in_kind("global")).count(),
        "shows_sample": listed.filter(community__is_sample=True).exists(),
    }


def _acting(user: Any) -> list[Community]:
    """The communities for which the person may ask."""
    return [
        role.community
        for role in communities_of(user)
        if reader_with(user, role).may(Verb.CREATE, Resource.MEMBERSHIP_REQUEST)
    ]


def _own_page(request: HttpRequest, community_id: int, **bound: DomainForm) -> HttpResponse:
    """What the community has asked for, with the form that its state takes."""
    reader = current_reader(request)
    asked = list(membership_requests_of(reader))
    found = Community.objects.select_related("country", "place")
    community = found.defer("place__search_text").get(pk=community_id)
    pending = next((row for row in asked if row.status in OPEN_REQUEST), None)
    running = running_membership(community_id)
    today = database_now().date()
    forms: dict[str, DomainForm] = {
        "ask": OwnRequestForm(community=community),
        "reply": MembershipReplyForm(),
    }
    context = _about() | {
        "own": community,
        "running": running,
        "is_early": running is not None and renewal_is_early(running, today),
        "pending": pending,
        "may_reply": pending is not None and pending.status == MembershipRequest.Status.ASKED,
        "asked": asked,
        "forms": forms | bound,
        "form": next(iter(bound.values()), None),
        "shows_sample": community.is_sample,
    }
    status = 422 if bound else 200
    return render(request, "members/membership.html", context, status=status)


@open_to(Level.COMMUNITY)
@require_http_methods(["GET", "HEAD", "POST"])
def community_membership(request: HttpRequest, community_id: int) -> HttpResponse:
    """A community's own page: its membership, and asking for it or for its renewal."""
    if request.method != "POST":
        return _own_page(request, community_id)
    current_reader(request).require(Verb.CREATE, Resource.MEMBERSHIP_REQUEST)
    community = Community.objects.select_related("place").get(pk=community_id)
    form = OwnRequestForm(request.POST, community=community)
    asked = {"by": current_user(request), "community_id": community_id}
    if not form.is_done(ask_for_membership, refusals=(Conflict, TooManyRequests), **asked):
        return _own_page(request, community_id, ask=form)
    messages.success(request, _("Staff have your request. You get a message when they answer."))
    return redirect("web:community_membership", community_id)


@open_to(Level.COMMUNITY)
@require_POST
def reply(request: HttpRequest, community_id: int, request_id: int) -> HttpResponse:
    form = MembershipReplyForm(request.POST)
    asked = {"by": current_user(request), "community_id": community_id, "request_id": request_id}
    if not form.is_done(reply_to_staff, refusals=(WrongState,), **asked):
        return _own_page(request, community_id, reply=form)
    messages.success(request, _("Staff have your answer."))
    return redirect("web:community_membership", community_id)


@open_to(Level.COMMUNITY)
@require_POST
def withdraw(request: HttpRequest, community_id: int, request_id: int) -> HttpResponse:
    withdraw_membership_request(
        by=current_user(request), community_id=community_id, request_id=request_id
    )
    messages.success(request, _("Your request is withdrawn."))
    return redirect("web:community_membership", community_id)


def _sentences(row: MembershipRequest) -> list[str]:
    """What staff read of a request: what is asked for, and the thread."""
    people = population_of(row.community)
    said = row.population
    known = (
        f"{people:,} inhabitants by the gazetteer"
        if people is not None
        else f"{said:,} inhabitants, as the community says"
        if said is not None
        else "population not known"
    )
    proposed = people if people is not None else said
    differs = proposed is not None and dues_class_for(proposed) != row.dues_class
    kind = "U.S. member" if row.community.is_home else "Global Member"
    dollars = dues_amounts().get((row.dues_class, row.community.is_home))
    lines = [
        f"{row.get_kind_display()}, {kind}. State: {row.get_status_display()}.",
        f"Class: {row.get_dues_class_display()} ({known})."
        + (" This is not the class of that number." if differs else "")
        + (f" Dues: US$ {dollars:,} a year." if dollars is not None else ""),
        f"Bill to {row.billing_name}, {row.billing_email}. Asked by {row.asked_by} on "
        f"{row.asked_at:%Y-%m-%d}.",
    ]
    running = running_membership(row.community_id)
    if running is not None:
        through = running.paid_through or "a day that is not recorded"
        lines.append(
            f"Member since {running.started_on}, {running.get_standing_display().lower()}, paid "
            f"through {through}."
        )
    lines += [
        f"{'Staff' if note.by_staff else note.by}, {note.at:%Y-%m-%d}: {note.text}"
        for note in row.notes.all()
        if note.text
    ]
    return lines


@open_to(Level.STAFF)
@require_http_methods(["GET", "HEAD", "POST"])
def staff_request(request: HttpRequest, request_id: int) -> HttpResponse:
    """Staff read one request; curators answer it."""
    user = current_user(request)
    row = membership_request_for_staff(user, request_id)
    allowed = MEMBERSHIP_REQUEST_TRANSITIONS[row.status]
    if request.method == "POST" and not allowed:
        raise WrongState("This request is settled already. Load the page again to see how.")
    form = MembershipAnswerForm(request.POST if request.method == "POST" else None)
    form.offer([code for code, status in ANSWERS.items() if status in allowed])
    refusals = (Conflict, WrongState)
    asked: dict[str, Any] = {"by": user, "request_id": request_id}
    if request.method == "POST" and form.is_done(
        answer_membership_request, refusals=refusals, **asked
    ):
        done = form.result.get_status_display().lower()
        messages.success(request, f"{row.community.name}: {done}. The community is told.")
        return redirect("web:staff_members")
    question = Question(
        title=f"Membership of {row.community.name}",
        heading=f"{row.community.label}: request for membership",
        sentences=_sentences(row),
        button="Answer",
        keep="Not now",
        back=reverse("web:staff_members"),
        back_words="Members",
        is_warning=False,
        form=form if allowed and user.is_curator else None,
        has_button=bool(allowed and user.is_curator),
    )
    return ask(request, question, shows_sample=row.community.is_sample)


@open_to(Level.CURATOR)
@require_http_methods(["GET", "HEAD", "POST"])
def dues(request: HttpRequest) -> HttpResponse:
    """Staff set what members of each class pay for a year."""
    form = DuesForm(
        request.POST if request.method == "POST" else None,
        initial={DuesForm.name(*key): dollars for key, dollars in dues_amounts().items()},
    )
    if request.method == "POST" and form.is_done(set_dues, by=current_user(request)):
        messages.success(request, "The amounts are saved and stand on the page about membership.")
        return redirect("web:staff_members")
    question = Question(
        title="Dues",
        heading="Dues for a year",
        sentences=["In whole U.S. dollars. Leave empty what staff tell: the public page says so."],
        button="Save the amounts",
        keep="Change nothing",
        back=reverse("web:staff_members"),
        back_words="Members",
        is_warning=False,
        form=form,
    )
    return ask(request, question, shows_sample=False)
