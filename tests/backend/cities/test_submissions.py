"""What curators check in a submission: its letters, and the signals about it; and that what the
first release wrote can still be submitted.
"""

from __future__ import annotations

import datetime as dt
import io
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pikepdf import Dictionary, Name
from PIL import Image, ImageChops

from backend.cities import services
from backend.cities.documents import check_letter
from backend.cities.drafts import stated_facts
from backend.cities.models import CommunityRole, Profile, VettingLetter
from backend.cities.profile_validation import valid_part
from backend.cities.queries import submission_for
from backend.cities.vetting import PUBLIC_MAIL, Signal, registrable_domain, signals_of
from backend.common.errors import InvalidFields, NotVisible
from backend.outbox.models import Event
from tasks.inline import drain
from tests.actors import ACTORS, make_world
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    ProfileFactory,
    UserFactory,
    VettingLetterFactory,
    document,
)
from tests.letters import JAVASCRIPT, pdf, picture, real_pdf, zipped

# Vetting letters: under what name they are kept, who reads them, and that they go with their
# sender.


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


def test_full_profile_is_noticed_before_a_letter_is_read(
    owner: CommunityRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    VettingLetterFactory.create_batch(20, profile=owner.community.profile)

    def read(*args: Any, **kwargs: Any) -> None:
        raise AssertionError

    monkeypatch.setattr("backend.cities.services.vetting.check_letter", read)
    with pytest.raises(InvalidFields, match="another look") as refused:
        attach(owner)
    assert "20 letters already" in refused.value.errors["letter"][0]


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
    drain()
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
        lambda content, name, person: kept.append(len(content)),
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
        ("gov.uk", "gov.uk"),
        ("x" * 90 + ".de", "x" * 90 + ".de"),
    ],
)
def test_registrable_domain(host: str, domain: str) -> None:
    assert registrable_domain(host) == domain


@pytest.mark.parametrize(
    ("mail", "website", "is_one"),
    [
        ("ankara.bel.tr", "www.izmir.bel.tr", False),
        ("city.uji.kyoto.jp", "www.city.maizuru.kyoto.jp", False),
        ("curitiba.pr.gov.br", "londrina.pr.gov.br", False),
        ("comune.rho.mi.it", "comune.legnano.mi.it", False),
        ("ci.plano.tx.us", "www.ci.frisco.tx.us", False),
        ("haifa.muni.il", "www.jerusalem.muni.il", False),
        ("aucklandcouncil.govt.nz", "wcc.govt.nz", False),
        ("cityofsydney.nsw.gov.au", "www.newcastle.nsw.gov.au", False),
        ("ville.montreal.qc.ca", "ville.laval.qc.ca", False),
        ("a.wordpress.com", "b.wordpress.com", False),
        ("münchen.de", "www.xn--mnchen-3ya.de", True),
        ("mail.izmir.bel.tr", "www.izmir.bel.tr", True),
        ("post.city.uji.kyoto.jp", "www.city.uji.kyoto.jp", True),
    ],
)
def test_neighbours_under_a_shared_suffix_are_two(mail: str, website: str, is_one: bool) -> None:
    assert (registrable_domain(mail) == registrable_domain(website)) is is_one


def test_public_mail_services_are_domains_by_themselves() -> None:
    assert {registrable_domain(f"mx.{name}") for name in PUBLIC_MAIL} == PUBLIC_MAIL


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


# Answers about the port, which had no kind in 0.1.0.


def test_of_an_older_version_only_a_corrected_no_is_heard_about_the_port() -> None:
    kept = {"source": "sea-ports", "date": "2026-11", "value": True, "state": "corrected"}
    corrected = {"facts.seaport": kept}
    prefilled = {"facts.seaport": kept | {"value": False, "state": "prefilled"}}

    said = [
        stated_facts({"facts": {"population": 9, **facts}, "provenance": provenance}).get("port")
        for facts, provenance in (
            ({"seaport": False}, corrected),
            ({"seaport": False}, {}),
            ({"seaport": False}, prefilled),
            ({"seaport": True}, corrected),
            ({"seaport": False, "port": "sea"}, corrected),
            ({"port": "river"}, {}),
        )
    ]

    assert said == ["none", "none", None, None, "sea", "river"]


@pytest.mark.django_db
def test_drafts_of_the_first_release_are_carried_over() -> None:
    """A draft with a question that is no more could not be submitted."""
    kept = {"source": "sea-ports", "date": "2026-11", "value": True, "state": "corrected"}
    provenance = {"facts.seaport": kept, "facts.population": kept}
    own = ProfileFactory(
        draft={"facts": {"seaport": False, "population": 9}, "provenance": provenance}
    )
    listed = ProfileFactory(
        draft={
            "facts": {"seaport": True},
            "provenance": {"facts.seaport": kept | {"state": "confirmed"}},
        }
    )
    untouched = ProfileFactory(draft=document())

    import_module("backend.cities.migrations.0003_port_kind").carry_over(apps, None)

    for profile in (own, listed, untouched):
        profile.refresh_from_db()
        assert not valid_part(profile.draft)[1]
    assert own.draft == {
        "facts": {"population": 9, "port": "none"},
        "provenance": {"facts.population": kept},
    }
    assert listed.draft == {}
    assert untouched.draft == document()


# Letters as scanners, telephones and offices write them.


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "I;16"), ("JPEG", "CMYK"), ("PNG", "LA")])
def test_scan_is_kept_as_it_looks(kind: str, mode: str) -> None:
    lines = bytes(range(256)) * 400
    seen = Image.frombytes("L", (256, 400), lines)
    if mode == "I;16":  # as scanners do: each grey of 8 bits twice
        sent = Image.frombytes(mode, seen.size, bytes(grey for grey in lines for _ in "12"))
    else:
        sent = seen.convert("RGB").convert(mode) if mode == "CMYK" else seen.convert(mode)
    written = io.BytesIO()
    sent.save(written, kind)
    kept = Image.open(io.BytesIO(check_letter(written.getvalue(), "a", person=1).content))
    if kept.mode.startswith("I"):
        kept = Image.frombytes("L", kept.size, kept.tobytes()[1::2])
    different = ImageChops.difference(kept.convert("L"), seen)
    assert different.getextrema()[1] <= 8


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x00\x00\x00\x24ftypheic" + b"\x00" * 90, "HEIC"),
        (picture("TIFF"), "TIFF"),
        (zipped(), "office program"),
        (b"GIF89a" + b"\x00" * 90, "not a PDF, JPEG or PNG"),
        (real_pdf(Dictionary(Type=Name.EmbeddedFile)), "Another file is attached"),
    ],
)
def test_another_kind_of_letter_is_refused_with_a_way_out(content: bytes, words: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        check_letter(content, "letter.pdf", person=1)
    assert words in refused.value.errors["letter"][0]
