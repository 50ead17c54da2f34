"""Attempts on uploads and on what is made from them, by somebody who did not write the checks: each
is refused in words, or does no harm.
"""

from __future__ import annotations

import csv
import io
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pikepdf
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.handlers.wsgi import WSGIRequest
from django.test import Client, RequestFactory
from openpyxl import Workbook, load_workbook  # type: ignore[import-untyped]
from PIL import Image

from backend.cities import services
from backend.cities.documents import check_letter, safe_name
from backend.cities.member_sheets import read_sheet, write_excel
from backend.cities.models import CommunityRole, MemberImport, VettingLetter
from backend.common.errors import InvalidFields, NotVisible
from backend.common.files import Application, ReadableRequest
from backend.common.formatting import csv_lines, written_cell
from backend.privacy.data import export_archive
from backend.privacy.erasure import erase_account
from tests.factories import CommunityRoleFactory, ProfileFactory, UserFactory
from tests.letters import JAVASCRIPT, packed_catalog, pdf, picture

SCRIPT_AT_OPENING = b"<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(1)>>>>"


def stream(head: bytes, content: bytes = b"") -> bytes:
    length = b"/Length %d" % len(content)
    return b"4 0 obj<<" + head + length + b">>stream\n" + content + b"\nendstream endobj"


def before_the_end(content: bytes, added: bytes) -> bytes:
    """An undamaged PDF with something that its table does not name."""
    at = content.rindex(b"startxref")
    return content[:at] + added + b"\n" + content[at:]


def numbered(number: bytes) -> bytes:
    return pdf(JAVASCRIPT.replace(b"4 0", number))


LOST_STREAM = b"8 0 obj<</Type/ObjStm/N 1/First 4/Length 9>>stream\n9 0 <<>>\nendstream endobj"
TWICE = zlib.compress(zlib.compress(b"\0" * 10_000_000))
PDFS: dict[str, bytes] = {
    "script of a 3D picture": pdf(stream(b"/Type/3D/Subtype/U3D/OnInstantiate 5 0 R")),
    "stream that lies in another file": pdf(stream(rb"/F(\\\\evil.example\\a)")),
    "page of another file": pdf(stream(rb"/Subtype/Form/Ref<</F(\\\\evil.example\\a)/Page 0>>")),
    "picture of another file": pdf(stream(rb"/Subtype/Image/OPI<</2.0<</F(\\\\evil\\a)>>>>")),
    "program for the printer": pdf(stream(b"/Subtype/PS", b"quit")),
    "bomb in a bomb": pdf(stream(b"/Filter[/FlateDecode/Fl]", TWICE)),
    "link to a script": pdf(b"4 0 obj<</S/URI/URI(java\nscript:alert\\(1\\))>>endobj"),
    "link to a program": pdf(b"4 0 obj<</S/URI/URI<66696c653a2f2f2f633a>>>endobj"),
    "object with a name twice, the first acts": pdf(JAVASCRIPT, b"4 0 obj<<>>endobj"),
    "object with a large number": numbered(b"8388608 0"),
    "object with a larger number": numbered(b"99999999999 0"),
    "object with a large generation": numbered(b"4 65536"),
    "object between NULs": numbered(b"4\x000"),
    "catalog in the trailer": pdf().replace(b"/Root 1 0 R", b"/Root" + SCRIPT_AT_OPENING),
    # A linearized file is read by some from its first table, by others from its last.
    "catalog that another table names": before_the_end(
        packed_catalog(b""), b"1 0 obj" + SCRIPT_AT_OPENING + b"endobj"
    ),
    "object stream that another table names": before_the_end(packed_catalog(b""), LOST_STREAM),
    "the same after a mark of byte order": b"\xef\xbb\xbf"
    + before_the_end(packed_catalog(b""), JAVASCRIPT),
    "no page": pdf().replace(b"[3 0 R]/Count 1", b"[]/Count 0"),
    "pages in a circle": pdf().replace(b"[3 0 R]", b"[2 0 R]"),
    "page of endless size": pdf().replace(b"[0 0 9 9]", b"[0 0 99999999999999999999999 9]"),
    "table for two thousand million objects": packed_catalog(b"").replace(
        b"/Size 6", b"/Size 2147483646/Index[0 2147483646]"
    ),
    "table with wide columns": packed_catalog(b"").replace(b"[1 3 1]", b"[1 3 999999999]"),
    "object stream of two thousand million": packed_catalog(b"").replace(
        b"/N 1/", b"/N 2147483647/"
    ),
    "archive hidden in a comment": before_the_end(
        packed_catalog(b""), b"%PK\x03\x04<IFRAME src=x>"
    ),
}


def refusal_of(content: bytes, name: str = "letter.pdf") -> str:
    with pytest.raises(InvalidFields) as refused:
        check_letter(content, name, person=1)
    return refused.value.errors["letter"][0]


@pytest.mark.parametrize("what", PDFS)
def test_pdf_that_could_act_for_some_reader(what: str) -> None:
    words = refusal_of(PDFS[what])
    assert "takes too much time" not in words
    assert "Print it to a new PDF" in words


def made(*, pages: int = 3, **how: Any) -> bytes:
    written = io.BytesIO()
    with pikepdf.Pdf.new() as new:
        for _number in range(pages):
            new.add_blank_page()
        link = pikepdf.Dictionary(S=pikepdf.Name.URI, URI=pikepdf.String("https://city.example"))
        new.Root.Link = new.make_indirect(pikepdf.Dictionary(A=link))
        new.save(written, **how)
    return written.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        made(linearize=True, object_stream_mode=pikepdf.ObjectStreamMode.generate),
        made(linearize=True),
        made(encryption=pikepdf.Encryption(owner="secret", user="")),
        made(pages=1000),
        before_the_end(packed_catalog(b""), b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj"),
    ],
)
def test_pdf_of_a_usual_writer_is_kept_as_it_is(content: bytes) -> None:
    assert check_letter(content, "letter.pdf", person=1).content == content


def shown(content: bytes) -> list[Any]:
    with Image.open(io.BytesIO(content)) as image:
        return [image.getpixel((place, 0)) for place in range(image.width)]


def test_picture_of_16_bits_is_not_turned_white() -> None:
    written = io.BytesIO()
    sent = Image.new("I;16", (4, 1))
    for place, value in enumerate((0, 300, 30_000, 65_535)):
        sent.putpixel((place, 0), value)
    sent.save(written, "PNG", transparency=300)
    kept = check_letter(written.getvalue(), "letter.png", person=1).content
    assert shown(kept) == [0, 300, 30_000, 65_535]


def with_wrong_exif() -> bytes:
    """Says that its description is a number, which Pillow cannot write again."""
    content = picture(exif=True)
    at = content.index(b"\x01\x0e\x00\x02")
    return content[: at + 2] + b"\x00\x09" + content[at + 4 :]


def moving() -> bytes:
    written = io.BytesIO()
    frames = [Image.new("L", (9, 9), shade) for shade in (0, 99)]
    frames[0].save(written, "PNG", save_all=True, append_images=frames[1:])
    return written.getvalue()


def with_long_words() -> bytes:
    """A text that unpacks to more than the picture."""
    content = picture("PNG")
    chunk = b"zTXta\0\0" + zlib.compress(b"\0" * 9_000_000)
    whole = (len(chunk) - 4).to_bytes(4) + chunk + zlib.crc32(chunk).to_bytes(4)
    return content[:33] + whole + content[33:]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (moving(), "moves"),
        (with_long_words(), "cannot be read to its end"),
        (picture("PNG")[:-30], "cannot be read to its end"),
        (picture("GIF"), "not a PDF, JPEG or PNG"),
        (picture("TIFF"), "scan in the format TIFF"),
        (b"\x89PNG\r\n\x1a\n<svg xmlns='http://www.w3.org/2000/svg'/>", "cannot be read to its"),
        (b"\xff\xd8\xff" + picture("PNG"), "cannot be read to its end"),
    ],
)
def test_picture_that_is_not_one(content: bytes, words: str) -> None:
    assert words in refusal_of(content, "letter.png")


def test_picture_keeps_its_colours_and_loses_wrong_notes() -> None:
    written = io.BytesIO()
    Image.new("CMYK", (9, 9), (0, 200, 200, 0)).save(written, "JPEG")
    kept = check_letter(written.getvalue(), "letter.jpg", person=1).content
    with Image.open(io.BytesIO(kept)) as image:
        red, green, blue = image.getpixel((4, 4))  # type: ignore[misc]
    assert (red > 240, green < 70, blue < 70) == (True, True, True)
    assert b"mayor" not in check_letter(with_wrong_exif(), "letter.jpg", person=1).content


# Workbooks and CSV.


HEAD = ["community", "country", "started_on"]


def book(change: Callable[[str, bytes], bytes] = lambda _name, part: part, **more: bytes) -> bytes:
    """A list of one member as Excel, with parts changed and added."""
    made, source, written = Workbook(), io.BytesIO(), io.BytesIO()
    for row in (HEAD, ["Ames", "US", "2026-01-01"]):
        made.active.append(row)
    made.save(source)
    with (
        zipfile.ZipFile(source) as old,
        zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for entry in old.infolist():
            new.writestr(entry.filename, change(entry.filename, old.read(entry)))
        for name, part in more.items():
            new.writestr(name, part)
    return written.getvalue()


def sheet(change: Callable[[bytes], bytes]) -> bytes:
    return book(lambda name, part: change(part) if name.endswith("sheet1.xml") else part)


def rows(content: bytes) -> bytes:
    return sheet(lambda part: part.replace(b"</sheetData>", content + b"</sheetData>"))


def entity(encoding: str, *, before: bytes = b"") -> bytes:
    head = f'<?xml version="1.0" encoding="{encoding}"?>'.encode() + before
    head += b'<!DOCTYPE x [<!ENTITY i "hello">]>'
    return sheet(
        lambda part: (
            (head + part.split(b"?>")[-1].replace(b"Ames", b"&i;")).decode().encode(encoding)
        )
    )


BOOKS: dict[str, tuple[bytes, str]] = {
    "entity in UTF-16": (entity("utf-16"), "cannot be read"),
    "entity in EBCDIC": (entity("cp037"), "cannot be read"),
    "entity behind 5,000 blanks": (entity("utf-8", before=b" " * 5000), "cannot be read"),
    "entity in a part of another name": (
        book(**{"xl/media/a.bin": b'<!DOCTYPE x [<!ENTITY i "hello">]><x>&i;</x>'}),
        "cannot be read",
    ),
    "no number": (rows(b'<row r="3"><c r="A3"><v>nan</v></c></row>'), "cannot be read"),
    "number of 5,000 digits": (
        rows(b'<row r="3"><c r="A3"><v>' + b"1" * 5000 + b"</v></c></row>"),
        "cannot be read",
    ),
    "text that is not in the table": (
        rows(b'<row r="3"><c r="A3" t="s"><v>99</v></c></row>'),
        "cannot be read",
    ),
    "value beyond the columns": (
        rows(b'<row r="3"><c r="A3"><v>1</v></c><c r="AO3"><v>1</v></c></row>'),
        "a value in column AO, row 3. Only the first 40 columns are read",
    ),
    "value in the last column": (
        rows(b'<row r="3"><c r="XFD3" t="b"><v>0</v></c></row>'),
        "column XFD, row 3",
    ),
    "column far away": (rows(b'<row r="3"><c r="ZZZZZZ3"><v>1</v></c></row>'), "cannot be read"),
    "sheet that is not there": (
        book(lambda name, part: b"" if name.endswith("sheet1.xml") else part),
        "cannot be read",
    ),
    "2,000,000 columns": (b"a," * 2_000_000 + b"\nx\n", "there twice: a"),
    "100,000 columns": (b",".join(b"c%d" % n for n in range(100_000)) + b"\nx\n", "not known"),
    "line of 4,000,000 letters": (b"x" * 4_000_000, "breaks off as CSV"),
    "UTF-16 without its mark": ("community\nAmes".encode("utf-16-le"), "neither CSV nor"),
    "Shift JIS": ("community\n大阪".encode("shift-jis"), "cannot be read"),
}


@pytest.mark.parametrize("what", BOOKS)
def test_list_that_is_not_one(what: str) -> None:
    content, words = BOOKS[what]
    with pytest.raises(InvalidFields) as refused:
        read_sheet(content, person=1)
    assert words in refused.value.errors["file"][0]
    assert len(refused.value.errors["file"][0]) < 1000


def test_empty_rows_below_the_list_are_no_rows() -> None:
    """Excel writes them where a whole column has a format."""
    empty = b"".join(b'<row r="%d" spans="1:3"/>' % number for number in range(3, 60_000))
    read_as, found = read_sheet(rows(empty), person=1)
    assert (read_as, [row.number for row in found]) == ("Excel", [2])


def test_empty_cells_beyond_the_columns_are_none_and_other_sheets_are_named() -> None:
    empty = b'<row r="3"><c r="A3" t="inlineStr"><is><t>Ames</t></is></c><c r="XFD3" s="0"/></row>'
    read_as, found = read_sheet(rows(empty), person=1)
    assert (read_as, [row.number for row in found]) == ("Excel", [2, 3])
    two, written = load_workbook(io.BytesIO(book())), io.BytesIO()
    two.create_sheet("Old")
    two.save(written)
    assert read_sheet(written.getvalue(), person=1)[0] == "Excel, only the sheet “Sheet” of 2"


def test_long_text_that_many_cells_share_is_read_in_part() -> None:
    long = b'<c t="inlineStr"><is><t>%b</t></is></c>' % (b"x" * 1_000_000)
    (_first, row) = read_sheet(rows(b'<row r="3">%b</row>' % long), person=1)[1]
    assert "longer than 500" in row.problems[0]
    assert len(row.values["community"]) == 500


def test_names_in_an_archive_lead_nowhere_and_macros_do_not_run() -> None:
    content = book(**{"../../../etc/passwd": b"x", "xl/vbaProject.bin": b"\xd0\xcf\x11\xe0"})
    assert [row.values["community"] for row in read_sheet(content, person=1)[1]] == ["Ames"]


def test_formula_over_several_cells_is_one() -> None:
    cell = b'<row r="3"><c r="A3"><f t="array" ref="A3">1+1</f><v>2</v></c></row>'
    (_first, row) = read_sheet(rows(cell), person=1)[1]
    assert row.values["community"] == "=1+1"
    assert "like a formula" in row.problems[0]


@pytest.mark.parametrize("value", ["\n=1+1", "＝1+1", "＋1", "－1", "＠x"])
def test_no_cell_is_a_formula_in_another_edition_of_excel(value: str) -> None:
    lines = "".join(csv_lines(["name"], [[value]]))
    (cell,) = list(csv.reader(io.StringIO(lines, newline="")))[1]
    assert cell[0] == "'"
    assert written_cell(cell) == value


def test_workbook_is_written_where_a_name_holds_control_characters() -> None:
    written = write_excel(HEAD, [["A\x0bmes", "US", "2026-01-01"]], title="x")
    assert read_sheet(written, person=1)[1][0].values["community"] == "A mes"


@pytest.mark.parametrize("name", ["CON.pdf", "nul", "Aux.tar.pdf", "LPT1.x", "com¹"])
def test_name_is_of_no_device(name: str) -> None:
    assert safe_name(name, ".pdf").startswith("_")


# Requests.


def letters_of(role: CommunityRole) -> str:
    return f"/api/v1/communities/{role.community_id}/profile/letters/"


def part(content: bytes, *, name: str = "letter", file: str = '; filename="a.pdf"') -> bytes:
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def send(role: CommunityRole, body: bytes, address: str = "", more: str = "") -> Any:
    client = Client(raise_request_exception=False)
    client.force_login(role.user)
    kind = "multipart/form-data; boundary=x" + more
    return client.generic("POST", address or letters_of(role), body, content_type=kind)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (part(pdf()) + part(b"second"), 413, "Send one file"),
        (part(pdf()) + part(pdf(), name="Letter"), 422, "Letter"),
        (part(b"text", file=""), 422, "not a file"),
        (part(pdf(), name="document"), 422, "no such field"),
        (part(b""), 422, "empty"),
    ],
)
def test_parts_that_no_form_sends(
    newcomer: CommunityRole, body: bytes, status: int, words: str
) -> None:
    answer = send(newcomer, body + b"--x--\r\n")
    assert (answer.status_code, words in answer.text) == (status, True), answer.text
    assert not VettingLetter.objects.exists()


@pytest.mark.django_db
def test_two_files_in_the_field_of_a_page(newcomer: CommunityRole) -> None:
    address = f"/communities/{newcomer.community_id}/profile/letter/"
    answer = send(newcomer, part(pdf()) + part(pdf()) + b"--x--\r\n", address)
    assert answer.status_code == 413
    assert not VettingLetter.objects.exists()


@pytest.mark.parametrize(
    "kind",
    [f"multipart/form-data; boundary=x; charset={name}" for name in ("rot13", "idna", "undefined")]
    + ["multipart/form-data; boundary*=xyz''x", "text/plain; a*=rot13''b; charset=hex"],
)
def test_content_type_in_an_encoding_of_no_text(kind: str) -> None:
    """Also before anything of ours runs: where Django makes the request."""
    environ = RequestFactory()._base_environ(CONTENT_TYPE=kind, QUERY_STRING="a=%ff")
    request = ReadableRequest(environ)
    assert (request.content_type, request.POST, request.GET["a"]) == ("", {}, "\ufffd")
    assert Application.request_class is ReadableRequest
    assert issubclass(ReadableRequest, WSGIRequest)


# Meanwhile.


@pytest.mark.django_db
def test_person_who_leaves_while_the_letter_is_read_leaves_none(
    newcomer: CommunityRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(content: bytes, name: str, *, person: int) -> Any:
        found = check_letter(content, name, person=person)
        erase_account(by=newcomer.user, email=newcomer.user.email)
        return found

    monkeypatch.setattr("backend.cities.services.vetting.check_letter", read)
    before = set(default_storage.listdir("letters")[1]) if default_storage.exists("letters") else ()
    with pytest.raises(NotVisible):
        services.attach_letter(
            by=newcomer.user,
            community_id=newcomer.community_id,
            upload=SimpleUploadedFile("a.pdf", pdf()),
        )
    assert not VettingLetter.objects.exists()
    assert set(default_storage.listdir("letters")[1]) == set(before)


@pytest.mark.django_db
def test_curator_who_is_none_any_more_when_the_list_is_read(
    curator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(content: bytes, *, person: int) -> Any:
        curator.staff_role = ""
        curator.save()
        return read_sheet(content, person=person)

    monkeypatch.setattr("backend.cities.services.member_lists.read_sheet", read)
    with pytest.raises(NotVisible):
        services.check_members(by=curator, file_name="a.xlsx", content=book())
    assert not MemberImport.objects.exists()


@pytest.mark.django_db
def test_letter_is_found_by_no_other_way(newcomer: CommunityRole) -> None:
    sent = send(newcomer, part(pdf()) + b"--x--\r\n").json()
    letter = VettingLetter.objects.get()
    other = CommunityRoleFactory(community=ProfileFactory().community)
    for user in (other.user, UserFactory()):
        client = Client()
        client.force_login(user)
        for role in (other, newcomer):
            assert client.get(f"{letters_of(role)}{sent['id']}/").status_code == 404
        for folder in ("", "media/", "uploads/", "static/", "data/uploads/"):
            assert client.get(f"/{folder}{letter.file.name}").status_code == 404
    own = Client()
    own.force_login(newcomer.user)
    answer = own.get(f"{letters_of(newcomer)}{sent['id']}/", headers={"Range": "bytes=0-3"})
    assert b"".join(answer.streaming_content) == pdf()  # type: ignore[attr-defined]
    assert answer["Content-Disposition"] == 'attachment; filename="a.pdf"'
    assert (answer["X-Content-Type-Options"], "sandbox" in answer["Content-Security-Policy"]) == (
        "nosniff",
        True,
    )
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_archive_of_many_letters_is_not_gathered_in_memory(newcomer: CommunityRole) -> None:
    profile = newcomer.community.profile
    for number in range(3):
        letter = VettingLetter(profile=profile, by=newcomer.user, original_name="a.pdf")
        letter.file.save(f"attempt{number}.pdf", ContentFile(bytes(8_000_000)))
    tracemalloc.start()
    try:
        archive = export_archive(by=newcomer.user)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
    with zipfile.ZipFile(archive) as made:
        assert [entry.file_size for entry in made.infolist()][1:] == [8_000_000] * 3
    for letter in VettingLetter.objects.all():
        letter.file.delete(save=False)


@pytest.mark.django_db
def test_file_that_the_storage_has_lost_is_said(newcomer: CommunityRole) -> None:
    sent = send(newcomer, part(pdf()) + b"--x--\r\n").json()
    default_storage.delete(str(VettingLetter.objects.get().file.name))
    client = Client()
    client.force_login(newcomer.user)
    page = f"/communities/{newcomer.community_id}/profile/letters/{sent['id']}/"
    for address in (f"{letters_of(newcomer)}{sent['id']}/", page):
        answer = client.get(address)
        assert (answer.status_code, "send it again" in answer.text) == (410, True)
    with zipfile.ZipFile(export_archive(by=newcomer.user)) as archive:
        assert archive.namelist() == ["data.json", "letters/1-lost.txt"]
