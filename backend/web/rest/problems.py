"""Every error of the API in one shape: RFC 9457 problem details with a stable ``code`` and, for
wrong values, ``errors`` by field path.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.core.signals import got_request_exception
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.middleware.common import CommonMiddleware
from rest_framework import exceptions, serializers
from rest_framework.response import Response

from backend.common.errors import (
    CapacityReached,
    Conflict,
    DomainError,
    Gone,
    InvalidFields,
    NotAllowed,
    NotVisible,
    PreconditionFailed,
    TooManyRequests,
    Unavailable,
    WrongState,
)
from backend.web.html.errors import missing_slash

# Every error of the API in one shape: RFC 9457 problem details with a stable ``code`` and, for
# wrong values, ``errors`` by field path.


CONTENT_TYPE = "application/problem+json"
_STATUS: Mapping[type[DomainError], int] = {
    NotVisible: 404,
    NotAllowed: 403,
    WrongState: 409,
    Gone: 410,
    Conflict: 409,
    CapacityReached: 409,
    PreconditionFailed: 412,
    Unavailable: 503,
    TooManyRequests: 429,
    InvalidFields: 422,
}
_CODES: Mapping[int, str] = {
    400: "malformed",
    401: "not_authenticated",
    403: "not_allowed",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
}
# What Django raises where a body is not what its headers say.
_UNREADABLE = (BadRequest, SuspiciousOperation, MultiPartParserError, UnreadablePostError)
_log = logging.getLogger("django.request")


def problem(
    status: int,
    code: str,
    detail: str,
    errors: Mapping[str, list[str]] | None = None,
    details: Mapping[str, Any] | None = None,
) -> Response:
    """One problem document. What differs between requests (a path, a time) is left out, except
    the ``request_id``: two unknown things answer with the same bytes beside it.
    """
    data: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": structlog.contextvars.get_contextvars().get("request_id", ""),
    }
    if errors is not None:
        data["errors"] = errors
    return Response({**(details or {}), **data}, status=status, content_type=CONTENT_TYPE)


def problem_handler(exc: Exception, context: Mapping[str, Any]) -> Response:
    """The answer to any exception of an API view. What nobody foresaw is logged with its trace and
    answered with 500.
    """
    if isinstance(exc, DomainError):
        exc.leave_trace()
        return _domain_problem(exc)
    if isinstance(exc, Http404):
        return _domain_problem(NotVisible())
    if isinstance(exc, PermissionDenied):
        return problem(403, "not_allowed", "This is not open to you.")
    if isinstance(exc, exceptions.APIException):
        return _framework_problem(exc)
    if isinstance(exc, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        return problem(
            413,
            _CODES[413],
            "The request is larger than this address takes, or has more parts. Send one file, or "
            "fewer values, at a time.",
        )
    if isinstance(exc, _UNREADABLE):
        return problem(
            400,
            _CODES[400],
            "The request could not be read to its end. Send it again, whole and as its "
            "Content-Type says.",
        )
    if isinstance(exc, RecursionError):
        return problem(
            400, _CODES[400], "The request is nested deeper than any document of this service."
        )
    return _unforeseen_problem(exc, context)


def _domain_problem(error: DomainError) -> Response:
    errors = error.errors if isinstance(error, InvalidFields) else None
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 409)
    response = problem(status, error.code, str(error.message), errors, error.details)
    if error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)
    return response


def _framework_problem(exc: exceptions.APIException) -> Response:
    if isinstance(exc, exceptions.ValidationError):
        errors: dict[str, list[str]] = {}
        for path, message in field_messages(exc.detail):
            errors.setdefault(path, []).append(message)
        return problem(422, InvalidFields.code, "Some values cannot be accepted.", errors)
    # Session sign-in names no challenge of its own, so the framework would answer 403 where nobody
    # is signed in.
    signed_out = isinstance(exc, exceptions.NotAuthenticated | exceptions.AuthenticationFailed)
    status = 401 if signed_out else exc.status_code
    response = problem(status, _CODES.get(status, "error"), str(exc.detail))
    if signed_out:
        response["WWW-Authenticate"] = 'Session realm="api"'
    wait = getattr(exc, "wait", None)
    if wait:
        response["Retry-After"] = str(int(wait))
    return response


def _unforeseen_problem(exc: Exception, context: Mapping[str, Any]) -> Response:
    request = getattr(context.get("request"), "_request", None)
    got_request_exception.send(sender=type(context.get("view")), request=request)
    _log.error("Unforeseen error in the API: %s", getattr(request, "path", ""), exc_info=exc)
    if isinstance(exc, OperationalError):
        response = problem(
            503,
            "unavailable",
            "The service cannot reach its database. Nothing was changed; try again in a moment.",
        )
        response["Retry-After"] = "5"
        return response
    return problem(
        500,
        "internal",
        "Something went wrong on our side. Nothing was changed; staff can see it in the log.",
    )


def field_messages(detail: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The nested messages of a serializer as (dotted field path, message); the whole document has
    the empty path.
    """
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            own = "" if name == "non_field_errors" else str(name)
            yield from field_messages(inner, ".".join(part for part in (path, own) if part))
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            yield from field_messages(
                inner, f"{path}.{index}" if isinstance(inner, Mapping | list) else path
            )
    else:
        yield path, str(detail)


class SlashMiddleware(CommonMiddleware):
    """Django's, which sends an address without its last slash to the one with it. A request that
    writes is refused in words: a redirect loses its method and body.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        is_read = request.method in {"GET", "HEAD", "OPTIONS"}
        if is_read or response.status_code != 404 or not self.should_redirect_with_slash(request):
            return super().process_response(request, response)
        address = f"{request.path}/{request.get_full_path()[len(request.path) :]}"
        if not request.path.startswith("/api/"):
            return missing_slash(request, address)
        detail = f"This address ends with a slash: {address} Nothing was changed."
        document = problem(404, "missing_slash", detail).data
        return JsonResponse(document, status=404, content_type=CONTENT_TYPE)


# The shape of every error.


class ProblemSerializer(serializers.Serializer):
    type = serializers.CharField(
        help_text="about:blank: the status says the kind, `code` says which."
    )
    title = serializers.CharField(help_text="The status in words.")
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="Stable; programs may branch on it.")
    detail = serializers.CharField(help_text="What is wrong and how to correct it, for people.")
    request_id = serializers.CharField(
        help_text="The same as `X-Request-Id`; staff find the request in the log by it."
    )
    errors = serializers.DictField(  # type: ignore[assignment]  # the name is the document's
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="For wrong values: messages by dotted field path; the empty path is the whole "
        "document.",
    )
    sign_in_at = serializers.CharField(
        required=False,
        help_text="For `reauthentication_required`: the page where the person signs in again.",
    )
    revision = serializers.IntegerField(
        required=False, help_text="For `newer_draft`: the draft's revision now."
    )
    conflicts = serializers.DictField(
        child=serializers.DictField(),
        required=False,
        help_text="For `newer_draft`: `yours` and `theirs` by `group.question`.",
    )
    community_id = serializers.IntegerField(
        required=False, help_text="For `community_already_registered`: which one to join."
    )
    communities = serializers.ListField(
        child=serializers.DictField(),
        required=False,
        help_text="For `community_looks_registered`: those that may be meant.",
    )
