"""One's own account: who one is, how one signs in, what one did, and all that the service holds about one."""

from __future__ import annotations

import uuid

from allauth.account.decorators import reauthentication_required
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth import logout
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backend.accounts.second_factor import has_second_factor, must_set_up_second_factor
from backend.accounts.services import update_account
from backend.cities.queries import communities_of
from backend.common.errors import Conflict, InvalidFields
from backend.personal.acts import acts_of
from backend.personal.erasure import erase_account, hindrances
from backend.personal.export import export_archive
from backend.personal.tokens import create_token, may_make_tokens, revoke_token, tokens_of
from backend.web.forms.accounts import AccountForm, EraseForm, TokenForm
from backend.web.views.profile import signed_in_user

ACTS_PAGE = 50


@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    form = AccountForm(request.POST if request.method == "POST" else None, initial={"name": user.name, "language": user.language})
    if request.method == "POST" and form.is_valid():
        try:
            update_account(by=user, **form.cleaned_data)
        except InvalidFields as invalid:
            form.take(invalid)
        else:
            with translation.override(user.language):
                messages.success(request, _("Your name and language are saved."))
            return redirect("web:account")
    context = {
        "form": form,
        "person": user,
        "has_second_factor": has_second_factor(user),
        "needs_second_factor": must_set_up_second_factor(user),
        "sessions": UserSession.objects.filter(user=user).count(),
        "may_make_tokens": may_make_tokens(user) or user.auth_token_set.exists(),
        "roles": communities_of(user),
        "shows_sample": user.is_sample,
    }
    return render(request, "web/account/account.html", context, status=422 if form.errors else 200)


@require_safe
def second_factor(request: HttpRequest) -> HttpResponse:
    """Where staff without a second factor are led, whatever they wanted to open."""
    user = signed_in_user(request)
    if not must_set_up_second_factor(user):
        return redirect("web:account")
    return render(request, "web/account/second_factor.html")


@require_safe
def acts(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    page = Paginator(acts_of(user), ACTS_PAGE).get_page(request.GET.get("page"))
    return render(request, "web/account/acts.html", {"page": page, "shows_sample": user.is_sample})


@require_safe
def data(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    return render(request, "web/account/data.html", {"hindrances": hindrances(user), "form": EraseForm(), "shows_sample": user.is_sample})


@never_cache
@require_POST
@reauthentication_required(allow_get=True)
def export(request: HttpRequest) -> HttpResponse:
    answer = HttpResponse(export_archive(by=signed_in_user(request)), content_type="application/zip")
    answer["Content-Disposition"] = 'attachment; filename="my-data.zip"'
    return answer


@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required(allow_get=True)
def erase(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    form = EraseForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            erase_account(by=user, **form.cleaned_data)
        except InvalidFields as invalid:
            form.take(invalid)
        except Conflict as conflict:
            form.add_error(None, conflict.message)
        else:
            logout(request)
            messages.success(request, _("Your account is erased. Thank you for having been here."))
            return redirect("web:home")
    context = {"hindrances": hindrances(user), "form": form, "shows_sample": user.is_sample}
    return render(request, "web/account/erase.html", context, status=422 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required(allow_get=True)
def tokens(request: HttpRequest) -> HttpResponse:
    """The list, and making one; the new token's words are in this one answer and nowhere else."""
    user = signed_in_user(request)
    form = TokenForm(request.POST if request.method == "POST" else None)
    made = None
    if request.method == "POST" and form.is_valid():
        try:
            _token, made = create_token(by=user, **form.cleaned_data)
        except InvalidFields as invalid:
            form.take(invalid)
        except Conflict as conflict:
            form.add_error(None, conflict.message)
        else:
            form = TokenForm()
    context = {
        "tokens": tokens_of(user),
        "made": made,
        "form": form,
        "may_make": may_make_tokens(user),
        "shows_sample": user.is_sample,
    }
    return render(request, "web/account/tokens.html", context, status=422 if form.errors else 200)


@require_POST
def revoke(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    revoke_token(by=signed_in_user(request), public_id=public_id)
    messages.success(request, _("The token is ended: nothing opens with it any more."))
    return redirect("web:account_tokens")
