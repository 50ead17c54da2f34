"""Uploads that no form sends: every address that takes files answers them with words, never 500.
And where files are stored: on a disk, or in an object store that every machine reaches.
"""

from __future__ import annotations

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

from backend.cities.models import CommunityRole, VettingLetter
from backend.common.files import DELETE_FILE
from backend.environment import ConfigurationError, read_environment
from backend.outbox.models import Job
from backend.privacy.erasure import erase_account
from backend.web.operations.request_ids import RefusalFilter
from tasks.inline import drain
from tests.factories import UserFactory
from tests.letters import pdf

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
    assert {field.model.__name__ for field in fields} == {"VettingLetter", "SignedDocument"}
    assert all(field.storage is default_storage for field in fields)
