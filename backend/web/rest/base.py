"""What all views and serializers of the API share: strict requests, pages of lists, ids in
addresses, the person who asks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.http import QueryDict
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.cities.permissions import Reader
from backend.common.errors import NotAllowed
from backend.web.access import Access
from backend.web.html.forms import DomainForm, Filters
from backend.web.rest.idempotency import idempotent
from backend.web.rest.limits import FIELDS, LimitedView, only, tagged, wanted_fields
from backend.web.rest.schema import ApiSchema

FilterForm = TypeVar("FilterForm", bound=Filters)
Body = type[Serializer[Any]] | type[DomainForm]
Data = dict[str, Any]


class StrictSerializer(serializers.Serializer):
    """The shape of a request's body. Raises ValidationError for names that are not its fields."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = sorted(set(data) - set(self.fields))
            if unknown:
                raise serializers.ValidationError(
                    {name: ["There is no such field."] for name in unknown}
                )
        return super().to_internal_value(data)


METHODS = ["get", "head", "post", "put", "patch", "delete"]


def current_user(request: Request) -> User:
    """The signed-in person. Raises NotAuthenticated for a visitor."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


def current_reader(request: Request) -> Reader:
    """The person and their role in the community of the address, as access has looked it up.
    Raises NotAuthenticated.
    """
    reader = getattr(request, "reader", None)
    if not isinstance(reader, Reader):
        raise NotAuthenticated
    return reader


def person_in_session(request: Request) -> User:
    """The person, signed in. Raises NotAllowed for a request by token: a token that leaks must not
    make others, or end the account.
    """
    user = current_user(request)
    if request.auth is not None:
        raise NotAllowed(
            "A token cannot do this. Sign in to the account itself.", code="session_needed"
        )
    return user


def person_just_signed_in(request: Request) -> User:
    """The person, whose last sign-in is as recent as pages ask for the same act. Raises NotAllowed:
    a token, or a session that has to prove itself again (code ``reauthentication_required``, with
    the address of the page where that is done).
    """
    user = person_in_session(request)
    if is_reauthentication_required(request._request, app="allauth.account"):
        ways = get_adapter().get_reauthentication_methods(user)
        path = ways[0]["url"] if ways else reverse("account_login")
        error = NotAllowed(
            "Confirm first that it is you, on the page of `sign_in_at`: this session has not done "
            "so in the last minutes, and signing in alone does not count.",
            code="reauthentication_required",
        )
        error.details = {"sign_in_at": f"{settings.PUBLIC_URL}{path}"}
        raise error
    return user


def validated(body: Body, data: Any) -> Data:
    """The values of a request's body. Raises ValidationError where their shape is wrong."""
    bound = body_of(body)(data=data)
    bound.is_valid(raise_exception=True)
    values: Data = bound.validated_data
    return values


@functools.cache
def body_of(body: Body) -> type[Serializer[Any]]:
    """The serializer of a request's body that a form describes; a serializer stays as it is."""
    if issubclass(body, Serializer):
        return body
    fields = {name: _body_field(name, field, body) for name, field in body.base_fields.items()}
    return type(f"{body.__name__.removesuffix('Form')}Serializer", (StrictSerializer,), fields)


# Kind of a form's field → that of the body's; the first that fits.
_KINDS: tuple[tuple[type[forms.Field], Any], ...] = (
    (forms.EmailField, serializers.EmailField),
    (forms.URLField, serializers.URLField),
    (forms.CharField, serializers.CharField),
    (forms.ChoiceField, serializers.ChoiceField),
    (forms.FloatField, serializers.FloatField),
    (forms.IntegerField, serializers.IntegerField),
    (forms.BooleanField, serializers.BooleanField),
    (forms.DateField, serializers.DateField),
    (forms.DateTimeField, serializers.DateTimeField),
    (forms.FileField, serializers.FileField),
)


def _body_field(name: str, field: forms.Field, form: type[DomainForm]) -> Any:
    """A field of a body, with the bounds of the form's. What may be left out is then the form's
    ``initial``, or empty.
    """
    kind = next(made for found, made in _KINDS if isinstance(field, found))
    required = field.required or name in form.needed
    options: Data = {"help_text": form.documented.get(name)} | _bounds(field)
    empty: Any = None
    if isinstance(field, forms.ChoiceField | forms.CharField):
        empty = ""
        if not required or name in form.may_be_blank:
            options["allow_blank"] = True
    elif isinstance(field, forms.BooleanField):
        empty = False
    elif not field.required and field.initial is None:
        options["allow_null"] = True
    if not required:
        options["default"] = empty if field.initial is None else field.initial
    return kind(required=required, **options)


def _bounds(field: forms.Field) -> Data:
    if isinstance(field, forms.ChoiceField):
        choices: Any = field.choices
        return {"choices": [choice for choice in choices if choice[0] != ""]}
    if isinstance(field, forms.CharField):
        return {"max_length": field.max_length, "trim_whitespace": field.strip}
    if isinstance(field, forms.IntegerField):
        return {"min_value": field.min_value, "max_value": field.max_value}
    return {"allow_empty_file": True} if isinstance(field, forms.FileField) else {}


def operation(
    summary: str,
    answer: type[Serializer[Any]],
    *,
    takes: Body | None = None,
    status: int = 200,
    is_repeatable: bool = True,
    revision: str = "",
    **more: Any,
) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Makes a method of a view an operation of the API: what it returns is answered through the
    serializer ``answer``, a body as ``takes`` describes it is handed to it as ``data``, and a POST
    honours an idempotency key unless ``is_repeatable`` is false: its answer must not be kept. A GET
    leaves out what ``?fields=`` does not name. ``revision`` names the attribute whose number is the
    answer's ETag; ``more`` is for ``extend_schema``.

    Raises ValidationError where the body's shape is wrong.
    """
    body = None if takes is None else body_of(takes)

    def decorate(method: Callable[..., Any]) -> Callable[..., Response]:
        @functools.wraps(method)
        def answered(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
            given = {} if takes is None else {"data": validated(takes, request.data)}
            fields = wanted_fields(request, answer)
            found = method(view, request, *args, **kwargs, **given)
            shown = answer(found, context=kwargs).data
            response = Response(only(fields, shown), status=status)
            return tagged(request, response, getattr(found, revision)) if revision else response

        made = idempotent(answered) if method.__name__ == "post" and is_repeatable else answered
        words = {"summary": summary, "request": body, "responses": {status: answer}} | more
        decorated: Callable[..., Response] = extend_schema(**words)(made)
        return decorated

    return decorate


PAGING = frozenset({"cursor", "page_size", FIELDS})


def read_filters(
    form_class: type[FilterForm], query: QueryDict, *, paged: bool = True
) -> FilterForm:
    """The valid filters of a request. Raises ValidationError: a wrong or empty value, or a name
    that is no filter; the paginator's own names are allowed if ``paged``, ``fields`` always.
    """
    given = query.dict()
    form = form_class(given, is_api=True)
    names = set(form.fields) | (PAGING if paged else {FIELDS})
    errors: dict[str, Any] = {name: ["There is no such field."] for name in set(given) - names}
    for name in set(given) & set(form.fields):
        if given[name] == "":
            errors[name] = ["This field may not be blank."]
    errors |= {name: lines for name, lines in form.errors.items() if name not in errors}
    if errors:
        raise serializers.ValidationError(errors)
    return form


class ApiView(LimitedView):
    """One object, or one act."""

    access: Access | None = None  # so that a route may say it: as_view(access=…)
    http_method_names = METHODS
    schema = ApiSchema()


class ApiList(LimitedView, ListAPIView[Any]):
    """A list in cursor pages: ``get_queryset``, narrowed by ``filter_form``."""

    access: Access | None = None
    http_method_names = METHODS
    schema = ApiSchema()
    filter_form: type[Filters] = Filters

    def get_queryset(self) -> QuerySet[Any]:
        raise NotImplementedError

    def present(self, row: Any) -> Any:
        """What the serializer is given for a row."""
        return row

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        form = read_filters(self.filter_form, request.query_params)
        fields = wanted_fields(request, self.get_serializer_class())
        rows = form.narrow(self.get_queryset(), getattr(request, "reader", None))
        page = self.paginate_queryset(rows)
        serializer = self.get_serializer([self.present(row) for row in page or ()], many=True)
        return self.get_paginated_response([only(fields, row) for row in serializer.data])


class Private(APIView):
    """Forbids every cache to store the view's answers."""

    def finalize_response(self, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(*args, **kwargs)
        response["Cache-Control"] = "private, no-store"
        return response
