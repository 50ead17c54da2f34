"""The only way to make a PDF: HTML in, bytes out, and nothing is fetched while it is made.

The first document of a process takes the time to load the libraries (about a second), the others
some tenths of a second: short enough for a request, in which a person waits for one sheet of paper.
The limits are those of the lane (``common.heavy``).
"""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.utils.translation import gettext as _

from backend.common.errors import Unavailable
from backend.common.heavy import DRAWING, Failed

_log = structlog.get_logger(__name__)


def render_pdf(html: Callable[[], str], *, person: int, one_page: bool = False) -> bytes:
    """The document as a PDF. Its styles and pictures are in the HTML; its fonts are those of the
    machine.

    With ``one_page`` the type of the root element becomes smaller (down to 6 pt) until everything
    fits on one page.

    Args:
        html: makes the document; called once there is a place for it. What it raises passes.
        person: the id of who asks, whose budget it is.

    Raises:
        TooManyRequests: the person has documents enough under way. Unavailable: the libraries are
            missing, the document took too long or does not fit, or too many wait.
    """
    try:
        return DRAWING.run(
            "backend.common.pdf_worker:draw",
            lambda: html().encode(),
            person=person,
            one_page=one_page,
        )
    except Failed as failed:
        _log.error("pdf_not_made", reason=str(failed))
        raise Unavailable(
            _(
                "A PDF cannot be made on this machine just now. The same page can be "
                "printed from the browser."
            ),
            retry_after=60,
        ) from None
