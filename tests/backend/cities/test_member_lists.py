"""Lists of members in and out: what is read, what is refused and why, and that what was shown is
what is done.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openpyxl import Workbook, load_workbook  # type: ignore[import-untyped]

from backend.cities import services
from backend.cities.member_sheets import COLUMNS, read_sheet, write_excel
from backend.cities.models import MemberImport, Membership
from backend.common.errors import Conflict, InvalidFields, WrongState
from backend.outbox.models import Event
from tests.factories import CommunityFactory, MembershipFactory, PlaceFactory
from tests.web.html_forms import url

HEAD = "community,state,country,started_on,paid_through,dues_class,ended_on"


def sheet(*lines: str, head: str = HEAD, encoding: str = "utf-8") -> bytes:
    return "\r\n".join([head, *lines, ""]).encode(encoding)


def excel(*rows: list[Any], head: str = HEAD) -> bytes:
    book = Workbook()
    for row in (head.split(","), *rows):
        book.active.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def check(curator: Any, content: bytes, name: str = "members.csv") -> MemberImport:
    return services.check_members(by=curator, file_name=name, content=content)


def apply(curator: Any, checked: MemberImport) -> None:
    services.apply_members(by=curator, import_id=checked.pk)


def actions(checked: MemberImport) -> list[str]:
    return [row["action"] for row in checked.rows]


def problems(checked: MemberImport) -> str:
    return " ".join(line for row in checked.rows for line in row["problems"])


@pytest.fixture
def towns(db: None) -> dict[str, Any]:
    """Two Springfields, Göteborg with other names, and one that is a member."""
    made = {
        "illinois": CommunityFactory(
            name="Springfield",
            admin1="Illinois",
            place__admin1_code="IL",
            place__population=110_000,
        ),
        "ohio": CommunityFactory(name="Springfield", admin1="Ohio", place__admin1_code="OH"),
        "göteborg": CommunityFactory(
            name="Göteborg",
            country_code="DE",
            place=PlaceFactory(
                name="Göteborg", search_text="goteborg|gothenburg", country__code="DE"
            ),
        ),
        "member": CommunityFactory(name="Ames", admin1="Iowa"),
    }
    MembershipFactory(
        community=made["member"],
        started_on=dt.date(2020, 1, 1),
        paid_through=dt.date(2026, 12, 31),
        dues_class="large",
    )
    return made


def test_each_row_says_what_it_would_do(curator: Any, towns: dict[str, Any]) -> None:
    checked = check(
        curator,
        sheet(
            "Springfield,IL,US,2026-01-01,2026-12-31,,",
            "Gothenburg,,Germany,2025-01-01,,under_500k,",
            "Ames,Iowa,US,2020-01-01,2027-12-31,,",
        ),
    )
    assert actions(checked) == ["new", "new", "changed"]
    assert checked.rows[0]["community_id"] == towns["illinois"].pk
    assert checked.rows[0]["changes"]["dues_class"] == [None, "under_500k"], "by its population"
    assert checked.rows[1]["community_id"] == towns["göteborg"].pk
    assert checked.rows[2]["changes"] == {"paid_through": ["2026-12-31", "2027-12-31"]}
    assert Membership.objects.count() == 1, "a dry run changes nothing"
    assert not Event.objects.exists()


def test_what_was_shown_is_what_is_done(curator: Any, towns: dict[str, Any]) -> None:
    lines = [
        "Springfield,IL,US,2026-01-01,2026-12-31,,",
        "Ames,,US,2020-01-01,2027-12-31,,",
        "Göteborg,,DE,2001-01-01,,large,2005-01-01",
    ]
    checked = check(curator, sheet(*lines))
    apply(curator, checked)
    assert Membership.objects.get(community=towns["member"]).paid_through == dt.date(2027, 12, 31)
    assert Membership.objects.get(community=towns["illinois"]).dues_class == "under_500k"
    assert Membership.objects.get(community=towns["göteborg"]).ended_on == dt.date(2005, 1, 1)
    topics = sorted(Event.objects.values_list("topic", flat=True))
    assert topics == ["members_imported", *["membership_begun"] * 2, "membership_changed"]
    assert actions(check(curator, sheet(*lines))) == ["unchanged"] * 3, (
        "the same list again does nothing"
    )
    with pytest.raises(WrongState):
        apply(curator, checked)


@pytest.mark.parametrize("change", ["began elsewhere", "renewed", "renamed"])
def test_list_that_would_do_something_else_by_now_is_not_applied(
    curator: Any, towns: dict[str, Any], change: str
) -> None:
    checked = check(
        curator,
        sheet("Springfield,OH,US,2026-01-01,2026-12-31,large,", "Ames,,US,2020-01-01,2027-12-31,,"),
    )
    if change == "began elsewhere":
        MembershipFactory(community=towns["ohio"])
    elif change == "renewed":
        Membership.objects.filter(community=towns["member"]).update(
            paid_through=dt.date(2026, 6, 30)
        )
    else:
        towns["ohio"].name = "Springdale"
        towns["ohio"].save()
        towns["ohio"].place.search_text = "springdale"
        towns["ohio"].place.save()
    before = list(Membership.objects.order_by("pk").values())
    with pytest.raises(Conflict) as refused:
        apply(curator, checked)
    assert refused.value.code == "changed_since"
    assert list(Membership.objects.order_by("pk").values()) == before
    assert not Event.objects.exists()


def test_failure_in_the_middle_leaves_nothing(
    curator: Any, towns: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = check(
        curator, sheet("Springfield,OH,US,2026-01-01,,large,", "Ames,,US,2020-01-01,2027-12-31,,")
    )

    def fail(*args: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("backend.cities.services.member_lists._change", fail)
    with pytest.raises(RuntimeError):
        apply(curator, checked)
    assert Membership.objects.count() == 1
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Springfield,,US,2026-01-01,,,", "several are called so"),
        ("Nowhere,,US,2026-01-01,,,", "no Nowhere is registered in US"),
        ("Springfield,IL,Atlantis,2026-01-01,,,", "country: give the country"),
        (",,US,2026-01-01,,,", "community: give the name"),
        ("Springfield,IL,US,,,,", "began"),
        ("Springfield,IL,US,1.13.2026,,,", "like 2026-07-01"),
        ("Springfield,IL,US,2026-02-30,,,", "is not a day"),
        ("Springfield,IL,US,2026-01-01,2025-01-01,,", "before the membership began"),
        ("Springfield,IL,US,2026-01-01,,gigantic,", "Choose one of"),
        ("=HYPERLINK(1),IL,US,2026-01-01,,,", "like a formula"),
        ("+Springfield,IL,US,2026-01-01,,,", "like a formula"),
        ("@Springfield,IL,US,2026-01-01,,,", "like a formula"),
        ("Springfield,IL,US,2026-01-01,,,,surplus", "a comma too many"),
        ('"Spring\nfield",IL,US,2026-01-01,,,', "line break"),
        ("x" * 600 + ",IL,US,2026-01-01,,,", "longer than"),
    ],
)
def test_wrong_row_says_why_and_is_not_applied(
    curator: Any, towns: dict[str, Any], line: str, words: str
) -> None:
    checked = check(curator, sheet(line, "Springfield,OH,US,2026-01-01,,large,"))
    assert actions(checked) == ["error", "new"]
    assert words in problems(checked)
    with pytest.raises(InvalidFields):
        apply(curator, checked)
    assert Membership.objects.count() == 1


def test_rows_for_the_same_membership_are_errors(curator: Any, towns: dict[str, Any]) -> None:
    checked = check(
        curator, sheet("Springfield,IL,US,2026-01-01,,,", "Springfield,Illinois,US,2026-02-01,,,")
    )
    assert actions(checked) == ["new", "error"]
    assert "is in row 2" in problems(checked)


def test_number_and_name_must_agree(curator: Any, towns: dict[str, Any]) -> None:
    head = "community_id,community,started_on"
    pk = towns["ohio"].pk
    checked = check(
        curator,
        sheet(
            f"{pk},Springfield,2026-01-01",
            f"{pk},Ames,2026-01-01",
            "999999999,,2026-01-01",
            "x,,2026-01-01",
            head=head,
        ),
    )
    assert actions(checked) == ["new", "error", "error", "error"]
    assert "is Springfield, not Ames" in problems(checked)


@pytest.mark.parametrize(
    ("encoding", "read_as"),
    [
        ("utf-8", "CSV, UTF-8"),
        ("utf-8-sig", "CSV, UTF-8"),
        ("utf-16", "CSV, UTF-16"),
        ("cp1252", "CSV, Windows-1252"),
    ],
)
def test_encodings(curator: Any, towns: dict[str, Any], encoding: str, read_as: str) -> None:
    checked = check(curator, sheet("Göteborg,,DE,2026-01-01,,large,", encoding=encoding))
    assert checked.read_as.startswith(read_as)
    assert actions(checked) == ["new"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators(curator: Any, towns: dict[str, Any], separator: str) -> None:
    content = sheet("Göteborg,,DE,2026-01-01,,large,").replace(b",", separator.encode())
    assert actions(check(curator, content)) == ["new"]


def test_excel_with_days_numbers_and_formulas(curator: Any, towns: dict[str, Any]) -> None:
    head = "community_id,community,country,started_on,dues_class"
    content = excel(
        [towns["ohio"].pk, None, None, dt.datetime(2026, 1, 1), "large"],
        [None, "Göteborg", "DE", dt.date(2026, 1, 1), "large"],
        [None, "=1+1", "DE", dt.date(2026, 1, 1), "large"],
        head=head,
    )
    checked = check(curator, content, "a.xlsx")
    assert checked.read_as == "Excel"
    assert actions(checked) == ["new", "new", "error"]


def bomb() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 120_000_000)
    return written.getvalue()


def with_entities() -> bytes:
    written, source = io.BytesIO(), io.BytesIO(excel())
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(written, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename.endswith("sheet1.xml"):
                content = (
                    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]>'
                    + content.split(b"?>")[-1]
                )
            new.writestr(entry.filename, content)
    return written.getvalue()


_WORDS = (
    b'<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-'
    b'officedocument.spreadsheetml.sharedStrings+xml"/>'
)


def with_many_words(megabytes: int) -> bytes:
    """A workbook of few bytes whose table of texts is long."""
    written, source = io.BytesIO(), io.BytesIO(excel())
    with (
        zipfile.ZipFile(source) as old,
        zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename == "[Content_Types].xml":
                content = content.replace(b"</Types>", _WORDS + b"</Types>")
            new.writestr(entry.filename, content)
        new.writestr(
            "xl/sharedStrings.xml",
            b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">%b</sst>'
            % (b"<si><t>a</t></si>" * (megabytes * 58_000)),
        )
    return written.getvalue()


# Large ones are made by the test itself: each process of a run imports this module.
FILES: dict[str, tuple[bytes | Callable[[], bytes], str]] = {
    "UTF-16 with half a letter": (b"\xff\xfea", "cannot be read"),
    "UTF-16 with half a pair": (b"\xfe\xff\xd8\x00", "cannot be read"),
    "workbook with 99 MB of words": (partial(with_many_words, 99), "unpacks to more"),
    "nothing": (b"", "empty"),
    "blank": (b" \n ", "empty"),
    "too large": (b"x" * (5 * 1024 * 1024 + 1), "larger than 5 MB"),
    "old Excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, "old format .xls"),
    "picture": (b"\x89PNG\r\n\x1a\n" + b"\x81\x8d" * 90, "cannot be read"),
    "no columns": (b"Ames;Iowa\n1;2\n", "must name the columns"),
    "unknown column": (sheet(head=HEAD + ",mayor"), "not known: mayor"),
    "column twice": (sheet("a", head=HEAD + ",state"), "there twice: state"),
    "no rows": (sheet(), "no row below"),
    "open quotation mark": (sheet('"Ames,,US,2026-01-01'), "quotation mark"),
    "too many rows": (sheet(*["Ames,,US,2026-01-01,,,"] * 10_001), "more than 10,000 rows"),
    "archive that is no Excel": (b"PK\x03\x04" + b"\x00" * 90, "workbook cannot be read"),
    "archive that unpacks to more than there is room": (bomb, "unpacks to more"),
    "entities": (with_entities, "workbook cannot be read"),
}


@pytest.mark.parametrize("what", FILES)
def test_file_that_is_no_list_says_why(what: str) -> None:
    made, words = FILES[what]
    with pytest.raises(InvalidFields) as refused:
        read_sheet(made() if callable(made) else made, person=1)
    assert words in refused.value.errors["file"][0]


def test_ten_thousand_rows_in_a_fixed_number_of_queries(
    curator: Any, towns: dict[str, Any]
) -> None:
    lines = [f"Town {n},,US,2026-01-01,,large," for n in range(9_998)] + [
        "Springfield,IL,US,2026-01-01,,,",
        "Ames,,US,2020-01-01,,,",
    ]
    with CaptureQueriesContext(connection) as queries:
        checked = check(curator, sheet(*lines))
    assert len(checked.rows) == 10_000
    assert actions(checked)[-2:] == ["new", "unchanged"]
    assert len(queries) <= 10


def test_export_is_neutral_and_can_be_read_in_again(
    curator: Any, towns: dict[str, Any], client: Client
) -> None:
    evil = CommunityFactory(name="=cmd|'/c calc'!A1", admin1="+1")
    MembershipFactory(community=evil, started_on=dt.date(2020, 1, 1))
    client.force_login(curator)
    response = client.get(url("staff_members_export", "csv"))
    text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    rows = list(csv.reader(io.StringIO(text)))
    assert tuple(rows[0]) == COLUMNS
    cells = [cell for row in rows for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert any(cell.startswith("'=cmd") for cell in cells)
    assert actions(check(curator, text.encode())) == ["unchanged"] * 2
    book = client.get(url("staff_members_export", "xlsx")).content
    written = load_workbook(io.BytesIO(book)).active
    assert "f" not in {cell.data_type for row in written.iter_rows() for cell in row}
    assert actions(check(curator, book)) == ["unchanged"] * 2


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_cell_of_a_workbook_begins_like_a_formula(value: str) -> None:
    cell = load_workbook(io.BytesIO(write_excel(["name"], [[value.strip()]], title="x"))).active[
        "A2"
    ]
    assert cell.data_type == "s"


def test_pages_of_staff_from_the_file_to_the_members(
    curator: Any, admin: Any, towns: dict[str, Any]
) -> None:
    client, reader = Client(), Client()
    client.force_login(curator)
    reader.force_login(admin)
    new = url("staff_member_import_new")
    assert (
        "must name the columns"
        in client.post(new, {"file": SimpleUploadedFile("a.csv", b"x\n1\n")}).text
    )
    assert "Choose a file first" in client.post(new, {}).text
    large = client.post(new, {"file": SimpleUploadedFile("a.csv", b"x" * 11_000_000)})
    assert (large.status_code, "larger than 5 MB" in large.text) == (422, True)
    sent = client.post(
        new,
        {
            "file": SimpleUploadedFile(
                "../<b>.csv",
                sheet("Springfield,OH,US,2026-01-01,,large,", "Nowhere,,US,2026-01-01,,,"),
            )
        },
    )
    page = client.get(sent.url).text
    assert "1 row cannot be taken" in page
    assert "no Nowhere is registered" in page
    assert "<b>" not in page
    apply = url("staff_member_import_apply", MemberImport.objects.latest("id").pk)
    assert client.post(apply).status_code == 400
    sent = client.post(
        new, {"file": SimpleUploadedFile("b.csv", sheet("Springfield,OH,US,2026-01-01,,large,"))}
    )
    assert "Apply 1 row" in client.get(sent.url).text
    apply = url("staff_member_import_apply", MemberImport.objects.latest("id").pk)
    assert reader.get(sent.url).status_code == reader.post(apply).status_code == 404
    assert "1 new, 0 changed" in client.post(apply, follow=True).text
    listed = reader.get(
        url("staff_members"), {"search": "springf", "kind": "us", "standing": "good"}
    ).text
    assert "Ohio" in listed
    assert "Ames" not in listed


def test_pages_of_one_membership(curator: Any, towns: dict[str, Any]) -> None:
    client = Client()
    client.force_login(curator)
    add = url("staff_member_add")
    assert (
        "Several are called so"
        in client.post(add, {"community": "springfield", "started_on": "2026-01-01"}).text
    )
    assert (
        "No registered community"
        in client.post(add, {"community": "Nowhere", "started_on": "2026-01-01"}).text
    )
    ohio = {"community": str(towns["ohio"].pk), "started_on": "2026-01-01"}
    assert client.post(add, ohio | {"paid_through": "2026-12-31"}).status_code == 302
    row = Membership.objects.get(community=towns["ohio"])
    assert "is a member already" in client.post(add, ohio).text
    renew, end = (url(f"staff_member_{act}", row.pk) for act in ("renew", "end"))
    assert client.post(renew, {"paid_through": "2026-06-30"}).status_code == 422
    assert "Give a day after" in client.post(renew, {"paid_through": "2026-06-30"}).text
    assert client.post(end, {"ended_on": "2026-02-01"}).status_code == 302
    assert "has ended" in client.get(url("staff_member", row.pk)).text


def test_api_checks_and_applies(curator: Any, towns: dict[str, Any], client: Client) -> None:
    client.force_login(curator)
    sent = client.post(
        "/api/v1/staff/member-imports/",
        {"file": SimpleUploadedFile("a.csv", sheet("Springfield,OH,US,2026-01-01,,large,"))},
    )
    assert (sent.status_code, sent.json()["counts"]) == (201, {"new": 1})
    pk = sent.json()["id"]
    assert client.post(f"/api/v1/staff/member-imports/{pk}/apply/").status_code == 200
    assert client.post(f"/api/v1/staff/member-imports/{pk}/apply/").status_code == 409
    (row,) = client.get("/api/v1/staff/members/?kind=us&search=springfield").json()["results"]
    assert (row["kind"], row["standing"]) == ("us", "good")
    one = f"/api/v1/staff/members/{row['id']}/"
    values = {"started_on": "2026-01-02", "dues_class": "under_25k"}
    open_end = {"paid_through": None, "ended_on": None}
    changed = client.put(one, values | open_end, content_type="application/json").json()
    assert changed["dues_class"] == "under_25k"
    end = {"ended_on": "2026-02-01"}
    ended = client.post(f"{one}end/", end, content_type="application/json").json()
    assert ended["ended_on"] == "2026-02-01"
    export = client.get("/api/v1/staff/members/export/csv/?standing=ended")
    assert export.text.count("Springfield") == 1
    wrong = client.post("/api/v1/staff/member-imports/", {"file": SimpleUploadedFile("a.csv", b"")})
    assert (wrong.status_code, "empty" in wrong.json()["errors"]["file"][0]) == (422, True)


def test_command(
    curator: Any,
    admin: Any,
    towns: dict[str, Any],
    tmp_path: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "members.csv"
    file.write_bytes(sheet("Springfield,OH,US,2026-01-01,,large,"))
    call_command("import_members", str(file), by=curator.email)
    assert "new member: 1" in capsys.readouterr().out
    assert Membership.objects.count() == 1
    call_command("import_members", str(file), by=curator.email, apply=True)
    assert Membership.objects.count() == 2
    file.write_bytes(sheet("Nowhere,,US,2026-01-01,,large,"))
    for who, path in (
        (curator.email, file),
        (admin.email, file),
        ("nobody@example.org", file),
        (curator.email, tmp_path / "none.csv"),
    ):
        with pytest.raises(CommandError):
            call_command("import_members", str(path), by=who, apply=True)
    assert "no Nowhere is registered" in capsys.readouterr().out
