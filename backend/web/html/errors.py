"""Error pages: the status and the text of each kind of DomainError, and Django's error handlers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from urllib.parse import urlsplit

import structlog
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from backend.common.errors import (
    CapacityReached,
    Conflict,
    DomainError,
    Gone,
    InvalidFields,
    NotAllowed,
    NotVisible,
    TooManyRequests,
    Unavailable,
    WrongState,
)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The page of a wrong address. An object that is not open to the person gets the same bytes as
    one that does not exist.
    """
    request.resolver_match = None  # the menu must not mark where the address would have led
    return _problem(
        request,
        404,
        _("Page not found"),
        _(
            "Check the address for a typing error. If somebody sent you the link, ask them whether "
            "the page belongs to their community alone."
        ),
        is_missing=True,
    )


def _way_back(request: HttpRequest) -> str:
    """The path of the page that the person came from, if it was one of ours."""
    referer = urlsplit(request.headers.get("referer", ""))
    return (
        referer.path
        if referer.netloc == request.get_host() and referer.path != request.path
        else ""
    )


def _problem(
    request: HttpRequest, status: int, heading: str, problem: str, **context: object
) -> HttpResponse:
    return render(
        request, "problem.html", {"heading": heading, "problem": problem, **context}, status=status
    )


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    text = exception.message if isinstance(exception, NotAllowed) else ""
    return _problem(
        request, 403, _("This is not yours to do"), text or _("Your account may not do this.")
    )


def too_many_requests(request: HttpRequest) -> HttpResponse:
    text = _("Wait a minute, then try again. Nothing is lost and nobody is locked out.")
    return _problem(request, 429, _("Too many tries"), text)


def domain_error_page(request: HttpRequest, error: DomainError) -> HttpResponse:
    if isinstance(error, NotVisible):
        return not_found(request)
    if isinstance(error, NotAllowed):
        return forbidden(request, error)
    pages = {
        InvalidFields: (400, _("Some answers need another look")),
        Unavailable: (503, _("Not possible just now")),
        TooManyRequests: (429, _("Too many tries")),
        Conflict: (409, _("Somebody was faster")),
        WrongState: (409, _("This cannot be done now")),
        Gone: (410, _("No longer offered")),
        CapacityReached: (409, _("You have as many open introductions as you allow")),
    }
    status, heading = pages.get(type(error), (409, _("This cannot be done")))
    errors = getattr(error, "errors", None)
    response = _problem(
        request, status, heading, error.message, back=_way_back(request), errors=errors
    )
    if error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)
    return response


# Pages of requests that cannot be relied on: without a person, a menu or the database.


def _plain_page(status: int, heading: str, problem: str, request_id: str = "") -> HttpResponse:
    context = {"heading": heading, "problem": problem, "request_id": request_id}
    html = render_to_string("error.html", context)
    return HttpResponse(html, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, or 413 where the request has more bytes, files or values than a page takes."""
    if isinstance(exception, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        text = _(
            "It is larger than this page takes, or has more parts. Nothing was changed. Go back "
            "and send one file, or fewer values, at a time."
        )
        return _plain_page(413, _("The request is too large"), text)
    text = _(
        "Something in it is not as it should be. Go back, reload the page and try again; if it "
        "happens again, the address may be wrong or the upload too large."
    )
    return _plain_page(400, _("The request could not be read"), text)


def missing_slash(request: HttpRequest, address: str) -> HttpResponse:
    """404 for a form sent to a page's address without its last slash."""
    text = _("This address ends with a slash: %(address)s Nothing was changed.")
    return _plain_page(404, _("The address is not complete"), text % {"address": address})


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    text = _(
        "For your safety this form is no longer valid, or your browser refuses cookies. Go back, "
        "reload the page, and send it again."
    )
    return _plain_page(403, _("The page was open too long"), text)


def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 when the database does not answer."""
    text = _(
        "What you had saved is safe. Wait a minute and try again; if it stays, tell the staff what "
        "you were doing and when."
    )
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    if isinstance(sys.exc_info()[1], OperationalError):
        response = _plain_page(503, _("Not possible just now"), text, request_id)
        response["Retry-After"] = "5"
        return response
    return _plain_page(500, _("Something went wrong on our side"), text, request_id)


class DomainErrorMiddleware:
    """Turns a DomainError that a view lets through into its page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, UnreadablePostError):  # the connection broke, or came to a halt
            return bad_request(request, exception)
        if not isinstance(exception, DomainError):
            return None
        exception.leave_trace()
        return domain_error_page(request, exception)
