"""Staff write agreements: begin one from a template, write versions, put one before both sides; and keep the templates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backend.common.errors import Conflict, InvalidFields, NotVisible
from backend.introductions.agreement_queries import agreement_for, agreements_for_staff, template_in_force, template_versions
from backend.introductions.agreement_texts import PLACEHOLDERS, blocks
from backend.introductions.models import Agreement, Form
from backend.introductions.queries import introduction_for
from backend.introductions.services import begin_draft, give_up, offer, reopen, save_template, save_version
from backend.outbox.queries import trail
from backend.web.forms.agreement import BeginForm, TemplateForm, VersionForm
from backend.web.views.profile import signed_in_user


@require_http_methods(["GET", "HEAD", "POST"])
def begin(request: HttpRequest, introduction_id: int) -> HttpResponse:
    """Begins a draft, or leads to the one that is open."""
    user = signed_in_user(request)
    card, side = introduction_for(user, introduction_id)
    if side is not None:
        raise NotVisible
    found = card.agreements.order_by("-id")
    running = found.filter(status__in=(Agreement.Status.DRAFT, Agreement.Status.SIGNING)).first()
    form = BeginForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = begin_draft(by=user, introduction_id=introduction_id, form=form.cleaned_data["form"])
        except InvalidFields as invalid:
            form.take(invalid)
        else:
            messages.success(request, "The draft is begun from the template.")
            return redirect("web:staff_draft", made.pk)
    context = {
        "card": card,
        "pair": card.pair,
        "form": form,
        "running": running,
        "agreements": found,
        "shows_sample": card.pair.a.is_sample or card.pair.b.is_sample,
    }
    return render(request, "web/staff/agreement_begin.html", context, status=422 if form.errors else 200)


@require_safe
def agreement_list(request: HttpRequest) -> HttpResponse:
    everything = request.GET.get("show") == "all"
    found = agreements_for_staff(signed_in_user(request), open_only=not everything)
    page = Paginator(found, 25).get_page(request.GET.get("page"))
    sample = any(a.introduction.pair.a.is_sample or a.introduction.pair.b.is_sample for a in page)
    context = {"page": page, "everything": everything, "forms": Form.choices, "shows_sample": sample}
    return render(request, "web/staff/agreements.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def draft(request: HttpRequest, agreement_id: int) -> HttpResponse:
    """The editor of a draft. Every saving is a further version."""
    user = signed_in_user(request)
    agreement, side = agreement_for(user, agreement_id)
    if side is not None:
        raise NotVisible
    pair = agreement.introduction.pair
    latest = agreement.versions.latest("number")
    form = VersionForm(request.POST or None, initial=VersionForm.values_of(latest), communities=(pair.a, pair.b))
    conflict = ""
    if request.method == "POST" and form.is_valid():
        try:
            version = save_version(by=user, agreement_id=agreement_id, **form.as_arguments())
        except InvalidFields as invalid:
            form.take(invalid)
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
    return render(request, "web/staff/agreement_draft.html", context, status=409 if conflict else 422 if form.errors else 200)


_ACTS: dict[str, tuple[Callable[..., Agreement], str]] = {
    "offer": (offer, "Both sides can read and sign it now; they are told."),
    "reopen": (reopen, "It is a draft again. What a side had confirmed has fallen."),
    "give_up": (give_up, "It is given up; its versions stay."),
}


@require_POST
def act(request: HttpRequest, agreement_id: int) -> HttpResponse:
    chosen = _ACTS.get(request.POST.get("act", ""))
    if chosen is None:
        raise InvalidFields({"act": ["Choose what to do with it."]})
    service, said = chosen
    try:
        service(by=signed_in_user(request), agreement_id=agreement_id)
    except InvalidFields as invalid:
        messages.error(request, "Not yet: " + " ".join(line for lines in invalid.errors.values() for line in lines))
    else:
        messages.success(request, said)
    return redirect("web:staff_draft", agreement_id)


@require_http_methods(["GET", "HEAD", "POST"])
def template(request: HttpRequest, form_code: str) -> HttpResponse:
    """The template of one form: read by staff, written on by curators."""
    user = signed_in_user(request)
    versions = template_versions(user, form_code)
    current = template_in_force(form_code)
    form = TemplateForm(request.POST or None, initial={"text": current.text, "based_on": current.number})
    conflict = ""
    if request.method == "POST" and form.is_valid():
        try:
            saved = save_template(by=user, form=form_code, **form.cleaned_data)
        except InvalidFields as invalid:
            form.take(invalid)
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
        "forms": Form.choices,
        "code": form_code,
    }
    return render(request, "web/staff/agreement_template.html", context, status=409 if conflict else 422 if form.errors else 200)
