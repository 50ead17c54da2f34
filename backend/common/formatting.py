"""Values as text: lists inside sentences, and tables as CSV."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence

from django.utils.translation import get_language

# Own code: no list pattern of CLDR omits "and" in all of our languages.
_SEPARATORS = {"ar": "، ", "ja": "、"}


def comma_list(words: Iterable[object]) -> str:
    """The words one after the other, with the comma of the reader's language."""
    return _SEPARATORS.get((get_language() or "en").split("-")[0], ", ").join(map(str, words))


# A cell that begins so is a formula to a spreadsheet. The wide ones count in East Asian editions.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_SIGNS = "=+\\-@＝＋－＠"
# Where another cell begins to a program that takes the file to be separated by other than commas,
# as Excel does in half of Europe. Quotation marks do not help: to it they stand inside a cell.
_CELL_WITHIN = re.compile(rf'([;\t\r\n][ "]*)(?=[{_SIGNS}])')
_MARKED_WITHIN = re.compile(rf"([;\t\r\n][ \"]*)'(?=[{_SIGNS}])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # no workbook may have them


def safe_cell(value: object) -> object:
    """A text that would be a formula gets an apostrophe before it, as spreadsheets do themselves;
    numbers and days stay what they are.
    """
    if not isinstance(value, str):
        return "" if value is None else value
    text = _CONTROL.sub(" ", value)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text


def written_cell(text: str) -> str:
    """The text of which ``csv_lines`` or ``safe_cell`` has made this one."""
    if text.startswith("'") and text[1:].lstrip(" ").startswith(FORMULA):
        text = text[1:]
    return _MARKED_WITHIN.sub(r"\1", text)


class _Echo:
    """A file that hands back what is written."""

    def write(self, text: str) -> str:
        return text


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Lines by RFC 4180, with the byte order mark by which Excel recognises UTF-8. No part of a
    cell is a formula, whatever separator the reading program expects.
    """
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow([_safe_within(name) for name in header])
    for row in rows:
        yield writer.writerow([_safe_within(value) for value in row])


def _safe_within(value: object) -> object:
    safe = safe_cell(value)
    return _CELL_WITHIN.sub(r"\1'", safe) if isinstance(safe, str) else safe
