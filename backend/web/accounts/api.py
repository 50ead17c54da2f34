"""The signed-in person: roles, messages, tokens, data; and who is staff."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth import logout
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.models import ApiToken, User
from backend.accounts.services import change_staff_role, staff_members, update_account
from backend.cities.queries import communities_of
from backend.notifications.models import Notification
from backend.notifications.services import inbox, mark_read, unread_count
from backend.outbox.models import Event
from backend.privacy.data import (
    all_tokens,
    audit_log_of,
    create_token,
    export_data,
    require_may_make_tokens,
    revoke_token,
    tokens_of,
)
from backend.privacy.erasure import erase_account
from backend.web.access import Level, open_to
from backend.web.accounts import serializers
from backend.web.accounts.forms import EraseForm, StaffRoleForm, TokenForm
from backend.web.accounts.serializers import AccountChangeSerializer
from backend.web.rest.base import (
    ApiList,
    ApiView,
    Data,
    body_of,
    current_user,
    operation,
    person_just_signed_in,
    validated,
)


@open_to(GET=Level.SIGNED_IN, PATCH=Level.SIGNED_IN)
class MeView(ApiView):
    @operation("Who you are, and your roles", serializers.MeSerializer)
    def get(self, request: Request) -> object:
        me = current_user(request)
        known = {"roles": communities_of(me), "unread_notifications": unread_count(me)}
        mine = {name: getattr(me, name) for name in ("email", "name", "language", "staff_role")}
        return mine | known

    @extend_schema(
        summary="Change your name, or the language of pages and mails",
        request=AccountChangeSerializer,
        responses=serializers.MeSerializer,
    )
    def patch(self, request: Request) -> Response:
        me = current_user(request)
        data = validated(AccountChangeSerializer, request.data)
        update_account(
            by=me, name=data.get("name", me.name), language=data.get("language", me.language)
        )
        return self.get(request)


@open_to(GET=Level.SIGNED_IN)
class NotificationsView(ApiList):
    serializer_class = serializers.NotificationSerializer

    def get_queryset(self) -> QuerySet[Notification]:
        return inbox(current_user(self.request))


@open_to(POST=Level.SIGNED_IN)
class NotificationsReadView(ApiView):
    @operation(
        "Mark messages as read", serializers.MarkedSerializer, takes=serializers.MarkReadSerializer
    )
    def post(self, request: Request, data: Data) -> object:
        return {"marked": mark_read(by=current_user(request), public_ids=data["ids"])}


@open_to(GET=Level.SIGNED_IN)
class AuditLogView(ApiList):
    """What you did here, the latest first."""

    serializer_class = serializers.AuditEntrySerializer

    def get_queryset(self) -> QuerySet[Event]:
        return audit_log_of(current_user(self.request))


@open_to(GET=Level.SIGNED_IN, POST=Level.SIGNED_IN)
class TokensView(ApiList):
    """Your tokens that have not expired, the newest first."""

    serializer_class = serializers.TokenSerializer

    def get_queryset(self) -> QuerySet[ApiToken]:
        return tokens_of(current_user(self.request))

    @extend_schema(
        summary="Make a token",
        request=body_of(TokenForm),
        responses={201: serializers.NewTokenSerializer},
    )
    def post(self, request: Request) -> Response:
        """Takes no idempotency key: its answer holds the token, and nothing of that is stored."""
        # Before the values are looked at: to others there is nothing here
        require_may_make_tokens(current_user(request))
        user = person_just_signed_in(request)
        token, words = create_token(by=user, **validated(TokenForm, request.data))
        token.token = words
        return Response(
            serializers.NewTokenSerializer(token).data,
            status=201,
            headers={"Cache-Control": "no-store"},
        )


class TokenView(ApiView):
    @extend_schema(summary="End a token", responses={204: None})
    def delete(self, request: Request, public_id: uuid.UUID) -> Response:
        revoke_token(by=current_user(request), public_id=public_id)
        return Response(status=204)


@open_to(GET=Level.STAFF)
class AllTokensView(ApiList):
    """Everybody's tokens, the newest first."""

    serializer_class = serializers.OwnedTokenSerializer

    def get_queryset(self) -> QuerySet[ApiToken]:
        return all_tokens(current_user(self.request))


@open_to(GET=Level.SIGNED_IN)
class PersonalDataView(ApiView):
    @extend_schema(
        summary="All that the service holds about you", responses=serializers.PersonalDataSerializer
    )
    def get(self, request: Request) -> Response:
        return Response(export_data(by=person_just_signed_in(request)))


@open_to(POST=Level.SIGNED_IN)
class EraseView(ApiView):
    @extend_schema(
        summary="Erase your account for good", request=body_of(EraseForm), responses={204: None}
    )
    def post(self, request: Request) -> Response:
        """Takes no idempotency key: afterwards there is nobody to ask again."""
        user = person_just_signed_in(request)
        erase_account(by=user, **validated(EraseForm, request.data))
        logout(request._request)
        return Response(status=204)


@open_to(GET=Level.ADMIN, POST=Level.ADMIN)
class StaffRolesView(ApiList):
    """Everybody with a staff role."""

    serializer_class = serializers.StaffMemberSerializer

    def get_queryset(self) -> QuerySet[User]:
        return staff_members(current_user(self.request))

    @operation(
        "Make somebody staff, change what they are, or end it",
        serializers.StaffRoleSerializer,
        takes=StaffRoleForm,
    )
    def post(self, request: Request, data: Data, *args: Any, **kwargs: Any) -> object:
        return change_staff_role(
            by=person_just_signed_in(request), email=data["email"], role=data["staff_role"]
        )
