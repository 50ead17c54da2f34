"""The people of a community: roles, invitations, requests to join."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.models import Community, CommunityRole, JoinRequest
from backend.cities.permissions import role_in
from backend.cities.queries import trail_for
from backend.cities.services.invitations import (
    accept_invitation,
    all_waiting_requests,
    answer_request,
    ask_to_join,
    invitation_by_token,
    invite_colleague,
    open_invitations,
    revoke_invitation,
    waiting_requests,
    withdraw_request,
)
from backend.cities.services.people import change_role, end_role, people_of_community
from backend.common.dates import database_now
from backend.common.errors import Conflict, NotVisible
from backend.web.access import Level, open_to
from backend.web.accounts.views import AUDIT_LOG_PAGE, PAGE
from backend.web.html.base import Question, ask, current_reader, current_user
from backend.web.people.forms import AskForm, InvitationForm, RoleForm


def _people_page(request: HttpRequest, community_id: int, form: InvitationForm) -> HttpResponse:
    reader = current_reader(request)
    roles = people_of_community(reader)
    context: dict[str, Any] = {
        "community": Community.objects.select_related("country").get(pk=community_id),
        "people": [
            (role, RoleForm(initial={"role": role.role}, auto_id=f"id_%s_{role.pk}"))
            for role in roles
        ],
        "invitations": open_invitations(reader),
        "requests": waiting_requests(reader) if reader.may(Verb.READ, Resource.JOINING) else None,
        "may_invite": reader.may(Verb.CREATE, Resource.PEOPLE),
        "may_change": reader.may(Verb.UPDATE, Resource.PEOPLE),
        "me": reader.user.pk,
        "form": form,
    }
    context["shows_sample"] = context["community"].is_sample
    return render(request, "people/people.html", context, status=422 if form.errors else 200)


@open_to(Level.COMMUNITY_OR_STAFF)
@require_safe
def people(request: HttpRequest, community_id: int) -> HttpResponse:
    return _people_page(request, community_id, InvitationForm())


@open_to(Level.COMMUNITY_OR_STAFF)
@require_POST
def invite(request: HttpRequest, community_id: int) -> HttpResponse:
    user = current_user(request)
    form = InvitationForm(request.POST)
    asked = {"by": user, "community_id": community_id}
    if form.is_done(invite_colleague, refusals=(Conflict,), **asked):
        said = _("The invitation to %(email)s is on its way.") % {"email": form.result.email}
        messages.success(request, said)
        return redirect("web:people", community_id)
    return _people_page(request, community_id, form)


@open_to(Level.COMMUNITY_OR_STAFF)
@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HttpRequest, community_id: int, invitation_id: int) -> HttpResponse:
    """Takes an invitation back: asked for once, and done by a button."""
    if request.method == "POST":
        revoke_invitation(
            by=current_user(request), community_id=community_id, invitation_id=invitation_id
        )
        messages.success(request, _("The invitation is taken back."))
        return redirect("web:people", community_id)
    reader = current_reader(request)
    reader.require(Verb.DELETE, Resource.PEOPLE)
    waiting = open_invitations(reader).select_related("community", "invited_by")
    found = waiting.filter(pk=invitation_id).first()
    if found is None:
        raise NotVisible
    return _ask(
        request,
        found.community,
        heading=_("Take back the invitation to %(email)s?") % {"email": found.email},
        sentences=[
            _("Its link opens nothing any more. You can send another invitation to this address.")
        ],
        button=_("Take the invitation back"),
        keep=_("Keep the invitation"),
    )


def _ask(
    request: HttpRequest,
    community: Community,
    *,
    heading: str,
    sentences: list[str],
    button: str,
    keep: str,
    reads_people: bool = True,
) -> HttpResponse:
    people = reverse("web:people", args=[community.pk])
    question = Question(
        title=button,
        heading=heading,
        sentences=sentences,
        button=button,
        keep=keep,
        back=people if reads_people else reverse("web:dashboard"),
        back_words=_("People") if reads_people else _("My start page"),
    )
    return ask(request, question, shows_sample=community.is_sample)


@open_to(Level.COMMUNITY_OR_STAFF)
@require_POST
def change(request: HttpRequest, community_id: int, role_id: int) -> HttpResponse:
    role = change_role(
        by=current_user(request),
        community_id=community_id,
        role_id=role_id,
        role=request.POST.get("role", ""),
    )
    messages.success(
        request,
        _("%(person)s is now: %(role)s.") % {"person": role.user, "role": role.get_role_display()},
    )
    return redirect("web:people", community_id)


@open_to(Level.COMMUNITY_OR_STAFF)
@require_http_methods(["GET", "HEAD", "POST"])
def end(request: HttpRequest, community_id: int, role_id: int) -> HttpResponse:
    """Ends a role, one's own too: asked for once, and done by a button."""
    if request.method != "POST":
        return _ask_to_end(request, community_id, role_id)
    user = current_user(request)
    role = end_role(by=user, community_id=community_id, role_id=role_id)
    messages.success(
        request, _("%(person)s does not belong to the community any more.") % {"person": role.user}
    )
    return (
        redirect("web:dashboard")
        if role.user_id == user.pk
        else redirect("web:people", community_id)
    )


def _ask_to_end(request: HttpRequest, community_id: int, role_id: int) -> HttpResponse:
    reader = current_reader(request)
    own = reader.role
    role: CommunityRole | None = own
    if own is None or own.pk != role_id:
        found = people_of_community(reader).select_related("user", "community")
        role = found.filter(pk=role_id).first()
    if role is None:
        raise NotVisible
    names = {"person": role.user, "community": role.community.name}
    if role == own:
        return _ask(
            request,
            role.community,
            heading=_("Leave %(community)s?") % names,
            sentences=[
                _(
                    "You see nothing of its suggestions, introductions and people any more. To "
                    "come back, ask to join, or let a colleague invite you."
                ),
                _("Votes, answers and comments stay with the community."),
            ],
            button=_("Leave this community"),
            keep=_("Stay"),
            reads_people=reader.may(Verb.READ, Resource.PEOPLE),
        )
    reader.require(Verb.DELETE, Resource.PEOPLE)
    return _ask(
        request,
        role.community,
        heading=_("End the role of %(person)s in %(community)s?") % names,
        sentences=[
            _(
                "%(person)s sees nothing of the community any more, on the pages or by the API. "
                "To come back, they need a new invitation."
            )
            % names,
            _("Votes, answers and comments stay with the community."),
        ],
        button=_("End the role"),
        keep=_("Keep the role"),
    )


@open_to(Level.COMMUNITY_OR_STAFF)
@require_POST
def answer_join(request: HttpRequest, community_id: int, request_id: int) -> HttpResponse:
    accept = request.POST.get("answer") == "accept"
    asked = answer_request(
        by=current_user(request), community_id=community_id, request_id=request_id, accept=accept
    )
    said = (
        _("%(person)s belongs to the community now.")
        if accept
        else _("The request of %(person)s is refused.")
    )
    messages.success(request, said % {"person": asked.user})
    return redirect("web:people", community_id)


@open_to(Level.SIGNED_IN)
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, community_id: int) -> HttpResponse:
    """Where a second registrant is led: the organisation that is there already, and a way to be let
    in.
    """
    user = current_user(request)
    community = (
        Community.objects.select_related("country", "organisation").filter(pk=community_id).first()
    )
    if community is None:
        raise NotVisible
    form = AskForm(request.POST if request.method == "POST" else None)
    asked = {"by": user, "community_id": community_id}
    if request.method == "POST" and form.is_done(ask_to_join, refusals=(Conflict,), **asked):
        messages.success(
            request,
            _(
                "Your request is with the people of this community. You get a message when they "
                "answer."
            ),
        )
        return redirect("web:join", community_id)
    context = {
        "community": community,
        "waiting": JoinRequest.objects.filter(
            user=user, community=community, status=JoinRequest.Status.WAITING
        ).first(),
        "role": role_in(user, community_id),
        "form": form,
        "shows_sample": community.is_sample,
    }
    return render(request, "people/join.html", context, status=422 if form.errors else 200)


@open_to(Level.SIGNED_IN)
@require_POST
def withdraw(request: HttpRequest, request_id: int) -> HttpResponse:
    asked = withdraw_request(by=current_user(request), request_id=request_id)
    messages.success(request, _("Your request is taken back."))
    return redirect("web:join", asked.community_id)


@open_to(Level.PUBLIC)
@require_safe
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """What is offered to the holder of the link. A visitor signs in or signs up first and comes
    back.
    """
    found = invitation_by_token(token)
    user = request.user if isinstance(request.user, User) else None
    context = {
        "invitation": found,
        "token": token,
        "open": found.status == found.Status.PENDING and found.expires_at > database_now(),
        "for_me": user is not None and user.email == found.email,
        "shows_sample": found.community.is_sample,
    }
    return render(request, "people/invitation.html", context)


@open_to(Level.SIGNED_IN)
@require_POST
def accept(request: HttpRequest, token: str) -> HttpResponse:
    found = invitation_by_token(token)
    accept_invitation(by=current_user(request), invitation_id=found.pk)
    messages.success(
        request, _("Welcome: you belong to %(community)s now.") % {"community": found.community}
    )
    return redirect("web:dashboard")


@open_to(Level.COMMUNITY_OR_STAFF)
@require_safe
def community_audit_log(request: HttpRequest, community_id: int) -> HttpResponse:
    """What happened in the community, for its people."""
    trail = trail_for(current_reader(request)).select_related("by")
    page = Paginator(trail, AUDIT_LOG_PAGE).get_page(request.GET.get("page"))
    community = Community.objects.filter(pk=community_id).first()
    if community is None:
        raise NotVisible
    context = {"page": page, "community": community, "shows_sample": community.is_sample}
    return render(request, "accounts/audit_log.html", context)


@open_to(Level.STAFF)
@require_safe
def joining(request: HttpRequest) -> HttpResponse:
    page = Paginator(all_waiting_requests(current_user(request)), PAGE).get_page(
        request.GET.get("page")
    )
    return render(request, "people/staff_joining.html", {"page": page})
