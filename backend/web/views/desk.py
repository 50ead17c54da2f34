"""The signed-in start: what waits for this person, and their messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from backend.accounts.grants import Actor, Thing, may
from backend.accounts.models import User
from backend.cities.models import CommunityRole, Invitation, JoinRequest, Profile
from backend.cities.queries import communities_of
from backend.cities.services.invitations import invitation_path, invitations_to
from backend.cities.services.joining import requests_of
from backend.introductions.queries import introductions_of
from backend.notifications.models import Notification
from backend.notifications.services import inbox as messages_of
from backend.notifications.services import mark_read
from backend.notifications.wording import Words
from backend.notifications.wording import describe as words_of
from backend.suggestions.queries import suggestions_for
from backend.web.views.staff_operations import waiting_for_staff

INBOX_PAGE = 15


@dataclass(frozen=True, slots=True)
class InboxLine:
    notification: Notification
    words: Words


@dataclass(frozen=True, slots=True)
class CommunityDesk:
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


def _community_desk(user: User, role: CommunityRole) -> CommunityDesk:
    actor = Actor.UNVETTED if role.vetted_at is None else Actor(role.role)
    sees = may(actor, "R", Thing.SUGGESTION)
    views = suggestions_for(user, role.community_id) if sees else []
    return CommunityDesk(
        role=role,
        profile=role.community.profile,
        open_suggestions=sum(view.status_for_side == "open" for view in views),
        mutual=sum(view.status_for_side in ("mutual", "introduced") for view in views),
        introductions=list(introductions_of(user, role.community_id)) if sees else [],
        may_edit=may(actor, "U", Thing.DRAFT),
        may_answer=may(actor, "X", Thing.ANSWER),
    )


@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    user = request.user
    if not isinstance(user, User):
        return redirect("account_login")
    roles = communities_of(user)
    if user.is_staff_member and not roles:
        return redirect("web:staff")
    context = {
        "desks": [_community_desk(user, role) for role in roles],
        "invitations": waiting_invitations(user),
        "asked_to_join": requests_of(user).filter(status=JoinRequest.Status.WAITING),
        "staff_waiting": waiting_for_staff(user) if user.is_staff_member else None,
        "shows_sample": user.is_sample or any(role.community.is_sample for role in roles),
    }
    return render(request, "web/desk.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def inbox(request: HttpRequest) -> HttpResponse:
    user = request.user
    if not isinstance(user, User):
        return redirect("account_login")
    if request.method == "POST":
        mark_read(by=user)
        return redirect("web:inbox")
    page = Paginator(messages_of(user), INBOX_PAGE).get_page(request.GET.get("page"))
    lines = [InboxLine(notification, words_of(notification)) for notification in page]
    return render(request, "web/inbox.html", {"page": page, "lines": lines, "shows_sample": user.is_sample})
