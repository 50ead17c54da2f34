"""The door of the API: asks each view who may call it, method by method."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import MethodNotAllowed, NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from backend.accounts.models import ApiToken, User
from backend.accounts.services import must_set_up_second_factor
from backend.common.errors import NotAllowed, NotVisible
from backend.web.access import Access, Level, reader_admitted, require_scope


class AccessPermission(BasePermission):
    """The API's one permission class: deny by default.

    Raises:
        MethodNotAllowed: the view is not open to anybody with this method.
        NotAuthenticated: a visitor where one must sign in.
        NotVisible: somebody else's address, answered like one that does not exist; or a view that
            does not say who may call it.
        NotAllowed: a staff member who has not enrolled a second factor, or a token whose scope is
            too narrow.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        access: Access | None = getattr(view, "access", None)
        if access is None:
            raise NotVisible
        level = access.level_of(str(request.method))
        if level is None:
            raise MethodNotAllowed(str(request.method))
        if level is Level.PUBLIC:
            return True
        user = request.user
        if not isinstance(user, User):
            raise NotAuthenticated
        reader = reader_admitted(level, user, view.kwargs.get("community_id"))
        if reader is None:
            raise NotVisible
        if must_set_up_second_factor(user):
            raise NotAllowed(
                "Staff sign in with a second factor. Set one up in your account first.",
                code="second_factor_required",
            )
        if isinstance(request.auth, ApiToken):
            require_scope(request.auth, user, str(request.method))
        request.reader = reader  # type: ignore[attr-defined]
        return True
