"""What may be kept as a vetting letter: PDF, JPEG or PNG by its content, and nothing in it that
acts.

The content decides, never the name or what the browser claims. Images are decoded whole and written
anew, so that nothing of the sent file but its picture remains. A PDF is kept as it is, when nothing
in it can run, open, or hide another file. Names of PDF objects are looked for in all its bytes,
also where no reader would look, and inside of its packed object streams; what cannot be read is
refused rather than trusted. (PDF 32000-1:2008: names 7.3.5, object streams 7.5.7, actions 12.6)
"""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import PurePath

from django.utils.translation import gettext as _
from PIL import Image, ImageOps

from backend.common.errors import InvalidFields

LETTER_LIMIT = 10 * 1024 * 1024  # bytes
PIXEL_LIMIT = 40_000_000  # an A4 page scanned at 600 dpi has 35 million
_UNPACKED_LIMIT = 50 * 1024 * 1024  # bytes of all object streams of a PDF
_NAME_LENGTH = 120
_IMAGES = {
    b"\xff\xd8\xff": ("JPEG", "image/jpeg", ".jpg"),
    b"\x89PNG\r\n\x1a\n": ("PNG", "image/png", ".png"),
}
_DELIMITER = rb"(?=[\s\x00()<>\[\]{}/%]|\Z)"
_ACTS = re.compile(
    rb"/(?:JavaScript|Launch|EmbeddedFiles?|RichMedia|XFA|SubmitForm|ImportData|GoToR|GoToE|Rendition|Movie|Sound|ECMAScript)"
    + _DELIMITER
)
_LOCKED = re.compile(rb"/Encrypt" + _DELIMITER)
_MARKUP = re.compile(rb"<(?:!doctype\s+html|html|script|iframe|\?php)", re.IGNORECASE)
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
_STREAM = re.compile(rb"(?<!end)stream\r?\n")
_OBJECT_STREAM = re.compile(rb"/ObjStm" + _DELIMITER)
_FLATE = re.compile(rb"/Filter\s*(?:/FlateDecode|\[\s*/FlateDecode\s*\])" + _DELIMITER)
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
            "The file is larger than 10 MB. Scan it at a lower resolution, or send only the page that is signed."
        )
    )


def check_letter(content: bytes, name: str) -> SafeLetter:
    """The letter as it may be stored.

    Raises:
        InvalidFields: empty, too large, of another type, broken, locked, or with something in it
            that acts.
    """
    if not content:
        raise _refused(
            _("The file is empty. Look whether it opens on your computer, and send it again.")
        )
    if len(content) > LETTER_LIMIT:
        raise too_large()
    if content.startswith(b"%PDF-"):
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
            "This picture cannot be read to its end. Open it on your computer, save it again and send that."
        )
    )
    try:
        with Image.open(io.BytesIO(content), formats=[kind]) as picture:
            if picture.width * picture.height > PIXEL_LIMIT:
                raise _refused(
                    _(
                        "This picture has more than 40 million pixels. Make it smaller, or send the letter as a PDF."
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
    if end < 0 or b"startxref" not in content or content[end + 5 :].strip(b"\r\n\t \x00"):
        raise _refused(
            _(
                "This PDF is cut off, or holds something behind its end. Print it to a new PDF and send that."
            )
        )
    if zipfile.is_zipfile(io.BytesIO(content)) or _MARKUP.search(content):
        raise _refused(
            _("This file is a PDF and something else at once. Print it to a new PDF and send that.")
        )
    if _LOCKED.search(_plain_names(content)):
        raise _refused(
            _("This PDF is protected by a password. Save it without protection, or send a scan.")
        )
    if any(_ACTS.search(_plain_names(part)) for part in (content, *_object_streams(content))):
        raise _refused(
            _(
                "This PDF holds scripts, attachments or commands. Print it to a new PDF and send that."
            )
        )


def _plain_names(content: bytes) -> bytes:
    """Names may be written with numbers for letters: /J#61vaScript."""
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), content)


def _object_streams(content: bytes) -> list[bytes]:
    """What is packed in object streams, where names hide from whoever reads bytes alone. Raises
    InvalidFields for what it cannot unpack.
    """
    unreadable = _refused(
        _("A part of this PDF cannot be checked. Print it to a new PDF and send that.")
    )
    unpacked, room = [], _UNPACKED_LIMIT
    for begin in _STREAM.finditer(content):
        head = _plain_names(
            content[max(0, content.rfind(b"obj", 0, begin.start())) : begin.start()]
        )
        if not (
            _OBJECT_STREAM.search(head)
            or (re.search(rb"/First\b", head) and re.search(rb"/N\b", head))
        ):
            continue
        if b"/Filter" not in head:
            continue  # not packed: its bytes are read with all others
        if not _FLATE.search(head) or b"/DecodeParms" in head:
            raise unreadable
        inflate = zlib.decompressobj()
        try:
            part = inflate.decompress(content[begin.end() :], room)
        except zlib.error:
            raise unreadable from None
        room -= len(part)
        if not inflate.eof or room <= 0:
            raise unreadable
        unpacked.append(part)
    return unpacked
