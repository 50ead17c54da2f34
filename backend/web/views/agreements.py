"""An agreement as its two sides and staff read it: versions, what changed, the signed document, each side's confirmation."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from backend.accounts.grants import Thing, may
from backend.cities.letter_checks import too_large
from backend.cities.permissions import actor_kind
from backend.common.downloads import private_download
from backend.common.errors import InvalidFields, NotVisible
from backend.common.uploads import was_too_large
from backend.introductions.agreement_queries import agreement_for, comparison, document_for, version_for, versions_for
from backend.introductions.agreement_texts import blocks
from backend.introductions.models import Agreement
from backend.introductions.services import add_document, confirm, is_recognised, withdraw_confirmation
from backend.web.forms.agreement import ConfirmForm
from backend.web.views.profile import signed_in_user


def _context(request: HttpRequest, agreement_id: int) -> dict[str, Any]:
    user = signed_in_user(request)
    agreement, side = agreement_for(user, agreement_id)
    pair = agreement.introduction.pair
    versions = list(versions_for(agreement, side))
    shown = next((v for v in versions if v.number == agreement.offered_number), versions[0])
    signed = {signatory.community_id: signatory for signatory in agreement.signatories.all()}
    actor = actor_kind(user, side)
    expected = {entry["community_id"]: entry for entry in shown.terms["signatories"]}
    documents = list(agreement.documents.select_related("community").order_by("-id"))
    is_signing = agreement.status == Agreement.Status.SIGNING
    ready = any(document.version_number == agreement.offered_number for document in documents)
    return {
        "agreement": agreement,
        "pair": pair,
        "side": side,
        "own": next((c for c in (pair.a, pair.b) if c.pk == side), None),
        "versions": versions,
        "version": shown,
        "blocks": blocks(shown.body),
        "sides": [(community, signed.get(community.pk), expected.get(community.pk)) for community in (pair.a, pair.b)],
        "documents": documents,
        "ready": ready,
        "may_send": is_signing and not signed and may(actor, "C", Thing.SIGNATURE),
        "may_confirm": is_signing and side is not None and side not in signed and ready and may(actor, "X", Thing.SIGNATURE),
        "may_take_back": is_signing and side in signed and may(actor, "X", Thing.SIGNATURE),
        "confirm_form": ConfirmForm(initial=expected.get(side or 0)),
        "recognised": is_recognised(agreement),
        "shows_sample": pair.a.is_sample or pair.b.is_sample,
    }


@require_safe
def agreement(request: HttpRequest, agreement_id: int) -> HttpResponse:
    return render(request, "web/agreement.html", _context(request, agreement_id))


@require_safe
def version(request: HttpRequest, agreement_id: int, number: int) -> HttpResponse:
    context = _context(request, agreement_id)
    shown = version_for(context["agreement"], context["side"], number)
    return render(request, "web/agreement_version.html", context | {"version": shown, "blocks": blocks(shown.body)})


@require_safe
def changes(request: HttpRequest, agreement_id: int) -> HttpResponse:
    """What one version made of an earlier one; without numbers, the latest of the one before it."""
    context = _context(request, agreement_id)
    latest = context["versions"][0].number
    new = _number(request.GET.get("new", ""), latest)
    old = _number(request.GET.get("old", ""), max(1, new - 1))
    found = comparison(context["agreement"], context["side"], old, new)
    return render(request, "web/agreement_changes.html", context | {"changes": found, "old": old, "new": new})


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else otherwise


def received(request: HttpRequest) -> UploadedFile:
    """Raises InvalidFields: no file, or one too large."""
    sent = request.FILES.get("document")
    if was_too_large(request, "document"):
        raise InvalidFields({"document": too_large().errors["letter"]})
    if not isinstance(sent, UploadedFile):
        raise InvalidFields({"document": [_("Choose a file first: PDF, JPEG or PNG, at most 10 MB.")]})
    return sent


@require_POST
def send_document(request: HttpRequest, agreement_id: int) -> HttpResponse:
    user = signed_in_user(request)
    _found, side = agreement_for(user, agreement_id)
    try:
        add_document(by=user, agreement_id=agreement_id, community_id=side, upload=received(request))
    except InvalidFields as invalid:
        messages.error(request, " ".join(line for lines in invalid.errors.values() for line in lines))
    else:
        messages.success(request, _("The signed document is stored. Both sides and staff can read it."))
    return redirect("web:agreement", agreement_id)


@require_safe
def download(request: HttpRequest, agreement_id: int, document_id: int) -> FileResponse:
    document = document_for(signed_in_user(request), agreement_id, document_id)
    return private_download(document.file.open("rb"), name=document.original_name, content_type=document.content_type)


@require_POST
def confirm_side(request: HttpRequest, agreement_id: int) -> HttpResponse:
    user = signed_in_user(request)
    found, side = agreement_for(user, agreement_id)
    if side is None:
        raise NotVisible  # staff never confirm for a side
    if request.POST.get("act") == "withdraw":
        withdraw_confirmation(by=user, agreement_id=agreement_id, community_id=side)
        messages.success(request, _("Your confirmation is taken back."))
        return redirect("web:agreement", agreement_id)
    form = ConfirmForm(request.POST)
    if form.is_valid():
        try:
            done = confirm(by=user, agreement_id=agreement_id, community_id=side, **form.cleaned_data)
        except InvalidFields as invalid:
            form.take(invalid)
        else:
            if done.status == Agreement.Status.IN_FORCE and done.partnership_id:
                messages.success(request, _("Both sides have confirmed: the agreement is in force. Congratulations!"))
                return redirect("web:partnership", done.partnership_id)
            messages.success(request, _("Your side has confirmed. The agreement comes into force when the other side confirms too."))
            return redirect("web:agreement", found.pk)
    return render(request, "web/agreement.html", _context(request, agreement_id) | {"confirm_form": form}, status=422)
