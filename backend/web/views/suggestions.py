"""The queue of suggestions, one of them, and the answer. Nothing here depends on the other side's answer before both are interested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from backend.accounts.grants import Thing, may
from backend.accounts.models import User
from backend.cities.models import Community
from backend.cities.permissions import actor_kind
from backend.common.clock import database_now
from backend.common.errors import InvalidFields
from backend.introductions.queries import introductions_of
from backend.suggestions.models import Decision
from backend.suggestions.places_apart import places_apart
from backend.suggestions.queries import SuggestionView, seen_from, suggestion_for
from backend.suggestions.reviewing import MOST_COMPARED, SHOWN, Review, queue, queue_counts, reviews_of
from backend.suggestions.services import answer, undo_answer
from backend.suggestions.sides_in_words import Side, sides_of_view
from backend.suggestions.wording import closing_text
from backend.web.comparison import compared_groups, facet_rows
from backend.web.forms.answers import DeclineForm
from backend.web.forms.reviews import QueueForm, VoteForm
from backend.web.views.profile import signed_in_user

PAGE = 10
_SHOWN_LABELS = {
    "all": gettext_lazy("All"),
    "awaiting_me": gettext_lazy("Awaiting me"),
    "new": gettext_lazy("New"),
    "shortlist": gettext_lazy("Shortlist"),
    "answered": gettext_lazy("Answered"),
}


@dataclass(frozen=True, slots=True)
class SuggestionCard:
    view: SuggestionView
    sides: list[Side]
    review: Review


@dataclass(frozen=True, slots=True)
class QueueTab:
    code: str
    label: str
    count: int
    address: str
    is_current: bool


def _tabs(request: HttpRequest, counts: dict[str, int], shown: str) -> list[QueueTab]:
    tabs = []
    for code in SHOWN:
        query = request.GET.copy()
        query.pop("page", None)
        query["shown"] = code
        tabs.append(QueueTab(code, str(_SHOWN_LABELS[code]), counts[code], f"?{query.urlencode()}", code == shown))
    return tabs


@require_safe
def suggestion_list(request: HttpRequest, community_id: int) -> HttpResponse:
    user = signed_in_user(request)
    counts = queue_counts(user, community_id)
    shown = request.GET.get("shown", "all")
    shown = shown if shown in SHOWN else "all"
    form = QueueForm(request.GET, counts=counts)
    rows = queue(user, community_id, form.filters(shown))
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    now = database_now()
    views = [seen_from(row, community_id, now=now) for row in page]
    reviews = reviews_of(user, community_id, views)
    actor = actor_kind(user, community_id)
    cards = [SuggestionCard(view, sides_of_view(view), reviews[view.suggestion_id]) for view in views]
    context = {
        "community_id": community_id,
        "own": views[0].own if views else Community.objects.select_related("country").get(pk=community_id),
        "form": form,
        "tabs": _tabs(request, counts.shown, shown),
        "counts": counts.shown,
        "page": page,
        "cards": cards,
        "most_compared": MOST_COMPARED,
        "may_answer": may(actor, "X", Thing.ANSWER),
        "may_edit": may(actor, "U", Thing.DRAFT),
        "shows_sample": any(card.view.own.is_sample or card.view.other.is_sample for card in cards),
    }
    return render(request, "web/suggestions.html", context)


def detail_context(user: User, community_id: int, suggestion_id: int) -> dict[str, Any]:
    """Everything that the page of one suggestion shows."""
    view = suggestion_for(user, suggestion_id, community_id=community_id)
    introduction = None
    if view.status_for_side in ("mutual", "introduced"):
        introduction = introductions_of(user, community_id).filter(suggestion_id=suggestion_id).first()
    review = reviews_of(user, community_id, [view])[suggestion_id]
    own_vote = {"choice": review.own_vote.choice, "comment": review.own_vote.comment} if review.own_vote else None
    may_answer = may(actor_kind(user, community_id), "X", Thing.ANSWER)
    now = database_now()
    return {
        "community_id": community_id,
        "view": view,
        "sides": sides_of_view(view),
        "rows": facet_rows(view.own_reasons, view.other_reasons),
        "compared": compared_groups([view.own, view.other]),
        "compared_communities": [view.own, view.other],
        "apart": places_apart(view.own, view.other, now.date()),
        "introduction": introduction,
        "review": review,
        "vote": VoteForm(initial=own_vote),
        "decline": DeclineForm(),
        "may_answer": may_answer,
        "objections": {"interested": review.objection_to("interested"), "declined": review.objection_to("declined")},
        "undo_seconds": max(0, round((view.undo_until - now).total_seconds())) if view.undo_until and may_answer else 0,
        "closing": closing_text(other=view.other.name),
        "closing_there": closing_text(other=view.own.name),
        "shows_sample": view.own.is_sample or view.other.is_sample,
    }


@require_safe
def detail(request: HttpRequest, community_id: int, suggestion_id: int) -> HttpResponse:
    return render(request, "web/suggestion.html", detail_context(signed_in_user(request), community_id, suggestion_id))


_WORDS = {
    Decision.Answer.INTERESTED: gettext_lazy(
        "Thank you. The other side learns of it only if it is interested too; then staff introduce you."
    ),
    Decision.Answer.DECLINED: gettext_lazy("Thank you. The other side is not told; your reason helps us to suggest better."),
    Decision.Answer.WITHDRAWN: gettext_lazy("Your interest is withdrawn. The other side is not told."),
}


@require_POST
def give_answer(request: HttpRequest, community_id: int, suggestion_id: int) -> HttpResponse:
    user = signed_in_user(request)
    given = request.POST.get("answer", "")
    reason = request.POST.get("reason", "") if given == Decision.Answer.DECLINED else ""
    try:
        answer(
            by=user,
            suggestion_id=suggestion_id,
            community_id=community_id,
            answer=given,
            reason=reason,
            comment=request.POST.get("comment", ""),
        )
    except InvalidFields as invalid:
        form = DeclineForm(request.POST)
        form.take(invalid)
        context = detail_context(user, community_id, suggestion_id) | {"decline": form}
        return render(request, "web/suggestion.html", context, status=422)
    messages.success(request, _WORDS[Decision.Answer(given)])
    return redirect("web:suggestion", community_id, suggestion_id)


@require_POST
def undo(request: HttpRequest, community_id: int, suggestion_id: int) -> HttpResponse:
    undo_answer(by=signed_in_user(request), suggestion_id=suggestion_id, community_id=community_id)
    messages.success(request, _("Your answer is undone, as if it had never been given. Nobody was told of it."))
    return redirect("web:suggestion", community_id, suggestion_id)
