"""My suggestions: what speaks for each partner on both sides, and the answer. Nothing here depends on the other side's answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from backend.accounts.grants import Thing, may
from backend.cities.permissions import actor_kind
from backend.common.errors import InvalidFields
from backend.introductions.queries import introductions_of
from backend.suggestions.models import Decision
from backend.suggestions.queries import SuggestionView, suggestion_for, suggestions_for
from backend.suggestions.services import answer
from backend.web.comparison import Side, compared_groups, facet_rows, sides_of_view
from backend.web.forms.answers import DeclineForm
from backend.web.presentation import describe, published_data
from backend.web.views.profile import signed_in_user

PAGE = 10


@dataclass(frozen=True, slots=True)
class SuggestionCard:
    view: SuggestionView
    sides: list[Side]


@require_safe
def suggestion_list(request: HttpRequest, community_id: int) -> HttpResponse:
    user = signed_in_user(request)
    views = suggestions_for(user, community_id)
    page = Paginator(views, PAGE).get_page(request.GET.get("page"))
    cards = [SuggestionCard(view, sides_of_view(view)) for view in page]
    context = {
        "community_id": community_id,
        "own": views[0].own if views else None,
        "page": page,
        "cards": cards,
        "open_count": sum(view.can_answer for view in views),
        "may_answer": may(actor_kind(user, community_id), "X", Thing.ANSWER),
        "shows_sample": any(card.view.own.is_sample or card.view.other.is_sample for card in cards),
    }
    return render(request, "web/suggestions.html", context)


def _detail_context(request: HttpRequest, community_id: int, suggestion_id: int) -> dict[str, Any]:
    user = signed_in_user(request)
    view = suggestion_for(user, suggestion_id, community_id=community_id)
    introduction = None
    if view.status_for_side in ("mutual", "introduced"):
        introduction = introductions_of(user, community_id).filter(suggestion_id=suggestion_id).first()
    return {
        "community_id": community_id,
        "view": view,
        "sides": sides_of_view(view),
        "rows": facet_rows(view.own_reasons, view.other_reasons),
        "compared": compared_groups(describe(published_data(view.own), view.own), describe(published_data(view.other), view.other)),
        "introduction": introduction,
        "may_answer": may(actor_kind(user, community_id), "X", Thing.ANSWER),
        "shows_sample": view.own.is_sample or view.other.is_sample,
    }


@require_safe
def detail(request: HttpRequest, community_id: int, suggestion_id: int) -> HttpResponse:
    context = _detail_context(request, community_id, suggestion_id)
    return render(request, "web/suggestion.html", context | {"decline": DeclineForm()})


_WORDS = {
    Decision.Answer.INTERESTED: _("Thank you. The other side learns of it only if it is interested too; then staff introduce you."),
    Decision.Answer.DECLINED: _("Thank you. The other side is not told; your reason helps us to suggest better."),
    Decision.Answer.WITHDRAWN: _("Your interest is withdrawn. The other side is not told."),
}


@require_POST
def give_answer(request: HttpRequest, community_id: int, suggestion_id: int) -> HttpResponse:
    form = DeclineForm(request.POST)
    given = request.POST.get("answer", "")
    reason = request.POST.get("reason", "") if given == Decision.Answer.DECLINED else ""
    try:
        answer(
            by=signed_in_user(request),
            suggestion_id=suggestion_id,
            community_id=community_id,
            answer=given,
            reason=reason,
            comment=request.POST.get("comment", ""),
        )
    except InvalidFields as invalid:
        form.take(invalid)
        return render(request, "web/suggestion.html", _detail_context(request, community_id, suggestion_id) | {"decline": form}, status=422)
    messages.success(request, _WORDS[Decision.Answer(given)])
    return redirect("web:suggestion", community_id, suggestion_id)
