"""Cursor pages: each page begins after the last row of the one before it, whatever was added or
removed in between.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Q, QuerySet
from django.utils.crypto import salted_hmac
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

PAGE_SIZE = 25
LARGEST_PAGE = 100


class CursorPages(BasePagination):
    """Pages through a queryset whose ``order_by`` names columns, or annotations that the row has as
    attributes, and ends with the primary key.

    Empty values come where PostgreSQL puts them: last in ascending order, first in descending.

    The cursor is encrypted: a client can neither make one up nor read row numbers in it, from which
    it could count what others do.
    """

    def paginate_queryset(
        self, queryset: QuerySet[Any], request: Request, view: Any = None
    ) -> list[Any]:
        """One page of rows. Raises ValidationError for a cursor that is not ours, or a page size
        out of bounds.
        """
        self.request = request
        return self.rows(queryset, request.query_params.get("cursor", ""), _page_size(request))

    def rows(self, queryset: QuerySet[Any], cursor: str, size: int) -> list[Any]:
        """The page that begins after ``cursor``; ``following`` is then that of the next page.
        Raises ValidationError for a cursor that is not ours.
        """
        self.ordering = ordering_of(queryset)
        if cursor:
            queryset = queryset.filter(rows_after(queryset, self.ordering, self._read(cursor)))
        rows = list(queryset[: size + 1])
        self.following = self._write(rows[size - 1]) if len(rows) > size else None
        return rows[:size]

    def get_paginated_response(self, data: Any) -> Response:
        here = self.request.build_absolute_uri()
        following = replace_query_param(here, "cursor", self.following) if self.following else None
        return Response({"next": following, "results": data})

    def get_paginated_response_schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        address = {
            "type": ["string", "null"],
            "format": "uri",
            "description": "The next page; null on the last one.",
        }
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {
                "next": address,
                "results": {
                    "type": "array",
                    "maxItems": LARGEST_PAGE,
                    "items": dict(schema.get("items", schema)),
                },
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        size = {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE_SIZE}
        return [
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "description": "From `next` of the page before.",
                "schema": {"type": "string"},
            },
            {
                "name": "page_size",
                "in": "query",
                "required": False,
                "description": "Rows a page.",
                "schema": size,
            },
        ]

    def _cipher(self) -> Fernet:
        """For this order alone: the cursor of another list is none of this one."""
        key = salted_hmac(f"api.cursor:{','.join(self.ordering)}", "", algorithm="sha256")
        return Fernet(base64.urlsafe_b64encode(key.digest()))

    def _write(self, row: Any) -> str:
        values = [_plain(value_of(row, name.lstrip("-"))) for name in self.ordering]
        return self._cipher().encrypt(json.dumps(values).encode()).decode()

    def _read(self, cursor: str) -> list[Any]:
        try:
            return list(json.loads(self._cipher().decrypt(cursor.encode())))
        except InvalidToken:
            raise ValidationError(
                {
                    "cursor": [
                        "This is no cursor of this list. Follow `next`, or begin without a cursor."
                    ]
                }
            ) from None


def ordering_of(queryset: QuerySet[Any]) -> list[str]:
    wanted = list(queryset.query.order_by)
    ordering = [name for name in wanted if isinstance(name, str)]
    if ordering != wanted or not ordering or ordering[-1].lstrip("-") not in {"id", "pk"}:
        raise ImproperlyConfigured(
            f"Cursor pages need an order by columns that ends with the primary key, not {wanted}."
        )
    return ordering


def _page_size(request: Request) -> int:
    given = request.query_params.get("page_size", "")
    if not given:
        return PAGE_SIZE
    if not (
        given.isascii() and given.isdigit() and len(given) <= 4 and 1 <= int(given) <= LARGEST_PAGE
    ):
        raise ValidationError({"page_size": [f"Give a whole number from 1 to {LARGEST_PAGE}."]})
    return int(given)


def value_of(row: Any, name: str) -> Any:
    for part in name.split("__"):
        row = getattr(row, part)
    return row


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value


def rows_after(queryset: QuerySet[Any], ordering: Sequence[str], values: Sequence[Any]) -> Q:
    """Rows that follow ``values`` in the order: the first column that differs decides."""
    following, same = Q(), Q()
    for name, value in zip(ordering, values, strict=True):
        column, descending = name.lstrip("-"), name.startswith("-")
        if value is None:
            beyond = Q(**{f"{column}__isnull": False}) if descending else Q(pk__in=[])
            equal = Q(**{f"{column}__isnull": True})
        else:
            beyond = Q(**{f"{column}__lt" if descending else f"{column}__gt": value})
            if not descending and _may_be_empty(queryset, column):
                beyond |= Q(**{f"{column}__isnull": True})
            equal = Q(**{column: value})
        following |= same & beyond
        same &= equal
    return following


def _may_be_empty(queryset: QuerySet[Any], column: str) -> bool:
    if column in queryset.query.annotations:
        return True
    field: Any = None
    for part in column.split("__"):
        options = (field.related_model if field else queryset.model)._meta
        field = options.pk if part == "pk" else options.get_field(part)
    return bool(field.null)
