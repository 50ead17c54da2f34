"""Days in lists, as people and spreadsheets write them. Which of 7/1/2026 is the month, a file says
once, with another of its days or by the person who sends it.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable
from functools import cache

from babel import Locale

from backend.cities.names import fold

DAY_FIRST, MONTH_FIRST = "day_first", "month_first"
ORDERS = {DAY_FIRST: "day first", MONTH_FIRST: "month first"}
_TIME = re.compile(r"[ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[ap]\.?m\.?)?$", re.IGNORECASE)
_NUMBERS = re.compile(r"(\d{1,4}) ?([./\-年]) ?(\d{1,2}) ?[./\-月] ?(\d{1,4}) ?[.日]?")
_SERIAL = re.compile(r"\d{5}([.,]\d+)?")
# A spreadsheet's numbers of days from the beginning of the network to the end of the century: none
# of them is a year, and none is a day written without separators.
_FIRST_SERIAL, _LAST_SERIAL = 20_455, 73_050
_BEFORE_SERIALS = dt.date(1899, 12, 30)  # as if 1900 had been a leap year, as spreadsheets count
_OLDEST = 56  # of years with two digits: the network began in 1956
_FILLING = frozenset(["de", "del", "of", "the", "st", "nd", "rd", "th", "er", "den", "am"])


class WhichFirst(Exception):
    """The text is a day in two ways."""


def day_of(text: str, order: str = "") -> dt.date:
    """The day that is written so.

    Args:
        order: DAY_FIRST or MONTH_FIRST, where the file says which it is.

    Raises:
        WhichFirst: it depends on the order, which is not said. ValueError: it is no day.
    """
    plain = " ".join(_TIME.sub("", unicodedata.normalize("NFKC", text).strip()).split())
    if _SERIAL.fullmatch(plain):
        number = int(plain[:5])
        if not _FIRST_SERIAL <= number <= _LAST_SERIAL:
            raise ValueError
        return _BEFORE_SERIALS + dt.timedelta(days=number)
    found = _NUMBERS.fullmatch(plain)
    if found is None:
        return _with_month_named(plain)
    first, _separator, second, third = found.groups()
    if len(first) == 4:
        return dt.date(int(first), int(second), _short(third))
    possible = _in_each_order(found)
    if len(set(possible.values())) == 1:
        return next(iter(possible.values()))
    if not possible:
        raise ValueError
    if not order:
        raise WhichFirst
    return possible[order]


def _in_each_order(found: re.Match[str]) -> dict[str, dt.date]:
    """What a day with its year behind may be, by the order. Raises ValueError."""
    first, separator, second, third = found.groups()
    if separator == "年" or (len(third) < 4 and int(first) > 12 and separator != "."):
        raise ValueError  # 26/07/01 may begin with the year
    numbers = {DAY_FIRST: (int(second), _short(first))}
    if separator != ".":  # nobody writes 7.1.2026 for the first of July
        numbers[MONTH_FIRST] = (_short(first), int(second))
    made = {order: _made(_year(third), *monthday) for order, monthday in numbers.items()}
    return {order: day for order, day in made.items() if day}


def order_said_by(texts: Iterable[str]) -> str:
    """The order that days of the file have that can be read in one way only; empty where there is
    none, or where they differ.
    """
    said = set()
    for text in texts:
        found = _NUMBERS.fullmatch(unicodedata.normalize("NFKC", _TIME.sub("", text.strip())))
        if found is None or found[2] in (".", "年") or len(found[1]) == 4:
            continue
        first, second = int(found[1]), int(found[3])
        if first > 12 >= second:
            said.add(DAY_FIRST)
        elif second > 12 >= first:
            said.add(MONTH_FIRST)
    return said.pop() if len(said) == 1 else ""


def _made(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def _short(number: str) -> int:
    if len(number) > 2:
        raise ValueError
    return int(number)


def _year(number: str) -> int:
    if len(number) == 4:
        return int(number)
    if len(number) != 2:
        raise ValueError
    return int(number) + (1900 if int(number) >= _OLDEST else 2000)


def _with_month_named(text: str) -> dt.date:
    """ "1 July 2026", "Jul 1, 2026", "1-Jul-26", "1. Juli 2026", "1 de julio de 2026"."""
    words = [word for word in re.findall(r"\d+|[^\W\d_]+", fold(text)) if word not in _FILLING]
    months = [_months()[word] for word in words if word in _months()]
    numbers = [word for word in words if word.isdecimal()]
    if len(months) != 1 or len(numbers) != 2 or len(words) != 3:
        raise ValueError
    if len(numbers[0]) == 4:
        numbers.reverse()
    return dt.date(_year(numbers[1]), months[0], _short(numbers[0]))


@cache
def _months() -> dict[str, int]:
    """The names of months, whole and shortened, in the languages of the service."""
    found: dict[str, int] = {}
    for code in ("en", "de", "fr", "es", "ar"):
        for form in Locale(code).months.values():
            for width in ("wide", "abbreviated"):
                found |= {fold(name).strip("."): at for at, name in form[width].items()}
    return found
