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
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from django.utils.translation import get_language_from_request

from backend.web import ROUTE
from backend.web.models import TableVersion

Answer = Callable[[HttpRequest], HttpResponseBase]
Key = tuple[str, ...]
Value = TypeVar("Value")

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
        try:
            return _are_current(self.versions, table_versions())
        except DatabaseError:  # the view answers, in words
            return False


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
    """Notes the tables that statements name, and the versions from before the first of them. What
    needs no database asks it for nothing.
    """

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.before: dict[str, int] | None = None

    def __call__(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        if self.before is None:
            self.before = {}  # while they are read
            self.before = table_versions()
        self.names |= _tables_of(sql if isinstance(sql, str) else sql.as_string())
        return execute(sql, params, many, context)


@functools.cache
def _any_table() -> re.Pattern[str]:
    models = set(apps.get_models(include_auto_created=True)) - {TableVersion}
    names = sorted(re.escape(model._meta.db_table) for model in models)
    return re.compile(rf"\b(?:{'|'.join(names)})\b")


@functools.lru_cache(maxsize=2000)
def _tables_of(sql: str) -> frozenset[str]:
    return frozenset(_any_table().findall(sql))


# The tables that the page which is being made has read.
_read: ContextVar[set[str]] = ContextVar("tables_read")


class Remembered(Generic[Value]):
    """A value that many pages are made from, made again when a table has changed that it was read
    from. One thread makes it; others wait, rather than make it as well.
    """

    def __init__(self, make: Callable[[], Value]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._kept: tuple[Value, Mapping[str, int]] | None = None

    def __call__(self) -> Value:
        if not settings.PAGE_CACHE_BYTES:
            return self._make()
        with self._lock:
            versions = table_versions()
            if self._kept is None or not _are_current(self._kept[1], versions):
                self._kept = self._made(versions)
            value, made_of = self._kept
        _read.get(set()).update(made_of)  # so does the page that shows it
        return value

    def _made(self, versions: Mapping[str, int]) -> tuple[Value, Mapping[str, int]]:
        reading = _TablesRead()
        with connection.execute_wrapper(reading):
            value = self._make()
        if unwatched := reading.names - TableVersion.WATCHED:
            raise LookupError(f"Nobody watches {', '.join(sorted(unwatched))}: see TableVersion.")
        return value, {table: versions.get(table, 0) for table in reading.names}


def _are_current(made_of: Mapping[str, int], versions: Mapping[str, int]) -> bool:
    return all(versions.get(table, 0) == number for table, number in made_of.items())


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
            reading = _TablesRead()
            token = _read.set(reading.names)
            try:
                with connection.execute_wrapper(reading):
                    response = self.get_response(request)
            finally:
                _read.reset(token)
            page = _kept(request, response, reading.names, reading.before or {})
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
