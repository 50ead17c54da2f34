"""The queue of suggestions, one of them, its dossier, the answer, and what a side's people do
together before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.files.base import ContentFile
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backend.accounts.grants import Resource, Verb
from backend.cities.models import Community
from backend.cities.permissions import Reader
from backend.common.dates import database_now
from backend.common.errors import Gone, InvalidFields, NotVisible, Unavailable
from backend.common.files import private_download
from backend.introductions.queries.introductions import introductions_of
from backend.suggestions.dossiers import dossier_bytes, dossier_context
from backend.suggestions.models import AnswerRule, Decision
from backend.suggestions.pair_text import PairText, text_for_side
from backend.suggestions.public_facts import places_apart
from backend.suggestions.queries import (
    SuggestionForSide,
    seen_from,
    suggestion_for,
    suggestion_or_what_is_left,
)
from backend.suggestions.reviews import (
    MOST_COMPARED,
    SHOWN,
    Review,
    compared,
    queue,
    queue_counts,
    reviews_of,
    rule_of,
    voters,
    votes_for_staff,
)
from backend.suggestions.services import (
    answer_suggestion,
    cast_vote,
    put_vote_back,
    remove_vote,
    set_answer_rule,
    set_vote_aside,
    shortlist,
    undo_answer,
)
from backend.suggestions.services.prospects import standing_of
from backend.suggestions.sides import (
    acts_for_other,
    acts_on,
    closing_text,
    objection_to_both_sides,
)
from backend.web.access import Level, open_to
from backend.web.html.base import current_reader, current_user
from backend.web.suggestions.comparison import candidate_facets, compared_groups, facet_rows
from backend.web.suggestions.forms import DeclineForm, QueueForm, RuleForm, SetAsideForm, VoteForm
from backend.web.suggestions.prospects import standing_text

PAGE = 10
_SHOWN_LABELS = {
    "all": gettext_lazy("All"),
    "awaiting_me": gettext_lazy("Awaiting me"),
    "new": gettext_lazy("New"),
    "shortlist": gettext_lazy("Shortlist"),
    "answered": gettext_lazy("Answered"),
}


@dataclass(frozen=True, slots=True)
class SuggestionRow:
    view: SuggestionForSide
    pair: PairText
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
        tabs.append(
            QueueTab(
                code, str(_SHOWN_LABELS[code]), counts[code], f"?{query.urlencode()}", code == shown
            )
        )
    return tabs


@open_to(Level.COMMUNITY)
@require_safe
def suggestion_list(request: HttpRequest, community_id: int) -> HttpResponse:
    reader = current_reader(request)
    counts = queue_counts(reader)
    form = QueueForm(request.GET, counts=counts)
    page = Paginator(form.narrow(queue(reader), reader), PAGE).get_page(request.GET.get("page"))
    now = database_now()
    views = [seen_from(row, community_id, now=now) for row in page]
    reviews = reviews_of(reader, views)
    rows = [
        SuggestionRow(view, text_for_side(view, now.date()), reviews[view.suggestion_id])
        for view in views
    ]
    context = {
        "community_id": community_id,
        "own": views[0].own
        if views
        else Community.objects.select_related("country").get(pk=community_id),
        "form": form,
        "tabs": _tabs(request, counts.shown, form.chosen().get("shown", "all")),
        "counts": counts.shown,
        "page": page,
        "rows": rows,
        "most_compared": MOST_COMPARED,
        "may_answer": reader.may(Verb.ACT, Resource.ANSWER),
        "prospects": standing_text(
            standing_of(reader), community_id, may_edit=reader.may(Verb.UPDATE, Resource.DRAFT)
        ),
        "may_edit": reader.may(Verb.UPDATE, Resource.DRAFT),
        "shows_sample": any(row.view.own.is_sample or row.view.other.is_sample for row in rows),
    }
    return render(request, "suggestions/suggestions.html", context)


def detail_context(reader: Reader, suggestion_id: int) -> dict[str, Any]:
    """Everything that the page of one suggestion shows."""
    view = suggestion_for(reader, suggestion_id)
    introduction = None
    if view.status_for_side in ("mutual", "introduced"):
        introduction = introductions_of(reader).filter(suggestion_id=suggestion_id).first()
    review = reviews_of(reader, [view])[suggestion_id]
    own_vote = (
        {"choice": review.own_vote.choice, "comment": review.own_vote.comment}
        if review.own_vote
        else None
    )
    may_answer = reader.may(Verb.ACT, Resource.ANSWER)
    now = database_now()
    both_sides = _objection_to_both_sides(reader, view) if view.can_answer else ""
    pair = text_for_side(view, now.date())
    return {
        "community_id": view.own.pk,
        "view": view,
        "pair": pair,
        "sides": pair.sides,
        "rows": facet_rows(view.own_fit.reasons, view.other_fit.reasons),
        "compared": compared_groups([view.own, view.other]),
        "compared_communities": [view.own, view.other],
        "apart": places_apart(view.own, view.other, now.date()),
        "introduction": introduction,
        "review": review,
        "vote": VoteForm(initial=own_vote),
        "aside": SetAsideForm(),
        "decline": DeclineForm(),
        "may_answer": may_answer,
        "both_sides": both_sides,
        "objections": {
            "interested": both_sides or review.objection_to("interested"),
            "declined": both_sides or review.objection_to("declined"),
        },
        "undo_seconds": max(0, round((view.undo_until - now).total_seconds()))
        if view.undo_until and may_answer
        else 0,
        "closing": closing_text(other=view.other.name),
        "closing_there": closing_text(other=view.own.name),
        "shows_sample": view.own.is_sample or view.other.is_sample,
    }


def _objection_to_both_sides(reader: Reader, view: SuggestionForSide) -> str:
    """Why this person does not answer here; empty where they may."""
    acts = acts_on(view.suggestion_id, reader.user.pk)
    if not acts_for_other(acts, view.own.pk):
        return ""
    return objection_to_both_sides(view.own, view.other)


@open_to(Level.COMMUNITY)
@require_safe
def detail(request: HttpRequest, community_id: int, suggestion_id: int) -> HttpResponse:
    reader = current_reader(request)
    try:
        return render(request, "suggestions/suggestion.html", detail_context(reader, suggestion_id))
    except Gone as gone:
        view = suggestion_or_what_is_left(reader, suggestion_id)
        context = {
            "community_id": community_id,
            "view": view,
            "review": reviews_of(reader, [view])[suggestion_id],
            "sentence": gone.message,
            "shows_sample": view.own.is_sample or view.other.is_sample,
        }
        return render(request, "suggestions/taken_back.html", context)


_WORDS = {
    Decision.Answer.INTERESTED: gettext_lazy(
        "Thank you. The other side learns of it only if it is interested too; then staff introduce "
        "you."
    ),
    Decision.Answer.DECLINED: gettext_lazy(
        "Thank you. The other side is not notified; your reason helps us to suggest better."
    ),
    Decision.Answer.WITHDRAWN: gettext_lazy(
        "Your interest is withdrawn. The other side is not notified."
    ),
}


@open_to(Level.COMMUNITY)
@require_POST
def give_answer(request: HttpRequest, community_id: int, suggestion_id: int) -> HttpResponse:
    user = current_user(request)
    given = request.POST.get("answer", "")
    reason = request.POST.get("reason", "") if given == Decision.Answer.DECLINED else ""
    try:
        answer_suggestion(
            by=user,
            suggestion_id=suggestion_id,
            community_id=community_id,
            choice=given,
            reason=reason,
            comment=request.POST.get("comment", ""),
        )
    except InvalidFields as invalid:
        form = DeclineForm(request.POST)
        form.add_service_errors(invalid)
        context = detail_context(current_reader(request), suggestion_id) | {"decline": form}
        return render(request, "suggestions/suggestion.html", context, status=422)
    messages.success(request, _WORDS[Decision.Answer(given)])
    return redirect("web:suggestion", community_id, suggestion_id)


@open_to(Level.COMMUNITY)
@require_POST
def undo(request: HttpRequest, community_id: int, suggestion_id: int) -> HttpResponse:
    undo_answer(by=current_user(request), suggestion_id=suggestion_id, community_id=community_id)
    messages.success(
        request,
        _("Your answer is undone, as if it had never been given. Nobody was notified of it."),
    )
    return redirect("web:suggestion", community_id, suggestion_id)


@open_to(Level.COMMUNITY)
@require_POST
def vote(request: HttpRequest, community_id: int, suggestion_id: int) -> HttpResponse:
    form = VoteForm(request.POST)
    asked: dict[str, Any] = {"suggestion_id": suggestion_id, "community_id": community_id}
    if not form.is_done(cast_vote, by=current_user(request), **asked):
        context = detail_context(current_reader(request), suggestion_id) | {"vote": form}
        return render(request, "suggestions/suggestion.html", context, status=422)
    messages.success(
        request, _("Your vote is kept. You can change it until your community has answered.")
    )
    return _back_to_review(community_id, suggestion_id)


@open_to(Level.COMMUNITY)
@require_POST
def unvote(request: HttpRequest, community_id: int, suggestion_id: int) -> HttpResponse:
    remove_vote(by=current_user(request), suggestion_id=suggestion_id, community_id=community_id)
    messages.success(request, _("Your vote and its comment are removed."))
    return _back_to_review(community_id, suggestion_id)


@open_to(Level.COMMUNITY)
@require_POST
def set_aside(
    request: HttpRequest, community_id: int, suggestion_id: int, voter_id: int
) -> HttpResponse:
    form = SetAsideForm(request.POST)
    asked: dict[str, Any] = {"suggestion_id": suggestion_id, "community_id": community_id}
    if not form.is_done(set_vote_aside, by=current_user(request), voter_id=voter_id, **asked):
        context = detail_context(current_reader(request), suggestion_id)
        context |= {"aside": form, "aside_voter": voter_id}
        return render(request, "suggestions/suggestion.html", context, status=422)
    messages.success(
        request, _("The vote is set aside. Who cast it is notified, with your reason.")
    )
    return _back_to_review(community_id, suggestion_id)


@open_to(Level.COMMUNITY)
@require_POST
def put_back(
    request: HttpRequest, community_id: int, suggestion_id: int, voter_id: int
) -> HttpResponse:
    put_vote_back(
        by=current_user(request),
        suggestion_id=suggestion_id,
        community_id=community_id,
        voter_id=voter_id,
    )
    messages.success(request, _("The vote counts again."))
    return _back_to_review(community_id, suggestion_id)


def _back_to_review(community_id: int, suggestion_id: int) -> HttpResponse:
    return redirect(reverse("web:suggestion", args=[community_id, suggestion_id]) + "#review")


@open_to(Level.COMMUNITY)
@require_POST
def change_shortlist(request: HttpRequest, community_id: int, suggestion_id: int) -> HttpResponse:
    listed = request.POST.get("listed", "")
    if listed not in ("yes", "no"):
        raise InvalidFields(
            {"listed": [_("Choose yes to put it on the shortlist, no to take it off.")]}
        )
    shortlist(
        by=current_user(request),
        suggestion_id=suggestion_id,
        community_id=community_id,
        listed=listed == "yes",
    )
    messages.success(
        request,
        _("It is on your shortlist.") if listed == "yes" else _("It is off your shortlist."),
    )
    after = request.POST.get("after", "")
    inside = after.startswith("/") and url_has_allowed_host_and_scheme(after, allowed_hosts=None)
    return redirect(
        after if inside else reverse("web:suggestion", args=[community_id, suggestion_id])
    )


def _asked_ids(request: HttpRequest) -> list[int]:
    """The suggestions to compare, each once. Raises NotVisible for what is no id."""
    given = [value for value in request.GET.getlist("s") if value]
    if not all(value.isascii() and value.isdigit() and len(value) < 19 for value in given):
        raise NotVisible
    return list(dict.fromkeys(int(value) for value in given))


@open_to(Level.COMMUNITY)
@require_safe
def compare(request: HttpRequest, community_id: int) -> HttpResponse:
    """Two to four candidates side by side; with fewer or more it says how many it takes."""
    reader = current_reader(request)
    ids = _asked_ids(request)
    if not 2 <= len(ids) <= MOST_COMPARED:
        reader.require(Verb.READ, Resource.SUGGESTION)
        messages.warning(
            request,
            _("Mark two to four suggestions to compare; you marked %(count)d.")
            % {"count": len(ids)},
        )
        return redirect("web:suggestions", community_id)
    views = compared(reader, ids)
    reviews = reviews_of(reader, views)
    own, today = views[0].own, database_now().date()
    context: dict[str, Any] = {
        "community_id": community_id,
        "own": own,
        "candidates": [
            (
                view,
                text_for_side(view, today),
                reviews[view.suggestion_id],
                places_apart(own, view.other, today),
            )
            for view in views
        ],
        "facets": candidate_facets(views),
        "compared": compared_groups([own, *(view.other for view in views)]),
        "compared_communities": [own, *(view.other for view in views)],
        "shows_sample": any(view.own.is_sample or view.other.is_sample for view in views),
    }
    return render(request, "suggestions/compare.html", context)


@open_to(Level.COMMUNITY)
@require_http_methods(["GET", "HEAD", "POST"])
def answer_rule(request: HttpRequest, community_id: int) -> HttpResponse:
    current_reader(request).require(Verb.ACT, Resource.ANSWER)
    status = 200
    if request.method == "POST":
        form = RuleForm(request.POST)
        number = request.POST.get("votes_needed", "").strip()
        try:
            if number and not (number.isascii() and number.isdigit() and len(number) < 5):
                raise InvalidFields({"votes_needed": [_("Write a whole number.")]})
            kind = request.POST.get("kind", "")
            # The number stays in the form when the chair decides alone; then it says nothing.
            needed = int(number) if number and kind == AnswerRule.Kind.MAJORITY else None
            set_answer_rule(
                by=current_user(request), community_id=community_id, kind=kind, votes_needed=needed
            )
        except InvalidFields as invalid:
            form.add_service_errors(invalid)
            status = 422
        else:
            messages.success(request, _("The rule is set. It holds for every answer from now on."))
            return redirect("web:suggestions", community_id)
    else:
        rule = rule_of(community_id)
        form = RuleForm(initial={"kind": rule.kind, "votes_needed": rule.votes_needed})
    context = {
        "community_id": community_id,
        "own": Community.objects.get(pk=community_id),
        "form": form,
        "people": len(voters(community_id)),
    }
    return render(request, "suggestions/answer_rule.html", context, status=status)


@open_to(Level.CURATOR)
@require_safe
def staff_votes(request: HttpRequest, suggestion_id: int) -> HttpResponse:
    """Votes and comments of both sides, for curators alone."""
    votes = votes_for_staff(current_user(request), suggestion_id)
    return render(
        request, "suggestions/staff_votes.html", {"suggestion_id": suggestion_id, "votes": votes}
    )


@open_to(Level.COMMUNITY)
@require_safe
def dossier(request: HttpRequest, community_id: int, suggestion_id: int) -> HttpResponse:
    try:
        context = dossier_context(current_reader(request), suggestion_id)
    except Gone:  # Its page says so
        return redirect("web:suggestion", community_id, suggestion_id)
    return render(request, "suggestions/dossier.html", context)


@open_to(Level.COMMUNITY)
@require_safe
def dossier_pdf(request: HttpRequest, community_id: int, suggestion_id: int) -> HttpResponseBase:
    """The PDF, as a download; where none can be made, the page to print, which says so."""
    reader = current_reader(request)
    try:
        content = dossier_bytes(reader, suggestion_id)
    except Gone:
        return redirect("web:suggestion", community_id, suggestion_id)
    except Unavailable as unavailable:
        context = dossier_context(reader, suggestion_id) | {"problem": unavailable.message}
        response = render(request, "suggestions/dossier.html", context, status=503)
        response["Retry-After"] = str(unavailable.retry_after or 60)
        return response
    view = suggestion_for(reader, suggestion_id)
    name = f"{slugify(view.own.name)}-{slugify(view.other.name)}.pdf"
    return private_download(ContentFile(content), name=name, content_type="application/pdf")
