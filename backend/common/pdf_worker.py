"""The process that makes PDFs: reads requests from its standard input, writes documents to its
standard output, until that ends.

A request is a length (4 bytes, big-endian) and JSON; an answer is one byte (0: a PDF, 1: words
about what went wrong), a length and the bytes. It is a process of its own so that a document that
takes too long can be stopped, and so that the libraries that draw text (Pango, with its fonts) may
come from a private folder without the service being any the wiser.
"""

from __future__ import annotations

import json
import struct
import sys
from typing import Any, BinaryIO

# Smaller and smaller type until a document that is to be one page is one page.
SIZES_PT = (10.0, 9.5, 9.0, 8.5, 8.0, 7.5, 7.0, 6.5, 6.0)


def main() -> int:
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever a library prints must not get among the answers
    while (request := _read(requests)) is not None:
        try:
            status, body = 0, _render(**json.loads(request))
        except Exception as error:
            status, body = 1, f"{type(error).__name__}: {error}".encode()
        answers.write(bytes([status]) + struct.pack(">I", len(body)) + body)
        answers.flush()
    return 0


def _read(stream: BinaryIO) -> bytes | None:
    head = stream.read(4)
    return stream.read(struct.unpack(">I", head)[0]) if len(head) == 4 else None


def _render(html: str, *, one_page: bool) -> bytes:
    from weasyprint import CSS, HTML
    from weasyprint.urls import URLFetcher

    class FetchesNothing(URLFetcher):
        """A document brings everything with it; an address in it, from whomever, is never asked."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            raise ValueError(f"A document may not fetch {url[:200]}.")

    document = HTML(string=html, url_fetcher=FetchesNothing())
    if not one_page:
        return bytes(document.write_pdf())
    for size in SIZES_PT:
        laid_out = document.render(stylesheets=[CSS(string=f"html {{ font-size: {size}pt }}")])
        if len(laid_out.pages) == 1:
            return bytes(laid_out.write_pdf())
    raise ValueError("The document does not fit on one page, not even in the smallest type.")


if __name__ == "__main__":
    sys.exit(main())
