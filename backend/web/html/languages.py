"""The language that a page is shown in, and language tags and writing directions of what people
wrote themselves.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import Resolver404, resolve, reverse, set_script_prefix
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from backend.accounts import services
from backend.accounts.models import User
from backend.cities.models import Community
from backend.cities.names import name_language
from backend.web.access import Level, access_of, open_to

# Own, since CLDR counts Kurdish as Latin, which it is not in Iraq, and Django knows four of these.
_RIGHT_TO_LEFT = frozenset(
    {"ar", "arc", "ckb", "dv", "fa", "he", "iw", "ku", "nqo", "ps", "sd", "syr", "ug", "ur", "yi"}
)


def direction(language: str) -> str:
    """ "rtl" or "ltr" for an ISO 639 code."""
    return "rtl" if language.split("-")[0] in _RIGHT_TO_LEFT else "ltr"


def local_language(community: Community, name: str) -> str:
    """The language that the community's own name is most likely in; empty where none is known."""
    return name_language(name, community.country_id, community.admin1, community.country.languages)


class LanguageAddressMiddleware:
    """``/ja/communities/`` is the public page ``/communities/`` in Japanese, whatever the reader's
    machine prefers, and so are the pages that its links lead to. Anything that is not public has
    one address: the language goes along in the cookie.

    An address without a language is in the reader's, in English where nothing says which.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        language, path = split_language(request.path_info)
        if not language:
            return self.get_response(request)
        if not _is_public(path):
            return _keep_language(HttpResponseRedirect(without_language(request)), language)
        request.path_info = path
        request.address_language = language  # type: ignore[attr-defined]
        if request.method in ("GET", "HEAD"):
            set_script_prefix(f"/{language}/")  # before each link of the page
            try:
                return self.get_response(request)
            finally:
                set_script_prefix("/")
        # What an act leads to, and the addresses that it may store for others, have no language
        return _keep_language(self.get_response(request), language)


def split_language(path: str) -> tuple[str, str]:
    """The language that an address begins with, and the rest; "" and all of it where none does."""
    first, slash, rest = path[1:].partition("/")
    if not slash or first not in dict(settings.LANGUAGES):
        return "", path
    return first, "/" + rest.lstrip("/")  # two slashes would begin with another host's name


def without_language(request: HttpRequest) -> str:
    """The request's address with its query, without a language at its beginning."""
    return split_language(request.get_full_path())[1]


def _is_public(path: str) -> bool:
    """Whether anybody may open the page."""
    try:
        view = resolve(path).func
    except Resolver404:
        return False
    access = None if hasattr(view, "cls") else access_of(view)  # the API has one address
    return access is not None and access.level is Level.PUBLIC


def addresses_by_language(request: HttpRequest) -> dict[str, str]:
    """Language → address of this page in it; empty for a page that has one address."""
    path = without_language(request)
    if request.method not in ("GET", "HEAD") or not _is_public(path.partition("?")[0]):
        return {}
    return {code: f"/{code}{path}" for code, _ in settings.LANGUAGES}


class LanguageMiddleware:
    """A signed-in person reads in the language of the account, whatever the machine prefers;
    visitors as ``LocaleMiddleware`` found.

    The staff's rooms are in English: their words are a house's own and are not translated. The API
    follows ``Accept-Language`` alone.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        language = _language_of(request)
        if language:
            translation.activate(language)
            request.LANGUAGE_CODE = translation.get_language()
        return self.get_response(request)


def _language_of(request: HttpRequest) -> str:
    if named := getattr(request, "address_language", ""):
        return str(named)
    if request.path.startswith(reverse("web:staff")):
        return settings.LANGUAGE_CODE
    if request.path.startswith(("/api/", settings.STATIC_URL)) or not isinstance(
        request.user, User
    ):
        return ""
    return request.user.language if request.user.language in dict(settings.LANGUAGES) else ""


@open_to(Level.PUBLIC)
@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Keeps the chosen language in a cookie and, for who is signed in, in the account; leads back
    to the page.
    """
    language = request.POST.get("language", "")
    back = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        back, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    response = HttpResponseRedirect(back if safe else reverse("web:home"))
    if language in dict(settings.LANGUAGES):
        if isinstance(request.user, User):
            services.choose_language(by=request.user, language=language)
        _keep_language(response, language)
    return response


def _keep_language(response: HttpResponseBase, language: str) -> HttpResponseBase:
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
    )
    return response
