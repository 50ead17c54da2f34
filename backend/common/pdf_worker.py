"""Drawing PDFs, and the variables that the process needs for it.

The libraries that draw text (Pango, with its fonts) may come from a private folder that the service
itself does not load from.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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


def draw(html: bytes, *, one_page: bool) -> bytes:
    """The document as a PDF, see ``pdf.render_pdf``. Runs in the process of ``heavy_worker``."""
    from weasyprint import CSS, HTML
    from weasyprint.urls import URLFetcher

    class FetchesNothing(URLFetcher):
        """A document contains all that it needs; addresses in it are never fetched."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            raise ValueError(f"A document may not fetch {url[:200]}.")

    document = HTML(string=html.decode(), url_fetcher=FetchesNothing())
    if not one_page:
        return bytes(document.write_pdf())
    for size in SIZES_PT:
        laid_out = document.render(stylesheets=[CSS(string=f"html {{ font-size: {size}pt }}")])
        if len(laid_out.pages) == 1:
            return bytes(laid_out.write_pdf())
    raise ValueError("The document does not fit on one page, not even in the smallest type.")
