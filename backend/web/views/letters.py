"""The vetting letter: sent by the registrant, read by staff. Always a download, never shown inside a page."""

from __future__ import annotations

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from backend.cities.profile_queries import letter_for
from backend.cities.services import attach_letter
from backend.common.errors import InvalidFields
from backend.web.views.profile import signed_in_user


@require_POST
def upload(request: HttpRequest, community_id: int) -> HttpResponse:
    sent = request.FILES.get("letter")
    if not isinstance(sent, UploadedFile):
        messages.error(request, _("Choose a file first: PDF, JPEG or PNG, at most 10 MB."))
        return redirect("web:profile", community_id)
    try:
        attach_letter(by=signed_in_user(request), community_id=community_id, upload=sent)
    except InvalidFields as invalid:
        messages.error(request, " ".join(line for lines in invalid.errors.values() for line in lines))
    else:
        messages.success(request, _("The letter is stored. Only you and staff can read it."))
    return redirect("web:profile", community_id)


@require_safe
def download(request: HttpRequest, community_id: int, letter_id: int) -> FileResponse:
    letter = letter_for(signed_in_user(request), community_id, letter_id)
    return FileResponse(letter.file.open("rb"), as_attachment=True, filename=letter.original_name, content_type=letter.content_type)
