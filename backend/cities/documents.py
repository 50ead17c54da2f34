"""What may be kept as a vetting letter or a signed document: PDF, JPEG or PNG by its content,
without active content.

The content decides, never the name or what the browser claims. Images are decoded whole and written
again, so that nothing of the sent file but its picture remains. A PDF is kept as it is, when qpdf
(by pikepdf) finds no object in it that can run, open or hide another file; what cannot be read is
refused rather than trusted. Both are read in a process apart (``file_content``).
"""

from __future__ import annotations

import io
import re
import struct
import unicodedata
import zipfile
from dataclasses import dataclass
from pathlib import PurePath

from django.utils.translation import gettext as _

from backend.common.errors import InvalidFields
from backend.common.heavy import READING, Failed
from backend.common.heavy_worker import Refused

LETTER_LIMIT = 10 * 1024 * 1024  # bytes
_READERS = "backend.cities.file_content"
_NAME_LENGTH = 120
_IMAGES = {
    b"\xff\xd8\xff": ("JPEG", "image/jpeg", ".jpg"),
    b"\x89PNG\r\n\x1a\n": ("PNG", "image/png", ".png"),
}
_MARKUP = re.compile(rb"<(?:!doctype\s+html|html|script|iframe|\?php)", re.IGNORECASE)
_BEFORE, _AFTER = b"\xef\xbb\xbf\r\n\t ", b"\r\n\t \x00\x1a"  # what mail and old editors add
# Nothing that a reader of another kind of file could begin with.
_NOTE = re.compile(rb"[-\w\s.,:;()/=*_#]*", re.ASCII)
_LONGEST_NOTE = 500  # bytes
_PHOTOS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis"}
_DEVICE = re.compile(r"con|prn|aux|nul|(?:com|lpt)[0-9¹²³]", re.IGNORECASE)  # Windows opens them
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


def check_letter(content: bytes, name: str, *, person: int) -> SafeLetter:
    """The letter as it may be stored. Not to be called in a transaction: it may wait for seconds.

    Args:
        person: the id of who sends it, whose budget it is (``common.heavy``).

    Raises:
        InvalidFields: empty, too large, of another type, broken, locked, with active content, or
            one that takes too long to read.
        TooManyRequests, Unavailable: too many files are being read.
    """
    if not content:
        raise _refused(
            _("The file is empty. Look whether it opens on your computer, and send it again.")
        )
    if len(content) > LETTER_LIMIT:
        raise too_large()
    if content.lstrip(_BEFORE).startswith(b"%PDF-"):
        content = _without_note(content)
        _check_pdf(content, person)
        return SafeLetter(content, "application/pdf", safe_name(name, ".pdf"), ".pdf")
    for signature, (kind, content_type, suffix) in _IMAGES.items():
        if content.startswith(signature):
            return SafeLetter(
                _redrawn(content, kind, person), content_type, safe_name(name, suffix), suffix
            )
    raise _refused(_words_of_another_kind(content))


def _words_of_another_kind(content: bytes) -> str:
    """How what scanners, telephones and offices write is sent as one of what may be kept."""
    if content[4:8] == b"ftyp" and content[8:12] in _PHOTOS:
        return _(
            "This is a photo in the format HEIC or AVIF, which not everybody can open. Share or "
            "export it as a JPEG or PDF, or take a screenshot of it, and send that. (On an iPhone: "
            "Settings, Camera, Formats, Most Compatible; then take the photo again.)"
        )
    if content.startswith((b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")):
        return _(
            "This is a scan in the format TIFF. Choose PDF or JPEG where you scan, or print the "
            "scan to a PDF, and send that."
        )
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"{\\rtf")):
        return _(
            "This is a document of an office program, or an archive. Save the letter as a PDF "
            "(File, Save as or Export), and send that."
        )
    return _(
        "This is not a PDF, JPEG or PNG file. Save the letter as one of these and send it again."
    )


def _without_note(content: bytes) -> bytes:
    """The PDF without the line that a scanner or a mail program wrote below its end. No reader
    shows it, and no signature covers it.
    """
    end = content.rfind(b"%%EOF") + len(b"%%EOF")
    note = content[end:].strip(_AFTER)
    is_note = 0 < len(note) <= _LONGEST_NOTE and _NOTE.fullmatch(note)
    return content[:end] + b"\n" if is_note else content


PICTURE_SIDE = 960  # pixels
PICTURE_BYTES = 60 * 1024  # a page with its picture stays below 100 KB


def check_picture(content: bytes, *, person: int) -> tuple[bytes, int, int]:
    """The picture of a community's page as it may be shown, a small JPEG that we have drawn, with
    its width and height in pixels. Not to be called in a transaction: it may wait for seconds.

    Raises:
        InvalidFields: ``picture``. TooManyRequests, Unavailable: too many files are being read.
    """
    kind = next((row[0] for start, row in _IMAGES.items() if content.startswith(start)), None)
    if kind is None:
        raise InvalidFields(
            {"picture": [_("This is not a JPEG or PNG picture. Save it as one and send it again.")]}
        )
    limits = {"longest": PICTURE_SIDE, "most_bytes": PICTURE_BYTES}
    try:
        drawn = READING.run(
            f"{_READERS}:shrink_picture", content, person=person, kind=kind, **limits
        )
        width, height = struct.unpack(">HH", drawn[:4])
        return drawn[4:], width, height
    except Refused as refused:
        words = _picture_words(str(refused))
        if str(refused) == "small":
            words = _("This picture is too small. It needs at least 100 pixels each way.")
        raise InvalidFields({"picture": [words]}) from None
    except Failed:
        words = _("This picture takes too much time or memory to read. Make it smaller.")
        raise InvalidFields({"picture": [words]}) from None


def safe_name(name: str, suffix: str) -> str:
    """The last part of a file's name without what cannot be seen, with the suffix of what the file
    is. ("..\\a/b\\x00.exe" → "b.pdf")
    """
    last = PurePath(unicodedata.normalize("NFC", name).replace("\\", "/")).name
    seen = "".join(letter for letter in last if unicodedata.category(letter) not in _UNSEEN)
    stem = " ".join(PurePath(re.sub(r'[<>:"|?*%]', "_", seen)).stem.split()).strip(". ")
    if _DEVICE.fullmatch(stem.partition(".")[0].strip()):
        stem = f"_{stem}"
    return f"{stem[: _NAME_LENGTH - len(suffix)] or 'letter'}{suffix}"


def _redrawn(content: bytes, kind: str, person: int) -> bytes:
    try:
        return READING.run(f"{_READERS}:redraw_picture", content, person=person, kind=kind)
    except Refused as refused:
        raise _refused(_picture_words(str(refused))) from None
    except Failed:
        raise _too_slow() from None


def _picture_words(code: str) -> str:
    if code == "pixels":
        return _(
            "This picture has more than 40 million pixels. Make it smaller, or "
            "send a letter as a PDF."
        )
    if code == "moves":
        return _("This picture moves. Send a still one, or a letter as a PDF.")
    return _(
        "This picture cannot be read to its end. Open it on your computer, save it "
        "again and send that."
    )


def _check_pdf(content: bytes, person: int) -> None:
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
        READING.run(f"{_READERS}:check_pdf", content, person=person)
    except Refused as refused:
        raise _refused(_pdf_words(str(refused))) from None
    except Failed:
        raise _too_slow() from None


def _pdf_words(code: str) -> str:
    if code == "password":
        return _("This PDF is protected by a password. Save it without protection, or send a scan.")
    if code == "holds":
        return _(
            "Another file is attached inside this PDF, as in a PDF/A-3 or a portfolio; it cannot "
            "be checked. Print the PDF to a new PDF and send that."
        )
    if code == "acts":
        return _(
            "This PDF holds scripts, attachments or commands. Print it to a new PDF and send that."
        )
    return _("A part of this PDF cannot be checked. Print it to a new PDF and send that.")


def _too_slow() -> InvalidFields:
    return _refused(
        _(
            "This file takes too much time or memory to check. Print it to a new PDF, or scan it "
            "at a lower resolution, and send that."
        )
    )
