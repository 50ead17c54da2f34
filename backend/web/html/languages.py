"""The language that a page is shown in, and language tags and writing directions of what people
wrote themselves.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from backend.accounts import services
from backend.accounts.models import User
from backend.cities.models import Community
from backend.cities.names import name_language
from backend.web.access import Level, open_to

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
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=settings.LANGUAGE_COOKIE_AGE,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
        )
    return response
