"""Values as text: lists inside sentences, and tables as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from django.utils.translation import get_language

# Own code: no list pattern of CLDR omits "and" in all of our languages.
_SEPARATORS = {"ar": "، ", "ja": "、"}


def comma_list(words: Iterable[object]) -> str:
    """The words one after the other, with the comma of the reader's language."""
    return _SEPARATORS.get((get_language() or "en").split("-")[0], ", ").join(map(str, words))


# A cell that begins so is a formula to a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe_cell(value: object) -> object:
    """A text that would be a formula gets an apostrophe before it, as spreadsheets do themselves;
    numbers stay numbers.
    """
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """RFC 4180 with a byte order mark, so that spreadsheets read accents and other scripts as they
    are.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([safe_cell(name) for name in header])
    writer.writerows([[safe_cell(value) for value in row] for row in rows])
    return "\ufeff" + out.getvalue()
