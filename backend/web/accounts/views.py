"""The signed-in person: start page, messages, account, tokens and data; and for administrators who
is staff.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from allauth.account.decorators import reauthentication_required
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth import logout
from django.core.files import File
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.accounts.services import (
    change_staff_role,
    has_second_factor,
    must_set_up_second_factor,
    staff_members,
    update_account,
)
from backend.cities.models import CommunityRole, Invitation, JoinRequest, Profile
from backend.cities.permissions import reader_with
from backend.cities.queries import communities_of
from backend.cities.services.invitations import invitation_path, invitations_to, requests_of
from backend.common.errors import Conflict, NotVisible
from backend.common.files import private_download
from backend.introductions.queries.introductions import introductions_of
from backend.notifications.models import Notification
from backend.notifications.notices import MessageText, describe
from backend.notifications.services import inbox as messages_of
from backend.notifications.services import mark_read
from backend.privacy.data import (
    all_tokens,
    audit_log_of,
    create_token,
    export_archive,
    longest_token_days,
    may_make_tokens,
    revoke_token,
    token_scopes,
    tokens_of,
)
from backend.privacy.erasure import erase_account, hindrances
from backend.suggestions.queries import suggestions_for
from backend.web.access import Level, open_to
from backend.web.accounts.forms import AccountForm, EraseForm, StaffRoleForm, TokenForm
from backend.web.html.base import Question, ask, current_user

AUDIT_LOG_PAGE = 50


@open_to(Level.SIGNED_IN, without_second_factor=True)
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    form = AccountForm(
        request.POST if request.method == "POST" else None,
        initial={"name": user.name, "language": user.language},
    )
    if request.method == "POST" and form.is_done(update_account, by=user):
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
    return render(request, "accounts/account.html", context, status=422 if form.errors else 200)


@open_to(Level.SIGNED_IN, without_second_factor=True)
@require_safe
def second_factor(request: HttpRequest) -> HttpResponse:
    """Where staff without a second factor are led, whatever they wanted to open."""
    user = current_user(request)
    if not must_set_up_second_factor(user):
        return redirect("web:account")
    return render(request, "accounts/second_factor.html")


@open_to(Level.SIGNED_IN)
@require_safe
def audit_log(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    page = Paginator(audit_log_of(user), AUDIT_LOG_PAGE).get_page(request.GET.get("page"))
    return render(
        request, "accounts/audit_log.html", {"page": page, "shows_sample": user.is_sample}
    )


@open_to(Level.SIGNED_IN)
@require_safe
def data(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    return render(
        request,
        "accounts/data.html",
        {"hindrances": hindrances(user), "form": EraseForm(), "shows_sample": user.is_sample},
    )


@open_to(Level.SIGNED_IN)
@never_cache
@require_POST
@reauthentication_required(allow_get=True)
def export(request: HttpRequest) -> FileResponse:
    archive = File(export_archive(by=current_user(request)))
    return private_download(archive, name="my-data.zip", content_type="application/zip")


@open_to(Level.SIGNED_IN)
@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required(allow_get=True)
def erase(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    form = EraseForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_done(erase_account, refusals=(Conflict,), by=user):
        logout(request)
        messages.success(request, _("Your account is erased. Thank you for having been here."))
        return redirect("web:home")
    context = {
        "hindrances": hindrances(user),
        "form": form,
        "erasing": True,
        "shows_sample": user.is_sample,
    }
    return render(request, "accounts/data.html", context, status=422 if form.errors else 200)


@open_to(Level.SIGNED_IN)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required(allow_get=True)
def tokens(request: HttpRequest) -> HttpResponse:
    """The list, and making one; the new token's words are in this one answer and nowhere else."""
    user = current_user(request)
    form = TokenForm(request.POST if request.method == "POST" else None)
    made = None
    if request.method == "POST" and form.is_done(create_token, refusals=(Conflict,), by=user):
        _token, made = form.result
        form = TokenForm()
    form.offer(token_scopes(user), longest_token_days(user))
    context = {
        "tokens": tokens_of(user),
        "made": made,
        "form": form,
        "may_make": may_make_tokens(user),
        "shows_sample": user.is_sample,
    }
    return render(request, "accounts/tokens.html", context, status=422 if form.errors else 200)


@open_to(Level.SIGNED_IN)
@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Ends a token: asked for once, and done by a button."""
    user = current_user(request)
    if request.method == "POST":
        revoke_token(by=user, public_id=public_id)
        messages.success(request, _("The token is ended: nothing opens with it any more."))
        return redirect("web:account_tokens")
    token = tokens_of(user).filter(public_id=public_id).first()
    if token is None:
        raise NotVisible
    question = Question(
        title=_("End the token"),
        heading=_("End the token “%(name)s”?") % {"name": token.name},
        sentences=[
            _(
                "The program that uses it is refused from this moment on. It cannot be taken back; "
                "you can make a new token."
            )
        ],
        button=_("End the token"),
        keep=_("Keep the token"),
        back=reverse("web:account_tokens"),
        back_words=_("API tokens"),
    )
    return ask(request, question, shows_sample=user.is_sample)


INBOX_PAGE = 15


@dataclass(frozen=True, slots=True)
class InboxLine:
    notification: Notification
    message: MessageText


@dataclass(frozen=True, slots=True)
class CommunityDashboard:
    """What waits in one community for one person."""

    role: CommunityRole
    profile: Profile
    open_suggestions: int
    mutual: int
    introductions: list[Any]
    may_edit: bool
    may_answer: bool


def waiting_invitations(user: User) -> list[Invitation]:
    """Invitations to this person, each with the ``path`` of its page."""
    found = list(invitations_to(user))
    for invitation in found:
        invitation.path = invitation_path(invitation.pk)  # type: ignore[attr-defined]
    return found


def _community_dashboard(user: User, role: CommunityRole) -> CommunityDashboard:
    reader = reader_with(user, role)
    sees = reader.may(Verb.READ, Resource.SUGGESTION)
    views = suggestions_for(reader) if sees else []
    return CommunityDashboard(
        role=role,
        profile=role.community.profile,
        open_suggestions=sum(view.status_for_side == "open" for view in views),
        mutual=sum(view.status_for_side in ("mutual", "introduced") for view in views),
        introductions=list(introductions_of(reader)) if sees else [],
        may_edit=reader.may(Verb.UPDATE, Resource.DRAFT),
        may_answer=reader.may(Verb.ACT, Resource.ANSWER),
    )


@open_to(Level.SIGNED_IN)
@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    user = request.user
    if not isinstance(user, User):
        return redirect("account_login")
    roles = communities_of(user)
    if user.is_staff_member and not roles:
        return redirect("web:staff")
    context = {
        "dashboards": [_community_dashboard(user, role) for role in roles],
        "invitations": waiting_invitations(user),
        "asked_to_join": requests_of(user).filter(status=JoinRequest.Status.WAITING),
        "is_staff": user.is_staff_member,
        "shows_sample": user.is_sample or any(role.community.is_sample for role in roles),
    }
    return render(request, "accounts/dashboard.html", context)


@open_to(Level.SIGNED_IN)
@require_http_methods(["GET", "HEAD", "POST"])
def inbox(request: HttpRequest) -> HttpResponse:
    user = request.user
    if not isinstance(user, User):
        return redirect("account_login")
    if request.method == "POST":
        mark_read(by=user)
        return redirect("web:inbox")
    page = Paginator(messages_of(user), INBOX_PAGE).get_page(request.GET.get("page"))
    lines = [InboxLine(notification, describe(notification)) for notification in page]
    return render(
        request,
        "accounts/inbox.html",
        {"page": page, "lines": lines, "shows_sample": user.is_sample},
    )


PAGE = 50


@open_to(Level.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required(allow_get=True)
def roles(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    form = StaffRoleForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_done(change_staff_role, refusals=(Conflict,), by=user):
        changed: User = form.result
        messages.success(
            request,
            f"{changed} is now: {changed.get_staff_role_display()}. They sign in again.",
        )
        return redirect("web:staff_roles")
    context = {
        "members": staff_members(user),
        "form": form,
        "choices": form.fields["staff_role"].choices,  # type: ignore[attr-defined]
        "me": user.pk,
    }
    return render(request, "accounts/staff_roles.html", context, status=422 if form.errors else 200)


@open_to(Level.STAFF)
@require_safe
def token_list(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    page = Paginator(all_tokens(user), PAGE).get_page(request.GET.get("page"))
    return render(request, "accounts/staff_tokens.html", {"page": page, "may_end": user.is_admin})


@open_to(Level.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def end_token(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Ends anybody's token: asked for once, and done by a button."""
    user = current_user(request)
    if request.method == "POST":
        revoke_token(by=user, public_id=public_id)
        messages.success(request, "The token is ended.")
        return redirect("web:staff_tokens")
    token = all_tokens(user).filter(public_id=public_id).first()
    if token is None:
        raise NotVisible
    question = Question(
        title="End an API token",
        heading=f"End the token “{token.name}” of {token.user}?",
        sentences=["The program that uses it is refused from now on. This cannot be taken back."],
        button="End the token",
        keep="Keep the token",
        back=reverse("web:staff_tokens"),
        back_words="API tokens",
    )
    return ask(request, question, shows_sample=token.user.is_sample)
