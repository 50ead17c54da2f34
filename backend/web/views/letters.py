"""The vetting letter: sent by the registrant, read by staff. Always a download, never shown inside a page."""

from __future__ import annotations

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from backend.cities.letter_checks import too_large
from backend.cities.services import attach_letter, read_letter
from backend.common.downloads import private_download
from backend.common.errors import InvalidFields
from backend.common.uploads import was_too_large
from backend.web.views.profile import signed_in_user


@require_POST
def upload(request: HttpRequest, community_id: int) -> HttpResponse:
    sent = request.FILES.get("letter")
    try:
        if was_too_large(request, "letter"):
            raise too_large()
        if not isinstance(sent, UploadedFile):
            raise InvalidFields({"letter": [_("Choose a file first: PDF, JPEG or PNG, at most 10 MB.")]})
        attach_letter(by=signed_in_user(request), community_id=community_id, upload=sent)
    except InvalidFields as invalid:
        messages.error(request, " ".join(line for lines in invalid.errors.values() for line in lines))
    else:
        messages.success(request, _("The letter is stored. Only you and staff can read it."))
    return redirect("web:profile", community_id)


@require_safe
def download(request: HttpRequest, community_id: int, letter_id: int) -> FileResponse:
    letter = read_letter(by=signed_in_user(request), community_id=community_id, letter_id=letter_id)
    return private_download(letter.file.open("rb"), name=letter.original_name, content_type=letter.content_type)
