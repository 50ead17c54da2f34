"""Vetting: submitted profiles as staff read them, letters, and what staff and owner answer each
other.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backend.cities.documents import too_large
from backend.cities.models import Profile
from backend.cities.queries import profile_for, submission_for, vetting_queue
from backend.cities.services import (
    answer_changes,
    approve_profile,
    attach_letter,
    draft_errors,
    read_letter,
    request_changes,
)
from backend.cities.vetting import notes_for, submissions_of, vetting_trail
from backend.common.errors import InvalidFields
from backend.common.files import opened, private_download, was_too_large
from backend.web.access import Level, open_to
from backend.web.html.base import current_reader, current_user
from backend.web.profiles.presentation import describe
from backend.web.vetting.forms import AnswerChangesForm, ChangesForm


@open_to(Level.STAFF)
@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    page = Paginator(vetting_queue(current_user(request)), 25).get_page(request.GET.get("page"))
    submissions = submissions_of(list(page))
    shows_sample = any(entry.profile.community.is_sample for entry in submissions)
    return render(
        request,
        "vetting/staff_queue.html",
        {"page": page, "submissions": submissions, "shows_sample": shows_sample},
    )


def _submission_context(request: HttpRequest, community_id: int) -> dict[str, Any]:
    user = current_user(request)
    profile = submission_for(user, community_id)
    (submission,) = submissions_of([profile])
    first = submission.first_approval
    return {
        "profile": profile,
        "submission": submission,
        "community": profile.community,
        "groups": describe(profile.draft, profile.community, reader="staff"),
        "roles": profile.community.roles.all(),
        "errors": draft_errors(profile, complete=True),
        "waiting": profile.status == Profile.Status.SUBMITTED,
        "own_first": first is not None and first.by_id == user.pk,
        "notes": sorted(profile.vetting_notes.all(), key=lambda note: -note.pk),
        "events": vetting_trail(user, community_id)[:100],
        "shows_sample": profile.community.is_sample,
    }


@open_to(Level.STAFF)
@require_safe
def submission(request: HttpRequest, community_id: int) -> HttpResponse:
    return render(
        request,
        "vetting/staff_submission.html",
        _submission_context(request, community_id) | {"form": ChangesForm()},
    )


@open_to(Level.CURATOR)
@require_POST
def publish(request: HttpRequest, community_id: int) -> HttpResponse:
    text = request.POST.get("revision", "")
    revision = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1
    approval = approve_profile(
        by=current_user(request), community_id=community_id, revision=revision
    )
    if approval.version is None:
        messages.success(
            request,
            "Approved by you. It is the first profile of its country: another curator must approve "
            "it too.",
        )
    else:
        messages.success(
            request,
            f"Published as version {approval.version.number}; the registrant is vetted and knows.",
        )
    return redirect("web:staff_vetting")


@open_to(Level.CURATOR)
@require_POST
def changes(request: HttpRequest, community_id: int) -> HttpResponse:
    form = ChangesForm(request.POST)
    if not form.is_done(request_changes, by=current_user(request), community_id=community_id):
        return render(
            request,
            "vetting/staff_submission.html",
            _submission_context(request, community_id) | {"form": form},
            status=422,
        )
    messages.success(request, "Sent back with your words.")
    return redirect("web:staff_vetting")


@open_to(Level.COMMUNITY)
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, community_id: int) -> HttpResponse:
    user = current_user(request)
    profile = profile_for(current_reader(request))
    form = AnswerChangesForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        try:
            answer_changes(
                by=user, community_id=community_id, answer=request.POST.get("answer", "")
            )
        except InvalidFields as invalid:
            form.add_service_errors(
                InvalidFields(
                    {path: lines for path, lines in invalid.errors.items() if path == "answer"}
                )
            )
        else:
            messages.success(
                request,
                _(
                    "Your answer and the profile are with staff again. You get a message when they "
                    "have read them."
                ),
            )
            return redirect("web:profile", community_id)
    elif profile.status != Profile.Status.CHANGES_REQUESTED:
        return redirect("web:profile", community_id)
    context = {
        "community": profile.community,
        "notes": notes_for(current_reader(request)),
        "form": form,
        "incomplete": bool(draft_errors(profile, complete=True)),
        "profile_url": reverse("web:profile", args=[community_id]),
        "shows_sample": profile.community.is_sample,
    }
    return render(
        request, "vetting/answer.html", context, status=422 if request.method == "POST" else 200
    )


@open_to(Level.COMMUNITY)
@require_POST
def upload(request: HttpRequest, community_id: int) -> HttpResponse:
    sent = request.FILES.get("letter")
    try:
        if was_too_large(request, "letter"):
            raise too_large()
        if not isinstance(sent, UploadedFile):
            raise InvalidFields(
                {"letter": [_("Choose a file first: PDF, JPEG or PNG, at most 10 MB.")]}
            )
        attach_letter(by=current_user(request), community_id=community_id, upload=sent)
    except InvalidFields as invalid:
        messages.error(
            request, " ".join(line for lines in invalid.errors.values() for line in lines)
        )
    else:
        messages.success(request, _("The letter is stored. Only you and staff can read it."))
    return redirect("web:profile", community_id)


@open_to(Level.COMMUNITY)
@require_safe
def download(request: HttpRequest, community_id: int, letter_id: int) -> FileResponse:
    return _letter_file(request, community_id, letter_id)


@open_to(Level.CURATOR)
@require_safe
def staff_download(request: HttpRequest, community_id: int, letter_id: int) -> FileResponse:
    return _letter_file(request, community_id, letter_id)


def _letter_file(request: HttpRequest, community_id: int, letter_id: int) -> FileResponse:
    letter = read_letter(by=current_user(request), community_id=community_id, letter_id=letter_id)
    return private_download(
        opened(letter.file), name=letter.original_name, content_type=letter.content_type
    )
