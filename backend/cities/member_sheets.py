"""Lists of members as files: CSV in the encodings that spreadsheets write, Excel and OpenDocument.
Reading says what it cannot read, by row.

A cell that begins like a formula is refused when read and neutralised when written: a list that
went around by mail must not run anything on the machine of the person who opens it. (OWASP, CSV
injection)
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from backend.cities.member_columns import (
    COLUMNS,
    DAYS,
    MOST_ABOVE,
    NEEDED,
    column_of,
    head_among,
    likeliest_head,
)
from backend.cities.models import Membership, PlaceName
from backend.cities.names import searched_name
from backend.common.errors import InvalidFields
from backend.common.formatting import FORMULA, safe_cell, written_cell
from backend.common.heavy import READING, Failed
from backend.common.heavy_worker import Refused
from backend.common.typed_text import typed

LARGEST_FILE = 5 * 1024 * 1024  # bytes
MOST_ROWS = 10_000
_MOST_COLUMNS = 40
_LONGEST_CELL = 500
_OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # also of .xlsx with a password
_MAC = ", days counted from 1904"
_TO_1904 = 1462  # days from the beginning of 1900, as spreadsheets count them
_SERIAL = re.compile(r"\d{5}")
_SAID = re.compile(r"\ufeff?\"?sep=(.)\"?(\r\n|\r|\n)", re.IGNORECASE)
_SEPARATORS = ",;\t|"
# In which Excel saves CSV, by the language of the machine. The first is taken where none is better.
_ALPHABETS = {
    "cp1252": "Windows-1252",
    "cp1250": "Windows-1250",
    "cp932": "Shift-JIS",
    "cp949": "Korean (949)",
    "gb18030": "GB 18030",
    "big5": "Big5",
    "cp1251": "Windows-1251",
    "cp1253": "Windows-1253",
    "cp1254": "Windows-1254",
    "cp1255": "Windows-1255",
    "cp1256": "Windows-1256",
    "cp1257": "Windows-1257",
    "cp1258": "Windows-1258",
}
_Numbered = tuple[int, list[str]]  # a row's number in the file, and its cells
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(slots=True)
class SheetRow:
    """One row as read: ``values`` by column, and what could not be read in it."""

    number: int
    values: dict[str, str]
    problems: list[str] = field(default_factory=list)


def _refused(words: str) -> InvalidFields:
    return InvalidFields({"file": [words]})


def too_large() -> InvalidFields:
    return _refused(f"The file is larger than {LARGEST_FILE // 2**20} MB. Split the list.")


def read_sheet(content: bytes, *, person: int) -> tuple[str, list[SheetRow]]:
    """How the file was read (for people), and its rows. Not to be called in a transaction: an Excel
    file may wait for seconds.

    Args:
        person: the id of who sends it, whose budget it is (``common.heavy``).

    Raises:
        InvalidFields: not a list of members at all: another kind of file, too long, unreadable, or
            without the columns that are needed.
        TooManyRequests, Unavailable: too many files are being read.
    """
    if not content.strip():
        raise _refused("The file is empty.")
    if len(content) > LARGEST_FILE:
        raise too_large()
    if content.startswith(_OLD_EXCEL):
        raise _refused(
            "This is an Excel file that is protected by a password, or of the old format .xls. "
            "Open it in Excel, and save it as “Excel workbook (.xlsx)” without a password, or as "
            "CSV."
        )
    is_book = content.startswith(b"PK\x03\x04")
    read_as, table = _book(content, person) if is_book else _csv(content)
    rows = _rows(table)
    if read_as.endswith(_MAC):
        _count_from_1904(rows)
    return read_as, rows


def _csv(content: bytes) -> tuple[str, Iterator[_Numbered]]:
    """How it was read, and its rows that are not empty."""
    text, shown = _text_of(content)
    if "\x00" in text:
        raise _refused(
            "This is neither CSV nor Excel (.xlsx) nor OpenDocument (.ods). Save the list as one "
            "of these."
        )
    text, separator = _separated(text)
    return f"CSV, {shown}", _numbered(text, separator)


def _separated(text: str) -> tuple[str, str]:
    """The text as a table alone, and what separates its cells: what its first line says to Excel
    ("sep=;"), else that by which a row names the columns.
    """
    said = _SAID.match(text)
    if said:  # an empty line stays for it: rows keep their numbers
        return text[: said.start()] + said[2] + text[said.end() :], said[1]
    for separator in _SEPARATORS:
        with suppress(csv.Error):
            if head_among([cells for _n, cells in _first_rows(text, separator)]) is not None:
                return text, separator
    head = text.lstrip().split("\n", 1)[0]
    return text, max(_SEPARATORS, key=head.count)


def _first_rows(text: str, separator: str) -> list[_Numbered]:
    return list(islice(_numbered(text, separator), MOST_ABOVE))


def _numbered(text: str, separator: str) -> Iterator[_Numbered]:
    read = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    for number, cells in enumerate(read, start=1):
        if any(map(str.strip, cells)):
            yield number, [typed(cell) for cell in cells]


def _text_of(content: bytes) -> tuple[str, str]:
    """The decoded file, and how for people."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = {"utf-16": "UTF-16"}
    else:
        encodings = {"utf-8-sig": "UTF-8"}
    for encoding, shown in encodings.items():
        with suppress(UnicodeDecodeError):
            return content.decode(encoding), shown
    if "utf-16" in encodings:
        raise _unreadable()
    return _text_by_its_names(content)


def _text_by_its_names(content: bytes) -> tuple[str, str]:
    """A file in the alphabet of one part of the world, as Excel writes CSV there. Nothing in it
    says which: it is the one in which the list names most places of the gazetteer, and of several
    such the one in which names are letters ("Łódź", not "£ódŸ"). One query.
    """
    texts: dict[str, str] = {}
    names: dict[str, set[str]] = {}
    for encoding in _ALPHABETS:
        with suppress(UnicodeDecodeError, csv.Error):
            texts[encoding] = content.decode(encoding)
            names[encoding] = _names_in(texts[encoding])
    asked = set().union(*names.values())
    if not asked and "cp1252" not in texts:
        raise _unreadable()
    known = asked and set(
        PlaceName.objects.filter(name__in=asked).values_list("name", flat=True).distinct()
    )

    def fit(encoding: str) -> tuple[int, int]:
        signs = sum(not letter.isalpha() for letter in "".join(names[encoding]))
        return len(names[encoding] & known), -signs

    best = max(names, key=fit)
    return texts[best], f"{_ALPHABETS[best]}: look whether names with accents are right below"


def _names_in(text: str) -> set[str]:
    """What the list calls its communities, to be looked up."""
    table, separator = _separated(text)
    rows = [cells for _number, cells in islice(_numbered(table, separator), MOST_ROWS)]
    head = head_among(rows)
    named = [] if head is None else [column_of(cell) for cell in rows[head]]
    if head is None or "community" not in named:
        return set()
    at = named.index("community")
    return {searched_name(cells[at]) for cells in rows[head + 1 :] if len(cells) > at} - {""}


def _unreadable() -> InvalidFields:
    return _refused("The letters of this file cannot be read. Save it as “CSV UTF-8”.")


_BOOK_WORDS = {
    "broken": "This workbook cannot be read. Save it again as .xlsx, or as CSV.",
    "locked": "This workbook is protected by a password. Save it without one, or as CSV.",
}


def _book(content: bytes, person: int) -> tuple[str, Iterator[_Numbered]]:
    try:
        rows = READING.run(
            "backend.cities.workbook_content:read_workbook",
            content,
            person=person,
            most_rows=MOST_ROWS + MOST_ABOVE + 1,
            most_columns=_MOST_COLUMNS,
            longest_cell=_LONGEST_CELL + 1,
        )
    except (Refused, Failed) as error:
        if str(error).startswith("column "):
            raise _refused(
                f"There is a value in {error}. Only the first {_MOST_COLUMNS} columns are read: "
                "delete what is to the right of the list."
            ) from None
        raise _refused(
            _BOOK_WORDS.get(
                str(error),
                "This workbook unpacks to more than any list of members, or takes too long to "
                "read. Save only the sheet with the list, or save it as CSV.",
            )
        ) from None
    found = json.loads(rows)
    sheets, name = found["sheets"], found["sheet"][:31]
    kind = found["kind"]
    read_as = kind if sheets == 1 else f"{kind}, only the sheet “{name}” of {sheets}"
    read_as += _MAC if found["from_1904"] else ""
    return read_as, ((number, [typed(cell) for cell in cells]) for number, cells in found["rows"])


def _rows(table: Iterator[_Numbered]) -> list[SheetRow]:
    try:
        above = list(islice(table, MOST_ABOVE))
        if not above:
            raise _refused("The file holds no row.")
        head = likeliest_head([cells for _number, cells in above])
        names = [column_of(name) for name in above[head][1]]
        _check_columns(names)
        below = islice(chain(above[head + 1 :], table), MOST_ROWS + 1)
        rows = [_row(number, names, cells) for number, cells in below]
    except csv.Error as error:
        raise _refused(
            f"The file breaks off as CSV: {error}. Look for a quotation mark without its pair."
        ) from None
    if not rows:
        raise _refused("The file holds its columns' names and no row below them.")
    if len(rows) > MOST_ROWS:
        raise _refused("The file has more than 10,000 rows. Split it.")
    return rows


def _count_from_1904(rows: Sequence[SheetRow]) -> None:
    """Days that are bare numbers, as if they were counted from 1900."""
    for row in rows:
        for name in DAYS:
            if _SERIAL.fullmatch(row.values.get(name, "")):
                row.values[name] = str(int(row.values[name]) + _TO_1904)


def _check_columns(names: Sequence[str]) -> None:
    named = [name for name in names if name]
    unknown = sorted(set(named) - set(COLUMNS))
    twice = sorted(name for name, times in Counter(named).items() if times > 1)
    missing = [name for name in NEEDED if name not in named]
    if not {"community_id", "community"} & set(named):
        missing.insert(0, "community (or community_id)")
    words = []
    if missing:
        words.append(f"These columns are missing: {', '.join(missing)}.")
    if unknown:
        words.append(
            f"These columns are not known: {', '.join(unknown)[:300]}. "
            f"Known are: {', '.join(COLUMNS)}."
        )
    if twice:
        words.append(f"These columns are there twice: {', '.join(twice)[:300]}.")
    if words:
        raise _refused(" ".join(["A row must name the columns.", *words]))


def _row(number: int, names: Sequence[str], cells: Sequence[str]) -> SheetRow:
    values = [cell.strip() for cell in cells]
    row = SheetRow(number, dict(zip(names, values, strict=False)))
    row.values.pop("", None)
    if any(values[len(names) :]) or any(
        value and not name for name, value in zip(names, values, strict=False)
    ):
        row.problems.append(
            "There are more cells than columns with a name. Look for a comma too many."
        )
    for name, value in row.values.items():
        if len(value) > _LONGEST_CELL:
            row.problems.append(f"{name}: longer than {_LONGEST_CELL} letters.")
            row.values[name] = value[:_LONGEST_CELL]
        elif value.startswith(FORMULA):
            row.problems.append(
                f"{name}: begins like a formula ({value[:1]!r}). Write the value itself."
            )
        else:
            row.values[name] = written_cell(value)  # as our own exports write it
        if any(ord(letter) < 32 for letter in value) and not value.startswith(FORMULA):
            row.problems.append(f"{name}: holds a line break or a control character.")
    return row


def member_cells(row: Membership) -> list[Any]:
    """A membership in the order of COLUMNS: what is written out can be read in again."""
    community = row.community
    days = [
        day.isoformat() if day else "" for day in (row.started_on, row.paid_through, row.ended_on)
    ]
    return [
        community.pk,
        community.name,
        community.admin1,
        community.country_id,
        row.dues_class,
        *days,
    ]


def write_excel(header: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str) -> bytes:
    """An Excel file with one sheet."""
    # Here: it takes long to import, and few processes write Excel.
    from openpyxl import Workbook  # type: ignore[import-untyped]

    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    sheet.append(list(header))
    for row in rows:
        sheet.append([safe_cell(value) for value in row])
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()
