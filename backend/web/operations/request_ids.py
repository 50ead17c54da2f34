"""One id a request: on every line that is logged while it is answered, and in the answer. What is
logged of a request that is refused.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponseBase

from backend.web import ROUTE

HEADER = "X-Request-Id"


class RequestIdMiddleware:
    """The first of all, so that what the others log has the id too. What a client sends under the
    same name is not taken over: it could be anything.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = uuid.uuid4().hex
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
        response[HEADER] = request_id
        return response

    def process_view(self, request: HttpRequest, *view: Any) -> None:
        """What the web server's log calls the address: without the secrets that it may hold."""
        if request.resolver_match is not None:
            request.META[ROUTE] = request.resolver_match.route


class RefusalFilter(logging.Filter):
    """A request that Django finds unacceptable (more parts than allowed, a forged host) is one line
    of the log that warns: a trace says nothing of it, and such requests could fill
    the log.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("django.security."):
            record.exc_info = record.exc_text = None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True
