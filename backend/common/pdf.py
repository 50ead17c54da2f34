"""The one door to PDF: HTML in, bytes out, and nothing is ever fetched while it is made."""

from __future__ import annotations

from typing import Any

from weasyprint import HTML
from weasyprint.urls import URLFetcher


class FetchesNothing(URLFetcher):
    """A document brings everything with it; an address in it, from whomever, is never asked."""

    def fetch(self, url: str, headers: Any = None) -> Any:
        raise ValueError(f"A document may not fetch {url[:200]}.")


def render_pdf(html: str) -> bytes:
    """The document as a PDF. Its styles are in the HTML; its fonts are those of the machine."""
    content: bytes = HTML(string=html, url_fetcher=FetchesNothing()).write_pdf()
    return content
