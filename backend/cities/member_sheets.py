"""Lists of members as files: CSV in the encodings that spreadsheets write, and Excel. Reading says
what it cannot read, by row.

A cell that begins like a formula is refused when read and neutralised when written: a list that
went around by mail must not run anything on the machine of the person who opens it. (OWASP, CSV
injection)
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.cities.models import Membership
from backend.common.errors import InvalidFields
from backend.common.formatting import FORMULA, safe_cell, written_cell
from backend.common.heavy import READING, Failed
from backend.common.heavy_worker import Refused
from backend.common.typed_text import typed

COLUMNS = (
    "community_id",
    "community",
    "state",
    "country",
    "dues_class",
    "started_on",
    "paid_through",
    "ended_on",
)
NEEDED = ("started_on",)
LARGEST_FILE = 5 * 1024 * 1024  # bytes
MOST_ROWS = 10_000
_MOST_COLUMNS = 40
_LONGEST_CELL = 500
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
    is_excel = content.startswith(b"PK\x03\x04")
    read_as, table = _excel(content, person) if is_excel else _csv(content)
    return read_as, _rows(table)


def _csv(content: bytes) -> tuple[str, Iterator[list[str]]]:
    encoding, shown = _encoding(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        raise _unreadable() from None
    if "\x00" in text:
        raise _refused(
            "This is neither CSV nor Excel (.xlsx). Save the list as one of these. The old "
            "format .xls cannot be read."
        )
    head = text.lstrip().split("\n", 1)[0]
    separator = max(",;\t", key=head.count)
    return f"CSV, {shown}", csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, strict=True
    )


def _encoding(content: bytes) -> tuple[str, str]:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16", "UTF-16"
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            content.decode("cp1252")
        except UnicodeDecodeError:
            raise _unreadable() from None
        return "cp1252", "Windows-1252: look whether names with accents are right below"
    return "utf-8-sig", "UTF-8"


def _unreadable() -> InvalidFields:
    return _refused("The letters of this file cannot be read. Save it as “CSV UTF-8”.")


def _excel(content: bytes, person: int) -> tuple[str, Iterator[list[str]]]:
    try:
        rows = READING.run(
            "backend.cities.file_content:read_workbook",
            content,
            person=person,
            most_rows=2 * MOST_ROWS + 1,
            most_columns=_MOST_COLUMNS,
            longest_cell=_LONGEST_CELL + 1,
        )
    except (Refused, Failed) as error:
        if str(error).startswith("column "):
            raise _refused(
                f"There is a value in {error}. Only the first {_MOST_COLUMNS} columns are read: "
                "delete what is to the right of the list."
            ) from None
        if str(error) == "broken":
            raise _refused(
                "This Excel file cannot be read. Save it again as .xlsx, or as CSV."
            ) from None
        raise _refused(
            "This Excel file unpacks to more than any list of members, or takes too long to read. "
            "Save only the sheet with the list, or save it as CSV."
        ) from None
    found = json.loads(rows)
    sheets = found["sheets"]
    read_as = "Excel" if sheets == 1 else f"Excel, only the first of {sheets} sheets"
    return read_as, iter(found["rows"])


def _rows(table: Iterator[list[str]]) -> list[SheetRow]:
    try:
        table = ([typed(cell) for cell in cells] for cells in table)
        names = [name.strip().casefold().replace(" ", "_") for name in next(table)]
        _check_columns(names)
        rows = [
            row
            for number, cells in enumerate(table, start=2)
            if (row := _row(number, names, cells)) is not None
        ]
    except StopIteration:
        raise _refused("The file holds no row.") from None
    except csv.Error as error:
        raise _refused(
            f"The file breaks off as CSV: {error}. Look for a quotation mark without its pair."
        ) from None
    if not rows:
        raise _refused("The file holds its columns' names and no row below them.")
    return rows


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
        raise _refused(" ".join(["The first row must name the columns.", *words]))


def _row(number: int, names: Sequence[str], cells: Sequence[str]) -> SheetRow | None:
    if number > 2 * MOST_ROWS:
        raise _refused("The file has more than 10,000 rows. Split it.")
    values = [cell.strip() for cell in cells]
    if not any(values):
        return None
    if number > MOST_ROWS + 1:
        raise _refused("The file has more than 10,000 rows. Split it.")
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
