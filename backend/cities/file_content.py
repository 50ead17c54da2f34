"""What is in a file that somebody sent: PDFs and pictures of unknown origin.

These functions run in the process of ``common.heavy_worker``, within its limits of time and memory:
they know neither Django nor the database. What may not be taken raises ``Refused`` with a code; its
words are where the file is asked for (``documents``).
(PDF 32000-1:2008: object streams 7.5.7, actions 12.6)
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from itertools import count
from typing import Any

import pikepdf

from backend.common.heavy_worker import Refused

SMALLEST_PICTURE = 100  # pixels of the shorter side
PIXEL_LIMIT = 40_000_000  # an A4 page scanned at 600 dpi has 35 million
_PACKED_LIMIT = 50 * 1024 * 1024  # bytes of one packed stream of a PDF
_ACTIONS = {"/JavaScript", "/ECMAScript", "/Launch", "/SubmitForm", "/ResetForm", "/ImportData"}
_OTHER_FILES = {"/GoToR", "/GoToE", "/Thread"}
_HOLDS = {"/EF", "/EmbeddedFile", "/EmbeddedFiles"}
_MEDIA = {"/RichMedia", "/RichMediaExecute", "/Rendition", "/Movie", "/Sound", "/GoTo3DView"}
_PRINTING = {"/OPI"}  # takes a picture from a file or server when the page is printed
# /AA: what happens when a page is opened, a field left, the document closed or printed.
_ACTS = _ACTIONS | _OTHER_FILES | _MEDIA | _PRINTING | {"/XFA", "/AA", "/Hide", "/SetOCGState"}
_UNPACKED = {"/FlateDecode", "/Fl", "/LZWDecode", "/LZW", "/RunLengthDecode", "/RL"}
_LINKS = ("http:", "https:", "mailto:", "tel:", "ftp:")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:")
_OBJECT = re.compile(rb"(?<!\d)\d++\s++\d++\s++obj\b")
_PLACE = re.compile(rb"(?<!\d)(\d++)\s++\d++\s++obj\b|\btrailer\b")
_END = b"""
%(root)d 0 obj<</Type/Catalog/Pages %(pages)d 0 R>>endobj
%(pages)d 0 obj<</Type/Pages/Kids[%(page)d 0 R]/Count 1>>endobj
%(page)d 0 obj<</Type/Page/Parent %(pages)d 0 R/MediaBox[0 0 9 9]>>endobj
trailer<</Root %(root)d 0 R>>
startxref
0
%%%%EOF
"""


# PDFs.


def check_pdf(content: bytes) -> bytes:
    """Nothing, when the PDF holds no object that can run, open or hide another file.

    Raises:
        Refused: ``password``, ``holds`` (another file), ``acts``, ``unreadable`` (what cannot be
            read is refused rather than trusted).
    """
    try:
        with _opened(content) as pdf:
            if b"/Encrypt" in content and not pdf.is_encrypted:
                raise Refused("password")
            packed = _check_objects(pdf)
        # Readers differ in which table, revision or number they believe (of a linearized file some
        # take the first table, others the last), so that every object counts, used or not.
        lost = io.BytesIO(_without_tables(content))
        with pikepdf.open(lost, suppress_warnings=True) as pdf:
            if _check_objects(pdf) > packed:
                raise Refused("unreadable")
    except pikepdf.PasswordError:
        raise Refused("password") from None
    except (pikepdf.PdfError, ValueError, RuntimeError, MemoryError):
        raise Refused("unreadable") from None
    return b""


def _check_objects(pdf: pikepdf.Pdf) -> int:
    """How many object streams there are. Raises Refused."""
    packed = 0
    for part in (pdf.trailer, *pdf.objects):
        for found in _inside(part):
            if _holds_a_file(found):
                raise Refused("holds")
            if _acts(found):
                raise Refused("acts")
        packed += _is_object_stream(part)
    return packed


def _without_tables(content: bytes) -> bytes:
    """The PDF as if its tables were lost, where a reader looks through it for objects. The last
    object of each number keeps it; the earlier ones, those with a number that no reader takes, and
    trailers have others, so that all are found.
    """
    places = list(_PLACE.finditer(content))
    last = {int(place[1]): place for place in places if place[1]}
    most = len(content) // 16  # an object takes more bytes
    free = (number for number in count(1) if number not in last)
    parts, end = [], 0
    for place in places:
        number = int(place[1] or 0)
        kept = 0 < number <= most and last[number] is place
        parts += [content[end : place.start()], b"\n%d 0 obj" % (number if kept else next(free))]
        end = place.end()
    parts.append(content[end:])
    plain = b"".join(parts).replace(b"startxref", b"").replace(b"/Encrypt", b"/Locked")
    return plain + _END % {name: next(free) for name in (b"root", b"pages", b"page")}


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


def _holds_a_file(found: object) -> bool:
    if isinstance(found, pikepdf.Name):
        return str(found) in _HOLDS
    return isinstance(found, pikepdf.Dictionary | pikepdf.Stream) and not _HOLDS.isdisjoint(
        found.keys()
    )


def _acts(found: object) -> bool:
    """Whether this runs or opens something, by itself or when it is clicked. Raises Refused: it is
    packed twice, as no writer does and as bombs are.
    """
    if isinstance(found, pikepdf.Name):
        return str(found) in _ACTS
    if not isinstance(found, pikepdf.Dictionary | pikepdf.Stream):
        return False
    keys = set(found.keys())
    if not keys.isdisjoint(_ACTS):
        return True
    filters = found["/Filter"] if "/Filter" in keys else None
    if isinstance(filters, pikepdf.Array) and sum(str(one) in _UNPACKED for one in filters) > 1:
        raise Refused("unreadable")
    return (
        ("/OpenAction" in keys and not _only_scrolls(found["/OpenAction"]))
        or ("/URI" in keys and not _is_link(found["/URI"]))
        or _takes_from_outside(found, keys)
        or "/OnInstantiate" in keys  # the script of a three-dimensional picture
    )


def _takes_from_outside(found: pikepdf.Dictionary | pikepdf.Stream, keys: set[str]) -> bool:
    """A stream or a page that lies in another file, or a program for the printer."""
    if isinstance(found, pikepdf.Stream) and "/F" in keys:
        return True
    if "/Ref" in keys and isinstance(found["/Ref"], pikepdf.Dictionary) and "/F" in found["/Ref"]:
        return True
    return any(key in keys and found[key] == "/PS" for key in ("/Subtype", "/Subtype2"))


def _is_link(address: object) -> bool:
    """Whether a click leads to a page or a mail, never to a program or a script."""
    if not isinstance(address, pikepdf.String):
        return True  # the dictionary of a base, which has no scheme of its own to run
    plain = "".join(letter for letter in str(address).lower() if letter > " ")
    return plain.startswith(_LINKS) or not _SCHEME.match(plain)


def _only_scrolls(action: object) -> bool:
    """Whether what happens at opening is a move to a page of the same document. A name is that of a
    place in it.
    """
    if not isinstance(action, pikepdf.Dictionary):
        return isinstance(action, pikepdf.Array | pikepdf.Name | pikepdf.String)
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


# Pictures.


def redraw_picture(content: bytes, *, kind: str) -> bytes:
    """The picture alone, upright: no EXIF (where it was taken), no comments, nothing behind its
    end.

    Raises:
        Refused: ``pixels``, ``moves``, ``broken``.
    """
    try:
        upright = _upright(content, kind)
        is_kept = kind == "PNG" and upright.mode in {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"}
        plain = upright if is_kept else upright.convert("RGB")
        plain.info = {key: value for key, value in plain.info.items() if key == "transparency"}
        written = io.BytesIO()
        plain.save(written, kind, **({"quality": 90} if kind == "JPEG" else {}))
    except (Refused, MemoryError):
        raise
    except Exception:  # Pillow raises whatever its readers do
        raise Refused("broken") from None
    return written.getvalue()


def shrink_picture(content: bytes, *, kind: str, longest: int, most_bytes: int) -> bytes:
    """The picture alone as a JPEG for a page: at most ``longest`` pixels wide and high, on white
    where it is transparent, in at most ``most_bytes``; before it its width and height, two bytes
    each.

    Raises:
        Refused: ``pixels``, ``moves``, ``small``, ``broken``.
    """
    from PIL import Image

    try:
        picture = _upright(content, kind)
        if min(picture.size) < SMALLEST_PICTURE:
            raise Refused("small")
        picture.thumbnail((longest, longest))
        seen = picture.convert("RGBA")
        plain = Image.new("RGB", seen.size, "white")
        plain.paste(seen, mask=seen)
        for quality in range(85, 9, -15):
            written = io.BytesIO()
            plain.save(written, "JPEG", quality=quality, optimize=True, progressive=True)
            if written.tell() <= most_bytes:
                return struct.pack(">HH", *plain.size) + written.getvalue()
    except (Refused, MemoryError):
        raise
    except Exception:  # Pillow raises whatever its readers do
        raise Refused("broken") from None
    raise Refused("pixels")


def _upright(content: bytes, kind: str) -> Any:
    """The decoded picture, turned as its EXIF says. Raises Refused, and whatever Pillow does."""
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(content), formats=[kind]) as picture:
        if picture.width * picture.height > PIXEL_LIMIT:
            raise Refused("pixels")
        if kind == "PNG" and getattr(picture, "n_frames", 1) > 1:
            raise Refused("moves")
        picture.load()
        return ImageOps.exif_transpose(picture)
