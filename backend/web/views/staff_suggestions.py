"""Suggestions as staff see them: both sides' answers, release and hold."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from backend.common.errors import InvalidFields, NotVisible
from backend.outbox.queries import trail
from backend.suggestions.curation.policy import policy_in_force
from backend.suggestions.curation.releasing import hold_many, release_many
from backend.suggestions.models import HandProposal, Suggestion
from backend.suggestions.queries import staff_suggestions
from backend.suggestions.services import hold, release
from backend.web.comparison import facet_rows, sides_of_suggestion
from backend.web.forms.staff_filters import SuggestionFilters
from backend.web.returns import inside
from backend.web.views.profile import signed_in_user

PAGE = 25
RELEASABLE = (Suggestion.Status.PROPOSED, Suggestion.Status.HELD)


@require_safe
def suggestion_list(request: HttpRequest) -> HttpResponse:
    form = SuggestionFilters(request.GET)
    page = Paginator(staff_suggestions(signed_in_user(request), **form.chosen()), PAGE).get_page(request.GET.get("page"))
    rows = [(suggestion, sides_of_suggestion(suggestion)) for suggestion in page]
    shows_sample = any(suggestion.pair.a.is_sample or suggestion.pair.b.is_sample for suggestion in page)
    context = {"form": form, "page": page, "rows": rows, "shows_sample": shows_sample, "policy": policy_in_force()}
    return render(request, "web/staff/suggestions.html", context)


@require_safe
def detail(request: HttpRequest, suggestion_id: int) -> HttpResponse:
    suggestion = staff_suggestions(signed_in_user(request)).filter(pk=suggestion_id).first()
    if suggestion is None:
        raise NotVisible
    sides = sides_of_suggestion(suggestion)
    first, second = ("a", "b") if sides[0].community.pk == suggestion.pair.a_id else ("b", "a")
    context: dict[str, Any] = {
        "suggestion": suggestion,
        "sides": sides,
        "states": [getattr(suggestion, f"get_{first}_state_display")(), getattr(suggestion, f"get_{second}_state_display")()],
        "rows": facet_rows(getattr(suggestion, f"{first}_reasons"), getattr(suggestion, f"{second}_reasons")),
        "decisions": suggestion.decisions.select_related("community", "by").order_by("id"),
        "events": trail("suggestion", suggestion.pk),
        "proposal": HandProposal.objects.select_related("by").filter(suggestion=suggestion).first(),
        "introduction": suggestion.introductions.order_by("-id").first(),
        "can_release": suggestion.status in RELEASABLE,
        "can_hold": suggestion.status == Suggestion.Status.RELEASED and suggestion.a_state == suggestion.b_state == "pending",
        "shows_sample": suggestion.pair.a.is_sample or suggestion.pair.b.is_sample,
    }
    return render(request, "web/staff/suggestion.html", context)


@require_POST
def act(request: HttpRequest, suggestion_id: int) -> HttpResponse:
    user = signed_in_user(request)
    chosen = request.POST.get("act", "")
    if chosen == "release":
        release(by=user, suggestion_id=suggestion_id)
        messages.success(request, _("Released: both sides are told."))
    elif chosen == "hold":
        hold(by=user, suggestion_id=suggestion_id)
        messages.success(request, _("Held: neither side sees it."))
    else:
        raise InvalidFields({"act": [_("Choose whether to release or to hold.")]})
    return redirect(inside(request.POST.get("after", ""), reverse("web:staff_suggestion", args=[suggestion_id])))


@require_POST
def act_on_several(request: HttpRequest) -> HttpResponse:
    """Releases or holds what is ticked; says of each that could not be why."""
    user = signed_in_user(request)
    chosen = request.POST.get("act", "")
    if chosen not in ("release", "hold"):
        raise InvalidFields({"act": [_("Choose whether to release or to hold.")]})
    ids = [int(value) for value in request.POST.getlist("suggestion_ids") if value.isdecimal() and len(value) <= 18]
    result = (release_many if chosen == "release" else hold_many)(by=user, suggestion_ids=ids)
    words = ngettext("%(count)d suggestion is released.", "%(count)d suggestions are released.", len(result.done))
    if chosen == "hold":
        words = ngettext("%(count)d suggestion is held.", "%(count)d suggestions are held.", len(result.done))
    messages.success(request, words % {"count": len(result.done)})
    for suggestion_id, why in result.refused.items():
        messages.warning(request, _("Suggestion %(number)d: %(why)s") % {"number": suggestion_id, "why": why})
    return redirect(inside(request.POST.get("after", ""), reverse("web:staff_suggestions")))
