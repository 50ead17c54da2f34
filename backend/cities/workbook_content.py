"""What is in a workbook that somebody sent: Excel (.xlsx, also Strict Open XML) and OpenDocument
(.ods), of unknown origin.

These functions run in the process of ``common.heavy_worker``, within its limits of time and memory:
they know neither Django nor the database. What may not be taken raises ``Refused`` with a code; its
words are in ``member_sheets``.
(ISO/IEC 29500-1 and -4: Strict and Transitional; OASIS OpenDocument 1.2, part 1, chapter 9)
"""

from __future__ import annotations

import datetime as dt
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO, Any
from xml.etree import ElementTree
from xml.parsers import expat

from backend.cities.member_columns import MOST_ABOVE, head_among
from backend.common.heavy_worker import Refused

_BOOK_LIMIT = 30 * 1024 * 1024  # bytes of a workbook, unpacked
_BOOK_PARTS = 500
_SHEET_ROWS = 2**20  # more than these no workbook has
# What Excel writes as "Strict Open XML Spreadsheet" differs in the names of its vocabularies.
_STRICT = {
    b"http://purl.oclc.org/ooxml/%s" % strict: b"http://schemas.openxmlformats.org/%s" % usual
    for strict, usual in (
        (b"spreadsheetml/main", b"spreadsheetml/2006/main"),
        (b"drawingml/main", b"drawingml/2006/main"),
        (b"officeDocument/relationships", b"officeDocument/2006/relationships"),
    )
}


@dataclass(frozen=True, slots=True)
class _Limits:
    rows: int
    columns: int
    cell: int


Row = tuple[int, list[str]]  # with its number in the sheet, from 1; never empty
Sheet = tuple[str, Iterator[Row]]


def read_workbook(content: bytes, *, most_rows: int, most_columns: int, longest_cell: int) -> bytes:
    """As JSON: ``kind``; ``sheets``, how many are shown; ``sheet``, the name of the first of them
    that has the columns of a list of members, else of the first; ``rows`` of it that are not empty,
    each its number and cells, each a text, cut off at ``longest_cell``, to the first after
    ``most_rows``; ``from_1904``, whether numbers of days count from there.

    Raises:
        Refused: ``unpacks`` (to more than a list), ``broken``, ``locked``, or "column AO, row 3"
            for a value beyond ``most_columns``.
    """
    limits = _Limits(most_rows, most_columns, longest_cell)
    try:
        kind = _check_archive(content)
        read = _open_document if kind == "OpenDocument" else _excel
        sheets, from_1904 = read(content, limits)
        name, above, rows = _first_with_columns(sheets)
        found = {"kind": kind, "sheets": len(sheets), "sheet": name, "from_1904": from_1904}
        kept = list(islice(chain(above, rows), most_rows + 1))
        return json.dumps(found | {"rows": kept}).encode()
    except (Refused, MemoryError):
        raise
    except Exception:  # openpyxl raises whatever its parsers do
        raise Refused("broken") from None


def _first_with_columns(sheets: Sequence[Sheet]) -> tuple[str, list[Row], Iterator[Row]]:
    """Its name, the first rows, and those below."""
    begun = []
    for name, rows in sheets:
        above = list(islice(rows, MOST_ABOVE))
        if head_among([cells for _number, cells in above]) is not None:
            return name, above, rows
        begun.append((name, above, rows))
    return begun[0]


def _check_archive(content: bytes) -> str:
    """ "Excel" or "OpenDocument". Raises Refused."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
        if len(entries) > _BOOK_PARTS or sum(entry.file_size for entry in entries) > _BOOK_LIMIT:
            raise Refused("unpacks")
        for entry in entries:
            # A wrong size in the archive ends here, before anything is read as XML.
            with archive.open(entry) as part:
                if _declares_a_type(part):
                    raise Refused("broken")
        names = set(archive.namelist())
        if "content.xml" not in names:
            return "Excel"
        manifest = "META-INF/manifest.xml"
        if manifest in names and b"encryption-data" in archive.read(manifest):
            raise Refused("locked")
        return "OpenDocument"


def _declares_a_type(part: IO[bytes]) -> bool:
    """Whether it is XML with a DOCTYPE, in which entities are, in any encoding and wherever it
    begins.
    """
    parser = expat.ParserCreate()
    found: list[bool] = []
    parser.StartDoctypeDeclHandler = lambda *_: found.append(True)
    parser.StartElementHandler = lambda *_: found.append(False)
    with suppress(expat.ExpatError):  # not XML
        while not found and (piece := part.read(65536)):
            parser.Parse(piece)
    return found[:1] == [True]


# Excel.


def _excel(content: bytes, limits: _Limits) -> tuple[list[Sheet], bool]:
    """The sheets that are shown, and whether days are counted from 1904."""
    from openpyxl import load_workbook  # type: ignore[import-untyped]
    from openpyxl.utils.datetime import MAC_EPOCH  # type: ignore[import-untyped]

    plain = io.BytesIO(_transitional(content))
    book = load_workbook(plain, read_only=True, data_only=False, keep_links=False)
    shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    for sheet in shown:
        sheet.reset_dimensions()
    sheets = [(sheet.title, _rows_of_excel(sheet, limits)) for sheet in shown]
    return sheets, book.epoch == MAC_EPOCH


def _transitional(content: bytes) -> bytes:
    """A workbook in Strict Open XML with the vocabulary that openpyxl knows; others as they are."""
    with zipfile.ZipFile(io.BytesIO(content)) as old:
        if not any(b"http://purl.oclc.org/ooxml/" in old.read(name) for name in _roots(old)):
            return content
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w") as new:
            for entry in old.infolist():
                part = old.read(entry)
                if entry.filename.endswith((".xml", ".rels")):
                    for strict, usual in _STRICT.items():
                        part = part.replace(strict, usual)
                new.writestr(entry.filename, part)
        return written.getvalue()


def _roots(archive: zipfile.ZipFile) -> set[str]:
    return {"_rels/.rels", "xl/workbook.xml"} & set(archive.namelist())


def _rows_of_excel(sheet: Any, limits: _Limits) -> Iterator[Row]:
    for number, cells in enumerate(sheet.iter_rows(max_row=_SHEET_ROWS), start=1):
        beyond = next((cell for cell in cells[limits.columns :] if cell.value is not None), None)
        if beyond is not None:
            raise Refused(f"column {beyond.column_letter}, row {beyond.row}")
        read = cells[: limits.columns]
        if any(cell.value is not None for cell in read):
            yield number, [_cell(cell)[: limits.cell] for cell in read]


def _cell(cell: Any) -> str:
    if getattr(cell, "data_type", "") == "f":
        formula = getattr(cell.value, "text", cell.value)  # one of several cells is an object
        return f"={formula if isinstance(formula, str) else ''}".replace("==", "=")
    return _text(cell.value)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.date().isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


# OpenDocument.


_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_WORDS = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"


def _open_document(content: bytes, limits: _Limits) -> tuple[list[Sheet], bool]:
    """The same; its days are no numbers."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        root = ElementTree.fromstring(archive.read("content.xml"))  # noqa: S314 - no DOCTYPE
    hidden = {
        style.get(f"{_STYLE}name")
        for style in root.iter(f"{_STYLE}style")
        for properties in style.iter(f"{_STYLE}table-properties")
        if properties.get(f"{_TABLE}display") == "false"
    }
    sheets = [
        (table.get(f"{_TABLE}name", ""), _rows_of_open_document(table, limits))
        for table in root.iter(f"{_TABLE}table")
        if table.get(f"{_TABLE}style-name") not in hidden
    ]
    return sheets, False


def _rows_of_open_document(table: ElementTree.Element, limits: _Limits) -> Iterator[Row]:
    number = 0
    for row in table.iter(f"{_TABLE}table-row"):
        times = int(row.get(f"{_TABLE}number-rows-repeated", "1"))
        cells = _cells_of_open_document(row, number + 1, limits)
        if any(cells):
            for at in range(min(times, limits.rows + 1)):
                yield number + at + 1, cells
        number += times


def _cells_of_open_document(row: ElementTree.Element, number: int, limits: _Limits) -> list[str]:
    cells: list[str] = []
    for cell in row:
        if cell.tag not in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            continue
        text = _open_document_text(cell)
        times = int(cell.get(f"{_TABLE}number-columns-repeated", "1"))
        if text and len(cells) + times > limits.columns:
            raise Refused(f"column {max(len(cells), limits.columns) + 1}, row {number}")
        cells += [text[: limits.cell]] * min(times, limits.columns - len(cells))
    return cells


def _open_document_text(cell: ElementTree.Element) -> str:
    if cell.get(f"{_TABLE}formula"):
        return "=" + cell.get(f"{_TABLE}formula", "").partition("=")[2]
    kind = cell.get(f"{_OFFICE}value-type")
    if kind == "date":
        return cell.get(f"{_OFFICE}date-value", "")[:10]
    if kind == "float":
        return _text(float(cell.get(f"{_OFFICE}value", "")))
    lines = ("".join(line.itertext()) for line in cell.findall(f"{_WORDS}p"))
    return "\n".join(lines).strip()
