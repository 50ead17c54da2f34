"""How often one person may ask, and what programs read about it; fields that they leave out; and
versions that they name.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping
from typing import Any

from django.core.cache import caches
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

FIELDS = "fields"


class PersonLimit(UserRateThrottle):
    """So many requests a minute of one person, by session and tokens together, counted by each
    process of the web for itself. Visitors are not counted: what they read is kept pages.
    """

    scope = "person"
    cache = caches["requests"]
    num_requests: int
    duration: int

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        return super().get_cache_key(request, view) if request.user.is_authenticated else None

    def headers(self) -> dict[str, str]:
        """What is left, as of the request that was just counted."""
        oldest = self.history[-1] if self.history else self.now
        return {
            "RateLimit-Limit": str(self.num_requests),
            "RateLimit-Remaining": str(max(0, self.num_requests - len(self.history))),
            "RateLimit-Reset": str(max(0, round(oldest + self.duration - time.time()))),
        }


class LimitedView(APIView):
    """Tells a person's programs with each answer how many requests are left."""

    throttle_classes = [PersonLimit]

    def get_throttles(self) -> list[Any]:
        self.limits = super().get_throttles()
        return self.limits

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        for limit in getattr(self, "limits", ()):
            if isinstance(limit, PersonLimit) and hasattr(limit, "history"):
                for name, value in limit.headers().items():
                    response[name] = value
        return response


def wanted_fields(request: Request, serializer: type[Any]) -> list[str] | None:
    """The fields that ``?fields=id,name`` asks for; None for all. Raises ValidationError for one
    that answers of the serializer do not have.
    """
    given = request.query_params.get(FIELDS)
    if given is None or request.method not in ("GET", "HEAD"):
        return None
    names, known = [name.strip() for name in given.split(",")], tuple(serializer().fields)
    if unknown := sorted(set(names) - set(known)):
        raise ValidationError(
            {
                FIELDS: [
                    f"There is no field {', '.join(map(repr, unknown))}. "
                    f"There are: {', '.join(known)}."
                ]
            }
        )
    return names


def only(fields: Collection[str] | None, row: Mapping[str, Any]) -> Mapping[str, Any]:
    return row if fields is None else {name: row[name] for name in fields}


_TAG = re.compile(r'"r(\d{1,9})"')


def revision_tag(revision: int) -> str:
    return f'"r{revision}"'


def named_revisions(request: Request) -> Collection[int] | None:
    """The revisions that ``If-Match`` allows; None where any does."""
    given = request.headers.get("If-Match", "*").strip()
    return None if given == "*" else {int(number) for number in _TAG.findall(given)}


def tagged(request: Request, response: Response, revision: int) -> Response:
    """The answer with the tag of its revision; 304 where ``If-None-Match`` names that."""
    tag = revision_tag(revision)
    seen = request.headers.get("If-None-Match", "")
    if request.method in ("GET", "HEAD") and tag in [part.strip() for part in seen.split(",")]:
        response = Response(status=304)
    response["ETag"] = tag
    return response
