"""One's own account: acts, tokens, data, leaving. What a token could do to the account that it belongs to, it may not."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth import logout
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.models import ApiToken, User
from backend.accounts.queries import staff_members
from backend.accounts.services import change_staff_role
from backend.api.idempotency import idempotent
from backend.api.serializers import accounts as shapes
from backend.api.views.base import ApiList, ApiView, checked, person
from backend.common.errors import NotAllowed
from backend.outbox.models import Event
from backend.personal.acts import acts_of
from backend.personal.erasure import erase_account
from backend.personal.export import export_data
from backend.personal.tokens import all_tokens, create_token, require_may_make_tokens, revoke_token, tokens_of


def person_in_session(request: Request) -> User:
    """The person, signed in. Raises NotAllowed for a request by token: a token that leaks must not make others, or end the account."""
    user = person(request)
    if request.auth is not None:
        raise NotAllowed("A token cannot do this. Sign in to the account itself.", code="session_needed")
    return user


class ActsView(ApiList):
    """What you did here, the latest first."""

    serializer_class = shapes.ActSerializer

    def get_queryset(self) -> QuerySet[Event]:
        self.filters()
        return acts_of(person(self.request))


class TokensView(ApiList):
    """Your tokens that have not expired, the newest first."""

    serializer_class = shapes.TokenSerializer

    def get_queryset(self) -> QuerySet[ApiToken]:
        self.filters()
        return tokens_of(person(self.request))

    @extend_schema(summary="Make a token", request=shapes.TokenRequestSerializer, responses={201: shapes.NewTokenSerializer})
    def post(self, request: Request) -> Response:
        """Takes no idempotency key: its answer holds the token, and nothing of that is stored."""
        user = person_in_session(request)
        require_may_make_tokens(user)  # before the values are looked at: to others there is nothing here
        token, words = create_token(by=user, **checked(shapes.TokenRequestSerializer, request.data))
        token.token = words
        return Response(shapes.NewTokenSerializer(token).data, status=201, headers={"Cache-Control": "no-store"})


class TokenView(ApiView):
    @extend_schema(summary="End a token", responses={204: None})
    def delete(self, request: Request, public_id: uuid.UUID) -> Response:
        revoke_token(by=person(request), public_id=public_id)
        return Response(status=204)


class AllTokensView(ApiList):
    """Everybody's tokens, the newest first."""

    serializer_class = shapes.OwnedTokenSerializer

    def get_queryset(self) -> QuerySet[ApiToken]:
        self.filters()
        return all_tokens(person(self.request))


class PersonalDataView(ApiView):
    @extend_schema(summary="All that the service holds about you", responses=shapes.PersonalDataSerializer)
    def get(self, request: Request) -> Response:
        return Response(export_data(by=person_in_session(request)))


class EraseView(ApiView):
    @extend_schema(summary="Erase your account for good", request=shapes.EraseSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Takes no idempotency key: afterwards there is nobody to ask again."""
        user = person_in_session(request)
        erase_account(by=user, **checked(shapes.EraseSerializer, request.data))
        logout(request._request)
        return Response(status=204)


class StaffRolesView(ApiList):
    """Everybody with a staff role."""

    serializer_class = shapes.StaffMemberSerializer

    def get_queryset(self) -> QuerySet[User]:
        self.filters()
        return staff_members(person(self.request))

    @extend_schema(
        summary="Make somebody staff, change what they are, or end it",
        request=shapes.StaffRoleRequestSerializer,
        responses=shapes.StaffRoleSerializer,
    )
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        asked = checked(shapes.StaffRoleRequestSerializer, request.data)
        changed = change_staff_role(by=person_in_session(request), email=asked["email"], role=asked["staff_role"])
        return Response(shapes.StaffRoleSerializer(changed).data)
