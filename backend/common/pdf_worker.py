"""The process that makes PDFs: reads requests from its standard input, writes documents to its
standard output, until that ends.

A request is a length (4 bytes, big-endian) and JSON; an answer is one byte (0: a PDF, 1: a message
about what went wrong), a length and the bytes. It is a process of its own so that a document that
takes too long can be stopped, and so that the libraries that draw text (Pango, with its fonts) may
come from a private folder that the service itself does not load from.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

# Where the set-up puts the libraries on a machine that has none; see backend.runtime.pdf_libraries.
PRIVATE_LIBRARIES = Path(__file__).resolve().parents[2] / ".venv" / "pango"

# Smaller and smaller type until a document that is to be one page is one page.
SIZES_PT = (10.0, 9.5, 9.0, 8.5, 8.0, 7.5, 7.0, 6.5, 6.0)


def environment_for_pdf(
    environ: Mapping[str, str], private: Path = PRIVATE_LIBRARIES
) -> dict[str, str]:
    """The variables with which a process that makes PDFs is started: those of the private folder
    where there is one.
    """
    env = dict(environ)
    folders = _library_folders(private)
    if folders and (private / "complete").exists():
        env["LD_LIBRARY_PATH"] = os.pathsep.join(
            [*map(str, folders), *filter(None, [environ.get("LD_LIBRARY_PATH")])]
        )
        env["FONTCONFIG_FILE"] = str(private / "fonts.conf")
    return env


def _library_folders(private: Path) -> list[Path]:
    return sorted(
        {path.parent for path in (private / "tree").glob("usr/lib/**/*.so.*")}
        | {path.parent for path in (private / "tree").glob("lib/**/*.so.*")}
    )


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
        """A document contains all that it needs; addresses in it are never fetched."""

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
