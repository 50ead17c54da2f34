"""What a side's people do together before the answer: vote, shortlist, compare, agree on the rule."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backend.accounts.grants import Thing
from backend.cities.models import Community
from backend.cities.permissions import require_in
from backend.common.clock import database_now
from backend.common.errors import InvalidFields, NotVisible
from backend.suggestions.models import AnswerRule
from backend.suggestions.places_apart import places_apart
from backend.suggestions.quorum import rule_of, voters
from backend.suggestions.reviewing import MOST_COMPARED, compared, reviews_of, votes_for_staff
from backend.suggestions.services import cast_vote, remove_vote, set_answer_rule, shortlist
from backend.suggestions.sides_in_words import sides_of_view
from backend.web.comparison import candidate_facets, compared_groups
from backend.web.forms.reviews import RuleForm, VoteForm
from backend.web.views.profile import signed_in_user
from backend.web.views.suggestions import detail_context


@require_POST
def vote(request: HttpRequest, community_id: int, suggestion_id: int) -> HttpResponse:
    user = signed_in_user(request)
    choice, comment = request.POST.get("choice", ""), request.POST.get("comment", "")
    try:
        cast_vote(by=user, suggestion_id=suggestion_id, community_id=community_id, choice=choice, comment=comment)
    except InvalidFields as invalid:
        form = VoteForm(request.POST)
        form.take(invalid)
        context = detail_context(user, community_id, suggestion_id) | {"vote": form}
        return render(request, "web/suggestion.html", context, status=422)
    messages.success(request, _("Your vote is kept. You can change it until your community has answered."))
    return _back_to_review(community_id, suggestion_id)


@require_POST
def unvote(request: HttpRequest, community_id: int, suggestion_id: int, voter_id: int) -> HttpResponse:
    remove_vote(by=signed_in_user(request), suggestion_id=suggestion_id, community_id=community_id, voter_id=voter_id)
    messages.success(request, _("The vote and its comment are removed."))
    return _back_to_review(community_id, suggestion_id)


def _back_to_review(community_id: int, suggestion_id: int) -> HttpResponse:
    return redirect(reverse("web:suggestion", args=[community_id, suggestion_id]) + "#review")


@require_POST
def change_shortlist(request: HttpRequest, community_id: int, suggestion_id: int) -> HttpResponse:
    listed = request.POST.get("listed", "")
    if listed not in ("yes", "no"):
        raise InvalidFields({"listed": [_("Choose yes to put it on the shortlist, no to take it off.")]})
    shortlist(by=signed_in_user(request), suggestion_id=suggestion_id, community_id=community_id, listed=listed == "yes")
    messages.success(request, _("It is on your shortlist.") if listed == "yes" else _("It is off your shortlist."))
    after = request.POST.get("after", "")
    inside = after.startswith("/") and url_has_allowed_host_and_scheme(after, allowed_hosts=None)
    return redirect(after if inside else reverse("web:suggestion", args=[community_id, suggestion_id]))


def _asked_ids(request: HttpRequest) -> list[int]:
    """The suggestions to compare, each once. Raises NotVisible for what is no id."""
    given = [value for value in request.GET.getlist("s") if value]
    if not all(value.isascii() and value.isdigit() and len(value) < 19 for value in given):
        raise NotVisible
    return list(dict.fromkeys(int(value) for value in given))


@require_safe
def compare(request: HttpRequest, community_id: int) -> HttpResponse:
    """Two to four candidates side by side; with fewer or more it says how many it takes."""
    user = signed_in_user(request)
    ids = _asked_ids(request)
    if not 2 <= len(ids) <= MOST_COMPARED:
        require_in(user, community_id, "R", Thing.SUGGESTION)
        messages.warning(request, _("Mark two to four suggestions to compare; you marked %(count)d.") % {"count": len(ids)})
        return redirect("web:suggestions", community_id)
    views = compared(user, community_id, ids)
    reviews = reviews_of(user, community_id, views)
    own, today = views[0].own, database_now().date()
    context: dict[str, Any] = {
        "community_id": community_id,
        "own": own,
        "candidates": [(view, sides_of_view(view), reviews[view.suggestion_id], places_apart(own, view.other, today)) for view in views],
        "facets": candidate_facets(views),
        "compared": compared_groups([own, *(view.other for view in views)]),
        "compared_communities": [own, *(view.other for view in views)],
        "shows_sample": any(view.own.is_sample or view.other.is_sample for view in views),
    }
    return render(request, "web/compare.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def answer_rule(request: HttpRequest, community_id: int) -> HttpResponse:
    user = signed_in_user(request)
    require_in(user, community_id, "X", Thing.ANSWER)
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
            set_answer_rule(by=user, community_id=community_id, kind=kind, votes_needed=needed)
        except InvalidFields as invalid:
            form.take(invalid)
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
    return render(request, "web/answer_rule.html", context, status=status)


@require_safe
def staff_votes(request: HttpRequest, suggestion_id: int) -> HttpResponse:
    """Votes and comments of both sides, for curators alone."""
    votes = votes_for_staff(signed_in_user(request), suggestion_id)
    return render(request, "web/staff/votes.html", {"suggestion_id": suggestion_id, "votes": votes})
