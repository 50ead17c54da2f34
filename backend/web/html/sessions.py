"""What belongs to one person's session: no cache keeps its answers, and that of staff ends soon."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers

from backend.accounts.models import User
from backend.web.access import Level, access_of

Answer = Callable[[HttpRequest], HttpResponseBase]


class NoStoreMiddleware:
    """Forbids every cache to keep what one person was answered: any request with a session or a
    token, and every view that is not open to all.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        patch_vary_headers(response, ["Cookie", "Authorization"])
        if _is_private(request):
            response["Cache-Control"] = "private, no-store"
        return response


def _is_private(request: HttpRequest) -> bool:
    if settings.SESSION_COOKIE_NAME in request.COOKIES or "authorization" in request.headers:
        return True
    access = access_of(request.resolver_match.func) if request.resolver_match else None
    return access is None or access.level_of(str(request.method)) is not Level.PUBLIC


_BEGUN, _SEEN = "staff_session_begun", "staff_session_seen"  # Unix time, seconds


class StaffSessionMiddleware:
    """Signs staff out when their session is too old or was idle for too long
    (``STAFF_SESSIONS``); the request goes on as a visitor's.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        user = request.user
        if isinstance(user, User) and user.is_staff_member:
            _end_or_keep(request)
        return self.get_response(request)


@receiver(user_logged_in)
def begin_staff_session(request: HttpRequest, user: User, **kwargs: Any) -> None:
    if user.is_staff_member:
        request.session[_BEGUN] = request.session[_SEEN] = time.time()


def _end_or_keep(request: HttpRequest) -> None:
    now, rule = time.time(), settings.STAFF_SESSIONS
    begun, seen = (request.session.get(name, now) for name in (_BEGUN, _SEEN))
    if now - begun > rule["longest_hours"] * 3600 or now - seen > rule["idle_minutes"] * 60:
        logout(request)
        return
    # Once a minute is near enough, and spares each other request the write
    if _BEGUN not in request.session or now - seen > 60:
        request.session[_BEGUN], request.session[_SEEN] = begun, now
