"""An agreement as its two sides and staff read it, and as staff write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backend.accounts.grants import Resource, Verb
from backend.cities.documents import too_large
from backend.common.errors import Conflict, InvalidFields, NotVisible
from backend.common.files import opened, private_download, was_too_large
from backend.introductions.documents import PLACEHOLDERS, blocks
from backend.introductions.models import Agreement, AgreementType
from backend.introductions.queries.agreements import (
    agreement_for,
    agreements_for_staff,
    comparison,
    document_for,
    template_in_force,
    template_versions,
    version_for,
    versions_for,
)
from backend.introductions.queries.introductions import introduction_for
from backend.introductions.services.agreements import (
    DocumentReplaced,
    add_document,
    confirm_signature,
    is_recognised,
    newest_document,
    withdraw_confirmation,
)
from backend.introductions.services.drafts import (
    begin_draft,
    give_up_agreement,
    offer_agreement,
    reopen_agreement,
    save_template,
    save_version,
)
from backend.introductions.states import AGREEMENT_TRANSITIONS
from backend.outbox.queries import trail
from backend.web.access import Level, open_to
from backend.web.agreements.forms import (
    AgreementFilters,
    BeginAgreementForm,
    ConfirmForm,
    TemplateForm,
    VersionForm,
)
from backend.web.html.base import Question, ask, current_reader, current_user


def _context(request: HttpRequest, agreement_id: int) -> dict[str, Any]:
    agreement, reader = agreement_for(current_reader(request), agreement_id)
    side = reader.community_id
    pair = agreement.introduction.pair
    versions = list(versions_for(agreement, side))
    shown = next((v for v in versions if v.number == agreement.offered_number), versions[0])
    signed = {signatory.community_id: signatory for signatory in agreement.signatories.all()}
    expected = {entry["community_id"]: entry for entry in shown.terms["signatories"]}
    documents = list(agreement.documents.select_related("community").order_by("-id"))
    is_signing = agreement.status == Agreement.Status.SIGNING
    newest = newest_document(agreement)
    return {
        "agreement": agreement,
        "pair": pair,
        "side": side,
        "own": next((c for c in (pair.a, pair.b) if c.pk == side), None),
        "versions": versions,
        "version": shown,
        "blocks": blocks(shown.body),
        "sides": [
            (community, signed.get(community.pk), expected.get(community.pk))
            for community in (pair.a, pair.b)
        ],
        "documents": documents,
        "newest": newest,
        "may_send": is_signing and not signed and reader.may(Verb.CREATE, Resource.SIGNATURE),
        "may_confirm": is_signing
        and side is not None
        and side not in signed
        and newest is not None
        and reader.may(Verb.ACT, Resource.SIGNATURE),
        "may_take_back": is_signing and side in signed and reader.may(Verb.ACT, Resource.SIGNATURE),
        "confirm_form": ConfirmForm(
            initial={
                **(expected.get(side or 0) or {}),
                "document_digest": newest.digest if newest else "",
            }
        ),
        "recognised": is_recognised(agreement),
        "shows_sample": pair.a.is_sample or pair.b.is_sample,
    }


@open_to(Level.SIGNED_IN)
@require_safe
def agreement(request: HttpRequest, agreement_id: int) -> HttpResponse:
    return render(request, "agreements/agreement.html", _context(request, agreement_id))


@open_to(Level.SIGNED_IN)
@require_safe
def version(request: HttpRequest, agreement_id: int, number: int) -> HttpResponse:
    context = _context(request, agreement_id)
    shown = version_for(context["agreement"], context["side"], number)
    return render(
        request,
        "agreements/version.html",
        context | {"version": shown, "blocks": blocks(shown.body)},
    )


@open_to(Level.SIGNED_IN)
@require_safe
def changes(request: HttpRequest, agreement_id: int) -> HttpResponse:
    """What one version made of an earlier one; without numbers, the latest of the one before it."""
    context = _context(request, agreement_id)
    latest = context["versions"][0].number
    new = _number(request.GET.get("new", ""), latest)
    old = _number(request.GET.get("old", ""), max(1, new - 1))
    found = comparison(context["agreement"], context["side"], old, new)
    return render(
        request, "agreements/changes.html", context | {"changes": found, "old": old, "new": new}
    )


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else otherwise


def received(request: HttpRequest) -> UploadedFile:
    """Raises InvalidFields: no file, or one too large."""
    sent = request.FILES.get("document")
    if was_too_large(request, "document"):
        raise InvalidFields({"document": too_large().errors["letter"]})
    if not isinstance(sent, UploadedFile):
        raise InvalidFields(
            {"document": [_("Choose a file first: PDF, JPEG or PNG, at most 10 MB.")]}
        )
    return sent


@open_to(Level.SIGNED_IN)
@require_POST
def send_document(request: HttpRequest, agreement_id: int) -> HttpResponse:
    user = current_user(request)
    _found, reader = agreement_for(current_reader(request), agreement_id)
    try:
        add_document(
            by=user,
            agreement_id=agreement_id,
            community_id=reader.community_id,
            upload=received(request),
        )
    except InvalidFields as invalid:
        messages.error(
            request, " ".join(line for lines in invalid.errors.values() for line in lines)
        )
    else:
        messages.success(
            request, _("The signed document is stored. Both sides and staff can read it.")
        )
    return redirect("web:agreement", agreement_id)


@open_to(Level.SIGNED_IN)
@require_safe
def download(request: HttpRequest, agreement_id: int, document_id: int) -> FileResponse:
    document = document_for(current_reader(request), agreement_id, document_id)
    return private_download(
        opened(document.file), name=document.original_name, content_type=document.content_type
    )


@open_to(Level.SIGNED_IN)
@require_POST
def confirm_side(request: HttpRequest, agreement_id: int) -> HttpResponse:
    user = current_user(request)
    found, reader = agreement_for(current_reader(request), agreement_id)
    side = reader.community_id
    if side is None:
        raise NotVisible  # staff never confirm for a side
    if request.POST.get("act") == "withdraw":
        withdraw_confirmation(by=user, agreement_id=agreement_id, community_id=side)
        messages.success(request, _("Your confirmation is taken back."))
        return redirect("web:agreement", agreement_id)
    form = ConfirmForm(request.POST)
    try:
        done = form.is_done(
            confirm_signature, by=user, agreement_id=agreement_id, community_id=side
        )
    except DocumentReplaced as replaced:
        return _ask_to_read(request, agreement_id, replaced)
    if done:
        confirmed: Agreement = form.result
        if confirmed.status == Agreement.Status.IN_FORCE and confirmed.partnership_id:
            messages.success(
                request,
                _("Both sides have confirmed: the agreement is in force. Congratulations!"),
            )
            return redirect("web:partnership", confirmed.partnership_id)
        messages.success(
            request,
            _(
                "Your side has confirmed. The agreement comes into force when the other side "
                "confirms too."
            ),
        )
        return redirect("web:agreement", found.pk)
    return render(
        request,
        "agreements/agreement.html",
        _context(request, agreement_id) | {"confirm_form": form},
        status=422,
    )


def _ask_to_read(
    request: HttpRequest, agreement_id: int, replaced: DocumentReplaced
) -> HttpResponse:
    """The page with both documents to read; its form names the newest from now on."""
    values = request.POST.copy()
    values["document_digest"] = replaced.newest.digest
    form = ConfirmForm(values)
    form.add_error(None, replaced.message)
    context = _context(request, agreement_id) | {"confirm_form": form, "replaced": replaced}
    return render(request, "agreements/agreement.html", context, status=409)


@open_to(Level.STAFF)
@require_http_methods(["GET", "HEAD", "POST"])
def begin(request: HttpRequest, introduction_id: int) -> HttpResponse:
    """Begins a draft, or leads to the one that is open."""
    user = current_user(request)
    introduction, reader = introduction_for(current_reader(request), introduction_id)
    if not reader.is_staff:
        raise NotVisible
    found = introduction.agreements.order_by("-id")
    running = found.filter(status__in=(Agreement.Status.DRAFT, Agreement.Status.SIGNING)).first()
    form = BeginAgreementForm(request.POST or None)
    if request.method == "POST" and form.is_done(
        begin_draft, by=user, introduction_id=introduction_id
    ):
        messages.success(request, "The draft is begun from the template.")
        return redirect("web:staff_draft", form.result.pk)
    context = {
        "introduction": introduction,
        "pair": introduction.pair,
        "form": form,
        "running": running,
        "agreements": found,
        "shows_sample": introduction.pair.a.is_sample or introduction.pair.b.is_sample,
    }
    return render(
        request, "agreements/staff_begin.html", context, status=422 if form.errors else 200
    )


@open_to(Level.STAFF)
@require_safe
def agreement_list(request: HttpRequest) -> HttpResponse:
    form = AgreementFilters(request.GET)
    found = form.narrow(agreements_for_staff(current_user(request)))
    page = Paginator(found, 25).get_page(request.GET.get("page"))
    sample = any(a.introduction.pair.a.is_sample or a.introduction.pair.b.is_sample for a in page)
    context = {
        "page": page,
        "open_only": form.cleaned_data.get("open_only", True),
        "forms": AgreementType.choices,
        "shows_sample": sample,
    }
    return render(request, "agreements/staff_agreements.html", context)


@open_to(Level.STAFF)
@require_http_methods(["GET", "HEAD", "POST"])
def draft(request: HttpRequest, agreement_id: int) -> HttpResponse:
    """The editor of a draft. Every saving is a further version."""
    user = current_user(request)
    agreement, reader = agreement_for(current_reader(request), agreement_id)
    if not reader.is_staff:
        raise NotVisible
    pair = agreement.introduction.pair
    latest = agreement.versions.latest("number")
    form = VersionForm(
        request.POST or None, initial=VersionForm.values_of(latest), communities=(pair.a, pair.b)
    )
    conflict = ""
    if request.method == "POST" and form.is_valid():
        try:
            version = save_version(by=user, agreement_id=agreement_id, **form.as_arguments())
        except InvalidFields as invalid:
            form.add_service_errors(invalid)
        except Conflict as error:
            conflict = error.message  # what was written stays in the form
        else:
            messages.success(request, f"Saved as version {version.number}.")
            return redirect("web:staff_draft", agreement_id)
    context: dict[str, Any] = {
        "agreement": agreement,
        "pair": pair,
        "form": form,
        "latest": latest,
        "versions": agreement.versions.select_related("by").order_by("-number"),
        "blocks": blocks(latest.body),
        "placeholders": PLACEHOLDERS,
        "conflict": conflict,
        "writable": agreement.status == Agreement.Status.DRAFT and user.is_curator,
        "events": trail("agreement", agreement.pk),
        "shows_sample": pair.a.is_sample or pair.b.is_sample,
    }
    return render(
        request,
        "agreements/staff_draft.html",
        context,
        status=409 if conflict else 422 if form.errors else 200,
    )


_ACTS: dict[str, tuple[Callable[..., Agreement], str]] = {
    "offer": (offer_agreement, "Both sides can read and sign it now; they are notified."),
    "reopen": (reopen_agreement, "It is a draft again. What a side had confirmed has fallen."),
    "give_up": (give_up_agreement, "It is given up; its versions stay."),
}


# What ends is asked for first: the question, and what will happen.
_ASKED: dict[str, tuple[str, str, str]] = {
    "reopen": (
        "Take the agreement of {a} and {b} back to write on?",
        "Both sides are notified and cannot sign it any more. What they have confirmed falls.",
        "Reopen draft",
    ),
    "give_up": (
        "Give up the agreement of {a} and {b}?",
        "It cannot be taken up again; another one begins from the template. Its versions stay, and "
        "what a side has confirmed falls. Where it waits for signatures, both sides are notified.",
        "Give it up",
    ),
}


def _ask_about(request: HttpRequest, agreement_id: int) -> HttpResponse:
    agreement, _reader = agreement_for(current_reader(request), agreement_id)
    pair, act = agreement.introduction.pair, request.GET.get("act", "")
    may_be = {"reopen": Agreement.Status.DRAFT, "give_up": Agreement.Status.WITHDRAWN}.get(act)
    if may_be is None or may_be not in AGREEMENT_TRANSITIONS[agreement.status]:
        return redirect("web:staff_draft", agreement_id)
    heading, sentence, button = _ASKED[act]
    question = Question(
        title=button,
        heading=heading.format(a=pair.a.name, b=pair.b.name),
        sentences=[sentence],
        button=button,
        keep="Leave it as it is",
        back=reverse("web:staff_draft", args=[agreement_id]),
        back_words="Agreement",
        values={"act": act},
    )
    return ask(request, question, shows_sample=pair.a.is_sample or pair.b.is_sample)


@open_to(Level.CURATOR)
@require_http_methods(["GET", "HEAD", "POST"])
def act(request: HttpRequest, agreement_id: int) -> HttpResponse:
    """One act on an agreement; ``act`` names it. A GET asks before what ends."""
    if request.method != "POST":
        return _ask_about(request, agreement_id)
    chosen = _ACTS.get(request.POST.get("act", ""))
    if chosen is None:
        raise InvalidFields({"act": ["Choose what to do with it."]})
    service, said = chosen
    try:
        service(by=current_user(request), agreement_id=agreement_id)
    except InvalidFields as invalid:
        messages.error(
            request,
            "Not yet: " + " ".join(line for lines in invalid.errors.values() for line in lines),
        )
    else:
        messages.success(request, said)
    return redirect("web:staff_draft", agreement_id)


@open_to(Level.STAFF)
@require_http_methods(["GET", "HEAD", "POST"])
def template(request: HttpRequest, form_code: str) -> HttpResponse:
    """The template of one form: read by staff, written on by curators."""
    user = current_user(request)
    versions = template_versions(user, form_code)
    current = template_in_force(form_code)
    form = TemplateForm(
        request.POST or None, initial={"text": current.text, "based_on": current.number}
    )
    conflict = ""
    if request.method == "POST" and form.is_valid():
        try:
            saved = save_template(by=user, form=form_code, **form.cleaned_data)
        except InvalidFields as invalid:
            form.add_service_errors(invalid)
        except Conflict as error:
            conflict = error.message
        else:
            messages.success(request, f"Saved as version {saved.number}; new drafts begin from it.")
            return redirect("web:staff_template", form_code)
    context = {
        "form": form,
        "versions": versions,
        "current": current,
        "blocks": blocks(current.text),
        "placeholders": PLACEHOLDERS,
        "conflict": conflict,
        "forms": AgreementType.choices,
        "code": form_code,
    }
    return render(
        request,
        "agreements/staff_template.html",
        context,
        status=409 if conflict else 422 if form.errors else 200,
    )
