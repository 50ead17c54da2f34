"""Who may ask what of the API. Every route and method stands in one table; what does not is
refused.

What the person may do with the object itself is decided by the services and queries behind the
view.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from django.contrib.auth.models import AnonymousUser
from rest_framework.exceptions import MethodNotAllowed, NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from backend.accounts.models import User
from backend.accounts.second_factor import must_set_up_second_factor
from backend.cities.permissions import role_in
from backend.common.errors import NotAllowed, NotVisible

Level = Literal[
    "public", "signed_in", "community", "community_or_staff", "staff", "curator", "admin"
]

_OF_COMMUNITY: Level = "community"
_OWNER: dict[str, Level] = {"POST": "community"}
_CURATOR: dict[str, Level] = {"POST": "curator"}
# "community": an active role in the community that the address names. "staff": curators and
# administrators.
ACCESS: Mapping[str, Mapping[str, Level]] = {
    "api:schema": {"GET": "public"},
    "api:docs": {"GET": "public"},
    "api:unknown": {"GET": "public"},
    "api:communities": {"GET": "public", "POST": "signed_in"},
    "api:community": {"GET": "public"},
    "api:countries": {"GET": "public"},
    "api:places": {"GET": "public"},
    "api:vocabularies": {"GET": "public"},
    "api:vocabulary": {"GET": "public"},
    "api:partnerships": {"GET": "public"},
    "api:confirmed-partnerships": {"GET": "public"},
    "api:listed-partnerships": {"GET": "public"},
    "api:me": {"GET": "signed_in", "PATCH": "signed_in"},
    "api:my-acts": {"GET": "signed_in"},
    "api:my-data": {"GET": "signed_in"},
    "api:erase-me": {"POST": "signed_in"},
    "api:my-tokens": {"GET": "signed_in", "POST": "signed_in"},
    "api:my-token": {"DELETE": "signed_in"},
    "api:my-invitations": {"GET": "signed_in"},
    "api:accept-invitation": {"POST": "signed_in"},
    "api:my-join-requests": {"GET": "signed_in"},
    "api:my-join-request": {"DELETE": "signed_in"},
    "api:people": {"GET": "community_or_staff"},
    "api:member": {"PATCH": "community_or_staff", "DELETE": "community_or_staff"},
    "api:invitations": {"GET": "community_or_staff", "POST": "community_or_staff"},
    "api:invitation": {"DELETE": "community_or_staff"},
    "api:join-requests": {"GET": "community_or_staff", "POST": "signed_in"},
    "api:join-answer": {"POST": "community_or_staff"},
    "api:notifications": {"GET": "signed_in"},
    "api:notifications-read": {"POST": "signed_in"},
    "api:profile": {"GET": "community_or_staff", "PATCH": "community_or_staff"},
    "api:profile-progress": {"GET": "community_or_staff"},
    "api:profile-coverage": {"GET": "community_or_staff"},
    "api:profile-preview": {"GET": "community_or_staff"},
    "api:profile-sources": {"GET": "community_or_staff"},
    "api:profile-partnerships": {"GET": "community_or_staff"},
    "api:profile-submit": _OWNER,
    "api:profile-publish": _OWNER,
    "api:profile-confirm": _OWNER,
    "api:profile-pause": _OWNER,
    "api:profile-resume": _OWNER,
    "api:profile-fulfil": _OWNER,
    "api:profile-withdraw": _OWNER,
    "api:own-contacts": {"GET": "community_or_staff", "PUT": "community"},
    "api:contacts-break-glass": {"POST": "admin"},
    "api:profile-answer": _OWNER,
    "api:letters": {"GET": "community_or_staff", "POST": "community"},
    "api:letter": {"GET": "community_or_staff"},
    "api:suggestions": {"GET": _OF_COMMUNITY},
    "api:suggestion": {"GET": _OF_COMMUNITY},
    "api:suggestion-answer": _OWNER,
    "api:suggestion-undo": _OWNER,
    "api:suggestion-review": {"GET": _OF_COMMUNITY},
    "api:suggestion-vote": _OWNER,
    "api:suggestion-vote-remove": _OWNER,
    "api:suggestion-shortlist": _OWNER,
    "api:dossier": {"GET": _OF_COMMUNITY},
    "api:suggestion-counts": {"GET": _OF_COMMUNITY},
    "api:suggestion-compare": {"GET": _OF_COMMUNITY},
    "api:answer-rule": {"GET": "community", "POST": "community"},
    "api:staff-votes": {"GET": "curator"},
    "api:introductions": {"GET": _OF_COMMUNITY},
    "api:introduction": {"GET": _OF_COMMUNITY},
    "api:consent": {"POST": "community", "DELETE": "community"},
    "api:contacts": {"GET": _OF_COMMUNITY},
    "api:introduction-leave": _OWNER,
    "api:meetings": {"GET": "community", "POST": "community"},
    "api:meeting": {"GET": _OF_COMMUNITY},
    "api:meeting-calendar": {"GET": _OF_COMMUNITY},
    **dict.fromkeys(
        (f"api:meeting-{act}" for act in ("accept", "times", "fix", "details", "cancel")), _OWNER
    ),
    "api:agreements": {"GET": _OF_COMMUNITY},
    "api:agreement": {"GET": _OF_COMMUNITY},
    "api:agreement-versions": {"GET": _OF_COMMUNITY},
    "api:agreement-changes": {"GET": _OF_COMMUNITY},
    "api:agreement-documents": _OWNER,
    "api:agreement-document": {"GET": _OF_COMMUNITY},
    "api:agreement-confirmation": {"POST": "community", "DELETE": "community"},
    "api:lived-partnerships": {"GET": _OF_COMMUNITY},
    "api:partnership": {"GET": _OF_COMMUNITY},
    "api:activities": _OWNER,
    "api:activity": {"DELETE": "community"},
    "api:reports": _OWNER,
    "api:partnership-decision": _OWNER,
    "api:partnership-renewal": _OWNER,
    "api:partnership-why": {"GET": _OF_COMMUNITY},
    "api:partnership-certificate": {"GET": _OF_COMMUNITY},
    "api:community-events": {"GET": "community_or_staff"},
    "api:staff-vetting": {"GET": "staff"},
    "api:staff-submission": {"GET": "staff"},
    "api:staff-request-changes": _CURATOR,
    "api:staff-publish": _CURATOR,
    "api:staff-members": {"GET": "staff", "POST": "curator"},
    "api:staff-member": {"GET": "staff", "PUT": "curator"},
    "api:staff-member-renew": _CURATOR,
    "api:staff-member-end": _CURATOR,
    "api:staff-members-export": {"GET": "staff"},
    "api:staff-member-imports": _CURATOR,
    "api:staff-member-import": {"GET": "curator"},
    "api:staff-member-import-apply": _CURATOR,
    "api:staff-claims": {"GET": "staff"},
    "api:staff-claim-answer": _CURATOR,
    "api:staff-suggestions": {"GET": "staff"},
    "api:staff-suggestion": {"GET": "staff"},
    "api:staff-suggestion-release": _CURATOR,
    "api:staff-suggestion-hold": _CURATOR,
    "api:staff-release-many": _CURATOR,
    "api:staff-hold-many": _CURATOR,
    "api:staff-proposals": _CURATOR,
    "api:staff-assessment": {"GET": "curator"},
    "api:staff-policies": {"GET": "staff", "POST": "curator"},
    "api:staff-bars": {"GET": "staff", "POST": "curator"},
    "api:staff-bar-lift": _CURATOR,
    "api:staff-notes": {"GET": "staff", "POST": "curator"},
    "api:staff-meetings": {"GET": "staff", "POST": "curator"},
    "api:staff-meeting": {"GET": "staff"},
    "api:staff-meeting-calendar": {"GET": "staff"},
    **dict.fromkeys(
        (f"api:staff-meeting-{act}" for act in ("times", "fix", "details", "cancel")), _CURATOR
    ),
    "api:staff-introductions": {"GET": "staff", "POST": "curator"},
    "api:staff-introduction": {"GET": "staff"},
    "api:staff-introduction-move": _CURATOR,
    "api:staff-introduction-assign": _CURATOR,
    "api:staff-agreement-begin": _CURATOR,
    "api:staff-agreements": {"GET": "staff"},
    "api:staff-agreement": {"GET": "staff"},
    "api:staff-agreement-versions": {"GET": "staff", "POST": "curator"},
    "api:staff-agreement-changes": {"GET": "staff"},
    "api:staff-agreement-offer": _CURATOR,
    "api:staff-agreement-reopen": _CURATOR,
    "api:staff-agreement-give-up": _CURATOR,
    "api:staff-agreement-documents": _CURATOR,
    "api:staff-agreement-document": {"GET": "staff"},
    "api:staff-agreement-templates": {"GET": "staff", "POST": "curator"},
    "api:staff-partnerships": {"GET": "staff"},
    "api:staff-partnership": {"GET": "staff"},
    "api:staff-partnership-why": {"GET": "staff"},
    "api:staff-partnership-certificate": {"GET": "staff"},
    "api:staff-partnership-emeritus": _CURATOR,
    "api:staff-figures": {"GET": "staff"},
    "api:staff-runs": {"GET": "staff", "POST": "staff"},
    "api:staff-run": {"GET": "staff"},
    "api:staff-weights": {"GET": "staff"},
    "api:staff-weights-promote": {"POST": "staff"},
    "api:staff-dead-letters": {"GET": "staff"},
    "api:staff-dead-letter-retry": {"POST": "staff"},
    "api:staff-roles": {"GET": "admin", "POST": "admin"},
    "api:staff-tokens": {"GET": "staff"},
    "api:staff-token": {"DELETE": "admin"},
    "api:staff-join-requests": {"GET": "staff"},
    "api:staff-events": {"GET": "staff"},
}


def admits(level: Level, user: User | AnonymousUser, community_id: int | None) -> bool:
    """Whether the person passes the level; "community" looks the role up."""
    if level == "public":
        return True
    if not isinstance(user, User):
        return False
    if level == "signed_in":
        return True
    in_community = (
        community_id is not None
        and level in {"community", "community_or_staff"}
        and role_in(user, community_id) is not None
    )
    if level == "curator":
        return user.is_curator
    if level == "admin":
        return user.is_admin
    return in_community or (level in {"staff", "community_or_staff"} and user.is_staff_member)


class ByAccessTable(BasePermission):
    """The API's one permission class: deny by default.

    Raises:
        MethodNotAllowed: the address takes no such method. NotAuthenticated: a visitor where one
            must sign in.
        NotVisible: somebody else's address, answered like one that does not exist.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        match = request.resolver_match
        methods = ACCESS.get(match.view_name, {}) if match else {}
        if not methods:
            raise NotVisible
        level = methods.get("GET" if request.method == "HEAD" else str(request.method))
        if level is None:
            raise MethodNotAllowed(str(request.method))
        user = request.user
        if level != "public" and not isinstance(user, User):
            raise NotAuthenticated
        if not admits(level, user, view.kwargs.get("community_id")):
            raise NotVisible
        if level != "public" and isinstance(user, User) and must_set_up_second_factor(user):
            raise NotAllowed(
                "Staff sign in with a second factor. Set one up in your account first.",
                code="second_factor_required",
            )
        return True
