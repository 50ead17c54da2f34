"""Pages that all visitors see alike are made once and kept until something they show changes.

Every table that such pages read has a version, which a trigger raises in the commit that changes
the table (migration 0002 of this app). While a page is made, the tables that it reads are noted; it
is kept with their versions, and shown again for as long as these are the same. A page that reads
any other table is not kept at all: what nobody watches cannot grow old unseen.

Kept is what a visitor was answered with 200: without a session, a token, a cookie to set or a form
that carries the visitor's secret. So nothing private is ever in it.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from django.utils.translation import get_language_from_request

from backend.web import ROUTE
from backend.web.models import TableVersion

Answer = Callable[[HttpRequest], HttpResponseBase]
Key = tuple[str, ...]

# What pages say of today and of the last days is at most so old.
LONGEST_SECONDS = 300.0
LARGEST_PAGE = 2**20  # bytes
SMALLEST_COMPRESSED = 400  # bytes
# Any of these cookies may change what a visitor sees: a session, or a message that waits.
_PERSONAL_COOKIES = (settings.SESSION_COOKIE_NAME, "messages")


@dataclass(frozen=True, slots=True)
class KeptPage:
    """One answer, with the versions of the tables that it was made from."""

    body: bytes
    compressed: bytes
    headers: Mapping[str, str]
    etag: str
    route: str
    versions: Mapping[str, int]
    until: float = field(compare=False)

    @property
    def size(self) -> int:
        return len(self.body) + len(self.compressed) + 2048

    def is_current(self, now: float) -> bool:
        if now >= self.until:
            return False
        if not self.versions:
            return True
        versions = table_versions()
        return all(versions.get(table, 0) == number for table, number in self.versions.items())


class PageCache:
    """Kept pages of one process; those that nobody asked for longest go first."""

    def __init__(self) -> None:
        self._pages: OrderedDict[Key, KeptPage] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Key) -> KeptPage | None:
        with self._lock:
            page = self._pages.get(key)
            if page is not None:
                self._pages.move_to_end(key)
        if page is None or page.is_current(time.monotonic()):
            return page
        self._drop(key)
        return None

    def put(self, key: Key, page: KeptPage) -> None:
        self._drop(key)
        with self._lock:
            self._pages[key] = page
            self._bytes += page.size
            while self._bytes > settings.PAGE_CACHE_BYTES:
                _, oldest = self._pages.popitem(last=False)
                self._bytes -= oldest.size

    def _drop(self, key: Key) -> None:
        with self._lock:
            page = self._pages.pop(key, None)
            if page is not None:
                self._bytes -= page.size

    def clear(self) -> None:
        with self._lock:
            self._pages.clear()
            self._bytes = 0


PAGES = PageCache()


def table_versions() -> dict[str, int]:
    """The version of each watched table that has ever changed, as of now."""
    with connection.cursor() as cursor:
        cursor.execute(TableVersion.SUMS)
        return dict(cursor.fetchall())


class _TablesRead:
    """Notes the tables that statements name. A statement that was met before is not read again."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __call__(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        self.names |= _tables_of(sql if isinstance(sql, str) else sql.as_string())
        return execute(sql, params, many, context)


@functools.cache
def _any_table() -> re.Pattern[str]:
    names = (model._meta.db_table for model in apps.get_models(include_auto_created=True))
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})\b")


@functools.lru_cache(maxsize=2000)
def _tables_of(sql: str) -> frozenset[str]:
    return frozenset(_any_table().findall(sql))


class PageCacheMiddleware:
    """Answers visitors from the kept pages, with an ETag; makes and keeps what is missing."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not settings.PAGE_CACHE_BYTES or not _is_of_a_visitor(request):
            return self.get_response(request)
        key = _key(request)
        page = PAGES.get(key)
        if page is None:
            before, read = table_versions(), _TablesRead()
            with connection.execute_wrapper(read):
                response = self.get_response(request)
            page = _kept(request, response, read.names, before)
            if page is None:
                return response
            PAGES.put(key, page)
        return _response(request, page)


def _is_of_a_visitor(request: HttpRequest) -> bool:
    return (
        request.method in ("GET", "HEAD")
        and "HTTP_AUTHORIZATION" not in request.META
        and not any(name in request.COOKIES for name in _PERSONAL_COOKIES)
        and not request.path.startswith(settings.STATIC_URL)
    )


def _key(request: HttpRequest) -> Key:
    """Everything of a visitor's request that may change the answer."""
    asked = request.META
    return (
        request.scheme or "",
        request.get_host(),
        request.get_full_path(),
        getattr(request, "address_language", "") or get_language_from_request(request),
        asked.get("HTTP_HX_REQUEST", "") + asked.get("HTTP_HX_TARGET", ""),
        asked.get("HTTP_ACCEPT", "") if request.path.startswith("/api/") else "",
    )


def _kept(
    request: HttpRequest, response: HttpResponseBase, read: set[str], before: Mapping[str, int]
) -> KeptPage | None:
    """The answer as it may be kept; None where it may not."""
    if not (
        response.status_code == 200
        and request.method == "GET"
        and isinstance(response, HttpResponse)
        and len(response.content) <= LARGEST_PAGE
        and not response.cookies
        and not request.META.get("CSRF_COOKIE_NEEDS_UPDATE")
        and "Cache-Control" not in response
        and read <= TableVersion.WATCHED
    ):
        return None
    patch_vary_headers(response, ["Accept-Encoding", "Accept-Language"])
    body = response.content
    return KeptPage(
        body=body,
        compressed=gzip.compress(body, 6) if len(body) >= SMALLEST_COMPRESSED else b"",
        headers=dict(response.items()) | {"Cache-Control": "no-cache"},
        etag=f'W/"{hashlib.sha256(body).hexdigest()[:32]}"',
        route=request.resolver_match.route if request.resolver_match else "",
        versions={table: before.get(table, 0) for table in read},
        until=time.monotonic() + LONGEST_SECONDS,
    )


def _response(request: HttpRequest, page: KeptPage) -> HttpResponse:
    request.META[ROUTE] = page.route
    if page.etag in parse_etags(request.META.get("HTTP_IF_NONE_MATCH", "")):
        response = HttpResponse(status=304)
        del response["Content-Type"]
        kept = ("Cache-Control", "Vary", "Content-Language")
        for name in kept:
            if name in page.headers:
                response[name] = page.headers[name]
    else:
        accepts = "gzip" in request.META.get("HTTP_ACCEPT_ENCODING", "") and page.compressed
        response = HttpResponse(page.compressed if accepts else page.body)
        for name, value in page.headers.items():
            response[name] = value
        if accepts:
            response["Content-Encoding"] = "gzip"
        response["Content-Length"] = str(len(response.content))
    response["ETag"] = page.etag
    return response
