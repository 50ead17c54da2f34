"""Vetting: submitted profiles, what staff read of them, and their answer."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from backend.cities.models import Profile
from backend.cities.profile_queries import submission_for
from backend.cities.queries import vetting_queue
from backend.cities.services import draft_errors, publish_profile, request_changes
from backend.common.errors import InvalidFields
from backend.web.forms.vetting import ChangesForm
from backend.web.presentation import describe
from backend.web.views.profile import signed_in_user


@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    page = Paginator(vetting_queue(signed_in_user(request)), 25).get_page(request.GET.get("page"))
    shows_sample = any(profile.community.is_sample for profile in page)
    return render(request, "web/staff/vetting.html", {"page": page, "shows_sample": shows_sample})


def _submission_context(request: HttpRequest, community_id: int) -> dict[str, Any]:
    profile = submission_for(signed_in_user(request), community_id)
    return {
        "profile": profile,
        "community": profile.community,
        "groups": describe(profile.draft, profile.community, public=False),
        "roles": profile.community.roles.all(),
        "errors": draft_errors(profile, complete=True),
        "waiting": profile.status == Profile.Status.SUBMITTED,
        "shows_sample": profile.community.is_sample,
    }


@require_safe
def submission(request: HttpRequest, community_id: int) -> HttpResponse:
    return render(request, "web/staff/submission.html", _submission_context(request, community_id) | {"form": ChangesForm()})


@require_POST
def publish(request: HttpRequest, community_id: int) -> HttpResponse:
    text = request.POST.get("revision", "")
    revision = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1
    version = publish_profile(by=signed_in_user(request), community_id=community_id, revision=revision)
    messages.success(request, _("Published as version %(number)d; the registrant is vetted and told.") % {"number": version.number})
    return redirect("web:staff_vetting")


@require_POST
def changes(request: HttpRequest, community_id: int) -> HttpResponse:
    form = ChangesForm(request.POST)
    try:
        request_changes(
            by=signed_in_user(request), community_id=community_id, reason=request.POST.get("reason", ""), text=request.POST.get("text", "")
        )
    except InvalidFields as invalid:
        form.take(invalid)
        return render(request, "web/staff/submission.html", _submission_context(request, community_id) | {"form": form}, status=422)
    messages.success(request, _("Sent back with your words."))
    return redirect("web:staff_vetting")
