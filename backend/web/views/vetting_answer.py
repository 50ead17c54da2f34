"""The owner's answer to what staff asked for: words, and the profile handed in again."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from backend.cities.models import Profile
from backend.cities.profile_queries import profile_for
from backend.cities.services import answer_changes, draft_errors
from backend.cities.vetting_queries import notes_for
from backend.common.errors import InvalidFields
from backend.web.forms.vetting import AnswerChangesForm
from backend.web.views.profile import signed_in_user


@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, community_id: int) -> HttpResponse:
    user = signed_in_user(request)
    profile = profile_for(user, community_id)
    form = AnswerChangesForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        try:
            answer_changes(by=user, community_id=community_id, answer=request.POST.get("answer", ""))
        except InvalidFields as invalid:
            form.take(InvalidFields({path: lines for path, lines in invalid.errors.items() if path == "answer"}))
        else:
            messages.success(request, _("Your answer and the profile are with staff again. You get a message when they have read them."))
            return redirect("web:profile", community_id)
    elif profile.status != Profile.Status.CHANGES_REQUESTED:
        return redirect("web:profile", community_id)
    context = {
        "community": profile.community,
        "notes": notes_for(user, community_id),
        "form": form,
        "incomplete": bool(draft_errors(profile, complete=True)),
        "profile_url": reverse("web:profile", args=[community_id]),
        "shows_sample": profile.community.is_sample,
    }
    return render(request, "web/profile/answer.html", context, status=422 if request.method == "POST" else 200)
