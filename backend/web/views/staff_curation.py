"""Staff's rules on suggestions: the release policy, bars, and pairs proposed by hand."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from backend.cities.models import Community
from backend.cities.models.communities import HOME_COUNTRY
from backend.common.clock import database_now
from backend.common.errors import InvalidFields, NotVisible
from backend.suggestions.curation.bars import all_bars, lift_bar, region_names, set_bar
from backend.suggestions.curation.pairs import two_sides
from backend.suggestions.curation.policy import policy_history, policy_in_force, set_policy
from backend.suggestions.curation.proposing import Assessment, assess_pair, promising_threshold, propose_pair
from backend.web.comparison import facet_rows, side
from backend.web.forms.curation import BarForm, PolicyForm, ProposalForm, SearchSidesForm
from backend.web.views.profile import signed_in_user

PAGE = 25
_FOUND_AT_MOST = 10


@require_http_methods(["GET", "HEAD", "POST"])
def policy(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    history = policy_history(user)
    now = policy_in_force()
    initial = {"mode": now.mode, "threshold": None if now.threshold is None else round(now.threshold * 100, 1)}
    form = PolicyForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            set_policy(by=user, **form.as_arguments())
        except InvalidFields as invalid:
            form.take(invalid)
        else:
            messages.success(request, "The policy is in force: runs follow it from now on.")
            return redirect("web:staff_policy")
    context = {"form": form, "now": now, "history": history[:50]}
    return render(request, "web/staff/policy.html", context, status=422 if form.errors else 200)


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= 18 else None


def _chosen_sides(request: HttpRequest) -> tuple[Community, Community] | None:
    """The two communities that the address names; None where it names none. Raises NotVisible where they are no pair."""
    home_id, abroad_id = (_number(request.GET.get(name, "")) for name in ("home_id", "abroad_id"))
    if home_id is None and abroad_id is None:
        return None
    try:
        return two_sides(home_id, abroad_id)
    except InvalidFields:
        raise NotVisible from None


@require_http_methods(["GET", "HEAD", "POST"])
def bars(request: HttpRequest) -> HttpResponse:
    """All bars with their history, and a further one: of two jurisdictions, or of the pair that the address names."""
    user = signed_in_user(request)
    page = Paginator(all_bars(user), PAGE).get_page(request.GET.get("page"))
    sides = _chosen_sides(request)
    today = database_now().date()
    form = BarForm(request.POST or None, sides=sides, initial={"from_on": today})
    if request.method == "POST" and form.is_valid():
        try:
            set_bar(by=user, **form.as_arguments())
        except InvalidFields as invalid:
            form.take(invalid)
        else:
            messages.success(request, "The bar is set. What was open under it is taken back; neither side is told why.")
            return redirect("web:staff_bars")
    names = region_names(page)
    rows = [(bar, names.get((HOME_COUNTRY, bar.home_admin1_code)), names.get((str(bar.country_id), bar.admin1_code))) for bar in page]
    context = {"form": form, "page": page, "rows": rows, "sides": sides, "today": today}
    return render(request, "web/staff/bars.html", context, status=422 if form.errors else 200)


@require_POST
def lift(request: HttpRequest, bar_id: int) -> HttpResponse:
    lift_bar(by=signed_in_user(request), bar_id=bar_id, because=request.POST.get("because", ""))
    messages.success(request, "The bar is lifted; the next run may suggest these again.")
    return redirect("web:staff_bars")


@require_http_methods(["GET", "HEAD", "POST"])
def propose(request: HttpRequest) -> HttpResponse:
    """Find two communities, see how they fit and what speaks against it, and propose them for a reason that is kept."""
    user = signed_in_user(request)
    sides = _chosen_sides(request)
    if sides is None:
        return _search(request)
    assessment = assess_pair(user, home_id=sides[0].pk, abroad_id=sides[1].pk)
    form = ProposalForm(request.POST or None, overrides=bool(assessment.soft))
    if request.method == "POST" and form.is_valid():
        try:
            made = propose_pair(by=user, home_id=sides[0].pk, abroad_id=sides[1].pk, **form.cleaned_data)
        except InvalidFields as invalid:
            form.take(invalid)
        else:
            messages.success(request, "The pair is proposed.")
            return redirect("web:staff_suggestion", made.pk)
    context = {"form": form, "assessment": assessment, "promising": promising_threshold(), **_fit(assessment)}
    return render(request, "web/staff/propose.html", context, status=422 if form.errors else 200)


def _fit(assessment: Assessment) -> dict[str, Any]:
    """The pair in words and bars, as a suggestion's page has it."""
    home, abroad, row = assessment.home, assessment.abroad, assessment.row
    if row is None:
        return {}
    sides = [
        side(home, abroad, "a", row.left_preference, row.left_coverage, assessment.home_reasons),
        side(abroad, home, "b", row.right_preference, row.right_coverage, assessment.abroad_reasons),
    ]
    return {"sides": sides, "rows": facet_rows(assessment.home_reasons, assessment.abroad_reasons)}


def _search(request: HttpRequest) -> HttpResponse:
    form = SearchSidesForm(request.GET or None)
    form.full_clean()
    wanted = form.cleaned_data if form.is_bound else {}
    found = {
        name: list(_named(wanted.get(name, ""), is_home=name == "home")[:_FOUND_AT_MOST]) if wanted.get(name) else []
        for name in ("home", "abroad")
    }
    context = {"form": form, "found": found, "searched": any(wanted.values()), "both": all(found.values())}
    return render(request, "web/staff/propose_search.html", context)


def _named(text: str, *, is_home: bool) -> Any:
    at_home = Q(country=HOME_COUNTRY)
    found = Community.objects.public().filter(at_home if is_home else ~at_home).select_related("country").order_by("name", "id")
    for word in text.replace("\x00", "").split():
        found = found.filter(Q(name__icontains=word) | Q(local_name__icontains=word))
    return found
