"""Numbers as people type them, with the separators of the page's language: "249.500" is 249500 on a German page.

The separators are Django's own for the language (``backend/formats`` and CLDR's, as everywhere on the pages). Nothing is guessed: Django's
``sanitize_separators`` takes a lone point of a German page for a decimal one when other than three digits follow; here it stays as it was
typed, and the page asks again.
"""

from __future__ import annotations

import re
from typing import Any

from django.utils.formats import get_format

# Set digits apart in some country's writing, and are no decimal separator anywhere; with the thin and the fixed space of French.
_ALWAYS_GROUPING = " \u00a0\u202f'’\u066c"
_LONGEST_WHOLE = 18
_LONGEST_DECIMAL = 15


def _separators() -> tuple[str, str]:
    """The decimal separators and those of thousands, of the active language, each as the inside of a character class."""
    decimal, thousand = get_format("DECIMAL_SEPARATOR"), get_format("THOUSAND_SEPARATOR")
    return re.escape(decimal + "\u066b"), re.escape(_ALWAYS_GROUPING + (thousand if thousand != decimal else ""))


def read_number(text: str, *, whole: bool) -> Any:
    """The number that ``text`` is in the active language, in any script's digits; the text itself where it is none.

    A whole number may have its thousands set apart, each by the same separator; one with decimals has at most nine of them.
    """
    decimal, grouping = _separators()
    match = re.fullmatch(rf"(-?)(\d+|\d{{1,3}}([{grouping}])\d{{3}}(?:\3\d{{3}})*)(?:[{decimal}](\d{{1,9}}))?", text)
    if match is None:
        return text
    sign, digits, _separator, decimals = match.groups()
    digits = re.sub(r"\D", "", digits)
    if decimals is None:
        return int(sign + digits) if len(digits) <= _LONGEST_WHOLE else text
    return float(f"{sign}{int(digits)}.{_western(decimals)}") if not whole and len(digits) <= _LONGEST_DECIMAL else text


def _western(digits: str) -> str:
    return "".join(str(int(digit)) for digit in digits)


def written_number(value: float) -> str:
    """A number as ``read_number`` reads it in the active language: no thousands set apart, no decimals that say nothing."""
    if isinstance(value, int) or value.is_integer():
        return str(int(value))
    return f"{value:.9f}".rstrip("0").replace(".", get_format("DECIMAL_SEPARATOR"))
