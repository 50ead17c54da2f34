"""The dossier of a suggestion: to read and print, and as a PDF."""

from __future__ import annotations

from django.core.files.base import ContentFile
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from backend.common.downloads import private_download
from backend.common.errors import Unavailable
from backend.suggestions.dossiers import dossier_bytes, dossier_context
from backend.suggestions.queries import suggestion_for
from backend.web.views.profile import signed_in_user


@require_safe
def dossier(request: HttpRequest, community_id: int, suggestion_id: int) -> HttpResponse:
    return render(request, "web/dossier.html", dossier_context(signed_in_user(request), community_id, suggestion_id))


@require_safe
def dossier_pdf(request: HttpRequest, community_id: int, suggestion_id: int) -> HttpResponseBase:
    """The PDF, as a download; where none can be made, the page to print, which says so."""
    user = signed_in_user(request)
    try:
        content = dossier_bytes(user, community_id, suggestion_id)
    except Unavailable as unavailable:
        context = dossier_context(user, community_id, suggestion_id) | {"problem": unavailable.message}
        return render(request, "web/dossier.html", context, status=503)
    view = suggestion_for(user, suggestion_id, community_id=community_id)
    name = f"{slugify(view.own.name)}-{slugify(view.other.name)}.pdf"
    return private_download(ContentFile(content), name=name, content_type="application/pdf")
