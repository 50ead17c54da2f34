"""What search engines and social networks read of the public pages: the sitemap, robots.txt, the
small icon, and each community in the words of schema.org.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.urls import reverse, set_script_prefix
from django.utils.text import Truncator
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from backend.cities.models import Community, CommunityPicture
from backend.common.errors import NotVisible
from backend.common.files import opened
from backend.common.formatting import comma_list
from backend.web.access import Level, open_to

# A file may hold 50,000 addresses. With all its languages an address takes a kilobyte, and a file
# of a thousand is made in no time and kept whole (``cache.LARGEST_PAGE``).
PAGES_A_FILE = 1000
_PAGES = (
    "home",
    "about",
    "search",
    "seeking",
    "directory",
    "members",
    "members_us",
    "members_global",
    "membership",
    "sources",
)
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SITEMAPS = "http://www.sitemaps.org/schemas/sitemap/0.9"
# First parts of addresses that need an account, or that lead back where one was
_KEPT_OUT = ("account", "dashboard", "inbox", "invitations", "language", "register", "staff")
_LANGUAGES = tuple(code for code, _name in settings.LANGUAGES)


def address_in(language: str, path: str) -> str:
    """A page's address in a language; the one without a language is the English one."""
    prefix = "" if language == settings.LANGUAGE_CODE else f"/{language}"
    return f"{settings.PUBLIC_URL}{prefix}{path}"


@open_to(Level.PUBLIC)
@require_safe
def sitemap(request: HttpRequest) -> HttpResponse:
    """The list of the files that list the pages, language by language."""
    files = -(-(len(_PAGES) + Community.objects.public().count()) // PAGES_A_FILE)
    paths = [
        f"/sitemap-{language}-{number}.xml"
        for language in _LANGUAGES
        for number in range(1, files + 1)
    ]
    rows = "".join(f"<sitemap><loc>{settings.PUBLIC_URL}{path}</loc></sitemap>" for path in paths)
    return _xml(f'<sitemapindex xmlns="{_SITEMAPS}">{rows}</sitemapindex>')


@open_to(Level.PUBLIC)
@require_safe
def sitemap_pages(request: HttpRequest, language: str, number: int) -> HttpResponse:
    """Pages of one file in one language, each with its addresses in the others. Raises NotVisible
    for a file that there is not.
    """
    pages = list(_pages((number - 1) * PAGES_A_FILE)) if number and language in _LANGUAGES else []
    if not pages:
        raise NotVisible
    rows = "".join(_page_row(language, path, changed) for path, changed in pages)
    return _xml(
        f'<urlset xmlns="{_SITEMAPS}" xmlns:xhtml="http://www.w3.org/1999/xhtml">{rows}</urlset>'
    )


def _pages(first: int) -> Iterator[tuple[str, str]]:
    """(Path, day of the last change) of as many public pages as a file holds."""
    set_script_prefix("/")  # of an address with a language too
    fixed = _PAGES[first : first + PAGES_A_FILE]
    yield from ((reverse(f"web:{name}"), "") for name in fixed)
    at = max(0, first - len(_PAGES))
    rows = Community.objects.public().order_by("pk")
    confirmed = rows.values_list("pk", "profile__confirmed_at")
    for pk, day in confirmed[at : at + PAGES_A_FILE - len(fixed)]:
        yield reverse("web:community", args=[pk]), f"{day:%Y-%m-%d}" if day else ""


def _page_row(language: str, path: str, changed: str) -> str:
    others = [(code, address_in(code, path)) for code in _LANGUAGES]
    links = "".join(
        f'<xhtml:link rel="alternate" hreflang="{code}" href={quoteattr(address)}/>'
        for code, address in [*others, ("x-default", address_in(settings.LANGUAGE_CODE, path))]
    )
    day = f"<lastmod>{changed}</lastmod>" if changed else ""
    return f"<url><loc>{escape(address_in(language, path))}</loc>{day}{links}</url>"


def _xml(body: str) -> HttpResponse:
    return HttpResponse(_XML + body, content_type="application/xml; charset=utf-8")


@open_to(Level.PUBLIC)
@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    lines = [
        "User-agent: *",
        *(f"Disallow: /{part}/" for part in _KEPT_OUT),
        f"Sitemap: {settings.PUBLIC_URL}/sitemap.xml",
    ]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


@open_to(Level.PUBLIC)
@require_safe
def small_icon(request: HttpRequest) -> HttpResponse:
    """Asked for by what does not read the page that names the icons."""
    return HttpResponseRedirect(static("web/icon.png"))


@open_to(Level.PUBLIC)
@require_safe
def picture_file(request: HttpRequest, community_id: int, picture: str) -> HttpResponse:
    """A community's picture, for as long as its page is public. Raises NotVisible."""
    kept = CommunityPicture.objects.filter(
        community__in=Community.objects.public().filter(pk=community_id),
        file=f"pictures/{picture}.jpg",
    ).first()
    if kept is None:
        raise NotVisible
    with opened(kept.file) as file:
        response = HttpResponse(file.read(), content_type="image/jpeg")
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "public, max-age=86400"
    return response


def seen_from_afar(community: Community, page: Mapping[str, Any]) -> dict[str, Any]:
    """What search engines and messages that link to a community's page show of it: the beginning of
    its story, in English for who does not read the page in its language.

    Args:
        page: what the page itself shows.
    """
    story = page.get("story")
    text = story.text if story is not None else ""
    if story is not None and story.language != get_language():
        text = page.get("english_story") or text
    place = comma_list(part for part in (community.region, community.country.label) if part)
    return {
        "description": Truncator(" ".join(text.split()) or f"{community.name}, {place}").chars(200),
        "data": community_data(community, page),
    }


def community_data(community: Community, page: Mapping[str, Any]) -> dict[str, Any]:
    """A community for machines, by https://schema.org; only what its page shows as well."""
    data: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "City" if community.kind == Community.Kind.CITY else "AdministrativeArea",
        "name": community.name,
        "url": settings.PUBLIC_URL + reverse("web:community", args=[community.pk]),
        "containedInPlace": {
            "@type": "Country",
            "name": community.country.label,
            "identifier": community.country_id,
        },
    }
    if community.region:
        data["containedInPlace"] = {
            "@type": "AdministrativeArea",
            "name": community.region,
            "containedInPlace": data["containedInPlace"],
        }
    if page.get("local_name"):
        data["alternateName"] = page["local_name"].text
    if community.latitude is not None:
        data["geo"] = {
            "@type": "GeoCoordinates",
            "latitude": community.latitude,
            "longitude": community.longitude,
        }
    if page.get("website"):
        data["sameAs"] = page["website"]
    shown = page.get("picture")
    if shown is not None:
        path = reverse("web:picture", args=[community.pk, shown.version])
        data["image"] = settings.PUBLIC_URL + path
    return data
