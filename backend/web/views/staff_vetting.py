"""Vetting: submitted profiles with their signals, what staff read of them, and their answer."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from backend.cities.models import Profile
from backend.cities.profile_queries import submission_for
from backend.cities.queries import vetting_queue
from backend.cities.services import approve_profile, draft_errors, request_changes
from backend.cities.vetting_queries import submissions_of, vetting_trail
from backend.common.errors import InvalidFields
from backend.web.forms.vetting import ChangesForm
from backend.web.presentation import describe
from backend.web.views.profile import signed_in_user


@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    page = Paginator(vetting_queue(signed_in_user(request)), 25).get_page(request.GET.get("page"))
    submissions = submissions_of(list(page))
    shows_sample = any(entry.profile.community.is_sample for entry in submissions)
    return render(request, "web/staff/vetting.html", {"page": page, "submissions": submissions, "shows_sample": shows_sample})


def _submission_context(request: HttpRequest, community_id: int) -> dict[str, Any]:
    user = signed_in_user(request)
    profile = submission_for(user, community_id)
    (submission,) = submissions_of([profile])
    first = submission.first_approval
    return {
        "profile": profile,
        "submission": submission,
        "community": profile.community,
        "groups": describe(profile.draft, profile.community, public=False),
        "roles": profile.community.roles.all(),
        "errors": draft_errors(profile, complete=True),
        "waiting": profile.status == Profile.Status.SUBMITTED,
        "own_first": first is not None and first.by_id == user.pk,
        "notes": sorted(profile.vetting_notes.all(), key=lambda note: -note.pk),
        "events": vetting_trail(user, community_id)[:100],
        "shows_sample": profile.community.is_sample,
    }


@require_safe
def submission(request: HttpRequest, community_id: int) -> HttpResponse:
    return render(request, "web/staff/submission.html", _submission_context(request, community_id) | {"form": ChangesForm()})


@require_POST
def publish(request: HttpRequest, community_id: int) -> HttpResponse:
    text = request.POST.get("revision", "")
    revision = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1
    approval = approve_profile(by=signed_in_user(request), community_id=community_id, revision=revision)
    if approval.version is None:
        messages.success(request, "Approved by you. It is the first profile of its country: another curator must approve it too.")
    else:
        messages.success(request, f"Published as version {approval.version.number}; the registrant is vetted and told.")
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
    messages.success(request, "Sent back with your words.")
    return redirect("web:staff_vetting")
