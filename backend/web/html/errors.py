"""What pages answer when something cannot be done: each kind of DomainError has its status and
words, in this one place.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _

from backend.common.errors import (
    CapacityReached,
    Conflict,
    DomainError,
    InvalidFields,
    NotAllowed,
    NotVisible,
    Unavailable,
    WrongState,
)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The page of a wrong address. An object that is not open to the person gets the same bytes as
    one that does not exist.
    """
    request.resolver_match = None  # the menu must not mark where the address would have led
    return render(request, "404.html", status=404)


def _way_back(request: HttpRequest) -> str:
    """The path of the page that the person came from, if it was one of ours."""
    referer = urlsplit(request.headers.get("referer", ""))
    return (
        referer.path
        if referer.netloc == request.get_host() and referer.path != request.path
        else ""
    )


def domain_error_page(request: HttpRequest, error: DomainError) -> HttpResponse:
    if isinstance(error, NotVisible):
        return not_found(request)
    if isinstance(error, NotAllowed):
        return render(request, "403.html", {"problem": error.message}, status=403)
    context = {
        "problem": error.message,
        "back": _way_back(request),
        "errors": getattr(error, "errors", None),
    }
    if isinstance(error, InvalidFields):
        return render(
            request,
            "problem.html",
            context | {"heading": _("Some answers need another look")},
            status=400,
        )
    if isinstance(error, Unavailable):
        return render(
            request, "problem.html", context | {"heading": _("Not possible just now")}, status=503
        )
    headings = {
        Conflict: _("Somebody was faster"),
        WrongState: _("This cannot be done now"),
        CapacityReached: _("You have as many open introductions as you allow"),
    }
    heading = headings.get(type(error), _("This cannot be done"))
    return render(request, "problem.html", context | {"heading": heading}, status=409)


class DomainErrorMiddleware:
    """Turns a DomainError that a view lets through into its page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return domain_error_page(request, exception) if isinstance(exception, DomainError) else None
