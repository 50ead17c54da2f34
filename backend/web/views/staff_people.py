"""Staff: who is staff, who asks to join where, and everybody's API tokens."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backend.accounts.queries import staff_members
from backend.accounts.services import change_staff_role
from backend.cities.services.joining import all_waiting_requests
from backend.common.errors import Conflict, InvalidFields
from backend.personal.tokens import all_tokens, revoke_token
from backend.web.forms.accounts import StaffRoleForm
from backend.web.views.profile import signed_in_user

PAGE = 50


@require_http_methods(["GET", "HEAD", "POST"])
def roles(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    form = StaffRoleForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            changed = change_staff_role(by=user, email=form.cleaned_data["email"], role=form.cleaned_data["staff_role"])
        except InvalidFields as invalid:
            form.take(invalid)
        except Conflict as conflict:
            form.add_error(None, conflict.message)
        else:
            messages.success(request, f"{changed} is now: {changed.get_staff_role_display()}. They sign in anew.")
            return redirect("web:staff_roles")
    context = {"members": staff_members(user), "form": form, "choices": form.fields["staff_role"].choices, "me": user.pk}  # type: ignore[attr-defined]
    return render(request, "web/staff/roles.html", context, status=422 if form.errors else 200)


@require_safe
def joining(request: HttpRequest) -> HttpResponse:
    page = Paginator(all_waiting_requests(signed_in_user(request)), PAGE).get_page(request.GET.get("page"))
    return render(request, "web/staff/joining.html", {"page": page})


@require_safe
def tokens(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    page = Paginator(all_tokens(user), PAGE).get_page(request.GET.get("page"))
    return render(request, "web/staff/tokens.html", {"page": page, "may_end": user.is_admin})


@require_POST
def end_token(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    revoke_token(by=signed_in_user(request), public_id=public_id)
    messages.success(request, "The token is ended.")
    return redirect("web:staff_tokens")
