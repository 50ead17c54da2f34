"""Partnerships that officials say they have had before: confirmed or refused by staff."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from backend.cities.existing_queries import partnerships_to_confirm
from backend.cities.models import ExistingPartnership
from backend.cities.services import answer_partnership
from backend.common.errors import InvalidFields
from backend.web.forms.claims import ClaimForm
from backend.web.presentation import claim_words
from backend.web.views.profile import signed_in_user

PAGE = 20


def _list(request: HttpRequest, *, wrong: ClaimForm | None = None, status: int = 200) -> HttpResponse:
    page = Paginator(partnerships_to_confirm(signed_in_user(request)), PAGE).get_page(request.GET.get("page"))
    ids = {row.pk for row in page}
    forms = {pk: wrong if wrong is not None and wrong.claim_id == pk else ClaimForm(claim_id=pk) for pk in ids}
    rows = [(row, claim_words(row), forms[row.pk]) for row in page]
    context = {"page": page, "rows": rows, "form": wrong, "shows_sample": any(row.community.is_sample for row in page)}
    return render(request, "web/staff/claims.html", context, status=status)


@require_safe
def claim_list(request: HttpRequest) -> HttpResponse:
    return _list(request)


@require_POST
def answer(request: HttpRequest, claim_id: int) -> HttpResponse:
    form = ClaimForm(request.POST, claim_id=claim_id)
    try:
        row = answer_partnership(
            by=signed_in_user(request), partnership_id=claim_id, answer=request.POST.get("answer", ""), note=request.POST.get("note", "")
        )
    except InvalidFields as invalid:
        form.take(invalid)
        return _list(request, wrong=form, status=422)
    confirmed = row.state == ExistingPartnership.State.CONFIRMED
    messages.success(request, f"{row.name}: confirmed." if confirmed else f"{row.name}: not confirmed; its owners read why.")
    return redirect("web:staff_claims")
