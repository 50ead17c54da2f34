"""Lists of members as people's programs write them: the days, words, alphabets, sheets and kinds of
files that Excel and LibreOffice make of the same list.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from openpyxl import Workbook  # type: ignore[import-untyped]
from openpyxl.styles import PatternFill  # type: ignore[import-untyped]

from backend.cities import services
from backend.cities.member_days import DAY_FIRST, MONTH_FIRST, WhichFirst, day_of
from backend.cities.member_sheets import COLUMNS, member_cells, read_sheet, write_excel
from backend.cities.models import MemberImport, Membership
from backend.cities.names import searched_name
from backend.common.errors import InvalidFields, WrongState
from backend.common.formatting import csv_lines
from tests.factories import CommunityFactory, MembershipFactory, PlaceFactory
from tests.web.html_forms import url

FIRST_OF_JULY = dt.date(2026, 7, 1)


@pytest.mark.parametrize(
    "text",
    [
        "2026-07-01",
        "2026-7-1",
        "2026/7/1",
        "2026.07.01.",
        "2026. 7. 1.",
        "01.07.2026",
        "1.7.2026",
        "1. 7. 2026",
        "1.7.26",
        "2026年7月1日",
        "２０２６／７／１",
        "٢٠٢٦/٧/١",
        "46204",
        "46204.5",
        "2026-07-01 00:00:00",
        "2026-07-01T00:00:00",
        "1-Jul-26",
        "1 July 2026",
        "July 1, 2026",
        "1st of July 2026",
        "1. Juli 2026",
        "1er juillet 2026",
        "1 de julio de 2026",
        "1 يوليو 2026",
    ],
)
def test_day_is_read_as_it_is_written(text: str) -> None:
    assert day_of(text) == FIRST_OF_JULY


@pytest.mark.parametrize("text", ["7/1/2026", "07/01/2026", "7-1-2026", "7/1/26", "7/1/2026 0:00"])
def test_day_in_two_ways_needs_the_order(text: str) -> None:
    with pytest.raises(WhichFirst):
        day_of(text)
    assert day_of(text, MONTH_FIRST) == FIRST_OF_JULY
    assert day_of(text, DAY_FIRST) == dt.date(2026, 1, 7)


@pytest.mark.parametrize("text", ["31/12/2025", "12/31/2025", "31-12-2025"])
def test_day_in_one_way_needs_none(text: str) -> None:
    assert day_of(text) == day_of(text, DAY_FIRST) == day_of(text, MONTH_FIRST)
    assert day_of(text) == dt.date(2025, 12, 31)
    assert day_of("5/5/2026") == dt.date(2026, 5, 5)


@pytest.mark.parametrize(
    "text",
    [
        "2026",
        "20260701",
        "1462",
        "99999",
        "1.13.2026",
        "30.2.2026",
        "26/07/01",
        "Juli 2026",
        "0/0/0",
        *["July 1", "1/7/026", "2026-W01-1", "2026-07-01-02", "soon", "1 2 2026"],
    ],
)
def test_what_is_no_day_or_not_a_sure_one_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of Python itself, whose words nobody reads
        day_of(text)


def check(curator: Any, content: bytes, name: str = "members.csv") -> MemberImport:
    return services.check_members(by=curator, file_name=name, content=content)


def rows_of(content: bytes) -> list[dict[str, str]]:
    return [row.values for row in read_sheet(content, person=1)[1]]


def book(*rows: list[Any], change: Callable[[Workbook], None] = lambda _book: None) -> bytes:
    made = Workbook()
    for row in rows:
        made.active.append(row)
    change(made)
    written = io.BytesIO()
    made.save(written)
    return written.getvalue()


HEAD = ["community", "country", "started_on"]
KOBE = ["Kobe", "JP", "2026-07-01"]
LIST = {"community": "Kobe", "country": "JP", "started_on": "2026-07-01"}


def filled_far_down(made: Workbook) -> None:
    for row in range(3, 25_000):
        made.active.cell(row, 1).fill = PatternFill("solid", fgColor="FFFF00")
    made.active.cell(2**20, 1).fill = PatternFill("solid", fgColor="FFFF00")


def hidden_before(made: Workbook) -> None:
    notes = made.create_sheet("notes", 0)
    notes.append(HEAD)
    notes.append(["Nagoya", "JP", "2020-01-01"])
    notes.sheet_state = "hidden"
    made.create_sheet("read me", 0).append(["This workbook holds our members."])


def strict(content: bytes) -> bytes:
    """As Excel writes "Strict Open XML Spreadsheet"."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(written, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            for kind in (b"spreadsheetml", b"officeDocument"):
                part = part.replace(
                    b"http://schemas.openxmlformats.org/%s/2006/" % kind,
                    b"http://purl.oclc.org/ooxml/%s/" % kind,
                )
            new.writestr(name, part)
    return written.getvalue()


def open_document(locked: bool = False) -> bytes:
    """As LibreOffice writes it: a hidden sheet first, a title, repeated cells and rows."""
    spaces = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text", "style")
    )
    hidden = '<table:table-properties table:display="false"/>'
    words = "".join(
        f'<table:table-cell office:value-type="string"><text:p>{word}</text:p></table:table-cell>'
        for word in ("City", "Country", "Member since")
    )
    empty = '<table:table-cell table:number-columns-repeated="16381"/>'
    content = (
        f"<office:document-content{spaces}><office:automatic-styles>"
        f'<style:style style:name="t1" style:family="table">{hidden}</style:style>'
        "</office:automatic-styles><office:body><office:spreadsheet>"
        '<table:table table:name="old" table:style-name="t1"><table:table-row>'
        "<table:table-cell><text:p>x</text:p></table:table-cell></table:table-row></table:table>"
        '<table:table table:name="Members"><table:table-row table:number-rows-repeated="2">'
        "<table:table-cell/></table:table-row>"
        f"<table:table-row>{words}{empty}</table:table-row>"
        "<table:table-row><table:table-cell><text:p>Kobe</text:p></table:table-cell>"
        "<table:table-cell><text:p>JP</text:p></table:table-cell>"
        '<table:table-cell office:value-type="date" office:date-value="2026-07-01">'
        f"<text:p>01.07.26</text:p></table:table-cell>{empty}</table:table-row>"
        f'<table:table-row table:number-rows-repeated="1048572">{empty}</table:table-row>'
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        mark = "<manifest:encryption-data/>" if locked else ""
        archive.writestr("META-INF/manifest.xml", f'<m xmlns:manifest="m">{mark}</m>')
    return written.getvalue()


def lines(*rows: list[str], separator: str = ",") -> bytes:
    return "\r\n".join(separator.join(row) for row in rows).encode()


FILES = {
    "sep": b"sep=;\r\n" + lines(HEAD, KOBE, separator=";"),
    "sep with a mark": b"\xef\xbb\xbfsep=|\r\n" + lines(HEAD, KOBE, separator="|"),
    "title with commas": b"Members, as of July, of 2026, all\r\n;;\r\n"
    + lines(HEAD, KOBE, separator=";"),
    "rows of separators": lines(HEAD, KOBE) + b"\r\n,," * 30_000,
    "formatted rows": book(HEAD, KOBE, change=filled_far_down),
    "sheet behind hidden and other ones": book(HEAD, KOBE, change=hidden_before),
    "title row": book(["Members of the network"], [None], HEAD, KOBE),
    "plain words": book(["City", "Country", "Member since"], KOBE),
    "German": book(["Stadt", "Land", "Mitglied seit"], KOBE),
    "French": book(["Ville", "Pays", "Date d’adhésion"], KOBE),
    "Spanish": book(["Ciudad", "País", "Miembro desde"], KOBE),
    "Japanese": book(["都市名", "国", "入会日"], KOBE),
    "Arabic": book(["المدينة", "البلد", "تاريخ الانضمام"], KOBE),
    "with a unit in brackets": book(["City (English)", "Country*", "Start date:"], KOBE),
    "date cell": book(HEAD, ["Kobe", "JP", dt.date(2026, 7, 1)]),
    "Strict": strict(book(HEAD, ["Kobe", "JP", dt.date(2026, 7, 1)])),
    "OpenDocument": open_document(),
}


@pytest.mark.parametrize("kind", FILES)
def test_the_same_list_in_each_kind_of_file(kind: str) -> None:
    assert rows_of(FILES[kind]) == [LIST]


def test_numbers_of_days_count_from_where_the_workbook_says() -> None:
    from openpyxl.utils.datetime import MAC_EPOCH  # type: ignore[import-untyped]

    def of_a_mac(made: Workbook) -> None:
        made.epoch = MAC_EPOCH

    read = rows_of(book(HEAD, ["Kobe", "JP", 46204 - 1462], change=of_a_mac))
    assert day_of(read[0]["started_on"]) == FIRST_OF_JULY


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, "protected by a password"),
        (open_document(locked=True), "protected by a password"),
        (book(HEAD, change=lambda made: made.active.append([None] * 45 + ["x"])), "Only the first"),
        (book(["Members"], ["City", "Country"], KOBE[:2]), "started_on"),
    ],
)
def test_what_cannot_be_read_has_a_way_out(content: bytes, words: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        read_sheet(content, person=1)
    assert words in refused.value.errors["file"][0]


@pytest.mark.parametrize(
    ("encoding", "country", "name", "other"),
    [
        ("cp1250", "PL", "Łódź", "lodz"),
        ("cp1252", "ES", "Cañón", "canon"),
        ("cp932", "JP", "神戸", "kobe"),
        ("cp949", "KR", "부산", "busan"),
        ("gb18030", "CN", "广州", "guangzhou"),
        ("cp1251", "UA", "Львів", "lviv"),
        ("cp1256", "EG", "القاهرة", "cairo"),
    ],
)
def test_alphabet_is_the_one_that_names_places(
    curator: Any, encoding: str, country: str, name: str, other: str
) -> None:
    place = PlaceFactory(
        name=name, search_text=f"{searched_name(name)}|{other}", country__code=country
    )
    made = CommunityFactory(name=name, country_code=country, place=place)
    content = lines(HEAD, [name, country, "2026-07-01"]).decode().encode(encoding)
    checked = check(curator, content)
    assert checked.rows[0]["community_id"] == made.pk
    assert "look whether names" in checked.read_as


@pytest.fixture
def members(db: None) -> list[Membership]:
    """Two members; no day of them says which of its numbers is the month."""
    found = []
    for name, country in (("Łódź", "PL"), ("Savannah", "US")):
        place = PlaceFactory(name=name, search_text=searched_name(name), country__code=country)
        found.append(
            MembershipFactory(
                community=CommunityFactory(name=name, country_code=country, place=place),
                started_on=dt.date(2020, 7, 1),
                paid_through=dt.date(2026, 12, 11),
            )
        )
    return found


def as_excel_saves(separator: str, day: str, encoding: str) -> Callable[[str], bytes]:
    """What becomes of an exported CSV that is opened and saved where days look so."""

    def saved(text: str) -> bytes:
        def cell(value: str) -> str:
            try:
                return dt.date.fromisoformat(value).strftime(day)
            except ValueError:
                return value

        written = io.StringIO()
        writer = csv.writer(written, delimiter=separator)
        for row in csv.reader(io.StringIO(text.removeprefix("\ufeff"))):
            writer.writerow([cell(value) for value in row])
        return written.getvalue().encode(encoding)

    return saved


@pytest.mark.parametrize(
    ("saved", "order"),
    [
        (as_excel_saves(",", "%m/%d/%Y", "utf-8-sig"), MONTH_FIRST),
        (as_excel_saves(",", "%d/%m/%Y", "utf-8-sig"), DAY_FIRST),
        (as_excel_saves(";", "%d.%m.%Y", "cp1250"), ""),
        (as_excel_saves("\t", "%Y/%m/%d", "utf-16"), ""),
        (as_excel_saves(",", "%d-%b-%y", "utf-8-sig"), ""),
    ],
)
def test_own_export_saved_in_excel_comes_back_unchanged(
    curator: Any, members: list[Membership], saved: Callable[[str], bytes], order: str
) -> None:
    text = "".join(csv_lines(COLUMNS, [member_cells(row) for row in members]))
    checked = check(curator, saved(text))
    if order:
        assert services.counts_of(checked) == {"asked": 2}
        checked = services.read_days(by=curator, import_id=checked.pk, day_order=order)
    assert services.counts_of(checked) == {"unchanged": 2}
    in_excel = write_excel(COLUMNS, [member_cells(row) for row in members], title="Members")
    assert services.counts_of(check(curator, strict(in_excel))) == {"unchanged": 2}


def test_one_sure_day_says_the_order_of_the_list(curator: Any, members: list[Membership]) -> None:
    checked = check(
        curator,
        lines(
            [*HEAD, "paid_through"],
            ["Łódź", "PL", "7/1/2020", "12/11/2027"],
            ["Savannah", "US", "7/1/2020", "12/31/2027"],
        ),
    )
    assert [row["changes"]["paid_through"][1] for row in checked.rows] == [
        "2027-12-11",
        "2027-12-31",
    ]
    assert checked.read_as.endswith("month first")


def test_list_is_asked_once_and_then_applied(curator: Any, members: list[Membership]) -> None:
    client = Client()
    client.force_login(curator)
    content = lines([*HEAD, "paid_through"], ["Savannah", "US", "7/1/2020", "1/2/2027"])
    sent = client.post(
        url("staff_member_import_new"), {"file": SimpleUploadedFile("a.csv", content)}
    )
    assert "1 row has a day like 7/1/2026" in client.get(sent.url).text
    checked = MemberImport.objects.latest("id")
    with pytest.raises(InvalidFields):
        services.apply_members(by=curator, import_id=checked.pk)
    assert client.post(sent.url, {"day_order": "year_first"}).status_code in (400, 422)
    page = client.post(sent.url, {"day_order": MONTH_FIRST}, follow=True).text
    assert "2027-01-02" in page
    with pytest.raises(WrongState):
        services.read_days(by=curator, import_id=checked.pk, day_order=DAY_FIRST)
    services.apply_members(by=curator, import_id=checked.pk)
    assert Membership.objects.get(pk=members[1].pk).paid_through == dt.date(2027, 1, 2)


@pytest.mark.usefixtures("db")
def test_state_is_known_by_its_code_and_within_the_name(curator: Any) -> None:
    """Communities without a place too: a county has no city of the gazetteer."""
    for region, code in (("Maryland", "MD"), ("Virginia", "VA"), ("Maine", "ME")):
        name = "Portland" if code == "ME" else f"Springfield {code}"
        CommunityFactory(name=name, admin1=region, place__admin1_code=code, place__admin1=region)
    CommunityFactory(name="Chicago", admin1="Illinois", place__admin1_code="IL")
    for region in ("Maryland", "Virginia"):
        CommunityFactory(name="Montgomery County", kind="county", admin1=region, place=None)
    rows = [
        "Montgomery County,MD,US",
        "Montgomery County,Virginia,US",
        '"Montgomery County, VA",,US',
        '"Portland, Maine",,US',
        '"Portland, ME",,US',
        "City of Chicago,IL,US",
        '"City of Chicago, IL",,US',
        '"Chicago, USA",,US',
        "Montgomery County,,US",
        '"Portland, Oregon",,US',
    ]
    content = "\n".join(["community,state,country,started_on", *(f"{r},2026-07-01" for r in rows)])
    checked = check(curator, content.encode())
    shown = [row["shown"] for row in checked.rows]
    assert shown == [
        "Montgomery County, Maryland, US",
        *["Montgomery County, Virginia, US"] * 2,
        *["Portland, Maine, US"] * 2,
        *["Chicago, Illinois, US"] * 3,
        "",
        "",
    ]
