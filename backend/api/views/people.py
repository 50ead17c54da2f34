"""The signed-in person: who they are here, and their messages."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.services import update_account
from backend.api.idempotency import idempotent
from backend.api.serializers import people as shapes
from backend.api.serializers.accounts import AccountChangeSerializer
from backend.api.views.base import ApiList, ApiView, checked, person
from backend.cities.queries import communities_of
from backend.notifications.models import Notification
from backend.notifications.services import inbox, mark_read, unread_count


class MeView(ApiView):
    @extend_schema(summary="Who you are, and your roles", responses=shapes.MeSerializer)
    def get(self, request: Request) -> Response:
        me = person(request)
        known = {"roles": communities_of(me), "unread_notifications": unread_count(me)}
        mine = {name: getattr(me, name) for name in ("email", "name", "language", "staff_role")}
        return Response(shapes.MeSerializer(mine | known).data)

    @extend_schema(
        summary="Change your name, or the language of pages and mails", request=AccountChangeSerializer, responses=shapes.MeSerializer
    )
    def patch(self, request: Request) -> Response:
        me = person(request)
        asked = checked(AccountChangeSerializer, request.data)
        update_account(by=me, name=asked.get("name", me.name), language=asked.get("language", me.language))
        return self.get(request)


class NotificationsView(ApiList):
    serializer_class = shapes.NotificationSerializer

    def get_queryset(self) -> QuerySet[Notification]:
        self.filters()
        return inbox(person(self.request))


class NotificationsReadView(ApiView):
    @extend_schema(summary="Mark messages as read", request=shapes.MarkReadSerializer, responses=shapes.MarkedSerializer)
    @idempotent
    def post(self, request: Request) -> Response:
        asked = checked(shapes.MarkReadSerializer, request.data)
        return Response({"marked": mark_read(by=person(request), notification_ids=asked["ids"])})
