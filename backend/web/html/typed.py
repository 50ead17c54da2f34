"""What forms send, as text that a reader sees: a browser sends two characters for each line break,
and whatever was pasted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase

from backend.common.typed_text import typed


class TypedTextMiddleware:
    """Passwords stay what they are: they are compared, not read."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponseBase], *_words: Any
    ) -> None:
        # The API's views read their own bodies
        if request.method == "POST" and not getattr(view, "csrf_exempt", False):
            sent = QueryDict(mutable=True, encoding=request.POST.encoding)
            for name, values in request.POST.lists():
                keeps = "password" in name
                sent.setlist(name, values if keeps else list(map(typed, values)))
            sent._mutable = False
            request.POST = sent  # type: ignore[assignment]
