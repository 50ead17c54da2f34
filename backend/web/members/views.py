"""Members of the network and the partnerships that they claim, as staff keep them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backend.cities import services
from backend.cities.member_sheets import (
    COLUMNS,
    LARGEST_FILE,
    XLSX_TYPE,
    member_cells,
    too_large,
    write_excel,
)
from backend.cities.memberships import (
    ACTION_LABELS,
    ASKED,
    CHANGED,
    ERROR,
    NEW,
    UNCHANGED,
    member,
    member_import,
    members,
)
from backend.cities.models import ExistingPartnership, Membership
from backend.cities.queries import communities_named, partnerships_to_confirm
from backend.cities.services.membership_requests import staff_membership_requests
from backend.cities.services.memberships import OPEN_REQUEST
from backend.cities.services.statements import beside_claims
from backend.common.dates import years_after
from backend.common.errors import Conflict, InvalidFields, WrongState
from backend.common.files import was_too_large
from backend.common.formatting import csv_lines
from backend.suggestions.services.partners import (
    answer_partnership,
    confirm_partnerships,
    places_of_rows,
)
from backend.web.access import Level, open_to
from backend.web.html.base import Question, ask, current_user
from backend.web.html.forms import DomainForm
from backend.web.members.forms import (
    BeginMembershipForm,
    ChangeForm,
    ClaimForm,
    EndForm,
    ListForm,
    MemberFilters,
    RenewForm,
    read_claims,
)
from backend.web.profiles.presentation import claim_words

PAGE = 50
REQUESTS = 100
REFUSALS = (Conflict, WrongState)


@open_to(Level.STAFF)
@require_safe
def member_list(request: HttpRequest) -> HttpResponse:
    form, user = MemberFilters(request.GET), current_user(request)
    found = form.narrow(members(user))
    waiting = staff_membership_requests(user).filter(status__in=OPEN_REQUEST)
    requests = list(waiting[: REQUESTS + 1])
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    shows_sample = any(row.community.is_sample for row in page)
    return render(
        request,
        "members/staff_members.html",
        {
            "form": form,
            "page": page,
            "requests": requests[:REQUESTS],
            "more_requests": len(requests) > REQUESTS,
            "shows_sample": shows_sample,
        },
    )


@open_to(Level.CURATOR)
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    form = BeginMembershipForm(request.POST if request.method == "POST" else None)
    user = current_user(request)

    if request.method == "POST" and form.is_done(
        services.begin_membership, refusals=REFUSALS, by=user
    ):
        messages.success(request, "The membership is recorded.")
        return redirect("web:staff_members")
    question = Question(
        title="Add a member",
        heading="Add a member",
        sentences=[],
        button="Record the membership",
        keep="Record nothing",
        back=reverse("web:staff_members"),
        back_words="Members",
        is_warning=False,
        form=form,
    )
    return ask(request, question, shows_sample=False)


def _detail(request: HttpRequest, membership_id: int, **bound: DomainForm) -> HttpResponse:
    row = member(current_user(request), membership_id)
    forms = {
        "change": ChangeForm(
            initial={
                name: getattr(row, name)
                for name in ("started_on", "paid_through", "dues_class", "ended_on")
            }
        ),
        "renew": RenewForm(initial={"paid_through": next_term(row)}),
        "end": EndForm(initial={"ended_on": timezone.now().date()}),
    }
    context = {
        "member": row,
        "forms": forms | bound,
        "form": next(iter(bound.values()), None),
        "shows_sample": row.community.is_sample,
    }
    return render(request, "members/staff_member.html", context, status=422 if bound else 200)


def next_term(row: Membership) -> dt.date:
    """A year after what is paid, or after today where that has passed."""
    today = timezone.now().date()
    begins = max(row.paid_through or today, today)
    return years_after(begins, 1)


@open_to(Level.STAFF)
@require_safe
def member_page(request: HttpRequest, membership_id: int) -> HttpResponse:
    return _detail(request, membership_id)


_ACTS: dict[str, tuple[type[DomainForm], str, str]] = {
    "change": (ChangeForm, "change_membership", "The membership is corrected."),
    "renew": (RenewForm, "renew_membership", "The membership is renewed."),
    "end": (
        EndForm,
        "end_membership",
        "The membership has ended. The community's partnerships are no longer listed.",
    ),
}


@open_to(Level.CURATOR)
@require_POST
def act(request: HttpRequest, membership_id: int, act: str) -> HttpResponse:
    kind, service, done = _ACTS[act]
    form, user = kind(request.POST), current_user(request)
    asked = {"by": user, "membership_id": membership_id}
    if not form.is_done(getattr(services, service), refusals=REFUSALS, **asked):
        return _detail(request, membership_id, **{act: form})
    messages.success(request, done)
    return redirect("web:staff_member", membership_id)


@open_to(Level.CURATOR)
@require_http_methods(["GET", "HEAD", "POST"])
def import_list(request: HttpRequest) -> HttpResponse:
    """A list is sent here, and shown row by row at its own address before anything changes."""
    form = ListForm(
        request.POST if request.method == "POST" else None,
        request.FILES if request.method == "POST" else None,
    )
    if request.method == "POST":
        sent = request.FILES.get("file")
        try:
            if was_too_large(request, "file") or (
                sent is not None and (sent.size or 0) > LARGEST_FILE
            ):
                raise too_large()
            if sent is None:
                raise InvalidFields(
                    {"file": ["Choose a file first: CSV, Excel (.xlsx) or OpenDocument (.ods)."]}
                )
            checked = services.check_members(
                by=current_user(request), file_name=sent.name or "", content=sent.read()
            )
        except InvalidFields as invalid:
            form.add_service_errors(invalid)
        else:
            return redirect("web:staff_member_import", checked.pk)
    context = {"form": form, "columns": COLUMNS, "classes": Membership.DuesClass.choices}
    return render(
        request,
        "members/staff_member_import.html",
        context,
        status=422 if form.is_bound else 200,
    )


@open_to(Level.CURATOR)
@require_http_methods(["GET", "HEAD", "POST"])
def imported(request: HttpRequest, import_id: int) -> HttpResponse:
    """What each row would do; with POST it is said what comes first in the days of the list."""
    if request.method == "POST":
        services.read_days(
            by=current_user(request),
            import_id=import_id,
            day_order=request.POST.get("day_order", ""),
        )
        return redirect("web:staff_member_import", import_id)
    checked = member_import(current_user(request), import_id)
    counts = services.counts_of(checked)
    wanted = request.GET.get("action", "")
    rows = [row for row in checked.rows if not wanted or row["action"] == wanted]
    context = {
        "checked": checked,
        "counts": [
            (action, label, counts.get(action, 0)) for action, label in ACTION_LABELS.items()
        ],
        "wanted": wanted if wanted in ACTION_LABELS else "",
        "errors": counts.get(ERROR, 0),
        "asked": counts.get(ASKED, 0),
        "to_do": counts.get(NEW, 0) + counts.get(CHANGED, 0),
        "page": Paginator(rows, 100).get_page(request.GET.get("page")),
    }
    return render(request, "members/staff_member_import.html", context)


@open_to(Level.CURATOR)
@require_POST
def apply(request: HttpRequest, import_id: int) -> HttpResponse:
    checked = services.apply_members(by=current_user(request), import_id=import_id)
    counts = services.counts_of(checked)
    new, changed, unchanged = (counts.get(action, 0) for action in (NEW, CHANGED, UNCHANGED))
    messages.success(request, f"Done: {new} new, {changed} changed, {unchanged} unchanged.")
    return redirect("web:staff_members")


@open_to(Level.STAFF)
@require_safe
def export(request: HttpRequest, kind: str) -> HttpResponseBase:
    form = MemberFilters(request.GET)
    found = form.narrow(members(current_user(request)))
    rows: Iterator[list[Any]] = (member_cells(row) for row in found.iterator(chunk_size=500))
    if kind == "xlsx":
        response: HttpResponseBase = HttpResponse(
            write_excel(COLUMNS, rows, title="Members"), content_type=XLSX_TYPE
        )
    else:
        response = StreamingHttpResponse(
            csv_lines(COLUMNS, rows), content_type="text/csv; charset=utf-8"
        )
    response["Content-Disposition"] = f'attachment; filename="members.{kind}"'
    response["Cache-Control"] = "private, no-store"
    return response


CLAIMS_PAGE = 20


def _list(
    request: HttpRequest, *, wrong: ClaimForm | None = None, status: int = 200
) -> HttpResponse:
    found = partnerships_to_confirm(current_user(request))
    number: str | int | None = request.GET.get("page")
    if wrong is not None:  # the page that holds its row, for the errors to be beside it
        ids = list(found.values_list("pk", flat=True))
        number = ids.index(wrong.claim_id) // CLAIMS_PAGE + 1 if wrong.claim_id in ids else 1
    page = Paginator(found, CLAIMS_PAGE).get_page(number)
    places, communities = places_of_rows(page), communities_named(page)
    beside = beside_claims(list(page))
    rows = []
    for row in page:
        form = (
            wrong if wrong is not None and wrong.claim_id == row.pk else ClaimForm(claim_id=row.pk)
        )
        form.offer(places.get(row.pk, []), communities.get(row.pk, []))
        is_clear = row.partner_id or not (places.get(row.pk) or communities.get(row.pk))
        theirs = beside[row.pk].theirs
        they_say = claim_words(theirs) if theirs is not None else ""
        rows.append((row, claim_words(row), form, beside[row.pk], they_say, is_clear))
    context = {
        "page": page,
        "rows": rows,
        "form": wrong,
        "ticked": request.GET.get("tick") == "all",
        "shows_sample": any(row.community.is_sample for row in page),
    }
    return render(request, "members/staff_claims.html", context, status=status)


@open_to(Level.STAFF)
@require_safe
def claim_list(request: HttpRequest) -> HttpResponse:
    return _list(request)


@open_to(Level.CURATOR)
@require_POST
def confirm_claims(request: HttpRequest) -> HttpResponse:
    """Those that were ticked."""
    claims = read_claims(request.POST.getlist("claims"))
    if not claims:
        messages.error(request, "Tick the partnerships that you confirm.")
        return redirect("web:staff_claims")
    confirmed, wrong = confirm_partnerships(by=current_user(request), claims=claims)
    if confirmed:
        names = "; ".join(f"{row.community.name} – {row.name}" for row in confirmed)
        messages.success(request, f"{len(confirmed)} confirmed: {names}.")
    rows = ExistingPartnership.objects.select_related("community").in_bulk(wrong)
    for pk, lines in wrong.items():
        row = rows.get(pk)
        name = f"{row.community.name} – {row.name}" if row is not None else f"Number {pk}"
        messages.error(request, f"{name} is not confirmed. {' '.join(lines)}")
    return redirect("web:staff_claims")


@open_to(Level.CURATOR)
@require_POST
def answer_claim(request: HttpRequest, claim_id: int) -> HttpResponse:
    form = ClaimForm(request.POST, claim_id=claim_id)
    asked = {"by": current_user(request), "partnership_id": claim_id}
    if not form.is_done(answer_partnership, refusals=(Conflict,), **asked):
        return _list(request, wrong=form, status=422)
    row: ExistingPartnership = form.result
    confirmed = row.state == ExistingPartnership.State.CONFIRMED
    messages.success(
        request,
        f"{row.name}: confirmed."
        if confirmed
        else f"{row.name}: not confirmed; its owners read why.",
    )
    return redirect("web:staff_claims")
