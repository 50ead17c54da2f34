"""Mails as files: whole, private, readable by staff, and nothing else is readable through them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from django.core.mail import EmailMultiAlternatives, get_connection

from backend.common.errors import NotVisible
from backend.notifications.outgoing import read_mail, recent_mails


@pytest.fixture
def folder(settings, tmp_path: Path) -> Path:
    settings.EMAIL_BACKEND = "backend.notifications.mail.FolderBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    return tmp_path / "mail"


def _send(subject: str, message_id: str = "<1-a@localhost>") -> None:
    mail = EmailMultiAlternatives(
        subject, "Grüße", "a@b.example", ["c@d.example"], headers={"Message-ID": message_id}
    )
    mail.attach_alternative("<p>Grüße</p>", "text/html")
    get_connection().send_messages([mail])


def test_mails_are_read_back_newest_first(folder: Path) -> None:
    _send("first", "<1@localhost>")
    _send("second", "<2@localhost>")

    newest, oldest = recent_mails()

    assert (newest.subject, oldest.subject) == ("second", "first")
    assert (newest.to, newest.message_id, newest.text.strip(), newest.html.strip()) == (
        "c@d.example",
        "<2@localhost>",
        "Grüße",
        "<p>Grüße</p>",
    )
    assert recent_mails(limit=1) == [newest]
    assert read_mail(oldest.name) == oldest


def test_files_are_private_and_whole(folder: Path) -> None:
    _send("subject", "<../../evil/..@x>")

    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert path.name.endswith("-evil.eml")


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "/etc/passwd",
        "x.eml",
        "20260101T000000.000000Z-../a.eml",
        "20260101T000000.000000Z-a.eml",
        "",
    ],
)
def test_no_other_file_can_be_read(folder: Path, name: str) -> None:
    _send("subject")
    (folder.parent / "secret").write_text("secret")

    with pytest.raises(NotVisible):
        read_mail(name)


def test_no_folder_means_no_mails(settings) -> None:
    del settings.EMAIL_FILE_PATH

    assert recent_mails() == []
