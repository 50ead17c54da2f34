"""Suggestions as staff see them, release and hold, and the rules on them: policy, exclusion rules,
pairs proposed by hand.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backend.cities.models import Community
from backend.cities.models.communities import HOME_COUNTRY
from backend.cities.names import fold
from backend.common.dates import database_now
from backend.common.errors import Conflict, InvalidFields, NotVisible, WrongState
from backend.common.formatting import csv_lines
from backend.outbox.queries import trail
from backend.suggestions.eligibility import all_exclusion_rules, region_names
from backend.suggestions.models import HandProposal, Suggestion
from backend.suggestions.pair_text import pair_text
from backend.suggestions.queries import staff_suggestions
from backend.suggestions.services import hold, release
from backend.suggestions.services.curation import (
    hold_many,
    lift_exclusion_rule,
    policy_history,
    policy_in_force,
    release_many,
    seeking_no_more,
    set_exclusion_rule,
    set_policy,
    two_sides,
)
from backend.suggestions.services.partner_requests import (
    accept_request,
    assess_request_now,
    decline_request,
    is_open,
    staff_requests,
)
from backend.suggestions.services.proposals import (
    assess_pair,
    promising_threshold,
    propose_pair,
)
from backend.suggestions.services.prospects import ProspectsForStaff, standings_for_staff
from backend.suggestions.sides import Fit, home_side_first, state_in_effect
from backend.web.access import Level, open_to
from backend.web.curation.forms import (
    CAUSE_LABELS,
    AcceptRequestForm,
    DeclineRequestForm,
    ExclusionRuleForm,
    PolicyForm,
    ProposalForm,
    RequestFilters,
    SearchSidesForm,
    StandingFilters,
    SuggestionFilters,
)
from backend.web.html.base import current_user, inside
from backend.web.html.forms import DomainForm
from backend.web.suggestions.comparison import facet_rows

PAGE = 25
RELEASABLE = (Suggestion.Status.PROPOSED, Suggestion.Status.HELD)


@open_to(Level.STAFF)
@require_safe
def suggestion_list(request: HttpRequest) -> HttpResponse:
    form = SuggestionFilters(request.GET)
    found = form.narrow(staff_suggestions(current_user(request)))
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    now = database_now()
    rows = [
        (
            suggestion,
            [side.fit for side in home_side_first(suggestion)],
            _can_hold(suggestion, _states(suggestion, now)),
        )
        for suggestion in page
    ]
    shows_sample = any(
        suggestion.pair.a.is_sample or suggestion.pair.b.is_sample for suggestion in page
    )
    context = {
        "form": form,
        "page": page,
        "rows": rows,
        "shows_sample": shows_sample,
        "policy": policy_in_force(),
    }
    return render(request, "curation/staff_suggestions.html", context)


def _states(suggestion: Suggestion, now: dt.datetime) -> list[str]:
    """Both sides' answers as staff know them, the side at home first."""
    return [state_in_effect(side, now) for side in home_side_first(suggestion)]


def _can_hold(suggestion: Suggestion, states: list[str]) -> bool:
    is_pending = set(states) == {Suggestion.SideState.PENDING.value}
    return suggestion.status == Suggestion.Status.RELEASED and is_pending


@open_to(Level.STAFF)
@require_safe
def detail(request: HttpRequest, suggestion_id: int) -> HttpResponse:
    suggestion = staff_suggestions(current_user(request)).filter(pk=suggestion_id).first()
    if suggestion is None:
        raise NotVisible
    first, second = home_side_first(suggestion)
    states = _states(suggestion, database_now())
    waits = suggestion.status in RELEASABLE
    gone = seeking_no_more(suggestion.pair.a_id, suggestion.pair.b_id) if waits else []
    context: dict[str, Any] = {
        "suggestion": suggestion,
        "states": [Suggestion.SideState(state).label for state in states],
        **_in_words(first.fit, second.fit),
        "decisions": suggestion.decisions.in_effect()
        .select_related("community", "by")
        .order_by("id"),
        "events": trail("suggestion", suggestion.pk),
        "proposal": HandProposal.objects.select_related("by").filter(suggestion=suggestion).first(),
        "introduction": suggestion.introductions.order_by("-id").first(),
        "can_release": waits and not gone,
        "gone": gone,
        "can_hold": _can_hold(suggestion, states),
        "shows_sample": suggestion.pair.a.is_sample or suggestion.pair.b.is_sample,
    }
    return render(request, "curation/staff_suggestion.html", context)


@open_to(Level.CURATOR)
@require_POST
def act(request: HttpRequest, suggestion_id: int) -> HttpResponse:
    user = current_user(request)
    chosen = request.POST.get("act", "")
    if chosen == "release":
        release(by=user, suggestion_id=suggestion_id)
        messages.success(request, "Released: both sides are notified.")
    elif chosen == "hold":
        hold(by=user, suggestion_id=suggestion_id)
        messages.success(request, "Held: neither side sees it.")
    else:
        raise InvalidFields({"act": ["Choose whether to release or to hold."]})
    return redirect(
        inside(request.POST.get("after", ""), reverse("web:staff_suggestion", args=[suggestion_id]))
    )


@open_to(Level.CURATOR)
@require_POST
def act_on_several(request: HttpRequest) -> HttpResponse:
    """Releases or holds what is ticked; says of each that could not be why."""
    user = current_user(request)
    chosen = request.POST.get("act", "")
    if chosen not in ("release", "hold"):
        raise InvalidFields({"act": ["Choose whether to release or to hold."]})
    ids = [
        int(value)
        for value in request.POST.getlist("suggestion_ids")
        if value.isdecimal() and len(value) <= 18
    ]
    result = (release_many if chosen == "release" else hold_many)(by=user, suggestion_ids=ids)
    words = (
        "%(count)d suggestion is released."
        if len(result.done) == 1
        else "%(count)d suggestions are released."
    )
    if chosen == "hold":
        words = (
            "%(count)d suggestion is held."
            if len(result.done) == 1
            else "%(count)d suggestions are held."
        )
    messages.success(request, words % {"count": len(result.done)})
    for suggestion_id, why in result.refused.items():
        messages.warning(request, f"Suggestion {suggestion_id}: {why}")
    return redirect(inside(request.POST.get("after", ""), reverse("web:staff_suggestions")))


RULES_PAGE = 25
_FOUND_AT_MOST = 10


@open_to(Level.STAFF)
@require_http_methods(["GET", "HEAD", "POST"])
def policy(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    history = policy_history(user)
    now = policy_in_force()
    initial = {
        "mode": now.mode,
        "threshold": now.threshold,
    }
    form = PolicyForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_done(set_policy, by=user):
        messages.success(request, "The policy is in force: runs follow it from now on.")
        return redirect("web:staff_policy")
    context = {"form": form, "now": now, "history": history[:50]}
    return render(
        request, "curation/staff_policy.html", context, status=422 if form.errors else 200
    )


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= 18 else None


def _chosen_sides(request: HttpRequest) -> tuple[Community, Community] | None:
    """The two communities that the address names; None where it names none. Raises NotVisible where
    they are no pair.
    """
    home_id, abroad_id = (_number(request.GET.get(name, "")) for name in ("home_id", "abroad_id"))
    if home_id is None and abroad_id is None:
        return None
    try:
        return two_sides(home_id, abroad_id)
    except InvalidFields:
        raise NotVisible from None


@open_to(Level.STAFF)
@require_http_methods(["GET", "HEAD", "POST"])
def exclusion_rules(request: HttpRequest) -> HttpResponse:
    """All exclusion rules with their history, and a new one: of two jurisdictions, or of the pair
    in the query string.
    """
    user = current_user(request)
    page = Paginator(all_exclusion_rules(user), RULES_PAGE).get_page(request.GET.get("page"))
    sides = _chosen_sides(request)
    today = database_now().date()
    form = ExclusionRuleForm(request.POST or None, sides=sides, initial={"from_on": today})
    if request.method == "POST" and form.is_done(set_exclusion_rule, by=user):
        messages.success(
            request,
            "The rule is set. What was open under it is taken back; neither side learns why.",
        )
        return redirect("web:staff_exclusion_rules")
    names = region_names(page)
    rows = [
        (
            rule,
            names.get((HOME_COUNTRY, rule.home_admin1_code)),
            names.get((str(rule.country_id), rule.admin1_code)),
        )
        for rule in page
    ]
    context = {"form": form, "page": page, "rows": rows, "sides": sides, "today": today}
    return render(
        request, "curation/staff_exclusion_rules.html", context, status=422 if form.errors else 200
    )


@open_to(Level.CURATOR)
@require_POST
def lift(request: HttpRequest, rule_id: int) -> HttpResponse:
    lift_exclusion_rule(
        by=current_user(request), rule_id=rule_id, because=request.POST.get("because", "")
    )
    messages.success(request, "The rule is lifted; the next run may suggest these again.")
    return redirect("web:staff_exclusion_rules")


@open_to(Level.CURATOR)
@require_http_methods(["GET", "HEAD", "POST"])
def propose(request: HttpRequest) -> HttpResponse:
    """Find two communities, see how they fit and what speaks against it, and propose them for a
    reason that is kept.
    """
    user = current_user(request)
    sides = _chosen_sides(request)
    if sides is None:
        return _search(request)
    assessment = assess_pair(user, home_id=sides[0].pk, abroad_id=sides[1].pk)
    form = ProposalForm(
        request.POST or None, overrides=bool(assessment.soft), initial={"release_now": True}
    )
    if request.method == "POST" and form.is_done(
        propose_pair, by=user, home_id=sides[0].pk, abroad_id=sides[1].pk
    ):
        messages.success(request, "The pair is proposed.")
        return redirect("web:staff_suggestion", form.result.pk)
    context = {
        "form": form,
        "assessment": assessment,
        "promising": promising_threshold(),
        **(_in_words(*assessment.fits) if assessment.fits else {}),
    }
    return render(
        request, "curation/staff_propose.html", context, status=422 if form.errors else 200
    )


@open_to(Level.STAFF)
@require_safe
def few_suggestions(request: HttpRequest) -> HttpResponse:
    """Communities with few suggestions or none, and why; with ?format=csv as a list to keep."""
    standings = standings_for_staff(current_user(request))
    form = StandingFilters(request.GET)
    rows = form.kept(standings)
    if request.GET.get("format") == "csv":
        return _few_as_csv(rows)
    counts = Counter(code for row in standings for code in row.codes or ["none"])
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "rows": [(row, [CAUSE_LABELS[code] for code in row.codes]) for row in page],
        "counts": [
            (code, label, counts[code]) for code, label in CAUSE_LABELS.items() if counts[code]
        ],
        "without": sum(not row.open for row in standings),
        "all": len(standings),
        "shows_sample": any(row.community.is_sample for row in page),
    }
    return render(request, "curation/staff_few_suggestions.html", context)


def _few_as_csv(rows: list[ProspectsForStaff]) -> HttpResponse:
    columns = ("community_id", "community", "country", "open_suggestions", "causes")
    figures = ("counterparts", "candidates", "speaks_with", "reaching", "coverage")
    lines = [
        [
            *(row.community.pk, row.community.name, row.community.country_id, row.open),
            " ".join(row.codes),
            *(row.figures.get(name, "") for name in figures),
        ]
        for row in rows
    ]
    headers = {
        "Content-Disposition": 'attachment; filename="few-suggestions.csv"',
        "Cache-Control": "private, no-store",
    }
    return HttpResponse(
        "".join(csv_lines([*columns, *figures], lines)),
        content_type="text/csv; charset=utf-8",
        headers=headers,
    )


@open_to(Level.STAFF)
@require_safe
def request_list(request: HttpRequest) -> HttpResponse:
    form = RequestFilters(request.GET or {"shown": "open"})
    found = form.narrow(staff_requests(current_user(request)))
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    shows_sample = any(row.community.is_sample or row.named.is_sample for row in page)
    context = {"form": form, "page": page, "now": database_now(), "shows_sample": shows_sample}
    return render(request, "curation/staff_requests.html", context)


@open_to(Level.STAFF)
@require_http_methods(["GET", "HEAD", "POST"])
def request_detail(request: HttpRequest, asked_id: int) -> HttpResponse:
    """One request with how the two fit now; a curator accepts or declines it."""
    user = current_user(request)
    asked = staff_requests(user).filter(pk=asked_id).first()
    if asked is None or (request.method == "POST" and not user.is_curator):
        raise NotVisible
    chosen = request.POST.get("act", "")
    if request.method == "POST" and chosen not in ("accept", "decline"):
        raise InvalidFields({"act": ["Choose whether to accept or to decline."]})
    assessment, declines = assess_request_now(asked), chosen == "decline"
    accept = AcceptRequestForm(
        request.POST if request.method == "POST" and not declines else None,
        overrides=bool(assessment.soft),
    )
    decline = DeclineRequestForm(request.POST if declines else None, auto_id="decline_%s")
    form: DomainForm = decline if declines else accept
    service = decline_request if declines else accept_request
    if request.method == "POST" and form.is_done(
        service, refusals=(WrongState, Conflict), by=user, request_id=asked_id
    ):
        messages.success(request, "It is decided. Neither side is told who asked.")
        return redirect("web:staff_requests")
    context = {
        "form": accept,
        "decline": decline,
        "asked": asked,
        "can_decide": is_open(asked, database_now()),
        "assessment": assessment,
        "promising": promising_threshold(),
        **(_in_words(*assessment.fits) if assessment.fits else {}),
    }
    return render(
        request, "curation/staff_propose.html", context, status=422 if form.errors else 200
    )


def _in_words(first: Fit, second: Fit) -> dict[str, Any]:
    """A pair in words and rule charts."""
    pair = pair_text(first, second, read_by="staff")
    rows = facet_rows(first.reasons, second.reasons)
    return {"pair": pair, "sides": pair.sides, "rows": rows}


def _search(request: HttpRequest) -> HttpResponse:
    form = SearchSidesForm(request.GET or None)
    form.full_clean()
    wanted = form.cleaned_data if form.is_bound else {}
    found = {
        name: list(_named(wanted.get(name, ""), is_home=name == "home")[:_FOUND_AT_MOST])
        if wanted.get(name)
        else []
        for name in ("home", "abroad")
    }
    context = {
        "form": form,
        "found": found,
        "searched": any(wanted.values()),
        "both": all(found.values()),
    }
    return render(request, "curation/staff_propose_search.html", context)


def _named(text: str, *, is_home: bool) -> Any:
    at_home = Q(country=HOME_COUNTRY)
    found = (
        Community.objects.public()
        .filter(at_home if is_home else ~at_home)
        .select_related("country")
        .order_by("name", "id")
    )
    for word in text.replace("\x00", "").split():
        found = found.filter(
            Q(place__search_text__contains=fold(word))
            | Q(name_key__contains=fold(word))
            | Q(name__icontains=word)
            | Q(local_name__icontains=word)
        )
    return found
