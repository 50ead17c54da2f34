"""Uploads that no form sends: every address that takes files answers them with words, never 500.
And where files are stored: on a disk, or in an object store that every machine reaches. At the end,
which files may be kept as letters and signed documents, and under what name.
"""

from __future__ import annotations

import contextlib
import io
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.apps import apps
from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db.models import FileField
from django.test import Client, override_settings
from moto.server import ThreadedMotoServer
from pikepdf import Array, Dictionary, Name, String
from PIL import Image

from backend.cities.documents import PICTURE_BYTES, check_letter, safe_name
from backend.cities.models import CommunityPicture, CommunityRole, Profile, VettingLetter
from backend.common.errors import InvalidFields
from backend.common.files import DELETE_FILE
from backend.environment import ConfigurationError, read_environment
from backend.outbox.models import Job
from backend.privacy.erasure import erase_account
from backend.web.operations.request_ids import RefusalFilter
from tasks.inline import drain
from tests.factories import CommunityFactory, CommunityRoleFactory, UserFactory
from tests.letters import JAVASCRIPT, packed, packed_catalog, pdf, picture, real_pdf, zipped
from tests.web.conftest import SignIn

pytestmark = pytest.mark.django_db
WORDS = "application/octet-stream"


def addresses(community_id: int) -> list[str]:
    return [
        f"/api/v1/communities/{community_id}/profile/letters/",
        f"/communities/{community_id}/profile/letter/",
        f"/api/v1/communities/{community_id}/agreements/1/documents/",
        "/api/v1/staff/member-imports/",
        "/staff/members/import/",
    ]


def parts(number: int) -> bytes:
    part = b'--x\r\nContent-Disposition: form-data; name="letter"; filename="a"\r\n\r\na\r\n'
    return part * number + b"--x--\r\n"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (parts(1001), "multipart/form-data; boundary=x"),
        (parts(1), "multipart/form-data; boundary=" + "y" * 300),
        (parts(1), "multipart/form-data"),
        (b"--x\r\n\xff\xfe", "multipart/form-data; boundary=x"),
        (b"\xff\xfea", WORDS),
    ],
)
def test_odd_bodies_are_refused(newcomer: CommunityRole, body: bytes, content_type: str) -> None:
    for user in (newcomer.user, UserFactory(curator=True)):
        client = Client(raise_request_exception=False)
        client.force_login(user)
        for address in addresses(newcomer.community_id):
            answer = client.generic("POST", address, body, content_type=content_type)
            assert answer.status_code in {302, 400, 404, 413, 415, 422}, address
            assert answer.status_code == 302 or len(answer.text) > 40


def many(disposition: str) -> bytes:
    part = '--x\r\nContent-Disposition: form-data; name="n{}"{}\r\n\r\na\r\n'
    return "".join(part.format(n, disposition) for n in range(1001)).encode() + b"--x--\r\n"


@pytest.mark.parametrize("checks_csrf", [True, False])
@pytest.mark.parametrize("disposition", ['; filename="a"', ""], ids=["files", "values"])
def test_too_many_parts_are_refused_in_words_and_one_line_of_the_log(
    caplog: pytest.LogCaptureFixture, checks_csrf: bool, disposition: str
) -> None:
    assert settings.LOGGING["handlers"]["console"]["filters"] == ["refusals"]
    caplog.handler.addFilter(RefusalFilter())
    client = Client(enforce_csrf_checks=checks_csrf)
    client.force_login(UserFactory(curator=True))
    client.cookies["csrftoken"] = "a" * 32
    for address in addresses(1)[-2:]:
        answer = client.generic(
            "POST", address, many(disposition), content_type="multipart/form-data; boundary=x"
        )
        assert answer.status_code == 413, address
        assert "or has more parts. " in answer.text
    answer = client.get("/communities/?" + "a=1&" * 1001)
    assert answer.status_code == 413
    refused = [line for line in caplog.records if line.name.startswith("django.security")]
    assert len(refused) == 2
    assert {line.levelname for line in refused} == {"WARNING"}
    assert "Traceback" not in caplog.text


def test_list_in_half_a_letter_of_utf_16_is_refused() -> None:
    client = Client(raise_request_exception=False)
    client.force_login(UserFactory(curator=True))
    for address in addresses(1)[-2:]:
        sent = {"file": SimpleUploadedFile("m.csv", b"\xff\xfea")}
        answer = client.post(address, sent)
        assert answer.status_code in {200, 422}
        assert "cannot be read" in answer.text


# Where files are stored


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("/srv/files", "neither a folder nor a bucket"),
        ("file://srv/files", "neither a folder nor a bucket"),
        ("file:///", "neither a folder nor a bucket"),
        ("file:srv/files", "not absolute"),
        ("s3:///letters", "no name of a bucket"),
        ("s3://Letters_of_all", "no name of a bucket"),
        ("s3://key@letters", "a key without its secret"),
        ("s3://letters?endpoint=https://s3.example.org", "has 'endpoint', which means nothing"),
        ("s3://letters?endpoint_url=s3.example.org", "endpoint_url that is no web address"),
        ("s3://letters?endpoint_url=https://[s3", "FILES_URL is not an address"),
        ("s3://letters#2", "has '2', which means nothing"),
    ],
)
def test_storage_that_cannot_be_understood(url: str, fault: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^FILES_URL .*; write [^\n]+$") as refused:
        read_environment({"FILES_URL": url})
    assert fault in str(refused.value)


def test_storage_is_a_folder_or_a_bucket() -> None:
    assert read_environment({"CSC_DATA_DIR": "/data"}).files["OPTIONS"] == {
        "location": Path("/data/uploads")
    }
    assert read_environment({"FILES_URL": "file:///srv/all%20files"}).files["OPTIONS"] == {
        "location": Path("/srv/all files")
    }
    url = "s3://key:a%2Fb@letters/of/all/?endpoint_url=https://s3.example.org:9000&region=eu-1"
    assert read_environment({"FILES_URL": url}).files["OPTIONS"] == {
        "bucket_name": "letters",
        "location": "of/all",
        "endpoint_url": "https://s3.example.org:9000",
        "region_name": "eu-1",
        "access_key": "key",
        "secret_key": "a/b",
    }


class ObjectStore:
    """A server that speaks S3, with one bucket. Stopped and started, it keeps its objects."""

    def __init__(self, port: int = 0) -> None:
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
        self.server.start()
        host, self.port = self.server.get_host_and_port()
        self.address = f"http://{host}:{self.port}"
        self.url = f"s3://key:secret@letters/all?endpoint_url={self.address}&region=us-east-1"

    def names(self) -> list[str]:
        found = self._client().list_objects_v2(Bucket="letters")
        return [one["Key"] for one in found.get("Contents", [])]

    def create(self) -> None:
        self._client().create_bucket(Bucket="letters")

    def _client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.address,
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
        )


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    store = ObjectStore()
    store.create()
    yield store
    store.server.stop()


@contextmanager
def machine(url: str, folder: Path) -> Iterator[None]:
    """What a process on a machine of its own finds: a new client of the storage, another disk."""
    environ = {"FILES_URL": url, "CSC_DATA_DIR": str(folder)}
    files = read_environment(environ).files
    with override_settings(STORAGES={"default": files}, DATA_DIR=folder):
        yield


def send_letter(newcomer: CommunityRole) -> Any:
    client = Client()
    client.force_login(newcomer.user)
    letter = SimpleUploadedFile("letter.pdf", pdf())
    return client.post(addresses(newcomer.community_id)[0], {"letter": letter})


def read_letter(newcomer: CommunityRole) -> Any:
    client = Client()
    client.force_login(newcomer.user)
    letter = VettingLetter.objects.get()
    return client.get(f"{addresses(newcomer.community_id)[0]}{letter.pk}/")


def test_letter_sent_to_one_machine_is_read_on_another_and_erased_on_a_third(
    newcomer: CommunityRole, store: ObjectStore, tmp_path: Path
) -> None:
    with machine(store.url, tmp_path / "1"):
        assert send_letter(newcomer).status_code == 201
    assert store.names() == [f"all/{VettingLetter.objects.get().file.name}"]
    with machine(store.url, tmp_path / "2"):
        answer = read_letter(newcomer)
        assert (answer.status_code, b"".join(answer.streaming_content)) == (200, pdf())
    with machine(store.url, tmp_path / "3"):
        erase_account(by=newcomer.user, email=newcomer.user.email)
        drain()
    assert store.names() == []
    assert not any(tmp_path.rglob("*.pdf"))


def test_storage_that_fails_is_said_and_what_it_must_delete_is_not_forgotten(
    newcomer: CommunityRole, store: ObjectStore, tmp_path: Path
) -> None:
    nowhere = "s3://key:secret@letters?endpoint_url=http://127.0.0.1:1&region=us-east-1"
    with machine(nowhere, tmp_path):
        refused = send_letter(newcomer)
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert "Files cannot be stored or read just now" in refused.json()["detail"]
        assert not VettingLetter.objects.exists()
    with machine(store.url, tmp_path):
        assert send_letter(newcomer).status_code == 201
    with machine(nowhere, tmp_path):
        assert read_letter(newcomer).status_code == 503
        erase_account(by=newcomer.user, email=newcomer.user.email)
        drain()
        assert len(store.names()) == 1
        assert Job.objects.get(task=DELETE_FILE).status == Job.Status.PENDING
    with machine(store.url, tmp_path):
        Job.objects.filter(task=DELETE_FILE).update(available_at="2026-01-01T00:00Z")
        drain()
    assert store.names() == []


def test_preparation_says_in_one_line_that_a_bucket_is_not_there(
    store: ObjectStore, tmp_path: Path
) -> None:
    with (
        machine(store.url.replace("letters", "nowhere"), tmp_path),
        pytest.raises(CommandError, match=r"^FILES_URL: the storage keeps no files \(.*bucket"),
    ):
        call_command("prepare_service")


def test_every_file_of_a_row_is_in_the_storage_of_the_settings() -> None:
    fields = [f for m in apps.get_models() for f in m._meta.fields if isinstance(f, FileField)]
    models = {"CommunityPicture", "VettingLetter", "SignedDocument"}
    assert {field.model.__name__ for field in fields} == models
    assert all(field.storage is default_storage for field in fields)


# What a file must be to be kept.


AT_OPENING = b"/OpenAction<</S/JavaScript/JS(app.alert(1))>>"


@pytest.mark.parametrize(
    ("content", "content_type", "name"),
    [
        (pdf(), "application/pdf", "letter.pdf"),
        (real_pdf(Dictionary(Type=Name.Annot)), "application/pdf", "letter.pdf"),
        (real_pdf(None, {"owner": "secret", "user": ""}), "application/pdf", "letter.pdf"),
        (b"\xef\xbb\xbf" + pdf(), "application/pdf", "letter.pdf"),
        (b"\r\n" + pdf(tail=b"\x1a"), "application/pdf", "letter.pdf"),
        (pdf(tail=b"\n\r\n-- scanned --\r\n"), "application/pdf", "letter.pdf"),
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
    assert b"scanned" not in kept.content


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
        assert time.monotonic() - begun < 15, word  # a tenth of a second on an idle machine


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


def test_picture_is_made_small_shown_to_all_and_removed_again(sign_in: SignIn) -> None:
    community = CommunityFactory(published=True)
    role = CommunityRoleFactory(community=community)
    client, page = sign_in(role.user), f"/communities/{community.pk}/"
    act = f"{page}profile/picture/"

    def send(content: bytes, alternative: str = "The harbour") -> str:
        file = SimpleUploadedFile("a.png", content)
        sent = {"picture": file, "alternative": alternative}
        return client.post(act, sent, follow=True).text

    assert "what the picture shows" in send(picture("PNG", size=(3000, 2000)), alternative=" ")
    assert "not a JPEG or PNG" in send(pdf())
    assert "too small" in send(picture("PNG", size=(90, 200)))
    assert "portrait" not in Client().get(page).text
    assert "on your public page" in send(picture("PNG", size=(3000, 2000)))

    html = Client().get(page).text
    (address,) = set(re.findall(r'<img class="portrait"\s+src="([^"]+)"\s+alt="The harbour"', html))
    assert f'property="og:image"\n          content="{settings.PUBLIC_URL}{address}"' in html
    shown = Client().get(address)
    with Image.open(io.BytesIO(shown.content)) as drawn:
        assert (drawn.format, drawn.size) == ("JPEG", (960, 640))
    assert len(shown.content) <= PICTURE_BYTES
    assert "sandbox" in shown["Content-Security-Policy"]

    Profile.objects.filter(community=community).update(status="withdrawn")
    assert Client().get(address).status_code == 404
    Profile.objects.filter(community=community).update(status="published")
    client.post(act, {"act": "remove"})
    assert Client().get(address).status_code == 404
    assert "portrait" not in Client().get(page).text
    drain()
    assert not CommunityPicture.objects.exists()
    assert not default_storage.exists(f"pictures/{address.rpartition('/')[2]}")


def test_nobody_but_a_confirmed_official_shows_a_picture(
    newcomer: CommunityRole, sign_in: SignIn
) -> None:
    sent = {
        "picture": SimpleUploadedFile("a.png", picture("PNG", size=(200, 200))),
        "alternative": "The harbour",
    }
    address = f"/communities/{newcomer.community_id}/profile/picture/"
    assert sign_in(newcomer.user).post(address, sent).status_code == 404
    member = CommunityRoleFactory(role="committee_member")
    address = f"/communities/{member.community_id}/profile/picture/"
    assert sign_in(member.user).post(address, sent).status_code == 404
    assert not CommunityPicture.objects.exists()
