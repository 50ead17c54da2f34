"""What is in a file that somebody sent: PDFs, pictures and workbooks of unknown origin.

These functions run in the process of ``common.heavy_worker``, within its limits of time and memory:
they know neither Django nor the database. What may not be taken raises ``Refused`` with a code; its
words are where the file is asked for (``documents``, ``member_sheets``).
(PDF 32000-1:2008: object streams 7.5.7, actions 12.6)
"""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import pikepdf

from backend.common.heavy_worker import Refused

PIXEL_LIMIT = 40_000_000  # an A4 page scanned at 600 dpi has 35 million
_PACKED_LIMIT = 50 * 1024 * 1024  # bytes of one packed stream of a PDF
_BOOK_LIMIT = 30 * 1024 * 1024  # bytes of an Excel file, unpacked
_BOOK_PARTS = 500
_ACTIONS = {"/JavaScript", "/ECMAScript", "/Launch", "/SubmitForm", "/ResetForm", "/ImportData"}
_OTHER_FILES = {"/GoToR", "/GoToE", "/Thread", "/EF", "/EmbeddedFile", "/EmbeddedFiles"}
_MEDIA = {"/RichMedia", "/RichMediaExecute", "/Rendition", "/Movie", "/Sound", "/GoTo3DView"}
# /AA: what happens when a page is opened, a field left, the document closed or printed.
_ACTS = _ACTIONS | _OTHER_FILES | _MEDIA | {"/XFA", "/AA", "/Hide", "/SetOCGState"}
_OBJECT = re.compile(rb"(?<!\d)\d++\s++\d++\s++obj\b")


# PDFs.


def check_pdf(content: bytes) -> bytes:
    """Nothing, when the PDF holds no object that can run, open or hide another file.

    Raises:
        Refused: ``password``, ``acts``, ``unreadable`` (what cannot be read is refused rather than
            trusted).
    """
    try:
        with _opened(content) as pdf:
            if b"/Encrypt" in content and not pdf.is_encrypted:
                raise Refused("password")
            acts = any(_acts(part) for part in pdf.objects)
    except pikepdf.PasswordError:
        raise Refused("password") from None
    except (pikepdf.PdfError, ValueError, RuntimeError, MemoryError):
        raise Refused("unreadable") from None
    if acts:
        raise Refused("acts")
    return b""


def _opened(content: bytes) -> pikepdf.Pdf:
    """The PDF as readers see it. One with a password for its owner only opens for everybody.

    A damaged file is read by each reader in its own way: all of its plain objects are found then,
    but not what is packed in object streams, so that one with any is refused.

    Raises:
        Refused: a part of it cannot be checked. pikepdf.PdfError: it cannot be read.
    """
    # No PDF writer compresses objects with LZW, which qpdf would unpack without a limit.
    if b"/LZWDecode" in content and b"/ObjStm" in content:
        raise Refused("unreadable")
    pikepdf.settings.set_qpdf_limits(
        flate_max_memory=_PACKED_LIMIT,
        run_length_max_memory=_PACKED_LIMIT,
        png_max_memory=_PACKED_LIMIT,
        tiff_max_memory=_PACKED_LIMIT,
    )
    try:
        return pikepdf.open(io.BytesIO(content), attempt_recovery=False, suppress_warnings=True)
    except pikepdf.PasswordError:
        raise
    except pikepdf.PdfError:
        # qpdf looks for lost objects at the beginnings of lines only, other readers everywhere.
        lines = _OBJECT.sub(rb"\n\g<0>", content)
        pdf = pikepdf.open(io.BytesIO(lines), suppress_warnings=True)
        if any(_is_object_stream(part) for part in pdf.objects):
            raise Refused("unreadable") from None
        return pdf


def _is_object_stream(part: pikepdf.Object) -> bool:
    if not isinstance(part, pikepdf.Stream):
        return False
    return part.get("/Type") == "/ObjStm" or ("/First" in part and "/N" in part)


def _acts(part: pikepdf.Object) -> bool:
    return any(name in _ACTS for name in _names(part)) or any(
        "/OpenAction" in found and not _only_scrolls(found["/OpenAction"])
        for found in _dictionaries(part)
    )


def _only_scrolls(action: object) -> bool:
    """Whether what happens at opening is a move to a page of the same document. A name is that of a
    place in it.
    """
    if not isinstance(action, pikepdf.Dictionary):
        return not isinstance(action, pikepdf.Stream)
    return action.get("/S") == "/GoTo" and set(action.keys()) <= {"/S", "/D", "/Type"}


def _inside(part: pikepdf.Object) -> Iterator[object]:
    """The object and all that is in it, without the objects that it refers to."""
    waiting: list[object] = [part]
    while waiting:
        found = waiting.pop()
        yield found
        if isinstance(found, pikepdf.Dictionary | pikepdf.Stream):
            inner = [value for _key, value in found.items()]
        elif isinstance(found, pikepdf.Array):
            inner = list(found)
        else:
            continue
        waiting += [value for value in inner if not getattr(value, "is_indirect", False)]


def _dictionaries(part: pikepdf.Object) -> Iterator[pikepdf.Dictionary | pikepdf.Stream]:
    for found in _inside(part):
        if isinstance(found, pikepdf.Dictionary | pikepdf.Stream):
            yield found


def _names(part: pikepdf.Object) -> Iterator[str]:
    """All names in an object, keys included."""
    for found in _inside(part):
        if isinstance(found, pikepdf.Name):
            yield str(found)
        elif isinstance(found, pikepdf.Dictionary | pikepdf.Stream):
            yield from found.keys()


# Pictures.


def redraw_picture(content: bytes, *, kind: str) -> bytes:
    """The picture alone, upright: no EXIF (where it was taken), no comments, nothing behind its
    end.

    Raises:
        Refused: ``pixels``, ``moves``, ``broken``.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(content), formats=[kind]) as picture:
            if picture.width * picture.height > PIXEL_LIMIT:
                raise Refused("pixels")
            if kind == "PNG" and getattr(picture, "n_frames", 1) > 1:
                raise Refused("moves")
            picture.load()
            upright = ImageOps.exif_transpose(picture)
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        zlib.error,
        Image.DecompressionBombError,
        MemoryError,
    ):
        raise Refused("broken") from None
    plain = (
        upright.convert("RGB")
        if kind == "JPEG" or upright.mode not in {"1", "L", "LA", "P", "RGB", "RGBA"}
        else upright
    )
    plain.info = {key: value for key, value in plain.info.items() if key == "transparency"}
    written = io.BytesIO()
    plain.save(written, kind, **({"quality": 90} if kind == "JPEG" else {}))
    return written.getvalue()


# Workbooks.


def read_workbook(content: bytes, *, most_rows: int, most_columns: int) -> bytes:
    """The first sheet as JSON: rows of cells, each a text. Ends after
    ``most_rows``.

    Raises:
        Refused: ``unpacks`` (to more than a list), ``broken``.
    """
    from openpyxl import load_workbook  # type: ignore[import-untyped]

    try:
        _check_archive(content)
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()
        rows = [
            [_cell(cell) for cell in cells]
            for cells in sheet.iter_rows(max_row=most_rows, max_col=most_columns)
        ]
        return json.dumps(rows).encode()
    except (Refused, MemoryError):
        raise
    except Exception:  # openpyxl raises whatever its parsers do
        raise Refused("broken") from None


def _check_archive(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
        if len(entries) > _BOOK_PARTS or sum(entry.file_size for entry in entries) > _BOOK_LIMIT:
            raise Refused("unpacks")
        for entry in entries:
            # A wrong size in the archive ends here, before anything is read as XML.
            if entry.filename.endswith((".xml", ".rels")):
                with archive.open(entry) as part:
                    if b"<!DOCTYPE" in part.read(4096):
                        raise Refused("broken")


def _cell(cell: Any) -> str:
    if getattr(cell, "data_type", "") == "f":
        return f"={cell.value}".replace("==", "=")
    return _text(cell.value)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.date().isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
