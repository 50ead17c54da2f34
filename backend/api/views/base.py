"""What all views of the API share: the shape of requests, pages of lists, and the person who asks."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import NotAuthenticated
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.schema import ApiSchema
from backend.api.serializers.strict import FilterSerializer

METHODS = ["get", "head", "post", "put", "patch", "delete"]


def person(request: Request) -> User:
    """The signed-in person. Raises NotAuthenticated for a visitor."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


def checked(serializer: type[Serializer[Any]], data: Any) -> dict[str, Any]:
    """The values of a body or of query parameters. Raises ValidationError where their shape is wrong."""
    bound = serializer(data=data)
    bound.is_valid(raise_exception=True)
    values: dict[str, Any] = bound.validated_data
    return values


class ApiView(APIView):
    """One object, or one act."""

    http_method_names = METHODS
    schema = ApiSchema()


class ApiList(ListAPIView[Any]):
    """A list in cursor pages, narrowed by ``filter_serializer``."""

    http_method_names = METHODS
    schema = ApiSchema()
    filter_backends = []
    filter_serializer: type[FilterSerializer] = FilterSerializer

    def filters(self) -> dict[str, Any]:
        return checked(self.filter_serializer, self.request.query_params.dict())

    def get_queryset(self) -> QuerySet[Any]:
        raise NotImplementedError

    def present(self, row: Any) -> Any:
        """What the serializer is given for a row."""
        return row

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        serializer = self.get_serializer([self.present(row) for row in page or ()], many=True)
        return self.get_paginated_response(serializer.data)
