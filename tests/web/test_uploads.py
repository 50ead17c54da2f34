"""Uploads that no form sends: every address that takes files answers them with words, never 500."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from backend.cities.models import CommunityRole
from tests.factories import UserFactory

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


def test_list_in_half_a_letter_of_utf_16_is_refused() -> None:
    client = Client(raise_request_exception=False)
    client.force_login(UserFactory(curator=True))
    for address in addresses(1)[-2:]:
        sent = {"file": SimpleUploadedFile("m.csv", b"\xff\xfea")}
        answer = client.post(address, sent)
        assert answer.status_code in {200, 422}
        assert "cannot be read" in answer.text
