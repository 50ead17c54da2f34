"""What may be kept as a vetting letter or a signed document: PDF, JPEG or PNG by its content,
without active content.

The content decides, never the name or what the browser claims. Images are decoded whole and written
again, so that nothing of the sent file but its picture remains. A PDF is kept as it is, when qpdf
(by pikepdf) finds no object in it that can run, open or hide another file; what cannot be read is
refused rather than trusted. (PDF 32000-1:2008: object streams 7.5.7, actions 12.6)
"""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

import pikepdf
from django.utils.translation import gettext as _
from PIL import Image, ImageOps

from backend.common.errors import InvalidFields

LETTER_LIMIT = 10 * 1024 * 1024  # bytes
PIXEL_LIMIT = 40_000_000  # an A4 page scanned at 600 dpi has 35 million
_UNPACKED_LIMIT = 50 * 1024 * 1024  # bytes of one packed stream of a PDF
_NAME_LENGTH = 120
_IMAGES = {
    b"\xff\xd8\xff": ("JPEG", "image/jpeg", ".jpg"),
    b"\x89PNG\r\n\x1a\n": ("PNG", "image/png", ".png"),
}
_ACTIONS = {"/JavaScript", "/ECMAScript", "/Launch", "/SubmitForm", "/ImportData"}
_OTHER_FILES = {"/GoToR", "/GoToE", "/EF", "/EmbeddedFile", "/EmbeddedFiles"}
_ACTS = _ACTIONS | _OTHER_FILES | {"/RichMedia", "/Rendition", "/Movie", "/Sound", "/XFA"}
_MARKUP = re.compile(rb"<(?:!doctype\s+html|html|script|iframe|\?php)", re.IGNORECASE)
_OBJECT = re.compile(rb"\d+\s+\d+\s+obj\b")
_BEFORE, _AFTER = b"\xef\xbb\xbf\r\n\t ", b"\r\n\t \x00\x1a"  # what mail and old editors add
# Marks that turn text around or cannot be seen: "letter\u202efdp.exe" would look like
# "letterexe.pdf".
_UNSEEN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class SafeLetter:
    """A letter that may be kept: its bytes, its type by content, and the name under which it is
    offered again.
    """

    content: bytes
    content_type: str
    name: str
    suffix: str


def _refused(words: str) -> InvalidFields:
    return InvalidFields({"letter": [words]})


def too_large() -> InvalidFields:
    return _refused(
        _(
            "The file is larger than 10 MB. Scan it at a lower resolution, or send only "
            "the page that is signed."
        )
    )


def check_letter(content: bytes, name: str) -> SafeLetter:
    """The letter as it may be stored.

    Raises:
        InvalidFields: empty, too large, of another type, broken, locked, or with active content.
    """
    if not content:
        raise _refused(
            _("The file is empty. Look whether it opens on your computer, and send it again.")
        )
    if len(content) > LETTER_LIMIT:
        raise too_large()
    if content.lstrip(_BEFORE).startswith(b"%PDF-"):
        _check_pdf(content)
        return SafeLetter(content, "application/pdf", safe_name(name, ".pdf"), ".pdf")
    for signature, (kind, content_type, suffix) in _IMAGES.items():
        if content.startswith(signature):
            return SafeLetter(
                _drawn_anew(content, kind), content_type, safe_name(name, suffix), suffix
            )
    raise _refused(
        _("This is not a PDF, JPEG or PNG file. Save the letter as one of these and send it again.")
    )


def safe_name(name: str, suffix: str) -> str:
    """The last part of a file's name without what cannot be seen, with the suffix of what the file
    is. ("..\\a/b\\x00.exe" → "b.pdf")
    """
    last = PurePath(unicodedata.normalize("NFC", name).replace("\\", "/")).name
    seen = "".join(letter for letter in last if unicodedata.category(letter) not in _UNSEEN)
    stem = " ".join(PurePath(re.sub(r'[<>:"|?*%]', "_", seen)).stem.split()).strip(". ")
    return f"{stem[: _NAME_LENGTH - len(suffix)] or 'letter'}{suffix}"


def _drawn_anew(content: bytes, kind: str) -> bytes:
    """The picture alone, upright: no EXIF (where it was taken), no comments, nothing behind its
    end.
    """
    broken = _refused(
        _(
            "This picture cannot be read to its end. Open it on your computer, save it "
            "again and send that."
        )
    )
    try:
        with Image.open(io.BytesIO(content), formats=[kind]) as picture:
            if picture.width * picture.height > PIXEL_LIMIT:
                raise _refused(
                    _(
                        "This picture has more than 40 million pixels. Make it smaller, or "
                        "send the letter as a PDF."
                    )
                )
            if kind == "PNG" and getattr(picture, "n_frames", 1) > 1:
                raise _refused(_("This picture moves. Send a still one, or the letter as a PDF."))
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
        raise broken from None
    plain = (
        upright.convert("RGB")
        if kind == "JPEG" or upright.mode not in {"1", "L", "LA", "P", "RGB", "RGBA"}
        else upright
    )
    plain.info = {key: value for key, value in plain.info.items() if key == "transparency"}
    written = io.BytesIO()
    plain.save(written, kind, **({"quality": 90} if kind == "JPEG" else {}))
    return written.getvalue()


def _check_pdf(content: bytes) -> None:
    end = content.rfind(b"%%EOF")
    if end < 0 or b"startxref" not in content or content[end + 5 :].strip(_AFTER):
        raise _refused(
            _(
                "This PDF is cut off, or holds something behind its end. Print it to a new "
                "PDF and send that."
            )
        )
    if zipfile.is_zipfile(io.BytesIO(content)) or _MARKUP.search(content):
        raise _refused(
            _("This file is a PDF and something else at once. Print it to a new PDF and send that.")
        )
    try:
        with _opened(content) as pdf:
            if b"/Encrypt" in content and not pdf.is_encrypted:
                raise pikepdf.PasswordError
            acts = any(name in _ACTS for part in pdf.objects for name in _names(part))
    except pikepdf.PasswordError:
        raise _refused(
            _("This PDF is protected by a password. Save it without protection, or send a scan.")
        ) from None
    except (pikepdf.PdfError, ValueError, RuntimeError, MemoryError):
        raise _unreadable() from None
    if acts:
        raise _refused(
            _(
                "This PDF holds scripts, attachments or commands. Print it to a new PDF "
                "and send that."
            )
        )


def _unreadable() -> InvalidFields:
    return _refused(_("A part of this PDF cannot be checked. Print it to a new PDF and send that."))


def _opened(content: bytes) -> pikepdf.Pdf:
    """The PDF as readers see it. One with a password for its owner only opens for everybody.

    A damaged file is read by each reader in its own way: all of its plain objects are found then,
    but not what is packed in object streams, so that one with any is refused.

    Raises:
        InvalidFields: a part of it cannot be checked. pikepdf.PdfError: it cannot be read.
    """
    # No PDF writer compresses objects with LZW, which qpdf would unpack without a limit.
    if b"/LZWDecode" in content and b"/ObjStm" in content:
        raise _unreadable()
    pikepdf.settings.set_qpdf_limits(
        flate_max_memory=_UNPACKED_LIMIT,
        run_length_max_memory=_UNPACKED_LIMIT,
        png_max_memory=_UNPACKED_LIMIT,
        tiff_max_memory=_UNPACKED_LIMIT,
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
            raise _unreadable() from None
        return pdf


def _is_object_stream(part: pikepdf.Object) -> bool:
    if not isinstance(part, pikepdf.Stream):
        return False
    return part.get("/Type") == "/ObjStm" or ("/First" in part and "/N" in part)


def _names(part: pikepdf.Object) -> Iterator[str]:
    """All names in an object, keys included, without those of the objects that it refers to."""
    waiting: list[object] = [part]
    while waiting:
        found = waiting.pop()
        if isinstance(found, pikepdf.Name):
            yield str(found)
        elif isinstance(found, pikepdf.Dictionary | pikepdf.Stream):
            for key, value in found.items():
                yield key
                if not getattr(value, "is_indirect", False):
                    waiting.append(value)
        elif isinstance(found, pikepdf.Array):
            waiting += [value for value in found if not getattr(value, "is_indirect", False)]
