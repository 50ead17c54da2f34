"""The page that asks one side of an introduction whether it is worth going on."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods

from backend.accounts.grants import Resource, Verb
from backend.common.errors import NotVisible
from backend.introductions.models import Introduction
from backend.introductions.queries.introductions import follow_ups_in, introduction_for
from backend.introductions.services.follow_ups import answer_follow_up
from backend.suggestions.models import FollowUp
from backend.web.access import Level, open_to
from backend.web.html.base import Question, ask, current_reader, current_user
from backend.web.introductions.forms import FollowUpForm


@open_to(Level.SIGNED_IN)
@cache_control(no_store=True, private=True)
@require_http_methods(["GET", "HEAD", "POST"])
def follow_up(request: HttpRequest, introduction_id: int, occasion: str) -> HttpResponse:
    """A question to one side, after a meeting or three months on."""
    introduction, reader = introduction_for(current_reader(request), introduction_id)
    own_id = reader.require(Verb.ACT, Resource.ANSWER)
    asked = {one.occasion: one for one in follow_ups_in(introduction, own_id)}.get(occasion)
    if asked is None:
        raise NotVisible
    posted = request.POST if request.method == "POST" else None
    form = FollowUpForm(posted, initial={"answer": asked.answer})
    if request.method == "POST" and form.is_done(
        answer_follow_up,
        by=current_user(request),
        introduction_id=introduction_id,
        community_id=own_id,
        occasion=occasion,
    ):
        messages.success(request, _("Thank you. Only your side and staff read the answer."))
        return redirect("web:introduction", introduction_id)
    if not asked.is_open:
        messages.info(request, _("This question is closed; nobody needs an answer any more."))
        return redirect("web:introduction", introduction_id)
    return _ask_whether_to_go_on(request, introduction, asked, form)


def _ask_whether_to_go_on(
    request: HttpRequest, introduction: Introduction, asked: FollowUp, form: FollowUpForm
) -> HttpResponse:
    pair = introduction.pair
    own, other = (pair.a, pair.b) if pair.a_id == asked.community_id else (pair.b, pair.a)
    names = {"own": own.name, "other": other.name}
    if asked.occasion == FollowUp.Occasion.AFTER_MEETING:
        since = _("%(own)s and %(other)s have met.")
    else:
        since = _("It is three months and more since %(own)s and %(other)s were introduced.")
    question = Question(
        title=_("Is it worth going on?"),
        heading=_("Is it worth going on with %(other)s?") % names,
        sentences=[
            since % names,
            _(
                "Only your side and staff read the answer. %(other)s never sees it, nor whether you"
                " have answered. It improves how partners are suggested; nothing else follows."
            )
            % names,
            _("You can answer, and change the answer, until %(moment)s (UTC).")
            % {"moment": date_format(asked.closes_at, "DATETIME_FORMAT")},
        ],
        button=_("Send the answer"),
        keep=_("Not now"),
        back=reverse("web:introduction", args=[introduction.pk]),
        back_words=_("Introduction"),
        is_warning=False,
        form=form,
    )
    return ask(request, question, shows_sample=own.is_sample or other.is_sample)
